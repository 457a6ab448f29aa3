"""Numbers and names in a gate's one-line messages."""

from __future__ import annotations

_MINUS = "\u2212"


def level(value: float, unit: str) -> str:
    """A value of a metric.

    >>> level(0.7125, "fraction"), level(0.6234, "nat"), level(48211.7, "tokens/s")
    ('71.25 %', '0.6234', '48,212 tokens/s')
    """
    if unit == "fraction":
        return f"{_digits(100 * value, 2)} %"
    return f"{_number(value)}{_after(unit)}"


def change(value: float, unit: str, *, signed: bool = True) -> str:
    """A difference of two values; of fractions in percentage points.

    >>> change(-0.005, "fraction"), change(0.0123, "nat"), change(0.01, "fraction", signed=False)
    ('−0.50 pp', '+0.0123', '1.00 pp')
    """
    text = f"{_digits(100 * value, 2)} pp" if unit == "fraction" else _number(value) + _after(unit)
    return f"+{text}" if signed and value > 0 else text


def probability(p: float) -> str:
    """A p-value.

    >>> probability(0.0431), probability(3e-7)
    ('p = 0.043', 'p < 0.001')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _digits(value: float, decimals: int) -> str:
    text = f"{abs(value):,.{decimals}f}"
    return (_MINUS if value < 0 and text.strip("0.,") else "") + text


def _number(value: float) -> str:
    size = abs(value)
    if size >= 1000:
        return _digits(value, 0)
    text = f"{size:.4g}"
    return (_MINUS if value < 0 and text.strip("0.") else "") + text


def _after(unit: str) -> str:
    return "" if unit in ("1", "nat") else f" {unit}"
