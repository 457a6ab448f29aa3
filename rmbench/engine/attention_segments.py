"""Packed attention segment by segment: on any device, in any dtype, with gradients.

It is what runs where there is no variable-length kernel. On a CPU, responses to one prompt
are merged with the prompt's part rather than masked, and masks are made only for windows.
"""

from __future__ import annotations

from itertools import groupby

import torch
from torch import Tensor
from torch.nn import functional

from rmbench.engine.attention_grad import Run, attend_with_gradient

# Queries that need a mask are taken in blocks of so many: a mask for all of them would
# grow with the square of the length.
_BLOCK = 256


def attend_by_segment(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    segments: Tensor,
    scale: float,
    window: int | None,
    causal: bool,
) -> Tensor:
    """Packed attention one segment after the other, on any device and with gradients.

    Args:
        query: shape (heads, tokens, width).
        key: shape (key-value heads, tokens, width).
        value: As ``key``.
        segments: int64, shape (n_segments, 4), on the CPU; see ``attention.PackedLayout``.
        scale: Of the products.
        window: Keys a query sees to its left, itself included (and to its right, in an
            encoder); ``None`` for all.
        causal: Whether a query sees only what stands before it.

    Returns:
        Tensor of shape (tokens, heads, width).
    """
    on_cpu = query.device.type == "cpu"
    trains = _needs_gradient(query, key, value)
    runs = _runs(segments.tolist())
    if on_cpu and trains and not any(_is_masked(run, window, causal) for run in runs):
        return attend_with_gradient(query, key, value, runs, scale, causal)
    half = query.dtype in (torch.bfloat16, torch.float16)
    if on_cpu and half and not trains:
        # The CPU's kernel is no faster in half precision, converting included, and rounds more.
        q, k, v = query.float(), key.float(), value.float()
        return attend_by_segment(q, k, v, segments, scale, window, causal).to(query.dtype)
    merge = causal and on_cpu and not trains
    out: list[Tensor] = []
    for shared, own in runs:
        first, last = shared
        narrow = _is_narrow((shared, own), window)
        if first < last and merge and not narrow:
            out.append(_attend_merged(query, key, value, shared, own, scale))
            continue
        for a, b in own:
            q = query[:, a:b]
            k, v = (
                torch.cat([x[:, first:last], x[:, a:b]], dim=1) if first < last else x[:, a:b]
                for x in (key, value)
            )
            if narrow or (causal and first < last):
                limit = window if window is not None else k.shape[1] + 1
                out.append(_attend_in_blocks(q, k, v, scale, limit, causal))
            else:
                out.append(_sdpa(q, k, v, scale, causal=causal))
    return torch.cat([piece.transpose(0, 1) for piece in out])


@torch.library.custom_op("rmbench::attend_by_segment", mutates_args=())
def attend_opaque(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    segments: Tensor,
    scale: float,
    window: int | None,
    causal: bool,
) -> Tensor:
    """The same as one operation, so that a compiled graph need not be cut at its loop."""
    return attend_by_segment(query, key, value, segments, scale, window, causal)


@attend_opaque.register_fake
def _(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    segments: Tensor,
    scale: float,
    window: int | None,
    causal: bool,
) -> Tensor:
    heads, tokens, width = query.shape
    return query.new_empty(tokens, heads, width)


def _runs(segments: list[list[int]]) -> list[Run]:
    """Neighbouring segments that continue the same prompt, by the prompt's rows."""
    return [
        (shared, [(a, b) for a, b, _, _ in members])
        for shared, members in (
            (key, list(items))
            for key, items in groupby(
                (s for s in segments if s[0] < s[1]), key=lambda s: (s[2], s[3])
            )
        )
    ]


def _is_narrow(run: Run, window: int | None) -> bool:
    """Whether a query of the run sees less than all there is before it."""
    (first, last), own = run
    # A bidirectional query sees as far to the right, so this serves both.
    return window is not None and window < last - first + max(b - a for a, b in own)


def _is_masked(run: Run, window: int | None, causal: bool) -> bool:
    """Whether the run takes more than whole keys and what the kernel calls causal."""
    first, last = run[0]
    return _is_narrow(run, window) or (first < last and not causal)


def _needs_gradient(*tensors: Tensor) -> bool:
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)


def _sdpa(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scale: float,
    *,
    causal: bool = False,
    mask: Tensor | None = None,
) -> Tensor:
    return functional.scaled_dot_product_attention(
        query.unsqueeze(0),
        key.unsqueeze(0),
        value.unsqueeze(0),
        attn_mask=mask,
        is_causal=causal,
        scale=scale,
        enable_gqa=query.shape[0] != key.shape[0],
    )[0]


def _attend_in_blocks(
    query: Tensor, key: Tensor, value: Tensor, scale: float, window: int, causal: bool
) -> Tensor:
    """Queries that are the last rows of their keys, a block at a time.

    Masks have at most ``_BLOCK`` rows, and no more columns than the block can see.
    """
    n_q, n_k = query.shape[1], key.shape[1]
    shared = n_k - n_q
    out = []
    for a in range(0, n_q, _BLOCK):
        b = min(n_q, a + _BLOCK)
        lo = max(0, shared + a - window + 1)
        hi = shared + b if causal else min(n_k, shared + b + window - 1)
        ahead = (
            torch.arange(lo, hi, device=query.device)
            - torch.arange(shared + a, shared + b, device=query.device)[:, None]
        )
        seen = (ahead > -window) & (ahead <= (0 if causal else window - 1))
        out.append(_sdpa(query[:, a:b], key[:, lo:hi], value[:, lo:hi], scale, mask=seen))
    return torch.cat(out, dim=1)


def _attend_merged(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    shared: tuple[int, int],
    own: list[tuple[int, int]],
    scale: float,
) -> Tensor:
    """All responses to one prompt: over the prompt in one call, over themselves, merged.

    Attention over two sets of keys is the mean of both attentions weighted with the sums
    of their exponentials, which the flash kernel returns as logarithms (Dao et al. 2022,
    FlashAttention, section 3.1). Neither mask nor copy of the prompt's keys is made.
    """
    first, last = shared
    start, stop = own[0][0], own[-1][1]
    over_prompt, prompt_lse = _flash_cpu(
        query[:, start:stop], key[:, first:last], value[:, first:last], scale, causal=False
    )
    parts = [
        _flash_cpu(query[:, a:b], key[:, a:b], value[:, a:b], scale, causal=True) for a, b in own
    ]
    over_own = torch.cat([out for out, _ in parts], dim=1)
    own_lse = torch.cat([lse for _, lse in parts], dim=1)
    weight = torch.sigmoid(own_lse - prompt_lse).unsqueeze(-1)
    return torch.lerp(over_prompt.float(), over_own.float(), weight).to(query.dtype)


def _flash_cpu(
    query: Tensor, key: Tensor, value: Tensor, scale: float, *, causal: bool
) -> tuple[Tensor, Tensor]:
    out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query.unsqueeze(0), key.unsqueeze(0), value.unsqueeze(0), 0.0, causal, scale=scale
    )
    return out[0], lse[0]
