"""Best-of-n curves as inline SVG: of one scorer, and of several in one diagram.

As in ``plots``, the drawings hold fixed words and numbers only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmbench.metrics.ranking import best_of_n_kl
from rmbench.report.best_of_n import BestOfNPoint, BestOfNPoints, powers_of_two
from rmbench.report.plots import DASHES, WIDTH_PX, draw, fraction_tick, plain_tick
from rmbench.report.svg import ACCENT, BASE, INK, MUTED, SERIES, SOFT, WRONG

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT_PX = 288
_LEFT, _WIDTH = 0.15, 0.82
_BOTTOM, _HEIGHT = 0.16, 0.68
_TICK_GAP = 0.07
"""Least distance of two labels of n, as a share of the axis."""
_LABEL_GAP = 0.062
"""The same of two curves' numbers, of the height."""


@dataclass(frozen=True)
class Series:
    """One scorer's curve among several.

    Attributes:
        number: What stands at its end, in place of a name.
        colour: One of ``svg``'s.
        is_dashed: Whether it is drawn so, as content-blind baselines are.
        curve: Its points.
    """

    number: int
    colour: str
    is_dashed: bool
    curve: BestOfNPoints


def series_of(curves: Sequence[tuple[BestOfNPoints, bool]]) -> list[Series]:
    """A number and a colour for each.

    Args:
        curves: Each with whether it is a content-blind baseline's: these are dashed, and grey
            where there is a model to set off.
    """
    some_model = not all(is_blind for _, is_blind in curves)
    taken = 0
    series = []
    for number, (curve, is_blind) in enumerate(curves, start=1):
        colour = BASE if is_blind and some_model else SERIES[taken % len(SERIES)]
        taken += colour != BASE
        series.append(Series(number, colour, is_blind, curve))
    return series


def best_of_n(curve: BestOfNPoints, prefix: str) -> str:
    """Expected worth of the choice against KL: with its band, the best possible and the mean.

    From the peak on the curve has another colour where what it loses is more than chance.

    Args:
        curve: What is drawn.
        prefix: Put before every id of the SVG.
    """

    def paint(axes: Axes) -> None:
        points, peak = curve.points, curve.peak
        _frame(axes, [curve])
        banded = [p for p in points if p.interval is not None]
        axes.fill_between(
            [p.kl for p in banded],
            [p.interval.low for p in banded if p.interval],
            [p.interval.high for p in banded if p.interval],
            color=SOFT, alpha=0.5, linewidth=0,
        )  # fmt: skip
        _references(axes, points)
        size = max(2.0, min(4.5, 110 / len(points)))
        after = [p for p in points if p.n >= peak.n] if curve.falls else []
        for part, colour in ((points, ACCENT), (after, WRONG)):
            x, y = _kl(part), _values(part)
            axes.plot(x, y, color=colour, linewidth=1.6, marker="o", markersize=size)
        axes.plot(peak.kl, peak.value, color=ACCENT, marker="D", markersize=7.5)

    return _draw(paint, prefix)


def best_of_n_of_several(series: Sequence[Series], prefix: str, *, with_best: bool) -> str:
    """The curves of several scorers, each with its number at its end and a mark at its peak.

    Args:
        series: What is drawn; not empty.
        prefix: Put before every id of the SVG.
        with_best: Whether all are of the same examples, so that one best possible and one
            mean are those of each.
    """
    longest = max((s.curve for s in series), key=lambda c: c.points[-1].n)

    def paint(axes: Axes) -> None:
        _frame(axes, [s.curve for s in series])
        if with_best:
            _references(axes, longest.points)
        for s in series:
            dashes = (0, (5, 2)) if s.is_dashed else "solid"
            points, peak = s.curve.points, s.curve.peak
            axes.plot(_kl(points), _values(points), color=s.colour, linewidth=1.6, linestyle=dashes)
            axes.plot(peak.kl, peak.value, color=s.colour, marker="D", markersize=5.5)
        _numbers_at_ends(axes, series)

    return _draw(paint, prefix)


def _draw(paint: Callable[[Axes], None], prefix: str) -> str:
    return draw(
        paint,
        prefix,
        size_px=(WIDTH_PX, HEIGHT_PX),
        inside=(_LEFT, _BOTTOM, _WIDTH, _HEIGHT),
    )


