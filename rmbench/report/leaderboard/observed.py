"""What a page shows of one result beside its headline: calibration, style, parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rmbench.metrics.base import MeasureContext
from rmbench.metrics.calibration import binned_outcome, confidence
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.reliability import BINS, equal_mass_bins
from rmbench.metrics.style import first_unstyled, style_matrix
from rmbench.report.curves import accuracy_intervals
from rmbench.report.labels import label_of
from rmbench.report.leaderboard.columns import Column, Member
from rmbench.report.leaderboard.payload import fractions, packed
from rmbench.report.text import plain
from rmbench.result import Estimate

MOST_PARTS = 60
"""Of a suite with more subsets and sections, those with most examples are shown."""

_PART_METRICS = ("accuracy", "best_of_n_accuracy", "group_mean_accuracy")
_CALIBRATION = ("nll", "brier", "brier_skill", "ece", "ece_null", "ece_p", "temperature")


@dataclass(frozen=True)
class Observed:
    """Of one result.

    Attributes:
        bins: Confidence, accuracy and the ends of its interval, bin by bin; empty where margins
            are not logits.
        counts: Comparisons in each bin.
        matrix: RM-Bench's 3 x 3 cells row by row, or empty.
    """

    bins: tuple[float | None, ...]
    counts: tuple[int, ...]
    matrix: tuple[float, ...]


def observe(comparisons: Comparisons, context: MeasureContext) -> Observed:
    """Calibration and style of one result's comparisons."""
    decided = comparisons.decided
    bins: tuple[float | None, ...] = ()
    counts: tuple[int, ...] = ()
    if context.margins_are_logits and decided.n_examples > 0:
        bins, counts = reliability_bins(comparisons)
    matrix: tuple[float, ...] = ()
    if decided.n_examples > 0 and first_unstyled(decided) is None:
        matrix = tuple(style_matrix(decided, context.ties).ravel().tolist())
    return Observed(bins, counts, matrix)


def reliability_bins(c: Comparisons) -> tuple[tuple[float | None, ...], tuple[int, ...]]:
    """Confidence against accuracy in bins of equal weight: ``rmbench.report.curves.reliability``.

    All bins' means at once, which a board of thousands of results can afford.

    Returns:
        Confidence, accuracy and both ends of its interval, bin by bin, and the number of
        comparisons of each bin.
    """
    sure, outcome = confidence(c.margin), binned_outcome(c.margin, c.comparison_preference)
    bins = equal_mass_bins(sure, BINS, c.weight)
    _, code, n = np.unique(bins, return_inverse=True, return_counts=True)
    mass = np.bincount(code, weights=c.weight)
    x = np.bincount(code, weights=c.weight * sure) / mass
    accuracy = np.bincount(code, weights=c.weight * outcome) / mass
    found: list[float | None] = []
    for b, interval in enumerate(accuracy_intervals(c, outcome, bins)):
        ends = (None, None) if interval is None else (interval.low, interval.high)
        found += [float(x[b]), float(accuracy[b]), *ends]
    return tuple(found), tuple(n.tolist())


def suite_detail(
    column: Column, observed: dict[str, Observed], index: dict[str, int]
) -> dict[str, Any]:
    """A column's parts, reliability bins, style matrices and calibration, for a page.

    Args:
        column: The column.
        observed: By model.
        index: Number of each model on the page.
    """
    members = column.members
    styled = [m for m in members if m.model in observed and observed[m.model].matrix]
    binned = [m for m in members if m.model in observed and observed[m.model].bins]
    return {
        "parts": _parts(members, column, index),
        "bins": [
            [
                index[m.model],
                fractions(observed[m.model].bins),
                packed(np.array(observed[m.model].counts), "<u4"),
            ]
            for m in binned
        ],
        "matrix": [[index[m.model], fractions(observed[m.model].matrix)] for m in styled],
        "metrics": [label_of(name).label for name in _CALIBRATION],
        "calibration": [
            [index[m.model], *(_rounded(m.run.result.estimate(name)) for name in _CALIBRATION)]
            for m in members
        ],
    }


def _parts(
    members: Sequence[Member], column: Column, index: dict[str, int]
) -> dict[str, Any] | None:
    by_metric: dict[str, dict[str, dict[str, Estimate]]] = {}
    wanted = tuple(dict.fromkeys((column.metric, *_PART_METRICS)))
    for m in members:
        for e in m.run.result.estimates:
            if e.subset is not None and e.metric in wanted and e.unit == "fraction":
                by_part = by_metric.setdefault(e.metric, {})
                by_part.setdefault(e.subset, {})[m.model] = e
    metric = next((name for name in wanted if len(by_metric.get(name, {})) > 1), None)
    if metric is None:
        return None
    found = by_metric[metric]
    sizes = {part: max(e.n for e in of.values()) for part, of in found.items()}
    kept = list(found)
    if len(kept) > MOST_PARTS:
        largest = set(sorted(kept, key=lambda part: -sizes[part])[:MOST_PARTS])
        kept = [part for part in kept if part in largest]
    values: list[float | None] = []
    for m in members:
        for part in kept:
            own = found[part].get(m.model)
            values += [None] * 3 if own is None else [own.value, own.ci_low, own.ci_high]
    return {
        "metric": label_of(metric).by_part,
        "names": [plain(part) for part in kept],
        "n": [sizes[part] for part in kept],
        "all": len(found),
        "models": [index[m.model] for m in members],
        "values": fractions(values),
    }


def _rounded(estimate: Estimate | None) -> float | None:
    if estimate is None or estimate.value is None:
        return None
    return float(f"{estimate.value:.4g}")
