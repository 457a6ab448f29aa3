"""How much of a suite a result is of, in words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rmbench.errors import shorten
from rmbench.result.models import Result

_ALL_BUT = re.compile(r"all but ([\d,]+) of ([\d,]+) examples")
_NAMED = 8


def measured_extent(missing: Sequence[str]) -> str:
    """How much was measured, where that is known, and what without.

    Args:
        missing: ``Result.missing``: parts, or ``all but N of M examples``.

    >>> measured_extent(["math.json", "all but 798 of 1327 examples"])
    'on 798 of 1,327 examples, without math.json'
    """
    counted = [found for found in map(_ALL_BUT.fullmatch, missing) if found is not None]
    named = [part for part in missing if _ALL_BUT.fullmatch(part) is None]
    words = []
    if counted:
        n, whole = (int(number.replace(",", "")) for number in counted[0].groups())
        words.append(f"on {n:,} of {whole:,} examples")
    if named:
        words.append(f"without {shorten(named, _NAMED)}")
    return ", ".join(words)


def departures(result: Result) -> list[str]:
    """What makes a result less than the suite's own number; usually nothing."""
    found = []
    if result.partial:
        found.append(f"partial: measured {measured_extent(result.missing)}")
    if result.modified:
        found.append(f"run with {shorten(result.modified, _NAMED)}")
    return found
