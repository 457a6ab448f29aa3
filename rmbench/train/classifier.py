"""A sequence classifier that takes the batches of the trainer, for as long as it is trained.

Whatever wraps the model (DistributedDataParallel, FSDP, PEFT, ``torch.compile``, autocast)
sees an ordinary call of its ``forward``, so the batch has to come in there. For the time of
training the classifier's own instance has a ``forward`` that knows one more keyword; taken
off again, the model is what it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from rmbench.engine.attention import LAYOUT, PACKED
from rmbench.engine.capability import Capability
from rmbench.engine.heads import apply_head
from rmbench.engine.last_layer import LastLayer
from rmbench.errors import TrainingError
from rmbench.train.collate import MicroBatch, Rows

BATCH = "rmbench_batch"
"""Keyword of ``forward`` that carries a ``MicroBatch``."""


def classifier_of(model: Any) -> Any:
    """The sequence classifier itself, without the adapters PEFT put around it."""
    inner = getattr(model, "get_base_model", None)
    return inner() if callable(inner) else model


@contextmanager
def takes_batches(model: Any, capability: Capability) -> Iterator[None]:
    """Inside the block, ``model(rmbench_batch=batch)`` returns the batch's rewards.

    They are float32, shape (rows,), in the order of the rows of all parts. Called without a
    batch, the model does what it always does. Packed paths also switch its attention.

    Args:
        model: A sequence classifier, or one with PEFT's adapters; unwrapped by anything else.
        capability: The path its batches take.

    Raises:
        TrainingError: If the model does not take the packed attention.
    """
    classifier = classifier_of(model)
    changed = {id(m): m for m in (classifier, model)}.values()
    before = [{n: vars(m)[n] for n in _INSTALLED if n in vars(m)} for m in changed]
    attention = classifier.config._attn_implementation
    packed = capability.path != "padded"
    last_layer = LastLayer(classifier) if packed and capability.reads != "mean" else None

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        batch: MicroBatch | None = kwargs.pop(BATCH, None)
        if batch is None:
            return type(self).forward(self, *args, **kwargs)
        rewards = [_rewards(self, part, capability, last_layer) for part in batch.parts]
        return rewards[0] if len(rewards) == 1 else torch.cat(rewards)

    classifier.forward = MethodType(forward, classifier)
    try:
        if packed:
            classifier.set_attn_implementation(PACKED)
            if classifier.config._attn_implementation != PACKED:
                raise TrainingError(
                    f"the model does not take the attention {PACKED!r}: train it with padded "
                    "batches (attention='padded')"
                )
        yield
    finally:
        if packed:
            classifier.set_attn_implementation(attention)
        # The wrapper that accelerate makes for mixed precision is an instance's attribute, too.
        for module, own in zip(changed, before, strict=True):
            for name in _INSTALLED:
                vars(module).pop(name, None)
            vars(module).update(own)


_INSTALLED = ("forward", "_original_forward")


def _rewards(
    model: Any, rows: Rows, capability: Capability, last_layer: LastLayer | None
) -> Tensor:
    inputs: dict[str, Any] = {"input_ids": rows.input_ids}
    for name in ("position_ids", "token_type_ids", "attention_mask"):
        value = getattr(rows, name)
        if value is not None:
            inputs[name] = value
    if rows.layout is not None:
        inputs[LAYOUT] = rows.layout
    if rows.read is None:
        logits: Tensor = type(model).forward(model, **inputs).logits
        return logits.float().squeeze(-1)
    if capability.reads == "scored token":
        inputs["use_cache"] = False
    # A layer that is computed again in the backward pass has to find itself as it was, and a
    # compiled one would be compiled again.
    recomputed = any(getattr(module, "gradient_checkpointing", False) for module in model.modules())
    cut = not (recomputed or torch.compiler.is_compiling())
    base: nn.Module = getattr(model, model.base_model_prefix)
    with last_layer.reading(rows.read) if last_layer is not None and cut else nullcontext():
        hidden = base(**inputs).last_hidden_state.flatten(0, 1)
    hidden = hidden.index_select(0, rows.read)
    # bfloat16 rewards near 10 are 0.06 apart: the head is left out of autocast.
    with torch.autocast(hidden.device.type, enabled=False):
        hidden = hidden.float()
        if rows.lengths is not None:
            hidden = torch.segment_reduce(hidden, "mean", lengths=rows.lengths, axis=0)
        return apply_head(model, hidden).squeeze(-1)
