"""Best-of-n curves of the HTML report: the words and numbers around the drawings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rmbench.metrics.intervals import Interval
from rmbench.report.best_of_n import BestOfNPoint, BestOfNPoints, powers_of_two
from rmbench.report.figure import DataTable, Figure
from rmbench.report.numbers import UNDEFINED, quantity

MOST_DRAWN = 12
"""Of more scorers these many are drawn: the highest at the largest n. The table has all."""
MOST_ROWS = 16
"""Up to so many n the table has each, of more the powers of two, the peak and the last."""


@dataclass(frozen=True)
class NamedCurve:
    """A scorer's curve; ``is_blind`` where it is a content-blind baseline's."""

    scorer: str
    is_blind: bool
    curve: BestOfNPoints


def best_of_n_figure(curve: BestOfNPoints, prefix: str) -> Figure:
    """One scorer's curve.

    Args:
        curve: Its points.
        prefix: Put before every id of the drawing; unique in the page.
    """
    from rmbench.report import best_of_n_plot

    worth = _worth(curve)
    legend = [
        ("curve", f"{worth}, 95 % interval"),
        ("peak", f"highest, n = {curve.peak.n:,}"),
        ("oracle", "best possible"),
        ("line", "without a reward model, n = 1"),
    ]
    if curve.falls:
        legend.insert(2, ("fall", "loses after it"))
    return Figure(
        title=_title(curve),
        svg=best_of_n_plot.best_of_n(curve, prefix),
        legend=tuple(legend),
        caption=f"{_what(curve)} The gap to the best possible is the regret. {_peak(curve)}",
        table=DataTable(
            ("n", "KL, nats", worth, "95 % interval", "best possible", "regret", "95 % interval"),
            tuple(_row(p, curve.is_fraction) for p in _rows(curve)),
        ),
        is_lead=True,
    )


def overlay_figure(found: Sequence[NamedCurve], prefix: str) -> Figure | None:
    """The curves of a suite's scorers in one diagram; ``None`` of fewer than two.

    Args:
        found: Scorer by scorer.
        prefix: As above.
    """
    if len(found) < 2:
        return None
    from rmbench.report import best_of_n_plot
    from rmbench.report.svg import BASE, SERIES

    # In the order in which the curves end, so that the numbers beside them count down.
    found = sorted(found, key=lambda f: -f.curve.points[-1].value)
    drawn = found[:MOST_DRAWN]
    series = best_of_n_plot.series_of([(f.curve, f.is_blind) for f in drawn])
    numbers = [str(s.number) for s in series] + [""] * (len(found) - len(drawn))
    same = _same_answers([f.curve for f in drawn])
    keys = {colour: f"series-{i}" for i, colour in enumerate(SERIES, start=1)} | {BASE: "blind"}
    legend = [
        (f"{keys[s.colour]}{' dashed' if s.is_dashed else ''}", f"{s.number} {f.scorer}")
        for f, s in zip(drawn, series, strict=True)
    ]
    legend.append(("peak grey", "each one’s highest"))
    if same:
        legend += [("oracle", "best possible"), ("line", "without a reward model, n = 1")]
    first = found[0].curve
    notes = [_what(first)]
    if not same:
        notes.append(
            "Not all are of the same examples: no common mean and no best possible are drawn."
        )
    if len(drawn) < len(found):
        notes.append(f"Drawn are the {len(drawn)} of {len(found)} that end highest.")
    worth = _worth(first)
    return Figure(
        title=_title(first),
        svg=best_of_n_plot.best_of_n_of_several(series, prefix, with_best=same),
        legend=tuple(legend),
        caption=" ".join(notes),
        table=DataTable(
            ("scorer", "highest at n", worth, "last n", f"{worth} there", "lost after the peak"),
            tuple(_scorer_row(f, n) for f, n in zip(found, numbers, strict=True)),
            is_named=True,
        ),
        is_lead=True,
    )  # fmt: skip


def _same_answers(curves: Sequence[BestOfNPoints]) -> bool:
    first = curves[0]
    best = [p.best for p in first.points]
    return all(
        c.n_examples == first.n_examples
        and c.points[-1].n == first.points[-1].n
        and np.isclose(c.points[0].value, first.points[0].value, rtol=1e-9, atol=1e-12)
        and np.isclose(c.points[-1].best, best[-1], rtol=1e-9, atol=1e-12)
        for c in curves
    )


def _title(curve: BestOfNPoints) -> str:
    return (
        "Best of n: right choices against KL"
        if curve.is_fraction
        else ("Best of n: expected gold against KL")
    )


def _worth(curve: BestOfNPoints) -> str:
    return "right choices" if curve.is_fraction else "expected gold"


def _what(curve: BestOfNPoints) -> str:
    what = (
        "How often the answer of the highest reward among n is right"
        if curve.is_fraction
        else "What the answer of the highest reward among n is worth"
    )
    return (
        f"{what}, on average over all draws of n of a prompt’s answers; answers of equal reward "
        "share their chance. KL is ln n − (n − 1)/n."
    )


def _peak(curve: BestOfNPoints) -> str:
    last, peak = curve.points[-1], curve.peak
    if peak.n == last.n:
        return f"Still rising at the last n, {last.n:,}." if last.n > 1 else ""
    lost = f"{_number(curve.fall, curve.is_fraction)}{_blank(_ends(curve.fall_interval, curve))}"
    if curve.falls:
        return (
            f"Over-optimised: beyond n = {peak.n:,} it loses {lost} by n = {last.n:,}, the peak’s "
            "n taken as given."
        )
    return f"Highest at n = {peak.n:,}; what it loses by n = {last.n:,}, {lost}, may be chance."


def _rows(curve: BestOfNPoints) -> list[BestOfNPoint]:
    last = curve.points[-1].n
    if last <= MOST_ROWS:
        return list(curve.points)
    named = {*powers_of_two(last), curve.peak.n, last}
    return [p for p in curve.points if p.n in named]


def _row(p: BestOfNPoint, is_fraction: bool) -> tuple[str, ...]:
    return (
        f"{p.n:,}",
        f"{p.kl:.2f}",
        _number(p.value, is_fraction),
        _interval(p.interval, p.value, is_fraction),
        _number(p.best, is_fraction),
        _number(p.regret, is_fraction),
        _interval(p.regret_interval, p.regret, is_fraction),
    )


def _scorer_row(found: NamedCurve, number: str) -> tuple[str, ...]:
    curve = found.curve
    last, peak, is_fraction = curve.points[-1], curve.peak, curve.is_fraction
    lost = _with_interval(curve.fall, curve.fall_interval, is_fraction)
    return (
        f"{number} {found.scorer}".lstrip(),
        f"{peak.n:,}\nKL {peak.kl:.2f}",
        _with_interval(peak.value, peak.interval, is_fraction),
        f"{last.n:,}\nKL {last.kl:.2f}",
        _with_interval(last.value, last.interval, is_fraction),
        lost if peak.n < last.n else UNDEFINED,
    )


def _with_interval(value: float, interval: Interval | None, is_fraction: bool) -> str:
    """In two lines: the table is narrow."""
    below = "" if interval is None else f"\n{_interval(interval, value, is_fraction)}"
    return f"{_number(value, is_fraction)}{below}"


def _number(value: float, is_fraction: bool, like: float | None = None) -> str:
    return quantity(value, "fraction" if is_fraction else "gold", like=like)


def _interval(interval: Interval | None, like: float, is_fraction: bool) -> str:
    if interval is None:
        return UNDEFINED
    low, high = (_number(end, is_fraction, like) for end in (interval.low, interval.high))
    return f"[{low}, {high}]"


def _ends(interval: Interval | None, curve: BestOfNPoints) -> str:
    return "" if interval is None else _interval(interval, curve.fall, curve.is_fraction)


def _blank(text: str) -> str:
    return f" {text}" if text else ""
