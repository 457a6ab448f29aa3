"""What a training run shows on standard error: a bar, and one line per set of metrics."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import transformers
from tqdm import tqdm
from transformers import ProgressCallback, TrainerControl, TrainerState, TrainingArguments


class ProgressLines(ProgressCallback):
    """The Trainer's progress bar, with readable lines in place of printed dictionaries.

    Everything goes to standard error: standard output belongs to ``--json``.
    """

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Write one line of metrics above the bar."""
        line = metric_line(logs or {}, step=state.global_step, max_steps=state.max_steps)
        if line and state.is_world_process_zero:
            say(line)


@contextmanager
def library_bars_hidden() -> Iterator[None]:
    """Hold back the bars that transformers shows for every file it writes."""
    shown = transformers.logging.is_progress_bar_enabled()
    transformers.logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers.logging.enable_progress_bar()


def say(line: str) -> None:
    """Write a line to standard error without tearing a progress bar that is there."""
    tqdm.write(line, file=sys.stderr)


def metric_line(logs: Mapping[str, float], *, step: int, max_steps: int) -> str:
    """One line for what the Trainer logs; empty for what is no set of metrics.

    >>> metric_line({"loss": 0.6931, "accuracy": 0.5, "margin": 0.01}, step=5, max_steps=50)
    'step  5/50   loss 0.6931   accuracy 0.500   margin +0.010'
    >>> metric_line({"eval_loss": 0.61, "eval_accuracy": 0.7}, step=50, max_steps=50)
    'step 50/50   held-out loss 0.6100   accuracy 0.700'
    """
    head = f"step {step:>{len(str(max_steps))}}/{max_steps}"
    if "loss" in logs:
        parts = _shared(logs, prefix="")
        if "grad_norm" in logs:
            parts.append(f"gradient norm {logs['grad_norm']:.2f}")
        if "learning_rate" in logs:
            parts.append(f"lr {logs['learning_rate']:.1e}")
        if "epoch" in logs:
            parts.append(f"epoch {logs['epoch']:.2f}")
    elif "eval_loss" in logs:
        first, *rest = _shared(logs, prefix="eval_")
        parts = [f"held-out {first}", *rest]
        if "eval_runtime" in logs:
            parts.append(f"in {logs['eval_runtime']:.0f} s")
    elif "train_runtime" in logs:
        parts = [
            f"mean loss {logs['train_loss']:.4f}",
            f"trained in {logs['train_runtime']:.0f} s",
            f"{logs['train_samples_per_second']:.1f} pairs/s",
        ]
    else:
        return ""
    return "   ".join([head, *parts])


def _shared(logs: Mapping[str, float], *, prefix: str) -> list[str]:
    formats = {"loss": ".4f", "accuracy": ".3f", "margin": "+.3f"}
    return [
        f"{name} {logs[prefix + name]:{form}}"
        for name, form in formats.items()
        if prefix + name in logs
    ]
