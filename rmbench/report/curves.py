"""The points of a scorer's diagrams, from its rewards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rmbench.metrics.arrays import FloatArray, IntArray
from rmbench.metrics.calibration import binned_outcome, confidence
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import (
    Interval,
    clustered_interval,
    count_clusters,
    linearised_ratio,
    wilson,
)
from rmbench.metrics.reliability import (
    BINS,
    accuracy_by_margin,
    equal_mass_bins,
    reliability_table,
)
from rmbench.metrics.selective import selective_accuracy
from rmbench.types import Scores, TiePolicy

HISTOGRAM_BINS = 40
"""Even, so that 0 is an edge and no bar mixes right with wrong."""

SATURATED_MARGIN = 10.0
"""Beyond it sigmoid(margin) claims to be wrong less than once in 20,000 times."""


@dataclass(frozen=True)
class AccuracyBin:
    """Accuracy of the comparisons in one bin.

    Attributes:
        low: Smallest value in the bin.
        high: Largest value in the bin.
        x: Weighted mean value: a confidence in [0.5, 1], or a |margin|.
        accuracy: Weighted mean outcome, in [0, 1].
        interval: 95 % interval of the accuracy; ``None`` with fewer than 2 clusters.
        n: Number of comparisons.
    """

    low: float
    high: float
    x: float
    accuracy: float
    interval: Interval | None
    n: int


@dataclass(frozen=True, eq=False)
class MarginHistogram:
    """How margins are spread.

    Attributes:
        edges: float64, shape (n_bins + 1,); symmetric about 0.
        share: float64, shape (n_bins,); share of the comparisons, ties left out. What
            lies beyond the edges is counted in the outermost bins.
        ties: Share of the comparisons whose margin is exactly 0.
        clipped: Share of the comparisons beyond the edges.
    """

    edges: FloatArray
    share: FloatArray
    ties: float
    clipped: float


@dataclass(frozen=True)
class RewardSummary:
    """The scale of a scorer's rewards, for whoever has to normalise them.

    ``saturated`` is the share of comparisons with |margin| above 10.
    """

    mean: float
    sd: float
    low: float
    high: float
    margin_mean: float
    margin_sd: float
    saturated: float


@dataclass(frozen=True)
class Curves:
    """Everything that is drawn of one scorer on one suite.

    ``reliability`` is empty where margins are not logits; it, ``by_margin`` and ``selective``
    are where no example has a right answer (every preference is one half).
    """

    reliability: tuple[AccuracyBin, ...]
    by_margin: tuple[AccuracyBin, ...]
    selective: tuple[AccuracyBin, ...]
    histogram: MarginHistogram
    rewards: RewardSummary


def curves(scores: Scores, *, margins_are_logits: bool, ties: TiePolicy = "half") -> Curves | None:
    """All points, or ``None`` where no example has all its rewards."""
    scored = scores.where(~np.isin(scores.example_id, _failed_ids(scores)))
    if len(scored) == 0:
        return None
    comparisons = Comparisons.from_scores(scored)
    has_answers = bool((comparisons.preference != 0.5).any())
    return Curves(
        reliability=reliability(comparisons) if margins_are_logits and has_answers else (),
        by_margin=by_margin(comparisons) if has_answers else (),
        selective=selective(comparisons.decided, ties) if has_answers else (),
        histogram=histogram(comparisons),
        rewards=summarise(scored, comparisons),
    )


def reliability(comparisons: Comparisons) -> tuple[AccuracyBin, ...]:
    """Accuracy in bins of confidence of equal weight: the bins of the reported ECE."""
    c = comparisons
    rows = reliability_table(c.margin, c.comparison_preference, c.weight, equal_mass=True)
    bins = equal_mass_bins(confidence(c.margin), BINS, c.weight)
    return tuple(
        AccuracyBin(row.low, row.high, row.confidence, row.accuracy, interval, row.n)
        for row, interval in zip(rows, _intervals(c, bins), strict=True)
    )


def by_margin(comparisons: Comparisons) -> tuple[AccuracyBin, ...]:
    """Accuracy in bins of |margin| of equal weight."""
    c = comparisons
    rows = accuracy_by_margin(c.margin, c.comparison_preference, c.weight)
    bins = equal_mass_bins(np.abs(c.margin), BINS, c.weight)
    return tuple(
        AccuracyBin(row.low, row.high, row.margin, row.accuracy, interval, row.n)
        for row, interval in zip(rows, _intervals(c, bins), strict=True)
    )


def selective(decided: Comparisons, ties: TiePolicy) -> tuple[AccuracyBin, ...]:
    """Accuracy of the most confident tenth, two tenths and so on up to all comparisons.

    ``x`` and ``high`` are the share of comparisons, ``low`` is 0.
    """
    points = []
    for tenths in range(1, 11):
        share = tenths / 10
        found = selective_accuracy(decided, ties, share)
        interval = clustered_interval(found, decided.group, fraction=True)
        n = round(share * len(decided.margin))
        points.append(AccuracyBin(0.0, share, share, found.value, interval, n))
    return tuple(points)


def histogram(comparisons: Comparisons, n_bins: int = HISTOGRAM_BINS) -> MarginHistogram:
    """Margins in equal bins about 0 that leave about 1 % outside; ``n_bins`` is even."""
    margin = comparisons.margin
    share = comparisons.weight / comparisons.weight.sum()
    limit = float(np.quantile(np.abs(margin), 0.99)) or float(np.abs(margin).max()) or 1.0
    positive = np.linspace(0.0, limit, n_bins // 2 + 1)
    edges = np.concatenate([-positive[:0:-1], positive])
    untied = margin != 0
    counts, _ = np.histogram(
        np.clip(margin[untied], -limit, limit), bins=edges, weights=share[untied]
    )
    return MarginHistogram(
        edges=edges,
        share=counts,
        ties=float(share[~untied].sum()),
        clipped=float(share[np.abs(margin) > limit].sum()),
    )


def summarise(scores: Scores, comparisons: Comparisons) -> RewardSummary:
    """Mean, standard deviation and range of rewards; the same of margins, weighted."""
    margin, weight = comparisons.margin, comparisons.weight
    mean = float(np.average(margin, weights=weight))
    return RewardSummary(
        mean=float(scores.reward.mean()),
        sd=float(scores.reward.std()),
        low=float(scores.reward.min()),
        high=float(scores.reward.max()),
        margin_mean=mean,
        margin_sd=float(np.sqrt(np.average((margin - mean) ** 2, weights=weight))),
        saturated=float(np.average(np.abs(margin) > SATURATED_MARGIN, weights=weight)),
    )


def _failed_ids(scores: Scores) -> list[str]:
    return sorted(set(scores.example_id[~np.isfinite(scores.reward)].tolist()))


def _intervals(comparisons: Comparisons, bins: IntArray) -> list[Interval | None]:
    """Interval of the accuracy in each bin that is not empty, in the bins' order."""
    outcome = binned_outcome(comparisons.margin, comparisons.comparison_preference)
    return accuracy_intervals(comparisons, outcome, bins)


