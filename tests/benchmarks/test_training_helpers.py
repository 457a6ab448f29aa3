"""The training benchmark's own parts; these run with the other tests."""

from __future__ import annotations

import os
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import models
import numpy as np
import pytest

from benchmarks import write_docs
from benchmarks.interleave import Rates
from benchmarks.training import (
    WARM_UP_STEPS,
    ArmResult,
    Done,
    Ready,
    Stepped,
    TrainingArm,
    TrainingComparison,
    TrainingTask,
    train_in_turns,
)
from benchmarks.training_facts import training_facts
from benchmarks.training_tasks import DRAWN_BATCHES, drawn_batches, with_warm_up
from benchmarks.training_worker import work
from rmbench.train.pairs import EncodedExample, EncodedText

STEPS = WARM_UP_STEPS + 2


def example(i: int, *lengths: int, vocabulary: int = 60) -> EncodedExample:
    rng = np.random.default_rng(i)
    prompt = rng.integers(8, vocabulary, 5)
    texts = [
        EncodedText(np.concatenate([prompt, rng.integers(8, vocabulary, n - 5)]).astype(np.int32))
        for n in lengths
    ]
    return EncodedExample(f"e{i}", (texts[0],), (texts[1],))


def task(model: str = "none", steps: int = STEPS) -> TrainingTask:
    examples = tuple(example(i, 7 + i % 5, 9 + i % 3) for i in range(2 * steps))
    return TrainingTask("tiny", "a tiny model", model, examples, 2, bf16=False)


def pretend(task: TrainingTask, arm: TrainingArm, connection: Connection) -> None:
    """Writes down when it works; its losses are the steps' numbers."""
    log = Path(arm.arguments["log"])
    connection.send(Ready((10,) * task.steps, (1e9,) * task.steps, None))
    for step in range(task.steps):
        connection.recv()
        with log.open("a") as file:
            file.write(f"{arm.name}{step} {time.time()} ")
        if arm.arguments.get("fails_in") == step:
            raise ValueError("no more")
        if arm.arguments.get("dies_in") == step:
            os._exit(9)
        connection.send(Stepped(0.5 + step, float(step)))
    connection.recv()
    connection.send(Done(1000))


def arm(name: str, log: Path, **more: Any) -> TrainingArm:
    return TrainingArm(name, f"by {name}", "trl", {"log": str(log), **more})


def test_trainers_take_turns_and_another_begins_each(tmp_path: Path) -> None:
    log = tmp_path / "log"
    found = train_in_turns(task(), [arm(n, log) for n in "abc"], pretend, start="fork")
    order = [word for word in log.read_text().split() if not word[0].isdigit()]
    assert order[:6] == ["a0", "b0", "c0", "b1", "c1", "a1"]
    assert sorted(order) == sorted(f"{n}{s}" for n in "abc" for s in range(STEPS))
    result = found.results["b"]
    assert result.losses == tuple(map(float, range(STEPS)))
    assert result.timed_s == (4.5, 5.5)
    assert result.peak_memory_bytes == 1000
    assert result.flops_per_s == pytest.approx(2e9 / 10)


