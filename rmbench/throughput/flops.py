"""Floating-point operations of a forward pass, and how fast the device multiplies.

A multiplication and an addition count as two operations. For a sequence of ``s`` tokens a
forward pass is ``2 N s + 4 L h d s^2 + 2 H`` (N weights of the matrix products every token goes
through, L layers, h heads of width d, H weights of what is computed once a sequence); a causal
decoder needs half of the quadratic part. The usual estimate of Kaplan et al. (2020, table 1),
with the attention matrices counted as in Chowdhery et al. (2022, appendix B).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rmbench.engine.heads import reads_score_off_last_token
from rmbench.engine.tally import BatchShape

# Dense bfloat16/float16 peak of the data sheets, in FLOP/s; the first name that fits counts.
_PEAK_HALF = {
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H200 NVL": 835e12,
    "H200": 989.5e12,
    "H100": 989.5e12,
    "A100": 312e12,
}

_ATTENDING_LAYERS = frozenset({"full_attention", "sliding_attention"})


@dataclass(frozen=True, slots=True)
class ForwardCost:
    """What a model's forward pass costs, in floating-point operations (FLOPs).

    Sliding windows are not taken off: a layer with one counts as one without.

    Attributes:
        per_token: ``2 N``.
        per_product: ``4 L h d`` for each query-key product of a layer's ``s^2``; half of it in
            a causal decoder.
        per_sequence: ``2 H``: the head, and a pooler before it.

    >>> cost = ForwardCost(per_token=10.0, per_product=2.0, per_sequence=1.0)
    >>> cost.useful(np.array([3, 5]))
    150.0
    """

    per_token: float
    per_product: float
    per_sequence: float

    @classmethod
    def of(cls, model: Any) -> ForwardCost:
        """The cost of a sequence classifier; ask ``cost_obstacle`` first."""
        text = model.config.get_text_config()
        heads = text.num_attention_heads
        width = getattr(text, "head_dim", None) or text.hidden_size // heads
        square = 4.0 * text.num_hidden_layers * heads * width
        if reads_score_off_last_token(model):
            square /= 2
        backbone = backbone_parameters(model)
        once = _matrix_weights(model) - backbone
        return cls(2.0 * backbone, square, 2.0 * once)

    def executed(self, shapes: Iterable[BatchShape], *, read_rows_only: int = 0) -> float:
        """FLOPs of batches as they ran: padding included, a shared prompt once.

        With prompt P shared by responses of C and R tokens that is
        ``2 N (P + C + R) + 2 L h d ((P + C)^2 + (P + R)^2 - P^2)``, and the head twice.

        Args:
            shapes: The batches.
            read_rows_only: Weights of the last layer that were multiplied with one token a
                sequence, the one that is scored, and not with all of them.
        """
        return float(
            sum(
                self.per_token * s.tokens
                + self.per_product * s.attention_square
                + self.per_sequence * s.rows
                - 2 * read_rows_only * (s.tokens - s.rows)
                for s in shapes
            )
        )

    def useful(self, lengths: NDArray[np.int64]) -> float:
        """FLOPs of every sequence by itself: nothing padded, nothing shared, nothing twice.

        Args:
            lengths: int64, shape (n,): tokens of each sequence.
        """
        n = lengths.astype(np.float64)
        total = self.per_token * n + self.per_product * n**2 + self.per_sequence
        return float(total.sum())


def cost_obstacle(model: Any) -> str | None:
    """Why the cost of a model's forward pass is not known; ``None`` where it is."""
    text = model.config.get_text_config()
    for name in ("num_hidden_layers", "num_attention_heads", "hidden_size"):
        if not getattr(text, name, None):
            return f"its configuration does not say its {name}"
    for name in ("num_local_experts", "num_experts", "n_routed_experts"):
        if (getattr(text, name, None) or 0) > 1:
            return "it is a mixture of experts, of which a token goes through some"
    other = set(getattr(text, "layer_types", None) or ()) - _ATTENDING_LAYERS
    if other:
        return f"it has layers of type {', '.join(sorted(other))}"
    return None


def backbone_parameters(model: Any) -> int:
    """Weights that every token is multiplied with.

    Embedding tables are looked up, not multiplied; vectors (norms, biases) are added or scale
    what is there; a pooler reads one token a sequence.
    """
    base = getattr(model, model.base_model_prefix)
    return _matrix_weights(base) - _matrix_weights(getattr(base, "pooler", None))


def _matrix_weights(module: torch.nn.Module | None) -> int:
    return sum(w.numel() for w in _matrices(module)) if module is not None else 0


def _matrices(module: torch.nn.Module) -> Iterator[torch.nn.Parameter]:
    tables = {
        id(p)
        for m in module.modules()
        if isinstance(m, torch.nn.Embedding)
        for p in m.parameters(recurse=False)
    }
    return (p for p in module.parameters() if p.dim() >= 2 and id(p) not in tables)


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def matmul_rate(device: torch.device, dtype: torch.dtype, *, min_duration_s: float = 0.5) -> float:
    """Rate of a large square matrix product on this device, in FLOP/s.

    Random entries: constant ones draw less power and run unrealistically fast. The best
    of the repetitions counts, since interruptions only ever slow one down.
    """
    n = 8192 if device.type == "cuda" else 2048
    a = torch.randn(n, n, device=device, dtype=torch.float32).to(dtype)
    b = torch.randn(n, n, device=device, dtype=torch.float32).to(dtype)
    for _ in range(3):
        a @ b
    synchronise(device)
    best = float("inf")
    end = time.perf_counter() + min_duration_s
    while time.perf_counter() < end:
        start = time.perf_counter()
        a @ b
        synchronise(device)
        best = min(best, time.perf_counter() - start)
    return 2.0 * n**3 / best


def peak_rate(device_name: str, dtype: torch.dtype) -> float | None:
    """The data sheet's dense peak in FLOP/s, where it is known for this device and dtype.

    >>> peak_rate("NVIDIA H100 80GB HBM3", torch.bfloat16), peak_rate("AMD EPYC", torch.float32)
    (989500000000000.0, None)
    """
    if dtype not in (torch.bfloat16, torch.float16):
        return None
    return next((rate for name, rate in _PEAK_HALF.items() if name in device_name), None)
