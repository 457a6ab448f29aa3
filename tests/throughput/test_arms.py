"""Every arm scores what the engine's own path scores, in the batches it is named for."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, get_args

import models
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rmbench.engine import execute
from rmbench.engine.encode import Encoded
from rmbench.errors import SpecError
from rmbench.resources import builtin_suites
from rmbench.spec import Arm, ThroughputSuite, load_suite
from rmbench.throughput import passes
from rmbench.throughput.arms import arm_obstacle, arranged, data_order, own_arm
from rmbench.throughput.measure import ThroughputMeasurement, measure_throughput
from rmbench.throughput.passes import Passes
from rmbench.throughput.workload import build_workload
from rmbench.types import Conversation, conversations

ARMS = get_args(Arm)


@pytest.fixture(autouse=True)
def quick_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device's rate, slower before the passes than after them, without its products."""
    rates = iter([1e11, 2e11] * 9)
    monkeypatch.setattr("rmbench.throughput.measure.matmul_rate", lambda *_: next(rates))


def suite(**settings: Any) -> ThroughputSuite:
    return ThroughputSuite(
        **{
            "kind": "throughput", "name": "quick", "version": "1", "title": "t",
            "description": "d", "prompts": 21, "prompt_words": (5, 60),
            "response_words": (3, 70), "warmup_passes": 1, "passes": 3, "arms": ARMS, **settings,
        }
    )  # fmt: skip


def encode(model: Any) -> Any:
    """Words become token ids, the prompt's first; of two token types where a model has them."""
    typed = getattr(model.config, "type_vocab_size", 0) == 2

    def ids(text: str) -> tuple[int, ...]:
        return tuple(4 + random.Random(w).randrange(models.VOCABULARY - 4) for w in text.split())  # noqa: S311 - ids, not secrets

    def encoded(c: Conversation) -> Encoded:
        prompt, response = ids(c.prompt[0].content), ids(c.response)
        types = (0,) * len(prompt) + (1,) * len(response) if typed else None
        return Encoded(prompt + response, types)

    return lambda items: [encoded(c) for c in items]


def engine_of(name: str, **settings: Any) -> Any:
    model = models.tiny_model(name, **settings)
    engine = models.stub_engine(model, encode(model))
    engine.executor.batch_tokens = 700
    return engine


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("name", ["llama", "gemma3_text", "bert", "roberta", "modernbert"])
def test_an_arm_computes_the_scores_of_the_unbatched_forward(name: str, arm: Arm) -> None:
    engine = engine_of(name)
    items = conversations(build_workload(suite()))
    own = engine.score(items)
    rows = engine.encoder.encode(items)
    if arm_obstacle(engine, arm) is not None:
        assert arm == "packed + shared"
        assert name in models.ENCODERS
        return
    with arranged(engine, arm) as score:
        got = score(items)
        shapes = engine.shapes
    bound = 1e-5 * max(1.0, own.reward.std())
    reference = models.unbatched_rewards(models.tiny_model(name), rows)
    assert np.abs(got.reward - reference).max() <= bound
    assert np.abs(got.reward - own.reward).max() <= bound
    assert got.n_tokens.tolist() == own.n_tokens.tolist() == [len(r) for r in rows]
    assert sum(s.rows for s in shapes) == len(rows)
    assert sum(s.useful_tokens for s in shapes) == got.n_tokens.sum()
    # And the engine is what it was.
    assert engine.executor.batch_tokens == 700
    again = engine.score(items)
    assert again.reward.tolist() == own.reward.tolist()
    assert own_arm(engine) == ("packed + shared" if name in models.DECODERS else "packed")


def test_arms_make_the_batches_they_are_named_for() -> None:
    engine = engine_of("llama")
    items = conversations(build_workload(suite()))
    lengths = [len(r) for r in engine.encoder.encode(items)]
    batches: dict[str, Any] = {}
    for arm in ARMS:
        with arranged(engine, arm) as score:
            score(items)
            batches[arm] = engine.shapes
    assert sorted(s.tokens for s in batches["unbatched"]) == sorted(lengths)
    # 21 pairs: 16 chosen, 16 rejected, 5 chosen, 5 rejected, each as long as its longest.
    blocks = [lengths[0:32:2], lengths[1:32:2], lengths[32::2], lengths[33::2]]
    assert [(s.rows, s.tokens) for s in batches["unsorted padded"]] == [
        (len(b), len(b) * max(b)) for b in blocks
    ]
    assert all(s.tokens <= 700 or s.rows == 1 for s in batches["sorted padded"])
    tokens = {arm: sum(s.tokens for s in shapes) for arm, shapes in batches.items()}
    assert tokens["unbatched"] == tokens["packed"] == sum(lengths)
    assert tokens["packed + shared"] < tokens["packed"] < tokens["sorted padded"]
    assert tokens["sorted padded"] < tokens["unsorted padded"]


