"""Results of one training run's checkpoints, arranged as curves over its steps."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, NamedTuple

from rmbench.report.overview import Entry, Overview, SuiteView
from rmbench.result import Estimate, ScorerInfo

NLL = "nll"
"""Drawn beside the headline: a model can lose it while its accuracy still rises."""


class StepKey(NamedTuple):
    """A place on a run's axis: a checkpoint, or the final model at the same step."""

    step: int
    final: bool


@dataclass(frozen=True)
class Point:
    """One checkpoint on a curve.

    Attributes:
        key: Its place on the axis.
        entry: Its result.
        estimate: What is drawn; has a value.
    """

    key: StepKey
    entry: Entry
    estimate: Estimate


@dataclass(frozen=True)
class TrainingCurve:
    """One metric of one suite over a run's steps.

    Attributes:
        suite: The suite.
        metric: Its name.
        points: By step, the final model last.
        baseline: Name and value of the best content-blind baseline, if one was measured.
    """

    suite: SuiteView
    metric: str
    points: tuple[Point, ...]
    baseline: tuple[str, Estimate] | None


@dataclass(frozen=True)
class TrainingRun:
    """One training run with at least two measured steps.

    Attributes:
        name: The name of its folder, made unique in the report.
        folder: Its folder.
        curves: Suite by suite, the headline before the NLL.
    """

    name: str
    folder: str
    curves: tuple[TrainingCurve, ...]

    @property
    def keys(self) -> tuple[StepKey, ...]:
        """The places on the axis that any curve has a point at, in order."""
        return tuple(sorted({p.key for curve in self.curves for p in curve.points}))


class _Measured(NamedTuple):
    """A run, and the choices its checkpoints were measured with, as JSON.

    Measured with two lengths, a run has two curves.
    """

    folder: str
    options: str

    @classmethod
    def of(cls, info: ScorerInfo) -> _Measured | None:
        if info.checkpoint is None:
            return None
        return cls(info.checkpoint.run, json.dumps(info.options, sort_keys=True))


def training_runs(overview: Overview) -> tuple[TrainingRun, ...]:
    """The runs that more than one step was measured of, in the report's order."""
    found: dict[_Measured, tuple[TrainingCurve, ...]] = {}
    for scorer in overview.scorers:
        measured = _Measured.of(scorer.info)
        if measured is not None and measured not in found:
            found[measured] = tuple(_curves(overview, measured))
    found = {measured: curves for measured, curves in found.items() if curves}
    names = _names(list(found))
    return tuple(
        TrainingRun(names[measured], measured.folder, curves) for measured, curves in found.items()
    )


def _curves(overview: Overview, measured: _Measured) -> Iterator[TrainingCurve]:
    for suite in overview.accuracy_suites:
        for metric in (suite.headline, NLL):
            if metric is None:
                continue
            points = tuple(_points(suite, measured, metric))
            if len({p.key.step for p in points}) > 1:
                yield TrainingCurve(suite, metric, points, _baseline(suite, metric))


def _points(suite: SuiteView, measured: _Measured, metric: str) -> Iterator[Point]:
    """By step, as the entries are; of a checkpoint that was run twice the later result."""
    points: dict[StepKey, Point] = {}
    for entry in suite.entries:
        at = entry.scorer.info.checkpoint
        estimate = _estimate(entry, suite, metric)
        if at is None or _Measured.of(entry.scorer.info) != measured:
            continue
        if estimate is not None and estimate.value is not None:
            key = StepKey(at.step, at.final)
            points[key] = Point(key, entry, estimate)
    yield from points.values()


def _estimate(entry: Entry, suite: SuiteView, metric: str) -> Estimate | None:
    if metric == suite.headline:
        return suite.headline_of(entry.result)
    return entry.result.estimate(metric)


def _baseline(suite: SuiteView, metric: str) -> tuple[str, Estimate] | None:
    if metric == NLL:
        return None
    found = [
        (entry.scorer.name, estimate)
        for entry in suite.entries
        if entry.scorer.info.content_blind
        and (estimate := _estimate(entry, suite, metric)) is not None
        and estimate.value is not None
    ]
    return max(found, key=lambda named: named[1].value or 0.0, default=None)


def _names(found: list[_Measured]) -> dict[_Measured, str]:
    """The folder's name; all of its path, or the choices that differ, where that is needed."""
    folders = dict.fromkeys(m.folder for m in found)
    shared = Counter(PurePath(folder).name for folder in folders)
    names = {}
    for m in found:
        name = PurePath(m.folder).name
        if shared[name] > 1:
            name = m.folder
        others = [json.loads(o.options) for o in found if o.folder == m.folder and o != m]
        own = json.loads(m.options)
        differing = [f"{key} {own.get(key)}" for key in own if _differs(key, own, others)]
        names[m] = f"{name} ({', '.join(differing)})" if differing else name
    return names


def _differs(key: str, own: Mapping[str, Any], others: list[Mapping[str, Any]]) -> bool:
    return any(other.get(key) != own[key] for other in others)
