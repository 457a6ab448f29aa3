"""Packed attention against a dense masked softmax in float64."""

from __future__ import annotations

import functools
import inspect
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import models
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from rmbench.engine import attention, attention_segments
from rmbench.engine.attention import (
    LAYOUT,
    UnsupportedAttentionError,
    adapt_varlen,
    build_layout,
    packed_attention,
)
from rmbench.engine.attention_segments import attend_by_segment
from rmbench.engine.batch import Positions, fill_up, pack
from rmbench.engine.encode import Encoded
from rmbench.engine.forward import Head, forward_packed
from rmbench.engine.heads import head_reads
from rmbench.engine.plan import plan_groups

CPU = torch.device("cpu")
Case = tuple[NDArray[np.int64], int | None, bool, int, int]


def lay_out(groups: list[tuple[int, list[int]]]) -> NDArray[np.int64]:
    """Segments of prompts, each with its responses; the first one stands with its prompt."""
    segments = []
    end = 0
    for prompt, responses in groups:
        at = end
        for n, response in enumerate(responses):
            stop = end + response + (0 if n else prompt)
            segments.append((end, stop, at, at + (prompt if n else 0)))
            end = stop
    return np.array(segments, np.int64)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    sizes = st.integers(1, 40)
    group = st.tuples(st.integers(0, 60), st.lists(sizes, min_size=1, max_size=4))
    groups = draw(st.lists(group, min_size=1, max_size=4))
    # Only a batch of whole sequences has groups without a shared prompt.
    parted = [(p, r) if p else (0, r[:1]) for p, r in groups]
    window = draw(st.none() | st.integers(1, 80))
    key_heads = draw(st.sampled_from([1, 2, 4]))
    return lay_out(parted), window, draw(st.booleans()), key_heads, draw(st.integers(0, 2**31))


def visible(segments: NDArray[np.int64], window: int | None, causal: bool) -> NDArray[np.bool_]:
    """Which key (column) every query (row) sees, said one pair at a time."""
    tokens = segments[-1, 1]
    seen = np.zeros((tokens, tokens), np.bool_)
    for start, stop, first, last in segments.tolist():
        keys = [*range(first, last), *range(start, stop)]
        for i, row in enumerate(range(start, stop), start=last - first):
            for j, column in enumerate(keys):
                if causal and j > i:
                    continue
                if window is not None and abs(i - j) >= window:
                    continue
                seen[row, column] = True
    return seen


def dense(q: Tensor, k: Tensor, v: Tensor, seen: NDArray[np.bool_], scale: float) -> Tensor:
    """Attention with every product and a mask; (heads, tokens, width) to (tokens, heads, ...)."""
    groups = q.shape[0] // k.shape[0]
    k, v = (x.repeat_interleave(groups, dim=0) for x in (k, v))
    scores = (q @ k.transpose(1, 2)) * scale
    weights = scores.masked_fill(~torch.from_numpy(seen), -math.inf).softmax(dim=-1)
    return (weights @ v).transpose(0, 1)


def random_qkv(tokens: int, key_heads: int, seed: int, width: int = 16) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        2 * torch.randn(heads, tokens, width, generator=generator)
        for heads in (4, key_heads, key_heads)
    )


@settings(max_examples=80, deadline=None)
@given(cases())
def test_attention_is_that_of_a_dense_mask(case: Case) -> None:
    segments, window, causal, key_heads, seed = case
    q, k, v = random_qkv(int(segments[-1, 1]), key_heads, seed)
    seen = visible(segments, window, causal)
    expected = dense(q.double(), k.double(), v.double(), seen, 0.2)
    got = attend_by_segment(q, k, v, torch.from_numpy(segments), 0.2, window, causal)
    assert (got - expected).abs().max() <= 1e-5


