"""``transformers.Trainer`` for pairs of answers."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import EvalPrediction, PreTrainedModel, Trainer, TrainingArguments

from rmbench.errors import TrainingError
from rmbench.train.loss import bradley_terry_loss


class Rewards(NamedTuple):
    """Rewards of one batch of n pairs: float32, shape (n,) each."""

    chosen: Tensor
    rejected: Tensor


class PairwiseTrainer(Trainer):
    """Trains a one-logit sequence classifier on pairs with the Bradley-Terry loss.

    Batches come from ``PairCollator``: 2n rows, chosen before rejected, through the model in
    one forward. Everything else is the Trainer's own: optimiser, schedule, clipping,
    mixed precision, checkpoints, several devices.

    **Loss.** That of all pairs of an optimiser step: pair losses are summed and divided by the
    pairs of the whole accumulated batch over all processes. Cutting a step into micro-batches
    therefore changes nothing, not even where an epoch's last micro-batch is smaller.

    **Logged while training**, over the pairs since the last line: ``loss``, ``accuracy`` (the
    share with ``r_chosen > r_rejected``; an exact tie counts as wrong, as in TRL) and
    ``margin`` (mean ``r_chosen - r_rejected``). They are summed on the device and read once
    per line. A loss that is not finite ends the training.

    **Evaluation** gives ``eval_loss``, ``eval_accuracy`` and ``eval_margin``, each over all
    pairs at once and never a mean of batch means.

    Args:
        model: With ``num_labels`` 1.
        args: ``remove_unused_columns`` is switched off: pairs are no columns of the model.
        center_coefficient: Weight of the centring term of ``bradley_terry_loss``.
        **kwargs: As ``transformers.Trainer`` takes them; ``data_collator`` is required.

    Raises:
        TrainingError: If the model does not have exactly one logit.
    """

    # The Trainer must not divide by the number of micro-batches: `compute_loss` has divided
    # by the number of pairs in all of them.
    loss_is_scaled_for_ga = True

    def __init__(
        self,
        model: PreTrainedModel | nn.Module,
        args: TrainingArguments,
        *,
        center_coefficient: float = 0.0,
        **kwargs: Any,
    ) -> None:
        n_logits = getattr(getattr(model, "config", None), "num_labels", None)
        if n_logits != 1:
            raise TrainingError(f"a reward model has 1 logit, this model has {n_logits}")
        args.remove_unused_columns = False
        # Also turns a NaN into the mean of the losses before it, and costs a device
        # synchronisation in every micro-batch.
        args.logging_nan_inf_filter = False
        self.center_coefficient = center_coefficient
        kwargs.setdefault("compute_metrics", self._pair_metrics)
        super().__init__(model=model, args=args, **kwargs)
        # What releases without `loss_is_scaled_for_ga` decide by.
        self.model_accepts_loss_kwargs = True
        self._sums = torch.zeros(3, device=args.device)

    def rewards(self, model: nn.Module, inputs: dict[str, Tensor]) -> Rewards:
        """Rewards of a batch, from one forward over its 2n rows."""
        texts = {name: value for name, value in inputs.items() if name != "margin"}
        logits = model(**texts).logits
        chosen, rejected = logits.float().squeeze(-1).chunk(2)
        return Rewards(chosen, rejected)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """This micro-batch's share of the loss of the whole batch; a scalar, float32.

        Args:
            model: The model, possibly wrapped.
            inputs: A batch of ``PairCollator``.
            return_outputs: Whether to return ``(loss, Rewards)``.
            num_items_in_batch: Pairs in the whole accumulated batch over all processes;
                ``None`` stands for this micro-batch alone.
        """
        rewards = self.rewards(model, inputs)
        loss = bradley_terry_loss(
            *rewards, margin=inputs.get("margin"), center_coefficient=self.center_coefficient
        )
        if num_items_in_batch is not None:
            # Gradients are averaged over processes, while the pairs counted are those of all.
            share = len(rewards.chosen) * self.accelerator.num_processes / num_items_in_batch
            loss = loss * share
        if model.training:
            self._count(rewards)
        return (loss, rewards) if return_outputs else loss

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], int]:
        """The micro-batches of one optimiser step, and how many pairs they hold in all."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        n_pairs = sum(len(b["input_ids"]) for b in batches) // 2
        if self.accelerator.num_processes > 1:
            counted = torch.tensor([n_pairs], device=device)
            n_pairs = int(self.accelerator.gather(counted).sum())
        return batches, n_pairs

    def prediction_step(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[None, Tensor, Tensor]:
        """Rewards, shape (n, 2), and target margins, shape (n,); the loss comes at the end."""
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            rewards = self.rewards(model, inputs)
        margin = inputs.get("margin", torch.zeros_like(rewards.chosen))
        return None, torch.stack(rewards, dim=1), margin

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add accuracy and margin to a line of training metrics.

        Raises:
            TrainingError: If the loss is not finite.
        """
        if "loss" in logs:
            logs |= self._drain()
        for name in ("loss", "train_loss", "eval_loss"):
            if name in logs and not isfinite(logs[name]):
                raise TrainingError(
                    f"{name} is {logs[name]} at step {self.state.global_step}: "
                    "try a lower learning rate, or training without bf16"
                )
        super().log(logs, start_time)

    def _count(self, rewards: Rewards) -> None:
        with torch.no_grad():
            difference = rewards.chosen - rewards.rejected
            correct = (difference > 0).float().sum()
            n_pairs = difference.new_full((), len(difference))
            self._sums += torch.stack([correct, difference.sum(), n_pairs])

    def _drain(self) -> dict[str, float]:
        correct, margin, n = self.accelerator.reduce(self._sums, reduction="sum").tolist()
        self._sums = torch.zeros_like(self._sums)
        return {"accuracy": correct / n, "margin": margin / n} if n else {}

    def _pair_metrics(self, prediction: EvalPrediction) -> dict[str, float]:
        chosen, rejected = torch.as_tensor(prediction.predictions).unbind(1)
        margin = torch.as_tensor(prediction.label_ids)
        loss = bradley_terry_loss(
            chosen, rejected, margin=margin, center_coefficient=self.center_coefficient
        )
        difference = chosen.double() - rejected.double()
        return {
            "loss": loss.item(),
            "accuracy": (difference > 0).double().mean().item(),
            "margin": difference.mean().item(),
        }
