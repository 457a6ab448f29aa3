"""Speed against named peers, in one process; `make bench` runs it."""
