"""How sure the annotators were: a share in [0, 1], or counted votes."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

_TIES = ("tie", "equal")
_ORIENTED = ("chosen", "rejected")
_UNORIENTED = (("a", "b"), ("1", "2"))
_KNOWN = frozenset((*_TIES, *_ORIENTED, "a", "b", "1", "2"))


def vote_share(value: Any) -> float:
    """Share of votes for the chosen side, a tie vote counting half for each side.

    ``value`` is either that share itself, or an object of vote counts:
    ``{chosen, rejected[, equal | tie]}``, or ``{a, b[, tie]}`` and ``{1, 2[, tie]}``,
    which do not say which side was stored as chosen: there it is the one with more
    votes. Keys whose count is null are left out, as in columns shared by several
    kinds of rows. Numbers may be written as text, since a CSV file knows no others.

    Returns:
        The share, in [0, 1].

    Raises:
        ValueError: If it is neither, or outside [0, 1], or there are no votes.

    >>> vote_share({"chosen": 3, "rejected": 1, "equal": 1})
    0.7
    >>> vote_share({"1": 0, "2": 2, "tie": 1})
    0.8333333333333334
    """
    if isinstance(value, Mapping):
        return _share_of_counts(value)
    share = _number(value)
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"preference {value!r} is not in [0, 1]")
    return share


def _share_of_counts(votes: Mapping[Any, Any]) -> float:
    counts = {str(key): _number(count) for key, count in votes.items() if count is not None}
    unknown = sorted(counts.keys() - _KNOWN)
    if unknown:
        raise ValueError(f"votes for {unknown[0]!r} have no known meaning")
    if any(count < 0 for count in counts.values()):
        raise ValueError("a vote count is negative")
    ties = [counts[key] for key in _TIES if key in counts]
    sides = [pair for pair in (_ORIENTED, *_UNORIENTED) if all(key in counts for key in pair)]
    if len(sides) != 1 or len(ties) > 1 or len(counts) != 2 + len(ties):
        raise ValueError(f"votes are counted under {', '.join(counts)}, not for two sides")
    first, second = (counts[key] for key in sides[0])
    if sides[0] != _ORIENTED:
        first, second = max(first, second), min(first, second)
    total = first + second + sum(ties)
    if total == 0:
        raise ValueError("there are no votes")
    return (first + sum(ties) / 2) / total


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is not a number")
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a number") from None
    if not isfinite(number):
        raise ValueError(f"{value!r} is not a finite number")
    return number
