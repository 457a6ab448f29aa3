"""Scores of every family and path against the stock model, one unpadded sequence at a time."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import models
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification

from rmbench.data import load_preferences
from rmbench.engine import forward
from rmbench.engine.attention import PackedLayout, build_layout
from rmbench.engine.encode import Encoded
from rmbench.engine.execute import Executor
from rmbench.engine.forward import Head
from rmbench.engine.options import EngineOptions
from rmbench.scorers.hf import HFScorer
from rmbench.scorers.spec import RunOptions, create_scorer, parse_scorer
from rmbench.types import conversations

PATHS = [
    *((name, path) for name in models.DECODERS for path in ("shared", "packed", "padded")),
    *((name, path) for name in models.ENCODERS for path in ("packed", "padded")),
    *((name, "padded") for name in models.PADDED_ONLY),
]
PACKABLE = [*models.DECODERS, *models.ENCODERS]
WINDOWED = [
    name
    for name, (_, own) in models.FAMILIES.items()
    if "sliding_window" in own or "local_attention" in own
]

Rewards = NDArray[np.float64]
Record = Callable[[str, object], None]


def bound(reference: Rewards) -> float:
    """Largest difference allowed: what rounding in float32 leaves, and little more."""
    return 1e-5 * max(1.0, float(reference.std()))


def executor(model: Any, **options: Any) -> Executor:
    return Executor(
        deepcopy(model), Head(0), EngineOptions(device="cpu", progress=False, **options)
    )


def rewards(runner: Executor, rows: list[Encoded], prompts: list[int]) -> Rewards:
    out = np.full(len(rows), np.nan)
    for members, values in runner.run(rows, prompts):
        out[members] = values
    return out


def pairs(prompts: list[int]) -> list[tuple[int, int]]:
    """Neighbours that answer one prompt."""
    return [(i, i + 1) for i in range(len(prompts) - 1) if prompts[i] == prompts[i + 1]]


def margins(scores: Rewards, prompts: list[int]) -> Rewards:
    return np.array([scores[i] - scores[j] for i, j in pairs(prompts)])


@pytest.mark.parametrize(("name", "path"), PATHS)
def test_every_path_gives_the_scores_of_the_unbatched_forward(
    name: str, path: str, record_property: Record
) -> None:
    model = models.tiny_model(name)
    rows, prompts = models.random_rows(model)
    reference = models.unbatched_rewards(model, rows)
    assert reference.std() > 0.2
    runner = executor(model, attention=path, batch_tokens=1500)
    got = rewards(runner, rows, prompts)
    assert runner.capability.path == path
    difference = float(np.abs(got - reference).max())
    record_property("largest_difference", difference)
    assert difference <= bound(reference)
    assert (np.sign(margins(got, prompts)) == np.sign(margins(reference, prompts))).all()


@pytest.mark.parametrize("name", models.DECODERS)
def test_shared_prompts_are_computed_once(name: str) -> None:
    model = models.tiny_model(name)
    rows, prompts = models.random_rows(model)
    runner = executor(model, batch_tokens=100_000)
    rewards(runner, rows, prompts)
    (shape,) = runner.tally.shapes
    # Of 6, 4, 3 and six times 2 responses; a prompt's end may be the responses' too.
    saved = 5 * 17 + 3 * 40 + 2 * 120 + 300 + 60 + 25 + 9 + 30
    assert saved <= sum(len(r) for r in rows) - shape.tokens <= saved + 60
    assert shape.padding_tokens == 0


def leaking(segments: NDArray[np.int64], device: torch.device, *, static: bool) -> PackedLayout:
    """All sequences as one."""
    return build_layout(np.array([[0, segments[-1, 1], 0, 0]]), device, static=static)


def forgetting(segments: NDArray[np.int64], device: torch.device, *, static: bool) -> PackedLayout:
    """Responses that do not see their prompt."""
    alone = segments.copy()
    alone[:, 3] = alone[:, 2]
    return build_layout(alone, device, static=static)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [*((n, leaking) for n in PACKABLE), *((n, forgetting) for n in models.DECODERS)],
)
def test_wrong_segments_would_be_noticed(
    name: str, wrong: Callable[..., PackedLayout], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models.tiny_model(name)
    rows, prompts = models.random_rows(model)
    reference = models.unbatched_rewards(model, rows)
    monkeypatch.setattr(forward, "build_layout", wrong)
    got = rewards(executor(model, batch_tokens=1500), rows, prompts)
    assert np.abs(got - reference).max() > 1000 * bound(reference)


@pytest.mark.parametrize("name", WINDOWED)
def test_a_window_that_is_not_kept_would_be_noticed(name: str) -> None:
    model = models.tiny_model(name)
    rows, _ = models.random_rows(model)
    key = "local_attention" if "local_attention" in models.FAMILIES[name][1] else "sliding_window"
    wide = models.tiny_model(name, **{key: 4 * models.LONGEST})
    reference = models.unbatched_rewards(model, rows)
    difference = np.abs(models.unbatched_rewards(wide, rows) - reference).max()
    assert difference > 1000 * bound(reference)


def test_soft_capping_that_is_left_out_would_be_noticed() -> None:
    capped = models.tiny_model("gemma2 with soft-capping")
    rows, _ = models.random_rows(capped)
    reference = models.unbatched_rewards(capped, rows)
    free = models.unbatched_rewards(models.tiny_model("gemma2"), rows)
    assert np.abs(free - reference).max() > 1000 * bound(reference)


@pytest.mark.parametrize("batch_tokens", [1, 700, 100_000])
def test_long_and_short_sequences_keep_their_own_rotary_frequencies(batch_tokens: int) -> None:
    # transformers picks LongRoPE's factors by the longest sequence of a batch, for all of it.
    model = models.tiny_model("phi3 with LongRoPE")
    rows, prompts = models.random_rows(model)
    reference = models.unbatched_rewards(model, rows)
    limit = model.config.rope_parameters["original_max_position_embeddings"]
    assert min(map(len, rows)) < limit < max(map(len, rows))
    got = rewards(executor(model, batch_tokens=batch_tokens), rows, prompts)
    assert np.abs(got - reference).max() <= bound(reference)


@pytest.mark.parametrize("path", ["shared", "packed", "padded"])
def test_the_last_token_is_scored_where_it_is_asked_for(path: str) -> None:
    model = models.tiny_model("llama")
    rows, prompts = models.random_rows(model)
    with torch.inference_mode():
        last = [
            model.score(model.model(torch.tensor([r.input_ids])).last_hidden_state[0, -1]).item()
            for r in rows
        ]
    got = rewards(executor(model, attention=path, position="last"), rows, prompts)
    np.testing.assert_allclose(got, last, rtol=0, atol=1e-5)
    assert np.abs(models.unbatched_rewards(model, rows) - last).max() > 0.1


@pytest.mark.parametrize("name", ["llama", "bert"])
def test_the_engine_keeps_the_order_and_runs_equal_sequences_once(name: str) -> None:
    model = models.tiny_model(name)
    rows, prompts = models.random_rows(model)
    reference = models.unbatched_rewards(model, rows)
    order = np.random.default_rng(1).integers(len(rows), size=3 * len(rows))
    engine = models.stub_engine(deepcopy(model))
    got = engine.score_rows([rows[i] for i in order], [prompts[i] for i in order])
    assert np.abs(got - reference[order]).max() <= bound(reference)
    assert engine.executor.tally.unique == len(np.unique(order)) < len(order)
    assert sum(s.rows for s in engine.shapes) == len(np.unique(order))


def in_bfloat16(model: Any) -> tuple[Any, Any]:
    """A copy in bfloat16, and one in float32 with the same, rounded weights.

    Buffers stay what they are, as in a model that is loaded in bfloat16.
    """
    half, full = deepcopy(model), deepcopy(model)
    for p, q in zip(half.parameters(), full.parameters(), strict=True):
        p.data = p.data.bfloat16()
        q.data = p.data.float()
    return half, full


@pytest.mark.parametrize("name", PACKABLE)
def test_bfloat16_errs_no_more_than_the_stock_model_does(
    name: str, record_property: Record
) -> None:
    half, full = in_bfloat16(models.tiny_model(name))
    rows: list[Encoded] = []
    prompts: list[int] = []
    for seed in range(3):
        some, answered = models.random_rows(full, seed)
        rows += some
        prompts += [100 * seed + p for p in answered]
    reference = models.unbatched_rewards(full, rows)
    stock = models.unbatched_rewards(half, rows)
    got = rewards(executor(half), rows, prompts)
    check_bfloat16(reference, stock, got, prompts, record_property)


def check_bfloat16(
    reference: Rewards, stock: Rewards, got: Rewards, prompts: list[int], record: Record
) -> None:
    """The largest and the root mean square error beside the stock model's own.

    Nor may more pairs change sides than in the stock model, but for two at chance.
    """
    error, allowed = (float(np.abs(s - reference).max()) for s in (got, stock))
    typical, typical_allowed = (float(np.sqrt(np.mean((s - reference) ** 2))) for s in (got, stock))
    sides = np.sign(margins(reference, prompts))
    flips, flips_allowed = (
        int((np.sign(margins(s, prompts)) != sides).sum()) for s in (got, stock)
    )
    record("largest_errors", (error, allowed))
    record("root_mean_square_errors", (typical, typical_allowed))
    record("pairs_that_change_sides", (flips, flips_allowed))
    assert allowed > 1e-4
    assert error <= 1.5 * allowed
    assert typical <= 1.25 * typical_allowed
    assert flips <= flips_allowed + 2


@pytest.mark.parametrize("name", ["llama", "qwen2 with windows", "bert"])
def test_the_head_runs_in_float32_in_a_bfloat16_model(name: str) -> None:
    half, _ = in_bfloat16(models.tiny_model(name))
    rows, prompts = models.random_rows(half)
    got = torch.tensor(rewards(executor(half), rows, prompts))
    assert got.std() > 0.1
    rounded = got.bfloat16().double()
    # The stock head's outputs all are bfloat16 numbers.
    assert (got != rounded).float().mean() > 0.8
    stock = torch.tensor(models.unbatched_rewards(half, rows))
    assert torch.equal(stock, stock.bfloat16().double())


@pytest.mark.parametrize(
    ("name", "path"), [("llama", "shared"), ("gemma2", "shared"), ("bert", "packed")]
)
def test_a_score_does_not_depend_on_its_batch(
    name: str, path: str, record_property: Record
) -> None:
    model = models.tiny_model(name)
    rows, prompts = models.random_rows(model)
    runner = executor(model, attention=path)
    alone = np.array([rewards(runner, [r], [0])[0] for r in rows])
    sides = np.sign(margins(alone, prompts))
    assert sides.all()
    seen = 0.0

    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.permutations(range(len(rows))),
        st.integers(1, len(rows)),
        st.integers(1, 4000),
        st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows)),
    )
    def check(order: list[int], n: int, batch_tokens: int, parts: list[int]) -> None:
        nonlocal seen
        members = order[:n]
        runner.batch_tokens = batch_tokens
        got = np.full(len(rows), np.nan)
        # One prompt's responses are grouped at random: its key has a random part.
        got[members] = rewards(
            runner, [rows[i] for i in members], [10 * prompts[i] + parts[i] for i in members]
        )
        seen = max(seen, float(np.nanmax(np.abs(got - alone))))
        assert seen <= bound(alone)
        now = np.sign(margins(got, prompts))
        assert ((now == sides) | np.isnan(now)).all()

    check()
    record_property("largest_difference", seen)
    assert 0 < seen <= bound(alone)


def real_scorer(folder: Path, dtype: str) -> HFScorer:
    scorer = create_scorer(
        parse_scorer(str(folder), {"max_length": 512}),
        RunOptions(device="cpu", dtype=dtype, progress=False),
    )
    assert isinstance(scorer, HFScorer)
    return scorer


def real_rows(scorer: HFScorer, shared_data: Path) -> tuple[list[Encoded], list[int]]:
    examples = load_preferences(str(shared_data / "hh_rlhf" / "heldout.jsonl.gz"))
    items = conversations(examples[:24])
    rows = scorer.engine.encoder.encode(items)
    return rows, [int(k) for k in np.unique([c.example_id for c in items], return_inverse=True)[1]]


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["smollm2_folder", "minilm_folder"])
def test_real_models_in_float32(
    folder: str, shared_data: Path, request: pytest.FixtureRequest, record_property: Record
) -> None:
    path: Path = request.getfixturevalue(folder)
    scorer = real_scorer(path, "float32")
    rows, prompts = real_rows(scorer, shared_data)
    model = AutoModelForSequenceClassification.from_pretrained(path, dtype=torch.float32).eval()
    reference = models.unbatched_rewards(model, rows)
    got = scorer.engine.score_rows(rows, prompts)
    difference = float(np.abs(got - reference).max())
    record_property("reference_std", float(reference.std()))
    record_property("largest_difference", difference)
    assert reference.std() > 0.01
    assert difference <= bound(reference)
    assert (np.sign(margins(got, prompts)) == np.sign(margins(reference, prompts))).all()


@pytest.mark.slow
def test_a_real_decoder_in_bfloat16(
    smollm2_folder: Path, shared_data: Path, record_property: Record
) -> None:
    scorer = real_scorer(smollm2_folder, "bfloat16")
    rows, prompts = real_rows(scorer, shared_data)
    stock = AutoModelForSequenceClassification.from_pretrained(
        smollm2_folder, dtype=torch.bfloat16
    ).eval()
    full = deepcopy(stock).float()
    check_bfloat16(
        models.unbatched_rewards(full, rows),
        models.unbatched_rewards(stock, rows),
        scorer.engine.score_rows(rows, prompts),
        prompts,
        record_property,
    )
