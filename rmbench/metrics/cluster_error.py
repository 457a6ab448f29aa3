"""How far an estimate may be off, from what each cluster contributes to its error.

The sums of influence values over clusters say three things: the standard error, how many
degrees of freedom it rests on where clusters differ in size, and how skewed the estimate is.

Sources: Miller 2024, "Adding Error Bars to Evals" (clustered standard errors; here with the
factor C / (C - 1), C the number of clusters); Imbens and Kolesar 2016, "Robust standard errors
in small samples" (degrees of freedom under random effects of clusters); O'Neill 2014, "Some
useful moment results in sampling problems" (variance and covariance of sample moments); Hall
1992, "On the removal of skewness by transformation"; Korn and Graubard 1998, "Confidence
intervals for proportions with small expected number of positive counts estimated from survey
data" (the effective sample size, there with Clopper and Pearson's interval).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from scipy.special import stdtrit

from rmbench.metrics.arrays import FloatArray, IntArray

FEW_CLUSTERS = 30
"""With fewer clusters than this an interval says so in its method."""

FEW_DEGREES = 15
"""So it does with fewer degrees of freedom: some clusters are most of the data, or few differ."""

_SYMMETRIC = 1e-6
"""Below this skewness the transformation is the identity to within rounding."""


@dataclass(frozen=True)
class ClusterError:
    """Error of an estimate whose examples come in clusters.

    Attributes:
        standard_error: sqrt(C / (C - 1) * sum of S_c^2), S_c the sum of a cluster's influences.
        degrees_of_freedom: Of the standard error, in [1, C - 1]; the less of what
            ``effective_clusters`` and ``tail_degrees_of_freedom`` leave.
        skewness: Of the estimate, with the sign of its longer tail; see ``estimate_skewness``.
        n_clusters: C.
    """

    standard_error: float
    degrees_of_freedom: float
    skewness: float
    n_clusters: int

    @property
    def few(self) -> bool:
        """Whether the error rests on too few clusters to be relied on."""
        return self.n_clusters < FEW_CLUSTERS or self.degrees_of_freedom < FEW_DEGREES

    def student(self, confidence: float) -> float:
        """Quantile of Student's t that a two-sided interval of this coverage needs."""
        return float(stdtrit(self.degrees_of_freedom, (1 + confidence) / 2))


def cluster_sums(values: FloatArray, groups: IntArray) -> FloatArray:
    """Sum of ``values`` over each group that occurs; float64, shape (n_clusters,).

    Args:
        values: float64, shape (n,).
        groups: int64, shape (n,); codes counted from 0, of which some may not occur.

    >>> cluster_sums(np.array([1.0, 2.0, 4.0]), np.array([0, 3, 0])).tolist()
    [5.0, 2.0]
    """
    occurs = np.bincount(groups) > 0
    sums: FloatArray = np.bincount(groups, weights=values)[occurs].astype(np.float64)
    return sums


def count_clusters(groups: IntArray) -> int:
    """Number of groups that occur among codes counted from 0."""
    return int(np.count_nonzero(np.bincount(groups)))


def cluster_error(influence: FloatArray, groups: IntArray) -> ClusterError:
    """Standard error, degrees of freedom and skewness of an estimate.

    Args:
        influence: float64, shape (n_examples,); each example's contribution to the error.
        groups: int64, shape (n_examples,); cluster codes counted from 0.

    Raises:
        ValueError: If there are fewer than 2 clusters.

    >>> y = np.array([1.0, 1, 0, 0, 1, 0])
    >>> error = cluster_error((y - 0.5) / 6, np.array([0, 0, 1, 1, 2, 2]))
    >>> round(error.standard_error, 6), round(error.degrees_of_freedom, 6)
    (0.288675, 2.0)
    """
    size = np.bincount(groups)
    occurs = size > 0
    size = size[occurs]
    if len(size) < 2:
        raise ValueError(f"a clustered standard error needs 2 clusters, got {len(size)}")
    sums: FloatArray = np.bincount(groups, weights=influence)[occurs].astype(np.float64)
    variance = float(sums @ sums)
    if variance == 0:
        return ClusterError(0.0, len(size) - 1.0, 0.0, len(size))
    correlation = _within_correlation(variance, float(influence @ influence), size)
    freedom = min(effective_clusters(size, correlation) - 1, tail_degrees_of_freedom(sums))
    return ClusterError(
        standard_error=sqrt(len(size) / (len(size) - 1) * variance),
        degrees_of_freedom=min(max(1.0, freedom), len(size) - 1.0),
        skewness=estimate_skewness(sums),
        n_clusters=len(size),
    )


def effective_clusters(size: IntArray, correlation: float) -> float:
    """Number of equal clusters whose variance would be known as well.

    (sum v_c)^2 / sum v_c^2, where v_c = n_c (1 + (n_c - 1) rho) is how much a cluster of n_c
    examples with correlation rho contributes to the variance of a mean: C where all
    clusters are equal, near 1 where one of them is most of the data.

    Args:
        size: int64, shape (n_clusters,); examples of each cluster.
        correlation: rho between two examples of a cluster, in [0, 1].

    >>> round(effective_clusters(np.array([9, 9, 9]), 0.3), 9)
    3.0
    >>> round(effective_clusters(np.array([8, 1, 1]), 0.0), 3)
    1.515
    """
    n = size.astype(np.float64)
    share = n * (1 + (n - 1) * correlation)
    total, squares = float(share.sum()), float(share @ share)
    return total * total / squares


