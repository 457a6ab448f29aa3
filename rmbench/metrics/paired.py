"""Two scorers on the same items: tests and intervals of the difference.

Pure functions of counts and arrays. ``only_first`` counts the items that the first
scorer alone has right, ``only_second`` those the second alone has right; items on which
the two agree carry no information about which is better.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from scipy.special import bdtr, betaln, chdtrc, gammaln, ndtri, xlog1py, xlogy

from rmbench.metrics.arrays import FloatArray
from rmbench.metrics.intervals import CONFIDENCE, Interval, wilson

EXACT_CLUSTERS = 14
"""Up to this many clusters all 2^C sign patterns are enumerated."""

_CHUNK = 1 << 22
"""Entries of the largest temporary array while drawing (about 32 MiB)."""


@dataclass(frozen=True)
class PairedCounts:
    """How often two scorers were right on the same items.

    Attributes:
        both: Items both have right.
        only_first: Items the first alone has right.
        only_second: Items the second alone has right.
        neither: Items both have wrong.
    """

    both: int
    only_first: int
    only_second: int
    neither: int

    def __post_init__(self) -> None:
        counts = (self.both, self.only_first, self.only_second, self.neither)
        if min(counts) < 0 or sum(counts) == 0:
            raise ValueError(f"expected counts that are not negative and not all 0, got {counts}")

    @property
    def n(self) -> int:
        """Number of items."""
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def difference(self) -> float:
        """Accuracy of the first less accuracy of the second, in [-1, 1]."""
        return (self.only_first - self.only_second) / self.n


@dataclass(frozen=True)
class McNemarTest:
    """Two-sided p-values of "the two scorers are equally often right".

    Attributes:
        p_exact: Binomial test on the items where they differ.
        p_mid: The same, counting half of the observed outcome's probability.
        chi2: (b - c)^2 / (b + c); 0 where the scorers never differ.
        p_chi2: Its p-value on 1 degree of freedom.
        chi2_corrected: (|b - c| - 1)^2 / (b + c), with the continuity correction.
        p_corrected: Its p-value.
    """

    p_exact: float
    p_mid: float
    chi2: float
    p_chi2: float
    chi2_corrected: float
    p_corrected: float


@dataclass(frozen=True)
class SignFlipTest:
    """Sign-flip permutation test of a mean of 0.

    Attributes:
        p_value: Two-sided, in (0, 1].
        exact: Whether every pattern of signs was counted.
        draws: Number of patterns.
    """

    p_value: float
    exact: bool
    draws: int


def mcnemar(only_first: int, only_second: int) -> McNemarTest:
    """McNemar's test from the counts of items on which two scorers differ.

    Raises:
        ValueError: If a count is negative.

    >>> test = mcnemar(1, 7)
    >>> round(test.p_exact, 4), round(test.p_mid, 4)
    (0.0703, 0.0391)
    """
    if min(only_first, only_second) < 0:
        raise ValueError(f"counts must not be negative, got {only_first} and {only_second}")
    n, fewer = only_first + only_second, min(only_first, only_second)
    if n == 0:
        return McNemarTest(1.0, 1.0, 0.0, 1.0, 0.0, 1.0)
    tail = float(bdtr(fewer, n, 0.5))
    observed = float(np.exp(_log_binomial_mass(fewer, n)))
    apart = abs(only_first - only_second)
    chi2, corrected = apart**2 / n, max(0, apart - 1) ** 2 / n
    return McNemarTest(
        p_exact=min(1.0, 2 * tail),
        p_mid=min(1.0, 2 * tail - observed),
        chi2=chi2,
        p_chi2=float(chdtrc(1, chi2)),
        chi2_corrected=corrected,
        p_corrected=float(chdtrc(1, corrected)),
    )


def newcombe_interval(counts: PairedCounts, confidence: float = CONFIDENCE) -> Interval:
    """Newcombe's hybrid score interval of the accuracy difference (his method 10).

    Source: Newcombe 1998, "Improved confidence intervals for the difference between
    binomial proportions based on paired data".
    """
    n = counts.n
    right_first, right_second = counts.both + counts.only_first, counts.both + counts.only_second
    first = wilson(right_first, n, confidence)
    second = wilson(right_second, n, confidence)
    phi = _corrected_phi(counts)
    p, q, d = right_first / n, right_second / n, counts.difference

    def distance(a: float, b: float) -> float:
        return sqrt(max(0.0, a * a - 2 * phi * a * b + b * b))

    low = d - distance(p - first.low, second.high - q)
    high = d + distance(first.high - p, q - second.low)
    return Interval(low, high, "newcombe").clipped(-1.0, 1.0)


def tango_interval(counts: PairedCounts, confidence: float = CONFIDENCE) -> Interval:
    """Tango's score interval of the accuracy difference.

    It keeps a sensible width where the scorers never differ: +-z^2 / (n + z^2).

    Source: Tango 1998, "Equivalence test and confidence interval for the difference in
    proportions for the paired-sample design".
    """
    from scipy.optimize import brentq

    z, d = float(ndtri((1 + confidence) / 2)), counts.difference

    def end(limit: float) -> float:
        def excess(delta: float) -> float:
            return abs(d - delta) - z * tango_error(counts, delta)

        # Without any difference the error is 0 at d itself, which is no end of the interval.
        inside = d + (1e-12 if limit > d else -1e-12)
        return limit if excess(limit) <= 0 else float(brentq(excess, limit, inside, xtol=1e-14))

    return Interval(end(-1.0), end(1.0), "tango")


def tango_error(counts: PairedCounts, delta: float) -> float:
    """Standard error of the accuracy difference if its true value were ``delta``.

    From the restricted maximum likelihood estimate of the discordant share.

    Source: Tango 1998, as for ``tango_interval``.
    """
    return restricted_error(counts.n, counts.only_first, counts.only_second, delta)


def restricted_error(n: int, only_first: float, only_second: float, delta: float) -> float:
    """As ``tango_error``, for expected counts, which need not be whole."""
    f, g = only_first, only_second
    b = -f - g + (2 * n - f + g) * delta
    c = -g * delta * (1 - delta)
    q = (sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
    return sqrt(max(0.0, (2 * q + delta * (1 - delta)) / n))


def sign_flip_test(
    cluster_sums: FloatArray, rng: np.random.Generator, *, draws: int = 10_000
) -> SignFlipTest:
    """Whether the sums of paired differences per cluster have mean 0.

    Under the null, each cluster's sum is as likely with either sign. All sign patterns
    are counted where there are at most 2^14, otherwise ``draws`` random ones (the data
    counted among them).

    Args:
        cluster_sums: float64, shape (n_clusters,).
        rng: Source of the random signs.
        draws: Number of random patterns.

    Raises:
        ValueError: If there is no cluster.
    """
    return sign_flip_tests(cluster_sums[:, None], rng, draws=draws)[0]


def sign_flip_tests(
    cluster_sums: FloatArray, rng: np.random.Generator, *, draws: int = 10_000
) -> list[SignFlipTest]:
    """As ``sign_flip_test``, of several columns at once: they share the random signs.

    Args:
        cluster_sums: float64, shape (n_clusters, n_tests).
        rng: Source of the random signs.
        draws: Number of random patterns.

    Raises:
        ValueError: If there is no cluster.
    """
    n, n_tests = cluster_sums.shape
    if n == 0:
        raise ValueError("a sign-flip test needs at least one cluster")
    # Sums that differ by rounding only must count as equal to the observed one.
    observed = np.abs(cluster_sums.sum(axis=0)) - 1e-12 * np.abs(cluster_sums).sum(axis=0)
    if n <= EXACT_CLUSTERS:
        pattern = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        totals = (2.0 * pattern - 1.0) @ cluster_sums
        share = (np.abs(totals) >= observed).mean(axis=0)
        return [SignFlipTest(float(p), exact=True, draws=2**n) for p in share]
    extreme, chunk = np.zeros(n_tests, dtype=np.int64), max(1, _CHUNK // n)
    for start in range(0, draws, chunk):
        rows = min(chunk, draws - start)
        sign = 2.0 * rng.integers(0, 2, (rows, n), dtype=np.int8) - 1.0
        extreme += (np.abs(sign @ cluster_sums) >= observed).sum(axis=0)
    p_values = ((1 + extreme) / (1 + draws)).tolist()
    return [SignFlipTest(p, exact=False, draws=draws) for p in p_values]


def holm(p_values: FloatArray) -> FloatArray:
    """Holm's adjusted p-values: they bound the chance of any false rejection.

    >>> holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist()
    [0.03, 0.06, 0.06, 0.02]
    """
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def benjamini_hochberg(p_values: FloatArray) -> FloatArray:
    """Benjamini and Hochberg's adjusted p-values: they bound the false discovery rate.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.005])).tolist()
    [0.02, 0.04, 0.04, 0.02]
    """
    n = len(p_values)
    order = np.argsort(-p_values, kind="stable")
    scaled = p_values[order] * n / np.arange(n, 0, -1)
    adjusted = np.empty(n)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled), 1.0)
    return adjusted


def e_value(successes: int, failures: int, *, a: float = 1.0, b: float = 1.0) -> float:
    """Evidence against "successes and failures are equally likely", valid at any stop.

    2^n B(a + s, b + f) / B(a, b): a beta-binomial mixture against a fair coin. Stopping
    when it reaches 1 / alpha keeps the error below alpha whenever one looks.

    Raises:
        ValueError: If a count is negative.

    >>> round(e_value(7, 0), 6), round(e_value(15, 5), 4)
    (16.0, 3.2206)
    """
    if min(successes, failures) < 0:
        raise ValueError(f"counts must not be negative, got {successes} and {failures}")
    mixture = betaln(a + successes, b + failures) - betaln(a, b)
    return float(np.exp((successes + failures) * log(2) + mixture))


def _log_binomial_mass(k: int, n: int) -> float:
    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return float(ways + xlogy(k, 0.5) + xlog1py(n - k, -0.5))


def _corrected_phi(counts: PairedCounts) -> float:
    """Correlation of the two scorers' outcomes, shrunk as in Newcombe's method 10."""
    right_first, right_second = counts.both + counts.only_first, counts.both + counts.only_second
    margins = right_first * (counts.n - right_first) * right_second * (counts.n - right_second)
    if margins == 0:
        return 0.0
    excess: float = counts.both * counts.neither - counts.only_first * counts.only_second
    if excess > 0:
        excess = max(excess - counts.n / 2, 0.0)
    return excess / sqrt(margins)
