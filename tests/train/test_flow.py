from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from rmbench.train.flow import Interruption, RunComplete, RunFlow
from rmbench.train.processes import Processes
from rmbench.train.selection import best_evaluation, evaluations_since_best, mean_loss


@pytest.fixture
def args(tmp_path: Path) -> TrainingArguments:
    return TrainingArguments(output_dir=str(tmp_path), use_cpu=True, save_steps=7)


def log(*losses: float, every: int = 10) -> list[dict[str, Any]]:
    return [{"step": every * i, "eval_loss": x} for i, x in enumerate(losses, start=1)]


def test_the_best_evaluation_is_the_earliest_of_the_lowest() -> None:
    history = [{"step": 1, "loss": 0.1}, *log(0.7, 0.5, 0.6, 0.5)]
    best = best_evaluation(history)
    assert best is not None
    assert (best.step, best.loss) == (20, 0.5)
    assert evaluations_since_best(history) == 2
    assert best_evaluation([]) is None
    assert evaluations_since_best([]) == 0


def test_the_mean_loss_weighs_lines_by_their_steps() -> None:
    history = [{"step": 4, "loss": 0.7}, *log(0.1, every=4), {"step": 5, "loss": 0.2}]
    assert mean_loss(history) == pytest.approx((4 * 0.7 + 0.2) / 5)
    assert mean_loss([]) == 0.0


def evaluate(flow: RunFlow, args: TrainingArguments, losses: Sequence[float]) -> TrainerControl:
    state, control = TrainerState(max_steps=100), TrainerControl()
    flow.on_train_begin(args, state, control)
    for i in range(1, len(losses) + 1):
        state.global_step = 10 * i
        state.log_history = log(*losses[:i])
        control = TrainerControl()
        flow.on_evaluate(args, state, control)
    return control


@pytest.mark.parametrize(
    ("losses", "stops", "saves"),
    [
        ((0.7,), False, True),
        ((0.7, 0.6), False, True),
        ((0.7, 0.6, 0.65), False, False),
        ((0.7, 0.6, 0.65, 0.6), True, False),
        ((0.7, 0.6, 0.65, 0.59), False, True),
    ],
)
def test_patience_ends_a_run_and_the_best_is_saved(
    args: TrainingArguments, losses: tuple[float, ...], stops: bool, saves: bool
) -> None:
    flow = RunFlow(Processes(), Interruption(announces=False), keep_best=True, early_stopping=2)
    control = evaluate(flow, args, losses)
    assert (control.should_training_stop, control.should_save) == (stops, saves)
    assert flow.stopped_early == stops


def test_without_being_asked_evaluations_choose_nothing(args: TrainingArguments) -> None:
    flow = RunFlow(Processes(), Interruption(announces=False))
    control = evaluate(flow, args, (0.7, 0.6, 0.8, 0.9, 1.0))
    assert (control.should_training_stop, control.should_save) == (False, False)


@pytest.mark.parametrize(
    ("step", "history", "complete"),
    [(100, [], True), (99, [], False), (30, log(0.5, 0.6, 0.7), True), (20, log(0.5, 0.6), False)],
)
def test_a_run_that_is_over_takes_no_further_step(
    args: TrainingArguments, step: int, history: list[dict[str, Any]], complete: bool
) -> None:
    flow = RunFlow(Processes(), Interruption(announces=False), early_stopping=2)
    state = TrainerState(max_steps=100, global_step=step, log_history=history)
    if complete:
        with pytest.raises(RunComplete):
            flow.on_train_begin(args, state, TrainerControl())
    else:
        flow.on_train_begin(args, state, TrainerControl())
        assert state.save_steps == 7


def test_a_signal_asks_for_an_orderly_end_and_the_next_ends_at_once(
    args: TrainingArguments, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGINT)
    interruption = Interruption(announces=True)
    flow = RunFlow(Processes(), interruption)
    state = TrainerState(max_steps=100, global_step=1)
    with interruption.heard():
        control = TrainerControl()
        flow.on_step_end(args, state, control)
        assert not control.should_training_stop
        os.kill(os.getpid(), signal.SIGINT)
        flow.on_step_end(args, state, control)
        assert control.should_training_stop
        assert control.should_save
        assert control.should_log
        assert flow.interrupted
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    assert interruption.asked == signal.SIGINT
    assert "saving a checkpoint" in capsys.readouterr().err


def test_interrupted_in_the_last_step_is_not_interrupted(args: TrainingArguments) -> None:
    interruption = Interruption(announces=False)
    interruption.asked = signal.SIGTERM
    flow = RunFlow(Processes(), interruption)
    control = TrainerControl(should_training_stop=True)
    flow.on_step_end(args, SimpleNamespace(global_step=9), control)
    assert not flow.interrupted
    assert not control.should_save
