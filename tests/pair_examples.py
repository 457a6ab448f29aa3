"""Encoded examples of random tokens, and what they are worth to a plain model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rmbench.train.loss import Objective
from rmbench.train.pairs import EncodedExample, EncodedText


def make_examples(
    n: int,
    *,
    shapes: Sequence[tuple[int, int]] = ((1, 1),),
    vocabulary: int = 60,
    prompt: tuple[int, int] = (3, 20),
    response: tuple[int, int] = (1, 15),
    votes: bool = False,
    margin: bool = False,
    typed: bool = False,
    seed: int = 0,
) -> list[EncodedExample]:
    """Examples ``"0"``, ``"1"``, ... whose answers share a prompt.

    Args:
        n: How many.
        shapes: Numbers of chosen and rejected answers, taken in turn.
        vocabulary: Token ids are from 4 to below this.
        prompt: Fewest and most tokens of a prompt.
        response: Of a response.
        votes: Whether examples have vote shares.
        margin: Whether they have margins.
        typed: Whether responses have token type 1.
        seed: Of everything.
    """
    rng = np.random.default_rng(seed)

    def ids(length: tuple[int, int]) -> NDArray[np.int32]:
        return rng.integers(4, vocabulary, rng.integers(*length, endpoint=True)).astype(np.int32)

    def text(start: NDArray[np.int32]) -> EncodedText:
        own = ids(response)
        types = np.repeat(np.array([0, 1], np.int8), [len(start), len(own)]) if typed else None
        return EncodedText(np.concatenate([start, own]), types)

    examples = []
    for i in range(n):
        start = ids(prompt)
        chosen, rejected = shapes[i % len(shapes)]
        examples.append(
            EncodedExample(
                str(i),
                tuple(text(start) for _ in range(chosen)),
                tuple(text(start) for _ in range(rejected)),
                float(rng.uniform(0.5, 1.0)) if votes else 1.0,
                float(rng.normal()) if margin else None,
            )
        )
    return examples


def plain_reward(model: Any, text: EncodedText) -> Tensor:
    """The reward of one text alone, by the model's own ``forward``: a scalar."""
    inputs = {"input_ids": torch.tensor(text.input_ids[None].astype(np.int64))}
    if text.token_type_ids is not None:
        inputs["token_type_ids"] = torch.tensor(text.token_type_ids[None].astype(np.int64))
    reward: Tensor = model(**inputs).logits[0, 0]
    return reward


def plain_loss(
    model: Any, examples: Sequence[EncodedExample], objective: Objective | None = None
) -> Tensor:
    """The mean over examples of the mean over their pairs, one text and one pair at a time."""
    o = objective or Objective()
    losses = []
    for e in examples:
        chosen, rejected = (
            [plain_reward(model, t) for t in side] for side in (e.chosen, e.rejected)
        )
        share = (1 - o.label_smoothing) * e.preference + o.label_smoothing * (1 - e.preference)
        own = [
            -share * torch.log(torch.sigmoid(c - r - (e.margin or 0.0)))
            - (1 - share) * torch.log(torch.sigmoid(r - c + (e.margin or 0.0)))
            + o.center_coefficient * (c + r) ** 2
            for c in chosen
            for r in rejected
        ]
        losses.append(torch.stack(own).mean())
    return torch.stack(losses).mean()


def plain_rewards(model: Any, examples: Sequence[EncodedExample]) -> NDArray[np.float64]:
    """Mean chosen and mean rejected reward of each example, shape (n, 2)."""

    def mean(texts: Sequence[EncodedText]) -> float:
        return float(np.mean([plain_reward(model, t).item() for t in texts]))

    with torch.no_grad():
        return np.array([[mean(e.chosen), mean(e.rejected)] for e in examples])
