"""Rows of many responses to one prompt, each of which is worth a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from rmbench.data.fields import build, checked_prompt, messages, prompt_of_text, required, response
from rmbench.data.loader import RowContext
from rmbench.types import PreferenceExample


@dataclass(frozen=True, slots=True)
class Graded:
    """``{prompt: text or [messages], responses: [text, ...], gold: [number, ...]}``.

    The responses of the highest gold are chosen, the others rejected; where all are worth the
    same, the example is a tie. Every one keeps its gold, and its place in the row as
    ``meta.response_positions``, from 1. A suite may name other columns as ``responses`` and
    ``gold``.
    """

    name: str = "graded"
    summary: str = "many responses to a prompt, each worth a number: prompt, responses, gold"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether there are responses and numbers."""
        return {"prompt", "responses", "gold"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        column = at.column("prompt")
        said = required(row, at, column)
        prompt = (
            prompt_of_text(said, at, column)
            if isinstance(said, str)
            else checked_prompt(messages(said, at, column), at)
        )
        given = required(row, at, at.column("responses"))
        gold = _numbers(required(row, at, at.column("gold")), at)
        if not isinstance(given, list | tuple) or len(given) != len(gold):
            raise at.fail(
                "there is not one gold value a response",
                field=at.column("gold"),
                hint=f"{len(gold)} of them",
            )
        texts = [response(text, at, at.column("responses")) for text in given]
        best = max(gold)
        chosen = [i for i, worth in enumerate(gold) if worth == best]
        rejected = [i for i, worth in enumerate(gold) if worth != best]
        if len(gold) < 2:
            raise at.fail("there is one response, and nothing to choose from", field=column)
        tie = not rejected
        if tie:  # nothing is right or wrong, yet there is an expected gold
            chosen, rejected = chosen[:1], chosen[1:]
        order = [*chosen, *rejected]
        return build(
            row,
            at,
            prompt=prompt,
            chosen=tuple(texts[i] for i in chosen),
            rejected=tuple(texts[i] for i in rejected),
            preference=0.5 if tie else 1.0,
            meta={"response_positions": [i + 1 for i in order]},
            gold=tuple(gold[i] for i in order),
        )


def _numbers(value: Any, at: RowContext) -> list[float]:
    column = at.column("gold")
    if not isinstance(value, list | tuple) or not value:
        raise at.fail("gold is not a list of numbers", field=column)
    for place, one in enumerate(value):
        if isinstance(one, bool) or not isinstance(one, int | float) or not isfinite(one):
            raise at.fail(
                "a response is not worth a finite number",
                field=column,
                hint=f"entry {place + 1} is {one!r:.20}; leave out responses without one",
            )
    return [float(one) for one in value]


GRADED = Graded()
