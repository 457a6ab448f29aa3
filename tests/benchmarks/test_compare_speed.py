"""Speed of comparing two results of 100,000 pairs, on the CPU; run with ``make bench-measure``.

Timed is the whole command, from the start of Python to the printed tables. No assertion is
about time. What is asserted is that nothing was left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from stored_pairs import store

from benchmarks.interleave import record, recorded_clock
from benchmarks.measuring import DEPTH, N_SUBSETS, synthetic
from benchmarks.workloads import SMALL
from rmbench.types import Scores

pytestmark = [pytest.mark.bench, pytest.mark.benchmark(timer=recorded_clock)]

N_PAIRS = 2_000 if SMALL else 100_000
PASSES = 1 if SMALL else 5


def test_compare(tmp_path: Path, benchmark: Any) -> None:
    baseline = synthetic(N_PAIRS)
    noise = np.random.default_rng(1).normal(0, 1, len(baseline))
    candidate = Scores(**{**baseline.columns(), "reward": baseline.reward + noise})
    folders = [
        str(store(tmp_path, name, scores, metrics=DEPTH).path)
        for name, scores in (("baseline", baseline), ("candidate", candidate))
    ]
    command = [sys.executable, "-m", "rmbench", "compare", *folders]
    passes = []
    for _ in range(PASSES):
        start = perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        passes.append(perf_counter() - start)
    report = subprocess.run([*command, "--json"], check=True, capture_output=True)
    [found] = json.loads(report.stdout)["comparisons"]
    assert {e["metric"] for e in found["estimates"]} == set(DEPTH)
    assert len({e["subset"] for e in found["estimates"]}) == 1 + N_SUBSETS
    record(benchmark, passes)
    benchmark.extra_info["pairs"] = N_PAIRS
    benchmark.extra_info["estimates"] = len(found["estimates"])
