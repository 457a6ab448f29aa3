"""Floating-point operations of a forward pass, and how fast the device multiplies."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import torch

from rmbench.engine.heads import reads_score_off_last_token
from rmbench.engine.tally import BatchShape

# Dense bfloat16/float16 peak of the data sheets, in FLOP/s.
_PEAK_HALF = {"H200": 989.5e12, "H100": 989.5e12, "A100": 312e12}


def backbone_parameters(model: Any) -> int:
    """Parameters of a sequence classifier that every token is multiplied with.

    Embedding tables are looked up, not multiplied; the head reads one token a sequence.
    """
    base = getattr(model, model.base_model_prefix)
    embeddings = sum(
        p.numel()
        for m in base.modules()
        if isinstance(m, torch.nn.Embedding)
        for p in m.parameters()
    )
    return int(sum(p.numel() for p in base.parameters()) - embeddings)


def forward_flops(model: Any, shapes: Iterable[BatchShape]) -> float:
    """FLOPs of the executed batches, padding included.

    For a sequence of s tokens: ``2 N s + 4 L h d s^2`` (N backbone parameters, L layers,
    h heads of width d; multiply and add count apart), where a causal decoder needs half of
    the quadratic part. The usual estimate of Kaplan et al. (2020), with the attention
    matrices counted as in Chowdhery et al. (2022, appendix B).
    """
    config = model.config
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    heads = text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // heads
    square = 4.0 * text.num_hidden_layers * heads * width
    if reads_score_off_last_token(model):
        square /= 2
    linear = 2.0 * backbone_parameters(model)
    return float(sum(linear * s.tokens + square * s.attention_square for s in shapes))


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
    """The data sheet's dense peak in FLOP/s, where it is known for this device and dtype."""
    if dtype not in (torch.bfloat16, torch.float16):
        return None
    return next((rate for name, rate in _PEAK_HALF.items() if name in device_name), None)
