"""Rows ``{"question", "answer", "distractors": [...], "topic"}``, as a quiz has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rmbench.data.fields import answers, build, prompt_of_text, read_subset, required
from rmbench.data.loader import RowContext
from rmbench.types import PreferenceExample


@dataclass(frozen=True, slots=True)
class Quiz:
    """The answer is chosen, every distractor rejected; the subset is the topic."""

    name: str = "quiz"
    summary: str = "quizzes: question, answer, distractors and topic"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether a first row with these columns is of this format."""
        return {"question", "answer", "distractors"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` with file, row and field if it cannot be used."""
        prompt = prompt_of_text(required(row, at, "question"), at, "question")
        return build(
            row,
            at,
            prompt=prompt,
            chosen=answers(required(row, at, "answer"), at, "answer", prompt),
            rejected=answers(required(row, at, "distractors"), at, "distractors", prompt),
            subset=read_subset(row, at, "topic"),
        )


QUIZ = Quiz()
