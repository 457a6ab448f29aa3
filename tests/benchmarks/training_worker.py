"""What the process of one training arm does: make the trainer, take steps when told to."""

from __future__ import annotations

import os
import resource
import sys
import time
from contextlib import redirect_stdout, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import transformers
from transformers import PrinterCallback, TrainerCallback, TrainingArguments

from benchmarks.arms import random_subject
from benchmarks.shapes import SHAPES
from benchmarks.training import Done, Ready, Stepped, TrainingArm, TrainingTask
from rmbench.engine.device import device_facts
from rmbench.engine.loading import load_sequence_classifier
from rmbench.engine.tally import BatchShape
from rmbench.throughput.flops import ForwardCost, peak_rate, synchronise
from rmbench.train.collate import PairCollator
from rmbench.train.lora import add_adapters
from rmbench.train.model import disable_dropout, ensure_pad_token
from rmbench.train.pairs import EncodedExample
from rmbench.train.trainer import PairwiseTrainer

_RESET_PEAK = Path("/proc/self/clear_refs")


def work(task: TrainingTask, arm: TrainingArm, connection: Connection) -> None:
    """Train as the arm does, one step for each message that comes."""
    transformers.logging.set_verbosity_error()
    device = torch.device(task.device)
    model, tokenizer = _model(task, device)
    with (
        TemporaryDirectory() as folder,
        Path(os.devnull).open("w") as nowhere,
        redirect_stdout(nowhere),
    ):
        trainer = _trainer(task, arm, model, tokenizer, folder)
        trainer.remove_callback(PrinterCallback)
        baton = _Baton(task, connection, _plan(task, arm, model, device))
        baton.hear_losses_of(trainer)
        trainer.add_callback(baton)
        trainer.train()
    connection.send(Done(_peak_memory_bytes(device)))


class _Baton(TrainerCallback):
    """Waits before every step, and tells how long it took and what its loss was.

    A step is timed from the end of the one before it, so that its batch is fetched and
    collated in that time.
    """

    def __init__(self, task: TrainingTask, connection: Connection, ready: Ready) -> None:
        self._device = torch.device(task.device)
        self._connection = connection
        self._ready = ready
        self._loss: torch.Tensor | None = None
        self._since = 0.0

    def hear_losses_of(self, trainer: Any) -> None:
        """Keep what ``training_step`` returns: the loss of a forward, or of all of a step."""
        inner = trainer.training_step

        def training_step(*args: Any, **kwargs: Any) -> torch.Tensor:
            loss: torch.Tensor = inner(*args, **kwargs)
            self._loss = loss if self._loss is None else self._loss + loss
            return loss

        trainer.training_step = training_step

    def _wait(self) -> None:
        self._connection.recv()
        self._since = time.perf_counter()

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        _forget_peak_memory(self._device)
        self._connection.send(self._ready)
        self._wait()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        synchronise(self._device)
        taken = time.perf_counter() - self._since
        assert self._loss is not None
        self._connection.send(Stepped(taken, self._loss.item()))
        self._loss = None
        self._wait()


def _model(task: TrainingTask, device: torch.device) -> tuple[Any, Any]:
    if task.model in SHAPES:
        # Frozen weights are kept in half precision, as everybody keeps them.
        dtype = torch.float32 if task.lora_rank is None else torch.bfloat16
        subject = random_subject(SHAPES[task.model], device, dtype)
        model, tokenizer = subject.model, subject.tokenizer
    else:
        loaded = load_sequence_classifier(task.model, dtype=torch.float32)
        model, tokenizer = loaded.model, loaded.tokenizer
    disable_dropout(model)
    ensure_pad_token(model, tokenizer)
    if task.lora_rank is not None:
        add_adapters(model, base=task.model, rank=task.lora_rank, alpha=2.0 * task.lora_rank)
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
    return model, tokenizer


def shared_arguments(task: TrainingTask, folder: str) -> dict[str, Any]:
    """What both trainers are told."""
    return {
        "output_dir": folder,
        "per_device_train_batch_size": task.pairs_per_step,
        "num_train_epochs": 1,
        "learning_rate": 1e-5,
        "max_grad_norm": 1.0,
        "bf16": task.bf16,
        "activation_checkpointing": False,
        "train_sampling_strategy": "sequential",
        "logging_steps": 1_000_000,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": task.device == "cpu",
        "dataloader_pin_memory": task.device == "cuda",
        "disable_tqdm": True,
        "seed": 0,
    }


def _trainer(task: TrainingTask, arm: TrainingArm, model: Any, tokenizer: Any, folder: str) -> Any:
    arguments = shared_arguments(task, folder) | arm.arguments
    if arm.kind == "ours":
        return PairwiseTrainer(model, TrainingArguments(**arguments), train_dataset=task.examples)
    # Here, because they take seconds to import and only this arm needs them.
    from datasets import Dataset
    from trl import RewardConfig, RewardTrainer

    columns = {
        "chosen_ids": [e.chosen[0].input_ids for e in task.examples],
        "rejected_ids": [e.rejected[0].input_ids for e in task.examples],
    }
    return RewardTrainer(
        model=model,
        args=RewardConfig(**{"max_length": None} | arguments),
        train_dataset=Dataset.from_dict(columns),
        processing_class=tokenizer,
    )


def _plan(task: TrainingTask, arm: TrainingArm, model: Any, device: torch.device) -> Ready:
    """Three forwards' arithmetic a step; two where nearly all weights are frozen.

    What is computed again (checkpointing) does not count, and what is left out (rows of the
    last layer that nothing reads) is not taken off.
    """
    cost = ForwardCost.of(model)
    factor = 3.0 if task.lora_rank is None else 2.0
    collator = PairCollator.for_model(model)
    size = arm.arguments.get("per_device_train_batch_size", task.pairs_per_step)
    tokens, flops = [], []
    for start in range(0, task.steps * task.pairs_per_step, task.pairs_per_step):
        step = task.examples[start : start + task.pairs_per_step]
        shapes: list[BatchShape]
        if arm.kind == "ours":
            shapes = [_own_shape(e, collator) for e in step]
        else:
            batches = (step[i : i + size] for i in range(0, len(step), size))
            shapes = [BatchShape.of_padded(len(t) for e in b for t in e.texts) for b in batches]
        tokens.append(sum(s.tokens for s in shapes))
        flops.append(factor * cost.executed(shapes))
    dtype = torch.bfloat16 if task.bf16 else torch.float32
    return Ready(tuple(tokens), tuple(flops), peak_rate(device_facts(device).name, dtype))


def _own_shape(example: EncodedExample, collator: PairCollator) -> BatchShape:
    lengths = [len(t) for t in example.texts]
    tokens = collator.cost(example)
    shared = (sum(lengths) - tokens) // (len(lengths) - 1)
    return BatchShape(
        rows=len(lengths),
        tokens=tokens,
        padding_tokens=0,
        useful_tokens=sum(lengths),
        attention_square=sum(n**2 for n in lengths) - (len(lengths) - 1) * shared**2,
    )


def _forget_peak_memory(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    # Loading a model may take more than training it. Not every kernel forgets.
    with suppress(OSError):
        _RESET_PEAK.write_text("5")


def _peak_memory_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
