"""Attention over packed sequences that may share the keys and values of a prompt.

One function, registered with ``transformers.AttentionInterface`` under ``PACKED``, serves
every model that looks its attention up there: no model is patched. What belongs together
is told by a ``PackedLayout``, which reaches the function as a keyword argument of the base
model. On CUDA it is one variable-length flash call a layer; elsewhere it goes segment by
segment.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AttentionInterface

from rmbench.engine.attention_segments import attend_by_segment, attend_opaque

PACKED = "rmbench_packed"
"""Name under which the function is registered; no mask is built for a name of its own."""

LAYOUT = "rmbench_layout"
"""Keyword argument of the base model that carries the ``PackedLayout``."""


class UnsupportedAttentionError(RuntimeError):
    """A layer asks for something that packed attention does not do."""


class PackedLayout(NamedTuple):
    """Which rows of a packed batch attend to which.

    Segment ``i`` holds the queries ``segments[i, 0]:segments[i, 1]``. They attend to
    themselves (causally in a decoder) and, without a mask, to all of the earlier rows
    ``segments[i, 2]:segments[i, 3]``: the prompt they continue, empty where they have none.

    Attributes:
        segments: int64, shape (n_segments, 4), on the CPU; the query ranges follow each
            other without a gap from 0 to the end of the batch.
        cu_q: int32, shape (n_segments + 1,), on the model's device: where each segment's
            queries begin, and the end.
        cu_k: int32, shape (n_segments + 1,): the same for its keys, prompt included.
        kv_index: int64, shape (n_keys,): the rows whose keys the segments read, in order;
            ``None`` where that is every row once.
        max_q: Most queries of a segment.
        max_k: Most keys of a segment.
    """

    segments: Tensor
    cu_q: Tensor
    cu_k: Tensor
    kv_index: Tensor | None
    max_q: int
    max_k: int


def build_layout(
    segments: NDArray[np.int64], device: torch.device, *, static: bool = False
) -> PackedLayout:
    """Derive what the kernels need from the segments.

    Args:
        segments: int64, shape (n_segments, 4); see ``PackedLayout``.
        device: Where the batch runs.
        static: Whether sizes are rounded up to powers of two, with empty segments and keys
            that no segment reads, so that few shapes occur.

    >>> layout = build_layout(np.array([[0, 5, 0, 0], [5, 7, 0, 3]]), torch.device("cpu"))
    >>> layout.cu_k.tolist(), layout.kv_index.tolist()
    ([0, 5, 10], [0, 1, 2, 3, 4, 0, 1, 2, 5, 6])
    """
    if static:
        end = segments[-1, 1]
        empty = np.full((_round_up(len(segments)) - len(segments), 4), end, np.int64)
        segments = np.concatenate([segments, empty])
    n_q = segments[:, 1] - segments[:, 0]
    n_shared = segments[:, 3] - segments[:, 2]
    n_k = n_q + n_shared
    kv_index = None
    if static or n_shared.any():
        rows = np.concatenate(
            [
                piece
                for start, stop, first, last in segments.tolist()
                for piece in (np.arange(first, last), np.arange(start, stop))
            ]
        )
        if static:
            rows = np.concatenate([rows, np.zeros(_round_up(len(rows)) - len(rows), np.int64)])
        kv_index = torch.from_numpy(rows).to(device, non_blocking=True)
    longest = int(n_q.max()), int(n_k.max())
    return PackedLayout(
        segments=torch.from_numpy(segments),
        cu_q=_offsets(n_q).to(device, non_blocking=True),
        cu_k=_offsets(n_k).to(device, non_blocking=True),
        kv_index=kv_index,
        max_q=_round_up(longest[0]) if static else longest[0],
        max_k=_round_up(longest[1]) if static else longest[1],
    )


def _round_up(n: int) -> int:
    return 1 << (n - 1).bit_length()


def _offsets(lengths: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))


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
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """The attention function ``transformers`` calls in every layer.

    Args:
        module: The attention layer; ``is_causal`` is its own unless given.
        query: shape (1, heads, tokens, width).
        key: shape (1, key-value heads, tokens, width).
        value: As ``key``.
        attention_mask: Ignored: ``transformers`` builds none for this function.
        dropout: Must be 0.
        scaling: Of the products; ``1 / sqrt(width)`` by default.
        sliding_window: Keys a query of a decoder sees, itself included; in an encoder
            as many to each side.
        is_causal: Whether a query sees only what stands before it.
        softcap: Must be ``None``.
        **kwargs: Holds the ``PackedLayout`` under ``LAYOUT``.

    Returns:
        Tensor of shape (1, tokens, heads, width), and no weights.

    Raises:
        UnsupportedAttentionError: If the layer has dropout, soft-capping, sinks or a
            position bias.
    """
    for name, present in (
        ("dropout", dropout > 0),
        ("soft-capped scores", softcap is not None),
        ("attention sinks", kwargs.get("s_aux") is not None),
        ("a position bias", kwargs.get("position_bias") is not None),
    ):
        if present:
            raise UnsupportedAttentionError(f"packed attention cannot do {name}")
    if torch.is_autocast_enabled(query.device.type):
        # As SDPA is cast: rotary positions leave queries and keys in float32.
        half = torch.get_autocast_dtype(query.device.type)
        query, key, value = query.to(half), key.to(half), value.to(half)
    layout: PackedLayout = kwargs[LAYOUT]
    causal = bool(getattr(module, "is_causal", True)) if is_causal is None else is_causal
    scale = scaling if scaling is not None else 1.0 / math.sqrt(query.shape[-1])
    if query.is_cuda and query.dtype in (torch.float16, torch.bfloat16):
        out = _varlen(query[0], key[0], value[0], layout, scale, sliding_window, causal)
    else:
        attend = attend_opaque if torch.compiler.is_compiling() else attend_by_segment
        out = attend(query[0], key[0], value[0], layout.segments, scale, sliding_window, causal)
    return out.unsqueeze(0), None


AttentionInterface.register(PACKED, packed_attention)


def _varlen(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    layout: PackedLayout,
    scale: float,
    window: int | None,
    causal: bool,
) -> Tensor:
    q, k, v = (x.transpose(0, 1) for x in (query, key, value))
    if layout.kv_index is not None:
        k, v = k.index_select(0, layout.kv_index), v.index_select(0, layout.kv_index)
    out: Tensor = varlen_call()(
        q, k, v, layout.cu_q, layout.cu_k, layout.max_q, layout.max_k, scale, window, causal
    )
    return out


VarlenCall = Callable[
    [Tensor, Tensor, Tensor, Tensor, Tensor, int, int, float, int | None, bool], Tensor
]


@cache
def varlen_call() -> VarlenCall:
    """``torch.nn.attention.varlen.varlen_attn`` behind one signature for every torch.

    Raises:
        UnsupportedAttentionError: If this torch is older than 2.10, which has none.
    """
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        raise UnsupportedAttentionError(
            f"torch {torch.__version__} has no varlen_attn: packed batches on CUDA need 2.10"
        ) from None
    return adapt_varlen(varlen_attn)


def adapt_varlen(varlen_attn: Callable[..., Any]) -> VarlenCall:
    """Call a ``varlen_attn`` as its version wants to be called.

    torch 2.10 takes ``is_causal`` and neither scale nor window; 2.11 takes ``scale`` and
    ``window_size``, where causal is ``(-1, 0)``; from 2.12 on grouped key-value heads
    have to be announced. Where keys outnumber queries, causal means that the last query
    sees the last key in all of them.
    """
    accepts = inspect.signature(varlen_attn).parameters

    def call(
        q: Tensor,
        k: Tensor,
        v: Tensor,
        cu_q: Tensor,
        cu_k: Tensor,
        max_q: int,
        max_k: int,
        scale: float,
        window: int | None,
        causal: bool,
    ) -> Tensor:
        if "window_size" not in accepts:
            if window is not None and window < max_k:
                raise UnsupportedAttentionError(
                    "this torch's varlen_attn has no sliding window: packed batches of this "
                    "model need torch 2.11"
                )
            q = q * (scale * math.sqrt(q.shape[-1]))
            out: Tensor = varlen_attn(q, k, v, cu_q, cu_k, max_q, max_k, causal)
            return out
        reach = -1 if window is None else window - 1
        options: dict[str, Any] = {
            "scale": scale,
            "window_size": (reach, 0) if causal else (reach, reach),
        }
        if "enable_gqa" in accepts:
            options["enable_gqa"] = q.shape[1] != k.shape[1]
        out = varlen_attn(q, k, v, cu_q, cu_k, max_q, max_k, **options)
        return out

    return call