@settings(max_examples=40, deadline=None)
@given(cases())
def test_gradients_are_those_of_a_dense_mask(case: Case) -> None:
    segments, window, causal, key_heads, seed = case
    plain = random_qkv(int(segments[-1, 1]), key_heads, seed)
    inputs = [x.clone().requires_grad_() for x in plain]
    exact = [x.double().requires_grad_() for x in plain]
    seen = visible(segments, window, causal)
    got = attend_by_segment(*inputs, torch.from_numpy(segments), 0.2, window, causal)
    expected = dense(*exact, seen, 0.2)
    assert (got - expected).abs().max() <= 1e-5
    weight = torch.randn(got.shape, generator=torch.Generator().manual_seed(seed))
    (got * weight).sum().backward()
    (expected * weight).sum().backward()
    grads = [(x.grad, y.grad) for x, y in zip(inputs, exact, strict=True)]
    # All three together: where each query sees one key, those of queries and keys are nothing
    # but rounding.
    off = torch.cat([(x - y).flatten() for x, y in grads if x is not None and y is not None])
    whole = torch.cat([y.flatten() for _, y in grads if y is not None])
    assert len(off) == sum(x.numel() for x in inputs)
    assert off.norm() <= 1e-5 * whole.norm()


def test_shared_prompts_are_merged_only_without_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    merged = []
    real = attention_segments._attend_merged
    monkeypatch.setattr(
        attention_segments, "_attend_merged", lambda *a: merged.append(a[3]) or real(*a)
    )
    segments = torch.from_numpy(lay_out([(9, [3, 4, 5])]))
    q, k, v = random_qkv(21, 2, 0)
    attend_by_segment(q, k, v, segments, 0.2, None, True)
    assert merged == [(0, 9)]
    attend_by_segment(q.requires_grad_(), k, v, segments, 0.2, None, True)
    with torch.no_grad():
        attend_by_segment(q, k, v, segments, 0.2, 8, True)
        attend_by_segment(q, k, v, segments, 0.2, None, False)
    assert merged == [(0, 9)]


