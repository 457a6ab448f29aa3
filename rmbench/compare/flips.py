"""The items that one scorer has right and the other wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import sqrt

import numpy as np

from rmbench.metrics.accuracy import outcomes
from rmbench.metrics.arrays import FloatArray
from rmbench.metrics.comparisons import Comparisons
from rmbench.result import Flip, Mistake
from rmbench.types import TiePolicy


@dataclass(frozen=True)
class Flips:
    """Flipped items.

    Attributes:
        better: How many the candidate alone has right.
        worse: How many the baseline alone has right.
        worst: Those to show: the worst losses first, then the largest gains.
    """

    better: int
    worse: int
    worst: tuple[Flip, ...]


def find_flips(
    baseline: Comparisons,
    candidates: Sequence[Comparisons],
    ties: TiePolicy,
    *,
    keep: int | None = 20,
) -> Flips:
    """Items that exactly one side has right, worst first.

    An item is right if all its comparisons are won and wrong if one is lost; one whose
    closest comparison is a tie that counts one half is neither. Of several candidates (seeds
    of one recipe) the mean margin counts. Losses are sorted by how far the margin fell, each
    scorer's margins in units of their own root mean square, because scorers differ in scale.

    Args:
        baseline: The baseline's comparisons.
        candidates: Those of the candidate or its seeds, one by one the same.
        ties: The suite's tie policy.
        keep: As many losses and as many gains at most; ``None`` for all.
    """
    first, others = baseline.decided, [c.decided for c in candidates]
    if first.n_examples == 0:
        return Flips(0, 0, ())
    mean = reduce(np.add, (c.margin for c in others)) / len(others)
    sides = [_Side.of(first, margin, ties) for margin in (first.margin, mean)]
    lost = np.flatnonzero(sides[0].right & sides[1].wrong)
    gained = np.flatnonzero(sides[0].wrong & sides[1].right)
    change = sides[1].scaled - sides[0].scaled
    # The id decides between equal changes, so that the list does not depend on row order.
    lost = lost[np.lexsort((first.id[lost], change[lost]))][:keep]
    kept_gains = gained[np.lexsort((first.id[gained], -change[gained]))][:keep]
    n_lost = int((sides[0].right & sides[1].wrong).sum())
    # Where fewer than half of the votes are for the chosen side, the other is the right one.
    turned = (baseline.preference < 0.5)[baseline.preference != 0.5]
    shown = [_flip(first, sides, int(i), turned=bool(turned[i])) for i in (*lost, *kept_gains)]
    return Flips(len(gained), n_lost, tuple(shown))


def with_texts(flips: Sequence[Flip], mistakes: Sequence[Mistake]) -> tuple[Flip, ...]:
    """The same with the texts of those that are among a result's worst mistakes."""
    known: dict[str, Mistake] = {}
    for mistake in mistakes:
        known.setdefault(mistake.example_id, mistake)
    return tuple(
        flip.model_copy(
            update={
                "prompt": conversation(found.prompt),
                "chosen": found.chosen,
                "rejected": found.rejected,
            }
        )
        if (found := known.get(flip.example_id)) is not None
        else flip
        for flip in flips
    )


def conversation(turns: Sequence[Mapping[str, str]]) -> str:
    """A prompt in one text; roles are named where there is more than one turn.

    >>> conversation([{"role": "user", "content": "Hi"}])
    'Hi'
    """
    if len(turns) == 1:
        return turns[0]["content"]
    return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)


@dataclass(frozen=True, eq=False)
class _Side:
    """What one scorer makes of each example; arrays have shape (n_examples,).

    ``margins`` has one entry a comparison, (n_comparisons,).
    """

    margins: FloatArray
    margin: FloatArray
    scaled: FloatArray
    share: FloatArray
    right: np.ndarray[tuple[int], np.dtype[np.bool_]]
    wrong: np.ndarray[tuple[int], np.dtype[np.bool_]]

    @classmethod
    def of(cls, c: Comparisons, margin: FloatArray, ties: TiePolicy) -> _Side:
        smallest = np.minimum.reduceat(margin, c.first_comparison)
        spread = sqrt(float(np.mean(margin**2))) or 1.0
        wrong = smallest < 0 if ties == "half" else smallest <= 0
        share = c.example_mean(outcomes(margin, ties))
        return cls(margin, smallest, smallest / spread, share, smallest > 0, wrong)


def _flip(c: Comparisons, sides: Sequence[_Side], i: int, *, turned: bool) -> Flip:
    of_the_wrong = sides[1] if sides[0].right[i] else sides[0]
    start = int(c.first_comparison[i])
    n_right, n_wrong = int(c.n_chosen[i]), int(c.n_rejected[i])
    worst = start + int(np.argmin(of_the_wrong.margins[start : start + n_right * n_wrong]))
    right, wrong = int(c.index_chosen[worst]), int(c.index_rejected[worst])
    return Flip(
        example_id=str(c.id[i]),
        subset=str(c.subset[i]),
        margin_baseline=float(sides[0].margin[i]),
        margin_candidate=float(sides[1].margin[i]),
        outcome_baseline=float(sides[0].share[i]),
        outcome_candidate=float(sides[1].share[i]),
        chosen_index=n_wrong + right if turned else right,
        rejected_index=wrong if turned else n_right + wrong,
    )
