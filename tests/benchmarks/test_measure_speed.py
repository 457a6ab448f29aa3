"""Speed of measuring a million pairs, on the CPU; run with ``make bench``.

No assertion is about time or memory. What is asserted is that nothing was left out.
"""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.interleave import record, recorded_clock
from benchmarks.measuring import DEPTH, HEADLINE, run_apart
from benchmarks.workloads import SMALL

pytestmark = [pytest.mark.bench, pytest.mark.benchmark(timer=recorded_clock)]

N_PAIRS = 20_000 if SMALL else 1_000_000
PASSES = 1 if SMALL else 3


@pytest.mark.parametrize(("which", "names"), [("headline", HEADLINE), ("depth", DEPTH)])
def test_measure(which: str, names: tuple[str, ...], benchmark: Any) -> None:
    passes = [run_apart(N_PAIRS, which) for _ in range(PASSES)]
    for found in passes:
        assert found["estimates"] > len(names)
        assert found["undefined"] == 0
    record(benchmark, [found["seconds"] for found in passes])
    benchmark.extra_info["pairs"] = N_PAIRS
    benchmark.extra_info["metrics"] = len(names)
    benchmark.extra_info["peak_memory_bytes"] = max(found["peak_bytes"] for found in passes)
