"""Timing arms against each other, and handing the timings to pytest-benchmark.

The arms take turns: one pass of each, then the next pass of each. A machine that slows down
for a while slows down all of them, and the ratio of two arms is taken within a turn.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.arms import Arm
from benchmarks.workloads import Workload
from rmbench.engine.tally import BatchShape
from rmbench.throughput.flops import matmul_rate, synchronise


@dataclass(frozen=True)
class Timing:
    """What an arm took and gave.

    Attributes:
        arm: The arm.
        pass_s: Seconds of each pass over the workload.
        scores: Its rewards, float64, shape (responses,).
        shapes: The batches it ran; ``None`` where that is not known.
        peak_memory_bytes: Most memory allocated on the device during a pass, weights
            included; ``None`` on a CPU.
    """

    arm: Arm
    pass_s: tuple[float, ...]
    scores: NDArray[np.float64]
    shapes: tuple[BatchShape, ...] | None
    peak_memory_bytes: int | None

    @property
    def median_s(self) -> float:
        """Seconds of the median pass."""
        return statistics.median(self.pass_s)


@dataclass(frozen=True)
class Ratio:
    """How many times the time of another arm an arm takes.

    Attributes:
        median: Over the turns, each arm's pass divided by the other's in the same turn.
        low: Least of the turns.
        high: Most of the turns.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, timing: Timing, other: Timing) -> Ratio:
        """Compare two arms that were timed together."""
        turns = [a / b for a, b in zip(timing.pass_s, other.pass_s, strict=True)]
        return cls(statistics.median(turns), min(turns), max(turns))


@dataclass(frozen=True)
class Rates:
    """Rate of a large matrix product, in FLOP/s, before and after the timed passes.

    Far apart, they say that the machine was busy with something else.
    """

    before: float
    after: float


@dataclass(frozen=True)
class Comparison:
    """Arms timed together on one workload.

    Attributes:
        workload: What they scored.
        timings: By the arm's name and dtype.
        rates: By dtype.
    """

    workload: Workload
    timings: dict[tuple[str, torch.dtype], Timing]
    rates: dict[torch.dtype, Rates]


def interleave(
    arms: Sequence[Arm],
    workload: Workload,
    *,
    warm_up: Workload,
    passes: int,
    device: torch.device,
) -> Comparison:
    """Time arms in turns.

    Args:
        arms: Each with another name or dtype.
        workload: What they score in each pass.
        warm_up: What they score once before the first turn.
        passes: Number of turns.
        device: Where they run.
    """
    dtypes = list(dict.fromkeys(a.dtype for a in arms))
    for arm in arms:
        arm.bind(warm_up)()
    runs = [arm.bind(workload) for arm in arms]
    before = {d: matmul_rate(device, d) for d in dtypes}
    pass_s: list[list[float]] = [[] for _ in arms]
    scores: list[NDArray[np.float64]] = []
    shapes: list[tuple[BatchShape, ...] | None] = []
    peaks: list[int | None] = []
    for turn in range(passes):
        for i, (arm, run) in enumerate(zip(arms, runs, strict=True)):
            gc.collect()
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            synchronise(device)
            began = time.perf_counter()
            found = run()
            synchronise(device)
            pass_s[i].append(time.perf_counter() - began)
            if turn == 0:
                scores.append(found)
                shapes.append(arm.shapes(workload) if arm.shapes is not None else None)
                peaks.append(
                    torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
                )
    rates = {d: Rates(before[d], matmul_rate(device, d)) for d in dtypes}
    timings = {
        (arm.name, arm.dtype): Timing(arm, tuple(pass_s[i]), scores[i], shapes[i], peaks[i])
        for i, arm in enumerate(arms)
    }
    return Comparison(workload, timings, rates)


@dataclass(frozen=True)
class Agreement:
    """How far an arm's scores are from the reference, in its scores' standard deviation."""

    largest: float
    rms: float

    @classmethod
    def of(cls, scores: NDArray[np.float64], reference: NDArray[np.float64]) -> Agreement:
        """Compare the scores of the same responses, shape (n,).

        >>> Agreement.of(np.array([1.0, 3.5]), np.array([1.0, 3.0]))
        Agreement(largest=0.5, rms=0.353...)
        """
        if scores.shape != reference.shape or not np.isfinite(scores).all():
            raise ValueError(f"{np.isfinite(scores).sum()} scores of {len(reference)}")
        off = (scores - reference) / reference.std()
        return cls(float(np.abs(off).max()), float(np.sqrt((off**2).mean())))


def invariant_share(arm: Arm, workload: Workload, scores: NDArray[np.float64]) -> float:
    """Share of responses whose score keeps every bit when half of the prompts are left out.

    Args:
        arm: The arm.
        workload: What was scored.
        scores: What the arm gave for it.
    """
    kept = workload.distinct_prompts[::2]
    again = arm.bind(workload.take(kept))()
    of_kept = np.concatenate(
        [scores[[i for i, p in enumerate(workload.prompts) if p == k]] for k in kept]
    )
    return float((again == of_kept).mean())


_ticks: deque[float] = deque()


def recorded_clock() -> float:
    """The clock that pytest-benchmark is given: it tells the times of ``record``."""
    return _ticks.popleft()


def record(benchmark: Any, pass_s: Sequence[float]) -> None:
    """Give pytest-benchmark passes that are over; its own rounds cannot take turns.

    The test needs ``@pytest.mark.benchmark(timer=recorded_clock)``.
    """
    _ticks.extend(tick for seconds in pass_s for tick in (0.0, seconds))
    benchmark.pedantic(lambda: None, rounds=len(pass_s), iterations=1)