def accuracy_intervals(
    comparisons: Comparisons, outcome: FloatArray, bins: IntArray
) -> list[Interval | None]:
    """95 % interval of the weighted mean outcome in each bin that is not empty.

    Args:
        comparisons: Whose weights, examples and clusters count.
        outcome: float64, shape (n_comparisons,); in [0, 1].
        bins: int64, shape (n_comparisons,); bin of each comparison.

    Returns:
        In the bins' order. Wilson's where a bin's comparisons are one an example, one a cluster
        and right or wrong; ``None`` where a bin has fewer than 2 clusters.
    """
    return [_interval(comparisons, outcome, np.flatnonzero(bins == b)) for b in np.unique(bins)]


def _interval(comparisons: Comparisons, outcome: FloatArray, inside: IntArray) -> Interval | None:
    # Only what is in the bin is touched: boards ask for thousands of bins.
    examples = comparisons.example[inside]
    weight, own = comparisons.weight[inside], outcome[inside]
    total, mass = weight * own, weight
    if len(comparisons.example) > comparisons.n_examples:
        examples, place = np.unique(examples, return_inverse=True)
        total = np.bincount(place, weights=total).astype(np.float64)
        mass = np.bincount(place, weights=mass).astype(np.float64)
    mean = linearised_ratio(total, mass)
    groups = comparisons.group[examples]
    n_clusters = count_clusters(groups)
    independent = n_clusters == len(examples) == len(inside)
    if n_clusters > 1 and independent and ((own == 0) | (own == 1)).all():
        return wilson(float(own.sum()), len(examples))
    return clustered_interval(mean, groups, fraction=True)
