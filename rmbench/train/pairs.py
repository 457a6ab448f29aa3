"""From preference examples to what is trained on: every answer encoded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from rmbench.engine.encode import Encoded
from rmbench.errors import TrainingError
from rmbench.types import Conversation, PreferenceExample, conversations

OverLong = Literal["truncate", "drop"]

_EXAMPLES_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, eq=False)
class EncodedText:
    """Token ids of one conversation, in arrays because a data set holds millions of them.

    Attributes:
        input_ids: int32, shape (n_tokens,), special tokens included.
        token_type_ids: int8, shape (n_tokens,), for encoders trained with them.
    """

    input_ids: NDArray[np.int32]
    token_type_ids: NDArray[np.int8] | None = None

    def __len__(self) -> int:
        return len(self.input_ids)


@dataclass(frozen=True, slots=True, eq=False)
class EncodedExample:
    """The answers to one prompt, encoded with it.

    Attributes:
        id: Of the example it comes from.
        chosen: The preferred answers, at least one.
        rejected: The others, at least one.
        preference: Share of votes for ``chosen``, in [0.5, 1]; the target of the
            cross-entropy.
        margin: By how much the chosen rewards ought to be above the rejected ones, a logit;
            ``None`` asks for no distance.
    """

    id: str
    chosen: tuple[EncodedText, ...]
    rejected: tuple[EncodedText, ...]
    preference: float = 1.0
    margin: float | None = None

    @property
    def texts(self) -> tuple[EncodedText, ...]:
        """All answers, chosen first."""
        return self.chosen + self.rejected

    @property
    def pairs(self) -> int:
        """Chosen x rejected pairs."""
        return len(self.chosen) * len(self.rejected)

    @property
    def longest(self) -> int:
        """Tokens of the longest text."""
        return max(len(t) for t in self.texts)


@dataclass(frozen=True)
class ExampleSet:
    """The encoded examples of one preference set, and what became of the others.

    Attributes:
        examples: What is trained on, in the set's order.
        read: Examples in the set.
        ties: Examples left out because neither side was preferred.
        reversed: Examples whose sides changed places, most votes being for ``rejected``.
        truncated: Examples of ``examples`` of which a text was cut off to fit.
        dropped: Examples left out because a text was too long.
        pairs: Chosen x rejected pairs of ``examples``.
        identical: Pairs of ``examples`` whose two texts encode alike; they have no gradient
            but that of the centring term.
        soft: Examples of ``examples`` with a vote share below 1 as their target.
        tokens: Tokens of all texts of ``examples``, the prompt counted with every answer.
        longest: Tokens of the longest text of ``examples``; 0 where there is none.
    """

    examples: tuple[EncodedExample, ...]
    read: int
    ties: int
    reversed: int
    truncated: int
    dropped: int
    pairs: int
    identical: int
    soft: int
    tokens: int
    longest: int


class ConversationEncoder(Protocol):
    """What is needed of ``rmbench.engine.encode.Encoder``."""

    def encode(self, conversations: Sequence[Conversation]) -> list[Encoded]:
        """Encode in input order; neighbours of one example lose the same prompt tokens."""
        ...


def build_examples(
    examples: Sequence[PreferenceExample],
    encoder: ConversationEncoder,
    *,
    margin_from: str | None = None,
    soft_labels: bool = False,
    over_long: OverLong = "truncate",
) -> ExampleSet:
    """Encode the answers of every example that can be learned from.

    A vote share below 0.5 makes the rejected side the chosen one. Without soft labels every
    decided example counts as won outright, and a tie (``preference`` 0.5), which decides
    nothing, is left out; with them a tie is a target like any other.

    Args:
        examples: Whose ``meta`` is read for margins only.
        encoder: How conversations become tokens, and what it does with long ones.
        margin_from: Key of ``meta`` with the example's target margin, a logit. It belongs to
            the preferred side, also where the sides change places.
        soft_labels: Whether vote shares are targets.
        over_long: What becomes of examples with a text that the encoder cut off.

    Raises:
        TrainingError: If an example lacks a finite margin where one is asked for.
    """
    decided = [e for e in examples if soft_labels or e.preference != 0.5]
    built: list[EncodedExample] = []
    reversed_, truncated, dropped = 0, 0, 0
    for start in range(0, len(decided), _EXAMPLES_AT_ONCE):
        part = decided[start : start + _EXAMPLES_AT_ONCE]
        encoded = iter(encoder.encode(conversations(part)))
        for example in part:
            margin = None if margin_from is None else _margin(example, margin_from)
            texts = [next(encoded) for _ in example.responses]
            cut = any(t.truncated for t in texts)
            if cut and over_long == "drop":
                dropped += 1
                continue
            truncated += cut
            reversed_ += example.preference < 0.5
            built.append(_encoded_example(example, texts, margin, soft_labels=soft_labels))
    return ExampleSet(
        examples=tuple(built),
        read=len(examples),
        ties=len(examples) - len(decided),
        reversed=reversed_,
        truncated=truncated,
        dropped=dropped,
        pairs=sum(e.pairs for e in built),
        identical=sum(_alike(c, r) for e in built for c in e.chosen for r in e.rejected),
        soft=sum(e.preference < 1.0 for e in built),
        tokens=sum(len(t) for e in built for t in e.texts),
        longest=max((e.longest for e in built), default=0),
    )


def _encoded_example(
    example: PreferenceExample, texts: Sequence[Encoded], margin: float | None, *, soft_labels: bool
) -> EncodedExample:
    n = len(example.chosen)
    chosen = tuple(_compact(t) for t in texts[:n])
    rejected = tuple(_compact(t) for t in texts[n:])
    share = example.preference
    if share < 0.5:
        chosen, rejected, share = rejected, chosen, 1 - share
    return EncodedExample(example.id, chosen, rejected, share if soft_labels else 1.0, margin)


def _margin(example: PreferenceExample, key: str) -> float:
    value: Any = example.meta.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise TrainingError(
            f"example {example.id!r}: meta has no finite number {key!r} to take as its margin"
            f" (it has {value!r})"
        )
    return float(value)


def _compact(text: Encoded) -> EncodedText:
    types = text.token_type_ids
    return EncodedText(
        np.asarray(text.input_ids, np.int32),
        None if types is None else np.asarray(types, np.int8),
    )


def _alike(first: EncodedText, second: EncodedText) -> bool:
    # Types follow from where the prompt ends, so texts of one prompt differ in them only
    # where they differ in their ids, or in the place of an equal separator.
    if not np.array_equal(first.input_ids, second.input_ids):
        return False
    types, others = first.token_type_ids, second.token_type_ids
    return types is others or (
        types is not None and others is not None and np.array_equal(types, others)
    )
