"""Spearman's correlation of weighted observations, with what each contributes to its error."""

from __future__ import annotations

from dataclasses import dataclass
from math import atanh, sqrt, tanh

import numpy as np

from rmbench.metrics.arrays import FloatArray, IntArray
from rmbench.metrics.base import Undefined
from rmbench.metrics.intervals import (
    CONFIDENCE,
    Interval,
    Linearised,
    clustered_standard_error,
    count_clusters,
    t_interval,
)

_CERTAIN = 1e-12
"""A correlation this close to 1 in size leaves no error to speak of."""


@dataclass(frozen=True, eq=False)
class RankCorrelation:
    """Spearman's rho and the influence of each observation on it.

    Attributes:
        value: In [-1, 1].
        influence: float64, shape (n,); sums to 0.
    """

    value: float
    influence: FloatArray


def spearman(
    x: FloatArray, y: FloatArray, weight: FloatArray | None = None
) -> RankCorrelation | Undefined:
    """Pearson's correlation of mid-ranks, the ranks being estimated from the same data.

    With R_i the weight below x_i plus half the weight at it, S_i likewise for y, and weights
    that sum to 1, each of E[RS], E[RR] and E[SS] is a mean over three observations. Its
    influence values follow by differentiating in the weights, those in the ranks included:
    for E[RS] they are

        R_k S_k + sum_i w_i h(x_k, x_i) S_i + sum_i w_i R_i h(y_k, y_i) - 3 E[RS]

    with h(a, b) = 1 for a < b, one half for a = b, otherwise 0.

    Args:
        x: float64, shape (n,).
        y: float64, shape (n,).
        weight: float64, shape (n,), not negative; equal if left out.

    Returns:
        The correlation, or a reason where all values of one side are equal.

    Sources: Spearman 1904; the linearisation is that of a von Mises functional (Serfling
    1980, "Approximation Theorems of Mathematical Statistics", chapter 6).

    >>> spearman(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 4, 3])).value
    0.8
    """
    w = np.full(len(x), 1.0) if weight is None else weight
    w = w / w.sum()
    r, s = _Ranks.of(x, w), _Ranks.of(y, w)
    rr, ss, rs = (float(w @ (a * b)) for a, b in ((r.rank, r.rank), (s.rank, s.rank),
                                                  (r.rank, s.rank)))  # fmt: skip
    variance_x, variance_y, covariance = rr - 0.25, ss - 0.25, rs - 0.25
    # Mid-ranks of a constant are all exactly one half, but their sum of weights is rounded.
    if r.constant:
        return Undefined("every first value is the same")
    if s.constant:
        return Undefined("every second value is the same")
    of_covariance = r.rank * s.rank + r.above(w * s.rank) + s.above(w * r.rank) - 3 * rs
    of_x = r.rank**2 + 2 * r.above(w * r.rank) - 3 * rr
    of_y = s.rank**2 + 2 * s.above(w * s.rank) - 3 * ss
    scale = sqrt(variance_x * variance_y)
    rho = min(1.0, max(-1.0, covariance / scale))
    influence = of_covariance / scale - rho / 2 * (of_x / variance_x + of_y / variance_y)
    return RankCorrelation(rho, w * influence)


def correlation_interval(
    estimate: Linearised, groups: IntArray, confidence: float = CONFIDENCE
) -> Interval | None:
    """Clustered t interval of Fisher's z = atanh(rho), turned back.

    Returns:
        ``None`` with fewer than 2 clusters, or where the correlation is perfect.

    Source: Fisher 1921, with a clustered standard error in place of 1 / sqrt(n - 3).
    """
    n_clusters, slack = count_clusters(groups), 1.0 - estimate.value**2
    if n_clusters < 2 or slack <= _CERTAIN:
        return None
    error = clustered_standard_error(estimate.influence, groups) / slack
    z = t_interval(atanh(estimate.value), error, n_clusters, "clustered t, Fisher z", confidence)
    return Interval(tanh(z.low), tanh(z.high), z.method)


@dataclass(frozen=True, eq=False)
class _Ranks:
    """Mid-ranks in (0, 1) of weighted values, and which of them are equal."""

    level: IntArray
    rank: FloatArray
    constant: bool

    @classmethod
    def of(cls, values: FloatArray, weight: FloatArray) -> _Ranks:
        distinct, level = np.unique(values, return_inverse=True)
        mass = np.bincount(level, weights=weight)
        return cls(level, (np.cumsum(mass) - mass / 2)[level], len(distinct) < 2)

    def above(self, mass: FloatArray) -> FloatArray:
        """Sum of ``mass`` over the larger values, and half of it over the equal ones."""
        at = np.bincount(self.level, weights=mass)
        total: FloatArray = (at.sum() - np.cumsum(at) + at / 2)[self.level]
        return total
