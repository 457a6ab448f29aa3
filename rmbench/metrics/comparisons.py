"""Every chosen x rejected comparison of a set of scores, as flat arrays.

All metrics start here. An example with n chosen and m rejected answers makes n * m
comparisons, each of weight 1 / (n * m), so that every example counts the same however
many answers it has.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmbench.metrics.arrays import BoolArray, FloatArray, IntArray
from rmbench.metrics.names import all_distinct, name_codes
from rmbench.types import Scores

LARGEST_REWARD = 1e100
"""Rewards from here on count as not finite: their squares would overflow."""


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Comparisons between the two sides of each example.

    The comparisons of one example are contiguous and in the order of the examples, and
    every example has at least one.

    Attributes:
        example: int64, shape (n_comparisons,); index of the comparison's example, from 0.
        reward_chosen: float64, shape (n_comparisons,).
        reward_rejected: float64, shape (n_comparisons,).
        chars_chosen: int64, shape (n_comparisons,); characters of the chosen answer.
        chars_rejected: int64, shape (n_comparisons,).
        index_chosen: int64, shape (n_comparisons,); position among the chosen, from 0.
        index_rejected: int64, shape (n_comparisons,); position among the rejected.
        id: str, shape (n_examples,).
        subset: str, shape (n_examples,).
        group: int64, shape (n_examples,); a code of the example's cluster. An example
            that names no cluster is a cluster of its own.
        preference: float64, shape (n_examples,); share of votes for the chosen side.
        truncated: bool, shape (n_examples,); whether any answer's text was cut off.
        n_chosen: int64, shape (n_examples,).
        n_rejected: int64, shape (n_examples,).
        markdown_chosen: int64, shape (n_comparisons, 3); headers, list items and bold spans
            of the chosen answer. ``None``, as the next, where they were not counted.
        markdown_rejected: int64, shape (n_comparisons, 3).
        gold_chosen: float64, shape (n_comparisons,); what the chosen answer is worth, NaN where
            that is not said. ``None``, as the next, where it is of no answer.
        gold_rejected: float64, shape (n_comparisons,).
    """

    example: IntArray
    reward_chosen: FloatArray
    reward_rejected: FloatArray
    chars_chosen: IntArray
    chars_rejected: IntArray
    index_chosen: IntArray
    index_rejected: IntArray
    id: NDArray[np.str_]
    subset: NDArray[np.str_]
    group: IntArray
    preference: FloatArray
    truncated: BoolArray
    n_chosen: IntArray
    n_rejected: IntArray
    markdown_chosen: IntArray | None = None
    markdown_rejected: IntArray | None = None
    gold_chosen: FloatArray | None = None
    gold_rejected: FloatArray | None = None

    @classmethod
    def from_scores(cls, scores: Scores) -> Comparisons:
        """Expand the rewards of each example into its comparisons.

        Args:
            scores: One row per response; the rows of an example are contiguous, its
                chosen responses first.

        Raises:
            ValueError: If a reward is not finite, rows of an example are not contiguous
                or not chosen first, or an example lacks one of its sides; the message
                names the first such example.
        """
        starts = _example_starts(scores.example_id)
        ids = scores.example_id[starts]
        size = np.diff(np.append(starts, len(scores)))
        n_chosen = np.add.reduceat(scores.is_chosen, starts, dtype=np.int64)
        n_rejected = size - n_chosen
        _check_rows(scores, starts, size, n_chosen)

        n_comparisons = n_chosen * n_rejected
        example = np.repeat(np.arange(len(ids), dtype=np.int64), n_comparisons)
        offset = np.cumsum(n_comparisons) - n_comparisons
        local = np.arange(len(example), dtype=np.int64) - offset[example]
        index_chosen, index_rejected = np.divmod(local, n_rejected[example])
        row_chosen = starts[example] + index_chosen
        row_rejected = starts[example] + n_chosen[example] + index_rejected

        reward = np.asarray(scores.reward, dtype=np.float64)
        markdown = _markdown(scores)
        return cls(
            example=example,
            reward_chosen=reward[row_chosen],
            reward_rejected=reward[row_rejected],
            chars_chosen=scores.n_chars[row_chosen],
            chars_rejected=scores.n_chars[row_rejected],
            index_chosen=index_chosen,
            index_rejected=index_rejected,
            id=ids,
            subset=scores.subset[starts],
            group=_cluster_codes(scores.group[starts]),
            preference=np.asarray(scores.preference[starts], dtype=np.float64),
            truncated=np.logical_or.reduceat(scores.truncated, starts),
            n_chosen=n_chosen,
            n_rejected=n_rejected,
            markdown_chosen=None if markdown is None else markdown[row_chosen],
            markdown_rejected=None if markdown is None else markdown[row_rejected],
            gold_chosen=None if scores.gold is None else scores.gold[row_chosen],
            gold_rejected=None if scores.gold is None else scores.gold[row_rejected],
        )

    @property
    def n_examples(self) -> int:
        """Number of examples."""
        return len(self.id)

    def __len__(self) -> int:
        return len(self.example)

    @cached_property
    def margin(self) -> FloatArray:
        """r_chosen - r_rejected; float64, shape (n_comparisons,)."""
        return self.reward_chosen - self.reward_rejected

    @cached_property
    def comparisons_per_example(self) -> IntArray:
        """n_chosen * n_rejected; int64, shape (n_examples,)."""
        return self.n_chosen * self.n_rejected

    @cached_property
    def weight(self) -> FloatArray:
        """1 / (n_chosen * n_rejected), which sums to 1 over each example."""
        weight: FloatArray = 1.0 / self.comparisons_per_example[self.example]
        return weight

    @cached_property
    def comparison_preference(self) -> FloatArray:
        """The example's preference, per comparison; float64, shape (n_comparisons,)."""
        return self.preference[self.example]

    @cached_property
    def first_comparison(self) -> IntArray:
        """Where each example's comparisons start; int64, shape (n_examples,)."""
        per_example = self.comparisons_per_example
        return np.cumsum(per_example) - per_example

    def example_sum(self, values: FloatArray) -> FloatArray:
        """Sum of ``values`` (shape (n_comparisons,)) over each example's comparisons."""
        total: FloatArray = np.add.reduceat(values, self.first_comparison, dtype=np.float64)
        return total

    def example_mean(self, values: FloatArray) -> FloatArray:
        """Mean of ``values`` (shape (n_comparisons,)) over each example's comparisons.

        The sum is divided once, so a mean of outcomes that are all 1 is exactly 1.
        """
        return self.example_sum(values) / self.comparisons_per_example

    def where(self, examples: BoolArray) -> Comparisons:
        """The comparisons of the examples where the mask (shape (n_examples,)) is true."""
        if examples.all():
            return self
        kept = examples[self.example]
        new_index = np.cumsum(examples, dtype=np.int64) - 1
        values = {
            f.name: getattr(self, f.name)[examples if f.name in _PER_EXAMPLE else kept]
            for f in fields(self)
            if getattr(self, f.name) is not None
        }
        return Comparisons(**{**values, "example": new_index[values["example"]]})

    @cached_property
    def decided(self) -> Comparisons:
        """The examples that have a right answer, with the majority's side as chosen.

        A human tie (preference exactly one half) has none and is left out; where fewer
        than half of the votes are for the chosen side, the two sides change places.
        """
        left = self.where(self.preference != 0.5)
        swap = left.preference < 0.5
        return left._swapped(swap) if swap.any() else left

    def _swapped(self, examples: BoolArray) -> Comparisons:
        per_comparison = examples[self.example]
        changes: dict[str, Any] = {}
        for quantity in ("reward", "chars", "index", "n"):
            chosen, rejected = f"{quantity}_chosen", f"{quantity}_rejected"
            mask = examples if chosen in _PER_EXAMPLE else per_comparison
            a, b = getattr(self, chosen), getattr(self, rejected)
            changes[chosen], changes[rejected] = np.where(mask, b, a), np.where(mask, a, b)
        if self.markdown_chosen is not None and self.markdown_rejected is not None:
            a, b, mask = self.markdown_chosen, self.markdown_rejected, per_comparison[:, None]
            changes["markdown_chosen"] = np.where(mask, b, a)
            changes["markdown_rejected"] = np.where(mask, a, b)
        if self.gold_chosen is not None and self.gold_rejected is not None:
            a_gold, b_gold = self.gold_chosen, self.gold_rejected
            changes["gold_chosen"] = np.where(per_comparison, b_gold, a_gold)
            changes["gold_rejected"] = np.where(per_comparison, a_gold, b_gold)
        flipped = np.where(examples, 1.0 - self.preference, self.preference)
        return replace(self, preference=flipped, **changes)


