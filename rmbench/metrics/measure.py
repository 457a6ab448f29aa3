"""Measuring a list of metrics on the whole suite and on each of its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rmbench.metrics.arrays import BoolArray
from rmbench.metrics.base import MeasureContext, Metric
from rmbench.metrics.comparison_metric import ComparisonMetric
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.robustness_metric import RobustnessMetric
from rmbench.result.models import Estimate
from rmbench.types import Scores


@dataclass(frozen=True)
class Part:
    """The whole suite, a subset or a section.

    Attributes:
        name: ``None`` for the whole suite.
        subsets: The subsets it pools; ``None`` for all.
        comparisons: Its comparisons.
    """

    name: str | None
    subsets: frozenset[str] | None
    comparisons: Comparisons


def measure(metrics: Sequence[Metric], scores: Scores, context: MeasureContext) -> list[Estimate]:
    """Every metric on the whole suite, then (where per subset or section) on each part.

    The parts are the subsets in sorted order, then the sections in the context's order
    under their own name. A section that pools exactly the subset it is named after adds
    nothing and is left out, as is one of which no example is here.

    Args:
        metrics: What to measure, in the order of the answer.
        scores: One row per response, all rewards finite.
        context: The suite's and scorer's choices.

    Raises:
        ValueError: If the scores break what ``Scores`` promises, a reward is not finite,
            or a section has the name of a subset and pools others.
    """
    whole = Comparisons.from_scores(scores)
    parts = parts_of(whole, context.sections)
    found: dict[tuple[int, int], Estimate] = {}
    # Part by part, so that the metrics of one part share what they derive from it.
    for p, part in enumerate(parts):
        rows: Scores | None = None
        for m, metric in enumerate(metrics):
            if not is_reported(metric, part.name, context):
                continue
            if isinstance(metric, ComparisonMetric):
                found[m, p] = metric.estimate(part.comparisons, context, subset=part.name)
            elif isinstance(metric, RobustnessMetric):
                found[m, p] = metric.estimate(whole, context, subset=part.name)
            else:
                rows = _rows(scores, part) if rows is None else rows
                found[m, p] = metric(rows, context, subset=part.name)
    return [found[key] for key in sorted(found)]


def is_reported(metric: Metric, part: str | None, context: MeasureContext) -> bool:
    """Whether a metric is reported for a part of a suite, given by name."""
    if isinstance(metric, RobustnessMetric):
        return metric.is_reported(part)
    if part is None or metric.per_subset:
        return True
    per_section = isinstance(metric, ComparisonMetric) and metric.per_section
    return per_section and part in context.sections


def parts_of(whole: Comparisons, sections: Mapping[str, tuple[str, ...]]) -> list[Part]:
    """The whole suite, its subsets in sorted order, its sections in theirs.

    Raises:
        ValueError: If a section has the name of a subset and pools others.
    """
    names, code = np.unique(whole.subset, return_inverse=True)
    pools: dict[str, BoolArray] = {}
    subsets: dict[str, frozenset[str]] = {}
    for i, name in enumerate(names.tolist()):
        pools[name], subsets[name] = code == i, frozenset((name,))
    for name, members in sections.items():
        if name in subsets:
            if subsets[name] == set(members):
                continue
            raise ValueError(f"section {name!r} has the name of a subset but pools {members}")
        mask = np.isin(names, list(members))[code]
        if mask.any():
            pools[name], subsets[name] = mask, frozenset(members)
    parts = [Part(name, subsets[name], whole.where(mask)) for name, mask in pools.items()]
    return [Part(None, None, whole), *parts]


def _rows(scores: Scores, part: Part) -> Scores:
    if part.subsets is None:
        return scores
    inside: NDArray[np.bool_] = np.isin(scores.subset, sorted(part.subsets))
    return scores.where(inside)