def tail_degrees_of_freedom(sums: FloatArray) -> float:
    """Degrees of freedom of the variance, given the mean: few where few clusters differ.

    A variance on d degrees of freedom has a squared coefficient of variation of 2 / d, and that
    of C sums is (k - 1) / C with their kurtosis k. Of this the mean explains skewness^2 / C,
    which ``skewed_ends`` takes care of; the rest leaves

        d = 2 C / (k - 1 - skewness^2)

    C for normal sums, infinitely many for right or wrong, and about twice the number of
    clusters that differ where the rest do not.

    Args:
        sums: float64, shape (n_clusters,); not all 0.

    >>> round(tail_degrees_of_freedom(np.array([1.0, 1, 1, -1, -1, -1] + [0.0] * 94)), 1)
    12.8
    """
    unit = sums / float(np.abs(sums).max())
    squares = unit * unit
    second = float(squares.sum())
    third = float(squares @ unit)
    spread = float(squares @ squares) / second**2 - 1 / len(sums) - third * third / second**3
    return inf if spread <= 0 else 2 / spread


def estimate_skewness(sums: FloatArray) -> float:
    """Skewness of an estimate from its cluster sums, less what chance makes of it.

    With A = sum S_c^3 and B = sum S_c^6, A / (sum S_c^2)^1.5 times sqrt(max(0, 1 - B / A^2)):
    if the sums had random signs, B would be the variance of A, so a third moment that rests
    on one or two clusters counts for nothing.

    Args:
        sums: float64, shape (n_clusters,); the sum of each cluster's influences.

    >>> round(estimate_skewness(np.array([-1.0, -1, -1, -1, -1, -1, 2, 2, 2])), 3)
    0.147
    >>> estimate_skewness(np.array([-1.0, 1.0, 0.0]))
    0.0
    """
    scale = float(np.abs(sums).max(initial=0.0))
    if scale == 0:
        return 0.0
    unit = sums / scale
    cubes = unit * unit * unit  # a hundred times as fast as a power
    third = float(cubes.sum())
    noise = float(cubes @ cubes)
    if third * third <= noise:
        return 0.0
    second = float(unit @ unit)
    return third / (second * sqrt(second)) * sqrt(1 - noise / (third * third))


def skewed_ends(error: ClusterError, confidence: float) -> tuple[float, float]:
    """Ends of a mean's interval, in standard errors from its value.

    Student's quantiles x = -t and t, carried back through Hall's cubic transformation of the
    studentised mean: with g the skewness of the estimate,

        T^-1(x) = 3 / g * ((1 + g (x - g / 6))^(1/3) - 1)

    The value less T^-1(t) and less T^-1(-t) standard errors are the ends. Without skewness
    they are -t and t.

    >>> even = ClusterError(1.0, 99.0, 0.0, 100)
    >>> [round(end, 3) for end in skewed_ends(even, 0.95)]
    [-1.984, 1.984]
    >>> [round(end, 3) for end in skewed_ends(ClusterError(1.0, 99.0, 0.2, 100), 0.95)]
    [-1.741, 2.373]
    """
    t, g = error.student(confidence), error.skewness
    if abs(g) < _SYMMETRIC:
        return -t, t
    low, high = (3 / g * (float(np.cbrt(1 + g * (x - g / 6))) - 1) for x in (t, -t))
    return -low, -high


def wilson_ends(p: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's ends for a share of p among n, at the quantile z.

    >>> low, high = wilson_ends(0.9, 50, 1.959964)
    >>> round(low, 4), round(high, 4)
    (0.7864, 0.9565)
    """
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return centre - half, centre + half


def effective_ends(p: float, error: ClusterError, confidence: float) -> tuple[float, float]:
    """Wilson's ends for a share p in (0, 1) with the error that clustering leaves it.

    The number of trials is p (1 - p) / SE^2: as many independent right-or-wrong answers as
    would leave the same standard error. Student's quantile stands for the normal one.

    >>> error = ClusterError(0.02, 39.0, 0.0, 40)
    >>> [round(end, 3) for end in effective_ends(0.95, error, 0.95)]
    [0.893, 0.978]
    """
    return wilson_ends(p, p * (1 - p) / error.standard_error**2, error.student(confidence))


def _within_correlation(between: float, own: float, size: IntArray) -> float:
    """Correlation of two examples of a cluster, from their influences; in [0, 1].

    What the squares of the cluster sums have over the squares of the influences is the sum
    over pairs within clusters, of which there are n_c (n_c - 1).
    """
    pairs = float((size * (size - 1)).sum())
    if pairs == 0 or own == 0:
        return 0.0
    return min(max(0.0, (between - own) * float(size.sum()) / (own * pairs)), 1.0)
