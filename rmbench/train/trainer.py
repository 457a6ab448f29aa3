"""``transformers.Trainer`` for pairs of answers, on packed batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import torch
from accelerate.utils import DistributedType, gather_object
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import EvalPrediction, PreTrainedModel, Trainer, TrainingArguments
from transformers.trainer_utils import EvalLoopOutput

from rmbench.engine.capability import Attention
from rmbench.errors import TrainingError, shorten
from rmbench.train.classifier import BATCH, classifier_of, takes_batches
from rmbench.train.collate import MicroBatch, PairCollator
from rmbench.train.loader import Step, StepLoader, StepSampler
from rmbench.train.loss import Objective
from rmbench.train.meter import COLUMNS, Meter, NotFinite, measure, summarise
from rmbench.train.model import default_micro_batch_tokens
from rmbench.train.pairs import EncodedExample

# Examples of an evaluation that are cut into forwards together.
_EVAL_CHUNK = 512
# Losses on a device that is not waited for are looked at after so many steps at the latest.
_MOST_UNSEEN_STEPS = 100
_ADVICE = "try a lower learning rate, or training without bf16"


class PairwiseTrainer(Trainer):
    """Trains a one-logit sequence classifier on chosen and rejected answers.

    A forward holds examples laid end to end without padding, a decoder's prompts once for
    all answers to them (``rmbench.engine``); models that cannot be packed take right-padded
    batches. Everything else is the Trainer's own: optimiser, schedule, clipping, mixed
    precision, checkpoints, several devices.

    **Steps.** An optimiser step takes ``per_device_train_batch_size`` times processes times
    ``gradient_accumulation_steps`` examples, whatever their lengths, and cuts them into
    forwards of at most ``micro_batch_tokens`` tokens. Its loss is the mean over its examples of
    the mean over each example's chosen x rejected pairs (``Objective``). Neither the cut nor
    the number of processes changes it, not even in the last, smaller step of an epoch.

    **Logged while training**, over the examples since the last line: ``loss``, ``accuracy``
    (the share of pairs with ``r_chosen > r_rejected``; an exact tie counts as wrong, as in TRL;
    examples whose votes are tied do not count), ``margin`` (mean ``r_chosen - r_rejected``)
    and ``mean_reward``. They stay on the device and are read once a line. A loss that is not
    finite ends the training: at once on a CPU, elsewhere when the next line, checkpoint or
    hundredth step comes.

    **Evaluation** gives the same with the prefix ``eval_``, over every example once, however
    many processes share them.

    Args:
        model: With ``num_labels`` 1; may carry PEFT's adapters. Its trained parameters are
            made float32, which the optimiser's small steps need.
        args: ``remove_unused_columns`` is switched off: examples have no columns.
        objective: The loss of a pair.
        attention: Path through the engine; ``auto`` takes the fastest exact one.
        micro_batch_tokens: Most tokens of a forward, as far as it has more than one example;
            ``None`` asks ``rmbench.train.model.default_micro_batch_tokens``. It changes memory and
            speed only.
        **kwargs: As ``transformers.Trainer`` takes them; the data sets are sequences of
            ``EncodedExample``.

    Raises:
        TrainingError: If the model does not have exactly one logit.
        UsageError: If it cannot take the path asked for.
    """

    # The Trainer must not divide by the number of accumulated batches: `compute_loss` has
    # divided by the number of examples in all of them.
    loss_is_scaled_for_ga = True

    def __init__(
        self,
        model: PreTrainedModel | nn.Module,
        args: TrainingArguments,
        *,
        objective: Objective | None = None,
        attention: Attention = "auto",
        micro_batch_tokens: int | None = None,
        **kwargs: Any,
    ) -> None:
        classifier = classifier_of(model)
        n_logits = getattr(getattr(classifier, "config", None), "num_labels", None)
        if n_logits != 1:
            raise TrainingError(f"a reward model has 1 logit, this model has {n_logits}")
        args.remove_unused_columns = False
        # Also turns a NaN into the mean of the losses before it, and costs a device
        # synchronisation in every step.
        args.logging_nan_inf_filter = False
        # Several visible GPUs would be driven by DataParallel, which multiplies the batch.
        args._n_gpu = min(args.n_gpu, 1)
        self.objective: Objective = objective or Objective()
        self.collator: PairCollator = PairCollator.for_model(classifier, attention)
        for parameter in model.parameters():
            if parameter.requires_grad and parameter.is_floating_point():
                parameter.data = parameter.data.float()
        collator: Any = self.collator
        super().__init__(model=model, args=args, data_collator=collator, **kwargs)
        # What releases without `loss_is_scaled_for_ga` decide by.
        self.model_accepts_loss_kwargs = True
        self._given_micro_batch_tokens = micro_batch_tokens
        # What is trained, before FSDP wraps it.
        self._bare_model: Any = self.model
        self._taking_batches = False
        self._meter = Meter()

    # ---- the model ----

    @contextmanager
    def _batches_taken(self) -> Iterator[None]:
        """Have the model take batches; what is inside another such block changes nothing."""
        if self._taking_batches:
            yield
            return
        with takes_batches(self._bare_model, self.collator.capability):
            self._taking_batches = True
            try:
                yield
            finally:
                self._taking_batches = False

    @cached_property
    def micro_batch_tokens(self) -> int | None:
        """Most tokens of a forward, in effect; ``None`` where a step is one forward."""
        if self.is_deepspeed_enabled:
            # Its engine counts backward passes and reduces gradients after each.
            return None
        return self._given_micro_batch_tokens or default_micro_batch_tokens(
            classifier_of(self._bare_model),
            self.args.device,
            checkpointing=bool(self.args.activation_checkpointing),
        )

    def rewards(self, model: nn.Module, batch: MicroBatch) -> Tensor:
        """Rewards of a batch on the model's device: float32, shape (rows,), from one forward."""
        with self.accelerator.autocast():
            rewards: Tensor = model(**{BATCH: batch})
        return rewards.float()

    # ---- training ----

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train, as ``transformers.Trainer.train`` does.

        Raises:
            TrainingError: If a loss is not finite.
        """
        self._meter = Meter()
        with self._batches_taken():
            output = super().train(*args, **kwargs)
            self._check_losses()
        return output

    def get_train_dataloader(self) -> StepLoader:
        """Steps of the training set; see ``StepLoader``."""
        if self.train_dataset is None:
            raise TrainingError("there is nothing to train on: give a train_dataset")
        processes = self.accelerator.num_processes
        examples: Any = self.train_dataset
        args = self.args
        seed = args.data_seed if args.data_seed is not None else args.seed
        return self._loader(
            examples,
            self._train_batch_size * processes,
            order="sequential" if args.train_sampling_strategy == "sequential" else "random",
            seed=seed,
            drop_last=args.dataloader_drop_last,
        )

    def _loader(
        self, examples: Sequence[EncodedExample], step_examples: int, **order: Any
    ) -> StepLoader:
        args = self.args
        sampler = StepSampler(
            examples,
            self.collator,
            step_examples,
            budget=self.micro_batch_tokens,
            processes=self.accelerator.num_processes,
            process=self.accelerator.process_index,
            **order,
        )
        return StepLoader(
            examples,
            self.collator,
            sampler,
            num_workers=args.dataloader_num_workers,
            pin_memory=args.dataloader_pin_memory and args.device.type == "cuda",
            # A worker that lives on has the order of the epoch it was made in.
            prefetch_factor=args.dataloader_prefetch_factor,
        )

    def get_batch_samples(
        self, epoch_iterator: Iterator[Step], num_batches: int, device: torch.device
    ) -> tuple[list[Step], int]:
        """What is accumulated in one optimiser step, and how many examples that is in all."""
        steps = list(islice(epoch_iterator, num_batches))
        return steps, sum(len(s.ids) for s in steps)

    def training_step(
        self, model: nn.Module, inputs: Any, num_items_in_batch: Tensor | int | None = None
    ) -> Tensor:
        """Forward and backward of this process's part of a step.

        Args:
            model: The model, possibly wrapped.
            inputs: The ``Step``.
            num_items_in_batch: As ``compute_loss`` takes it.

        Returns:
            Its share of the step's loss: scalar, float32.

        Raises:
            TrainingError: If a loss is not finite.
        """
        model.train()
        optimizer: Any = self.optimizer
        if callable(getattr(optimizer, "train", None)):
            optimizer.train()
        total = torch.zeros((), device=self.args.device)
        last = len(inputs.micro_batches) - 1
        for i, micro_batch in enumerate(inputs.micro_batches):
            with nullcontext() if i == last else self._without_sync(model):
                loss = self.compute_loss(model, micro_batch, num_items_in_batch=num_items_in_batch)
                self.accelerator.backward(loss)
            total += loss.detach()
        waits = self.args.device.type == "cpu"
        if waits or (self.state.global_step + 1) % _MOST_UNSEEN_STEPS == 0:
            self._check_losses()
        return total

    def _without_sync(self, model: nn.Module) -> AbstractContextManager[Any]:
        """Let gradients add up before they are reduced, unless the arguments say otherwise."""
        every = self.accelerator.gradient_state.plugin_kwargs.get("sync_each_batch", False)
        if every or self.accelerator.distributed_type == DistributedType.DEEPSPEED:
            return nullcontext()
        context: AbstractContextManager[Any] = self.accelerator.no_sync(model)
        return context

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Any,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """This batch's share of the loss of the whole step; a scalar, float32.

        Args:
            model: The model, possibly wrapped.
            inputs: The ``MicroBatch``.
            return_outputs: Whether to return ``(loss, rewards)``.
            num_items_in_batch: Examples of the step over all processes and batches; ``None``
                stands for this batch alone.
        """
        batch: MicroBatch = inputs.to(self.args.device)
        rewards = self.rewards(model, batch)
        losses = self._pair_losses(rewards, batch)
        loss = (losses * batch.share).sum()
        if num_items_in_batch is None:
            loss = loss / len(batch)
        else:
            # Gradients are averaged over processes, while the examples counted are those of all.
            loss = loss * (self.accelerator.num_processes / num_items_in_batch)
        if model.training and not batch.spare:
            step = self.state.global_step + 1
            self._meter.add(step, batch.ids, measure(rewards, losses, batch))
        return (loss, rewards) if return_outputs else loss

    def _pair_losses(self, rewards: Tensor, batch: MicroBatch) -> Tensor:
        return self.objective.pair_losses(
            rewards.index_select(0, batch.chosen),
            rewards.index_select(0, batch.rejected),
            preference=batch.preference,
            margin=batch.margin,
        )

    def floating_point_ops(self, inputs: Any) -> int:
        """Six for each parameter and computed token of a ``Step``, attention's own apart."""
        tokens: int = sum(m.tokens for m in inputs.micro_batches)
        return 6 * self._dense_parameters * tokens

    @cached_property
    def _dense_parameters(self) -> int:
        count: int = classifier_of(self._bare_model).num_parameters(exclude_embeddings=True)
        return count

    def _track_num_input_tokens(self, inputs: Any) -> None:
        # Of the texts as they are: what is shared or padded is no input.
        if self.args.include_num_input_tokens_seen != "no":
            own = sum(m.text_tokens for m in inputs.micro_batches if not m.spare)
            counted = torch.tensor(own, device=self.args.device)
            self.state.num_input_tokens_seen += int(self.accelerator.reduce(counted).item())

    # ---- what is logged, and what ends the training ----

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the trainer's own metrics to a line of training metrics.

        Raises:
            TrainingError: If a loss is not finite.
        """
        if "loss" in logs:
            self._check_losses()
            sums = self._summed(self._meter.take())
            if sums[-1]:
                means = summarise(sums[:-1], sums[-1])
                del means["loss"]  # The Trainer's is the mean of steps, as its total is.
                logs |= means
        super().log(logs, start_time)

    def _summed(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum over all processes."""
        if self.accelerator.num_processes == 1:
            return values
        summed: Tensor = self.accelerator.reduce(
            torch.tensor(values, device=self.args.device), reduction="sum"
        )
        return summed.cpu().numpy()

    def _check_losses(self) -> None:
        """End the training in all processes where one has met a loss that is not finite."""
        self._meter.read()
        found = self._meter.not_finite
        if not self._summed(np.array([float(found is not None)]))[0]:
            return
        everywhere: list[NotFinite | None] = gather_object([found])
        step = min(f.step for f in everywhere if f is not None)
        ids = [i for f in everywhere if f is not None and f.step == step for i in f.ids]
        raise TrainingError(
            f"the loss is not finite in step {step}, in the examples "
            f"{shorten([repr(i) for i in ids])}: {_ADVICE}"
        )

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Save a checkpoint, unless its weights or the losses before it are not finite.

        Raises:
            TrainingError: If they are not.
        """
        self._check_losses()
        finite = torch.stack([p.detach().isfinite().all() for p in model.parameters()]).all()
        if self._summed(np.array([float(not finite)]))[0]:
            raise TrainingError(
                f"weights are not finite after step {self.state.global_step}: {_ADVICE}"
            )
        super()._save_checkpoint(model, trial)

    # ---- evaluation ----

    def get_eval_dataloader(self, eval_dataset: Any = None) -> StepLoader:
        """Steps of an evaluation set: one of the trainer's by name, or one given."""
        own: Any = self.eval_dataset
        if eval_dataset is None:
            eval_dataset = own
        elif isinstance(eval_dataset, str):
            eval_dataset = own[eval_dataset]
        if eval_dataset is None:
            raise TrainingError("there is nothing to evaluate on: give an eval_dataset")
        return self._loader(eval_dataset, _EVAL_CHUNK)

    def get_test_dataloader(self, test_dataset: Any) -> StepLoader:
        """Steps of the set that ``predict`` is given."""
        return self._loader(test_dataset, _EVAL_CHUNK)

    def evaluation_loop(
        self,
        dataloader: Any,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """Rewards and metrics of a whole set, in every process.

        Returns:
            ``predictions``: float64, shape (n, 2), each example's mean chosen and mean rejected
            reward, in the set's order; ``label_ids``: the vote shares, shape (n,); ``metrics``.
        """
        with self._batches_taken():
            model = self._evaluation_model()
            model.eval()
            optimizer: Any = self.optimizer
            if callable(getattr(optimizer, "eval", None)):
                optimizer.eval()
            self.callback_handler.eval_dataloader = dataloader
            positions: list[Tensor] = []
            rows: list[Tensor] = []
            for step in dataloader:
                for micro_batch in step.micro_batches:
                    batch = micro_batch.to(self.args.device)
                    with torch.no_grad():
                        rewards = self.rewards(model, batch)
                        losses = self._pair_losses(rewards, batch)
                    if not batch.spare:
                        positions.append(batch.positions)
                        rows.append(measure(rewards, losses, batch))
                self.control = self.callback_handler.on_prediction_step(
                    self.args, self.state, self.control
                )
        n = len(dataloader.examples)
        measured = self._gathered(positions, rows, n)
        metrics = summarise(measured.sum(axis=0), n)
        predictions = measured[:, [COLUMNS.index(c) for c in ("reward_chosen", "reward_rejected")]]
        votes = np.array([e.preference for e in dataloader.examples])
        if self.compute_metrics is not None:
            metrics |= self.compute_metrics(EvalPrediction(predictions, votes))
        return EvalLoopOutput(
            predictions=predictions,
            label_ids=votes,
            metrics={f"{metric_key_prefix}_{name}": value for name, value in metrics.items()},
            num_samples=n,
        )

    def _evaluation_model(self) -> Any:
        """The model, sharded where it has to be; the same that was trained, where one was."""
        model: Any = self.model
        if not self.accelerator._models and model is self._bare_model:
            if self.is_fsdp_enabled or self.is_deepspeed_enabled:
                model = self.model = self.model_wrapped = self.accelerator.prepare(model)
            else:
                model.to(self.args.device)
        return model

    def _gathered(self, positions: list[Tensor], rows: list[Tensor], n: int) -> NDArray[np.float64]:
        """The rows of all processes in the order of the set."""
        own = (
            torch.cat(positions).numpy() if positions else np.zeros(0, np.int64),
            torch.cat(rows).cpu().numpy() if rows else np.zeros((0, len(COLUMNS)), np.float32),
        )
        everywhere = gather_object([own])
        order = np.concatenate([p for p, _ in everywhere])
        values = np.concatenate([r for _, r in everywhere]).astype(np.float64)
        if not np.array_equal(np.sort(order), np.arange(n)):
            raise TrainingError(
                f"{len(order)} rows were measured of {n} examples: the processes do not agree "
                "about the evaluation set"
            )
        return values[np.argsort(order)]
