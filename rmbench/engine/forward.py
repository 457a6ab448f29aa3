"""One batch of token ids to one reward per row."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rmbench.engine.attention import LAYOUT, build_layout
from rmbench.engine.batch import PackedBatch, ScorePosition, score_index
from rmbench.engine.capability import Capability
from rmbench.engine.encode import Encoded
from rmbench.engine.heads import Reads, apply_head
from rmbench.engine.last_layer import LastLayer


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
        capability: What the head reads, whether a mask is needed, and which lengths do not
            go together.
        head: Which logit is the reward.
        position: Which token a decoder's score is read from.
        pad_token_id: The model's pad id; also what short rows are filled with (0 where
            the model has none: filled positions are masked).
        device: Where the model is.

    Returns:
        float32, shape (len(rows),), on ``device``.
    """
    if capability.length_break is not None:
        short = [i for i, r in enumerate(rows) if len(r) <= capability.length_break]
        if 0 < len(short) < len(rows):
            return _forward_apart(
                model,
                rows,
                short,
                capability=capability,
                head=head,
                position=position,
                pad_token_id=pad_token_id,
                device=device,
            )
    longest = max(len(r) for r in rows)
    fill = pad_token_id if pad_token_id is not None else 0
    ids = torch.full((len(rows), longest), fill, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row.input_ids)
        mask[i, : len(row)] = 1
    inputs: dict[str, Tensor] = {"input_ids": ids}
    if capability.needs_mask or capability.reads is None:
        inputs["attention_mask"] = mask
    if rows[0].token_type_ids is not None:
        types = torch.zeros((len(rows), longest), dtype=torch.long)
        for i, row in enumerate(rows):
            types[i, : len(row)] = torch.tensor(row.token_type_ids)
        inputs["token_type_ids"] = types
    inputs = {name: value.to(device, non_blocking=True) for name, value in inputs.items()}
    if capability.reads is None:
        return head.reward(model(**inputs).logits)
    base = getattr(model, model.base_model_prefix)
    if capability.reads == "scored token":
        hidden = base(**inputs, use_cache=False).last_hidden_state
        at = torch.tensor([score_index(r, pad_token_id, position) for r in rows], device=device)
        read = hidden[torch.arange(len(rows), device=device), at]
    else:
        hidden = base(**inputs).last_hidden_state
        if capability.reads == "mean":
            weight = mask.to(device).unsqueeze(-1)
            read = (hidden.float() * weight).sum(dim=1) / weight.sum(dim=1)
        else:
            read = hidden[:, 0]
    return head.reward(apply_head(model, read))


def _forward_apart(
    model: Any, rows: Sequence[Encoded], short: Sequence[int], **options: Any
) -> Tensor:
    """The short rows of a padded batch in one forward pass, the others in another."""
    rewards = torch.empty(len(rows), device=options["device"])
    long = sorted(set(range(len(rows))) - set(short))
    for side in (long, short):
        at = torch.tensor(side, device=rewards.device)
        rewards[at] = forward_padded(model, [rows[i] for i in side], **options)
    return rewards


def forward_packed(
    model: Any,
    batch: PackedBatch,
    *,
    reads: Reads,
    head: Head,
    device: torch.device,
    compiled: Any = None,
    last_layer: LastLayer | None = None,
) -> Tensor:
    """Rewards of a packed batch.

    Args:
        model: A sequence classifier on ``device`` whose attention is ``PACKED``.
        batch: The sequences, laid end to end.
        reads: Which hidden states the head reads.
        head: Which logit is the reward.
        device: Where the model is.
        compiled: The base model as ``torch.compile`` returned it, to be called in its
            place with few different shapes.
        last_layer: The model's last layer, where it may be cut to what the head reads.

    Returns:
        float32, shape (len(batch.rows),), on ``device``, in the order of ``batch.rows``.
    """
    inputs: dict[str, Any] = {
        "input_ids": _row(batch.input_ids, device),
        "position_ids": _row(batch.position_ids, device),
        LAYOUT: build_layout(batch.segments, device, static=compiled is not None),
    }
    if batch.token_type_ids is not None:
        inputs["token_type_ids"] = _row(batch.token_type_ids, device)
    if reads == "scored token":
        inputs["use_cache"] = False
    base = compiled if compiled is not None else getattr(model, model.base_model_prefix)
    if reads == "mean":
        hidden = base(**inputs).last_hidden_state[0]
        return head.reward(apply_head(model, _segment_means(hidden, batch, device)))
    at = batch.scored if reads == "scored token" else batch.segments[: len(batch.rows), 0]
    rows = torch.from_numpy(np.ascontiguousarray(at)).to(device, non_blocking=True)
    with last_layer.reading(rows) if last_layer is not None else nullcontext():
        hidden = base(**inputs).last_hidden_state[0]
    return head.reward(apply_head(model, hidden.index_select(0, rows)))


def _row(values: np.ndarray[Any, Any], device: torch.device) -> Tensor:
    return torch.from_numpy(values).unsqueeze(0).to(device, non_blocking=True)


def _segment_means(hidden: Tensor, batch: PackedBatch, device: torch.device) -> Tensor:
    lengths = batch.segments[: len(batch.rows), 1] - batch.segments[: len(batch.rows), 0]
    real = hidden[: int(lengths.sum())].float()
    return torch.segment_reduce(real, "mean", lengths=torch.from_numpy(lengths).to(device), axis=0)
