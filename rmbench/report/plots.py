"""The diagrams of one scorer on one suite, as inline SVG.

They hold fixed words and numbers only; names stand around them, in the page.
Matplotlib is imported when a diagram is drawn, and without pyplot: no window
system, no global figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rmbench.report.curves import AccuracyBin, MarginHistogram
from rmbench.report.numbers import MINUS
from rmbench.report.svg import ACCENT, MUTED, PX, RULE, SOFT, STYLE, WRONG, inline_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_PX = 344
HEIGHT_PX = 232
DASHES = (0, (4, 3))


def reliability(bins: Sequence[AccuracyBin], prefix: str) -> str:
    """Accuracy against confidence, with the diagonal of perfect calibration.

    Args:
        bins: ``x`` is the mean confidence max(p, 1 - p) of the bin, in [0.5, 1].
        prefix: Put before every id of the SVG.
    """

    def paint(axes: Axes) -> None:
        axes.plot([0.5, 1], [0.5, 1], color=MUTED, linewidth=1.2, linestyle=DASHES)
        _points(axes, bins)
        axes.set_xlim(0.49, 1.01)
        axes.set_xlabel("confidence")
        _accuracy_axis(axes, bins)
        axes.xaxis.set_major_formatter(fraction_tick)

    return draw(paint, prefix)


def accuracy_by_margin(bins: Sequence[AccuracyBin], prefix: str, *, logistic: bool) -> str:
    """Accuracy against |margin|, with sigmoid(|margin|) where margins are logits.

    Args:
        bins: ``x`` is the mean |margin| of the bin.
        prefix: Put before every id of the SVG.
        logistic: Whether the logistic line applies.
    """

    def paint(axes: Axes) -> None:
        right = max(b.x for b in bins) * 1.06 or 1.0
        if logistic:
            x = np.linspace(0, right, 120)
            axes.plot(x, 1 / (1 + np.exp(-x)), color=MUTED, linewidth=1.2, linestyle=DASHES)
        axes.axhline(0.5, color=MUTED, linewidth=0.8)
        _points(axes, bins)
        axes.set_xlim(-0.02 * right, right)
        axes.set_xlabel("|margin|")
        _accuracy_axis(axes, bins)
        axes.xaxis.set_major_formatter(plain_tick)

    return draw(paint, prefix)


def selective_accuracy(points: Sequence[AccuracyBin], prefix: str) -> str:
    """Accuracy of the most confident share of the comparisons.

    Args:
        points: ``x`` is the share, in (0, 1]; the last one's accuracy is that of all.
        prefix: Put before every id of the SVG.
    """

    def paint(axes: Axes) -> None:
        axes.axhline(points[-1].accuracy, color=MUTED, linewidth=1.2, linestyle=DASHES)
        _points(axes, points)
        axes.set_xlim(0, 1.04)
        axes.set_xlabel("share of the comparisons, largest |margin| first")
        _accuracy_axis(axes, points)
        axes.xaxis.set_major_formatter(fraction_tick)

    return draw(paint, prefix)


def margin_histogram(
    histogram: MarginHistogram, prefix: str, sides: tuple[str, str] = ("chosen", "rejected")
) -> str:
    """Share of comparisons by margin, the wrong side in another colour.

    Args:
        histogram: What is drawn.
        prefix: Put before every id of the SVG.
        sides: What the margin is the reward of, minus the reward of what.
    """
    middle = len(histogram.share) // 2
    halves = ((slice(None, middle), WRONG), (slice(middle, None), ACCENT))

    def paint(axes: Axes) -> None:
        for side, colour in halves:
            edges = histogram.edges[side.start : side.stop + 1 if side.stop else None]
            axes.stairs(histogram.share[side], edges, fill=True, color=colour, linewidth=0)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        axes.set_xlim(histogram.edges[0], histogram.edges[-1])
        axes.set_xlabel(f"margin: {sides[0]} − {sides[1]}")
        axes.set_ylabel("share")
        axes.xaxis.set_major_formatter(plain_tick)
        axes.yaxis.set_major_formatter(fraction_tick)

    return draw(paint, prefix)


@dataclass(frozen=True)
class StepValue:
    """A metric at one step; ``low`` and ``high`` are its interval, ``None`` without one."""

    step: int
    value: float
    low: float | None
    high: float | None
    final: bool


def metric_by_step(
    points: Sequence[StepValue], prefix: str, *, label: str, chance: float | None,
    baseline: float | None, fraction: bool,
) -> str:  # fmt: skip
    """A metric against training steps.

    Args:
        points: By step.
        prefix: Put before every id of the SVG.
        label: The metric's own words, for the axis.
        chance: What a coin flip gets; drawn dashed.
        baseline: What the best content-blind baseline gets; drawn as a thin line.
        fraction: Whether the metric is one, in [0, 1].
    """
    from matplotlib.ticker import MaxNLocator

    def paint(axes: Axes) -> None:
        right = max(p.step for p in points) * 1.04
        if chance is not None:
            axes.axhline(chance, color=MUTED, linewidth=1.2, linestyle=DASHES)
        if baseline is not None:
            axes.axhline(baseline, color=WRONG, linewidth=1.2)
        width = min(4.0, 160 / len(points))
        for p in points:
            if p.low is not None and p.high is not None:
                axes.plot([p.step] * 2, [p.low, p.high], color=SOFT, linewidth=width)
        steps, values = [p.step for p in points], [p.value for p in points]
        axes.plot(steps, values, color=ACCENT, linewidth=1.4, marker="o", markersize=width + 1)
        for p in points:
            if p.final:
                axes.plot(p.step, p.value, color=ACCENT, marker="D", markersize=7)
        axes.set_xlim(0, right)
        axes.set_xlabel("step")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.xaxis.set_major_formatter(lambda value, _position: f"{value:,.0f}")
        axes.set_ylabel(label)
        axes.margins(y=0.08)
        axes.yaxis.set_major_formatter(fraction_tick if fraction else plain_tick)

    return draw(paint, prefix)


def draw(
    paint: Callable[[Axes], None],
    prefix: str,
    *,
    size_px: tuple[int, int] = (WIDTH_PX, HEIGHT_PX),
    inside: tuple[float, float, float, float] = (0.15, 0.2, 0.83, 0.76),
) -> str:
    """One diagram in the style of all.

    Args:
        paint: Draws into the axes.
        prefix: Put before every id of the SVG.
        size_px: Width and height in the page's pixels.
        inside: Left, bottom, width and height of the axes, as shares of these.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        width, height = size_px
        figure = Figure(figsize=(width * PX, height * PX))
        # A layout engine would draw everything twice to find these margins.
        axes = figure.add_axes(inside)
        axes.grid(axis="y", color=RULE, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)
        paint(axes)
        return inline_svg(figure, prefix)


