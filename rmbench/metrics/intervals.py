"""Error bars: Wilson, Clopper-Pearson, and clustered intervals through influence values.

Any estimate that is smooth in means (an accuracy, a mean of subset means, a ratio) is
carried as a ``Linearised``: its value and what each example contributes to its error.
One function then gives the clustered standard error of all of them, so examples that
share a prompt are handled in a macro mean exactly as in a plain one, also where the
prompt occurs in several subsets.

Sources: Wilson 1927; Clopper and Pearson 1934; those of ``cluster_error``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.special import betaincinv, ndtri, stdtrit

from rmbench.metrics.arrays import BoolArray, FloatArray, IntArray
from rmbench.metrics.cluster_error import (
    ClusterError,
    cluster_error,
    cluster_sums,
    count_clusters,
    effective_ends,
    skewed_ends,
    wilson_ends,
)

__all__ = [
    "CONFIDENCE",
    "ClusteredMean",
    "Interval",
    "Linearised",
    "clopper_pearson",
    "cluster_bootstrap",
    "cluster_sums",
    "clustered_interval",
    "clustered_mean",
    "clustered_standard_error",
    "combine",
    "count_clusters",
    "linearised_mean",
    "linearised_ratio",
    "mean_of",
    "proportion_interval",
    "t_interval",
    "wilson",
]

CONFIDENCE = 0.95
"""Coverage of the intervals in results."""

_NO_VARIATION = 1e-12
"""A standard error below this share of its value is rounding, not variation."""


@dataclass(frozen=True)
class Interval:
    """A confidence interval and how it was made."""

    low: float
    high: float
    method: str

    def clipped(self, low: float, high: float) -> Interval:
        """The part of the interval inside [low, high]."""
        return Interval(min(max(self.low, low), high), max(min(self.high, high), low), self.method)


@dataclass(frozen=True, eq=False)
class Linearised:
    """An estimate to first order: value + sum of the examples' influences.

    Attributes:
        value: The estimate.
        influence: float64, shape (n_examples,); each example's contribution to the
            error; sums to 0 and is 0 where ``used`` is false.
        used: bool, shape (n_examples,); the examples the estimate rests on.
    """

    value: float
    influence: FloatArray
    used: BoolArray

    @property
    def n(self) -> int:
        """Number of examples the estimate rests on."""
        return int(self.used.sum())


@dataclass(frozen=True)
class ClusteredMean:
    """A weighted mean with the error that clustering leaves it.

    ``standard_error`` and ``interval`` are ``None`` with fewer than 2 clusters.
    """

    value: float
    standard_error: float | None
    interval: Interval | None
    n_clusters: int


def wilson(successes: float, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval for a proportion.

    Args:
        successes: In [0, n]; need not be whole (half-credit ties).
        n: Number of independent trials, at least 1.
        confidence: Coverage, in (0, 1).

    Raises:
        ValueError: If ``successes`` is not in [0, n] or n is 0.

    >>> interval = wilson(45, 50)
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.7864, 0.9565)
    """
    _check_count(successes, n)
    low, high = wilson_ends(successes / n, n, float(ndtri((1 + confidence) / 2)))
    return Interval(
        0.0 if successes == 0 else max(0.0, low),
        1.0 if successes == n else min(1.0, high),
        "wilson",
    )


def clopper_pearson(successes: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """The exact interval for a proportion: never less than its nominal coverage.

    Raises:
        ValueError: If ``successes`` is not in [0, n] or n is 0.
    """
    _check_count(successes, n)
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1 - tail))
    return Interval(low, high, "clopper-pearson")


def linearised_mean(values: FloatArray, where: BoolArray | None = None) -> Linearised:
    """Mean of ``values`` over the examples of a mask.

    Args:
        values: float64, shape (n_examples,).
        where: bool, shape (n_examples,); all examples if left out.

    Raises:
        ValueError: If the mask selects no example.
    """
    used = np.ones(len(values), dtype=np.bool_) if where is None else where
    return linearised_ratio(np.where(used, values, 0.0), used.astype(np.float64))


