"""What two preference sets have in common: whether a benchmark was trained on.

Texts are compared normalised: Unicode NFKC, case folded, runs of white space made one space.
An answer counts as shared only under the same prompt.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from rmbench.types import Message, PreferenceExample

_DIGEST_BYTES = 16


class Texts(Protocol):
    """A prompt and responses to it, if there are any."""

    @property
    def prompt(self) -> tuple[Message, ...]:
        """The conversation so far."""
        ...

    @property
    def responses(self) -> tuple[str, ...]:
        """Answers to it."""
        ...


@dataclass(frozen=True)
class Overlap:
    """Ids of a set's examples that another set holds too, in the set's order.

    Each field is part of the one before.

    Attributes:
        prompt: The other set has the prompt.
        answer: It has the prompt with one of the answers.
        row: It has the prompt with all of the answers, whichever of them it prefers.
    """

    prompt: tuple[str, ...]
    answer: tuple[str, ...]
    row: tuple[str, ...]


def normalised_text(text: str) -> str:
    r"""The form in which texts are compared.

    >>> normalised_text("  Ｗhat\n is\tTHIS?")
    'what is this?'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def find_overlap(examples: Iterable[PreferenceExample], other: Iterable[Texts]) -> Overlap:
    """Look every example up in another set.

    Only digests of the other set's texts are kept, so it may be a stream.
    """
    prompts: set[bytes] = set()
    answers: set[bytes] = set()
    for e in other:
        prompt = _prompt(e)
        prompts.add(prompt)
        answers.update(_answers(e, prompt))
    prompt_ids, answer_ids, row_ids = [], [], []
    for e in examples:
        prompt = _prompt(e)
        if prompt not in prompts:
            continue
        prompt_ids.append(e.id)
        known = [answer in answers for answer in _answers(e, prompt)]
        if any(known):
            answer_ids.append(e.id)
        if all(known):
            row_ids.append(e.id)
    return Overlap(tuple(prompt_ids), tuple(answer_ids), tuple(row_ids))


def _prompt(e: Texts) -> bytes:
    digest = blake2b(digest_size=_DIGEST_BYTES)
    for m in e.prompt:
        # No normalised text holds a line break, so turns cannot run into each other.
        digest.update(f"{m.role}\n{normalised_text(m.content)}\n".encode("utf-8", "surrogatepass"))
    return digest.digest()


def _answers(e: Texts, prompt: bytes) -> list[bytes]:
    return [
        blake2b(
            prompt + normalised_text(response).encode("utf-8", "surrogatepass"),
            digest_size=_DIGEST_BYTES,
        ).digest()
        for response in e.responses
    ]
