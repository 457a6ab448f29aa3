"""The scale of rewards: what reinforcement learning needs to normalise them.

Every response counts once, whatever the number of comparisons it is in. Nothing here knows
which answer was right.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from rmbench.metrics.arrays import FloatArray, IntArray
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import (
    CONFIDENCE,
    Interval,
    Linearised,
    clustered_standard_error,
    count_clusters,
    linearised_ratio,
    t_interval,
)


@dataclass(frozen=True, eq=False)
class Rewards:
    """One entry per response.

    Attributes:
        example: int64, shape (n_responses,); index of its example.
        reward: float64, shape (n_responses,).
        n_examples: Number of examples.
    """

    example: IntArray
    reward: FloatArray
    n_examples: int

    @classmethod
    def of(cls, c: Comparisons) -> Rewards:
        """Each response once, the chosen ones first."""
        chosen, rejected = c.index_rejected == 0, c.index_chosen == 0
        return cls(
            np.concatenate([c.example[chosen], c.example[rejected]]),
            np.concatenate([c.reward_chosen[chosen], c.reward_rejected[rejected]]),
            c.n_examples,
        )

    def per_example(self, values: FloatArray | None = None) -> FloatArray:
        """Sum of ``values`` over each example's responses; their number if left out."""
        total: FloatArray = np.bincount(
            self.example, weights=values, minlength=self.n_examples
        ).astype(np.float64)
        return total


def reward_mean(rewards: Rewards) -> Linearised:
    """Mean over all responses."""
    return linearised_ratio(rewards.per_example(rewards.reward), rewards.per_example())


def reward_sd(rewards: Rewards) -> Linearised:
    """Standard deviation over all responses, n - 1 in the denominator."""
    n = len(rewards.reward)
    squares = (rewards.reward - rewards.reward.mean()) ** 2
    variance = linearised_ratio(rewards.per_example(squares), rewards.per_example())
    return _root(variance, n / (n - 1))


def within_prompt_sd(rewards: Rewards) -> Linearised:
    """Standard deviation of the rewards of one prompt's answers, pooled over the prompts.

    sqrt(sum of squared deviations from each example's mean / sum of (answers - 1)): what
    best-of-N and group-normalised policy gradients see of the reward.
    """
    count = rewards.per_example()
    centre = rewards.per_example(rewards.reward) / count
    squares = rewards.per_example((rewards.reward - centre[rewards.example]) ** 2)
    return _root(linearised_ratio(squares, count - 1), 1.0)


def reward_quantile(
    rewards: Rewards, groups: IntArray, q: float, confidence: float = CONFIDENCE
) -> tuple[float, Interval | None]:
    """A quantile over all responses (interpolated linearly) and its interval.

    The interval is that of the share of rewards at or below the quantile, turned into
    quantiles.

    Args:
        rewards: The responses.
        groups: int64, shape (n_examples,); cluster codes.
        q: In (0, 1).
        confidence: Coverage of the interval.

    Returns:
        The interval is ``None`` with fewer than 2 clusters.

    Source: Woodruff 1952, "Confidence intervals for medians and other position measures".
    """
    value = float(np.quantile(rewards.reward, q))
    n_clusters = count_clusters(groups)
    if n_clusters < 2:
        return value, None
    below = rewards.per_example((rewards.reward <= value).astype(np.float64))
    share = linearised_ratio(below, rewards.per_example())
    error = clustered_standard_error(share.influence, groups)
    span = t_interval(q, error, n_clusters, "clustered t, inverted", confidence).clipped(0.0, 1.0)
    low, high = np.quantile(rewards.reward, [span.low, span.high])
    return value, Interval(float(low), float(high), span.method)


def _root(variance: Linearised, factor: float) -> Linearised:
    if variance.value <= 0:
        return Linearised(0.0, np.zeros_like(variance.influence), variance.used)
    scale = sqrt(factor * variance.value)
    return Linearised(scale, variance.influence * (factor / (2 * scale)), variance.used)