class Largest(TorchDispatchMode):
    """Notes the most elements of any tensor an operation returns."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for x in out if isinstance(out, tuple | list) else (out,):
            if isinstance(x, Tensor):
                self.elements = max(self.elements, x.numel())
        return out


@contextmanager
def masks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, ...]]]:
    """Shapes of the masks that reach scaled_dot_product_attention."""
    shapes: list[tuple[int, ...]] = []
    real = torch.nn.functional.scaled_dot_product_attention

    def spy(*args: Any, attn_mask: Tensor | None = None, **kwargs: Any) -> Tensor:
        if attn_mask is not None:
            shapes.append(tuple(attn_mask.shape))
        return real(*args, attn_mask=attn_mask, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.functional, "scaled_dot_product_attention", spy)
        yield shapes


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("gradient", [True, False])
def test_no_mask_is_larger_than_a_block(
    causal: bool, gradient: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = lay_out([(700, [900, 600]), (0, [1000])])
    q, k, v = random_qkv(3200, 2, 0, width=8)
    q.requires_grad_(gradient)
    for window, columns in ((40, 256 + 2 * 40), (None, 1300)):
        with masks(monkeypatch) as shapes:
            got = attend_by_segment(q, k, v, torch.from_numpy(segments), 0.3, window, causal)
        assert got.shape == (3200, 4, 8)
        assert all(rows <= 256 and width <= columns for rows, width in shapes)
        assert bool(shapes) == (window is not None)


def packed(model: Any, rows: list[Encoded], prompts: list[int], share: bool = True) -> Any:
    groups = plan_groups([r.input_ids for r in rows], prompts, 10_000, share=share)
    first = 2 if model.config.model_type in ("roberta", "xlm-roberta") else 0
    pad = models.PAD
    positions = Positions(first, pad if first else None)
    return pack(groups, rows, positions=positions, pad_token_id=pad, position="hf")


@pytest.mark.parametrize("name", ["llama", "gemma2", "mistral", "bert", "modernbert"])
def test_a_forward_pass_never_holds_the_square_of_its_tokens(name: str) -> None:
    model = models.tiny_model(name)
    rows, prompts = models.random_rows(model)
    batch = packed(model, rows, prompts, share=name in models.DECODERS)
    model.set_attn_implementation(attention.PACKED)
    reads = head_reads(model)
    assert reads is not None
    with torch.inference_mode(), Largest() as largest:
        forward_packed(model, batch, reads=reads, head=Head(0), device=CPU)
    # Of the layers, the widest holds 256 numbers for every token.
    assert len(batch.input_ids) > 1700
    assert len(batch.input_ids) * 128 <= largest.elements <= len(batch.input_ids) * 256


def dense_varlen(
    q: Tensor, k: Tensor, v: Tensor, cu_q: Tensor, cu_k: Tensor, max_q: int, max_k: int,
    scale: float, window: tuple[int, int],
) -> Tensor:  # fmt: skip
    """What a variable-length flash kernel computes, and what it wants, in float64.

    Queries are the last rows of their keys; ``window`` is how far one sees to each side.
    """
    assert cu_q.dtype == cu_k.dtype == torch.int32
    assert len(cu_q) == len(cu_k)
    assert type(max_q) is type(max_k) is int
    assert int(cu_q.diff().max()) <= max_q
    assert int(cu_k.diff().max()) <= max_k
    assert int(cu_q[-1]) == len(q)
    assert int(cu_k[-1]) <= len(k) == len(v)
    left, right = (math.inf if w < 0 else w for w in window)
    # Rows that no segment covers are left as they were: garbage.
    out = torch.full(q.shape, math.nan, dtype=torch.float64)
    offsets = zip(cu_q.tolist(), cu_q.tolist()[1:], cu_k.tolist(), cu_k.tolist()[1:], strict=False)
    for a, b, c, d in offsets:
        if a == b:
            continue
        ahead = np.arange(d - c) - (np.arange(b - a)[:, None] + (d - c) - (b - a))
        seen = (ahead <= right) & (ahead >= -left)
        segment = (x.transpose(0, 1).double() for x in (q[a:b], k[c:d], v[c:d]))
        out[a:b] = dense(*segment, seen, scale)
    return out


def varlen_2_10(
    query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, is_causal=False, return_aux=None
):  # fmt: skip
    scale = 1 / math.sqrt(query.shape[-1])
    window = (-1, 0) if is_causal else (-1, -1)
    return dense_varlen(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, scale, window)


def varlen_2_11(
    query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, *, return_aux=None, scale=None,
    window_size=(-1, -1),
):  # fmt: skip
    scale = scale if scale is not None else 1 / math.sqrt(query.shape[-1])
    return dense_varlen(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, scale, window_size)


def varlen_2_12(
    query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, *, return_aux=None, scale=None,
    window_size=(-1, -1), enable_gqa=False, seqused_k=None, block_table=None, num_splits=None,
):  # fmt: skip
    if query.shape[1] != key.shape[1] and not enable_gqa:
        raise ValueError("Expect query and key/value to have the same number of heads")
    scale = scale if scale is not None else 1 / math.sqrt(query.shape[-1])
    return dense_varlen(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, scale, window_size)


GENERATIONS = [varlen_2_10, varlen_2_11, varlen_2_12]


def test_the_installed_varlen_attn_is_one_of_the_known_generations() -> None:
    from torch.nn.attention.varlen import varlen_attn

    installed = list(inspect.signature(varlen_attn).parameters)
    assert installed in [list(inspect.signature(f).parameters) for f in GENERATIONS]
    adapt_varlen(varlen_attn)


@pytest.mark.parametrize("varlen", GENERATIONS)
@pytest.mark.parametrize("static", [True, False])
@settings(max_examples=25, deadline=None)
@given(case=cases())
def test_one_variable_length_call_gives_the_same(
    varlen: Callable[..., Tensor], static: bool, case: Case
) -> None:
    segments, window, causal, key_heads, seed = case
    q, k, v = random_qkv(int(segments[-1, 1]), key_heads, seed)
    layout = build_layout(segments, CPU, static=static)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "varlen_call", lambda: adapt_varlen(varlen))
        if varlen is varlen_2_10 and window is not None and window < layout.max_k:
            with pytest.raises(UnsupportedAttentionError, match=r"need torch 2\.11"):
                attention._varlen(q, k, v, layout, 0.2, window, causal)
            return
        got = attention._varlen(q, k, v, layout, 0.2, window, causal)
    seen = visible(segments, window, causal)
    scale = 0.2
    if varlen is varlen_2_10:  # knows 1 / sqrt(size) only: its queries were scaled, and so rounded
        q, scale = q * (scale * math.sqrt(q.shape[-1])), 1 / math.sqrt(q.shape[-1])
    expected = dense(q.double(), k.double(), v.double(), seen, scale)
    assert (got - expected).abs().max() <= 1e-6


# scale, window, causal -> what each generation is told of them beside the tensors.
CALLS = [
    (varlen_2_10, None, True, 2, (True,), {}),
    (varlen_2_10, None, False, 4, (False,), {}),
    # A window that holds every key is none.
    (varlen_2_10, 9, True, 2, (True,), {}),
    (varlen_2_11, None, True, 2, (), {"scale": 0.2, "window_size": (-1, 0)}),
    (varlen_2_11, None, False, 4, (), {"scale": 0.2, "window_size": (-1, -1)}),
    (varlen_2_11, 5, True, 2, (), {"scale": 0.2, "window_size": (4, 0)}),
    (varlen_2_11, 5, False, 4, (), {"scale": 0.2, "window_size": (4, 4)}),
    *(
        (varlen_2_12, window, causal, heads, (), told | {"enable_gqa": heads != 4})
        for heads in (1, 2, 4)
        for window, causal, told in (
            (None, True, {"scale": 0.2, "window_size": (-1, 0)}),
            (None, False, {"scale": 0.2, "window_size": (-1, -1)}),
            (1, True, {"scale": 0.2, "window_size": (0, 0)}),
            (3, False, {"scale": 0.2, "window_size": (2, 2)}),
        )
    ),
]


@pytest.mark.parametrize(("varlen", "window", "causal", "key_heads", "more", "told"), CALLS)
def test_every_generation_is_called_as_its_signature_wants(
    varlen: Callable[..., Tensor],
    window: int | None,
    causal: bool,
    key_heads: int,
    more: tuple[Any, ...],
    told: dict[str, Any],
) -> None:
    segments = lay_out([(4, [2, 3])])
    q, k, v = (x.transpose(0, 1) for x in random_qkv(9, key_heads, 0))
    layout = build_layout(segments, CPU)
    assert layout.kv_index is not None
    keys, values = k[layout.kv_index], v[layout.kv_index]
    seen = []

    @functools.wraps(varlen)
    def recorded(*args: Any, **kwargs: Any) -> Tensor:
        seen.append((args, kwargs))
        return varlen(*args, **kwargs)

    got = adapt_varlen(recorded)(
        q, keys, values, layout.cu_q, layout.cu_k, layout.max_q, layout.max_k, 0.2, window, causal
    )
    ((args, kwargs),) = seen
    # Before 2.11 the scale is that of the width, so the queries take up what differs.
    wanted = q * 0.2 * 4 if varlen is varlen_2_10 else q
    torch.testing.assert_close(args[0], wanted, rtol=1e-6, atol=0)
    assert all(a is b for a, b in zip(args[1:5], (keys, values, *layout[1:3]), strict=True))
    assert args[5:] == (layout.max_q, layout.max_k, *more)
    assert kwargs == told
    inspect.signature(varlen).bind(*args, **kwargs)
    inputs = (x.double().transpose(0, 1) for x in (q, k, v))
    expected = dense(*inputs, visible(segments, window, causal), 0.2)
    assert (got - expected).abs().max() <= 1e-6


class OnCuda(Tensor):
    """A tensor on the CPU that says it is elsewhere."""

    is_cuda = True


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("varlen", GENERATIONS)
@pytest.mark.parametrize("static", [True, False])
def test_half_precision_on_cuda_takes_the_variable_length_call(
    varlen: Callable[..., Tensor],
    static: bool,
    dtype: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    segments = lay_out([(7, [3, 1, 5]), (0, [6])])
    plain = [x.to(dtype) for x in random_qkv(22, 2, 0)]
    monkeypatch.setattr(attention, "varlen_call", lambda: adapt_varlen(varlen))
    monkeypatch.setattr(attention, "attend_by_segment", None)
    layout = build_layout(segments, CPU, static=static)
    module = torch.nn.Module()
    module.is_causal = True
    q, k, v = (x.unsqueeze(0).as_subclass(OnCuda) for x in plain)
    got, weights = packed_attention(module, q, k, v, None, scaling=0.2, **{LAYOUT: layout})
    assert weights is None
    assert got.shape == (1, 22, 4, 16)
    expected = dense(*(x.double() for x in plain), visible(segments, None, True), 0.2)
    # 2.10 is given queries that were scaled, and so rounded, before.
    bound = 0.05 if varlen is varlen_2_10 else 1e-6
    assert (got[0].as_subclass(Tensor) - expected).abs().max() <= bound


def test_float32_on_cuda_goes_segment_by_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    segments = lay_out([(7, [3, 1, 5])])
    plain = random_qkv(16, 2, 0)
    monkeypatch.setattr(attention, "_varlen", None)
    layout = build_layout(segments, CPU)
    q, k, v = (x.unsqueeze(0).as_subclass(OnCuda) for x in plain)
    got, _ = packed_attention(torch.nn.Module(), q, k, v, None, scaling=0.2, **{LAYOUT: layout})
    expected = dense(*(x.double() for x in plain), visible(segments, None, True), 0.2)
    assert (got[0].as_subclass(Tensor) - expected).abs().max() <= 1e-5


@settings(max_examples=80)
@given(cases(), st.booleans())
def test_no_kernel_is_told_less_than_a_real_length(case: Case, static: bool) -> None:
    # A kernel told of less leaves rows out without a word.
    segments = case[0]
    layout = build_layout(segments, CPU, static=static)
    queries = [b - a for a, b, _, _ in segments.tolist()]
    keys = [b - a + d - c for a, b, c, d in segments.tolist()]
    assert max(queries) <= layout.max_q <= (2 * max(queries) - 1 if static else max(queries))
    assert max(keys) <= layout.max_k <= (2 * max(keys) - 1 if static else max(keys))
    n, tokens = len(segments), int(segments[-1, 1])
    assert layout.cu_q.diff().tolist()[:n] == queries
    assert layout.cu_k.diff().tolist()[:n] == keys
    # What rounding up adds is empty, and reads nothing.
    assert layout.cu_q.diff()[n:].sum() == layout.cu_k.diff()[n:].sum() == 0
    assert (layout.segments[n:] == tokens).all()
    if layout.kv_index is not None:
        assert len(layout.kv_index) >= layout.cu_k[-1]
        assert 0 <= int(layout.kv_index.min()) <= int(layout.kv_index.max()) < tokens


def test_a_torch_without_varlen_attn_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.nn.attention.varlen", None)
    with pytest.raises(
        UnsupportedAttentionError, match=r"has no varlen_attn.*need 2\.10"
    ) as caught:
        attention.varlen_call.__wrapped__()
    assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_a_static_layout_has_few_sizes_and_reads_the_same_rows(case: Case) -> None:
    segments = case[0]
    exact, rounded = (build_layout(segments, CPU, static=s) for s in (False, True))
    n = len(exact.cu_q)
    assert rounded.kv_index is not None
    for size in (len(rounded.cu_q) - 1, len(rounded.kv_index), rounded.max_q, rounded.max_k):
        assert size & (size - 1) == 0
    assert rounded.segments.shape == (len(rounded.cu_q) - 1, 4)
    assert torch.equal(rounded.cu_q[:n], exact.cu_q)
    assert torch.equal(rounded.cu_k[:n], exact.cu_k)
    assert (rounded.cu_q[n:] == exact.cu_q[-1]).all()
    assert (rounded.cu_k[n:] == exact.cu_k[-1]).all()
    read = [r for a, b, c, d in segments.tolist() for r in (*range(c, d), *range(a, b))]
    assert rounded.kv_index[: len(read)].tolist() == read
    if exact.kv_index is None:
        assert read == list(range(segments[-1, 1]))
    else:
        assert exact.kv_index.tolist() == read


@pytest.mark.parametrize("name", ["llama", "gemma3_text", "roberta", "modernbert with the mean"])
@pytest.mark.parametrize("more", [0, 1, 37, 3000])
def test_filling_up_leaves_the_scores_alone(name: str, more: int) -> None:
    model = models.tiny_model(name)
    rows, prompts = models.random_rows(model)
    batch = packed(model, rows, prompts, share=name in models.DECODERS)
    filled = fill_up(batch, len(batch.input_ids) + more)
    assert len(filled.input_ids) == len(batch.input_ids) + more
    reference = models.unbatched_rewards(model, rows)[batch.rows]
    model.set_attn_implementation(attention.PACKED)
    reads = head_reads(model)
    assert reads is not None
    base = getattr(model, model.base_model_prefix)
    with torch.inference_mode():
        got = forward_packed(model, filled, reads=reads, head=Head(0), device=CPU, compiled=base)
    assert np.abs(got.numpy() - reference).max() <= 1e-5 * max(1.0, reference.std())


def test_batches_are_compiled_once_a_shape_and_score_the_same() -> None:
    from torch._dynamo.testing import CompileCounterWithBackend

    model = models.tiny_model("llama")
    references, batches = [], []
    for seed in range(3):
        rows, prompts = models.random_rows(model, seed)
        batch = packed(model, rows, prompts)
        references.append(models.unbatched_rewards(model, rows)[batch.rows])
        batches.append(fill_up(batch, 4096))
    model.set_attn_implementation(attention.PACKED)
    counter = CompileCounterWithBackend("eager")
    compiled = torch.compile(model.model, backend=counter, dynamic=False)
    for batch, reference in zip(batches, references, strict=True):
        with torch.inference_mode():
            got = forward_packed(
                model, batch, reads="scored token", head=Head(0), device=CPU, compiled=compiled
            )
        assert np.abs(got.numpy() - reference).max() <= 1e-5 * max(1.0, reference.std())
    layouts = [build_layout(b.segments, CPU, static=True) for b in batches]
    shapes = {
        (len(x.segments), 0 if x.kv_index is None else len(x.kv_index), x.max_q, x.max_k)
        for x in layouts
    }
    assert counter.frame_count == len(shapes) < len(batches)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"dropout": 0.1}, "dropout"),
        ({"softcap": 30.0}, "soft-capped scores"),
        ({"s_aux": torch.zeros(4)}, "attention sinks"),
        ({"position_bias": torch.zeros(1)}, "a position bias"),
    ],
)
def test_what_packed_attention_cannot_do_is_refused(options: dict[str, Any], what: str) -> None:
    q, k, v = (x.unsqueeze(0) for x in random_qkv(5, 4, 0))
    layout = build_layout(lay_out([(0, [5])]), CPU)
    with pytest.raises(UnsupportedAttentionError, match=f"cannot do {what}$"):
        packed_attention(torch.nn.Module(), q, k, v, None, **{LAYOUT: layout}, **options)
