"""Loaders of RewardBench, its prior sets, RewardBench 2 and M-RewardBench.

The publishers score every row, so answers that are empty or equal are kept. Their ids recur
within the set, and published result files carry wrong ones: an example is called by its
subset and the number of its row, the same from the Hub and from files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rmbench.data.fields import (
    Prompt,
    build,
    checked_prompt,
    messages,
    prompt_of_text,
    read_subset,
    required,
    text,
)
from rmbench.data.loader import MISSING, RowContext, lookup
from rmbench.types import Message, PreferenceExample

REWARD_BENCH_2_TIES = "Ties"
"""The subset whose prompts come in pairs: ``ref:<n>`` has one right answer, ``tied:<n>`` many."""

TRANSLATION = "translation"
"""Column that ``MRewardBench`` adds, for intervals to cluster by."""

_TIES_ID = re.compile(r"(ref|tied):\d+")


@dataclass(frozen=True, slots=True)
class RewardBench:
    """RewardBench and its preference test sets: a prompt, two answers, a subset.

    The prompt of a preference test set is a list of turns. Their roles are not looked at,
    as in the publisher's program: user and assistant take turns.
    """

    name: str = "reward-bench"
    summary: str = "RewardBench: prompt (text or turns), chosen, rejected, subset"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"prompt", "chosen", "rejected", "subset"} <= row.keys() and all(
            isinstance(row[side], str) for side in ("chosen", "rejected")
        )

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        return _pair(row, at, _subset(row, at))


@dataclass(frozen=True, slots=True)
class MRewardBench:
    """M-RewardBench: RewardBench's rows in one language.

    The subset is ``<language>/<subset>``. The language is that declared for the file or Hub
    configuration, else of the column ``language``; the subset stands in ``source`` in some
    revisions and in ``subset`` in others. The column ``translation`` is added, which the
    translations of one row have in common: its subset and the publisher's id.
    """

    name: str = "m-reward-bench"
    summary: str = "M-RewardBench: RewardBench's columns and language"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return "language" in row and {"prompt", "chosen", "rejected"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        language = at.subset or text(required(row, at, "language"), at, "language")
        column = at.columns.subset or ("source" if "source" in row else "subset")
        subset = text(required(row, at, column), at, column)
        translation = f"{subset}/{row.get('id', at.row)}"
        return _pair({**row, TRANSLATION: translation}, at, f"{language}/{subset}")


@dataclass(frozen=True, slots=True)
class RewardBench2:
    """RewardBench 2: right and wrong answers in two lists; in the subset Ties many are right."""

    name: str = "reward-bench-2"
    summary: str = "RewardBench 2: prompt, chosen[], rejected[], subset; Ties in pairs of prompts"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"prompt", "chosen", "rejected", "subset", "num_correct"} <= row.keys() and all(
            isinstance(row[side], list) for side in ("chosen", "rejected")
        )

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        subset = _subset(row, at)
        chosen = _answers(row, at, at.column("chosen"), "num_correct")
        rejected = _answers(row, at, at.column("rejected"), "num_incorrect")
        column = at.column("prompt")
        return build(
            row,
            at,
            prompt=prompt_of_text(required(row, at, column), at, column),
            chosen=chosen,
            rejected=rejected,
            identifier=_ties_id(row, at) if subset == REWARD_BENCH_2_TIES else _row_id(subset, at),
            subset=subset,
        )


def _pair(row: Mapping[str, Any], at: RowContext, subset: str) -> PreferenceExample:
    chosen, rejected = (
        text(required(row, at, at.column(side)), at, at.column(side))
        for side in ("chosen", "rejected")
    )
    return build(
        row,
        at,
        prompt=_prompt(row, at),
        chosen=(chosen,),
        rejected=(rejected,),
        identifier=_row_id(subset, at),
        subset=subset,
    )


def _prompt(row: Mapping[str, Any], at: RowContext) -> Prompt:
    column = at.column("prompt")
    value = required(row, at, column)
    if isinstance(value, str):
        return prompt_of_text(value, at, column)
    turns = messages(value, at, column)
    return checked_prompt(
        tuple(
            Message("assistant" if i % 2 else "user", turn.content) for i, turn in enumerate(turns)
        ),
        at,
    )


def _subset(row: Mapping[str, Any], at: RowContext) -> str:
    if at.subset is None:
        required(row, at, at.column("subset"))
    return read_subset(row, at)


def _row_id(subset: str, at: RowContext) -> str:
    return f"{subset}/row-{at.row}"


def _ties_id(row: Mapping[str, Any], at: RowContext) -> str:
    column = at.column("id")
    value = required(row, at, column)
    if not isinstance(value, str) or not _TIES_ID.fullmatch(value):
        raise at.fail(
            "the id of a row of Ties says nothing of its pair",
            field=column,
            hint=f"it is {value!r}, not ref:<number> or tied:<number>",
        )
    return value


def _answers(row: Mapping[str, Any], at: RowContext, side: str, count: str) -> tuple[str, ...]:
    value = required(row, at, side)
    if not isinstance(value, list | tuple) or not value:
        raise at.fail(f"{side} is not a list of answers", field=side)
    stated = lookup(row, count)
    if stated is not MISSING and stated is not None and stated != len(value):
        raise at.fail(
            f"{side} holds not as many answers as {count} says",
            field=side,
            hint=f"{len(value)} and {stated}",
        )
    return tuple(text(one, at, f"{side}[{i}]") for i, one in enumerate(value))


REWARD_BENCH = RewardBench()
REWARD_BENCH_2 = RewardBench2()
M_REWARD_BENCH = MRewardBench()
