"""The last layer, computed only where the head reads.

A score is read from one token of a sequence. In the last layer the other tokens matter for
their keys and values alone: their queries, the projection after attention and the feed-forward
block have no reader. Everything a transformer layer does there goes row by row, so leaving the
rows out changes no score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

_LLAMA = ("layers", ("self_attn.q_proj", "self_attn.o_proj", "mlp"))
_BERT = (
    "encoder.layer",
    ("attention.self.query", "attention.output.dense", "intermediate", "output.dense"),
)

# Per model type: where the base model keeps its layers, and which parts of one take a tensor
# of rows to a tensor of rows and are not keys or values. Projections that give queries, keys
# and values in one cannot be cut.
_PARTS: dict[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(("llama", "qwen2", "qwen3", "mistral"), _LLAMA),
    **dict.fromkeys(("gemma", "gemma2", "gemma3_text"), _LLAMA),
    "phi3": ("layers", ("self_attn.o_proj", "mlp")),
    "gpt_neox": ("layers", ("attention.dense", "mlp")),
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "electra"), _BERT),
    "distilbert": ("transformer.layer", ("attention.q_lin", "attention.out_lin", "ffn")),
    "modernbert": ("layers", ("attn.Wo", "mlp")),
}  # fmt: skip


class LastLayer:
    """Cuts the last layer of a packed model down to the rows that are read.

    Args:
        model: A stock sequence classifier whose head reads one token of a sequence.

    Attributes:
        parameters: Of linear layers that only the read rows go through; 0 where nothing is
            known of the model's layers, which then run whole.
    """

    def __init__(self, model: Any) -> None:
        self._modules: list[nn.Module] = []
        if model.config.model_type in _PARTS:
            layers, names = _PARTS[model.config.model_type]
            base = getattr(model, model.base_model_prefix)
            last: nn.Module = base.get_submodule(layers)[-1]
            self._modules = [last.get_submodule(name) for name in names]
        self.parameters = sum(
            p.numel()
            for module in self._modules
            for part in module.modules()
            if isinstance(part, nn.Linear)
            for p in part.parameters()
        )

    @contextmanager
    def reading(self, rows: Tensor) -> Iterator[None]:
        """While this is open, the last layer computes the given rows and gives 0 elsewhere.

        Args:
            rows: int64, shape (n,): the rows of the packed batch that the head reads.
        """
        for module in self._modules:
            module.forward = partial(_only, module.forward, rows)
        try:
            yield
        finally:
            for module in self._modules:
                # The class's own method comes to light again.
                del module.forward


def _only(forward: Callable[[Tensor], Tensor], rows: Tensor, hidden: Tensor) -> Tensor:
    """Apply ``forward`` to some rows of (1, tokens, width); the others come out as 0."""
    computed = forward(hidden.index_select(1, rows))
    out = torch.zeros(
        (1, hidden.shape[1], computed.shape[-1]), dtype=computed.dtype, device=computed.device
    )
    return out.index_copy_(1, rows, computed)
