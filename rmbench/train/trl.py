"""TRL's own ``RewardTrainer`` on the same examples and arguments, for comparison.

Its batches, forward, loss and metrics are TRL's. What is added here tells it what to train on,
and has it end as the other trainer does where a loss is not finite. Checkpoints, records and
what is shown are the run's, so that both trainers leave the same files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rmbench.errors import MissingDependencyError, TrainingError, UsageError, shorten
from rmbench.train.checkpointing import Checkpointing
from rmbench.train.config import micro_batch_pairs
from rmbench.train.loss import Objective
from rmbench.train.model import default_micro_batch_tokens
from rmbench.train.pairs import EncodedExample
from rmbench.train.progress import ProgressLines, say
from rmbench.train.trainers import TrainerParts

try:
    from accelerate.utils import gather_object
    from datasets import Dataset
    from trl.trainer.reward_config import RewardConfig
    from trl.trainer.reward_trainer import DataCollatorForPreference, RewardTrainer
except ImportError as error:
    raise MissingDependencyError.for_package(
        (error.name or "trl").partition(".")[0], "trl", "--trainer trl"
    ) from None

_POSITION = "position"
_INSTEAD = "use --trainer packed"


def pairs_dataset(examples: Sequence[EncodedExample]) -> Dataset:
    """Examples of one chosen and one rejected answer in the columns that TRL trains on.

    Returns:
        ``chosen_ids`` and ``rejected_ids``, lists of token ids; ``margin``, a logit, where the
        examples have one; and the example's ``position``, which TRL does not look at.

    Raises:
        UsageError: If an example has more answers, or a vote share as its target.
    """
    for e in examples:
        if e.pairs != 1:
            raise UsageError(
                f"example {e.id!r} has {len(e.chosen)} chosen and {len(e.rejected)} rejected "
                f"answers, and TRL's trainer takes one of each: {_INSTEAD}"
            )
        if e.preference != 1:
            raise UsageError(
                f"example {e.id!r} has the vote share {e.preference:.3g} as its target, which "
                f"TRL's trainer does not know: {_INSTEAD}, or leave --soft-labels out"
            )
    columns: dict[str, list[Any]] = {
        "chosen_ids": [e.chosen[0].input_ids for e in examples],
        "rejected_ids": [e.rejected[0].input_ids for e in examples],
        _POSITION: list(range(len(examples))),
    }
    if any(e.margin is not None for e in examples):
        columns["margin"] = [e.margin or 0.0 for e in examples]
    return Dataset.from_dict(columns)


class _Collator(DataCollatorForPreference):
    """TRL's batches, and beside them which examples they hold."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = super().torch_call(examples)
        return batch | {_POSITION: torch.tensor([e[_POSITION] for e in examples])}


