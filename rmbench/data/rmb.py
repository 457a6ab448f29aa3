"""Loaders of RMB's two sets: pairs, and the best answer against several worse ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rmbench.data.fields import (
    Prompt,
    build,
    checked_prompt,
    messages,
    read_id,
    read_subset,
    required,
    response,
)
from rmbench.data.loader import RowContext
from rmbench.types import PreferenceExample

_SETS = ("Pairwise_set/", "BoN_set/")


@dataclass(frozen=True, slots=True)
class RMBPairs:
    """RMB's pairs. The key of the worse answer is ``reject``; ids are those of the set.

    The subset is the scenario: ``category_path`` without the name of the set.
    """

    name: str = "rmb"
    summary: str = "RMB pairs: conversation_input, chosen {answer}, reject {answer}, category_path"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"conversation_input", "chosen", "reject"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        sides = {side: required(row, at, side) for side in ("chosen", "reject")}
        return build(
            row,
            at,
            prompt=_prompt(row, at),
            chosen=(_answer(sides["chosen"], at, "chosen"),),
            rejected=(_answer(sides["reject"], at, "reject"),),
            identifier=read_id(row, at, "pair_uid"),
            subset=_scenario(row, at),
            meta={
                "chosen_model": sides["chosen"].get("llm_name"),
                "rejected_model": sides["reject"].get("llm_name"),
            },
        )


@dataclass(frozen=True, slots=True)
class RMBBestOfN:
    """RMB's lists: the best answer, which has to beat every one of ``loser_list``.

    Nothing says that a ``bon_uid`` is used only once, so the id begins with the row's place.
    """

    name: str = "rmb-bon"
    summary: str = "RMB best of N: conversation_input, bon_best {answer}, loser_list [{answer}]"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"conversation_input", "bon_best", "loser_list"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        best, losers = required(row, at, "bon_best"), required(row, at, "loser_list")
        if not isinstance(losers, list | tuple) or not losers:
            raise at.fail("loser_list holds no answers")
        uid = row.get("bon_uid")
        return build(
            row,
            at,
            prompt=_prompt(row, at),
            chosen=(_answer(best, at, "bon_best"),),
            rejected=tuple(_answer(one, at, f"loser_list[{i}]") for i, one in enumerate(losers)),
            identifier=at.default_id if uid is None else f"{at.default_id}/{uid}",
            subset=_scenario(row, at),
            meta={
                "bon_uid": uid,
                "chosen_model": best.get("llm_name"),
                "rejected_models": [one.get("llm_name") for one in losers],
            },
        )


def _prompt(row: Mapping[str, Any], at: RowContext) -> Prompt:
    said = required(row, at, "conversation_input")
    return checked_prompt(messages(said, at, "conversation_input"), at)


def _answer(value: Any, at: RowContext, field: str) -> str:
    if not isinstance(value, Mapping):
        raise at.fail("an answer is not an object", field=field)
    return response(value.get("answer"), at, f"{field}.answer")


def _scenario(row: Mapping[str, Any], at: RowContext) -> str:
    path = read_subset(row, at, "category_path")
    for name in _SETS:
        path = path.removeprefix(name)
    return path


RMB_PAIRS = RMBPairs()
RMB_BEST_OF_N = RMBBestOfN()
