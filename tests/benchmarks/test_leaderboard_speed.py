"""Speed of making the leaderboard of 200 models on 30 suites; run with ``make bench``.

No assertion is about time. What is asserted is that nothing was left out, and the size of the
page, which does not depend on the machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.boards import make_apart, write_results
from benchmarks.interleave import record, recorded_clock
from benchmarks.workloads import SMALL

pytestmark = [pytest.mark.bench, pytest.mark.benchmark(timer=recorded_clock)]

N_MODELS, N_SUITES, N_PAIRS = (6, 3, 100) if SMALL else (200, 30, 1000)
PASSES = 1 if SMALL else 2
MOST_BYTES = 10_000_000


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results")
    write_results(out, N_MODELS, N_SUITES, N_PAIRS)
    return out


@pytest.mark.parametrize("examples", [0, 5000])
def test_page(examples: int, results: Path, tmp_path: Path, benchmark: Any) -> None:
    passes = [make_apart(results, tmp_path / "board.html", examples) for _ in range(PASSES)]
    for found in passes:
        assert found["cells"] == found["ranked"] == N_MODELS * N_SUITES
        if not examples:
            assert found["page_bytes"] < MOST_BYTES
    record(benchmark, [found["seconds"] for found in passes])
    benchmark.extra_info["models"] = N_MODELS
    benchmark.extra_info["suites"] = N_SUITES
    benchmark.extra_info["pairs_per_suite"] = N_PAIRS
    benchmark.extra_info["page_bytes"] = passes[0]["page_bytes"]
    benchmark.extra_info["peak_memory_bytes"] = max(found["peak_bytes"] for found in passes)