@pytest.mark.parametrize(
    ("more", "message"), [({"fails_in": 1}, "ValueError: no more"), ({"dies_in": 1}, "code 9")]
)
def test_a_trainer_that_fails_is_named(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    arms = [arm("a", tmp_path / "log"), arm("b", tmp_path / "log", **more)]
    with pytest.raises(RuntimeError, match=rf"(?s)^b: *.*{message}"):
        train_in_turns(task(), arms, pretend, start="fork")


def test_without_timed_steps_nothing_begins() -> None:
    with pytest.raises(ValueError, match="leave none to time"):
        train_in_turns(task(steps=WARM_UP_STEPS), [], pretend)


@pytest.mark.slow
def test_the_trainers_learn_the_same_in_their_processes(tmp_path: Path) -> None:
    folder = models.tiny_llama(tmp_path / "llama")
    arms = [
        TrainingArm("ours", "", "ours"),
        TrainingArm("trl", "", "trl"),
        TrainingArm("trl-defaults", "", "trl", {"activation_checkpointing": True}),
        TrainingArm("pairs", "", "trl", {
            "per_device_train_batch_size": 1, "gradient_accumulation_steps": 2,
        }),
    ]  # fmt: skip
    found = train_in_turns(task(str(folder)), arms, work)
    lengths = found.task.step_lengths(WARM_UP_STEPS)
    for a in arms:
        result = found.results[a.name]
        assert found.loss_gap(a.name, "ours") < 1e-5
        assert min(result.step_s) > 0
        assert 5e7 < result.peak_memory_bytes < 2e10
    plans = {name: r.plan.step_tokens[WARM_UP_STEPS] for name, r in found.results.items()}
    assert plans["trl"] == 4 * lengths.max()
    assert plans["pairs"] == 2 * lengths.max(axis=1).sum()
    assert plans["ours"] < lengths.sum()  # both answers begin with the prompt
    assert len(set(found.results["ours"].losses)) == STEPS


def test_drawn_batches_stand_for_the_set() -> None:
    rng = np.random.default_rng(1)
    examples = [example(i, int(n), 8) for i, n in enumerate(rng.integers(8, 400, 1200))]
    everything = np.mean([max(e.longest for e in examples[i : i + 8]) for i in range(0, 1200, 8)])
    batches = drawn_batches(examples, 5)
    assert batches == drawn_batches(examples, 5)
    assert [len(b) for b in batches] == [8] * 5
    longest = [max(e.longest for e in b) for b in batches]
    assert np.mean(longest) == pytest.approx(everything, rel=0.05)
    assert len({e.id for b in batches for e in b}) == 40
    with pytest.raises(ValueError, match="larger than population"):
        drawn_batches(examples[: DRAWN_BATCHES * 8 - 1], 5)


def test_the_warm_up_is_short() -> None:
    examples = [example(i, 8 + (i * 7) % 50, 8) for i in range(50)]
    found = with_warm_up([examples[:2], examples[2:4]], examples)
    assert found[-4:] == tuple(examples[:4])
    warm_up = found[:-4]
    assert len(warm_up) == 2 * WARM_UP_STEPS
    assert max(e.longest for e in warm_up) <= 16


def comparison() -> TrainingComparison:
    def result(name: str, step_s: tuple[float, float], memory: int, loss: float) -> ArmResult:
        plan = Ready((20,) * STEPS, (1e9,) * STEPS, 1e10)
        losses = (*(0.7,) * (STEPS - 1), loss)
        steps = (*(9.0,) * WARM_UP_STEPS, *step_s)
        return ArmResult(TrainingArm(name, f"by {name}", "trl"), steps, losses, memory, plan)

    results = {
        "ours": result("ours", (1.0, 3.0), 2 * 10**9, 0.6),
        "trl": result("trl", (4.0, 6.0), 3 * 10**9, 0.6001),
    }
    return TrainingComparison(task(), results, Rates(2e9, 1e9))


def test_ratios_are_of_all_steps_with_the_range_of_a_step() -> None:
    found = comparison()
    ratio = found.results["trl"].times(found.results["ours"])
    assert (ratio.median, ratio.low, ratio.high) == (2.5, 2.0, 4.0)


def test_tables_are_put_between_their_markers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "performance.md"
    page.write_text("top\n<!-- bench:train-cpu -->\nold\n<!-- /bench:train-cpu -->\nend\n")
    monkeypatch.setattr(write_docs, "PAGE", page)
    found = comparison()
    benchmarks = [
        {
            "group": "tiny float32",
            "extra_info": training_facts(found, name) | {"small": False},
            "stats": {"data": list(found.results[name].timed_s)},
        }
        for name in found.results
    ]
    packages = dict.fromkeys(write_docs.PACKAGES, "1.0")
    report = {
        "datetime": "2026-01-02T03:04:05",
        "commit_info": {"id": "0123456789abcdef", "dirty": False},
        "machine_info": {
            "rmbench": {"cpu": "CPU", "device": None, "threads": 2, "packages": packages}
        },
        "benchmarks": benchmarks,
    }
    (body,) = write_docs.sections(report).values()
    assert "### a tiny model, 2 pairs a step, float32" in body
    assert "4 pairs in 2 timed steps" in body
    assert "2 GFLOP/s before, 1 after" in body
    rows = [line for line in body.splitlines() if line.startswith("| by")]
    assert rows == [
        "| by ours | 40 | 1.00 | 1 | 2.0 GB | 25% | – | 5% |",
        "| by trl | 40 | 0.40 | 2.50 [2.00, 4.00] | 3.0 GB | 10% | 1e-04 | 2% |",
    ]
    text = write_docs.put_between(page.read_text(), "train-cpu", body)
    assert text.startswith("top\n<!-- bench:train-cpu -->\nCPU, 2 threads; torch 1.0")
    assert text.endswith("<!-- /bench:train-cpu -->\nend\n")
