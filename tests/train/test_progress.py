from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from rmbench.train.flow import StepClock
from rmbench.train.progress import ProgressLines, duration, metric_line


def test_lines_hold_the_metrics_of_training_and_evaluation() -> None:
    train = {
        "loss": 0.69312,
        "accuracy": 0.5,
        "margin": -0.01,
        "grad_norm": 1.234,
        "learning_rate": 2e-5,
        "epoch": 0.128,
    }
    assert metric_line(train, step=10, max_steps=150) == (
        "step  10/150   loss 0.6931   accuracy 0.500   margin -0.010"
        "   gradient norm 1.23   lr 2.0e-05   epoch 0.13"
    )
    held_out = {"eval_loss": 0.6, "eval_accuracy": 0.7, "eval_margin": 0.2, "eval_runtime": 12.3}
    assert metric_line(held_out, step=150, max_steps=150) == (
        "step 150/150   held-out loss 0.6000   accuracy 0.700   margin +0.200   in 12 s"
    )
    assert metric_line({"epoch": 1.0}, step=1, max_steps=2) == ""
    assert metric_line({"train_runtime": 99.0, "train_loss": 0.6}, step=1, max_steps=2) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (3599, "59 min 59 s"), (86400, "24 h 00 min")],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


class Clock:
    """Time as the test says it is."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("rmbench.train.flow.time", clock)
    return clock


def test_speed_and_time_left_are_those_of_steps_alone(
    clock: Clock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = StepClock()
    lines = ProgressLines(steps, pairs_per_step=8)
    args = TrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    state, control = TrainerState(max_steps=6), TrainerControl()

    def call(event: str, **kwargs: Any) -> None:
        for callback in (steps, lines):
            getattr(callback, event)(args, state, control, **kwargs)

    call("on_train_begin")
    for took in (2.0, 2.0, 1.0, 1.0):
        control.should_evaluate = control.should_save = False
        call("on_step_begin")
        clock.now += took
        state.global_step += 1
        control.should_evaluate = state.global_step == 2
        call("on_step_end")
        if state.global_step % 2 == 0:
            call("on_log", logs={"loss": 0.5, "accuracy": 1.0, "margin": 1.0})
        if control.should_evaluate:
            clock.now += 1000.0
    call("on_train_end")
    call("on_log", logs={"eval_loss": 0.5})
    assert steps.trained_s == 6.0
    captured = capsys.readouterr()
    assert captured.out == ""
    shown = captured.err.strip().splitlines()
    # 2 steps of 8 pairs in 4 s, the other 4 at 2 s each; then 2 in 2 s, and 2 at 1.5 s are left.
    assert shown[0].endswith("margin +1.000   4.0 pairs/s   8 s left")
    assert shown[1].endswith("margin +1.000   8.0 pairs/s   3 s left")
    # What is measured after the last step is in the summary.
    assert len(shown) == 2