def linearised_ratio(numerator: FloatArray, denominator: FloatArray) -> Linearised:
    """Sum of numerators over sum of denominators (a weighted mean).

    Args:
        numerator: float64, shape (n_examples,); 0 where the denominator is 0.
        denominator: float64, shape (n_examples,); each example's weight, not negative.

    Raises:
        ValueError: If the denominators sum to 0.
    """
    total = float(denominator.sum())
    if total <= 0:
        raise ValueError("a mean over no example is not defined")
    value = float(numerator.sum()) / total
    return Linearised(value, (numerator - value * denominator) / total, denominator > 0)


def combine(terms: Sequence[Linearised], coefficients: Sequence[float]) -> Linearised:
    """Linear combination of estimates over the same examples.

    Raises:
        ValueError: If there are no terms, or not as many coefficients.
    """
    if not terms or len(terms) != len(coefficients):
        raise ValueError(f"expected as many coefficients as terms, got {len(coefficients)}")
    value = sum(c * t.value for c, t in zip(coefficients, terms, strict=True))
    influence = np.zeros_like(terms[0].influence)
    used = np.zeros_like(terms[0].used)
    for coefficient, term in zip(coefficients, terms, strict=True):
        influence += coefficient * term.influence
        used |= term.used
    return Linearised(value, influence, used)


def mean_of(terms: Sequence[Linearised]) -> Linearised:
    """Unweighted mean of estimates over the same examples."""
    return combine(terms, [1 / len(terms)] * len(terms))


def clustered_standard_error(
    influence: FloatArray, groups: IntArray, *, correction: bool = True
) -> float:
    """sqrt(C / (C - 1) * sum of squared cluster sums of the influence values).

    Args:
        influence: float64, shape (n_examples,).
        groups: int64, shape (n_examples,); cluster codes.
        correction: Whether to apply C / (C - 1).

    Raises:
        ValueError: If there are fewer than 2 clusters.

    >>> y = np.array([1.0, 1, 0, 0, 1, 0])
    >>> mean = linearised_mean(y)
    >>> round(clustered_standard_error(mean.influence, np.array([0, 0, 1, 1, 2, 2])), 6)
    0.288675
    """
    sums = cluster_sums(influence, groups)
    if len(sums) < 2:
        raise ValueError(f"a clustered standard error needs 2 clusters, got {len(sums)}")
    factor = len(sums) / (len(sums) - 1) if correction else 1.0
    return sqrt(factor * float(sums @ sums))


def clustered_interval(
    estimate: Linearised,
    groups: IntArray,
    *,
    fraction: bool,
    confidence: float = CONFIDENCE,
) -> Interval | None:
    """Interval of an estimate from its influence values.

    A fraction gets Wilson's interval at its effective sample size ("clustered wilson"),
    anything else Student's t corrected for skewness ("clustered t, skew-corrected"); see
    ``cluster_error`` for both. The method ends in "few clusters" where the clusters are fewer
    than 30, or so unequal that at worst they are worth fewer, or one or two of them make
    nearly all of the error.

    Args:
        estimate: The estimate over all examples.
        groups: int64, shape (n_examples,); cluster codes.
        fraction: Whether the estimate lies in [0, 1]. Then, where no cluster differs
            from another (all right, all wrong or all tied), Wilson's bound on the share of
            clusters that differ stands in for a width of 0, and the ends are clipped.
        confidence: Coverage, in (0, 1).

    Returns:
        ``None`` with fewer than 2 clusters, or without variation in something that is
        not a fraction.
    """
    used = groups[estimate.used]
    n_clusters = count_clusters(used)
    if n_clusters < 2:
        return None
    error = cluster_error(estimate.influence[estimate.used], used)
    if error.standard_error <= _NO_VARIATION * abs(estimate.value):
        if not fraction:
            return None
        return _without_variation(min(estimate.value, 1.0), n_clusters, confidence)
    if fraction and 0 < estimate.value < 1:
        low, high = effective_ends(estimate.value, error, confidence)
        return Interval(low, high, _named("clustered wilson", error)).clipped(0.0, 1.0)
    below, above = (end * error.standard_error for end in skewed_ends(error, confidence))
    method = _named("clustered t, skew-corrected", error)
    interval = Interval(estimate.value + below, estimate.value + above, method)
    return interval.clipped(0.0, 1.0) if fraction else interval


