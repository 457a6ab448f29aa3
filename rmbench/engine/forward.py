"""One batch of token ids to one reward per row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from rmbench.engine.capability import Capability
from rmbench.engine.encode import Encoded

ScorePosition = Literal["hf", "last"]


@dataclass(frozen=True, slots=True)
class Head:
    """How several logits become one reward.

    ``index`` takes one logit; ``None`` means ``logit[1] - logit[0]``.
    """

    index: int | None

    def reward(self, logits: Tensor) -> Tensor:
        """Logits of shape (n, labels) to rewards of shape (n,), float32."""
        logits = logits.float()
        if self.index is None:
            return logits[:, 1] - logits[:, 0]
        return logits[:, self.index]


def score_index(row: Encoded, pad_token_id: int | None, position: ScorePosition) -> int:
    """Which token of a sequence a decoder's score is read from.

    ``hf`` is the rule of ``transformers``: the rightmost token whose id is not the pad
    id, which steps over a final end mark where pad and end mark are one token (a tie of
    all such tokens falls to the first). ``last`` is the last token.

    >>> score_index(Encoded((5, 6, 2)), pad_token_id=2, position="hf")
    1
    >>> score_index(Encoded((5, 6, 2)), pad_token_id=2, position="last")
    2
    """
    end = len(row.input_ids) - 1
    if position == "last" or pad_token_id is None:
        return end
    for i in range(end, -1, -1):
        if row.input_ids[i] != pad_token_id:
            return i
    return 0


def forward_padded(
    model: Any,
    rows: Sequence[Encoded],
    *,
    capability: Capability,
    head: Head,
    position: ScorePosition,
    pad_token_id: int | None,
    device: torch.device,
) -> Tensor:
    """Rewards of a right-padded batch.

    Args:
        model: A sequence classifier on ``device``.
        rows: The sequences.
        capability: Whether the head is applied apart from the base model.
        head: Which logit is the reward.
        position: Which token a decoder's score is read from.
        pad_token_id: The model's pad id; also what short rows are filled with (0 where
            the model has none: filled positions are masked).
        device: Where the model is.

    Returns:
        float32, shape (len(rows),), on ``device``.
    """
    longest = max(len(r) for r in rows)
    fill = pad_token_id if pad_token_id is not None else 0
    ids = torch.full((len(rows), longest), fill, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row.input_ids)
        mask[i, : len(row)] = 1
    inputs: dict[str, Tensor] = {"input_ids": ids, "attention_mask": mask}
    if rows[0].token_type_ids is not None:
        types = torch.zeros((len(rows), longest), dtype=torch.long)
        for i, row in enumerate(rows):
            types[i, : len(row)] = torch.tensor(row.token_type_ids)
        inputs["token_type_ids"] = types
    inputs = {name: value.to(device, non_blocking=True) for name, value in inputs.items()}
    if not capability.reads_last_token:
        return head.reward(model(**inputs).logits)
    base = getattr(model, model.base_model_prefix)
    hidden = base(**inputs, use_cache=False).last_hidden_state
    at = torch.tensor([score_index(r, pad_token_id, position) for r in rows], device=device)
    scored = hidden[torch.arange(len(rows), device=device), at].float()
    # The head in float32: bfloat16 logits near 10 are 0.06 apart, which makes ties.
    bias = model.score.bias
    logits = functional.linear(
        scored, model.score.weight.float(), bias.float() if bias is not None else None
    )
    return head.reward(logits)
