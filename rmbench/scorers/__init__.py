"""Scorers: what assigns a reward to an answer."""
