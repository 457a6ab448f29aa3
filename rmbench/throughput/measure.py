"""Timing a model on the fixed workload."""

from __future__ import annotations

import statistics
import sys
from typing import Any, NamedTuple

from tqdm import tqdm

from rmbench.engine.scoring import Engine
from rmbench.result.models import Estimate
from rmbench.spec import ThroughputSuite
from rmbench.throughput.arms import UNSORTED_BATCH
from rmbench.throughput.estimates import Yardsticks, arm_estimates, executed_flops, own_estimates
from rmbench.throughput.flops import ForwardCost, cost_obstacle, matmul_rate, peak_rate
from rmbench.throughput.memory import PeakMemory
from rmbench.throughput.passes import Passes, take_turns
from rmbench.throughput.workload import build_workload
from rmbench.types import conversations


class ThroughputMeasurement(NamedTuple):
    """The estimates, and the raw timings they were made of."""

    estimates: tuple[Estimate, ...]
    facts: dict[str, Any]
    pairs: int
    responses: int


def measure_throughput(
    engine: Engine, suite: ThroughputSuite, *, progress: bool = True
) -> ThroughputMeasurement:
    """Time an engine end to end: text in, rewards out.

    The engine's own path gives the whole suite's numbers, each of the suite's arms those of a
    subset of its name. Each timed pass starts and ends with the device idle. Rates are medians
    over the passes, their interval is the range of the passes (which covers the median with
    1 - 2^(1-passes) confidence). Batch latencies come from passes of their own on a device,
    because waiting for it after each batch costs throughput.
    """
    # What is timed is the model, not the memory of an earlier run.
    engine.cache = None
    examples = build_workload(suite)
    items = conversations(examples)
    memory = PeakMemory(engine.device)
    before = matmul_rate(engine.device, engine.dtype)
    with tqdm(
        desc="throughput",
        unit=" passes",
        file=sys.stderr,
        disable=None if progress else True,
        leave=False,
    ) as bar:
        turns = take_turns(engine, suite, items, memory, bar)
    after = matmul_rate(engine.device, engine.dtype)
    obstacle = cost_obstacle(engine.model)
    by = Yardsticks(
        pairs=len(examples),
        cost=ForwardCost.of(engine.model) if obstacle is None else f"not counted: {obstacle}",
        # The machine at its best: whatever else it did can only have slowed it down.
        matmul_flops_per_s=max(before, after),
        peak_flops_per_s=_peak(engine),
        memory=memory,
    )
    estimates = [*own_estimates(turns, by)]
    for arm in suite.arms:
        estimates += arm_estimates(turns, arm, by)
    facts: dict[str, Any] = {
        "own_arm": turns.own_arm,
        **_pass_facts(turns.own, by),
        "batch_latency_s": {
            "n": len(turns.latency_s),
            "mean": statistics.fmean(turns.latency_s),
        },
        "arms": {
            arm: {"not timed": turns.obstacles[arm]}
            if arm in turns.obstacles
            else {"turns": list(turns.arms[arm].seconds), **_pass_facts(turns.arms[arm], by)}
            for arm in suite.arms
            if arm != turns.own_arm
        },
        "matmul_flops_per_s": {"before": before, "after": after},
        "timed": "end to end: encoding, planning, forward passes, rewards read back",
        "unsorted_batch": UNSORTED_BATCH,
        "peak_memory": memory.meaning,
    }
    return ThroughputMeasurement(tuple(estimates), facts, len(examples), len(items))


def _pass_facts(passes: Passes, by: Yardsticks) -> dict[str, Any]:
    flops = executed_flops(passes, by)
    return {
        "pass_s": passes.pass_s,
        "batches_per_pass": len(passes.shapes),
        "useful_tokens_per_pass": int(passes.n_tokens.sum()),
        "executed_tokens_per_pass": sum(s.tokens for s in passes.shapes),
        "padding_tokens_per_pass": sum(s.padding_tokens for s in passes.shapes),
        **({"executed_flops_per_pass": flops} if flops is not None else {}),
    }


def _peak(engine: Engine) -> float | str:
    name = engine.facts().name
    dtype = str(engine.dtype).removeprefix("torch.")
    return peak_rate(name, engine.dtype) or f"no published {dtype} peak is known for {name}"