def _frame(axes: Axes, curves: Sequence[BestOfNPoints]) -> None:
    """KL below, n above, worth at the left; one scale for all curves."""
    last = max(c.points[-1].n for c in curves)
    right = best_of_n_kl(last)
    values = [x for c in curves for p in c.points for x in _extent(p)]
    low, high = min(values), max(values)
    room = 0.06 * (high - low or 1.0)
    axes.set_xlim(-0.03 * right, 1.06 * right)
    axes.set_ylim(low - room, high + room)
    axes.set_xlabel("KL from the policy, nats")
    is_fraction = all(c.is_fraction for c in curves)
    axes.set_ylabel("right choices" if is_fraction else "expected gold")
    axes.xaxis.set_major_formatter(plain_tick)
    axes.yaxis.set_major_formatter(fraction_tick if is_fraction else plain_tick)
    above = axes.secondary_xaxis("top")
    ticks = n_ticks(last)
    above.set_xticks([best_of_n_kl(n) for n in ticks], [f"{n:,}" for n in ticks])
    above.set_xlabel("answers chosen among, n")
    above.spines["top"].set_visible(False)


def n_ticks(last: int) -> list[int]:
    """The n that are named: 1, the last, and the powers of two that leave room.

    >>> n_ticks(11), n_ticks(4096)
    ([1, 2, 4, 8, 11], [1, 16, 64, 256, 1024, 4096])
    """
    right = best_of_n_kl(last) or 1.0
    ticks = [last]
    for n in reversed([n for n in powers_of_two(last) if n not in (1, last)]):
        nearest = min(best_of_n_kl(ticks[-1]) - best_of_n_kl(n), best_of_n_kl(n)) / right
        if nearest >= _TICK_GAP * (1 + 0.35 * (len(str(ticks[-1])) - 1)):
            ticks.append(n)
    return sorted({1, *ticks})


def _references(axes: Axes, points: Sequence[BestOfNPoint]) -> None:
    axes.plot(_kl(points), [p.best for p in points], color=MUTED, linewidth=1.2)
    mean = points[0].value
    axes.plot([0, points[-1].kl], [mean, mean], color=MUTED, linewidth=1.2, linestyle=DASHES)


def _numbers_at_ends(axes: Axes, series: Sequence[Series]) -> None:
    """Each number beside its curve's last point, moved up or down where two would meet."""
    low, high = axes.get_ylim()
    wanted = [(s.curve.points[-1].value - low) / (high - low) for s in series]
    for s, at in zip(series, apart(wanted, _LABEL_GAP), strict=True):
        axes.annotate(
            str(s.number), (s.curve.points[-1].kl, low + at * (high - low)), xytext=(5, 0),
            textcoords="offset points", va="center", color=INK, fontsize=10,
            annotation_clip=False,
        )  # fmt: skip


def apart(wanted: Sequence[float], gap: float) -> list[float]:
    """Places in [0, 1] near the wanted ones, no two nearer than ``gap`` where there is room.

    >>> [round(x, 2) for x in apart([0.5, 0.5, 0.9], 0.1)]
    [0.45, 0.55, 0.9]
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    # Groups that touch share the mean of what they want; merged until none do.
    groups: list[list[int]] = []
    for i in order:
        groups.append([i])
        while len(groups) > 1 and _low(groups[-1], wanted, gap) < _high(groups[-2], wanted, gap):
            last = groups.pop()
            groups[-1] += last
    places = [0.0] * len(wanted)
    for group in groups:
        for k, i in enumerate(group):
            places[i] = _low(group, wanted, gap) + gap / 2 + k * gap
    return places


def _low(group: Sequence[int], wanted: Sequence[float], gap: float) -> float:
    """Lower end of a group's labels: centred on what it wants, inside [0, 1]."""
    height = len(group) * gap
    centre = sum(wanted[i] for i in group) / len(group)
    return min(max(centre - height / 2, -gap / 2), 1 + gap / 2 - height)


def _high(group: Sequence[int], wanted: Sequence[float], gap: float) -> float:
    return _low(group, wanted, gap) + len(group) * gap


def _extent(p: BestOfNPoint) -> tuple[float, ...]:
    ends = (p.interval.low, p.interval.high) if p.interval else ()
    return (p.value, p.best, *ends)


def _kl(points: Sequence[BestOfNPoint]) -> list[float]:
    return [p.kl for p in points]


def _values(points: Sequence[BestOfNPoint]) -> list[float]:
    return [p.value for p in points]
