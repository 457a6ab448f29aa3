"""``rmbench train``: from a configuration to a reward model in a folder.

The parts, in the order they are used::

    config     what is asked for, and presets for what is not
    output     OUT, in which everything is whole or absent
    prepare    data, dev split, base model, adapters, settings
    state      what a checkpoint says of its run; refuses to go on with another
    trainers   the seam: rmbench's trainer or TRL's, made from the same parts
    flow       interruptions, early stopping, what is logged and saved when
    record     rmbench_training.json

A trainer is made by ``trainers.make_trainer``; see there what it has to do. Both kinds of
trainer leave the same files, as all of them are written here and in ``checkpointing``.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from rmbench import __version__
from rmbench.engine.device import describe_environment, device_facts
from rmbench.engine.options import resolve_device
from rmbench.errors import TrainingError, UsageError
from rmbench.spec import TrainConfig
from rmbench.train.arguments import check_reporting, reporting_callbacks, training_arguments
from rmbench.train.checkpointing import Checkpointing, Saving, saving_errors
from rmbench.train.evaluation import final_metrics, pooled
from rmbench.train.flow import Interruption, RunComplete, RunFlow, StepClock
from rmbench.train.loss import Objective
from rmbench.train.output import RunFolder, checkpoint_step
from rmbench.train.prepare import Prepared, prepare
from rmbench.train.processes import Processes
from rmbench.train.progress import ProgressLines, library_bars_hidden, say
from rmbench.train.record import TrainingRecord, TrainMetrics, TrainReport
from rmbench.train.selection import best_evaluation, mean_loss
from rmbench.train.state import RunState, RunStateWriter, check_same_run
from rmbench.train.summary import announce, resume_command
from rmbench.train.trainers import TrainerParts, make_trainer


def train(config: TrainConfig, *, progress: bool = True) -> TrainReport:
    """Train a reward model and save it as a plain sequence-classification checkpoint.

    ``config.out`` then holds weights, configuration, tokenizer, chat template and
    ``rmbench_training.json``, and the checkpoints made on the way. With several processes
    (``torchrun``, ``accelerate launch``) all call this, and the first one writes and prints.

    Args:
        config: What to train on what.
        progress: Whether to show a bar and lines of metrics on standard error.

    Raises:
        UsageError: If the call is impossible, for instance as ``out`` already holds a model,
            or as the run to resume is another one.
        DataError: If a source cannot be read.
        ScorerError: If the base model cannot be loaded.
        TrainingError: If there is nothing to learn from, training cannot go on, or it was
            ended by SIGTERM.
        KeyboardInterrupt: After Ctrl-C, when a checkpoint to go on from is saved.
    """
    started = time.perf_counter()
    check_reporting(config)
    device = resolve_device(config.device)
    processes = Processes.join(cpu=device.type == "cpu")
    progress = progress and processes.is_main
    folder = RunFolder(config.out, processes)
    _check_apart(config)
    folder.open(overwrite=config.overwrite, resume=config.resume)
    with _left_in_order(folder, config, progress=progress):
        run = _Run(config, processes, folder, prepare(config, device), device, progress)
        record = run.to_the_end(started)
    return TrainReport(config.out, record)


@contextmanager
def _left_in_order(folder: RunFolder, config: TrainConfig, *, progress: bool) -> Iterator[None]:
    """After a failure, say what can be gone on from; without anything, leave no trace."""
    try:
        yield
    except BaseException as error:
        folder.abandon()
        latest = folder.latest()
        if latest is None:
            raise
        kept = f"{latest} is whole; go on from it with: {resume_command(config.out)}"
        if folder.replaced is not None:
            kept += f" (the earlier model is kept in {folder.replaced})"
        if isinstance(error, TrainingError):
            raise TrainingError(f"{error}; {kept}") from None
        if progress:
            say(kept)
        raise


def _check_apart(config: TrainConfig) -> None:
    base, out = Path(config.base).expanduser(), config.out.expanduser()
    if base.is_dir() and out.resolve() in (base.resolve(), *base.resolve().parents):
        raise UsageError(f"--out {config.out}: holds the base model; choose another folder")


@dataclass(frozen=True)
class _Run:
    """One run, or one start of it."""

    config: TrainConfig
    processes: Processes
    folder: RunFolder
    prepared: Prepared
    device: torch.device
    progress: bool

    def to_the_end(self, started: float) -> TrainingRecord:
        """Train, evaluate, save."""
        config, prepared = self.config, self.prepared
        latest = self.folder.latest() if config.resume else None
        state = prepared.state
        if latest is not None:
            then = RunState.read(latest)
            check_same_run(then, state, latest)
            state = state.model_copy(
                update={
                    "trained_s": then.trained_s,
                    "resumed_at": (*then.resumed_at, checkpoint_step(latest)),
                }
            )
        clock = StepClock()
        interruption = Interruption(announces=self.progress)
        flow = RunFlow(
            self.processes,
            interruption,
            keep_best=config.keep_best,
            early_stopping=config.early_stopping,
        )
        trainer = self._trainer(RunStateWriter(state, lambda: clock.trained_s), clock, flow)
        if self.progress:
            for line in announce(config, prepared, device=str(trainer.args.device)):
                say(line)
            if latest is not None:
                say(f"going on from {latest}")
        with library_bars_hidden():
            with interruption.heard():
                self._train(trainer, latest)
            if flow.interrupted:
                # Where another process heard it, this one ends as a launcher would end it.
                _stop(interruption.asked or signal.SIGTERM, trainer.state.global_step)
            final_step = self._take_best(trainer)
            metrics = self._train_metrics(trainer, clock, state, flow)
            dev, by_source = final_metrics(
                trainer, prepared, final_step, say if self.progress else lambda line: None
            )
            with saving_errors(str(self.folder.path)), self.folder.model() as unfinished:
                trainer.save_model(str(unfinished))
                record = TrainingRecord(
                    rmbench_version=__version__,
                    created_at=datetime.now(UTC).isoformat(timespec="seconds"),
                    trainer=config.trainer,
                    attention=_attention(trainer),
                    base=prepared.base_record,
                    data=prepared.sources,
                    dev_split=prepared.dev,
                    eval_data=tuple(h.record for h in prepared.held_out),
                    seed=config.seed,
                    **prepared.settings.model_dump(),
                    preset=prepared.preset.why,
                    encoding=prepared.encoder.record,
                    arguments=config.model_dump(mode="json"),
                    processes=self.processes.size,
                    train=metrics,
                    final_step=final_step,
                    selected_on=self._selected_on(),
                    dev=dev,
                    eval=pooled(list(by_source.values())),
                    eval_by_source=by_source,
                    environment=describe_environment(device_facts(trainer.args.device)),
                    duration_s=time.perf_counter() - started,
                )
                if self.processes.is_main:
                    record.write(unfinished)
        return record

    def _trainer(self, writer: RunStateWriter, clock: StepClock, flow: RunFlow) -> Checkpointing:
        config, prepared = self.config, self.prepared
        arguments = training_arguments(
            config,
            prepared.settings,
            out=self.folder.path,
            device=self.device,
            processes=self.processes,
        )
        callbacks = [clock, flow, *reporting_callbacks(config, self.folder.path, self.processes)]
        if self.progress:
            per_example = prepared.pairs / len(prepared.examples)
            callbacks.append(ProgressLines(clock, prepared.settings.pairs_per_step * per_example))
        parts = TrainerParts(
            model=prepared.base.model,
            tokenizer=prepared.base.tokenizer,
            arguments=arguments,
            objective=Objective(
                center_coefficient=config.center_coefficient,
                label_smoothing=config.label_smoothing,
            ),
            attention=config.attention,
            micro_batch_tokens=config.micro_batch_tokens,
            examples=prepared.examples,
            selection=prepared.selection,
            callbacks=callbacks,
        )
        saving = Saving(
            self.folder,
            writer,
            limit=config.save_total_limit,
            protects_best=config.keep_best,
            adapters=prepared.adapters,
        )
        return make_trainer(config.trainer, parts, saving)

    def _train(self, trainer: Checkpointing, latest: Path | None) -> None:
        try:
            trainer.train(resume_from_checkpoint=str(latest) if latest else None)
        except RunComplete:
            return
        except torch.OutOfMemoryError:
            longest = max(e.longest for e in self.prepared.examples)
            raise TrainingError(
                f"out of memory in step {trainer.state.global_step + 1}, texts having up to "
                f"{longest} tokens: lower --micro-batch-tokens or --max-length, or try "
                "--gradient-checkpointing"
            ) from None
        if not all(p.isfinite().all() for p in trainer.model.parameters()):
            raise TrainingError(
                f"weights are not finite after step {trainer.state.global_step}: "
                "try a lower learning rate, or training without bf16"
            )

    def _take_best(self, trainer: Checkpointing) -> int:
        """Go back to the weights of the best evaluation, if asked to; the step of the weights."""
        last: int = trainer.state.global_step
        best = best_evaluation(trainer.state.log_history) if self.config.keep_best else None
        if best is None or best.step == last:
            return last
        checkpoint = self.folder.path / f"checkpoint-{best.step}"
        if not checkpoint.is_dir():
            raise TrainingError(f"{checkpoint}: the best checkpoint is no longer there")
        trainer._load_from_checkpoint(
            str(checkpoint), trainer.model_wrapped if trainer.is_fsdp_enabled else None
        )
        return best.step

    def _selected_on(self) -> Any:
        if not self.config.keep_best:
            return None
        return "dev split" if self.prepared.dev is not None else "eval data"

    def _train_metrics(
        self, trainer: Checkpointing, clock: StepClock, state: RunState, flow: RunFlow
    ) -> TrainMetrics:
        history = trainer.state.log_history
        last: dict[str, Any] = next((e for e in reversed(history) if "loss" in e), {})
        steps = trainer.state.global_step
        seconds = state.trained_s + clock.trained_s
        examples = examples_seen(
            steps, len(self.prepared.examples), self.prepared.settings.pairs_per_step
        )
        pairs = examples * self.prepared.pairs / len(self.prepared.examples)
        return TrainMetrics(
            steps=steps,
            epochs=examples / len(self.prepared.examples),
            mean_loss=mean_loss(history),
            loss=last.get("loss"),
            accuracy=last.get("accuracy"),
            margin=last.get("margin"),
            duration_s=seconds,
            pairs_per_s=pairs / seconds if seconds else 0.0,
            stopped_early=flow.stopped_early,
            resumed_at=state.resumed_at,
        )


def examples_seen(steps: int, n: int, per_step: int) -> int:
    """Examples in so many steps, the last step of an epoch having fewer.

    >>> [examples_seen(steps, n=10, per_step=4) for steps in (1, 3, 4)]
    [4, 10, 14]
    """
    epochs, rest = divmod(steps, -(-n // per_step))
    return epochs * n + min(rest * per_step, n)


def _attention(trainer: Checkpointing) -> str | None:
    capability = getattr(getattr(trainer, "collator", None), "capability", None)
    return None if capability is None else str(capability.path)


def _stop(number: signal.Signals, step: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise TrainingError(f"ended by {number.name} after step {step}")
