"""Floating-point operations by hand, and as PyTorch counts them while a model runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import models
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from rmbench.engine.batch import Positions, pack
from rmbench.engine.encode import Encoded
from rmbench.engine.execute import Executor
from rmbench.engine.forward import Head
from rmbench.engine.options import EngineOptions
from rmbench.engine.plan import Group
from rmbench.engine.tally import BatchShape
from rmbench.throughput.flops import (
    ForwardCost,
    backbone_parameters,
    cost_obstacle,
    peak_rate,
)


def counted(run: Any) -> int:
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def forward(model: Any, rows: int, tokens: int) -> int:
    """What PyTorch counts of a plain forward pass; eager attention has its products counted."""
    model.set_attn_implementation("eager")
    ids = torch.randint(4, models.VOCABULARY, (rows, tokens))
    return counted(lambda: model(input_ids=ids, attention_mask=torch.ones_like(ids)))


@pytest.mark.parametrize("name", [*models.DECODERS, *models.ENCODERS])
@pytest.mark.parametrize(("rows", "tokens"), [(1, 50), (3, 17)])
def test_a_forward_pass_costs_what_pytorch_counts(name: str, rows: int, tokens: int) -> None:
    model = models.tiny_model(name)
    assert cost_obstacle(model) is None
    cost = ForwardCost.of(model)
    shape = BatchShape.of_padded([tokens] * rows)
    expected = cost.executed([shape])
    assert cost.useful(np.full(rows, tokens)) == expected
    if name in models.DECODERS:
        # PyTorch counts all query-key products, also those a decoder masks, and the stock
        # decoder has its head read every token.
        expected += cost.per_product * shape.attention_square + 2 * 64 * rows * (tokens - 1)
    assert forward(model, rows, tokens) == expected


def test_a_llama_by_hand() -> None:
    model = models.tiny_model(
        "llama", hidden_size=8, num_attention_heads=2, num_key_value_heads=1,
        intermediate_size=12, num_hidden_layers=3,
    )  # fmt: skip
    # q and o: 8 x 8; k and v: 8 x 4; gate, up and down: 8 x 12.
    layer = 2 * 64 + 2 * 32 + 3 * 96
    assert backbone_parameters(model) == 3 * layer == 1440
    cost = ForwardCost.of(model)
    assert cost == ForwardCost(per_token=2 * 1440, per_product=2 * 3 * 2 * 4, per_sequence=2 * 8)
    # A prompt of 5 tokens with responses of 3 and 2.
    assert cost.useful(np.array([8, 7])) == 2880 * 15 + 48 * (64 + 49) + 2 * 16
    batch = pack(
        [Group((0, 1), 5, 10)],
        [Encoded((1, 2, 3, 4, 5, 6, 7, 8)), Encoded((1, 2, 3, 4, 5, 9, 10))],
        positions=Positions(), pad_token_id=None, position="hf",
    )  # fmt: skip
    shapes = [BatchShape.of_packed(batch)]
    assert cost.executed(shapes) == 2880 * 10 + 48 * (64 + 49 - 25) + 2 * 16 == 33_056
    # Weights that met the two scored tokens only.
    assert cost.executed(shapes, read_rows_only=100) == 33_056 - 2 * 100 * 8
    # Padded: 2 x 8 tokens.
    assert cost.executed([BatchShape.of_padded([8, 7])]) == 2880 * 16 + 48 * 2 * 64 + 32


def test_a_bert_by_hand() -> None:
    model = models.tiny_model(
        "bert", hidden_size=8, num_attention_heads=2, intermediate_size=12, num_hidden_layers=3
    )
    layer = 4 * 64 + 2 * 96
    assert backbone_parameters(model) == 3 * layer == 1344
    # The pooler is 8 x 8 and the head 8 x 1, once a sequence; every query sees every key.
    assert ForwardCost.of(model) == ForwardCost(2 * 1344, 4 * 3 * 2 * 4, 2 * (64 + 8))


@given(
    st.integers(0, 40),
    st.lists(st.integers(1, 30), min_size=1, max_size=6),
)
def test_sharing_saves_the_prompt_and_nothing_else(prompt: int, responses: list[int]) -> None:
    cost = ForwardCost(per_token=100.0, per_product=3.0, per_sequence=7.0)
    rows = [Encoded(tuple(range(prompt)) + (99,) * r) for r in responses]
    lengths = np.array([len(r) for r in rows])
    shared = prompt if len(rows) > 1 else 0
    group = Group(tuple(range(len(rows))), shared, 0)
    options: dict[str, Any] = {"positions": Positions(), "pad_token_id": None, "position": "hf"}
    together = BatchShape.of_packed(pack([group], rows, **options))
    saved = (len(rows) - 1) * (100 * shared + 3 * shared**2)
    assert cost.executed([together]) == cost.useful(lengths) - saved
    apart = [
        BatchShape.of_packed(pack([Group((i,), 0, 0)], rows, **options)) for i in range(len(rows))
    ]
    assert cost.executed(apart) == cost.useful(lengths)


def executed(model: Any, attention: str, rows: Sequence[Encoded], prompts: Sequence[int]) -> Any:
    """What PyTorch counts of a run without attention, and the engine that ran."""
    options = EngineOptions(device="cpu", attention=attention, progress=False, batch_tokens=900)
    executor = Executor(model, Head(0), options)
    # Reordered weights are no product that PyTorch would count.
    executor._linear = None
    found = counted(lambda: list(executor.run(rows, prompts)))
    return found, executor


@pytest.mark.parametrize("name", ["llama", "qwen3", "phi3", "gpt_neox", "bert", "modernbert"])
@pytest.mark.parametrize("attention", ["auto", "packed"])
def test_packed_batches_cost_what_pytorch_counts(name: str, attention: str) -> None:
    """All but attention, whose kernels on a CPU PyTorch does not count."""
    model = models.tiny_model(name)
    rows, prompts = models.random_rows(model)
    found, executor = executed(model, attention, rows, prompts)
    shapes = executor.tally.shapes
    assert len(shapes) > 1
    cost = ForwardCost.of(model)
    narrow = executor.read_rows_only
    assert narrow > 0
    assert cost.executed(shapes) > 1.1 * cost.executed(shapes, read_rows_only=narrow)
    expected = cost.executed(shapes, read_rows_only=narrow)
    expected -= cost.per_product * sum(s.attention_square for s in shapes)
    # The biases among those weights are counted with them; the layers are small.
    assert found == pytest.approx(expected, rel=5e-3)


def test_padded_batches_run_all_layers_whole() -> None:
    model = models.tiny_model("llama")
    rows, prompts = models.random_rows(model)
    model.set_attn_implementation("eager")
    found, executor = executed(model, "padded", rows, prompts)
    assert executor.read_rows_only == 0
    cost = ForwardCost.of(model)
    shapes = executor.tally.shapes
    half = cost.per_product * sum(s.attention_square for s in shapes)
    assert found == cost.executed(shapes) + half


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"num_local_experts": 8}, "mixture of experts"),
        ({"num_experts": 4}, "mixture of experts"),
        ({"layer_types": ["full_attention", "linear_attention"]}, "layers of type linear_att"),
        ({"num_attention_heads": None}, "does not say its num_attention_heads"),
    ],
)
def test_what_cannot_be_counted_is_said(settings: dict[str, Any], reason: str) -> None:
    model = models.tiny_model("llama")
    for name, value in settings.items():
        object.__setattr__(model.config, name, value)
    assert reason in (cost_obstacle(model) or "")


@pytest.mark.parametrize("name", models.PADDED_ONLY)
def test_models_that_are_padded_can_be_counted(name: str) -> None:
    assert cost_obstacle(models.tiny_model(name)) is None


@pytest.mark.parametrize(
    ("name", "dtype", "peak"),
    [
        ("NVIDIA H200", torch.bfloat16, 989.5e12),
        ("NVIDIA H100 80GB HBM3", torch.float16, 989.5e12),
        ("NVIDIA H100 PCIe", torch.bfloat16, 756e12),
        ("NVIDIA H100 NVL", torch.bfloat16, 835e12),
        ("NVIDIA A100-SXM4-80GB", torch.bfloat16, 312e12),
        ("NVIDIA H100 80GB HBM3", torch.float32, None),
        ("NVIDIA H20", torch.bfloat16, None),
        ("AMD EPYC", torch.bfloat16, None),
    ],
)
def test_the_peak_is_that_of_the_data_sheet_or_unknown(
    name: str, dtype: torch.dtype, peak: float | None
) -> None:
    assert peak_rate(name, dtype) == peak
