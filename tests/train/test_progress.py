from __future__ import annotations

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from rmbench.train.progress import ProgressLines, metric_line


def test_lines_hold_the_metrics_of_training_evaluation_and_the_end() -> None:
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
    end = {"train_loss": 0.65, "train_runtime": 99.0, "train_samples_per_second": 6.26}
    assert metric_line(end, step=150, max_steps=150) == (
        "step 150/150   mean loss 0.6500   trained in 99 s   6.3 pairs/s"
    )
    assert metric_line({"epoch": 1.0}, step=1, max_steps=2) == ""


def test_lines_and_bar_leave_standard_output_alone(
    capsys: pytest.CaptureFixture[str], tmp_path
) -> None:
    lines = ProgressLines()
    args = TrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    state, control = TrainerState(max_steps=2), TrainerControl()
    lines.on_train_begin(args, state, control)
    lines.on_log(args, state, control, logs={"loss": 0.5, "accuracy": 1.0, "margin": 1.0})
    lines.on_train_end(args, state, control)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "loss 0.5000   accuracy 1.000" in captured.err
