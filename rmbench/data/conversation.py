"""Loaders of rows whose prompt stands inside the answers.

``chosen`` and ``rejected`` are then whole conversations that agree up to the last
turn. As messages and as transcripts with marked turns that point is certain. As
plain text it has to be guessed from the common beginning, which also takes in words
with which both answers happen to begin: wherever a set has a prompt column, use it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rmbench.data.fields import (
    Prompt,
    assistant_turn,
    build,
    checked_prompt,
    messages,
    optional,
    required,
    response,
    text,
)
from rmbench.data.loader import RowContext
from rmbench.types import Message, PreferenceExample, Role

_MARKER = re.compile(r"(?:\A|\n\n)(Human|Assistant):(?: |(?=\n)|\Z)")
_ROLE: dict[str, Role] = {"Human": "user", "Assistant": "assistant"}
_DIFFERS = "the prompt differs between the two sides"


@dataclass(frozen=True, slots=True)
class ImplicitMessages:
    """``{chosen: [messages], rejected: [messages]}``, equal but for the last message.

    A ``prompt`` column of text beside them (UltraFeedback binarised has one) repeats a
    turn and is not read, but a row where it says something else cannot be used.
    """

    name: str = "implicit-messages"
    summary: str = "chosen and rejected are whole conversations, as lists of messages"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether both sides are lists of messages and the prompt, if any, is text."""
        return isinstance(row.get("prompt", ""), str) and all(
            _is_conversation(row.get(side)) for side in ("chosen", "rejected")
        )

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        sides = [at.column("chosen"), at.column("rejected")]
        chosen, rejected = (messages(required(row, at, side), at, side) for side in sides)
        answer = [
            assistant_turn(turns, at, side)
            for turns, side in zip((chosen, rejected), sides, strict=True)
        ]
        if chosen[:-1] != rejected[:-1]:
            raise at.fail(_DIFFERS)
        prompt = checked_prompt(chosen[:-1], at)
        _check_repeated(optional(row, at, "prompt"), prompt, at)
        return build(row, at, prompt=prompt, chosen=(answer[0],), rejected=(answer[1],))


def _is_conversation(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], Mapping)


def _check_repeated(column: Any, prompt: Prompt, at: RowContext) -> None:
    if column is None:
        return
    said = text(column, at, at.column("prompt")).strip()
    turns = [turn.content.strip() for turn in prompt]
    # A flattened dialogue contains the turns; a copied turn is contained in one.
    if not any(said in turn or (turn and turn in said) for turn in turns):
        raise at.fail("the prompt column is no turn of the conversation")


@dataclass(frozen=True, slots=True)
class HHTranscript:
    r"""Anthropic's transcripts: turns marked ``\n\nHuman: `` and ``\n\nAssistant: ``.

    Only these markers part the turns, since a bare ``Human:`` also occurs inside text;
    a marker at the very start, and one followed directly by a line break or the end,
    count too. The prompt is everything before the last ``\n\nAssistant:``. Where a
    ``prompt`` column holds the transcript up to there, the sides are the answers alone.
    """

    name: str = "hh-transcript"
    summary: str = r"Anthropic HH transcripts: '\n\nHuman: ... \n\nAssistant: ...'"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether chosen, or the prompt where there is one, begins with a marked turn."""
        chosen, rejected = row.get("chosen"), row.get("rejected")
        if not isinstance(chosen, str) or not isinstance(rejected, str):
            return False
        if "prompt" not in row:
            return _MARKER.match(chosen) is not None
        prompt = row["prompt"]
        if not isinstance(prompt, str) or _MARKER.match(prompt) is None:
            return False
        return prompt.rstrip().endswith("\n\nAssistant:")

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        head = optional(row, at, "prompt")
        before = "" if head is None else text(head, at, at.column("prompt")).rstrip(" ")
        sides = []
        for side in (at.column("chosen"), at.column("rejected")):
            said = text(required(row, at, side), at, side)
            joint = " " if before and not said.startswith((" ", "\n")) else ""
            sides.append(_turns(before + joint + said, at, side))
        (chosen_prompt, chosen), (rejected_prompt, rejected) = sides
        if chosen_prompt != rejected_prompt:
            raise at.fail(_DIFFERS)
        prompt = checked_prompt(chosen_prompt, at)
        return build(row, at, prompt=prompt, chosen=(chosen,), rejected=(rejected,))


def transcript_turns(transcript: str, at: RowContext, field: str) -> Prompt:
    """The turns of a transcript in Anthropic's form; see ``HHTranscript``.

    Raises:
        DataError: If it does not begin with a marked turn.
    """
    marks = list(_MARKER.finditer(transcript))
    if not marks or marks[0].start() != 0:
        raise at.fail("the transcript does not begin with a marked turn", field=field)
    ends = [mark.start() for mark in marks[1:]] + [len(transcript)]
    return tuple(
        Message(_ROLE[mark.group(1)], transcript[mark.end() : end])
        for mark, end in zip(marks, ends, strict=True)
    )


def _turns(transcript: str, at: RowContext, field: str) -> tuple[Prompt, str]:
    turns = transcript_turns(transcript, at, field)
    return turns[:-1], assistant_turn(turns, at, field)


@dataclass(frozen=True, slots=True)
class ImplicitText:
    """``{chosen: text, rejected: text}`` that begin alike.

    The prompt is their longest common beginning, cut back to the start of its last run
    of whitespace so that no word is parted; prompt and answer together are the text as
    it stood.
    """

    name: str = "implicit-text"
    summary: str = "chosen and rejected are plain texts that begin with the same prompt"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether both sides are text and no prompt is given."""
        return "prompt" not in row and all(
            isinstance(row.get(side), str) for side in ("chosen", "rejected")
        )

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        if row.get("prompt") is not None:
            raise at.fail("has a prompt column, and the first row of the file had none")
        sides = [at.column("chosen"), at.column("rejected")]
        chosen, rejected = (response(required(row, at, side), at, side) for side in sides)
        cut = shared_prompt_length(chosen, rejected)
        if not cut:
            raise at.fail("the two sides begin with no common prompt")
        prompt = checked_prompt((Message("user", chosen[:cut]),), at)
        answer = [
            response(whole[cut:], at, side)
            for whole, side in zip((chosen, rejected), sides, strict=True)
        ]
        return build(row, at, prompt=prompt, chosen=(answer[0],), rejected=(answer[1],))


def shared_prompt_length(first: str, second: str) -> int:
    """Characters of the common beginning, before its last run of whitespace; 0 if none.

    >>> shared_prompt_length("The sky is blue.", "The sky is black.")
    10
    >>> shared_prompt_length("Yes", "Yesterday")
    0
    """
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    while low and not first[low - 1].isspace():
        low -= 1
    while low and first[low - 1].isspace():
        low -= 1
    return low


IMPLICIT_TEXT = ImplicitText()
IMPLICIT_MESSAGES = ImplicitMessages()
HH_TRANSCRIPT = HHTranscript()
