"""Loaders of sets made for process reward models, as a scalar reward model can take them.

These sets mark the steps of a solution that are wrong. A model that gives one reward to
a whole text cannot say where an error is; what it can be asked is whether the text with
the error gets the lower reward. So a row becomes a pair, and the publishers' metrics of
steps are not computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rmbench.data.fields import build, prompt_of_text, read_subset, required, response
from rmbench.data.loader import RowContext
from rmbench.types import PreferenceExample


@dataclass(frozen=True, slots=True)
class PRMBench:
    """PRMBench: the original solution against the same one with an error put in.

    Steps are joined by line breaks. Both answer ``original_question``: where the question
    was changed as well, the original solution does not fit the changed one. Solutions
    without an error step (the class ``multi_solutions``) have no worse side. ``idx`` is
    used twice in a few cases, so the id begins with the row's place.
    """

    name: str = "prmbench"
    summary: str = "PRMBench: original_question, original_process[], modified_process[], ..."

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"original_question", "original_process", "modified_process"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        errors = required(row, at, "error_steps")
        if not isinstance(errors, list | tuple) or not all(type(step) is int for step in errors):
            raise at.fail("error_steps is not a list of whole numbers")
        if not errors:
            raise at.fail("the modified solution has no error step")
        question = required(row, at, "original_question")
        idx = row.get("idx")
        return build(
            row,
            at,
            prompt=prompt_of_text(question, at, "original_question"),
            chosen=(_solution(row, at, "original_process"),),
            rejected=(_solution(row, at, "modified_process"),),
            identifier=at.default_id if idx is None else f"{at.default_id}/{idx}",
            subset=read_subset(row, at, "classification"),
            meta={"error_steps": list(errors), "idx": idx},
        )


@dataclass(frozen=True, slots=True)
class ProcessBench:
    """ProcessBench: a wrong solution against as much of it as is right.

    Chosen are the steps before the first wrong one, rejected the same with that step
    added. Rows without an error, and those whose first step is wrong, have nothing to
    compare. Steps are joined by empty lines.
    """

    name: str = "processbench"
    summary: str = "ProcessBench: problem, steps[], label: first wrong step from 0, -1 for none"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"problem", "steps", "label"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        steps = _steps(row, at, "steps")
        label = required(row, at, "label")
        if type(label) is not int or not -1 <= label < len(steps):
            raise at.fail(
                "label is no step", hint=f"{label!r}; there are {len(steps)}, counted from 0"
            )
        if label < 0:
            raise at.fail("the solution has no error")
        if label == 0:
            raise at.fail("no step is right")
        problem = required(row, at, "problem")
        return build(
            row,
            at,
            prompt=prompt_of_text(problem, at, "problem"),
            chosen=("\n\n".join(steps[:label]),),
            rejected=("\n\n".join(steps[: label + 1]),),
            meta={key: row.get(key) for key in ("generator", "label", "final_answer_correct")},
        )


def _steps(row: Mapping[str, Any], at: RowContext, column: str) -> tuple[str, ...]:
    steps = required(row, at, column)
    if not isinstance(steps, list | tuple) or not steps:
        raise at.fail(f"{column} holds no steps")
    return tuple(response(step, at, f"{column}[{i}]") for i, step in enumerate(steps))


def _solution(row: Mapping[str, Any], at: RowContext, column: str) -> str:
    return "\n".join(_steps(row, at, column))


PRMBENCH = PRMBench()
PROCESSBENCH = ProcessBench()
