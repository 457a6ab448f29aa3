"""Loaders of PPE (Preference Proxy Evaluations): human votes, and many checked answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rmbench.data.fields import (
    Prompt,
    build,
    prompt_of_text,
    read_id,
    read_subset,
    required,
    response,
    text,
)
from rmbench.data.labelled import oriented
from rmbench.data.loader import RowContext
from rmbench.types import PreferenceExample

PPE_RESPONSES = 32
"""Answers a row of the correctness sets, in the columns ``response_1`` to ``response_32``."""


@dataclass(frozen=True, slots=True)
class PPEPreference:
    """Votes of Chatbot Arena: ``response_1`` is of ``model_a``, ``response_2`` of ``model_b``.

    ``winner`` names one of the two models' sides, or begins with ``tie`` (``tie (bothbad)`` is
    one too). The subset is the language, of which only English and Chinese are told from the
    others, as in the publisher's tables.
    """

    name: str = "ppe-preference"
    summary: str = "PPE votes: prompt, response_1, response_2, winner: model_a, model_b or a tie"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"prompt", "response_1", "response_2", "winner"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        first, second = (
            response(required(row, at, side), at, side) for side in ("response_1", "response_2")
        )
        winner = text(required(row, at, "winner"), at, "winner")
        for_first = {"model_a": 1.0, "model_b": 0.0}.get(winner)
        if for_first is None:
            if not winner.lower().startswith("tie"):
                raise at.fail("winner is none of model_a, model_b and a tie", hint=repr(winner))
            for_first = 0.5
        language = read_subset(row, at, "language")
        return oriented(
            row,
            at,
            prompt=prompt_of_text(required(row, at, "prompt"), at, "prompt"),
            responses=(first, second),
            for_first=for_first,
            identifier=read_id(row, at, "question_id"),
            subset=language if language in ("English", "Chinese") else "other",
            meta={
                key: row.get(key)
                for key in ("model_a", "model_b", "winner", "language", "is_code", "hard_prompt")
            }
            | {"response_positions": [1, 2] if for_first >= 0.5 else [2, 1]},
        )


@dataclass(frozen=True, slots=True)
class PPEConflicts:
    """The sampled pairs of one right and one wrong answer, each pair an example.

    Pairs count answers from 0, their columns from 1; which of a pair is right follows
    from ``scores``. A pair that was sampled twice counts twice, as the publisher has it.
    """

    name: str = "ppe-conflicts"
    summary: str = "PPE correctness: prompt, response_1..32, scores, sampled_conflict_pairs"

    def expand(self, row: Mapping[str, Any], at: RowContext) -> tuple[PreferenceExample, ...]:
        """Read the pairs of one row; ``DataError`` if it cannot be used."""
        prompt, right = _prompt(row, at), _scores(row, at)
        pairs = required(row, at, "sampled_conflict_pairs")
        if not isinstance(pairs, list | tuple) or not pairs:
            raise at.fail("has no sampled_conflict_pairs")
        head, found = _row_id(row, at), []
        for number, pair in enumerate(pairs):
            first, second = _pair(pair, at, len(right))
            if right[first] == right[second]:
                raise at.fail(
                    "a sampled pair is no conflict",
                    field="sampled_conflict_pairs",
                    hint=f"the scores of {first} and {second} are both {right[first]}",
                )
            better, worse = (first, second) if right[first] else (second, first)
            example = build(
                row,
                at,
                prompt=prompt,
                chosen=(_answer(row, at, better),),
                rejected=(_answer(row, at, worse),),
                identifier=f"{head}:{number}",
                subset=read_subset(row, at),
                meta=_of_result(row, at, [better, worse]),
            )
            found.append(example)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class PPEBestOfK:
    """All of a prompt's answers: those that were found right are chosen, the others rejected."""

    name: str = "ppe-best-of-k"
    summary: str = "PPE correctness: prompt, response_1..32 and scores, true where one is right"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"prompt", "response_1", "scores", "sampled_conflict_pairs"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        right = _scores(row, at)
        if len(set(right)) != 2:
            raise at.fail("its answers are all right or all wrong")
        better, worse = (
            [i for i, score in enumerate(right) if score is side] for side in (True, False)
        )
        return build(
            row,
            at,
            prompt=_prompt(row, at),
            chosen=tuple(_answer(row, at, i) for i in better),
            rejected=tuple(_answer(row, at, i) for i in worse),
            identifier=_row_id(row, at),
            subset=read_subset(row, at),
            meta=_of_result(row, at, [*better, *worse]),
        )


def _prompt(row: Mapping[str, Any], at: RowContext) -> Prompt:
    return prompt_of_text(required(row, at, "prompt"), at, "prompt")


def _row_id(row: Mapping[str, Any], at: RowContext) -> str:
    """Set, question and generator: nothing says that a question's id is used in one set only."""
    return f"{read_subset(row, at)}/{_result_key(row, at)}"


def _result_key(row: Mapping[str, Any], at: RowContext) -> str:
    """What tells a row in a file of results: question and generator."""
    question, model = read_id(row, at, "question_id"), row.get("model_name")
    return question if model is None else f"{question}/{model}"


def _of_result(row: Mapping[str, Any], at: RowContext, indices: list[int]) -> dict[str, Any]:
    """Where the rewards of the answers stand in the publisher's files of results."""
    return {
        "question_id": _result_key(row, at),
        "response_positions": [index + 1 for index in indices],
        "model_name": row.get("model_name"),
    }


def _scores(row: Mapping[str, Any], at: RowContext) -> tuple[bool, ...]:
    scores = required(row, at, "scores")
    if not isinstance(scores, list | tuple) or len(scores) != PPE_RESPONSES:
        raise at.fail(f"scores does not hold {PPE_RESPONSES} entries")
    if not all(isinstance(score, bool) for score in scores):
        raise at.fail("scores holds something other than true and false")
    return tuple(scores)


def _pair(pair: Any, at: RowContext, n: int) -> tuple[int, int]:
    if (
        not isinstance(pair, list | tuple)
        or len(pair) != 2
        or not all(type(index) is int and 0 <= index < n for index in pair)
    ):
        raise at.fail(
            "a sampled pair is not two answers",
            field="sampled_conflict_pairs",
            hint=f"{pair!r}; answers are counted from 0 to {n - 1}",
        )
    return (pair[0], pair[1])


def _answer(row: Mapping[str, Any], at: RowContext, index: int) -> str:
    column = f"response_{index + 1}"
    return response(required(row, at, column), at, column)


PPE_PREFERENCE = PPEPreference()
PPE_CONFLICTS = PPEConflicts()
PPE_BEST_OF_K = PPEBestOfK()
