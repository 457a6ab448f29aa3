"""Timing a model on the fixed workload."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from rmbench.engine.scoring import Engine
from rmbench.result.models import Estimate
from rmbench.spec import ThroughputSuite
from rmbench.throughput.flops import forward_flops, matmul_rate, peak_rate, synchronise
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

    Warm-up passes are thrown away; each timed pass starts and ends with the device idle.
    Batch latencies come from passes of their own, because waiting for the device after
    each batch costs throughput. Rates are medians over the passes, their interval is the
    range of the passes (which covers the median with 1 - 2^(1-passes) confidence).
    """
    # What is timed is the model, not the memory of an earlier run.
    engine.cache = None
    examples = build_workload(suite)
    items = conversations(examples)
    device = engine.device
    with tqdm(
        total=suite.warmup_passes + 2 * suite.passes,
        desc="throughput",
        unit=" passes",
        file=sys.stderr,
        disable=None if progress else True,
        leave=False,
    ) as bar:
        for _ in range(suite.warmup_passes):
            engine.score(items)
            bar.update()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        pass_s: list[float] = []
        for _ in range(suite.passes):
            synchronise(device)
            start = time.perf_counter()
            batch = engine.score(items)
            synchronise(device)
            pass_s.append(time.perf_counter() - start)
            bar.update()
        useful_tokens = int(batch.n_tokens.sum())
        shapes = engine.shapes
        latency_s = _latencies(engine, lambda: engine.score(items), suite.passes, bar)
    peak_memory = _peak_memory_bytes(device)
    flops = forward_flops(engine.model, shapes)
    rate = matmul_rate(device, engine.dtype)
    executed_tokens = sum(s.tokens for s in shapes)
    padding_tokens = sum(s.padding_tokens for s in shapes)
    peak = peak_rate(engine.facts().name, engine.dtype)

    def rate_of(metric: str, amount: float, unit: str) -> Estimate:
        return _rate(metric, amount, pass_s, unit)

    estimates = [
        rate_of("pairs_per_s", len(examples), "pairs/s"),
        rate_of("tokens_per_s", useful_tokens, "tokens/s"),
        rate_of("executed_tokens_per_s", executed_tokens, "tokens/s"),
        *(
            _plain(f"latency_p{q}_s", float(np.percentile(latency_s, q)), "s", len(latency_s))
            for q in (50, 95, 99)
        ),
        _plain("peak_memory_bytes", float(peak_memory), "bytes", suite.passes),
        _plain("padding_fraction", padding_tokens / executed_tokens, "fraction", len(shapes)),
        _plain("matmul_flops_per_s", rate, "FLOP/s", 1),
        rate_of("model_flops_per_s", flops, "FLOP/s"),
        rate_of("matmul_fraction", flops / rate, "fraction"),
        rate_of("mfu", flops / peak, "fraction")
        if peak is not None
        else Estimate(
            metric="mfu",
            value=None,
            reason=f"no published {_name(engine.dtype)} peak is known for {engine.facts().name}",
            n=suite.passes,
            unit="fraction",
        ),
    ]
    facts = {
        "pass_s": pass_s,
        "batch_latency_s": {"n": len(latency_s), "mean": statistics.fmean(latency_s)},
        "batches_per_pass": len(shapes),
        "useful_tokens_per_pass": useful_tokens,
        "executed_tokens_per_pass": executed_tokens,
        "model_flops_per_pass": flops,
        "timed": "end to end: encoding, planning, forward passes, rewards read back",
        "peak_memory": "allocated on the device"
        if device.type == "cuda"
        else "resident set of the whole process since its start",
    }
    return ThroughputMeasurement(tuple(estimates), facts, len(examples), len(items))


def _latencies(engine: Engine, run: Callable[[], object], passes: int, bar: Any) -> Sequence[float]:
    latency_s: list[float] = []

    def note(began: float) -> None:
        synchronise(engine.device)
        latency_s.append(time.perf_counter() - began)

    engine.executor.on_batch = note
    try:
        for _ in range(passes):
            run()
            bar.update()
    finally:
        engine.executor.on_batch = None
    return latency_s


def _rate(metric: str, amount: float, pass_s: Sequence[float], unit: str) -> Estimate:
    return Estimate(
        metric=metric,
        value=amount / statistics.median(pass_s),
        ci_low=amount / max(pass_s),
        ci_high=amount / min(pass_s),
        ci_method=f"range of {len(pass_s)} passes",
        n=len(pass_s),
        unit=unit,
    )


def _plain(metric: str, value: float, unit: str, n: int) -> Estimate:
    return Estimate(metric=metric, value=value, n=n, unit=unit)


def _peak_memory_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in kibibytes, macOS in bytes.
    return peak if sys.platform == "darwin" else peak * 1024


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
