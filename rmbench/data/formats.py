"""The general formats of preference rows, and the recognition of a set's format.

An answer is a string or messages that end in an assistant's turn; each side holds
one answer or a list of several. A ``preference`` column, or the one that the caller
names, says how sure the annotators were (see ``rmbench.data.votes``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from rmbench.data.benchmarks import JUDGEBENCH, LLMBAR, RM_BENCH
from rmbench.data.conversation import HH_TRANSCRIPT, IMPLICIT_MESSAGES, IMPLICIT_TEXT
from rmbench.data.fields import (
    answers,
    build,
    checked_prompt,
    messages,
    prompt_of_text,
    required,
)
from rmbench.data.gold import GSM8K_SOLUTIONS, HHH_ALIGNMENT, TRUTHFULQA
from rmbench.data.labelled import (
    HELPSTEER2,
    HELPSTEER3,
    PANDALM,
    SHP_COMMENTS,
    SUMMARIZE_FROM_FEEDBACK,
    WEBGPT,
)
from rmbench.data.loader import MISSING, ColumnRole, RowContext, RowLoader, lookup
from rmbench.data.ppe import PPE_BEST_OF_K, PPE_PREFERENCE
from rmbench.data.processes import PRMBENCH, PROCESSBENCH
from rmbench.data.rmb import RMB_BEST_OF_N, RMB_PAIRS
from rmbench.errors import shorten
from rmbench.spec import Columns
from rmbench.types import PreferenceExample

__all__ = [
    "AUTO",
    "HH_TRANSCRIPT",
    "IMPLICIT_MESSAGES",
    "IMPLICIT_TEXT",
    "NORMALISED",
    "PROMPT_MESSAGES",
    "PROMPT_TEXT",
    "normalised_row",
]


@dataclass(frozen=True, slots=True)
class PromptText:
    """``{prompt: text, chosen, rejected}``."""

    name: str = "prompt-text"
    summary: str = "prompt as text, chosen and rejected: one answer or a list of several"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether the prompt is text and both sides hold answers."""
        return isinstance(row.get("prompt"), str) and _has_answers(row)

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        column = at.column("prompt")
        prompt = prompt_of_text(required(row, at, column), at, column)
        chosen, rejected = (
            answers(required(row, at, side), at, side, prompt)
            for side in (at.column("chosen"), at.column("rejected"))
        )
        return build(row, at, prompt=prompt, chosen=chosen, rejected=rejected)


@dataclass(frozen=True, slots=True)
class PromptMessages:
    """``{prompt: [messages], chosen, rejected}``."""

    name: str = "prompt-messages"
    summary: str = "prompt as a list of messages, chosen and rejected: one answer or several"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether the prompt is a list of messages and both sides hold answers."""
        return _is_list_of(row.get("prompt"), Mapping) and _has_answers(row)

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        column = at.column("prompt")
        prompt = checked_prompt(messages(required(row, at, column), at, column), at)
        chosen, rejected = (
            answers(required(row, at, side), at, side, prompt)
            for side in (at.column("chosen"), at.column("rejected"))
        )
        return build(row, at, prompt=prompt, chosen=chosen, rejected=rejected)


@dataclass(frozen=True, slots=True)
class Normalised:
    """``{id, subset, prompt: [messages], chosen: [text, ...], rejected: [text, ...], meta}``.

    A row without rejected answers whose ``meta.tie`` is true is a human tie between its
    two chosen answers: it becomes one against the other with preference 0.5, whatever
    the votes column says of the arbitrary order in which they stand.
    """

    name: str = "normalised"
    summary: str = "rmbench's own rows: id, subset, prompt messages, lists of answers, meta"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether it has an id, prompt messages and two lists of texts."""
        return (
            "id" in row
            and _is_list_of(row.get("prompt"), Mapping)
            and _is_list_of(row.get("chosen"), str)
            and (row.get("rejected") == [] or _is_list_of(row.get("rejected"), str))
        )

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        column = at.column("prompt")
        prompt = checked_prompt(messages(required(row, at, column), at, column), at)
        meta = row.get("meta") or {}
        if not isinstance(meta, Mapping):
            raise at.fail("meta is not an object")
        chosen = answers(required(row, at, at.column("chosen")), at, at.column("chosen"), prompt)
        other = required(row, at, at.column("rejected"))
        if other == [] and meta.get("tie") is True and len(chosen) == 2:
            first, second = chosen
            return build(
                row,
                at,
                prompt=prompt,
                chosen=(first,),
                rejected=(second,),
                preference=0.5,
                meta=dict(meta),
            )
        rejected = answers(other, at, at.column("rejected"), prompt)
        return build(row, at, prompt=prompt, chosen=chosen, rejected=rejected, meta=dict(meta))