@given(st.integers(0, 100), st.integers(1, 40))
def test_data_order_takes_every_response_once_and_sides_apart(pairs: int, batch: int) -> None:
    found = list(data_order(pairs, batch))
    assert sorted(i for b in found for i in b) == list(range(2 * pairs))
    assert all(len(b) <= batch for b in found)
    for chosen, rejected in zip(found[::2], found[1::2], strict=True):
        assert [i % 2 for i in chosen] == [0] * len(chosen)
        assert rejected == [i + 1 for i in chosen]


@pytest.mark.parametrize(
    ("error", "fails", "expected"),
    [
        (torch.OutOfMemoryError("no room"), 16, {"unsorted padded": "memory ran out"}),
        (
            RuntimeError("no such kernel"),
            2,
            dict.fromkeys(("unsorted padded", "sorted padded"), "no such kernel"),
        ),
    ],
)
def test_an_arm_that_fails_says_why_and_leaves_the_engine_alone(
    error: Exception, fails: int, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = execute.forward_padded

    def limited(model: Any, rows: Any, **options: Any) -> torch.Tensor:
        if len(rows) >= fails:
            raise error
        return real(model, rows, **options)

    monkeypatch.setattr(execute, "forward_padded", limited)
    engine = engine_of("llama")
    measured = measure_throughput(engine, suite(warmup_passes=0, passes=1), progress=False)
    found = reasons(measured)
    assert set(found) == set(expected)
    assert all(expected[arm] in found[arm] for arm in expected)
    assert found["unsorted padded"] == measured.facts["arms"]["unsorted padded"]["not timed"]
    assert engine.executor.batch_tokens == 700
    assert engine.capability.path == "shared"
    assert value(measured, "relative_time", "unbatched") is not None


def reasons(measured: ThroughputMeasurement) -> dict[str, str]:
    return {
        e.subset: e.reason
        for e in measured.estimates
        if e.metric == "relative_time" and e.subset is not None and e.reason is not None
    }


def value(measured: ThroughputMeasurement, metric: str, subset: str | None = None) -> float | None:
    (found,) = [e for e in measured.estimates if (e.metric, e.subset) == (metric, subset)]
    return found.value


def test_arms_that_are_closed_to_a_model_are_named_with_the_reason() -> None:
    encoder = measure_throughput(engine_of("bert"), suite(passes=1), progress=False)
    assert list(reasons(encoder)) == ["packed + shared"]
    assert "every prompt token attends to the response" in reasons(encoder)["packed + shared"]
    assert value(encoder, "pairs_per_s", "packed + shared") is None
    padded = measure_throughput(
        engine_of("gemma2 with soft-capping"), suite(passes=1), progress=False
    )
    assert padded.facts["own_arm"] == "sorted padded"
    assert set(reasons(padded)) == {"packed", "packed + shared"}
    assert set(reasons(padded).values()) == {"its attention scores are soft-capped"}


def test_compiled_batches_are_packed_ones() -> None:
    model = models.tiny_model("llama")
    engine = models.stub_engine(model, encode(model))
    object.__setattr__(engine.options, "compiled", True)
    obstacles = {arm: arm_obstacle(engine, arm) for arm in ARMS}
    assert [arm for arm, found in obstacles.items() if found is None] == [
        "packed",
        "packed + shared",
    ]
    assert obstacles["unbatched"] == "--compile runs packed batches only"


def test_no_arms_are_no_arms() -> None:
    measured = measure_throughput(engine_of("llama"), suite(arms=()), progress=False)
    assert {e.subset for e in measured.estimates} == {None}
    assert measured.facts["arms"] == {}


class Clock:
    """A clock that stands still but for what a pass is said to take."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


def timed_by(
    monkeypatch: pytest.MonkeyPatch, engine: Any, seconds: dict[str, Any]
) -> list[tuple[str, int]]:
    """Have passes take the given seconds; gives the order in which they ran, and their size.

    A value of a list holds one time after the other.
    """
    clock, ran = Clock(), []
    monkeypatch.setattr(passes, "time", clock)
    real = passes.arranged
    path: list[str] = ["own"]
    score = engine.score

    class named:  # noqa: N801 - stands for a function
        def __init__(self, engine: Any, arm: str) -> None:
            self.arm, self.real = arm, real(engine, arm)

        def __enter__(self) -> Any:
            path.append(self.arm)
            inner = self.real.__enter__()
            return (lambda items: run(inner, items)) if self.arm == "unsorted padded" else inner

        def __exit__(self, *error: Any) -> Any:
            path.pop()
            return self.real.__exit__(*error)

    def run(how: Any, items: Any) -> Any:
        batch = how(items)
        ran.append((path[-1], len(items)))
        took = seconds[path[-1]]
        clock.now += took.pop(0) if isinstance(took, list) else took
        return batch

    monkeypatch.setattr(passes, "arranged", named)
    monkeypatch.setattr(engine, "score", lambda items: run(score, items))
    return ran


def test_arms_take_turns_and_slow_ones_take_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of("llama")
    seconds = {"own": 1.0, "unbatched": 5.0, "packed": 2.0}
    ran = timed_by(monkeypatch, engine, seconds)
    measured = measure_throughput(
        engine,
        suite(passes=6, arm_passes=2, arms_s=18, arms=("unbatched", "packed", "packed + shared")),
        progress=False,
    )
    warm_up = [("own", 42), ("unbatched", 10), ("packed", 10)]
    both = [("own", 42), ("unbatched", 42), ("packed", 42)]
    # Nine seconds each: the slow arm has two passes because two it must have, the other four.
    assert ran == warm_up + 2 * both + 2 * [("own", 42), ("packed", 42)] + 2 * [("own", 42)]
    assert measured.facts["arms"]["unbatched"]["turns"] == [0, 1]
    assert measured.facts["arms"]["packed"]["turns"] == [0, 1, 2, 3]


def test_figures_are_those_of_the_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of("llama")
    # The first of each is the warm-up.
    own, other = [9.0, 1.0, 2.0, 4.0], [9.0, 3.0, 5.0, 16.0]
    timed_by(monkeypatch, engine, {"own": own[:], "unbatched": other[:]})
    measured = measure_throughput(engine, suite(arms=("unbatched",), arms_s=999), progress=False)
    estimates = {(e.metric, e.subset): e for e in measured.estimates}
    ratio = estimates["relative_time", "unbatched"]
    # Within the turns: 3, 2.5, 4.
    assert (ratio.value, ratio.ci_low, ratio.ci_high, ratio.n) == (3.0, 2.5, 4.0, 3)
    pairs = estimates["pairs_per_s", "unbatched"]
    assert (pairs.value, pairs.ci_low, pairs.ci_high) == (21 / 5, 21 / 16, 21 / 3)
    assert estimates["pairs_per_s", None].value == 21 / 2
    facts = measured.facts
    assert facts["pass_s"] == own[1:]
    assert facts["arms"]["unbatched"]["pass_s"] == other[1:]
    assert facts["matmul_flops_per_s"] == {"before": 1e11, "after": 2e11}
    rate = estimates["matmul_flops_per_s", None].value
    assert rate == 2e11
    for subset, seconds, of in ((None, 2.0, facts), ("unbatched", 5.0, facts["arms"]["unbatched"])):
        flops = of["executed_flops_per_pass"]
        tokens = of["useful_tokens_per_pass"]
        assert estimates["tokens_per_s", subset].value == tokens / seconds
        assert estimates["model_flops_per_s", subset].value == flops / seconds
        assert estimates["matmul_fraction", subset].value == flops / rate / seconds
        assert estimates["padding_fraction", subset].value == 0
        useful = facts["arms"]["unbatched"]["executed_flops_per_pass"]
        assert estimates["useful_flops_per_s", subset].value == useful / seconds
        assert estimates["effective_matmul_fraction", subset].value == useful / rate / seconds
    assert estimates["mfu", None].value is None
    assert "no published float32 peak" in (estimates["effective_mfu", None].reason or "")
    assert ("mfu", "unbatched") not in estimates


def test_a_known_peak_gives_mfu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rmbench.throughput.measure.peak_rate", lambda *_: 1e12)
    engine = engine_of("llama")
    timed_by(monkeypatch, engine, {"own": 2.0, "packed": 4.0})
    measured = measure_throughput(engine, suite(arms=("packed",)), progress=False)
    flops = measured.facts["executed_flops_per_pass"]
    assert value(measured, "mfu") == flops / 1e12 / 2
    packed = measured.facts["arms"]["packed"]["executed_flops_per_pass"]
    assert value(measured, "mfu", "packed") == packed / 1e12 / 4
    effective = value(measured, "effective_mfu")
    assert effective is not None
    assert effective == 2 * (value(measured, "effective_mfu", "packed") or 0) > flops / 1e12 / 2


def test_costs_that_are_not_known_are_said() -> None:
    engine = engine_of("llama")
    object.__setattr__(engine.model.config, "num_experts", 8)
    measured = measure_throughput(engine, suite(passes=1), progress=False)
    (found,) = [
        e for e in measured.estimates if (e.metric, e.subset) == ("model_flops_per_s", None)
    ]
    assert found.value is None
    assert found.reason is not None
    assert "mixture of experts" in found.reason
    assert value(measured, "pairs_per_s", "packed") is not None
    assert "executed_flops_per_pass" not in measured.facts


def test_the_record_is_that_of_the_models_own_path() -> None:
    engine = engine_of("llama")
    measured = measure_throughput(engine, suite(), progress=False)
    record = engine.provenance()
    assert (record.path, record.padding_tokens) == ("shared", 0)
    assert record.executed_tokens == measured.facts["executed_tokens_per_pass"]
    assert record.batch_tokens == 700


def test_every_arm_of_a_measurement_agrees_with_the_own_path() -> None:
    for name in ("llama", "bert"):
        measured = measure_throughput(engine_of(name), suite(passes=1), progress=False)
        differences = {
            e.subset: e.value for e in measured.estimates if e.metric == "score_difference_sd"
        }
        assert set(differences) == set(ARMS) - set(reasons(measured))
        assert differences.pop(measured.facts["own_arm"]) == 0
        assert all(0 < v < 2e-5 for v in differences.values() if v is not None)
        assert None not in differences.values()


def test_an_arm_that_computes_something_else_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    real = execute.forward_padded
    monkeypatch.setattr(execute, "forward_padded", lambda *a, **k: real(*a, **k) + 0.5)
    measured = measure_throughput(engine_of("llama"), suite(passes=1), progress=False)
    differences = {
        e.subset: e.value for e in measured.estimates if e.metric == "score_difference_sd"
    }
    assert all(
        (differences[arm] or 0) > 0.1 for arm in ("unbatched", "unsorted padded", "sorted padded")
    )
    assert (differences["packed"] or 0) < 1e-4


def test_rewards_that_are_all_alike_have_no_spread() -> None:
    engine = engine_of("llama")
    engine.model.score.weight.data.zero_()
    measured = measure_throughput(engine, suite(passes=1), progress=False)
    found = {e.subset: e.reason for e in measured.estimates if e.metric == "score_difference_sd"}
    assert set(found.values()) == {"all rewards are equal"}


def test_times_are_taken_within_a_turn() -> None:
    assert Passes({1: 6.0, 2: 5.0}).times(Passes({0: 1.0, 1: 3.0, 2: 1.0})) == [2.0, 5.0]


def test_the_built_in_suite_has_every_arm() -> None:
    built_in = load_suite(builtin_suites()["throughput"])
    assert isinstance(built_in, ThroughputSuite)
    assert built_in.arms == ARMS


HEAD = (
    'kind = "throughput"\nname = "mine"\nversion = "1"\ntitle = "t"\ndescription = "d"\n'
    "prompts = 2\nprompt_words = [1, 2]\nresponse_words = [1, 2]\nwarmup_passes = 0\npasses = 1\n"
)


def test_a_suite_names_its_arms(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    for line, arms in (("", ()), ("arms = []", ()), ('arms = ["packed"]', ("packed",))):
        path.write_text(HEAD + line)
        loaded = load_suite(path)
        assert isinstance(loaded, ThroughputSuite)
        assert loaded.arms == arms
    for line, message in (
        ('arms = ["packed", "unbatched", "packed"]', "'packed' is named twice"),
        ('arms = ["padded"]', r"arms\.0': 'padded' is none of 'unbatched', 'unsorted padded'"),
        ("arm_passes = 0", "arm_passes"),
    ):
        path.write_text(HEAD + line)
        with pytest.raises(SpecError, match=message):
            load_suite(path)
