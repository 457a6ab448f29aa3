"""Packed attention on the CPU with its gradients, through the flash kernel and its backward.

Attention over the keys of a prompt and over a response's own is computed apart and merged
(Dao et al. 2022, FlashAttention, section 3.1). The gradients need no more than that: with the
merged output and the merged log-sum-exp in place of their own, the kernel's backward gives each
part its share of the exact gradients, since the softmax weights and the output they refer to
are then those of both parts together. Neither a mask nor a copy of the prompt's keys is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

Rows = tuple[int, int]
Run = tuple[Rows, list[Rows]]
"""Rows of a prompt (none: both ends equal), and those of the segments that continue it."""


def attend_with_gradient(
    query: Tensor, key: Tensor, value: Tensor, runs: Sequence[Run], scale: float, causal: bool
) -> Tensor:
    """Packed attention over whole segments, differentiable once.

    Half precision is computed in float32, in which the CPU's kernel is no slower.

    Args:
        query: shape (heads, tokens, width), on the CPU.
        key: shape (key-value heads, tokens, width).
        value: As ``key``.
        runs: Segments, neighbours with one prompt together; their rows follow each other
            without a gap from 0 to the last.
        scale: Of the products.
        causal: Whether a query sees only what stands before it; prompts need it to.

    Returns:
        Tensor of shape (tokens, heads, width), of the dtype of ``query``.

    >>> q, k, v = torch.randn(3, 2, 6, 4, requires_grad=True).unbind()
    >>> attend_with_gradient(q, k, v, [((0, 0), [(0, 4)]), ((0, 3), [(4, 6)])], 0.5, True).shape
    torch.Size([6, 2, 4])
    """
    out: Tensor = _PackedAttention.apply(query, key, value, runs, scale, causal)
    return out


class _PackedAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        runs: Sequence[Run],
        scale: float,
        causal: bool,
    ) -> Tensor:
        q, k, v = (_as_computed(x) for x in (query, key, value))
        heads, tokens, width = q.shape
        out = q.new_empty(tokens, heads, width)
        lse = torch.empty(tokens, heads, dtype=_lse_dtype(q))
        for (first, last), own in runs:
            for a, b in own:
                _flash(q[:, a:b], k[:, a:b], v[:, a:b], scale, causal, out[a:b], lse[a:b])
            if first < last:
                start, stop = own[0][0], own[-1][1]
                over_prompt = torch.empty_like(out[start:stop]), torch.empty_like(lse[start:stop])
                _flash(
                    q[:, start:stop], k[:, first:last], v[:, first:last], scale, False, *over_prompt
                )
                _merge(out[start:stop], lse[start:stop], *over_prompt)
        ctx.save_for_backward(query, key, value, out, lse)
        ctx.runs, ctx.scale, ctx.causal = runs, scale, causal
        return out.to(query.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, out, lse = ctx.saved_tensors
        q, k, v = (_as_computed(x) for x in (query, key, value))
        grad_out = _as_computed(grads[0])
        # As the projections before them want it: rows of all heads together.
        grad_q, grad_k, grad_v = (
            torch.empty(x.shape[1], x.shape[0], x.shape[2], dtype=x.dtype) for x in (q, k, v)
        )

        def parts(rows: Rows, keys: Rows, causal: bool) -> Iterator[Tensor]:
            (a, b), (first, last) = rows, keys
            found = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
                grad_out[a:b].transpose(0, 1).unsqueeze(0),
                q[:, a:b].unsqueeze(0),
                k[:, first:last].unsqueeze(0),
                v[:, first:last].unsqueeze(0),
                out[a:b].transpose(0, 1).unsqueeze(0),
                lse[a:b].transpose(0, 1).unsqueeze(0),
                0.0,
                causal,
                scale=ctx.scale,
            )
            return (g[0].transpose(0, 1) for g in found)

        for (first, last), own in ctx.runs:
            for a, b in own:
                for whole, part in zip(
                    (grad_q, grad_k, grad_v), parts((a, b), (a, b), ctx.causal), strict=True
                ):
                    whole[a:b] = part
            if first < last:
                start, stop = own[0][0], own[-1][1]
                dq, dk, dv = parts((start, stop), (first, last), False)
                grad_q[start:stop] += dq
                # The prompt stands before what continues it, so its own share is there already.
                grad_k[first:last] += dk
                grad_v[first:last] += dv
        return (
            grad_q.transpose(0, 1).to(query.dtype),
            grad_k.transpose(0, 1).to(key.dtype),
            grad_v.transpose(0, 1).to(value.dtype),
            None,
            None,
            None,
        )


def _as_computed(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def _lse_dtype(q: Tensor) -> torch.dtype:
    return torch.float64 if q.dtype == torch.float64 else torch.float32


def _flash(
    q: Tensor, k: Tensor, v: Tensor, scale: float, causal: bool, out: Tensor, lse: Tensor
) -> None:
    """Attention of queries (heads, n, width) into ``out`` (n, heads, width) and ``lse``."""
    attended, log_sum_exp = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0), 0.0, causal, scale=scale
    )
    out.copy_(attended[0].transpose(0, 1))
    lse.copy_(log_sum_exp[0].transpose(0, 1))


def _merge(out: Tensor, lse: Tensor, other: Tensor, other_lse: Tensor) -> None:
    """Make attention over some keys that over some and others, in place.

    It is the mean of both, weighted with the sums of their exponentials.
    """
    out.lerp_(other, torch.sigmoid(other_lse - lse).to(out.dtype).unsqueeze(-1))
    torch.logaddexp(lse, other_lse, out=lse)
