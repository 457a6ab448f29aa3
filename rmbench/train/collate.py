"""Pairs as they are trained on: encoded once, and joined into padded batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


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
class EncodedPair:
    """A chosen and a rejected answer to one prompt.

    ``id`` names the example it comes from; ``margin`` is a logit.
    """

    id: str
    chosen: EncodedText
    rejected: EncodedText
    margin: float | None = None

    def __len__(self) -> int:
        return max(len(self.chosen), len(self.rejected))


@dataclass(frozen=True)
class PairCollator:
    """Joins n pairs into one batch of 2n rows: all chosen first, then all rejected.

    Padding goes on the right, where it moves neither learned nor rotary positions.

    Attributes:
        pad_token_id: Fills ``input_ids``; the mask, not this id, says what is padding.
        pad_to_multiple_of: Rounds the padded length up, for kernels that want it.
    """

    pad_token_id: int
    pad_to_multiple_of: int = 1

    def __call__(self, pairs: Sequence[EncodedPair]) -> dict[str, Tensor]:
        """Make one batch.

        Returns:
            ``input_ids`` and ``attention_mask``, int64, shape (2n, longest);
            ``token_type_ids`` of that shape where the texts have them; ``margin``, float32,
            shape (n,), where the pairs have one.

        Raises:
            ValueError: If there are no pairs, or only some have token types or a margin.
        """
        if not pairs:
            raise ValueError("a batch needs at least one pair")
        texts = [p.chosen for p in pairs] + [p.rejected for p in pairs]
        step = self.pad_to_multiple_of
        width = -(-max(len(t) for t in texts) // step) * step
        batch = {
            "input_ids": _padded([t.input_ids for t in texts], width, self.pad_token_id),
            "attention_mask": _padded([np.ones(len(t), np.int8) for t in texts], width, 0),
        }
        types = [t.token_type_ids for t in texts if t.token_type_ids is not None]
        if len(types) not in (0, len(texts)):
            raise ValueError("either all texts of a batch have token types or none has")
        if types:
            batch["token_type_ids"] = _padded(types, width, 0)
        margins = [p.margin for p in pairs if p.margin is not None]
        if len(margins) not in (0, len(pairs)):
            raise ValueError("either all pairs of a batch have a margin or none has")
        if margins:
            batch["margin"] = torch.tensor(margins, dtype=torch.float32)
        return batch


def _padded(rows: Sequence[NDArray[np.signedinteger[Any]]], width: int, fill: int) -> Tensor:
    padded = np.full((len(rows), width), fill, dtype=np.int64)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = row
    return torch.from_numpy(padded)
