"""Two timings side by side, from results on disk to the exit code and pytest-benchmark."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gate_examples import estimate, result

from rmbench.cli.main import invoke
from rmbench.result import EngineProvenance, Environment, write_run

PASSES = list(np.linspace(0.98, 1.02, 7))


def timed(out: Path, seconds: float, *, cpu: str = "cpu A", dtype: str = "float32") -> Path:
    """A result of the throughput suite whose passes took about so long."""
    found = result(
        estimate("tokens_per_s", 1000 / seconds, unit="tokens/s"),
        estimate("latency_p95_s", seconds / 10, unit="s"),
        estimate("peak_memory_bytes", 2e9, unit="bytes"),
        suite="throughput",
        kind="throughput",
    )
    engine = EngineProvenance(
        path="packed", reason="", device="cpu", dtype=dtype, max_length=None, batch_tokens=2048,
        batches=1, executed_tokens=1, useful_tokens=1,
    )  # fmt: skip
    facts: dict[str, Any] = {
        "pass_s": [seconds * p for p in PASSES],
        "useful_tokens_per_pass": 1000,
        "executed_tokens_per_pass": 1200,
    }
    environment = Environment(python="3", platform="p", cpu=cpu, threads=2)
    provenance = found.provenance.model_copy(
        update={"engine": engine, "environment": environment, "facts": facts}
    )
    return write_run(out, found.model_copy(update={"provenance": provenance}), None).path


@pytest.mark.parametrize(
    ("seconds", "rules", "code"),
    [
        (1.0, ["tokens_per_s:5%"], 0),
        (0.5, ["tokens_per_s:5%"], 0),
        (1.2, ["tokens_per_s:5%"], 1),
        (1.2, ["tokens_per_s:30%"], 0),
        (1.0, ["latency_p95_s:5%"], 2),  # there is no test of it, and what is not judged stops
        (1.0, ["peak_memory_bytes:5%"], 2),
        (1.0, ["latency_p95_s>1", "tokens_per_s<100"], 0),
        (1.0, ["accuracy:1pp"], 2),
    ],
)
def test_exit_codes_of_rules_about_speed(
    tmp_path: Path, seconds: float, rules: list[str], code: int
) -> None:
    a, b = timed(tmp_path / "a", 1.0), timed(tmp_path / "b", seconds)
    given = [x for rule in rules for x in ("--fail-if", rule)]
    assert invoke(["compare", str(a), str(b), *given]) == code


def test_other_hardware_cannot_be_judged_and_another_format_can(tmp_path: Path) -> None:
    a = timed(tmp_path / "a", 1.0)
    other = timed(tmp_path / "b", 1.0, cpu="cpu B")
    half = timed(tmp_path / "c", 0.5, dtype="bfloat16")
    rule = ["--fail-if", "tokens_per_s:5%"]
    assert invoke(["compare", str(a), str(other), *rule]) == 2
    assert invoke(["compare", str(a), str(half), *rule]) == 0


def test_speeds_of_one_name_are_told_apart_and_shown_as_ratios(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = timed(tmp_path / "a", 1.0), timed(tmp_path / "b", 1.25)
    out_md = tmp_path / "c.md"
    assert invoke(["compare", str(a), str(b), "-o", str(out_md)]) == 0
    out = capsys.readouterr().out
    first = " ".join(out.split("\n\n")[0].split())
    assert first == (
        "new (b) against new (a) on throughput: 800 against 1,000 tokens/s, 0.800 times, "
        "p = .001: regression"
    )
    rows = {line[:12].strip(): line.split() for line in out.splitlines() if " × " in line}
    assert rows["latency p95"][-3:] == ["–", "not", "tested"]
    assert "1.250" in rows["latency p95"]
    assert max(map(len, out.splitlines())) <= 80
    assert "| ratio" in " ".join(out_md.read_text().split())


def test_pytest_benchmark_compares_the_exports(tmp_path: Path) -> None:
    for name, seconds in (("a", 1.0), ("b", 1.25)):
        folder = timed(tmp_path / name, seconds)
        assert invoke(["report", str(folder), "-o", str(tmp_path / f"{name}.benchmark.json")]) == 0
    done = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", "compare",
         "a.benchmark.json", "b.benchmark.json", "--csv", "both.csv"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "throughput[new]" in done.stdout
    table = (tmp_path / "both.csv").read_text()
    medians = sorted(
        json.loads((tmp_path / f"{n}.benchmark.json").read_text())["benchmarks"][0]["stats"][
            "median"
        ]
        for n in "ab"
    )
    assert medians == pytest.approx([1.0, 1.25])
    assert "1.25" in table
