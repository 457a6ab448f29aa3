"""What the ECE would be under perfect calibration: its distribution on the same data.

A perfectly calibrated scorer does not have an ECE of 0 on a finite sample, and there is no
bootstrap interval of the ECE that covers; this null takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rmbench.metrics.arrays import FloatArray, IntArray
from rmbench.metrics.intervals import count_clusters

NULL_DRAWS = 1000
"""Draws of the ECE's distribution under perfect calibration."""

NORMAL_FROM = 20_000
"""Comparisons from which the normal limit replaces resampling."""

_STEPS = 10.0
"""Least standard deviation of a bin's gap for its normal limit, in largest single steps."""

_BLOCK = 1 << 16
"""Comparisons that are visited at a time, about: as many as a processor's cache holds."""

_CHUNK = 1 << 22
"""Entries of the largest temporary array while drawing (about 32 MiB)."""


@dataclass(frozen=True, eq=False)
class EceNull:
    """Draws of the ECE of a perfectly calibrated scorer on the same data.

    ``method`` says how they were drawn and how many: by consistency resampling, alone or by
    cluster, or by the cluster multiplier, and whether by the normal limit of either.
    """

    draws: FloatArray
    method: str

    def p_value(self, ece: float) -> float:
        """Share of draws at least as large, the observation itself counted among them."""
        return float((1 + (self.draws >= ece).sum()) / (1 + len(self.draws)))


def draw_null(
    confidences: FloatArray,
    outcome: FloatArray,
    bins: IntArray,
    groups: IntArray,
    rng: np.random.Generator,
    weight: FloatArray | None = None,
    *,
    draws: int = NULL_DRAWS,
) -> EceNull:
    """Distribution of the ECE if every confidence were right.

    Each draw replaces the outcomes by Bernoulli(confidence) (consistency resampling). The
    comparisons of one cluster are drawn from one uniform number: each keeps its own
    probability, and they depend on each other as much as they can, so that a shared prompt
    never makes the null too narrow. A comparison with equal rewards keeps its gap of 0.
    Vote shares are no coin flips; with them each draw gives the observed
    confidence - outcome of a whole cluster a random sign, which has mean 0 as under perfect
    calibration but grows with the miscalibration there is.

    Args:
        confidences: float64, shape (n,).
        outcome: float64, shape (n,).
        bins: int64, shape (n,).
        groups: int64, shape (n,); cluster codes.
        rng: Source of the draws.
        weight: float64, shape (n,); equal if left out.
        draws: Number of draws.

    Raises:
        ValueError: If there are fewer than 2 clusters.

    Sources: Bröcker and Smith 2007 (consistency resampling); Cameron, Gelbach and Miller
    2008 (cluster sign flips with the null imposed).
    """
    n_clusters = count_clusters(groups)
    if n_clusters < 2:
        raise ValueError(f"the ECE's null needs 2 clusters, got {n_clusters}")
    w = np.ones(len(bins)) if weight is None else weight
    share = w / w.sum()
    undecided = (confidences == 0.5) & (outcome == 0.5)
    if (undecided | (outcome == 0) | (outcome == 1)).all():
        flips = ~undecided
        flipped = _Flips(confidences[flips], bins[flips], share[flips], _codes(groups[flips]))
        by = "" if n_clusters == len(groups) else " by cluster"
        if len(flipped.bins) < NORMAL_FROM:
            drawn = _bernoulli_draws(flipped, rng, draws)
            return EceNull(drawn, f"consistency resampling{by}, {draws:,} draws")
        drawn = _normal_draws(flipped, rng, draws)
        return EceNull(drawn, f"normal limit of consistency resampling{by}, {draws:,} draws")
    sums = _cluster_by_bin(share * (confidences - outcome), bins, _codes(groups))
    if (
        len(bins) >= NORMAL_FROM
        and ((sums**2).sum(axis=0) >= (_STEPS * np.abs(sums).max(axis=0)) ** 2).all()
    ):
        drawn = _absolute_normal(sums.T @ sums, rng, draws)
        return EceNull(drawn, f"normal limit of cluster multiplier, {draws:,} draws")
    return EceNull(_sign_draws(sums, rng, draws), f"cluster multiplier, {draws:,} draws")


