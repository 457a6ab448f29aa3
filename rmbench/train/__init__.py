"""Training of reward models; ``rmbench.train.config`` alone imports no torch."""
