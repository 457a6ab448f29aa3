"""Trainers timed against each other, step by step in turns, each in a process of its own.

All trainers take the same optimiser steps on the same pairs in the same order, from the same
weights. Trainer after trainer takes one step while the others wait: a machine that slows down
for a while slows down all of them, and each step is compared with the other trainers' step on
the same pairs. A process each, because that is how peak memory can be told apart.
"""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Literal

import numpy as np
import torch

from benchmarks.interleave import Rates, Ratio
from rmbench.throughput.flops import matmul_rate
from rmbench.train.pairs import EncodedExample

WARM_UP_STEPS = 4
"""Steps that are taken and not timed: memory is claimed, kernels are chosen."""

Kind = Literal["ours", "trl"]


@dataclass(frozen=True)
class TrainingArm:
    """One way of training.

    Attributes:
        name: Short name.
        about: What it does, for the table.
        kind: Whose trainer it is.
        arguments: Of its configuration, over those that all arms share.
    """

    name: str
    about: str
    kind: Kind
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingTask:
    """What all arms do.

    Attributes:
        name: Short name.
        about: What is trained on what, for the table's heading.
        model: Folder of the model, or the name of one of ``benchmarks.shapes.SHAPES``, which
            gets random weights.
        examples: One chosen and one rejected answer each, in the order of training.
        pairs_per_step: Pairs in an optimiser step.
        bf16: Whether forward and backward run in bfloat16 autocast; else in float32.
        device: ``cpu`` or ``cuda``.
        lora_rank: Of adapters that alone are trained, with the head; ``None`` trains all.
    """

    name: str
    about: str
    model: str
    examples: tuple[EncodedExample, ...]
    pairs_per_step: int
    bf16: bool
    device: str = "cpu"
    lora_rank: int | None = None

    @property
    def steps(self) -> int:
        """Optimiser steps in one pass over the pairs."""
        return len(self.examples) // self.pairs_per_step

    @property
    def timed_pairs(self) -> int:
        """Pairs of the steps that are timed."""
        return self.pairs_per_step * (self.steps - WARM_UP_STEPS)

    def step_lengths(self, step: int) -> np.ndarray:
        """Tokens of every text of a step (from 0): int64, shape (pairs, 2)."""
        start = step * self.pairs_per_step
        chosen = self.examples[start : start + self.pairs_per_step]
        return np.array([[len(t) for t in e.texts] for e in chosen], np.int64)


@dataclass(frozen=True)
class Ready:
    """The trainer stands before its first step.

    Attributes:
        step_tokens: Tokens each step will compute, padding included, a shared prompt once.
        step_flops: Model arithmetic of each step with so many tokens, forward and backward.
        peak_flops_per_s: The data sheet's, where it is known.
    """

    step_tokens: tuple[int, ...]
    step_flops: tuple[float, ...]
    peak_flops_per_s: float | None


@dataclass(frozen=True)
class Stepped:
    """One step is done: how long it took, fetching its batch included, and its loss."""

    step_s: float
    loss: float


@dataclass(frozen=True)
class Done:
    """Training is over: the most memory the process held from its first step on."""

    peak_memory_bytes: int


@dataclass(frozen=True)
class Broken:
    """The process met an error; its traceback."""

    trace: str


Work = Callable[[TrainingTask, TrainingArm, Connection], None]


@dataclass(frozen=True)
class ArmResult:
    """What an arm took and gave.

    Attributes:
        arm: The arm.
        step_s: Seconds of every step, those of the warm-up included.
        losses: Of every step.
        peak_memory_bytes: Most memory held while training: of the process on a CPU, allocated
            on the device otherwise.
        plan: What it said before its first step.
    """

    arm: TrainingArm
    step_s: tuple[float, ...]
    losses: tuple[float, ...]
    peak_memory_bytes: int
    plan: Ready

    @property
    def timed_s(self) -> tuple[float, ...]:
        """Seconds of the steps after the warm-up."""
        return self.step_s[WARM_UP_STEPS:]

    @property
    def flops_per_s(self) -> float:
        """Model arithmetic per second over the timed steps."""
        return sum(self.plan.step_flops[WARM_UP_STEPS:]) / sum(self.timed_s)

    @property
    def timed_tokens(self) -> int:
        """Tokens computed in the timed steps."""
        return sum(self.plan.step_tokens[WARM_UP_STEPS:])

    def times(self, other: ArmResult) -> Ratio:
        """How many times another arm's time this one takes: over all steps, least, most."""
        turns = [a / b for a, b in zip(self.timed_s, other.timed_s, strict=True)]
        return Ratio(sum(self.timed_s) / sum(other.timed_s), min(turns), max(turns))


