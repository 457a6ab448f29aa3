"""Loaders of sets in which answers are right or wrong, whoever would prefer them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rmbench.data.conversation import transcript_turns
from rmbench.data.fields import (
    answers,
    build,
    checked_prompt,
    prompt_of_text,
    read_id,
    read_subset,
    required,
    response,
    text,
)
from rmbench.data.loader import RowContext
from rmbench.types import PreferenceExample

GSM8K_MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
"""The models whose solutions a row holds, as its columns are named."""


@dataclass(frozen=True, slots=True)
class TruthfulQA:
    """TruthfulQA's questions with all their true and all their false answers."""

    name: str = "truthfulqa"
    summary: str = "TruthfulQA: question, correct_answers[], incorrect_answers[], category"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"question", "correct_answers", "incorrect_answers"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        prompt = prompt_of_text(required(row, at, "question"), at, "question")
        chosen, rejected = (
            answers(required(row, at, side), at, side, prompt)
            for side in ("correct_answers", "incorrect_answers")
        )
        return build(
            row,
            at,
            prompt=prompt,
            chosen=chosen,
            rejected=rejected,
            subset=read_subset(row, at, "category"),
            meta={key: row.get(key) for key in ("type", "best_answer")},
        )


@dataclass(frozen=True, slots=True)
class GSM8KSolutions:
    """Solutions of four models to GSM8K's test questions, right where the final answer is.

    A row whose solutions are all right or all wrong has nothing to compare. The same
    solution of two models is read once.
    """

    name: str = "gsm8k-solutions"
    summary: str = "GSM8K model solutions: question, 6b_finetuning {solution, is_correct}, ..."

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"question", *GSM8K_MODELS} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        sides: dict[bool, list[str]] = {True: [], False: []}
        for column in GSM8K_MODELS:
            made = required(row, at, column)
            if not isinstance(made, Mapping) or not isinstance(made.get("is_correct"), bool):
                raise at.fail("is_correct is not true or false", field=column)
            sides[made["is_correct"]].append(
                response(made.get("solution"), at, f"{column}.solution")
            )
        if not sides[True] or not sides[False]:
            raise at.fail("its solutions are all right or all wrong")
        return build(
            row,
            at,
            prompt=prompt_of_text(required(row, at, "question"), at, "question"),
            chosen=tuple(dict.fromkeys(sides[True])),
            rejected=tuple(dict.fromkeys(sides[False])),
            meta={"n_models": len(GSM8K_MODELS)},
        )


@dataclass(frozen=True, slots=True)
class HHHAlignment:
    r"""HHH: an input, two choices and a label for each, 1 for the better.

    Inputs of several turns mark them ``\n\nHuman: `` and ``\n\nAssistant: `` as in
    Anthropic's transcripts, the first turn unmarked.
    """

    name: str = "hhh-alignment"
    summary: str = "HHH: input, targets {choices[], labels[]}"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"input", "targets"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        said = text(required(row, at, "input"), at, "input").removesuffix("\n\nAssistant:")
        marked = said if said.startswith(("\n\nHuman:", "Human:")) else f"\n\nHuman: {said}"
        prompt = checked_prompt(transcript_turns(marked, at, "input"), at)
        choices, labels = (required(row, at, f"targets.{k}") for k in ("choices", "labels"))
        found = answers(choices, at, "targets.choices", prompt)
        if not isinstance(labels, list | tuple) or len(labels) != len(found):
            raise at.fail("targets.labels does not hold one label for each choice")
        if not all(type(label) is int and label in (0, 1) for label in labels):
            raise at.fail("targets.labels holds something other than 0 and 1")
        better, worse = (
            tuple(choice for choice, label in zip(found, labels, strict=True) if label == wanted)
            for wanted in (1, 0)
        )
        if not better or not worse:
            raise at.fail("its choices all have one label")
        return build(
            row,
            at,
            prompt=prompt,
            chosen=better,
            rejected=worse,
            identifier=read_id(row, at),
            meta={},
        )


TRUTHFULQA = TruthfulQA()
GSM8K_SOLUTIONS = GSM8KSolutions()
HHH_ALIGNMENT = HHHAlignment()