def _without_variation(value: float, n_clusters: int, confidence: float) -> Interval:
    """Interval of a fraction that is the same in every cluster.

    Clusters that differ may be there and not have been drawn: a share of them up to Wilson's
    bound for none in ``n_clusters``. At worst all of those have 0, at best all have 1. Where all
    are right that is Wilson's own interval; where every comparison is a tie (0.5) it is much
    narrower than that of a coin's throws, which would have differed.
    """
    unseen = wilson(0, n_clusters, confidence).high
    low = value * wilson(n_clusters, n_clusters, confidence).low
    high = min(1.0, unseen + value * (1 - unseen))
    return Interval(low, high, "wilson on clusters")


def proportion_interval(
    values: FloatArray, groups: IntArray, confidence: float = CONFIDENCE
) -> Interval | None:
    """Interval of the mean of per-example outcomes in [0, 1].

    Wilson where every example is a cluster of its own and every outcome is 0 or 1;
    otherwise as ``clustered_interval``.
    """
    n_clusters = count_clusters(groups)
    if n_clusters < 2:
        return None
    if n_clusters == len(values) and np.isin(values, (0.0, 1.0)).all():
        return wilson(float(values.sum()), len(values), confidence)
    return clustered_interval(linearised_mean(values), groups, fraction=True, confidence=confidence)


def clustered_mean(
    values: FloatArray,
    groups: IntArray,
    weights: FloatArray | None = None,
    *,
    confidence: float = CONFIDENCE,
) -> ClusteredMean:
    """Weighted mean with clustered standard error and interval.

    Args:
        values: float64, shape (n_examples,).
        groups: int64, shape (n_examples,); cluster codes.
        weights: float64, shape (n_examples,), not negative; equal if left out.
        confidence: Coverage, in (0, 1).

    Raises:
        ValueError: If there is no value, or the weights sum to 0.
    """
    weight = np.ones(len(values)) if weights is None else weights
    mean = linearised_ratio(weight * values, weight)
    used = groups[mean.used]
    n_clusters = count_clusters(used)
    error = clustered_standard_error(mean.influence[mean.used], used) if n_clusters >= 2 else None
    interval = clustered_interval(mean, groups, fraction=False, confidence=confidence)
    return ClusteredMean(mean.value, error, interval, n_clusters)


def t_interval(
    value: float, standard_error: float, n_clusters: int, method: str, confidence: float
) -> Interval:
    """Interval value +- t * standard_error, with ``n_clusters`` - 1 degrees of freedom."""
    half = _t(confidence, n_clusters - 1) * standard_error
    return Interval(value - half, value + half, method)


def cluster_bootstrap(
    statistic: Callable[[FloatArray], float],
    groups: IntArray,
    rng: np.random.Generator,
    *,
    draws: int = 2000,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Percentile interval from resampling whole clusters with replacement.

    Args:
        statistic: Maps example weights (float64, shape (n_examples,): how often each
            example was drawn, whole numbers) to a number.
        groups: int64, shape (n_examples,); cluster codes.
        rng: Source of the resamples.
        draws: Number of resamples.
        confidence: Coverage, in (0, 1).

    Raises:
        ValueError: If there are fewer than 2 clusters, or the statistic is not finite
            on a resample.
    """
    _, codes = np.unique(groups, return_inverse=True)
    n_clusters = int(codes.max(initial=-1)) + 1
    if n_clusters < 2:
        raise ValueError(f"a cluster bootstrap needs 2 clusters, got {n_clusters}")
    values = np.empty(draws)
    for draw in range(draws):
        times = np.bincount(rng.integers(0, n_clusters, n_clusters), minlength=n_clusters)
        values[draw] = statistic(times[codes].astype(np.float64))
    if not np.isfinite(values).all():
        raise ValueError("the statistic is not finite on every resample")
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high), "cluster bootstrap")


def _t(confidence: float, degrees_of_freedom: int) -> float:
    return float(stdtrit(degrees_of_freedom, (1 + confidence) / 2))


def _named(method: str, error: ClusterError) -> str:
    return f"{method}, few clusters" if error.few else method


def _check_count(successes: float, n: int) -> None:
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"expected 0 <= successes <= n and n >= 1, got {successes} of {n}")
