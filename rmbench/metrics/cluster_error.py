"""How far an estimate may be off, from what each cluster contributes to its error.

The sums of influence values over clusters say three things: the standard error, how many
degrees of freedom it rests on where clusters differ in size or few of them differ at all, and
how skewed the estimate is.

Sources: Miller 2024, "Adding Error Bars to Evals" (clustered standard errors; here with the
factor C / (C - 1), C the number of clusters); Imbens and Kolesar 2016, "Robust standard errors
in small samples" (degrees of freedom under random effects of clusters); Carter, Schnepel and
Steigerwald 2017, "Asymptotic behavior of a t-test robust to cluster heterogeneity" (the
effective number of clusters, at worst); O'Neill 2014, "Some useful moment results in sampling
problems" (variance and covariance of sample moments); Hall 1992, "On the removal of skewness by
transformation"; Korn and Graubard 1998, "Confidence intervals for proportions with small
expected number of positive counts estimated from survey data" (the effective sample size, no
larger than the sample, there with Clopper and Pearson's interval).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from scipy.special import stdtrit

from rmbench.metrics.arrays import FloatArray, IntArray

FEW_CLUSTERS = 30
"""With fewer clusters than this, or clusters worth fewer, an interval says so in its method.

They are counted at worst, ``effective_clusters`` at a correlation of 1: from their sizes alone.
What the outcomes say of it would pick out the intervals that are wide already."""

FEW_DEGREES = 3
"""So it does with fewer degrees of freedom: one or two clusters make nearly all of the error."""

TAIL_CAUTION = 1.4
"""What the excess kurtosis of the sums is multiplied by.

