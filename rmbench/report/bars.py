"""Horizontal bars with intervals, as positions in percent of a track."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from rmbench.report.numbers import fraction, quantity
from rmbench.result import Estimate


@dataclass(frozen=True)
class Tick:
    """A labelled position on a scale; the reference is what a value is read against."""

    at: float
    label: str
    is_reference: bool = False


@dataclass(frozen=True)
class Scale:
    """A linear scale whose bars start at ``origin``.

    Attributes:
        low: Value at the left end.
        high: Value at the right end, above ``low``.
        origin: Value at which bars start.
        ticks: Labelled positions, in percent.
    """

    low: float
    high: float
    origin: float
    ticks: tuple[Tick, ...] = ()

    def percent(self, value: float) -> float:
        """Position of a value, held inside the track.

        >>> Scale(0, 2, 0).percent(0.5), Scale(0, 2, 0).percent(3)
        (25.0, 100.0)
        """
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0.0), 1.0), 2)


@dataclass(frozen=True)
class Bar:
    """A bar and its interval, in percent of the track; no interval is ``None``."""

    left: float
    width: float
    value: float
    ci_left: float | None
    ci_width: float | None


ACCURACY_SCALE = Scale(
    0.0,
    1.0,
    0.0,
    (
        Tick(0.0, "0"),
        Tick(25.0, ".25"),
        Tick(50.0, ".5", is_reference=True),
        Tick(75.0, ".75"),
        Tick(100.0, "1"),
    ),
)
"""Fractions, with one half as the chance line."""

FRACTION_SCALE = Scale(0.0, 1.0, 0.0, tuple(Tick(t.at, t.label) for t in ACCURACY_SCALE.ticks))
"""Fractions of which chance gives something else than one half."""


def bar(estimate: Estimate | None, scale: Scale) -> Bar | None:
    """Where an estimate is drawn, or ``None`` where it has no value."""
    if estimate is None or estimate.value is None:
        return None
    at, origin = scale.percent(estimate.value), scale.percent(scale.origin)
    left, right = min(at, origin), max(at, origin)
    ci_left = ci_width = None
    if estimate.ci_low is not None and estimate.ci_high is not None:
        ci_left = scale.percent(estimate.ci_low)
        ci_width = round(scale.percent(estimate.ci_high) - ci_left, 2)
    return Bar(left, round(right - left, 2), at, ci_left, ci_width)


def scale_about_zero(estimates: Iterable[Estimate | None]) -> Scale:
    """A scale with zero in the middle that holds every value and interval."""
    limit = max((abs(v) for v in _ends(estimates)), default=0.0) * 1.05 or 1.0
    return Scale(-limit, limit, 0.0, (Tick(50.0, "0", is_reference=True),))


def scale_from_zero(estimates: Iterable[Estimate | None], unit: str) -> Scale:
    """A scale from zero to the largest value or interval end."""
    limit = max(_ends(estimates), default=0.0) or 1.0
    label = fraction(limit) if unit == "fraction" else quantity(limit, unit)
    return Scale(0.0, limit, 0.0, (Tick(0.0, "0"), Tick(100.0, label)))


def scale_around(estimates: Iterable[Estimate | None]) -> Scale:
    """A scale that holds zero and every value and interval, where values may be of either sign."""
    found = [e for e in estimates if e is not None]
    low, high = min((0.0, *_ends(found))), max((0.0, *_ends(found)))
    if low == high:
        high = 1.0
    unit = found[0].unit if found else ""
    places = {low: quantity(low, unit), 0.0: "0", high: quantity(high, unit)}
    scale = Scale(low, high, 0.0)
    return replace(
        scale,
        ticks=tuple(
            Tick(scale.percent(at), label, is_reference=low < at < high)
            for at, label in places.items()
        ),
    )


def _ends(estimates: Iterable[Estimate | None]) -> list[float]:
    return [
        end
        for e in estimates
        if e is not None
        for end in (e.value, e.ci_low, e.ci_high)
        if end is not None
    ]
