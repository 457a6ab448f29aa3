"""What a training run shows on standard error: a bar, and one line per set of metrics."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import transformers
from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

if TYPE_CHECKING:
    from rmbench.train.flow import StepClock


class ProgressLines(TrainerCallback):
    """A bar on a terminal, and lines of metrics with speed and the time that is left.

    Everything goes to standard error: standard output belongs to ``--json``.

    Args:
        clock: Measures the steps; it has to be called before this.
        pairs_per_step: To give the speed in pairs.
    """

    def __init__(self, clock: StepClock, pairs_per_step: float) -> None:
        self._clock = clock
        self._pairs_per_step = pairs_per_step
        self._bar: Any = None
        self._before = (0.0, 0)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Show the bar, where a resumed run stands."""
        self._bar = tqdm(
            total=state.max_steps,
            initial=state.global_step,
            desc="training",
            unit=" steps",
            file=sys.stderr,
            disable=None,
            leave=False,
            dynamic_ncols=True,
        )

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(state.global_step - self._bar.n)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Write one line of metrics above the bar."""
        if self._bar is None:
            return
        logs = logs or {}
        line = metric_line(logs, step=state.global_step, max_steps=state.max_steps)
        if "loss" in logs:
            line += self._speed(state.max_steps - state.global_step)
        if line:
            say(line)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
        self._bar = None

    def _speed(self, steps_left: int) -> str:
        clock = self._clock
        seconds, steps = clock.trained_s - self._before[0], clock.steps - self._before[1]
        self._before = (clock.trained_s, clock.steps)
        if not steps or not seconds:
            return ""
        left = steps_left * clock.trained_s / clock.steps
        speed = f"   {steps * self._pairs_per_step / seconds:.1f} pairs/s"
        return f"{speed}   {duration(left)} left" if steps_left else speed


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


def duration(seconds: float) -> str:
    """Time for a person.

    >>> duration(42.4), duration(125), duration(7384)
    ('42 s', '2 min 05 s', '2 h 03 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


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
