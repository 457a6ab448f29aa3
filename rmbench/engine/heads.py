"""The head of a sequence classifier, applied in float32 to the hidden states it reads.

Near 10, bfloat16 logits are 0.06 apart, which makes ties; so the base model may run in
half precision and the head does not.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.func import functional_call

Reads = Literal["scored token", "first token", "mean"]


def is_stock(model: Any) -> bool:
    """Whether the model's code is that of the ``transformers`` library."""
    return type(model).__module__.startswith("transformers.")


def reads_score_off_last_token(model: Any) -> bool:
    """Whether the model is a decoder whose linear ``score`` head reads one token."""
    head = getattr(model, "score", None)
    # PEFT trains a copy of a head and keeps the original beside it.
    head = getattr(head, "original_module", head)
    prefix = getattr(model, "base_model_prefix", "")
    return (
        type(head) is torch.nn.Linear and bool(prefix) and getattr(model, prefix, None) is not None
    )


def head_reads(model: Any) -> Reads | None:
    """Which hidden states the head reads; ``None`` for a head that is not known here.

    A model with code of its own may do anything between the base model and its logits.
    """
    if not is_stock(model):
        return None
    if reads_score_off_last_token(model):
        return "scored token"
    kind = model.config.model_type
    if kind == "modernbert":
        return "mean" if model.config.classifier_pooling == "mean" else "first token"
    return "first token" if kind in _ENCODER_HEADS else None


def apply_head(model: Any, hidden: Tensor) -> Tensor:
    """Logits of hidden states that were gathered for the head.

    Args:
        model: A sequence classifier for which ``head_reads`` is not ``None``.
        hidden: shape (n, hidden size), one per sequence: the scored token's, the first
            token's, or the mean.

    Returns:
        float32, shape (n, labels).
    """
    hidden = hidden.float()
    if reads_score_off_last_token(model):
        return _in_float32(model.score, hidden)
    return _ENCODER_HEADS[model.config.model_type](model, hidden)


def _in_float32(module: torch.nn.Module, hidden: Tensor) -> Tensor:
    if all(p.dtype == torch.float32 for p in module.parameters()):
        out: Tensor = module(hidden)
        return out
    weights = {name: p.float() for name, p in module.named_parameters()}
    logits: Tensor = functional_call(module, weights, (hidden,))
    return logits


def _bert(model: Any, hidden: Tensor) -> Tensor:
    # The pooler and the heads below look for the first of several tokens themselves.
    pooled = _in_float32(model.bert.pooler, hidden[:, None])
    return _in_float32(model.classifier, model.dropout(pooled))


def _first_token_head(model: Any, hidden: Tensor) -> Tensor:
    return _in_float32(model.classifier, hidden[:, None])


def _distilbert(model: Any, hidden: Tensor) -> Tensor:
    pooled = torch.relu(_in_float32(model.pre_classifier, hidden))
    return _in_float32(model.classifier, model.dropout(pooled))


def _modernbert(model: Any, hidden: Tensor) -> Tensor:
    return _in_float32(model.classifier, model.drop(_in_float32(model.head, hidden)))


_ENCODER_HEADS = {
    "bert": _bert,
    "roberta": _first_token_head,
    "xlm-roberta": _first_token_head,
    "electra": _first_token_head,
    "distilbert": _distilbert,
    "modernbert": _modernbert,
}
