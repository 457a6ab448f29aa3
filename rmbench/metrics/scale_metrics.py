"""The metrics of the scale of rewards: from a view to a value with its interval."""

from __future__ import annotations

from rmbench.metrics import reward_scale
from rmbench.metrics.reward_scale import Rewards
from rmbench.metrics.views import Measured, View, linear


def reward_mean(view: View) -> Measured:
    """Mean reward of all responses."""
    c = view.comparisons
    return linear(reward_scale.reward_mean(Rewards.of(c)), c, fraction=False)


def reward_sd(view: View) -> Measured:
    """Standard deviation of the rewards of all responses."""
    c = view.comparisons
    return linear(reward_scale.reward_sd(Rewards.of(c)), c, fraction=False)


def within_prompt_sd(view: View) -> Measured:
    """Standard deviation of the rewards of one prompt's responses."""
    c = view.comparisons
    return linear(reward_scale.within_prompt_sd(Rewards.of(c)), c, fraction=False)


def reward_quantile(view: View, q: float) -> Measured:
    """A quantile of the rewards of all responses."""
    c = view.comparisons
    value, interval = reward_scale.reward_quantile(Rewards.of(c), c.group, q)
    return Measured(value, c.n_examples, interval)
