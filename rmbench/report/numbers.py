"""How numbers are written in reports.

Fractions lose their leading zero (``.623``), so that accuracies stand out from
losses and columns stay narrow; an interval follows in brackets.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from rmbench.result.models import Estimate

UNDEFINED = "–"
MINUS = "\u2212"
_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def fraction(value: float, *, signed: bool = False) -> str:
    """Three decimals without the leading zero.

    >>> fraction(0.6229), fraction(1.0), fraction(-0.0301), fraction(0.03, signed=True)
    ('.623', '1.000', '−.030', '+.030')
    """
    return _sign(value, f"{abs(value):.3f}".removeprefix("0"), signed)


def number(value: float, *, signed: bool = False, like: float | None = None) -> str:
    """About three significant digits, thousands grouped.

    Args:
        value: The number.
        signed: Whether a positive one gets its sign.
        like: Take the number of decimals that this one would have.

    >>> number(0.6512), number(12.345), number(48211.7), number(-3.2, signed=True)
    ('0.651', '12.3', '48,212', '−3.20')
    """
    size, guide = abs(value), abs(value if like is None else like)
    if size >= 1e9:
        digits = f"{size:.2e}"
    elif like is None and 0 < size < 5e-4:
        digits = f"{size:.1g}"
    else:
        decimals = 3 if guide < 1 else 2 if guide < 10 else 1 if guide < 100 else 0
        digits = f"{size:,.{decimals}f}"
    return _sign(value, digits, signed)


def quantity(value: float, unit: str, *, signed: bool = False, like: float | None = None) -> str:
    """A value as its unit asks for: fractions, seconds, bytes, anything else.

    ``like`` as in ``number``.

    >>> quantity(0.0123, "s"), quantity(3 * 2**29, "bytes"), quantity(0.5, "fraction")
    ('12.3 ms', '1.5 GiB', '.500')
    >>> quantity(8.0, "answers")
    '8'
    """
    if unit == "fraction":
        return fraction(value, signed=signed)
    if unit == "s":
        return duration(value)
    if unit == "bytes":
        return data_size(value)
    if unit == "answers":
        return f"{value:,.0f}"
    if unit == "FLOP/s":
        return arithmetic_rate(value)
    return number(value, signed=signed, like=like)


def duration(seconds: float) -> str:
    """Seconds, milliseconds below one, minutes above two.

    >>> duration(0.25), duration(3.2), duration(200)
    ('250 ms', '3.20 s', '3.3 min')
    """
    if seconds < 1:
        return f"{number(seconds * 1000)} ms"
    return f"{number(seconds)} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def data_size(n_bytes: float) -> str:
    """Bytes in the binary unit that leaves fewest digits.

    >>> data_size(512), data_size(5_000_000)
    ('512 B', '4.8 MiB')
    """
    power = min(int(math.log(n_bytes, 1024)), len(_BYTE_UNITS) - 1) if n_bytes >= 1 else 0
    digits = 1 if power else 0
    return f"{n_bytes / 1024**power:.{digits}f} {_BYTE_UNITS[power]}"


def arithmetic_rate(flops_per_s: float) -> str:
    """Floating-point operations per second with a metric prefix.

    >>> arithmetic_rate(3.12e13), arithmetic_rate(4.5e9)
    ('31.2 TFLOP/s', '4.50 GFLOP/s')
    """
    prefix, power = ("T", 1e12) if flops_per_s >= 1e12 else ("G", 1e9)
    return f"{number(flops_per_s / power)} {prefix}FLOP/s"


def size_range(sizes: Collection[int]) -> str:
    """The smallest and the largest of some counts, once where they are the same.

    >>> size_range({40}), size_range({1431, 350})
    ('40', '350–1,431')
    """
    return "–".join(dict.fromkeys(f"{n:,}" for n in (min(sizes), max(sizes))))


def interval(estimate: Estimate, *, signed: bool = False) -> str | None:
    """The 95 % interval in brackets, or ``None`` where there is none.

    >>> interval(Estimate(metric="accuracy", value=0.62, ci_low=0.57, ci_high=0.67, n=9,
    ...                   unit="fraction"))
    '[.570, .670]'
    """
    if estimate.ci_low is None or estimate.ci_high is None:
        return None
    low, high = (
        quantity(end, estimate.unit, signed=signed, like=estimate.value)
        for end in (estimate.ci_low, estimate.ci_high)
    )
    return f"[{low}, {high}]"


def with_interval(estimate: Estimate | None, *, signed: bool = False) -> str:
    """``.623 [.571, .672]``, the value alone where it has no interval, or a dash.

    >>> with_interval(None)
    '–'
    """
    if estimate is None or estimate.value is None:
        return UNDEFINED
    value = quantity(estimate.value, estimate.unit, signed=signed)
    brackets = interval(estimate, signed=signed)
    return f"{value} {brackets}" if brackets else value


def value_only(estimate: Estimate | None, *, signed: bool = False) -> str:
    """The value without its interval, or a dash."""
    if estimate is None or estimate.value is None:
        return UNDEFINED
    return quantity(estimate.value, estimate.unit, signed=signed)


def _sign(value: float, digits: str, signed: bool) -> str:
    if not any(c in "123456789" for c in digits.split("e")[0]):
        return digits
    return (MINUS if value < 0 else "+" if signed else "") + digits