@dataclass(frozen=True, eq=False)
class _Flips:
    """Comparisons whose outcome is drawn anew; ``cluster`` is coded 0, 1, ... in order."""

    confidences: FloatArray
    bins: IntArray
    share: FloatArray
    cluster: IntArray

    def of_bin(self, b: int) -> _Flips:
        inside = self.bins == b
        return _Flips(
            self.confidences[inside],
            self.bins[inside],
            self.share[inside],
            _codes(self.cluster[inside]),
        )


def _bernoulli_draws(flips: _Flips, rng: np.random.Generator, draws: int) -> FloatArray:
    bins, cluster = flips.bins, flips.cluster
    n_clusters = int(cluster.max(initial=-1)) + 1
    order = np.argsort(bins, kind="stable")
    threshold = flips.confidences[order].astype(np.float32)
    share, filled = flips.share[order], np.unique(bins)
    edges = np.append(np.searchsorted(bins[order], filled), len(order)).tolist()
    expected = share * flips.confidences[order]
    result = np.zeros(draws)
    for rows in _chunks(draws, len(order)):
        drawn = rng.random((rows.stop - rows.start, n_clusters), dtype=np.float32)
        hit = drawn[:, cluster[order]] < threshold
        for a, b in pairwise(edges):
            result[rows] += np.abs(hit[:, a:b] @ share[a:b] - expected[a:b].sum())
    return result


def _normal_draws(flips: _Flips, rng: np.random.Generator, draws: int) -> FloatArray:
    covariance = flip_covariance(flips.confidences, flips.bins, flips.share, flips.cluster)
    step = _cluster_by_bin(flips.share, flips.bins, flips.cluster).max(axis=0)
    smooth = covariance.diagonal() >= (_STEPS * step) ** 2
    result = _absolute_normal(covariance[np.ix_(smooth, smooth)], rng, draws)
    for b in np.flatnonzero(~smooth & (step > 0)).tolist():
        result += _rare_draws(flips.of_bin(b), rng, draws)
    return result


def _rare_draws(flips: _Flips, rng: np.random.Generator, draws: int) -> FloatArray:
    """``_bernoulli_draws`` of one bin, visiting only the clusters that may err.

    A cluster errs somewhere only if its number exceeds the least confidence; the gaps
    between such clusters, all draws laid end to end, are geometric.
    """
    order = np.argsort(flips.cluster, kind="stable")
    p, share = flips.confidences[order], flips.share[order]
    size = np.bincount(flips.cluster)
    least, expected = float(p.min()), float(share @ (1 - p))
    if least == 1.0:
        return np.zeros(draws)
    missed = np.empty(draws)
    for rows in _chunks(draws, max(1, round(len(size) * (1 - least)))):
        n = rows.stop - rows.start
        place = _bernoulli_places(n * len(size), 1 - least, rng)
        draw, cluster = np.divmod(place, len(size))
        number = least + (1 - least) * rng.random(len(place))
        by_place = _missed(p, share, size, cluster, number)
        missed[rows] = np.bincount(draw, weights=by_place, minlength=n)
    return np.abs(missed - expected)


def _missed(
    p: FloatArray, share: FloatArray, size: IntArray, cluster: IntArray, number: FloatArray
) -> FloatArray:
    """The share that clusters get wrong: of comparisons whose confidence is not above a number.

    Args:
        p: float64, shape (n,); confidences, cluster by cluster.
        share: float64, shape (n,).
        size: int64, shape (n_clusters,); comparisons of each, at least one.
        cluster: int64, shape (k,); which cluster is asked about.
        number: float64, shape (k,).

    Returns:
        float64, shape (k,).
    """
    start, times = (np.cumsum(size) - size)[cluster], size[cluster]
    end = np.cumsum(times)
    by_place = np.zeros(len(cluster))
    blocks = np.arange(0, int(times.sum()), _BLOCK)
    cuts = np.unique(np.append(np.searchsorted(end, blocks), len(end))).tolist()
    for a, b in pairwise(cuts):
        first = end[a:b] - times[a:b] - (end[a] - times[a])
        comparison = np.repeat(start[a:b] - first, times[a:b])
        comparison += np.arange(len(comparison))
        wrong = np.repeat(number[a:b], times[a:b]) >= p[comparison]
        by_place[a:b] = np.add.reduceat(wrong * share[comparison], first)
    return by_place


