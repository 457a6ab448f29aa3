"""A comparison arranged for reading, before any format has its say."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from rmbench.report.labels import label_of, position_of
from rmbench.report.numbers import MINUS, UNDEFINED, fraction, number, quantity
from rmbench.report.text import Safe, Text
from rmbench.result import (
    Comparison,
    ComparisonReport,
    Flip,
    PairedEstimate,
    Side,
    SpeedEstimate,
    Verdict,
)

_HEADLINES = ("score", "accuracy", "macro_accuracy", "best_of_n_accuracy", "nll")
_SPEED = ("tokens_per_s", "pairs_per_s")
SPEEDS = (*_SPEED, "latency_p50_s", "latency_p95_s", "latency_p99_s", "peak_memory_bytes")
"""What a table of speeds shows."""
_MOVED: tuple[Verdict, ...] = ("improved", "regression")

WORDS: dict[Verdict, str] = {
    "pass": "pass",
    "improved": "improved",
    "regression": "regression",
    "inconclusive": "inconclusive",
    "not_comparable": "not compared",
}


@dataclass(frozen=True)
class Row:
    """One metric of one part, or one speed.

    Attributes:
        metric: Its name in results.
        label: Its name in reports.
        part: The subset or section; ``None`` for the whole suite.
        baseline: The baseline's value.
        candidate: The candidate's.
        difference: Candidate less baseline, for speeds their ratio.
        interval: The 95 % interval of the difference, in brackets; empty without one.
        p: The p-value; of a part after correction.
        detectable: The smallest difference that would be found.
        n: Examples, and clusters where these are fewer.
        wins: Examples won and lost, ``55 / 45``; empty where it does not apply.
        how: Interval's and test's methods.
        verdict: What the data allow to say.
        reason: Why there is no test.
    """

    metric: str
    label: Text
    part: str | None
    baseline: str
    candidate: str
    difference: str
    interval: str
    p: str
    detectable: str
    n: str
    wins: str
    how: str
    verdict: Verdict
    reason: str

    @property
    def word(self) -> str:
        """The verdict in a word."""
        known = self.verdict == "not_comparable" and self.difference != UNDEFINED
        return "not tested" if known else WORDS[self.verdict]


@dataclass(frozen=True)
class Block:
    """One candidate on one suite.

    Attributes:
        suite: Name of the suite.
        baseline: The baseline's name.
        candidate: The candidate's.
        line: The verdict in a sentence.
        verdict: That of the headline.
        facts: How many items and clusters, and which are missing.
        rows: The whole suite, metric by metric, as far as there is a test.
        moved: Parts with a significant difference, the headline's first, then the surest.
        parts: Every tested part.
        not_tested: What stands side by side without a test.
        n_parts: How many parts were tested, over all metrics.
        is_speed: Whether it is of speeds, whose differences are ratios.
        flips: The flipped examples to show.
        better: How many the candidate alone has right.
        worse: How many the baseline alone has right.
        notes: What else a reader should know.
        refused: Whether the two must not be compared.
    """

    suite: str
    baseline: str
    candidate: str
    line: tuple[str, ...]
    verdict: Verdict
    facts: tuple[Text, ...]
    rows: tuple[Row, ...] = ()
    moved: tuple[Row, ...] = ()
    parts: tuple[Row, ...] = ()
    not_tested: tuple[Row, ...] = ()
    n_parts: int = 0
    is_speed: bool = False
    flips: tuple[Flip, ...] = ()
    better: int = 0
    worse: int = 0
    notes: tuple[str, ...] = ()
    refused: bool = False


@dataclass(frozen=True)
class Blocks:
    """All of a report.

    Attributes:
        blocks: One for each candidate on each suite of the baseline.
        unmatched: What only a candidate was measured on.
    """

    blocks: tuple[Block, ...]
    unmatched: tuple[Text, ...]


def build_blocks(report: ComparisonReport) -> Blocks:
    """Arrange everything that was compared, in the report's order."""
    names = _Names(report)
    return Blocks(
        tuple(_block(c, names) for c in report.comparisons),
        tuple(
            (names.of(u.candidate), Safe(" alone was measured on "), u.suite)
            for u in report.unmatched
        ),
    )


def main_rows(block: Block) -> list[Row]:
    """The rows that a narrow table shows."""
    also = ("nll", *SPEEDS)
    return [row for row in block.rows if label_of(row.metric).main or row.metric in also]


class _Names:
    """Names of the sides, with as much of their folder as tells apart those that share one."""

    def __init__(self, report: ComparisonReport) -> None:
        sides = [c.baseline for c in report.comparisons]
        sides += [c.candidate for c in report.comparisons if c.candidate]
        sides += [u.candidate for u in report.unmatched]
        folders: dict[str, set[Path]] = {}
        for side in sides:
            folders.setdefault(side.scorer.name, set()).add(_folder(side))
        self._folders = folders

    def of(self, side: Side) -> str:
        name = side.scorer.name
        alike = self._folders[name]
        if len(alike) > 1:
            name = f"{name} ({_told_apart(_folder(side), alike)})"
        return f"{name} × {len(side.replicates)} seeds" if side.replicates else name


