"""Prompts and responses of training data of any kind, for looking a benchmark up in them.

Beside preferences in every known layout: rows with a prompt (text or messages) and perhaps
answers to it, as prompt sets, supervised sets and graded sets have them, and rows of one
conversation in ``messages``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rmbench.data.fields import (
    Prompt,
    answers,
    assistant_turn,
    checked_prompt,
    messages,
    prompt_of_text,
)
from rmbench.data.formats import AUTO
from rmbench.data.load import load_preferences
from rmbench.data.loader import RowContext
from rmbench.data.source import open_source
from rmbench.errors import DataError
from rmbench.types import SkippedRow

ANSWERS = ("completion", "response", "responses", "answer", "chosen")
"""Columns of answers to ``prompt``; as many as there are."""


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """What one row lets a model see: a prompt, and responses to it if it has any."""

    prompt: Prompt
    responses: tuple[str, ...]


@dataclass(frozen=True)
class TrainingRows:
    """The usable rows of a source and those that were left out.

    Attributes:
        rows: In source order.
        skipped: Rows that could not be used, with the reason.
    """

    rows: tuple[TrainingRow, ...]
    skipped: tuple[SkippedRow, ...]


def load_training_rows(source: str) -> TrainingRows:
    """Read the prompts and responses of one source, of the kind that its first row is of.

    Args:
        source: As of ``rmbench.data.load_preferences``.

    Raises:
        DataError: If it is not there, broken or empty, its rows are of no known kind, or none
            of them can be used.
    """
    if not _has_prompts_only(source):
        found = load_preferences(source, bad_rows="skip", identical="keep")
        rows = tuple(TrainingRow(e.prompt, e.responses) for e in found)
        return TrainingRows(rows, found.skipped)
    rows_read, skipped = [], []
    for part in open_source(source).parts:
        for row in part.rows:
            at = RowContext(part.label, row.number, default_id=str(row.number))
            try:
                rows_read.append(_training_row(row.values, at))
            except DataError as error:
                skipped.append(SkippedRow(part.label, row.number, error.reason))
    if not rows_read:
        raise DataError(f"none of its rows can be used: {skipped[0].reason}", file=source)
    return TrainingRows(tuple(rows_read), tuple(skipped))


def _has_prompts_only(source: str) -> bool:
    """Whether the first row is no preference, yet has a prompt or a conversation."""
    for part in open_source(source).parts:
        for row in part.rows:
            at = RowContext(part.label, row.number, default_id=str(row.number))
            try:
                AUTO.detect(row.values, at)
            except DataError as error:
                if {"prompt", "messages"} & row.values.keys():
                    return True
                raise at.fail(
                    error.reason,
                    hint=f"{error.hint}, or give rows with prompt or messages",
                ) from None
            return False
    return False


def _training_row(row: Mapping[str, Any], at: RowContext) -> TrainingRow:
    if row.get("prompt") is None:
        turns = messages(row.get("messages"), at, "messages")
        if turns and turns[-1].role == "assistant":
            prompt, last = turns[:-1], turns[-1:]
            return TrainingRow(checked_prompt(prompt, at), (assistant_turn(last, at, "messages"),))
        return TrainingRow(checked_prompt(turns, at), ())
    said = row["prompt"]
    prompt = (
        prompt_of_text(said, at, "prompt")
        if isinstance(said, str)
        else checked_prompt(messages(said, at, "prompt"), at)
    )
    there = [column for column in ANSWERS if row.get(column)]
    given = [text for column in there for text in answers(row[column], at, column, prompt)]
    return TrainingRow(prompt, tuple(given))
