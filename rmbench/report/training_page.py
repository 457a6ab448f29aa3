"""Training curves as figures of the HTML report."""

from __future__ import annotations

from dataclasses import dataclass

from rmbench.report.cards import PAIRWISE
from rmbench.report.caveats import flags
from rmbench.report.figure import DataTable, Figure
from rmbench.report.labels import OTHER, label_of
from rmbench.report.numbers import UNDEFINED, interval, number, quantity
from rmbench.report.overview import Overview
from rmbench.report.training import NLL, Point, TrainingCurve, training_runs

_COIN_FLIP_NLL = 0.6931471805599453
"""log 2: what a reward that is always the same scores."""


@dataclass(frozen=True)
class TrainingView:
    """One training run: what it is called, where it lies, its curves.

    ``flags`` are short words for what makes the values less than they seem.
    """

    anchor: str
    name: str
    folder: str
    flags: tuple[str, ...]
    figures: tuple[Figure, ...]


def training_views(overview: Overview) -> tuple[TrainingView, ...]:
    """Every run that more than one step was measured of."""
    return tuple(
        TrainingView(
            anchor=f"training-{i}",
            name=run.name,
            folder=run.folder,
            flags=tuple(
                dict.fromkeys(
                    word
                    for curve in run.curves
                    for p in curve.points
                    for word in flags(p.entry.result)
                )
            ),
            figures=tuple(
                _figure(curve, f"training-{i}-{j}") for j, curve in enumerate(run.curves, start=1)
            ),
        )
        for i, run in enumerate(training_runs(overview), start=1)
    )


def _figure(curve: TrainingCurve, prefix: str) -> Figure:
    # Drawing is what needs matplotlib; nothing else in this module does.
    from rmbench.report import plots

    label = label_of(curve.metric)
    chance = _chance(curve)
    unit = curve.points[0].estimate.unit
    values = [
        plots.StepValue(
            p.key.step, p.estimate.value, p.estimate.ci_low, p.estimate.ci_high, p.key.final
        )
        for p in curve.points
        if p.estimate.value is not None
    ]
    legend = [("points", "checkpoints, 95 % interval")]
    if any(v.final for v in values):
        legend.append(("final", "final model"))
    if chance is not None:
        legend.append(("line", "coin flip"))
    if curve.baseline is not None:
        name, estimate = curve.baseline
        value = quantity(estimate.value or 0.0, estimate.unit)
        legend.append(("baseline", f"{name} ({value}), best content-blind"))
    return Figure(
        title=f"{curve.suite.ref.title or curve.suite.name}: {label.label}",
        svg=plots.metric_by_step(
            values,
            prefix,
            label=label.label if label.group != OTHER else "value",
            chance=chance,
            baseline=curve.baseline[1].value if curve.baseline else None,
            fraction=unit == "fraction",
        ),
        legend=tuple(legend),
        caption=_caption(curve),
        table=DataTable(
            ("step", "epoch", label.label, "95 % interval", "n"),
            tuple(_row(p) for p in curve.points),
        ),
    )


def _chance(curve: TrainingCurve) -> float | None:
    if curve.metric == NLL:
        return _COIN_FLIP_NLL
    metric = curve.suite.own_headline if curve.metric == "score" else curve.metric
    return 0.5 if metric in PAIRWISE else None


def _caption(curve: TrainingCurve) -> str:
    best = (min if curve.metric == NLL else max)(
        curve.points, key=lambda p: p.estimate.value or 0.0
    )
    value = quantity(best.estimate.value or 0.0, best.estimate.unit)
    return f"Best at step {best.key.step:,}: {value}."


def _row(point: Point) -> tuple[str, ...]:
    e, at = point.estimate, point.entry.scorer.info.checkpoint
    step = f"{point.key.step:,}"
    return (
        f"{step} (final)" if point.key.final else step,
        UNDEFINED if at is None or at.epoch is None else number(at.epoch),
        quantity(e.value or 0.0, e.unit),
        interval(e) or UNDEFINED,
        f"{e.n:,}",
    )
