"""When a run logs, saves and stops, beyond what the Trainer decides by itself."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from rmbench.train.processes import Processes
from rmbench.train.progress import say
from rmbench.train.selection import best_evaluation, evaluations_since_best

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Ctrl-C and SIGTERM while training: the first asks for an orderly end, the second ends.

    Attributes:
        asked: The signal that came, if one did.
        announces: Whether to say so.
    """

    def __init__(self, *, announces: bool) -> None:
        self.asked: signal.Signals | None = None
        self.announces = announces

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen inside the block; elsewhere signals do what they always do."""
        if threading.current_thread() is not threading.main_thread():
            # Python hands signals to the main thread alone.
            yield
            return
        before = {number: signal.signal(number, self._hear) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.asked is not None:
            signal.signal(number, signal.SIG_DFL)
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            os.kill(os.getpid(), number)
            return
        self.asked = signal.Signals(number)
        if self.announces:
            say("stopping after this step and saving a checkpoint (again: stop at once)")


class RunComplete(Exception):  # noqa: N818 - not an error: nothing is left to train
    """The checkpoint that a run goes on from is that of its last step."""


class RunFlow(TrainerCallback):
    """Ends a run in order, picks the evaluation to keep, and keeps the log complete.

    The log holds the loss of every step that a checkpoint or the end has behind it, so that
    the mean over a run can be had from it, however often the run was resumed.

    Args:
        processes: Those of the run; one of them is enough to be interrupted.
        interruption: Whether it is to end.
        keep_best: Whether a checkpoint of the best evaluation is needed.
        early_stopping: Evaluations without a lower loss after which to stop.
    """

    def __init__(
        self,
        processes: Processes,
        interruption: Interruption,
        *,
        keep_best: bool = False,
        early_stopping: int | None = None,
    ) -> None:
        self._processes = processes
        self._interruption = interruption
        self._keep_best = keep_best
        self._early_stopping = early_stopping
        self.interrupted = False
        self.stopped_early = False
        self._training = False

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take intervals from this start's arguments, not from those of the checkpoint.

        Raises:
            RunComplete: If there is no step to take; the Trainer would take one more.
        """
        state.compute_steps(args, state.max_steps)
        self.stopped_early = self._patience_is_over(state)
        if state.global_step >= state.max_steps or self.stopped_early:
            raise RunComplete
        self._training = True

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Stop where asked to; log whatever is saved, evaluated or last."""
        if self._processes.any(self._interruption.asked is not None):
            self.interrupted = not control.should_training_stop
            control.should_training_stop = True
            control.should_save = control.should_save or self.interrupted
        if control.should_save or control.should_evaluate or control.should_training_stop:
            control.should_log = True

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Save the best so far, and stop where it is long past."""
        if not self._training:
            return
        best = best_evaluation(state.log_history)
        if self._keep_best and best is not None and best.step == state.global_step:
            control.should_save = True
        if self._patience_is_over(state):
            self.stopped_early = state.global_step < state.max_steps
            control.should_training_stop = True

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """What is evaluated from here on chooses nothing."""
        self._training = False

    def _patience_is_over(self, state: TrainerState) -> bool:
        patience = self._early_stopping
        return patience is not None and evaluations_since_best(state.log_history) >= patience


class StepClock(TrainerCallback):
    """Measures how long steps take, evaluations and saving left out.

    Attributes:
        trained_s: Seconds until now.
        steps: Steps in that time.
    """

    def __init__(self) -> None:
        self.trained_s = 0.0
        self.steps = 0
        self._since: float | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start."""
        self._since = time.perf_counter()

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Go on after a pause."""
        if self._since is None:
            self._since = time.perf_counter()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Count the step; pause for what comes between it and the next."""
        now = time.perf_counter()
        if self._since is not None:
            self.trained_s += now - self._since
        self.steps += 1
        pauses = control.should_save or control.should_evaluate
        self._since = None if pauses else now
