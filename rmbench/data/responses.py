"""Rows that hold one response to a prompt: material to be labelled, not compared.

They become no ``PreferenceExample``, so their formats are no loaders of
``rmbench.loaders`` and no suite reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from rmbench.data.fields import (
    assistant_turn,
    checked_prompt,
    messages,
    prompt_of_text,
    read_id,
    required,
    response,
)
from rmbench.data.loader import RowContext
from rmbench.types import Message


@dataclass(frozen=True, slots=True)
class PromptResponse:
    """One prompt with one response to it.

    Attributes:
        id: Unique within its source.
        prompt: The conversation up to the response, oldest turn first.
        response: What the assistant said.
    """

    id: str
    prompt: tuple[Message, ...]
    response: str


class ResponseLoader(Protocol):
    """Turns one row into one prompt with its response."""

    @property
    def name(self) -> str:
        """Name of the format, for the record."""
        ...

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether a first row with these columns is of this format."""
        ...

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PromptResponse:
        """Read one row.

        Raises:
            DataError: If the row cannot be used; it names file, row and reason.
        """
        ...


@dataclass(frozen=True, slots=True)
class PromptAndResponse:
    """``{prompt: text or [messages], response: text}``."""

    name: str = "prompt-response"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether both columns are there."""
        return {"prompt", "response"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PromptResponse:
        """Read one row; ``DataError`` if it cannot be used."""
        said = required(row, at, "prompt")
        prompt = (
            prompt_of_text(said, at, "prompt")
            if isinstance(said, str)
            else checked_prompt(messages(said, at, "prompt"), at)
        )
        answer = response(required(row, at, "response"), at, "response")
        return PromptResponse(read_id(row, at), prompt, answer)


@dataclass(frozen=True, slots=True)
class WholeConversation:
    """``{messages: [messages]}``, the last of which is the assistant's."""

    name: str = "messages"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether the column is there."""
        return "messages" in row

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PromptResponse:
        """Read one row; ``DataError`` if it cannot be used."""
        turns = messages(required(row, at, "messages"), at, "messages")
        answer = assistant_turn(turns, at, "messages")
        return PromptResponse(read_id(row, at), checked_prompt(turns[:-1], at), answer)


RESPONSE_LOADERS: tuple[ResponseLoader, ...] = (PromptAndResponse(), WholeConversation())
"""The formats, in the order in which a first row is held against them."""
