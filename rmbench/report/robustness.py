"""What each transformation of a robustness suite did, worst first.

A transformation's numbers are those of a subset of its name; what it does and how many
examples it does not fit stand in the result's provenance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rmbench.report.bars import FRACTION_SCALE, Bar, Scale, bar
from rmbench.report.caveats import flags
from rmbench.report.numbers import UNDEFINED, fraction, interval, value_only, with_interval
from rmbench.report.overview import SuiteView
from rmbench.result import Estimate, Result

FLIPS = "flip_rate"
SIGNIFICANT = 0.05
"""A drop with a q below this is set off; of such drops about one in twenty is chance."""

HEADER = ("n", "left out", "flip rate", "accuracy drop", "q", "score shift")
"""Columns of ``TransformationRow.cells``."""


@dataclass(frozen=True)
class TransformationRow:
    """One transformation of one result.

    Attributes:
        name: Its name.
        what: What it does, in one line; empty where the result does not say.
        n: Examples that were rewritten.
        left_out: Examples that it does not fit; ``None`` where the result does not say.
        flips: How often the winner changed.
        before: Accuracy as they were.
        after: Accuracy rewritten.
        drop: Accuracy lost.
        q: Its p-value, adjusted over the transformations.
        shift: How far rewards moved.
    """

    name: str
    what: str
    n: int
    left_out: int | None
    flips: Estimate
    before: Estimate | None
    after: Estimate | None
    drop: Estimate | None
    q: Estimate | None
    shift: Estimate | None

    @property
    def is_significant(self) -> bool:
        """Whether the accuracy changed more than chance would have it."""
        return self.q is not None and self.q.value is not None and self.q.value < SIGNIFICANT

    @property
    def cells(self) -> tuple[str, ...]:
        """The numbers in words, in the order of ``HEADER``."""
        return (
            f"{self.n:,}",
            UNDEFINED if self.left_out is None else f"{self.left_out:,}",
            with_interval(self.flips),
            with_interval(self.drop, signed=True),
            _q(self.q),
            value_only(self.shift),
        )


@dataclass(frozen=True)
class PageRow:
    """A transformation as a page shows it."""

    name: str
    what: str
    n: str
    left_out: str
    flips: str
    flips_interval: str | None
    bar: Bar | None
    accuracies: str
    drop: str
    drop_interval: str | None
    q: str
    is_significant: bool
    shift: str
    reason: str | None


@dataclass(frozen=True)
class PageGroup:
    """The transformations of one scorer, worst first, and those that fit no example."""

    scorer: str
    is_baseline: bool
    flags: tuple[str, ...]
    rows: tuple[PageRow, ...]
    unfit: str


@dataclass(frozen=True)
class RobustnessView:
    """The transformations of a suite, for a page."""

    scale: Scale
    groups: tuple[PageGroup, ...]


def is_robustness(result: Result) -> bool:
    """Whether a result is that of a suite on rewritten texts."""
    return any(e.metric == FLIPS and e.subset is not None for e in result.estimates)


def transformation_rows(result: Result) -> tuple[TransformationRow, ...]:
    """The transformations of a result by flip rate, highest first; those without one last."""
    told = _told(result)

    def row(flips: Estimate) -> TransformationRow:
        name = flips.subset or ""
        facts = told.get(name, {})
        left_out = facts.get("left_out")
        return TransformationRow(
            name=name,
            what=str(facts.get("what", "")),
            n=flips.n,
            left_out=left_out if isinstance(left_out, int) else None,
            flips=flips,
            before=result.estimate("accuracy_before", name),
            after=result.estimate("accuracy_after", name),
            drop=result.estimate("accuracy_drop", name),
            q=result.estimate("accuracy_drop_q", name),
            shift=result.estimate("score_shift", name),
        )

    found = [row(e) for e in result.estimates if e.metric == FLIPS and e.subset is not None]
    return tuple(sorted(found, key=lambda r: (-_value(r.flips), -_value(r.drop), r.name)))


def unfit(result: Result) -> tuple[str, ...]:
    """Transformations that fit no example, in the suite's order."""
    return tuple(name for name, facts in _told(result).items() if facts.get("examples") == 0)


def robustness_view(suite: SuiteView) -> RobustnessView | None:
    """A suite's transformations scorer by scorer; ``None`` where it has none."""
    entries = [e for e in suite.entries if is_robustness(e.result)]
    if not entries:
        return None
    return RobustnessView(
        FRACTION_SCALE,
        tuple(
            PageGroup(
                scorer=entry.scorer.name,
                is_baseline=entry.scorer.info.content_blind,
                flags=flags(entry.result),
                rows=tuple(_page_row(row) for row in transformation_rows(entry.result)),
                unfit=", ".join(unfit(entry.result)),
            )
            for entry in entries
        ),
    )


def _page_row(row: TransformationRow) -> PageRow:
    n, left_out, _, _, q, shift = row.cells
    return PageRow(
        name=row.name,
        what=row.what,
        n=n,
        left_out=left_out,
        flips=value_only(row.flips),
        flips_interval=interval(row.flips),
        bar=bar(row.flips, FRACTION_SCALE),
        accuracies=f"{value_only(row.before)} → {value_only(row.after)}",
        drop=value_only(row.drop, signed=True),
        drop_interval=interval(row.drop, signed=True) if row.drop else None,
        q=q,
        is_significant=row.is_significant,
        shift=shift,
        reason=row.flips.reason,
    )


def _told(result: Result) -> Mapping[str, Mapping[str, Any]]:
    """What a result says of its transformations; other people's, so of any shape."""
    told = result.provenance.facts.get("transformations")
    if not isinstance(told, Mapping):
        return {}
    return {name: facts for name, facts in told.items() if isinstance(facts, Mapping)}


def _q(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return UNDEFINED
    return "< .001" if estimate.value < 0.001 else fraction(estimate.value)


def _value(estimate: Estimate | None) -> float:
    return -1.0 if estimate is None or estimate.value is None else estimate.value
