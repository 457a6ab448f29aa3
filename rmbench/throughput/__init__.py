"""What a model costs: pairs and tokens per second, latency, memory, share of the device's rate."""
