"""What a training run is asked to do, and what it does unasked; loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmbench.spec import TrainConfig, load_training
from rmbench.spec.base import read_toml
from rmbench.train.state import recorded_config

__all__ = [
    "LORA_ALPHA",
    "PRESETS",
    "Preset",
    "TrainConfig",
    "load_config",
    "micro_batch_pairs",
    "preset_for",
]

_LORA_LR_FACTOR = 10
"""Of the learning rate of full fine-tuning: Schulman et al. (2025, "LoRA without regret") find
the best rate of adapters ten times as high across models and data."""

LORA_ALPHA = 32
"""As in the same work, where with it one learning rate suits all ranks."""


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings for models up to a size, taken where a run asks for nothing else.

    Attributes:
        below_parameters: Models with fewer parameters than this.
        lr: Peak learning rate of full fine-tuning.
        pairs_per_step: Examples per optimiser step.
        max_length: Most tokens of a conversation, where the model's positions allow them.
        epochs: Passes over the data.
        why: Where the numbers come from.
    """

    below_parameters: float
    lr: float
    pairs_per_step: int
    max_length: int
    epochs: float
    why: str


PRESETS = (
    Preset(
        100e6, 5e-5, 32, 1024, 1.0,
        "the upper ends of the ranges for fine-tuning BERT, learning rates 2e-5 to 5e-5 and "
        "batches of 16 or 32 (Devlin et al. 2019, appendix A.3): the smallest models move least "
        "in one epoch",
    ),
    Preset(
        1.5e9, 2e-5, 64, 1024, 1.0,
        "the lower end of that range of learning rates; 64 prompts per step as InstructGPT's "
        "reward model (Ouyang et al. 2022, appendix C.2)",
    ),
    Preset(
        30e9, 1e-5, 64, 2048, 1.0,
        "9e-6 and 64 prompts per step for InstructGPT's 6 B reward model (Ouyang et al. 2022, "
        "appendix C.2), 1e-5 for Llama 2's but the largest (Touvron et al. 2023, section "
        "3.2.2); twice the length, as answers of chat models are longer than when those were "
        "trained",
    ),
    Preset(
        float("inf"), 5e-6, 64, 2048, 1.0,
        "5e-6 for Llama 2's 70 B reward model (Touvron et al. 2023, section 3.2.2)",
    ),
)  # fmt: skip
"""One epoch throughout: reward models overfit on the second (Ouyang et al. 2022, appendix C.2;
Touvron et al. 2023, section 3.2.2)."""


def preset_for(n_parameters: int, *, lora: bool = False) -> Preset:
    """Settings for a model of that size.

    >>> [preset_for(n).lr for n in (22_000_000, 400_000_000, 8_000_000_000)]
    [5e-05, 2e-05, 1e-05]
    >>> preset_for(8_000_000_000, lora=True).lr
    0.0001
    """
    preset = next(p for p in PRESETS if n_parameters < p.below_parameters)
    if not lora:
        return preset
    return Preset(
        preset.below_parameters,
        preset.lr * _LORA_LR_FACTOR,
        preset.pairs_per_step,
        preset.max_length,
        preset.epochs,
        f"{preset.why}; ten times the learning rate for adapters (Schulman et al. 2025)",
    )


def load_config(file: Path | None, given: Mapping[str, Any]) -> TrainConfig:
    """What a call asks for: its options over those of a file, over what a resumed run began with.

    Args:
        file: A TOML file with fields of ``TrainConfig``; ``None`` for none.
        given: Fields from the command line, without those that were not given.

    Raises:
        UsageError: If a field is unknown, missing or impossible; it is named.
        TrainingError: If the checkpoint to resume from cannot be read.
    """
    body = read_toml(file) if file is not None else {}
    said = {**body, **given}
    recorded = {}
    if said.get("resume") and isinstance(said.get("out"), str | Path):
        recorded = recorded_config(Path(said["out"]))
    return load_training(file, given, recorded=recorded)


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
