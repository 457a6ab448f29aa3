"""Suite + preference set + scorer to scores to result."""
