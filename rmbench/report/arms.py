"""Ways of making batches that a throughput suite times beside a model's own path.

An arm's numbers are those of a subset of its name; the model's own path is one of the arms,
and the whole suite's numbers are its.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rmbench.report.bars import scale_from_zero
from rmbench.report.cards import BarCard, BarRow, bar_row
from rmbench.report.labels import label_of
from rmbench.report.numbers import UNDEFINED, value_only, with_interval
from rmbench.report.overview import Entry, SuiteView
from rmbench.result import Result

RATIO = "relative_time"
METRICS = (
    RATIO, "pairs_per_s", "padding_fraction", "peak_memory_bytes", "matmul_fraction",
    "effective_matmul_fraction", "score_difference_sd",
)  # fmt: skip
"""What is shown of every arm."""


@dataclass(frozen=True)
class ArmRow:
    """One arm of one scorer: its numbers in words, in the order of the metrics asked for."""

    arm: str
    is_own: bool
    cells: tuple[str, ...]


@dataclass(frozen=True)
class ArmGroup:
    """The arms of one scorer."""

    scorer: str
    rows: tuple[ArmRow, ...]


@dataclass(frozen=True)
class NotTimed:
    """Arms that could not be timed, whose, and why."""

    arms: tuple[str, ...]
    scorers: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class ArmsView:
    """The arms of a suite, for a page."""

    cards: tuple[BarCard, ...]
    header: tuple[str, ...]
    groups: tuple[ArmGroup, ...]
    not_timed: tuple[NotTimed, ...]


def own_arm(result: Result) -> str | None:
    """Which arm the model's own path is."""
    found = result.provenance.facts.get("own_arm")
    return found if isinstance(found, str) else None


def arms_of(result: Result) -> tuple[str, ...]:
    """A result's arms, in the suite's order."""
    return tuple(e.subset for e in result.estimates if e.metric == RATIO and e.subset is not None)


def arm_rows(result: Result, metrics: Sequence[str] = METRICS) -> tuple[ArmRow, ...]:
    """The arms of a result; empty where it has none."""
    own = own_arm(result)
    return tuple(
        ArmRow(arm, arm == own, tuple(_cell(result, metric, arm) for metric in metrics))
        for arm in arms_of(result)
    )


def _cell(result: Result, metric: str, arm: str) -> str:
    estimate = result.estimate(metric, arm)
    if estimate is None:
        return UNDEFINED
    return with_interval(estimate) if label_of(metric).interval else value_only(estimate)


def not_timed(suite: SuiteView) -> tuple[NotTimed, ...]:
    """Each reason once, with the arms and scorers it concerns."""
    arms: dict[str, dict[str, None]] = {}
    scorers: dict[str, dict[str, None]] = {}
    for entry in suite.entries:
        for e in entry.result.estimates:
            if e.metric == RATIO and e.subset is not None and e.reason is not None:
                arms.setdefault(e.reason, {})[e.subset] = None
                scorers.setdefault(e.reason, {})[entry.scorer.name] = None
    return tuple(NotTimed(tuple(arms[r]), tuple(scorers[r]), r) for r in arms)


def arms_view(suite: SuiteView) -> ArmsView | None:
    """A suite's arms as cards of bars and a table; ``None`` where it has none."""
    entries = [e for e in suite.entries if arms_of(e.result)]
    if not entries:
        return None
    found = [e.result.estimate("pairs_per_s", arm) for e in entries for arm in arms_of(e.result)]
    scale = scale_from_zero(found, "pairs/s")

    def row(entry: Entry, arm: str) -> BarRow:
        estimate = entry.result.estimate("pairs_per_s", arm)
        name = f"{arm} (own)" if arm == own_arm(entry.result) else arm
        return bar_row(name, estimate, scale, entry=entry, is_part=True)

    return ArmsView(
        cards=tuple(
            BarCard(
                title=entry.scorer.name,
                subtitle=label_of("pairs_per_s").label,
                scale=scale,
                rows=tuple(row(entry, arm) for arm in arms_of(entry.result)),
            )
            for entry in entries
        ),
        header=tuple(label_of(metric).label for metric in METRICS),
        groups=tuple(ArmGroup(e.scorer.name, arm_rows(e.result)) for e in entries),
        not_timed=not_timed(suite),
    )
