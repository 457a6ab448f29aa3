"""Which trainer a run is done with: rmbench's own, or TRL's from the same command.

A maker takes ``TrainerParts`` and returns a ``transformers.Trainer`` whose class derives from
``Checkpointing`` first and from the trainer proper second. What a run asks of it:

* ``train(resume_from_checkpoint=...)`` takes steps of ``per_device_train_batch_size`` times
  processes times ``gradient_accumulation_steps`` examples, in an order that seed and epoch
  decide, and ends in a ``TrainingError`` that names step and examples where a loss is not
  finite;
* while it trains it logs ``loss``, ``accuracy`` and ``margin``;
* ``evaluate()`` measures ``parts.selection``, and ``evaluate_examples(examples)`` any other
  sequence of ``EncodedExample``; both give ``eval_loss``, ``eval_accuracy`` and ``eval_margin``,
  means over all examples at once;
* its ``model`` is ``parts.model``, trained in place.

Everything else, checkpoints, resuming, selection, the record and what is shown, is done
outside, the same for all trainers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from transformers import PrinterCallback, TrainerCallback, TrainingArguments

from rmbench.spec.training import Attention, TrainerName
from rmbench.train.checkpointing import Checkpointing, Saving
from rmbench.train.loss import Objective
from rmbench.train.pairs import EncodedExample
from rmbench.train.trainer import PairwiseTrainer


@dataclass(frozen=True)
class TrainerParts:
    """What a trainer is made of.

    Attributes:
        model: A sequence classifier with one logit; with LoRA, adapters are in it already
            and all else but the head is frozen.
        tokenizer: Its tokenizer, saved with it.
        arguments: Of ``transformers.TrainingArguments``. Their
            ``per_device_train_batch_size`` is a process's whole part of an optimiser step; a
            maker may cut it, dividing it by what it raises ``gradient_accumulation_steps`` to.
        objective: The loss of a pair.
        attention: Path through the engine, for trainers that use it.
        micro_batch_tokens: Most tokens of a forward; ``None`` lets the trainer decide.
        examples: What is trained on.
        selection: What ``evaluate()`` measures; ``None`` if nothing is held out.
        callbacks: To be called besides the library's own.
    """

    model: Any
    tokenizer: Any
    arguments: dict[str, Any]
    objective: Objective
    attention: Attention
    micro_batch_tokens: int | None
    examples: Sequence[EncodedExample]
    selection: Sequence[EncodedExample] | None
    callbacks: Sequence[TrainerCallback]


class TrainerMaker(Protocol):
    """Makes one kind of trainer."""

    def __call__(self, parts: TrainerParts) -> Checkpointing:
        """Make it.

        Raises:
            UsageError: If the trainer cannot do what is asked for; it says what.
        """
        ...


def make_trainer(name: TrainerName, parts: TrainerParts, saving: Saving) -> Checkpointing:
    """The trainer of a run.

    Raises:
        UsageError: If it cannot do what is asked for.
        MissingDependencyError: If it comes from a package that is not installed.
    """
    trainer = _maker(name)(parts)
    trainer.saving = saving
    # Prints dictionaries to standard output; the run has lines of its own.
    trainer.remove_callback(PrinterCallback)
    return trainer


def _maker(name: TrainerName) -> TrainerMaker:
    if name == "packed":
        return make_packed_trainer
    from rmbench.train.trl import make_trl_trainer

    return make_trl_trainer


class PackedTrainer(Checkpointing, PairwiseTrainer):
    """``PairwiseTrainer`` with a run's checkpoints."""


def make_packed_trainer(parts: TrainerParts) -> Checkpointing:
    """Make rmbench's own trainer."""
    return PackedTrainer(
        parts.model,
        TrainingArguments(**parts.arguments),
        objective=parts.objective,
        attention=parts.attention,
        micro_batch_tokens=parts.micro_batch_tokens,
        train_dataset=parts.examples,
        eval_dataset=parts.selection,
        processing_class=parts.tokenizer,
        callbacks=list(parts.callbacks),
    )