def _points(axes: Axes, bins: Sequence[AccuracyBin]) -> None:
    x = [b.x for b in bins]
    y = [b.accuracy for b in bins]
    for b in bins:
        if b.interval is not None:
            axes.plot([b.x, b.x], [b.interval.low, b.interval.high], color=SOFT, linewidth=4)
    axes.plot(x, y, color=ACCENT, linewidth=1.4, marker="o", markersize=5)


def _accuracy_axis(axes: Axes, bins: Sequence[AccuracyBin]) -> None:
    lowest = min([0.45, *(b.interval.low if b.interval else b.accuracy for b in bins)])
    axes.set_ylim(max(0.0, np.floor(lowest * 10) / 10) - 0.01, 1.02)
    axes.set_ylabel("accuracy")
    axes.yaxis.set_major_formatter(fraction_tick)


def fraction_tick(value: float, _position: float) -> str:
    """A fraction on an axis: without the zero before the point and those at its end."""
    return f"{value:.2f}".removeprefix("0").rstrip("0").rstrip(".") or "0"


def plain_tick(value: float, _position: float) -> str:
    """A number on an axis: as short as it can be."""
    digits = f"{abs(value):g}"
    return (MINUS if value < 0 else "") + (
        digits.removeprefix("0") or "0" if "." in digits else digits
    )
