"""Checkpoints of a run: plain model folders, whole or absent, whichever trainer makes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import Trainer

from rmbench.errors import TrainingError
from rmbench.train.lora import Adapters
from rmbench.train.output import RunFolder
from rmbench.train.pairs import EncodedExample
from rmbench.train.selection import best_evaluation
from rmbench.train.state import RunStateWriter

# A pickle of the Trainer's arguments, which the run's state holds as text.
_PICKLED_ARGUMENTS = "training_args.bin"


@dataclass(frozen=True)
class Saving:
    """Where and how a run saves.

    Attributes:
        folder: Of the run.
        state: Writes beside a checkpoint what is needed to go on from it.
        limit: Checkpoints to keep; ``None`` keeps all.
        protects_best: Whether the best one is kept beyond the limit.
        adapters: LoRA's, if only they and the head are trained.
    """

    folder: RunFolder
    state: RunStateWriter
    limit: int | None = None
    protects_best: bool = False
    adapters: Adapters | None = None


class Checkpointing(Trainer):
    """Goes before another trainer among the bases of a class; ``saving`` is set on the instance.

    A checkpoint is a folder that ``from_pretrained`` loads, tokenizer included, whatever
    the model is wrapped in while it trains: weights sharded by FSDP are gathered, and LoRA's
    adapters are added to the weights they adapt (and saved beside them, in ``adapter``).
    """

    saving: Saving
    model: nn.Module

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Save a checkpoint; when that fails, those before it stay.

        Raises:
            TrainingError: If it cannot be saved, with the reason.
        """
        step = self.state.global_step
        folder = self.saving.folder
        name = f"checkpoint-{step}"
        with saving_errors(f"{folder.path / name}"), folder.checkpoint(step) as unfinished:
            self.args.output_dir, out = str(unfinished), self.args.output_dir
            try:
                super()._save_checkpoint(model, trial)
            finally:
                self.args.output_dir = out
            if self.args.should_save:
                self.saving.state.write(unfinished / name)
        if self.saving.limit is not None:
            best = best_evaluation(self.state.log_history) if self.saving.protects_best else None
            folder.keep(self.saving.limit, best.step if best else None)

    def evaluate_examples(self, examples: Sequence[EncodedExample]) -> dict[str, float]:
        """Metrics over examples, as ``evaluate`` gives them of the trainer's own."""
        dataset: Any = examples
        metrics: dict[str, float] = self.evaluate(dataset)
        return metrics

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save a plain model folder; with several processes, all call it."""
        if not self.is_fsdp_enabled:
            super().save_model(output_dir, _internal_call)
            return
        # The library gathers the weights only where the launcher's configuration says so.
        weights = self.accelerator.get_state_dict(self.model)
        if self.args.should_save:
            self._save(output_dir, state_dict=weights)

    def _save(
        self, output_dir: str | None = None, state_dict: dict[str, torch.Tensor] | None = None
    ) -> None:
        if not self.args.should_save:
            return
        folder = Path(output_dir or str(self.args.output_dir))
        adapters = self.saving.adapters
        if adapters is not None:
            weights = self.model.state_dict() if state_dict is None else state_dict
            adapters.save(weights, folder / "adapter")
            state_dict = adapters.merged(weights)
        super()._save(str(folder), state_dict)
        (folder / _PICKLED_ARGUMENTS).unlink(missing_ok=True)

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: nn.Module | None = None
    ) -> None:
        adapters = self.saving.adapters
        if adapters is None or self.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        else:
            adapters.load(self.model, Path(resume_from_checkpoint) / "adapter")


@contextmanager
def saving_errors(what: str) -> Iterator[None]:
    """Turn the ways in which writing fails into one.

    Raises:
        TrainingError: For a full disk, a file that may not be so large, and the like.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{what}: cannot be saved: {_reason(error)}") from None
    except RuntimeError as error:
        # How torch.save says it; anything else is a bug.
        if not any(sign in str(error) for sign in ("PytorchStreamWriter", "inline_container")):
            raise
        raise TrainingError(f"{what}: cannot be saved: {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    strerror = getattr(error, "strerror", None)
    return strerror or " ".join(str(error).split())[:200]
