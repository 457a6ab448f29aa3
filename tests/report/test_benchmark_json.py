"""The export for pytest-benchmark: its statistics, and its own command on two exported files."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gate_examples import estimate, result
from hypothesis import given
from hypothesis import strategies as st
from pytest_benchmark.stats import Stats

from rmbench.cli.main import invoke
from rmbench.errors import ResultError, UsageError
from rmbench.report.benchmark_json import render_benchmark_json, round_statistics
from rmbench.result import StoredRun, write_run


def timed(name: str, seconds: list[float], arms: Any = None, **environment: Any) -> Any:
    found = result(
        estimate("tokens_per_s", 9000.0, unit="tokens/s"),
        estimate("tokens_per_s", 4000.0, unit="tokens/s", subset="packed"),
        suite="throughput", name=name, kind="throughput",
    )  # fmt: skip
    facts = {"pass_s": seconds, "arms": arms or {}}
    known = found.provenance.environment.model_copy(update=environment)
    provenance = found.provenance.model_copy(update={"facts": facts, "environment": known})
    return found.model_copy(update={"provenance": provenance})


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=30))
def test_the_statistics_are_pytest_benchmarks(seconds: list[float]) -> None:
    oracle = Stats()
    for s in seconds:
        oracle.update(s)
    expected = oracle.as_dict()
    found = round_statistics(seconds)
    assert found.keys() >= expected.keys()
    for name in ("min", "max", "mean", "stddev", "rounds", "median", "q1", "q3", "ops", "total"):
        assert found[name] == pytest.approx(expected[name], rel=1e-9, abs=1e-12), name
    assert found["data"] == seconds


@pytest.mark.parametrize(
    "seconds", [[1.0], [1.0, 2.0], [1.0, 1.1, 1.2, 1.3, 9.0], [0.1, 5.0, 5.1, 5.2, 5.3, 5.35, 20.0]]
)
def test_outliers_are_pytest_benchmarks(seconds: list[float]) -> None:
    oracle = Stats()
    for s in seconds:
        oracle.update(s)
    found = round_statistics(seconds)
    names = ("outliers", "iqr_outliers", "stddev_outliers", "ld15iqr", "hd15iqr")
    assert [found[n] for n in names] == [getattr(oracle, n) for n in names]


def test_pytest_benchmark_compares_two_exported_files(tmp_path: Path) -> None:
    slow = [0.20, 0.21, 0.22, 0.20, 0.21, 0.20, 0.22]
    arms = {"packed": {"pass_s": slow, "turns": []}, "padded": {"not timed": "no memory"}}
    for name, factor in (("before", 1.0), ("after", 0.5)):
        run = write_run(tmp_path / name, timed("my-rm", [factor * s for s in slow], arms), None)
        assert (
            invoke(["report", str(run.path), "-o", str(tmp_path / f"{name}.benchmark.json")]) == 0
        )
    done = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", "--storage", str(tmp_path / "store"), "compare",
         tmp_path / "before.benchmark.json", tmp_path / "after.benchmark.json",
         "--columns", "min,median,max,ops,rounds", "--csv", str(tmp_path / "table.csv")],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Failed to load" not in done.stdout + done.stderr
    assert "benchmark 'throughput': 2 tests" in done.stdout
    assert "benchmark 'throughput: packed': 2 tests" in done.stdout
    # The slower one's median, in units of the faster one's.
    assert re.search(r"\b210\.0+ +\(2\.0+\)", done.stdout)
    assert re.search(r"\b105\.0+ +\(1\.0\)", done.stdout)
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["name"] for row in rows) == [
        *["rmbench/throughput[my-rm, packed]"] * 2, *["rmbench/throughput[my-rm]"] * 2,
    ]  # fmt: skip
    assert {float(row["median"]) for row in rows} == {0.105, 0.21}


def test_what_an_export_holds(tmp_path: Path) -> None:
    run = StoredRun(tmp_path, timed("my-rm", [0.2, 0.3], {"packed": {"pass_s": [0.4]}}))
    other = StoredRun(tmp_path, result(estimate("accuracy", 0.5)))
    body = json.loads(render_benchmark_json([other, run]))
    own, arm = body["benchmarks"]
    assert (own["name"], own["group"]) == ("throughput[my-rm]", "throughput")
    assert (arm["name"], arm["group"]) == ("throughput[my-rm, packed]", "throughput: packed")
    assert own["stats"]["data"] == [0.2, 0.3]
    assert own["extra_info"]["tokens_per_s"] == 9000
    assert arm["extra_info"]["tokens_per_s"] == 4000
    assert body["machine_info"]["cpu"]["brand_raw"] == "test"


def test_names_are_one_visible_line(tmp_path: Path, hostile_text: str) -> None:
    run = StoredRun(tmp_path, timed(hostile_text, [0.2]))
    (benchmark,) = json.loads(render_benchmark_json([run]))["benchmarks"]
    assert "\x1b" not in benchmark["name"]
    assert "\n" not in benchmark["fullname"]


def test_results_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    one, two = (StoredRun(tmp_path, timed("a", [0.1], cpu=cpu)) for cpu in ("x", "y"))
    with pytest.raises(UsageError, match="of one machine, and these results are of 2"):
        render_benchmark_json([one, two])
    with pytest.raises(UsageError, match="there is none"):
        render_benchmark_json([StoredRun(tmp_path, result(estimate("accuracy", 0.5)))])
    with pytest.raises(ResultError, match="holds no timed passes"):
        render_benchmark_json([StoredRun(tmp_path, timed("a", []))])