@dataclass(frozen=True)
class TrainingComparison:
    """Arms trained in turns, and the rate of a large matrix product before and after."""

    task: TrainingTask
    results: dict[str, ArmResult]
    rates: Rates

    def loss_gap(self, name: str, other: str) -> float:
        """The largest difference of two arms' losses in any step."""
        first, second = self.results[name].losses, self.results[other].losses
        return float(np.abs(np.subtract(first, second)).max())


def train_in_turns(
    task: TrainingTask, arms: Sequence[TrainingArm], work: Work, *, start: str = "spawn"
) -> TrainingComparison:
    """Have all arms take their steps in turns.

    Args:
        task: What they do.
        arms: Each with another name.
        work: What a process does with one of them; see ``benchmarks.training_worker``.
        start: How processes begin, as ``multiprocessing`` calls it.

    Raises:
        RuntimeError: If a process ends before it is done; with its traceback where there is one.
    """
    if task.steps <= WARM_UP_STEPS:
        raise ValueError(f"{task.steps} steps leave none to time after {WARM_UP_STEPS}")
    device = torch.device(task.device)
    dtype = torch.bfloat16 if task.bf16 else torch.float32
    workers = [_Worker(task, arm, work, start) for arm in arms]
    try:
        ready = [worker.receive(Ready) for worker in workers]
        before = matmul_rate(device, dtype)
        steps: list[list[Stepped]] = [[] for _ in arms]
        for turn in range(task.steps):
            # Another one begins each turn, so that none always follows the same.
            for i in np.roll(np.arange(len(arms)), -turn):
                workers[i].go()
                steps[i].append(workers[i].receive(Stepped))
        for worker in workers:
            worker.go()
        done = [worker.receive(Done) for worker in workers]
        rates = Rates(before, matmul_rate(device, dtype))
    finally:
        for worker in workers:
            worker.stop()
    return TrainingComparison(
        task,
        {
            arm.name: ArmResult(
                arm=arm,
                step_s=tuple(s.step_s for s in steps[i]),
                losses=tuple(s.loss for s in steps[i]),
                peak_memory_bytes=done[i].peak_memory_bytes,
                plan=ready[i],
            )
            for i, arm in enumerate(arms)
        },
        rates,
    )


class _Worker:
    """The process of one arm."""

    def __init__(self, task: TrainingTask, arm: TrainingArm, work: Work, start: str) -> None:
        context: Any = multiprocessing.get_context(start)
        self._name = arm.name
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_guarded, args=(work, task, arm, theirs), name=arm.name, daemon=True
        )
        self._process.start()
        theirs.close()

    def go(self) -> None:
        """Let it go on until it next has something to say."""
        self._connection.send(None)

    def receive(self, expected: type[Any]) -> Any:
        """What it has to say."""
        try:
            message = self._connection.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(
                f"{self._name}: its process ended with code {self._process.exitcode}"
            ) from None
        if isinstance(message, Broken):
            raise RuntimeError(f"{self._name}:\n{message.trace}")
        assert isinstance(message, expected), f"{self._name}: {message}"
        return message

    def stop(self) -> None:
        """End it, wherever it is."""
        self._connection.close()
        self._process.join(timeout=2)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _guarded(work: Work, task: TrainingTask, arm: TrainingArm, connection: Connection) -> None:
    try:
        work(task, arm, connection)
    except EOFError:
        # Nobody waits for it any more.
        return
    except BaseException:
        connection.send(Broken(traceback.format_exc()))
        raise