class ExaminedRewardTrainer(RewardTrainer):
    """TRL's trainer, with metrics of whole evaluation sets and an end at a loss that is no number.

    TRL's evaluation gives means of the means of batches, of which the last may be smaller;
    the run's records hold means over all examples.

    Args:
        parts: What it is made of.
        config: TRL's arguments.
    """

    def __init__(self, parts: TrainerParts, config: RewardConfig) -> None:
        self._objective: Objective = parts.objective
        self._ids = tuple(e.id for e in parts.examples)
        self._measured: list[NDArray[np.float64]] = []
        super().__init__(
            model=parts.model,
            args=config,
            data_collator=_Collator(pad_token_id=parts.tokenizer.pad_token_id),
            train_dataset=pairs_dataset(parts.examples),
            eval_dataset=None if parts.selection is None else pairs_dataset(parts.selection),
            processing_class=parts.tokenizer,
            callbacks=list(parts.callbacks),
        )

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """TRL's loss of a batch.

        Raises:
            TrainingError: If it is not finite while training.
        """
        positions, margin = inputs.pop(_POSITION), inputs.get("margin")
        loss, outputs = super().compute_loss(
            model, inputs, return_outputs=True, num_items_in_batch=num_items_in_batch
        )
        chosen, rejected = outputs.logits.detach().float().squeeze(-1).chunk(2)
        losses = self._objective.pair_losses(chosen, rejected, margin=margin)
        if self._is_training:
            self._check(losses, positions)
        else:
            rows = [positions, losses, chosen - rejected]
            self._measured.append(np.stack([r.cpu().double().numpy() for r in rows], axis=1))
        return (loss, outputs) if return_outputs else loss

    @property
    def _is_training(self) -> bool:
        # How TRL tells a batch that is trained on from one that is evaluated.
        model: Any = self.model
        return bool(model.training)

    def _check(self, losses: Tensor, positions: Tensor) -> None:
        """End the training in all processes where one has met a loss that is not finite."""
        bad = positions[~losses.isfinite()].tolist()
        everywhere = bad
        if self.accelerator.num_processes > 1:
            flag = torch.tensor([len(bad)], device=losses.device)
            if not int(self.accelerator.gather(flag).sum()):
                return
            everywhere = gather_object(bad)
        if everywhere:
            raise TrainingError(
                f"the loss is not finite in step {self.state.global_step + 1}, in the examples "
                f"{shorten([repr(self._ids[i]) for i in everywhere])}: "
                "try a lower learning rate, or training without bf16"
            )

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Metrics of the trainer's evaluation set, or of a sequence of ``EncodedExample``.

        Raises:
            UsageError: If TRL's trainer cannot take an example.
        """
        if eval_dataset is not None and not isinstance(eval_dataset, str | dict | Dataset):
            eval_dataset = pairs_dataset(eval_dataset)
        self._measured = []
        metrics: dict[str, float] = super().evaluate(eval_dataset, ignore_keys, metric_key_prefix)
        return metrics

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """TRL's line of metrics, those of evaluations over all examples at once."""
        if not self._is_training and self._measured:
            gathered = gather_object(self._measured)
            rows = np.concatenate(gathered)
            # Where processes share a set unevenly, some examples come twice.
            _, first = np.unique(rows[:, 0], return_index=True)
            _, losses, difference = rows[first].T
            if "eval_loss" in logs:
                logs["eval_loss"] = float(losses.mean())
            self._metrics["eval"]["accuracy"] = [float((difference > 0).mean())]
            self._metrics["eval"]["margin"] = [float(difference.mean())]
            self._measured = []
        super().log(logs, start_time)

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write none: a run's folder says how it came to be in its record."""

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Save a checkpoint.

        Raises:
            TrainingError: If its weights are not finite.
        """
        if not all(p.isfinite().all() for p in model.parameters()):
            raise TrainingError(
                f"weights are not finite after step {self.state.global_step}: "
                "try a lower learning rate, or training without bf16"
            )
        super()._save_checkpoint(model, trial)


class TRLTrainer(Checkpointing, ExaminedRewardTrainer):
    """TRL's trainer with a run's checkpoints."""


def make_trl_trainer(parts: TrainerParts) -> Checkpointing:
    """Make TRL's trainer.

    Its forwards hold so many pairs as fit, padded to the longest text of all, in the tokens
    of a micro-batch.

    Raises:
        UsageError: If it cannot do what is asked for.
    """
    if parts.objective.label_smoothing:
        raise UsageError(
            f"TRL's trainer does not smooth labels: {_INSTEAD}, or leave --label-smoothing out"
        )
    if parts.attention not in ("auto", "padded"):
        raise UsageError(f"TRL's trainer pads: {_INSTEAD} for --attention {parts.attention}")
    config = RewardConfig(
        **parts.arguments,
        max_length=None,  # texts have been cut, or left out, by the run's own rule
        center_rewards_coefficient=parts.objective.center_coefficient or None,
    )
    pairs = config.per_device_train_batch_size
    budget = parts.micro_batch_tokens or default_micro_batch_tokens(
        parts.model, config.device, checkpointing=bool(config.activation_checkpointing)
    )
    longest = max(e.longest for e in (*parts.examples, *(parts.selection or ())))
    together = micro_batch_pairs(pairs, budget // (2 * longest))
    # What the trainer reads when it is made.
    config.per_device_train_batch_size = config.per_device_eval_batch_size = together
    config.gradient_accumulation_steps *= pairs // together
    # Several visible GPUs would be driven by DataParallel, which TRL refuses.
    config._n_gpu = min(config.n_gpu, 1)
    typed = any(t.token_type_ids is not None for e in parts.examples[:1] for t in e.texts)
    if typed and any(isinstance(c, ProgressLines) for c in parts.callbacks):
        say(
            "TRL's trainer gives encoders no token types, so all are 0 in training and evaluation; "
            "rmbench scores with those that the tokenizer gives"
        )
    trainer = TRLTrainer(parts, config)
    return trainer
