"""Ranking several models on the same items: rank intervals and the model confidence set.

Every model enters with its value and the sums of its influences over the clusters of items
(``rmbench.metrics.intervals.Linearised``), so that a plain accuracy, a mean of sections and
any other estimate that is smooth in means are ranked alike, and items that share a prompt are
drawn together.

Sources: Mogstad, Romano, Shaikh and Wilhelm 2024, "Inference for Ranks with Applications to
Mobility across Neighbourhoods and Academic Achievement across Countries" (rank intervals from
all differences of one model; quantiles of bootstrapped ranks, the usual way, cover too little
where models are close); Hansen, Lunde and Nason 2011, "The Model Confidence Set" (T_max).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from rmbench.metrics.arrays import BoolArray, FloatArray, IntArray
from rmbench.metrics.intervals import CONFIDENCE

DRAWS = 2000
"""Bootstrap resamples of the clusters."""

SIZE = 0.10
"""Of the model confidence set: it misses the best model at most this often."""

_SAME = 1e-12
"""Values and variances closer than this share are equal up to rounding."""

_ROWS_AT_ONCE = 250  # resamples whose counts are held in memory together


@dataclass(frozen=True, eq=False)
class Ranks:
    """Where models stand, 1 being the highest value.

    Attributes:
        rank: int64, shape (n_models,); 1 + the number of models with a higher value, so that
            equal models share a rank.
        low: int64, shape (n_models,); best rank in the interval.
        high: int64, shape (n_models,); worst rank in the interval.
    """

    rank: IntArray
    low: IntArray
    high: IntArray


def covariance(sums: FloatArray) -> FloatArray:
    """Covariance of several estimates over the same clusters.

    C / (C - 1) * the product of the sums, whose diagonal is ``clustered_standard_error``
    squared.

    Args:
        sums: float64, shape (n_clusters, n_models); each model's influences by cluster.

    Returns:
        float64, shape (n_models, n_models).

    Raises:
        ValueError: If there are fewer than 2 clusters.

    >>> covariance(np.array([[0.1, -0.1], [-0.1, 0.1]])).round(3).tolist()
    [[0.04, -0.04], [-0.04, 0.04]]
    """
    n_clusters = len(sums)
    if n_clusters < 2:
        raise ValueError(f"a covariance over clusters needs 2 of them, got {n_clusters}")
    found: FloatArray = n_clusters / (n_clusters - 1) * (sums.T @ sums)
    return found


def difference_error(found: FloatArray) -> FloatArray:
    """Standard error of the difference of any two estimates; shape (n_models, n_models).

    Exactly 0 where two estimates have the same influences.

    Args:
        found: float64, shape (n_models, n_models); as ``covariance`` gives it.
    """
    own = np.diag(found)
    both = own[:, None] + own[None, :]
    variance = both - 2 * found
    return np.sqrt(np.where(variance > _SAME * both, variance, 0.0))


def bootstrap_errors(
    sums: FloatArray, rng: np.random.Generator, draws: int = DRAWS
) -> NDArray[np.float32]:
    """Errors of the estimates when whole clusters are drawn with replacement.

    Args:
        sums: float64, shape (n_clusters, n_models); each model's influences by cluster.
        rng: Source of the resamples.
        draws: Number of resamples.

    Returns:
        float32, shape (n_models, draws); to first order, estimate of the resample - estimate.
    """
    n_clusters, n_models = sums.shape
    errors = np.empty((n_models, draws), dtype=np.float32)
    columns = np.ascontiguousarray(sums - sums.mean(axis=0), dtype=np.float32)
    for start in range(0, draws, _ROWS_AT_ONCE):
        rows = min(_ROWS_AT_ONCE, draws - start)
        drawn = rng.integers(0, n_clusters, (rows, n_clusters))
        drawn += n_clusters * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * n_clusters)
        weights = times.reshape(rows, n_clusters).astype(np.float32)
        errors[:, start : start + rows] = (weights @ columns).T
    return errors


def rank_intervals(
    values: FloatArray,
    sums: FloatArray,
    errors: NDArray[np.float32],
    *,
    confidence: float = CONFIDENCE,
) -> Ranks:
    """Each model's rank, with the ranks that the items leave possible.

    For each model the differences from all others are tested together: the critical value is
    the quantile of the largest |error of a difference| / its standard error over the resamples.
    The interval runs from 1 + the number of models that are surely better to the number that
    are not surely worse. It covers the true rank of that model with at least ``confidence``;
    it is not simultaneous over models.

    The statistic is difference / sqrt(SE^2 + difference^2 / C), which is McNemar's where each
    of the C clusters is one right-or-wrong item: two models that differ on every item alike
    have an SE of 0 and are still no more certain than that. The critical value is never below
    that of a single difference.

    Args:
        values: float64, shape (n_models,); higher is better.
        sums: float64, shape (n_clusters, n_models); each model's influences by cluster.
        errors: float32, shape (n_models, draws); as ``bootstrap_errors`` gives them.
        confidence: Coverage, in (0, 1).

    Raises:
        ValueError: If there are fewer than 2 clusters.

    >>> sums = np.array([[0.1, -0.1, 0.1], [-0.1, 0.1, -0.1]] * 50) / 50
    >>> drawn = bootstrap_errors(sums, np.random.default_rng(0), draws=500)
    >>> ranks = rank_intervals(np.array([0.9, 0.3, 0.9]), sums, drawn)
    >>> ranks.rank.tolist(), ranks.low.tolist(), ranks.high.tolist()
    ([1, 3, 1], [1, 3, 1], [2, 3, 2])
    """
    n_clusters, n_models = sums.shape
    error = difference_error(covariance(sums))
    difference = values[:, None] - values[None, :]
    difference[np.abs(difference) <= _SAME * np.maximum(np.abs(values), 1.0)] = 0.0
    spread = np.sqrt(error**2 + difference**2 / n_clusters)
    statistic = np.divide(difference, spread, out=np.zeros_like(difference), where=spread > 0)
    scale = np.divide(1.0, error, out=np.zeros_like(error), where=error > 0).astype(np.float32)
    single = float(ndtri((1 + confidence) / 2))
    low, high = np.empty(n_models, dtype=np.int64), np.empty(n_models, dtype=np.int64)
    for j in range(n_models):
        apart = errors - errors[j]
        np.abs(apart, out=apart)
        apart *= scale[j][:, None]
        critical = max(single, float(np.quantile(apart.max(axis=0), confidence)))
        low[j] = 1 + np.count_nonzero(statistic[j] < -critical)
        high[j] = n_models - np.count_nonzero(statistic[j] > critical)
    rank = 1 + (difference < 0).sum(axis=1)
    return Ranks(rank.astype(np.int64), low, high)


def confidence_set_p(
    values: FloatArray, sums: FloatArray, errors: NDArray[np.float32]
) -> FloatArray:
    """p-values of the model confidence set: those of at least its size make it up.

    As long as the hypothesis that the models left are all equally good can be rejected, the one
    furthest below their mean is taken out (T_max). The set of the models whose p is at least
    0.10 holds the best one in 90 % of cases, and all of the best ones where several are. A p is
    never below that of one normal deviation of the same size, which is all that resamples
    without any variation leave to go by.

    Args:
        values: float64, shape (n_models,); higher is better.
        sums: float64, shape (n_clusters, n_models); each model's influences by cluster.
        errors: float32, shape (n_models, draws); as ``bootstrap_errors`` gives them.

    Returns:
        float64, shape (n_models,); in [0, 1], 1 for the last one left. Models with the same
        outcomes throughout have the same p.

    Raises:
        ValueError: If there are fewer than 2 clusters, or no model.
    """
    n_clusters, n_models = sums.shape
    if n_models == 0:
        raise ValueError("a model confidence set needs a model")
    # Equal models would be taken out one after the other, at two p-values.
    _, first, code = np.unique(
        np.vstack([values, sums]), axis=1, return_index=True, return_inverse=True
    )
    left = np.sort(first)
    shared = covariance(sums)
    p = np.ones(n_models)
    so_far = 0.0
    while len(left) > 1:
        inside = shared[np.ix_(left, left)]
        variance = np.diag(inside) - 2 * inside.mean(axis=1) + inside.mean()
        below = values[left].mean() - values[left]
        tiny = _SAME * np.diag(inside)
        variance = np.where(variance > tiny, variance, 0.0)
        spread = np.sqrt(variance + below**2 / n_clusters)
        if not spread.any():
            break
        statistic = np.divide(below, spread, out=np.zeros_like(below), where=spread > 0)
        worst = int(np.argmax(statistic))
        scale = np.divide(1.0, np.sqrt(variance), out=np.zeros_like(below), where=variance > 0)
        simulated = errors[left]
        simulated -= simulated.mean(axis=0)
        # A value below the mean is a loss above it.
        simulated *= -scale.astype(np.float32)[:, None]
        larger = float((simulated.max(axis=0) > statistic[worst]).mean())
        so_far = max(so_far, larger, 2 * float(ndtr(-statistic[worst])))
        p[left[worst]] = so_far
        left = np.delete(left, worst)
    of_code = np.ones(len(first))
    of_code[code[first]] = p[first]
    shared_p: FloatArray = of_code[code]
    return shared_p


def confidence_set(p: FloatArray, size: float = SIZE) -> BoolArray:
    """The models that cannot be told apart from the best; bool, shape (n_models,).

    >>> confidence_set(np.array([1.0, 0.1, 0.02])).tolist()
    [True, True, False]
    """
    return p >= size