A sample shows less of a long tail than there is. Found by simulation (docs/statistics.md): at 1,
differences of NLL with ten errors are covered in 92.7 to 93.0 % in place of 95, at 1.4 in 93.1
to 93.5 %; at 1.75 the NLL of one scorer is covered in more than 97 %."""

_SYMMETRIC = 1e-6
"""Below this skewness the transformation is the identity to within rounding."""


@dataclass(frozen=True)
class Shape:
    """How the sums of clusters are distributed, as far as it decides on degrees of freedom.

    Attributes:
        n_clusters: C.
        by_size: Degrees of freedom that the sizes of the clusters leave.
        excess: Excess kurtosis of the sums, a plain moment.
        skewness: Of the estimate, a plain moment: sum S_c^3 / (sum S_c^2)^1.5.
    """

    n_clusters: int
    by_size: float
    excess: float
    skewness: float

    def degrees_of_freedom(self, corrected: float) -> float:
        """In [1, C - 1], where an interval takes care of a skewness of ``corrected``."""
        tail = tail_degrees_of_freedom(self.n_clusters, self.excess, self.skewness, corrected)
        return min(max(1.0, min(self.by_size, tail)), self.n_clusters - 1.0)


@dataclass(frozen=True)
class ClusterError:
    """Error of an estimate whose examples come in clusters.

    Attributes:
        standard_error: sqrt(C / (C - 1) * sum of S_c^2), S_c the sum of a cluster's influences.
        degrees_of_freedom: Of the standard error with plain Student's t, in [1, C - 1]; the less
            of what ``effective_clusters`` and ``tail_degrees_of_freedom`` leave.
        skewness: Of the estimate, with the sign of its longer tail; see ``estimate_skewness``.
        n_clusters: C.
        independent_error: The standard error if every example were a cluster of its own.
        effective_clusters: How many equal clusters these are worth at worst.
        shape: Of the sums; degrees of freedom do not depend on it if left out.
    """

    standard_error: float
    degrees_of_freedom: float
    skewness: float
    n_clusters: int
    independent_error: float = 0.0
    effective_clusters: float = inf
    shape: Shape | None = None

    @property
    def few(self) -> bool:
        """Whether the error rests on too few clusters to be relied on."""
        worth = min(self.n_clusters, self.effective_clusters)
        # Equal clusters are worth their number but for rounding.
        return worth < FEW_CLUSTERS - 1e-9 or self.degrees_of_freedom < FEW_DEGREES

    def student(self, confidence: float, corrected: float = 0.0) -> float:
        """Quantile of Student's t that a two-sided interval of this coverage needs.

        Args:
            confidence: Coverage, in (0, 1).
            corrected: The skewness of the estimate that the interval takes care of.
        """
        freedom = self.degrees_of_freedom
        if self.shape is not None:
            freedom = self.shape.degrees_of_freedom(corrected)
        return float(stdtrit(freedom, (1 + confidence) / 2))


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
    own, n = float(influence @ influence), len(influence)
    independent, worth = sqrt(n / (n - 1) * own), effective_clusters(size, 1.0)
    if variance == 0:
        return ClusterError(0.0, len(size) - 1.0, 0.0, len(size), independent, worth)
    correlation = _within_correlation(variance, own, size)
    shape = _shape(sums, effective_clusters(size, correlation) - 1)
    return ClusterError(
        standard_error=sqrt(len(size) / (len(size) - 1) * variance),
        degrees_of_freedom=shape.degrees_of_freedom(0.0),
        skewness=estimate_skewness(sums),
        n_clusters=len(size),
        independent_error=independent,
        effective_clusters=worth,
        shape=shape,
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


def tail_degrees_of_freedom(
    n: int, excess: float, skewness: float, corrected: float, *, caution: float = TAIL_CAUTION
) -> float:
    """Degrees of freedom of the variance of n sums: few where few of them differ.

    A variance on d degrees of freedom has a squared coefficient of variation of 2 / d, and that
    of n sums is 2 / (n - 1) + excess / n. An interval that corrects for a skewness g of the
    estimate follows the variance by g times what the mean is off in standard errors, and
    skewness is the covariance of the two, which leaves

        d = 2 / (2 / (n - 1) + excess / n - 2 g skewness + g^2)

    n - 1 for normal sums, infinitely many for right or wrong with Wilson's interval, and about
    twice the number of clusters that differ where the rest do not.

    Args:
        n: Number of sums, at least 2.
        excess: Their excess kurtosis.
        skewness: Of the estimate, which is their sum.
        corrected: g; 0 for Student's t.
        caution: Factor of all that comes on top of 2 / (n - 1).

    >>> six_of_a_hundred_differ = 100 / 6 - 3
    >>> round(tail_degrees_of_freedom(100, six_of_a_hundred_differ, 0.0, 0.0, caution=1.0), 1)
    12.7
    >>> round(tail_degrees_of_freedom(100, six_of_a_hundred_differ, 0.0, 0.0), 1)
    9.5
    """
    spread = 2 / (n - 1) + caution * (excess / n - 2 * corrected * skewness + corrected**2)
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
    g = error.skewness
    t = error.student(confidence, g)
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
    """Wilson's ends for a mean p in (0, 1) with the error that clustering leaves it.

    The number of trials is p (1 - p) / SE^2: as many independent right-or-wrong answers as
    would leave the same standard error, which counts for no less than independent examples
    would leave. Student's quantile stands for the normal one. The variance p (1 - p) grows with
    p as if the estimate had the skewness (1 - 2 p) SE / (p (1 - p)).

    >>> error = ClusterError(0.02, 39.0, 0.0, 40)
    >>> [round(end, 3) for end in effective_ends(0.95, error, 0.95)]
    [0.893, 0.978]
    """
    standard_error = max(error.standard_error, error.independent_error)
    variance = p * (1 - p)
    t = error.student(confidence, (1 - 2 * p) * standard_error / variance)
    return wilson_ends(p, variance / standard_error**2, t)


def _shape(sums: FloatArray, by_size: float) -> Shape:
    """Of cluster sums that are not all 0."""
    unit = sums / float(np.abs(sums).max())
    squares = unit * unit
    second = float(squares.sum())
    return Shape(
        n_clusters=len(sums),
        by_size=by_size,
        excess=len(sums) * float(squares @ squares) / second**2 - 3,
        skewness=float(squares @ unit) / second**1.5,
    )


def _within_correlation(between: float, own: float, size: IntArray) -> float:
    """Correlation of two examples of a cluster, from their influences; in [0, 1].

    What the squares of the cluster sums have over the squares of the influences is the sum
    over pairs within clusters, of which there are n_c (n_c - 1).
    """
    pairs = float((size * (size - 1)).sum())
    if pairs == 0 or own == 0:
        return 0.0
    return min(max(0.0, (between - own) * float(size.sum()) / (own * pairs)), 1.0)
