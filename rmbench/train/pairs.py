"""From preference examples to encoded pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Protocol, TypeVar

import numpy as np

from rmbench.engine.encode import Encoded
from rmbench.errors import TrainingError
from rmbench.train.collate import EncodedPair, EncodedText
from rmbench.types import Conversation, PreferenceExample, conversations

_T = TypeVar("_T")
_EXAMPLES_AT_ONCE = 1000


class ConversationEncoder(Protocol):
    """What is needed of ``rmbench.engine.encode.Encoder``."""

    def encode(self, conversations: Sequence[Conversation]) -> list[Encoded]:
        """Encode in input order; neighbours of one example lose the same prompt tokens."""
        ...


@dataclass(frozen=True)
class PairSet:
    """The pairs of one preference set, and what became of its examples.

    Attributes:
        pairs: Every chosen with every rejected answer, in the examples' order.
        examples: Examples in the set.
        ties: Examples left out because neither side was preferred.
        reversed: Examples whose sides changed places, most votes being for ``rejected``.
        truncated: Pairs of which a text was cut off to fit.
        identical: Pairs whose two texts encode alike; they have no gradient.
    """

    pairs: tuple[EncodedPair, ...]
    examples: int
    ties: int
    reversed: int
    truncated: int
    identical: int


def build_pairs(
    examples: Sequence[PreferenceExample],
    encoder: ConversationEncoder,
    *,
    margin_from: str | None = None,
) -> PairSet:
    """Encode every example and pair its chosen with its rejected answers.

    Plain Bradley-Terry learns from a decided comparison only, so a tie (``preference`` 0.5)
    gives no pair, and a vote share below 0.5 makes the rejected side the chosen one.

    Args:
        examples: Whose ``meta`` is read for margins only.
        encoder: How conversations become tokens.
        margin_from: Key of ``meta`` with the pair's target margin, a logit.

    Raises:
        TrainingError: If an example lacks a finite margin where one is asked for.
    """
    decided = [_majority_first(e) for e in examples if e.preference != 0.5]
    truncated = 0
    pairs: list[EncodedPair] = []
    for start in range(0, len(decided), _EXAMPLES_AT_ONCE):
        part = decided[start : start + _EXAMPLES_AT_ONCE]
        encoded = iter(encoder.encode(conversations(part)))
        for example in part:
            margin = None if margin_from is None else _margin(example, margin_from)
            texts = [next(encoded) for _ in example.responses]
            truncated += sum(c.truncated or r.truncated for c, r in _crossed(example, texts))
            packed = [_pack(t) for t in texts]
            pairs.extend(
                EncodedPair(example.id, chosen, rejected, margin)
                for chosen, rejected in _crossed(example, packed)
            )
    return PairSet(
        pairs=tuple(pairs),
        examples=len(examples),
        ties=len(examples) - len(decided),
        reversed=sum(e.preference < 0.5 for e in examples),
        truncated=truncated,
        identical=sum(_alike(p) for p in pairs),
    )


def _majority_first(example: PreferenceExample) -> PreferenceExample:
    if example.preference > 0.5:
        return example
    return replace(
        example,
        chosen=example.rejected,
        rejected=example.chosen,
        preference=1 - example.preference,
    )


def _crossed(example: PreferenceExample, texts: Sequence[_T]) -> Iterator[tuple[_T, _T]]:
    n = len(example.chosen)
    return ((chosen, rejected) for chosen in texts[:n] for rejected in texts[n:])


def _margin(example: PreferenceExample, key: str) -> float:
    value = example.meta.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise TrainingError(
            f"example {example.id!r}: meta has no finite number {key!r} to take as its margin"
            f" (it has {value!r})"
        )
    return float(value)


def _pack(text: Encoded) -> EncodedText:
    types = text.token_type_ids
    return EncodedText(
        np.asarray(text.input_ids, np.int32),
        None if types is None else np.asarray(types, np.int8),
    )


def _alike(pair: EncodedPair) -> bool:
    first, second = pair.chosen.token_type_ids, pair.rejected.token_type_ids
    types_alike = first is second or (
        first is not None and second is not None and np.array_equal(first, second)
    )
    return types_alike and np.array_equal(pair.chosen.input_ids, pair.rejected.input_ids)
