"""The packed attention: one function, registered with ``transformers``, for every model.

Sequences lie one after the other in a single row of tokens, without padding. Where
several responses share a prompt, the prompt is there once::

    tokens      [prompt P][response 1][response 2][response 3] [next prompt] ...
    positions    0 .. P-1   P ..        P ..        P ..         0 ..

Segment 1 is prompt and response 1, ordinary causal attention. Each further response
attends to the prompt's keys and values and to its own, causally from the bottom right.
That is exact: a causal decoder computes a prompt's states without looking at what
follows them.

On CUDA one call of ``varlen_attn`` serves a whole layer. On the CPU each segment is one
call of scaled-dot-product attention; a response's part over the prompt and its part over
itself are computed apart and joined by their log-sum-exps, so that no mask is ever built.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AttentionInterface

NAME = "rmbench_packed"
"""What the function is registered as. Not a name of ``AttentionMaskInterface``, so
``transformers`` makes no mask for it."""

_WINDOW_BLOCK = 256


class UnsupportedAttentionError(RuntimeError):
    """A layer asks for something the packed attention does not compute."""


@dataclass(frozen=True, slots=True)
class PackedGroup:
    """Sequences that share their first tokens.

    Attributes:
        start: Position of the group's first token in the row.
        shared: Tokens all its sequences share; 0 where it has one sequence.
        lengths: Tokens of each sequence, the shared ones included.
    """

    start: int
    shared: int
    lengths: tuple[int, ...]

    @property
    def size(self) -> int:
        """Tokens the group takes up in the row."""
        return self.lengths[0] + sum(n - self.shared for n in self.lengths[1:])


@dataclass(frozen=True)
class PackedLayout:
    """How a packed row is made up; handed through the model to the attention function.

    Attributes:
        groups: In the order of the row.
        cu_q: int32, shape (segments + 1,): where each segment's queries begin and end.
        cu_k: int32, likewise for its keys, in the order of ``kv_index``.
        max_q: Longest segment in queries.
        max_k: Longest segment in keys.
        kv_index: int64: row position of each key; ``None`` where keys are the row itself.
    """

    groups: tuple[PackedGroup, ...]
    cu_q: Tensor
    cu_k: Tensor
    max_q: int
    max_k: int
    kv_index: Tensor | None

    @classmethod
    def of(cls, groups: Sequence[PackedGroup], device: torch.device) -> PackedLayout:
        """Work out the segments of groups that lie one after the other."""
        q: list[int] = []
        k: list[int] = []
        index: list[Tensor] = []
        for g in groups:
            q.append(g.lengths[0])
            k.append(g.lengths[0])
            index.append(torch.arange(g.start, g.start + g.lengths[0]))
            at = g.start + g.lengths[0]
            for n in g.lengths[1:]:
                q.append(n - g.shared)
                k.append(n)
                index += [
                    torch.arange(g.start, g.start + g.shared),
                    torch.arange(at, at + n - g.shared),
                ]
                at += n - g.shared
        shares = any(len(g.lengths) > 1 for g in groups)
        return cls(
            groups=tuple(groups),
            cu_q=_offsets(q).to(device),
            cu_k=_offsets(k).to(device),
            max_q=max(q),
            max_k=max(k),
            kv_index=torch.cat(index).to(device) if shares else None,
        )


def packed_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    is_causal: bool | None = None,
    softcap: float | None = None,
    *,
    rmbench_layout: PackedLayout | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention of a packed row, in the signature of ``AttentionInterface``.

    Args:
        module: The attention layer; says whether it is causal where ``is_causal`` does not.
        query: Shape (1, heads, tokens, width).
        key: Shape (1, key heads, tokens, width); fewer heads than the query's are shared.
        value: Like ``key``.
        attention_mask: Must be ``None``.
        dropout: Must be 0.
        scaling: Factor of the scores; ``None``: one over the root of the width.
        sliding_window: Of causal layers: how many keys a query sees, itself included. Of
            others: how many to either side, itself included.
        is_causal: Whether queries see earlier tokens only.
        softcap: Must be ``None``.
        rmbench_layout: The row's layout.
        kwargs: What else the model hands on; attention sinks (``s_aux``) are refused.

    Returns:
        Shape (1, tokens, heads, width), and ``None`` for the weights.

    Raises:
        UnsupportedAttentionError: If the layer asks for what is refused above.
    """
    asked = {
        "a mask": attention_mask is not None,
        "dropout": dropout > 0,
        "soft-capped scores": softcap is not None,
        "attention sinks": kwargs.get("s_aux") is not None,
        "no layout": rmbench_layout is None,
    }
    for what, wanted in asked.items():
        if wanted:
            raise UnsupportedAttentionError(f"{type(module).__name__} asks for {what}")
    assert rmbench_layout is not None  # noqa: S101 - for the type checker; refused above
    causal = bool(getattr(module, "is_causal", False)) if is_causal is None else is_causal
    if query.device.type == "cuda":
        out = _on_cuda(query, key, value, rmbench_layout, scaling, sliding_window, causal)
    else:
        out = _by_segment(query, key, value, rmbench_layout, scaling, sliding_window, causal)
    return out, None


AttentionInterface.register(NAME, packed_attention)


