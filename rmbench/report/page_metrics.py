"""The table of a suite's metrics in the HTML report, as data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from rmbench.report.labels import MetricLabel, label_of
from rmbench.report.numbers import interval, value_only
from rmbench.report.overview import SuiteView
from rmbench.result import Estimate


@dataclass(frozen=True)
class MetricCell:
    """One scorer's value of one metric."""

    value: str
    interval: str | None
    n: str | None
    reason: str | None


@dataclass(frozen=True)
class MetricRow:
    """One metric of all scorers; a cell says its own n where it is not the row's."""

    label: str
    help: str
    cells: tuple[MetricCell, ...]
    n: str
    method: str


@dataclass(frozen=True)
class MetricGroup:
    """Metrics under one heading."""

    title: str
    rows: tuple[MetricRow, ...]


def metric_groups(suite: SuiteView) -> tuple[MetricGroup, ...]:
    """The values of the whole suite, a column a scorer, under the headings of their kind."""
    groups: dict[str, list[MetricRow]] = {}
    for metric in suite.metrics:
        label = label_of(metric)
        groups.setdefault(label.group, []).append(_metric_row(suite, label))
    return tuple(MetricGroup(title, tuple(rows)) for title, rows in groups.items())


def _metric_row(suite: SuiteView, label: MetricLabel) -> MetricRow:
    found = [e.result.estimate(label.metric) for e in suite.entries]
    sizes = Counter(e.n for e in found if e is not None)
    usual = sizes.most_common(1)[0][0]
    methods = dict.fromkeys(e.ci_method for e in found if e is not None and e.ci_method)
    return MetricRow(
        label=label.label,
        help=label.help,
        cells=tuple(_metric_cell(e, label, usual) for e in found),
        n=f"{usual:,}",
        method=", ".join(methods),
    )


def _metric_cell(estimate: Estimate | None, label: MetricLabel, usual_n: int) -> MetricCell:
    if estimate is None:
        return MetricCell("", None, None, None)
    return MetricCell(
        value=value_only(estimate, signed=label.signed),
        interval=interval(estimate, signed=label.signed),
        n=f"n = {estimate.n:,}" if estimate.n != usual_n else None,
        reason=estimate.reason,
    )


def reasons_without_value(suite: SuiteView) -> tuple[str, ...]:
    """Each reason once, with the numbers and scorers it leaves without a value."""
    metrics: dict[str, dict[str, None]] = {}
    scorers: dict[str, dict[str, None]] = {}
    for entry in suite.entries:
        for e in entry.result.estimates:
            if e.reason is not None and e.subset is None:
                metrics.setdefault(e.reason, {})[label_of(e.metric).label] = None
                scorers.setdefault(e.reason, {})[entry.scorer.name] = None
    return tuple(
        f"{', '.join(names)} of {', '.join(scorers[reason])}: {reason}"
        for reason, names in metrics.items()
    )