def _folder(side: Side) -> Path:
    """The scorer's folder, in which a result's lies."""
    return Path(side.path).parent


def _told_apart(folder: Path, among: Collection[Path]) -> str:
    """The fewest last parts of a folder's name that no other's ends in, less what all share.

    >>> folders = [Path("runs/a/m-1"), Path("runs/b/m-1")]
    >>> _told_apart(folders[0], folders)
    'a'
    """
    for n in range(1, len(folder.parts) + 1):
        tails = [other.parts[-n:] for other in among]
        if tails.count(folder.parts[-n:]) == 1:
            shared = n > 1 and len({tail[1:] for tail in tails}) == 1
            return folder.parts[-n] if shared else str(Path(*folder.parts[-n:]))
    return str(folder)


def _block(c: Comparison, names: _Names) -> Block:
    baseline, suite = names.of(c.baseline), c.suite.name
    if c.candidate is None:
        alone = (baseline, Safe(" alone was measured on "), suite)
        return Block(suite, baseline, "", alone, "not_comparable", ())
    candidate = names.of(c.candidate)
    start = (candidate, Safe(" against "), baseline, Safe(" on "), suite, Safe(": "))
    if c.reason is not None:
        line = (*start, Safe("not comparable: "), c.reason)
        return Block(suite, baseline, candidate, line, "not_comparable", (), refused=True)
    if c.suite.kind == "throughput":
        rows = [_speed_row(s) for s in c.speeds]
        head = next((s for m in _SPEED if (s := c.speed(m)) is not None), None)
        spoken, said = _speed_line(head) if head else (Safe("no speeds"), "not_comparable")
        return Block(
            suite=suite,
            baseline=baseline,
            candidate=candidate,
            line=(*start, spoken),
            verdict=said,
            facts=(),
            is_speed=True,
            rows=tuple(r for r in rows if not r.reason or r.difference != UNDEFINED),
            not_tested=tuple(r for r in rows if r.reason),
            notes=c.notes,
        )
    head_estimate = headline(c)
    end, said = (
        _line(head_estimate)
        if head_estimate
        else ((Safe("no metric in common"),), "not_comparable")
    )
    rows = [_row(e) for e in sorted(c.estimates, key=lambda e: position_of(e.metric))]
    tested = [r for r in rows if not _is_untested(r)]
    by_part = [e for e in c.estimates if e.subset is not None and e.q is not None]
    first = head_estimate.metric if head_estimate else ""
    moved = sorted(
        (e for e in by_part if e.verdict in _MOVED), key=lambda e: (e.metric != first, e.q or 0.0)
    )
    return Block(
        suite=suite,
        baseline=baseline,
        candidate=candidate,
        line=(*start, *end),
        verdict=said,
        facts=_facts(c, head_estimate),
        rows=tuple(r for r in tested if r.part is None),
        moved=tuple(_row(e) for e in moved),
        parts=tuple(r for r in tested if r.part is not None),
        not_tested=tuple(r for r in rows if _is_untested(r)),
        n_parts=len(by_part),
        flips=c.flips,
        better=c.better,
        worse=c.worse,
        notes=c.notes,
    )


def headline(c: Comparison) -> PairedEstimate | None:
    """The estimate that stands for a comparison."""
    found = [c.estimate(metric) for metric in _HEADLINES]
    known = [e for e in found if e is not None]
    return next((e for e in known if e.difference is not None), next(iter(known), None))


def change(value: float, unit: str, *, signed: bool = True) -> str:
    """A difference in words: fractions in points (of a hundred), others in their unit.

    >>> change(0.0812, "fraction"), change(-0.02, "nat")
    ('+8.1 points', '−0.020 nat')
    """
    if unit == "fraction":
        return f"{_points(value, signed=signed)} points"
    shown = number(value, signed=signed)
    return shown if unit == "1" else f"{shown} {unit}"


def probability(p: float) -> str:
    """``p < .001`` or ``p = .037``.

    >>> probability(0.0371), probability(1e-9)
    ('p = .037', 'p < .001')
    """
    return "p < .001" if p < 0.0005 else f"p = {fraction(p)}"


def _points(value: float, *, signed: bool = True) -> str:
    digits = f"{abs(100 * value):.1f}"
    if float(digits) == 0:
        return digits
    return (MINUS if value < 0 else "+" if signed else "") + digits


def _line(e: PairedEstimate) -> tuple[tuple[str, ...], Verdict]:
    label = label_of(e.metric).label
    if e.difference is None or e.candidate is None or e.baseline is None:
        return (label, Safe(" not compared: "), e.reason or ""), e.verdict
    text = (
        f" {quantity(e.candidate, e.unit)} against {quantity(e.baseline, e.unit)}, "
        f"{change(e.difference, e.unit)}"
    )
    if e.ci_low is not None and e.ci_high is not None:
        ends = (
            (_points(e.ci_low), _points(e.ci_high))
            if e.unit == "fraction"
            else (number(e.ci_low, signed=True), number(e.ci_high, signed=True))
        )
        text += f" [{ends[0]}, {ends[1]}]"
    if e.p is not None:
        text += f", {probability(e.p)}"
    text += f": {WORDS[e.verdict]}"
    if e.detectable is not None:
        text += f" (detectable: {change(e.detectable, e.unit, signed=False)})"
    tail = (Safe(text),) if not e.reason else (Safe(text), Safe("; "), e.reason)
    return (label, *tail), e.verdict


