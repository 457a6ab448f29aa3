"""Scorers: what assigns a reward to an answer."""

from rmbench.scorers.reward import RewardFunction, reward_function

__all__ = ["RewardFunction", "reward_function"]
