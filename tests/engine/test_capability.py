"""Which path a model takes, above all where its rotary frequencies move with lengths."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import models
import numpy as np
import pytest
import torch
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from rmbench.engine.capability import Capability, Path, choose_path, path_obstacle
from rmbench.engine.encode import Encoded, position_limit
from rmbench.engine.execute import Executor
from rmbench.engine.forward import Head
from rmbench.engine.options import EngineOptions
from rmbench.errors import ScorerError, UsageError

POSITIONS = 100
DYNAMIC = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
LONGROPE = {
    "rope_type": "longrope", "rope_theta": 10000.0, "factor": 6.4, "short_factor": [1.0] * 8,
    "long_factor": [1.0 + i / 2 for i in range(8)], "original_max_position_embeddings": POSITIONS,
}  # fmt: skip
PLAIN = {"rope_type": "default", "rope_theta": 10000.0}

NESTED = ("gemma3_text", "modernbert")
"""Families with rotary settings of their own for each type of layer."""


def model_with(name: str, rope: dict[str, Any], sliding: dict[str, Any] = PLAIN) -> Any:
    """A tiny model of a family; ``sliding`` goes to its layers with a window, if it has any."""
    settings: dict[str, Any] = {"rope_parameters": dict(rope)}
    if name in NESTED:
        settings["rope_parameters"] = {
            "full_attention": dict(rope),
            "sliding_attention": dict(sliding),
        }
    if rope is DYNAMIC:
        settings["max_position_embeddings"] = POSITIONS
    return models.tiny_model(name, **settings)


def rewards(model: Any, rows: list[Encoded], prompts: list[int], **options: Any) -> Any:
    engine = Executor(
        deepcopy(model), Head(0), EngineOptions(device="cpu", progress=False, **options)
    )
    out = np.full(len(rows), np.nan)
    for members, values in engine.run(rows, prompts):
        out[members] = values
    return out


def rows_up_to(model: Any, limit: int) -> tuple[list[Encoded], list[int]]:
    """Random sequences, one of them with exactly ``limit`` tokens, which is the most."""
    rows, prompts = models.random_rows(model)
    long = next(i for i, r in enumerate(rows) if len(r) > limit)
    kept = [i for i, r in enumerate(rows) if len(r) <= limit]
    types = rows[long].token_type_ids
    cut = Encoded(rows[long].input_ids[:limit], types and types[:limit])
    return [cut, *(rows[i] for i in kept)], [prompts[long], *(prompts[i] for i in kept)]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        *((n, p) for n in ("llama", "gpt_neox", "gemma3_text") for p in ("shared", "padded")),
        *(("modernbert", p) for p in ("packed", "padded")),
    ],
)
def test_dynamic_frequencies_are_exact_as_far_as_the_positions_go(name: str, path: str) -> None:
    model = model_with(name, DYNAMIC)
    rows, prompts = rows_up_to(model, POSITIONS)
    assert max(map(len, rows)) == POSITIONS
    reference = models.unbatched_rewards(deepcopy(model), rows)
    got = rewards(model, rows, prompts, attention=path, batch_tokens=300)
    assert np.abs(got - reference).max() <= 1e-5 * max(1.0, reference.std())


@pytest.mark.parametrize("name", ["llama", "gpt_neox", "gemma3_text", "modernbert"])
def test_beyond_the_positions_not_even_the_unbatched_score_is_one_number(name: str) -> None:
    # Why such sequences are refused: what they get depends on what was scored before them.
    model = model_with(name, DYNAMIC)
    rows, _ = models.random_rows(model)
    by_length = sorted(rows, key=len)
    first, longest = next(r for r in by_length if len(r) > POSITIONS), by_length[-1]
    alone = models.unbatched_rewards(deepcopy(model), [first])[0]
    after = models.unbatched_rewards(model, [longest, first])[1]
    assert abs(after - alone) > 1e-3


@pytest.mark.parametrize("name", ["llama", "gemma3_text", "modernbert"])
def test_a_sequence_beyond_dynamic_positions_is_refused(name: str) -> None:
    model = model_with(name, DYNAMIC)
    rows, prompts = models.random_rows(model)
    engine = models.stub_engine(deepcopy(model))
    assert engine.capability.longest == POSITIONS
    # What the encoder cuts at, so that no conversation ever gets so far.
    assert position_limit(None, model.config) == POSITIONS
    with pytest.raises(ScorerError, match=r"has \d+ tokens, more than the 100 positions.*dynamic"):
        engine.score_rows(rows, prompts)
    short = [i for i, r in enumerate(rows) if len(r) <= POSITIONS]
    kept = [rows[i] for i in short]
    got = engine.score_rows(kept, [prompts[i] for i in short])
    assert np.abs(got - models.unbatched_rewards(model, kept)).max() <= 1e-5


@pytest.mark.parametrize("name", NESTED)
def test_longrope_of_one_type_of_layer_keeps_the_lengths_apart(name: str) -> None:
    model = model_with(name, LONGROPE)
    rows, prompts = models.random_rows(model)
    assert min(map(len, rows)) < POSITIONS < max(map(len, rows))
    capability = choose_path(model, "auto")
    assert (capability.path, capability.length_break) == ("padded", POSITIONS)
    assert "LongRoPE" in capability.reason
    with pytest.raises(UsageError, match=r"--attention packed is impossible.*LongRoPE"):
        choose_path(model, "packed")
    reference = models.unbatched_rewards(model, rows)
    got = rewards(model, rows, prompts, batch_tokens=700)
    assert np.abs(got - reference).max() <= 1e-5 * max(1.0, reference.std())


def test_several_lengths_at_which_frequencies_change_are_refused() -> None:
    other = LONGROPE | {"original_max_position_embeddings": 50}
    model = model_with("gemma3_text", LONGROPE, sliding=other)
    with pytest.raises(UsageError, match=r"several lengths of a sequence \(50, 100 tokens\)"):
        choose_path(model, "auto")


_SETTINGS: dict[str, dict[str, Any]] = {
    "linear": {"factor": 4.0},
    "dynamic": {"factor": 4.0},
    "yarn": {"factor": 4.0, "original_max_position_embeddings": POSITIONS},
    "longrope": {k: v for k, v in LONGROPE.items() if k not in ("rope_type", "rope_theta")},
    "llama3": {
        "factor": 4.0, "original_max_position_embeddings": POSITIONS, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
    },
    "proportional": {"partial_rotary_factor": 0.5},
}  # fmt: skip


@pytest.mark.parametrize("rope_type", sorted(ROPE_INIT_FUNCTIONS))
def test_every_kind_of_frequencies_that_moves_with_the_length_is_known(rope_type: str) -> None:
    """transformers itself is asked: do the first tokens turn otherwise once others follow?"""
    config = LlamaConfig(
        hidden_size=64, num_attention_heads=4, num_hidden_layers=1, intermediate_size=64,
        vocab_size=9, num_labels=1, max_position_embeddings=POSITIONS,
        rope_parameters={"rope_type": rope_type, "rope_theta": 10000.0, **_SETTINGS[rope_type]},
    )  # fmt: skip

    def first(tokens: int) -> torch.Tensor:
        turned, _ = LlamaRotaryEmbedding(config)(torch.zeros(1), torch.arange(tokens)[None])
        return turned[0, :10]

    moves = not torch.equal(first(10), first(4 * POSITIONS))
    model = models.tiny_model(
        "llama", max_position_embeddings=POSITIONS, rope_parameters=config.rope_parameters
    )
    capability = choose_path(model, "auto")
    assert ((capability.longest or capability.length_break) is not None) == moves
    # Those within the positions do not.
    assert torch.equal(first(10), first(POSITIONS))


def test_code_of_a_models_own_may_have_the_settings_under_their_older_names() -> None:
    def choose(**rope: Any) -> Capability:
        model = models.tiny_model("llama")
        settings = {k: v for k, v in model.config.to_dict().items() if "rope" not in k}
        model.config = SimpleNamespace(**settings, **rope)
        return choose_path(model, "auto")

    assert choose().longest is None
    assert choose(rope_scaling={"type": "dynamic", "factor": 2.0}).longest == models.LONGEST
    capability = choose(
        rope_scaling={"type": "longrope"}, original_max_position_embeddings=POSITIONS
    )
    assert capability.length_break == POSITIONS


ENCODER = "in an encoder such as bert every prompt token attends to the response"


@pytest.mark.parametrize(
    ("name", "path", "obstacle"),
    [
        ("llama", "shared", None),
        ("llama", "packed", None),
        ("llama", "padded", None),
        ("bert", "shared", ENCODER),
        ("bert", "packed", None),
        ("deberta-v2", "packed", "deberta-v2 is not among the families"),
        ("deberta-v2", "shared", "deberta-v2 is not among the families"),
        ("deberta-v2", "padded", None),
        ("gemma2 with soft-capping", "shared", "soft-capped"),
    ],
)
def test_a_path_is_open_or_the_reason_is_said(name: str, path: Path, obstacle: str | None) -> None:
    model = models.tiny_model(name)
    found = path_obstacle(model, path)
    if obstacle is None:
        assert found is None
        assert choose_path(model, path).path == path
    else:
        assert found is not None
        assert obstacle in found
        with pytest.raises(UsageError, match=f"--attention {path} is impossible.*{obstacle}"):
            choose_path(model, path)


@pytest.mark.parametrize(
    ("name", "attention", "path", "reason"),
    [
        ("llama", "auto", "shared", "llama decoder: packed, every prompt computed once"),
        ("llama", "packed", "packed", "packed without sharing, as asked"),
        ("llama", "padded", "padded", "length-sorted padded batches, as asked"),
        ("bert", "auto", "packed", "bert encoder: packed without padding"),
        ("bert", "packed", "packed", "bert encoder: packed without padding"),
        (
            "gemma2 with soft-capping",
            "auto",
            "padded",
            "length-sorted padded batches: its attention scores are soft-capped",
        ),
    ],
)
def test_the_path_taken_and_why(name: str, attention: Any, path: str, reason: str) -> None:
    capability = choose_path(models.tiny_model(name), attention)
    assert (capability.path, capability.reason) == (path, reason)
    assert capability.needs_mask == (name not in models.DECODERS)
    assert capability.length_break is None
    assert capability.longest is None


def test_layers_that_packed_attention_cannot_do_are_named() -> None:
    model = models.tiny_model("llama")
    config = SimpleNamespace(
        **{**model.config.to_dict(), "layer_types": ["full_attention", "linear_attention"]}
    )
    model.config = config
    assert path_obstacle(model, "packed") == "it has layers of type linear_attention"
