"""What a training run is asked to do. Imports neither torch nor transformers."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Literal

from rmbench.errors import UsageError

Device = Literal["auto", "cpu", "cuda", "mps"]
DEVICES: tuple[Device, ...] = ("auto", "cpu", "cuda", "mps")

DEFAULT_MAX_LENGTH = 1024
"""Tokens; the limit where none is asked for and the model's positions allow more."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One training run of a reward model with the Bradley-Terry loss.

    Attributes:
        base: Folder or Hub id (``id@revision`` pins a commit) of the model to start from.
        data: Preference sources, concatenated in order.
        out: Folder for the trained model; it appears only when training has ended well.
        eval_data: Held-out preference source, evaluated at the end (and every ``eval_steps``).
        epochs: Passes over the data. One, because reward models overfit on the second
            (Ouyang et al. 2022, appendix C.2).
        max_steps: Optimiser steps; where given, it decides instead of ``epochs``.
        lr: Peak learning rate; ``None`` takes ``default_learning_rate`` of the model's size.
        pairs_per_step: Pairs per optimiser step, over all processes and micro-batches.
        micro_batch_pairs: Pairs per forward; ``None`` derives it so that activations stay
            within a share of the memory. It does not change the loss, only memory and speed.
        max_length: Tokens of one encoded conversation; ``None`` takes the smaller of
            1,024 and what the model's positions allow.
        seed: Seed of the head's weights and of the shuffling.
        margin_from: Key of an example's ``meta`` that holds its target margin (a logit).
        center_coefficient: Weight of ``mean((r_chosen + r_rejected) ** 2)``.
        bf16: Run forward and backward in bfloat16 autocast; weights and optimiser stay
            float32. ``None``: where the device multiplies bfloat16 natively, which is
            several times faster; the record says what was done.
        warmup_ratio: Share of the steps in which the learning rate rises; it then falls
            linearly to zero.
        weight_decay: AdamW's, on everything but biases and norms.
        max_grad_norm: Gradients are clipped to this norm; 0 turns clipping off.
        bad_rows: What a row that cannot be used does: end the run, or be left out and counted.
        chat_template: Jinja file for a base whose tokenizer has no chat template; it is saved
            with the model.
        device: ``auto`` takes an accelerator where there is one.
        logging_steps: Steps between two lines of metrics.
        eval_steps: Steps between two evaluations; ``None`` evaluates at the end only.
        save_steps: Steps between two resumable checkpoints in ``out``; ``None`` keeps none.
        overwrite: Replace a model that ``out`` already holds.
        trust_remote_code: Run code that comes with the base model.
        allow_pickle: Load base weights that are not safetensors.
    """

    base: str
    data: tuple[str, ...]
    out: Path
    eval_data: str | None = None
    epochs: float = 1.0
    max_steps: int | None = None
    lr: float | None = None
    pairs_per_step: int = 32
    micro_batch_pairs: int | None = None
    max_length: int | None = None
    seed: int = 0
    margin_from: str | None = None
    center_coefficient: float = 0.0
    bf16: bool | None = None
    warmup_ratio: float = 0.1
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    bad_rows: Literal["error", "skip"] = "error"
    chat_template: Path | None = None
    device: Device = "auto"
    logging_steps: int = 10
    eval_steps: int | None = None
    save_steps: int | None = None
    overwrite: bool = False
    trust_remote_code: bool = False
    allow_pickle: bool = False

    def __post_init__(self) -> None:
        if not self.data:
            raise UsageError("no training data: give at least one source with --data")
        if self.device not in DEVICES:
            raise UsageError(f"device {self.device!r} is not one of {', '.join(DEVICES)}")
        if self.eval_steps is not None and self.eval_data is None:
            raise UsageError("eval_steps is given but there is no --eval-data to evaluate on")
        self._check_numbers()

    def _check_numbers(self) -> None:
        at_least_one = {
            "max_steps": self.max_steps,
            "pairs_per_step": self.pairs_per_step,
            "micro_batch_pairs": self.micro_batch_pairs,
            "logging_steps": self.logging_steps,
            "eval_steps": self.eval_steps,
            "save_steps": self.save_steps,
        }
        for name, count in at_least_one.items():
            if count is not None and count < 1:
                raise UsageError(f"{name} is {count}: it must be at least 1")
        for name, value in {"epochs": self.epochs, "lr": self.lr}.items():
            if value is not None and not (isfinite(value) and value > 0):
                raise UsageError(f"{name} is {value}: it must be a number above 0")
        not_negative = {
            "center_coefficient": self.center_coefficient,
            "weight_decay": self.weight_decay,
            "max_grad_norm": self.max_grad_norm,
            "seed": self.seed,
        }
        for name, value in not_negative.items():
            if not (isfinite(value) and value >= 0):
                raise UsageError(f"{name} is {value}: it must be a number of at least 0")
        if not 0 <= self.warmup_ratio < 1:
            raise UsageError(f"warmup_ratio is {self.warmup_ratio}: it must be in [0, 1)")
        if self.max_length is not None and self.max_length < 8:
            raise UsageError(f"max_length is {self.max_length}: it must be at least 8 tokens")
        if self.micro_batch_pairs and self.pairs_per_step % self.micro_batch_pairs:
            raise UsageError(
                f"micro_batch_pairs {self.micro_batch_pairs} does not divide "
                f"pairs_per_step {self.pairs_per_step}"
            )


def default_learning_rate(n_parameters: int) -> float:
    """Peak learning rate for full fine-tuning of a model of that size.

    The larger the model, the smaller the step it tolerates. Up to about a billion
    parameters the value lies in the range given for fine-tuning BERT (2e-5 to 5e-5; Devlin
    et al. 2019, appendix A.3), its upper end for the smallest models, which move least in
    one epoch; above that it is the 1e-5 of the Llama 2 reward models, and their 5e-6 for the
    largest (Touvron et al. 2023, section 3.2.2).

    >>> [default_learning_rate(n) for n in (22_000_000, 400_000_000, 8_000_000_000)]
    [5e-05, 2e-05, 1e-05]
    """
    if n_parameters < 100_000_000:
        return 5e-5
    if n_parameters < 1_500_000_000:
        return 2e-5
    if n_parameters < 30_000_000_000:
        return 1e-5
    return 5e-6


def micro_batch_pairs(pairs_per_step: int, max_pairs: int) -> int:
    """Largest divisor of ``pairs_per_step`` that is not above ``max_pairs`` (at least 1).

    A divisor, so that every optimiser step holds exactly ``pairs_per_step`` pairs.

    >>> micro_batch_pairs(32, max_pairs=20)
    16
    """
    return max(
        d
        for d in range(1, pairs_per_step + 1)
        if pairs_per_step % d == 0 and (d <= max_pairs or d == 1)
    )
