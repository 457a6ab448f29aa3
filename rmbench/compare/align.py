"""Two or more scorers' rewards put on the same items, in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from rmbench.errors import NotComparableError, shorten
from rmbench.metrics.arrays import BoolArray, IntArray
from rmbench.metrics.names import name_codes
from rmbench.result import Coverage
from rmbench.types import Scores

SHOWN = 5
"""How many ids a message or a coverage names."""

_LABELS = {
    "is_chosen": "which answers are chosen",
    "preference": "the votes",
    "subset": "the subset",
    "group": "the cluster",
    "n_chars": "the texts (other lengths)",
}


@dataclass(frozen=True, eq=False)
class Aligned:
    """Scores of the items that all sides have, row by row the same responses.

    Attributes:
        baseline: The baseline's, in its own order.
        candidates: The others', in that order.
        coverage: Which items were shared.
    """

    baseline: Scores
    candidates: tuple[Scores, ...]
    coverage: Coverage


def align(
    baseline: Scores,
    candidates: Sequence[Scores],
    names: Sequence[str],
    *,
    allow_partial: bool = False,
) -> Aligned:
    """Join scores on example id, then on response index.

    Args:
        baseline: Scores of the baseline.
        candidates: Scores of the candidate, or of each of its seeds.
        names: What to call each of them in messages, the baseline first.
        allow_partial: Take the items that all have; otherwise all must have the same.

    Raises:
        NotComparableError: If items differ (without ``allow_partial``), none is shared, or
            a shared item has another number of answers, labels, subset, cluster or length
            of text; the message names the first of them.
    """
    sides = [_Examples.of(scores) for scores in (baseline, *candidates)]
    codes = np.split(
        name_codes(np.concatenate([side.id for side in sides])),
        np.cumsum([len(side.id) for side in sides])[:-1],
    )
    places = [_places(code, 1 + max(int(c.max(initial=-1)) for c in codes)) for code in codes]
    everywhere = reduce(np.logical_and, (place >= 0 for place in places))
    coverage = _coverage(sides, codes, everywhere)
    if not allow_partial and (coverage.only_baseline or coverage.only_candidate):
        raise NotComparableError(_differing_items(names, coverage))
    if not coverage.shared:
        raise NotComparableError(f"{names[0]} and {names[1]} have no item in common")
    shared = codes[0][everywhere[codes[0]]]
    found = [
        _taken(scores, side, place[shared])
        for scores, side, place in zip((baseline, *candidates), sides, places, strict=True)
    ]
    sizes = [side.size[place[shared]] for side, place in zip(sides, places, strict=True)]
    ids = sides[0].id[places[0][shared]]
    for name, size, scores in zip(names[1:], sizes[1:], found[1:], strict=True):
        _check_alike(found[0], scores, ids, sizes[0], size, (names[0], name))
    return Aligned(found[0], tuple(found[1:]), coverage)


@dataclass(frozen=True, eq=False)
class _Examples:
    """Where the rows of each example are: id, first row, number of rows; (n_examples,)."""

    id: NDArray[np.str_]
    start: IntArray
    size: IntArray

    @classmethod
    def of(cls, scores: Scores) -> _Examples:
        is_start = np.ones(len(scores), dtype=np.bool_)
        is_start[1:] = scores.example_id[1:] != scores.example_id[:-1]
        start = np.flatnonzero(is_start)
        return cls(scores.example_id[start], start, np.diff(np.append(start, len(scores))))


def _places(code: IntArray, n_codes: int) -> IntArray:
    """Index of the example of each code, -1 where there is none."""
    place = np.full(n_codes, -1, dtype=np.int64)
    place[code] = np.arange(len(code))
    return place


def _coverage(
    sides: Sequence[_Examples], codes: Sequence[IntArray], everywhere: BoolArray
) -> Coverage:
    missed = sides[0].id[~everywhere[codes[0]]]
    further = [
        side.id[~np.isin(code, codes[0])] for side, code in zip(sides[1:], codes[1:], strict=True)
    ]
    extra = list(dict.fromkeys(key for ids in further for key in ids.tolist()))
    return Coverage(
        shared=len(sides[0].id) - len(missed),
        only_baseline=len(missed),
        only_candidate=len(extra),
        first_only_baseline=tuple(missed[:SHOWN].tolist()),
        first_only_candidate=tuple(extra[:SHOWN]),
    )


def _differing_items(names: Sequence[str], coverage: Coverage) -> str:
    parts = []
    for name, n, first in (
        (names[0], coverage.only_baseline, coverage.first_only_baseline),
        (names[1], coverage.only_candidate, coverage.first_only_candidate),
    ):
        if n:
            shown = ", ".join(repr(key) for key in first[:3])
            more = f" and {n - 3:,} more" if n > 3 else ""
            parts.append(f"{n:,} only in {name} ({shown}{more})")
    return (
        f"the items differ: {'; '.join(parts)} "
        f"(--allow-partial compares the {coverage.shared:,} shared ones)"
    )


def _taken(scores: Scores, side: _Examples, places: IntArray) -> Scores:
    """The rows of some examples, example by example, by response index."""
    if len(places) == len(side.id) and (places == np.arange(len(places))).all():
        rows = np.arange(len(scores))
    else:
        size = side.size[places]
        first = np.cumsum(size) - size
        rows = np.repeat(side.start[places] - first, size) + np.arange(int(size.sum()))
    index = scores.response_index[rows]
    if (np.diff(index) < 0).sum() >= len(places):  # more falls than there are ends of examples
        example = np.repeat(np.arange(len(places)), side.size[places])
        rows = rows[np.lexsort((index, example))]
    elif len(rows) == len(scores) and (rows == np.arange(len(rows))).all():
        return scores
    return Scores(**{name: column[rows] for name, column in scores.columns().items()})


def _check_alike(
    baseline: Scores,
    candidate: Scores,
    ids: NDArray[np.str_],
    size: IntArray,
    other_size: IntArray,
    names: tuple[str, str],
) -> None:
    if (size != other_size).any():
        raise _unlike("the number of answers", ids[size != other_size], names)
    example = np.repeat(np.arange(len(ids)), size)
    unlike = baseline.response_index != candidate.response_index
    if unlike.any():
        raise _unlike("the number of answers", ids[np.unique(example[unlike])], names)
    for column, what in _LABELS.items():
        unlike = getattr(baseline, column) != getattr(candidate, column)
        if unlike.any():
            raise _unlike(what, ids[np.unique(example[unlike])], names)


def _unlike(what: str, ids: NDArray[np.str_], names: tuple[str, str]) -> NotComparableError:
    shown = shorten([repr(key) for key in ids.tolist()], 3)
    return NotComparableError(
        f"{what} of {len(ids):,} items differ between {names[0]} and {names[1]} ({shown}): "
        "they were not measured on the same data"
    )