def _speed_line(s: SpeedEstimate) -> tuple[Safe, Verdict]:
    if s.baseline is None or s.candidate is None or s.ratio is None:
        return Safe(f"{label_of(s.metric).label} not compared"), s.verdict
    if s.verdict == "not_comparable":
        text = f"{number(s.candidate)} against {number(s.baseline)} {s.unit}, not compared"
        return Safe(text), s.verdict
    text = (
        f"{number(s.candidate)} against {number(s.baseline)} {s.unit}, {s.ratio:.3f} times"
        f"{f', {probability(s.p)}' if s.p is not None else ''}: {WORDS[s.verdict]}"
    )
    return Safe(text), s.verdict


def _facts(c: Comparison, head: PairedEstimate | None) -> tuple[Text, ...]:
    facts: list[Text] = []
    if c.coverage is not None:
        text = f"{c.coverage.shared:,} items"
        if head is not None and head.n_clusters and head.n_clusters != head.n:
            text += f" in {head.n_clusters:,} clusters"
        facts.append(Safe(text))
        missing = (
            (c.coverage.only_baseline, "baseline", c.coverage.first_only_baseline),
            (c.coverage.only_candidate, "candidate", c.coverage.first_only_candidate),
        )
        for n, side, first in missing:
            if n:
                more = " …" if n > len(first) else ""
                facts.append((Safe(f"{n:,} only of the {side}: "), ", ".join(first), Safe(more)))
        if c.coverage.fraction < 1:
            facts.append(Safe(f"coverage {100 * c.coverage.fraction:.1f} %"))
    if head is not None and head.seed_values:
        values = ", ".join(quantity(v, head.unit) for v in head.seed_values)
        errors = (head.standard_error_items or 0.0, head.standard_error_seeds or 0.0)
        of_items, of_seeds = (change(e, head.unit, signed=False) for e in errors)
        label = label_of(head.metric).label
        facts.append(Safe(f"{label} of the seeds: {values}"))
        facts.append(Safe(f"standard error from items {of_items}, from seeds {of_seeds}"))
    return tuple(facts)


def _is_untested(row: Row) -> bool:
    return row.verdict == "not_comparable"


def _row(e: PairedEstimate) -> Row:
    label = label_of(e.metric)
    interval = ""
    if e.ci_low is not None and e.ci_high is not None:
        low, high = (
            quantity(end, e.unit, signed=True, like=e.difference) for end in (e.ci_low, e.ci_high)
        )
        interval = f"[{low}, {high}]"
    p = e.q if e.q is not None else e.p
    return Row(
        metric=e.metric,
        label=label.label,
        part=e.subset,
        baseline=_shown(e.baseline, e.unit),
        candidate=_shown(e.candidate, e.unit),
        difference=_shown(e.difference, e.unit, signed=True),
        interval=interval,
        p=UNDEFINED if p is None else _p(p),
        detectable=_shown(e.detectable, e.unit),
        n=f"{e.n:,}" if e.n_clusters in (0, e.n) else f"{e.n:,} in {e.n_clusters:,}",
        wins="" if e.wins is None or e.losses is None else f"{e.wins:,} / {e.losses:,}",
        how="; ".join(m for m in (e.ci_method, e.p_method) if m),
        verdict=e.verdict,
        reason=e.reason or "",
    )


def _p(p: float) -> str:
    return "<.001" if p < 0.0005 else fraction(p)


def _shown(value: float | None, unit: str, *, signed: bool = False) -> str:
    return UNDEFINED if value is None else quantity(value, unit, signed=signed)


def _speed_row(s: SpeedEstimate) -> Row:
    return Row(
        metric=s.metric,
        label=label_of(s.metric).label,
        part=None,
        baseline=_shown(s.baseline, s.unit),
        candidate=_shown(s.candidate, s.unit),
        difference=UNDEFINED if s.ratio is None else f"× {s.ratio:.3f}",
        interval="",
        p=UNDEFINED if s.p is None else _p(s.p),
        detectable=UNDEFINED,
        n=f"{s.repeats_baseline} / {s.repeats_candidate}",
        wins="",
        how="Mann-Whitney" if s.p is not None else "",
        verdict=s.verdict,
        reason=s.reason or "",
    )


def reasons_of(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """What was not tested, by reason: the reason and the labels it concerns."""
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        label = row.label if isinstance(row.label, str) else "".join(row.label)
        found.setdefault(row.reason, {})[label] = None
    return [(reason, ", ".join(labels)) for reason, labels in found.items()]