def _bernoulli_places(length: int, chance: float, rng: np.random.Generator) -> IntArray:
    """Where ``length`` independent trials of this chance succeed, in order."""
    found: list[IntArray] = []
    reached = -1
    while reached < length:
        left = (length - reached) * chance
        gaps = rng.geometric(chance, size=int(left + 4 * left**0.5) + 10)
        # Chances near 0 give gaps whose sum would overflow; beyond the end all are alike.
        places = reached + np.cumsum(np.minimum(gaps, length + 1))
        found.append(places.astype(np.int64))
        reached = int(places[-1])
    all_places = np.concatenate(found)
    return all_places[all_places < length]


def flip_covariance(
    confidences: FloatArray, bins: IntArray, share: FloatArray, cluster: IntArray
) -> FloatArray:
    """Covariance of the bins' gaps when a cluster's outcomes hang on one uniform number.

    Two comparisons of a cluster are both right with probability min(p, q), so their
    covariance is min(p, q) - p q; it is summed by going through each cluster in order of
    confidence.

    Args:
        confidences: float64, shape (n,); p.
        bins: int64, shape (n,).
        share: float64, shape (n,); what an outcome counts.
        cluster: int64, shape (n,); codes.

    Returns:
        float64, shape (n_bins, n_bins); n_bins is the largest bin and one.
    """
    n_bins = int(bins.max(initial=-1)) + 1
    own = np.bincount(bins, weights=share**2 * confidences * (1 - confidences), minlength=n_bins)
    covariance = np.diag(own).astype(np.float64)
    if count_clusters(cluster) == len(cluster):
        return covariance
    order = np.lexsort((confidences, cluster))
    p, b, c, s = confidences[order], bins[order], cluster[order], share[order]
    start = np.searchsorted(c, c, side="left")
    for a in range(n_bins):
        before = np.concatenate([[0.0], np.cumsum(np.where(b == a, s * p, 0.0))])
        less_sure = before[:-1] - before[start]
        both = np.bincount(b, weights=s * (1 - p) * less_sure, minlength=n_bins)
        covariance[a] += both
        covariance[:, a] += both
    return covariance


def _absolute_normal(covariance: FloatArray, rng: np.random.Generator, draws: int) -> FloatArray:
    """Sum of the sizes of normal numbers of this covariance, ``draws`` times."""
    value, vector = np.linalg.eigh(covariance)
    root = vector * np.sqrt(np.maximum(value, 0.0))
    total: FloatArray = np.abs(rng.standard_normal((draws, len(value))) @ root.T).sum(axis=1)
    return total


def _sign_draws(sums: FloatArray, rng: np.random.Generator, draws: int) -> FloatArray:
    n_clusters = len(sums)
    result = np.empty(draws)
    for rows in _chunks(draws, n_clusters):
        sign = 2.0 * rng.integers(0, 2, (rows.stop - rows.start, n_clusters), dtype=np.int8) - 1.0
        result[rows] = np.abs(sign @ sums).sum(axis=1)
    return result


def _cluster_by_bin(values: FloatArray, bins: IntArray, cluster: IntArray) -> FloatArray:
    """Sum of ``values`` of each cluster in each bin; shape (n_clusters, n_bins)."""
    n_clusters, n_bins = int(cluster.max(initial=-1)) + 1, int(bins.max(initial=-1)) + 1
    sums = np.bincount(cluster * n_bins + bins, weights=values, minlength=n_clusters * n_bins)
    return sums.astype(np.float64).reshape(n_clusters, n_bins)


def _codes(groups: IntArray) -> IntArray:
    """Cluster codes 0, 1, ... as clusters first occur, so that draws depend on no code."""
    largest = np.maximum.accumulate(groups)
    if len(groups) and groups[0] == 0 and (np.diff(largest) <= 1).all():
        return groups
    _, first, cluster = np.unique(groups, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[cluster], dtype=np.int64)


def _chunks(draws: int, width: int) -> list[slice]:
    size = max(1, _CHUNK // max(1, width))
    return [slice(a, min(a + size, draws)) for a in range(0, draws, size)]