def _on_cuda(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    layout: PackedLayout,
    scaling: float | None,
    window: int | None,
    causal: bool,
) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
    if layout.kv_index is not None:
        k, v = k.index_select(0, layout.kv_index), v.index_select(0, layout.kv_index)
    reach = -1 if window is None else window - 1
    options: dict[str, Any] = {
        "scale": scaling,
        "window_size": (reach, 0) if causal else (reach, reach),
    }
    if _VARLEN_WANTS_GQA and q.shape[1] != k.shape[1]:
        options["enable_gqa"] = True
    out: Tensor = varlen_attn(
        q, k.contiguous(), v.contiguous(), layout.cu_q, layout.cu_k, layout.max_q, layout.max_k,
        **options,
    )  # fmt: skip
    return out[None]


# Up to 2.11 varlen_attn takes fewer key heads without being told.
_VARLEN_WANTS_GQA = tuple(int(p) for p in torch.__version__.split(".")[:2]) >= (2, 12)


def _by_segment(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    layout: PackedLayout,
    scaling: float | None,
    window: int | None,
    causal: bool,
) -> Tensor:
    if key.shape[1] != query.shape[1]:
        repeats = query.shape[1] // key.shape[1]
        key = key.repeat_interleave(repeats, dim=1)
        value = value.repeat_interleave(repeats, dim=1)
    out = torch.empty(
        query.shape[0], query.shape[2], query.shape[1], value.shape[3],
        dtype=query.dtype, device=query.device,
    )  # fmt: skip
    # A view, so that each segment is written where the caller wants it.
    by_head = out.transpose(1, 2)
    for g in layout.groups:
        first = slice(g.start, g.start + g.lengths[0])
        by_head[:, :, first] = _one(query[:, :, first], key[:, :, first], value[:, :, first], scaling, window, causal)
        if len(g.lengths) > 1:
            _further(query, key, value, g, scaling, window, by_head)
    return out


def _further(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    group: PackedGroup,
    scaling: float | None,
    window: int | None,
    out: Tensor,
) -> None:
    """The second and later responses of a group, written into ``out``."""
    begin, end = group.start + group.lengths[0], group.start + group.size
    prompt = slice(group.start, group.start + group.shared)
    if window is not None and max(group.lengths) > window:
        at = begin
        for n in group.lengths[1:]:
            own = slice(at, at + n - group.shared)
            k, v = (torch.cat([x[:, :, prompt], x[:, :, own]], dim=2) for x in (key, value))
            out[:, :, own] = _windowed(query[:, :, own], k, v, scaling, window, causal=True)
            at = own.stop
        return
    rest = slice(begin, end)
    # Every response sees the whole prompt, so one call serves them all.
    over_prompt, prompt_lse = _flash(
        query[:, :, rest], key[:, :, prompt], value[:, :, prompt], False, scaling
    )
    at = begin
    for n in group.lengths[1:]:
        own = slice(at, at + n - group.shared)
        over_own, own_lse = _flash(query[:, :, own], key[:, :, own], value[:, :, own], True, scaling)
        here = slice(at - begin, own.stop - begin)
        share = torch.sigmoid(own_lse - prompt_lse[:, :, here]).unsqueeze(-1)
        out[:, :, own] = torch.lerp(
            over_prompt[:, :, here].float(), over_own.float(), share
        ).to(out.dtype)
        at = own.stop


def _one(
    query: Tensor, key: Tensor, value: Tensor, scaling: float | None, window: int | None, causal: bool
) -> Tensor:
    if window is not None and query.shape[2] > window:
        return _windowed(query, key, value, scaling, window, causal=causal)
    return functional.scaled_dot_product_attention(
        query, key, value, is_causal=causal and query.shape[2] > 1, scale=scaling
    )


def _windowed(
    query: Tensor, key: Tensor, value: Tensor, scaling: float | None, window: int, *, causal: bool
) -> Tensor:
    """Sliding-window attention in blocks of queries, so that no square mask is built.

    Queries are the last rows of the keys' sequence.
    """
    n_q, n_k = query.shape[2], key.shape[2]
    offset = n_k - n_q
    out = []
    for start in range(0, n_q, _WINDOW_BLOCK):
        stop = min(n_q, start + _WINDOW_BLOCK)
        low = max(0, start + offset - window + 1)
        high = min(n_k, stop + offset + (0 if causal else window - 1))
        q_at = torch.arange(start + offset, stop + offset, device=query.device)[:, None]
        k_at = torch.arange(low, high, device=query.device)[None, :]
        seen = (q_at - k_at < window) & ((k_at <= q_at) if causal else (k_at - q_at < window))
        out.append(
            functional.scaled_dot_product_attention(
                query[:, :, start:stop], key[:, :, low:high], value[:, :, low:high],
                attn_mask=seen, scale=scaling,
            )  # fmt: skip
        )
    return torch.cat(out, dim=2)


def _flash(
    query: Tensor, key: Tensor, value: Tensor, causal: bool, scaling: float | None
) -> tuple[Tensor, Tensor]:
    """Attention and the log-sum-exp of its scores, shape (1, heads, queries), float32."""
    out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, 0.0, causal, scale=scaling
    )
    return out, lse


def _offsets(lengths: Sequence[int]) -> Tensor:
    return functional.pad(torch.tensor(lengths, dtype=torch.int32).cumsum(0), (1, 0)).to(torch.int32)
