"""Throughput results in the format of pytest-benchmark, for its ``compare`` and for dashboards.

A benchmark is a model on the throughput suite, or one way of making batches (arm) of it; a round
is a timed pass. The quartiles are pytest-benchmark's (Hazen's rule).

Source of the format: pytest-benchmark's JSON files, version 5.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rmbench import __version__
from rmbench.errors import ResultError, UsageError
from rmbench.report.text import plain
from rmbench.result import Result, StoredRun


def render_benchmark_json(runs: Sequence[StoredRun]) -> str:
    """The throughput results among some runs; others are left out.

    Raises:
        UsageError: If there is none, or they are from several machines, which the format has
            no place for.
        ResultError: If a result does not hold its passes.
    """
    timed = [run for run in runs if run.result.suite.kind == "throughput"]
    if not timed:
        raise UsageError("a .benchmark.json file holds throughput results, and there is none")
    machines = {json.dumps(_machine(run.result), sort_keys=True) for run in timed}
    if len(machines) > 1:
        raise UsageError(
            "a .benchmark.json file is of one machine, and these results are of "
            f"{len(machines)}: write a file for each"
        )
    body = {
        "machine_info": _machine(timed[0].result),
        "commit_info": {
            "id": "unversioned",
            "time": max(run.result.provenance.created_at for run in timed),
            "project": "rmbench",
            "dirty": False,
            "branch": "(unknown)",
        },
        "benchmarks": [benchmark for run in timed for benchmark in _benchmarks(run)],
        "datetime": max(run.result.provenance.created_at for run in timed),
        "version": "5.0.0",
    }
    return json.dumps(body, indent=4) + "\n"


def round_statistics(seconds: Sequence[float]) -> dict[str, Any]:
    """The statistics of some rounds, as pytest-benchmark computes them.

    Args:
        seconds: Of each round; at least one.

    >>> found = round_statistics([3.0, 1.0, 2.0])
    >>> found["median"], found["q1"], found["q3"], found["rounds"], found["ops"]
    (2.0, 1.25, 2.75, 3, 0.5)
    """
    data = np.sort(np.asarray(seconds, dtype=np.float64))
    q1, q3 = (float(q) for q in np.quantile(data, [0.25, 0.75], method="hazen"))
    mean = statistics.fmean(seconds)
    spread = statistics.stdev(seconds) if len(seconds) > 1 else 0.0
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    by_spread = int(((data < mean - spread) | (data > mean + spread)).sum())
    by_quartile = int(((data < low) | (data > high)).sum())
    return {
        "min": float(data[0]),
        "max": float(data[-1]),
        "mean": mean,
        "stddev": spread,
        "rounds": len(data),
        "median": float(np.median(data)),
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": by_quartile,
        "stddev_outliers": by_spread,
        "outliers": f"{by_spread};{by_quartile}",
        "ld15iqr": float(data[data >= low][0]),
        "hd15iqr": float(data[data <= high][-1]),
        "ops": 1 / mean,
        "total": float(sum(seconds)),
        "data": [float(s) for s in seconds],
        "iterations": 1,
    }


def _benchmarks(run: StoredRun) -> Iterator[dict[str, Any]]:
    facts = run.result.provenance.facts
    if not facts.get("pass_s"):
        raise ResultError(f"{run.path}: holds no timed passes: measure the suite again")
    yield _benchmark(run.result, None, facts["pass_s"])
    for arm, own in facts.get("arms", {}).items():
        if own.get("pass_s"):
            yield _benchmark(run.result, arm, own["pass_s"])


def _benchmark(result: Result, arm: str | None, seconds: Sequence[float]) -> dict[str, Any]:
    suite, scorer = plain(result.suite.name), plain(result.scorer.name)
    case = scorer if arm is None else f"{scorer}, {plain(arm)}"
    engine = result.provenance.engine
    return {
        "group": suite if arm is None else f"{suite}: {plain(arm)}",
        "name": f"{suite}[{case}]",
        "fullname": f"rmbench/{suite}[{case}]",
        "params": {"scorer": scorer, "batches": arm and plain(arm)},
        "param": case,
        "extra_info": {
            "scorer": plain(result.scorer.spec),
            "revision": result.scorer.revision and plain(result.scorer.revision),
            "suite_digest": result.suite.digest,
            "device": engine.device if engine else None,
            "dtype": engine.dtype if engine else None,
            "rmbench_version": result.provenance.rmbench_version,
            **{e.metric: e.value for e in result.estimates if e.subset == arm},
        },
        "options": {"warmup": True},
        "stats": round_statistics(seconds),
    }


def _machine(result: Result) -> dict[str, Any]:
    found = result.provenance.environment
    return {
        "node": "",
        "processor": plain(found.cpu),
        "system": plain(found.platform),
        "python_version": found.python,
        "cpu": {"brand_raw": plain(found.cpu), "count": found.threads},
        "device": found.device and plain(found.device),
        "rmbench": __version__,
    }
