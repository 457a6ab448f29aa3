"""From a run's configuration to the arguments of ``transformers.TrainingArguments``."""

from __future__ import annotations

from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainingArguments

from rmbench.engine.device import multiplies_bfloat16
from rmbench.errors import MissingDependencyError, UsageError
from rmbench.spec import TrainConfig
from rmbench.train.output import LOGS_NAME
from rmbench.train.processes import Processes
from rmbench.train.state import Settings

# What a run decides by itself, and the option that is there for it.
_OWN = {
    "output_dir": "--out",
    "per_device_train_batch_size": "--pairs-per-step",
    "per_device_eval_batch_size": "--micro-batch-tokens",
    "gradient_accumulation_steps": "--pairs-per-step",
    "num_train_epochs": "--epochs",
    "max_steps": "--max-steps",
    "learning_rate": "--lr",
    "lr_scheduler_type": "--scheduler",
    "warmup_steps": "--warmup-ratio",
    "weight_decay": "--weight-decay",
    "max_grad_norm": "--max-grad-norm",
    "bf16": "--bf16",
    "seed": "--seed",
    "data_seed": "--seed",
    "logging_steps": "--logging-steps",
    "logging_strategy": "--logging-steps",
    "eval_strategy": "--eval-steps",
    "eval_steps": "--eval-steps",
    "save_strategy": "--save-steps",
    "save_steps": "--save-steps",
    "save_total_limit": "--save-total-limit",
    "load_best_model_at_end": "--keep-best",
    "activation_checkpointing": "--gradient-checkpointing",
    "gradient_checkpointing": "--gradient-checkpointing",
    "label_smoothing_factor": "--label-smoothing",
    "use_cpu": "--device",
    "report_to": "--report-to",
    "resume_from_checkpoint": "--resume",
    "disable_tqdm": None,
    "remove_unused_columns": None,
    "push_to_hub": None,
}


def training_arguments(
    config: TrainConfig,
    settings: Settings,
    *,
    out: Path,
    device: torch.device,
    processes: Processes,
) -> dict[str, Any]:
    """Arguments of a run.

    Raises:
        UsageError: If the configuration's own ``trainer_args`` are unknown or the run's to
            decide, or the processes cannot share a step evenly.
    """
    if settings.pairs_per_step % processes.size:
        raise UsageError(
            f"{settings.pairs_per_step} pairs per step cannot be shared evenly by "
            f"{processes.size} processes: choose another --pairs-per-step"
        )
    own = {
        "output_dir": str(out),
        "per_device_train_batch_size": settings.pairs_per_step // processes.size,
        "gradient_accumulation_steps": 1,
        "num_train_epochs": settings.epochs,
        "max_steps": config.max_steps or -1,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": config.scheduler,
        "warmup_steps": config.warmup_ratio,
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "bf16": settings.bf16_autocast,
        "seed": config.seed,
        "data_seed": config.seed,
        "logging_steps": config.logging_steps,
        "eval_strategy": "steps" if config.eval_steps else "no",
        "eval_steps": config.eval_steps,
        "save_strategy": "steps" if config.save_steps else "no",
        "save_steps": config.save_steps or 500,
        "activation_checkpointing": config.gradient_checkpointing,
        "use_cpu": device.type == "cpu",
        "dataloader_pin_memory": device.type == "cuda",
        "report_to": "wandb" if config.report_to == "wandb" else "none",
        "disable_tqdm": True,
        "remove_unused_columns": False,
    }
    known = {f.name for f in fields(TrainingArguments) if f.init}
    for name in config.trainer_args:
        if name not in known:
            raise UsageError(f"trainer_args: transformers.TrainingArguments has no {name!r}")
        if name in _OWN:
            use = f": use {_OWN[name]}" if _OWN[name] else ""
            raise UsageError(f"trainer_args: {name!r} is decided by the run{use}")
    return own | config.trainer_args


def autocasts(config: TrainConfig, device: torch.device) -> bool:
    """Whether a run computes in bfloat16 autocast."""
    if config.bf16 is not None:
        return config.bf16
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and multiplies_bfloat16()


def check_reporting(config: TrainConfig) -> None:
    """See that what metrics go to is installed.

    Raises:
        MissingDependencyError: If it is not.
    """
    needed = {"none": (), "tensorboard": ("tensorboard", "tensorboardX"), "wandb": ("wandb",)}
    packages = needed[config.report_to]
    if packages and not any(find_spec(p) for p in packages):
        raise MissingDependencyError(
            f"--report-to {config.report_to} needs the package {packages[0]!r}: "
            f"pip install {packages[0]}"
        )


def reporting_callbacks(
    config: TrainConfig, out: Path, processes: Processes
) -> list[TrainerCallback]:
    """What has to be called for ``--report-to``, where the library's own argument is not enough.

    TensorBoard's files go into the run's folder; the library would put them beside the model.
    """
    if config.report_to != "tensorboard" or not processes.is_main:
        return []
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations.integration_utils import TensorBoardCallback

    return [TensorBoardCallback(SummaryWriter(log_dir=str(out / LOGS_NAME)))]