def normalised_row(example: PreferenceExample, suite: str = "") -> dict[str, Any]:
    """The row that the loader ``normalised`` reads back as the same example.

    ``group`` is not part of it: it follows from the prompt, or the reader's ``cluster``.
    """
    return {
        "id": example.id,
        "suite": suite,
        "subset": example.subset,
        "prompt": [{"role": turn.role, "content": turn.content} for turn in example.prompt],
        "chosen": list(example.chosen),
        "rejected": list(example.rejected),
        "preference": example.preference,
        "meta": dict(example.meta),
    }


def _is_list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], kind)


def _has_answers(row: Mapping[str, Any]) -> bool:
    """Whether both sides are text, a list, or one message; whole conversations are not."""
    return all(_holds_answers(row.get(side)) for side in ("chosen", "rejected"))


def _holds_answers(side: Any) -> bool:
    if isinstance(side, str) or _is_list_of(side, str) or _is_list_of(side, list):
        return True
    return _is_list_of(side, Mapping) and len(side) == 1


PROMPT_TEXT = PromptText()
PROMPT_MESSAGES = PromptMessages()
NORMALISED = Normalised()

# From the particular to the general: HH transcripts are also implicit texts, normalised
# rows also prompt messages with many answers.
_KNOWN: tuple[RowLoader, ...] = (
    JUDGEBENCH,
    LLMBAR,
    RM_BENCH,
    RMB_PAIRS,
    RMB_BEST_OF_N,
    PPE_PREFERENCE,
    PPE_BEST_OF_K,
    PANDALM,
    WEBGPT,
    SUMMARIZE_FROM_FEEDBACK,
    SHP_COMMENTS,
    HELPSTEER2,
    HELPSTEER3,
    TRUTHFULQA,
    GSM8K_SOLUTIONS,
    HHH_ALIGNMENT,
    PRMBENCH,
    PROCESSBENCH,
    NORMALISED,
    HH_TRANSCRIPT,
    PROMPT_MESSAGES,
    PROMPT_TEXT,
    IMPLICIT_MESSAGES,
    IMPLICIT_TEXT,
)


@dataclass(frozen=True, slots=True)
class Auto:
    """Recognises the format by the first row; every further row must be of it too."""

    name: str = "auto"
    summary: str = "the format is recognised by the first row"

    def detect(self, row: Mapping[str, Any], at: RowContext) -> RowLoader:
        """The built-in format that this row is of; ``DataError`` if none is."""
        view = _renamed(row, at.columns)
        for loader in _KNOWN:
            if loader.matches(view):
                return loader
        there = shorten([str(key) for key in row], 8)
        raise at.fail(
            "the row is of no known format",
            hint=f"it has {there or 'no columns'}; {_way_out(row)}",
        )


def _way_out(row: Mapping[str, Any]) -> str:
    if {"responses", "gold"} <= row.keys():
        return "responses that are worth numbers are of --suite graded"
    return "a suite file can name a loader and columns"


def _renamed(row: Mapping[str, Any], columns: Columns) -> Mapping[str, Any]:
    """The row with each renamed column under the name that formats are recognised by."""
    view = dict(row)
    for role in get_args(ColumnRole):
        column = getattr(columns, role)
        value = MISSING if column is None else lookup(row, column)
        if value is not MISSING:
            view[role] = value
    return view


AUTO = Auto()
