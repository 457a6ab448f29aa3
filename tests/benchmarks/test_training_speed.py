"""Speed and memory of training, ours against TRL's own trainer; run with ``make bench-train``.

No assertion is about time or memory. What is asserted is that all learn the same: the losses
of every step agree, so that the times mean something.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.interleave import record, recorded_clock
from benchmarks.training import TrainingArm, TrainingComparison, TrainingTask, train_in_turns
from benchmarks.training_facts import training_facts
from benchmarks.training_tasks import (
    CUDA_PAIRS_PER_STEP,
    MINILM,
    PAIRS_PER_STEP,
    SMOLLM2,
    Source,
    random_task,
)
from benchmarks.training_worker import work
from benchmarks.workloads import SMALL
from rmbench.engine.device import multiplies_bfloat16

pytestmark = [pytest.mark.bench, pytest.mark.benchmark(timer=recorded_clock)]

ARMS = {
    arm.name: arm
    for arm in (
        TrainingArm("ours", "**rmbench**", "ours"),
        TrainingArm("trl", "TRL", "trl"),
        TrainingArm(
            "trl-defaults",
            "TRL with its defaults (gradient checkpointing)",
            "trl",
            {"activation_checkpointing": True, "max_length": 1024, "logging_steps": 10},
        ),
        TrainingArm(
            "trl-liger",
            "TRL with Liger kernels",
            "trl",
            {"use_liger_kernel": True, "optim": "adamw_torch_fused"},
        ),
    )
}
CPU_ARMS = ("ours", "trl", "trl-defaults")

# A step takes TRL half a minute on two cores with SmolLM2, and a few seconds with MiniLM.
TIMED_STEPS = {"smollm2": 1, "minilm": 1} if SMALL else {"smollm2": 12, "minilm": 12}
CUDA_TIMED_STEPS = 1 if SMALL else 36


@dataclass(frozen=True)
class CudaCase:
    """A model that is trained on a GPU.

    Attributes:
        about: For the table's heading.
        lora_rank: Of its adapters; ``None`` trains all weights.
        forward_pairs: Pairs of a forward of TRL's, so that it fits; it adds up gradients.
        memory_bytes: What two trainers need at once.
    """

    about: str
    lora_rank: int | None
    forward_pairs: int
    memory_bytes: float


CUDA_CASES = {
    "qwen2.5-0.5b": CudaCase("Qwen2.5-0.5B's shape, all weights", None, 8, 64e9),
    "llama-3.1-8b": CudaCase("Llama-3.1-8B's shape, LoRA of rank 16", 16, 1, 76e9),
}

LARGEST_GAP = {False: 1e-4, True: 0.02}
"""Most that the losses of a step may differ, by whether they are computed in bfloat16."""


def _dtypes() -> list[bool]:
    """Precisions to train in: the native one, or those that ``RMBENCH_BENCH_DTYPES`` names."""
    given = os.environ.get("RMBENCH_BENCH_DTYPES")
    if given:
        return [name == "bfloat16" for name in given.split(",")]
    return [multiplies_bfloat16()]


def _precision(bf16: bool) -> str:
    return "bfloat16" if bf16 else "float32"


@cache
def _compared(task: TrainingTask, theirs: str) -> TrainingComparison:
    """Ours and one of TRL's arms: more would not fit into 24 GB, of which TRL takes 13."""
    return train_in_turns(task, [ARMS["ours"], ARMS[theirs]], work)


@cache
def _task(source: Source, folder: Path, data: Path, bf16: bool) -> TrainingTask:
    return source.task(
        folder,
        data,
        timed_steps=TIMED_STEPS[source.name],
        bf16=bf16,
        pairs_per_step=2 if SMALL else PAIRS_PER_STEP,
    )


def _check_and_record(comparison: TrainingComparison, name: str, benchmark: Any) -> None:
    task = comparison.task
    assert comparison.loss_gap(name, "ours") <= LARGEST_GAP[task.bf16]
    benchmark.group = f"{task.name} {_precision(task.bf16)}"
    record(benchmark, comparison.results[name].timed_s)
    benchmark.extra_info.update(training_facts(comparison, name))


@pytest.mark.parametrize("arm", CPU_ARMS)
@pytest.mark.parametrize("bf16", _dtypes(), ids=_precision)
def test_decoder(
    arm: str, bf16: bool, smollm2_folder: Path, shared_data: Path, benchmark: Any
) -> None:
    task = _task(SMOLLM2, smollm2_folder, shared_data, bf16)
    _check_and_record(_compared(task, "trl" if arm == "ours" else arm), arm, benchmark)


@pytest.mark.parametrize("arm", CPU_ARMS)
@pytest.mark.parametrize("bf16", _dtypes(), ids=_precision)
def test_encoder(
    arm: str, bf16: bool, minilm_folder: Path, shared_data: Path, benchmark: Any
) -> None:
    task = _task(MINILM, minilm_folder, shared_data, bf16)
    _check_and_record(_compared(task, "trl" if arm == "ours" else arm), arm, benchmark)


@cache
def _cuda_compared(shape: str, theirs: str) -> TrainingComparison:
    """Ours and one of TRL's arms: more would not fit on the device at once."""
    case = CUDA_CASES[shape]
    pairs = {"per_device_train_batch_size": case.forward_pairs}
    pairs["gradient_accumulation_steps"] = CUDA_PAIRS_PER_STEP // case.forward_pairs
    arm = ARMS[theirs]
    task = random_task(
        shape, about=case.about, timed_steps=CUDA_TIMED_STEPS, lora_rank=case.lora_rank
    )
    arms = [ARMS["ours"], replace(arm, arguments=arm.arguments | pairs)]
    return train_in_turns(task, arms, work)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("shape", CUDA_CASES)
def test_cuda(shape: str, arm: str, benchmark: Any) -> None:
    needed = CUDA_CASES[shape].memory_bytes
    total = torch.cuda.get_device_properties(0).total_memory
    if total < needed:
        pytest.skip(f"needs {needed / 1e9:.0f} GB; the device has {total / 1e9:.0f} GB")
    if arm == "trl-liger" and find_spec("liger_kernel") is None:
        pytest.skip("the package liger-kernel is not installed")
    theirs = "trl" if arm == "ours" else arm
    _check_and_record(_cuda_compared(shape, theirs), arm, benchmark)