_PER_EXAMPLE = frozenset(
    {"id", "subset", "group", "preference", "truncated", "n_chosen", "n_rejected"}
)


def _example_starts(example_id: NDArray[np.str_]) -> IntArray:
    """Row at which each example starts; an example ends where the id changes."""
    is_start = np.ones(len(example_id), dtype=np.bool_)
    is_start[1:] = example_id[1:] != example_id[:-1]
    return np.flatnonzero(is_start)


def _check_rows(scores: Scores, starts: IntArray, size: IntArray, n_chosen: IntArray) -> None:
    """Raise on the first example whose rows break what ``Scores`` promises."""
    ids = scores.example_id[starts]
    if not all_distinct(ids):
        again = Counter(ids.tolist()).most_common(1)[0][0]
        raise ValueError(
            f"the rows of example {again!r} are not contiguous, or its id is not unique"
        )
    for side, count in (("chosen", n_chosen), ("rejected", size - n_chosen)):
        if (count == 0).any():
            first = ids[np.argmax(count == 0)]
            raise ValueError(f"example {str(first)!r} has no {side} response")
    position = np.arange(len(scores)) - np.repeat(starts, size)
    misplaced = scores.is_chosen != (position < np.repeat(n_chosen, size))
    if misplaced.any():
        first = scores.example_id[np.argmax(misplaced)]
        raise ValueError(
            f"example {str(first)!r}: chosen responses must stand before rejected ones"
        )
    bad = ~(np.abs(scores.reward) < LARGEST_REWARD)
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"example {str(scores.example_id[row])!r}: the reward of response "
            f"{int(scores.response_index[row])} is {float(scores.reward[row])}, not a finite "
            f"number below {LARGEST_REWARD:g} in size; leave such examples out before measuring"
        )


def _markdown(scores: Scores) -> IntArray | None:
    counts = [scores.n_headers, scores.n_list_items, scores.n_bold]
    known = [c for c in counts if c is not None]
    return np.stack(known, axis=1) if len(known) == len(counts) else None


def _cluster_codes(group: NDArray[np.str_]) -> IntArray:
    """One integer per distinct name; an empty name is a cluster of its own."""
    code = name_codes(group)
    alone = np.flatnonzero(group == "")
    code[alone] = len(group) + np.arange(len(alone))
    _, first, code = np.unique(code, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[code], dtype=np.int64)
