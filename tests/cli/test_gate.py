"""``rmbench gate`` from the outside, and rules given to ``rmbench compare``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gate_examples import estimate, result
from junitparser import JUnitXml

from rmbench.cli.main import invoke
from rmbench.result import GateReport, write_run


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    found = result(
        estimate("accuracy", 0.82, ci_low=0.78, ci_high=0.86), estimate("nll", 0.5, unit="nat")
    )
    return write_run(tmp_path / "runs", found, None).path


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--fail-if", "accuracy<0.80"], 0),
        (["--fail-if", "accuracy<0.83"], 1),
        (["--fail-if", "accuracy<0.80", "--fail-if", "nll>0.4"], 1),
        (["--fail-if", "brier>0.4"], 2),
        (["--fail-if", "rm-bench/accuracy<0.1"], 2),
        (["--fail-if", "accuracy>0.1"], 2),
        (["--fail-if", "accuracy:1pp"], 2),
        (["--fail-if", "acuracy<1"], 2),
        ([], 2),
        (["--strict"], 2),
        (["--gates", "nowhere.toml"], 2),
        (["--fail-if", "accuracy<0.80", "-o", "x.pdf"], 2),
    ],
)
def test_exit_codes(run_folder: Path, arguments: list[str], code: int) -> None:
    assert invoke(["gate", str(run_folder), *arguments]) == code


def test_a_folder_without_results_is_an_error(tmp_path: Path) -> None:
    assert invoke(["gate", str(tmp_path), "--fail-if", "accuracy<0.8"]) == 3


def test_it_prints_one_line_a_rule(run_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    invoke(["gate", str(run_folder), "--fail-if", "accuracy<0.80", "--fail-if", "nll>0.4"])
    out, err = capfd.readouterr()
    assert out == (
        "pass          accuracy<0.80  new on pairs: is 82.00 %, not below 80.00 %\n"
        "FAIL          nll>0.4  new on pairs: is 0.5, above 0.4\n"
        "gate did not pass: 1 failed, 1 passed\n"
    )
    assert err == ""


def test_json_and_files(
    run_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    gates = tmp_path / "gates.toml"
    gates.write_text("[[rule]]\nfail_if = 'accuracy<0.8'\non = 'bound'\n")
    files = [str(tmp_path / f"g{ending}") for ending in (".junit.xml", ".json", ".md", ".html")]
    outputs = [x for name in files for x in ("-o", name)]
    code = invoke(["gate", str(run_folder), "--gates", str(gates), "--json", *outputs])
    out, err = capfd.readouterr()
    report = GateReport.model_validate_json(out)
    assert code == 1
    assert report.outcomes[0].bound == 0.78
    assert GateReport.model_validate_json(Path(files[1]).read_text()) == report
    assert JUnitXml.fromfile(files[0]).failures == 1
    assert err.splitlines() == [f"wrote {name}" for name in files]


def test_in_a_job_the_summary_outputs_and_annotations_are_written(
    run_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert invoke(["gate", str(run_folder), "--fail-if", "accuracy<0.9", "--json"]) == 1
    out, err = capfd.readouterr()
    assert not json.loads(out)["passed"]
    assert err.startswith("::error title=rmbench%3A accuracy<0.9::FAIL: new on pairs: is 82.00 %25")
    assert "<!-- rmbench:gate -->" in (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == "verdict=fail\npassed=false\n"


def test_it_needs_no_torch(run_folder: Path) -> None:
    code = (
        "import sys; from rmbench.cli.main import invoke; "
        f"code = invoke(['gate', {str(run_folder)!r}, '--fail-if', 'accuracy<0.8']); "
        "print(code, sorted({'torch', 'transformers', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "GITHUB_ACTIONS": ""},
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "0 []"


# ---- with a baseline, end to end: two scorers on the same pairs ----


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Results of a baseline, one that is right less often, and one that hardly differs."""
    folder = tmp_path_factory.mktemp("gated")
    rng = np.random.default_rng(0)
    n = 600
    base = rng.normal(1.0, 1.0, n)
    rewards = {
        "old": base,
        "worse": base - 0.6 * (rng.random(n) < 0.8),
        "same": base + rng.normal(0, 0.02, n),
    }
    found = {}
    for name, margin in rewards.items():
        scores = folder / f"{name}.jsonl"
        rows = [
            {"id": f"p{i}", "scores_chosen": [float(m)], "scores_rejected": [0.0]}
            for i, m in enumerate(margin)
        ]
        scores.write_text("".join(json.dumps(row) + "\n" for row in rows))
        out = folder / name
        assert invoke(["run", f"replay:{scores}", "--out", str(out), "--json"]) == 0
        (found[name],) = out.iterdir()
    return found


def compared(
    two_runs: dict[str, Path], *arguments: str, candidates: tuple[str, ...] = ("same",)
) -> int:
    names = [str(two_runs[name]) for name in ("old", *candidates)]
    return invoke(["compare", *names, *arguments])


@pytest.mark.parametrize(
    ("candidates", "rules", "code"),
    [
        (("same",), ["accuracy:3pp"], 0),
        (("same",), ["accuracy:0pp"], 1),  # --strict: nothing shows that nothing is lost
        (("worse",), ["accuracy:1pp"], 1),
        (("worse",), ["accuracy:30pp"], 0),
        (("same", "worse"), ["accuracy:3pp"], 1),
        (("same",), ["accuracy:3pp", "nll:0.05", "accuracy<0.5"], 0),
        (("same",), ["tokens_per_s:5%"], 2),
        (("same",), ["rm-bench/accuracy:3pp"], 2),
        (("same",), ["accuracy@math:3pp"], 2),
    ],
)
def test_compare_judges_rules(
    two_runs: dict[str, Path], candidates: tuple[str, ...], rules: list[str], code: int
) -> None:
    arguments = [x for rule in rules for x in ("--fail-if", rule)]
    assert compared(two_runs, "--strict", *arguments, candidates=candidates) == code


def test_bounds_are_judged_beside_a_baseline_as_without_one(
    two_runs: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """``on = "bound"``: the candidate's own interval, the same under both verbs."""
    [value] = [
        e for e in json.loads((two_runs["same"] / "replay/result.json").read_text())["estimates"]
        if e["metric"] == "accuracy" and e["subset"] is None
    ]  # fmt: skip
    between = (value["ci_low"] + value["value"]) / 2  # the value passes it, its bound does not
    gates = tmp_path / "gates.toml"
    rules = [f"accuracy<{between:.6f}", "nll>0.9", f"accuracy<{value['ci_low'] - 0.01:.6f}"]
    gates.write_text("".join(f"[[rule]]\nfail_if = '{r}'\non = 'bound'\n" for r in rules))
    capfd.readouterr()
    assert compared(two_runs, "--fail-if", rules[0]) == 0
    capfd.readouterr()
    assert compared(two_runs, "--gates", str(gates), "--json") == 1
    beside = json.loads(capfd.readouterr().out)["gate"]["outcomes"]
    assert invoke(["gate", str(two_runs["same"]), "--gates", str(gates), "--json"]) == 1
    alone = json.loads(capfd.readouterr().out)["outcomes"]
    assert [o["status"] for o in beside] == ["fail", "pass", "pass"]
    assert beside[0]["bound"] == pytest.approx(value["ci_low"], abs=1e-12)
    for a, b in zip(beside, alone, strict=True):
        assert a["status"] == b["status"]
        assert a["bound"] == pytest.approx(b["bound"], abs=1e-9)


def test_a_bound_of_seeds_together_is_no_pass(two_runs: dict[str, Path], tmp_path: Path) -> None:
    gates = tmp_path / "gates.toml"
    gates.write_text("[[rule]]\nfail_if = 'accuracy<0.1'\non = 'bound'\n")
    seeds = ("same", "worse")
    assert compared(two_runs, "--replicates", "--gates", str(gates), candidates=seeds) == 2


def test_compare_reports_the_gate(
    two_runs: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[Any]
) -> None:
    capfd.readouterr()
    files = [tmp_path / f"c{ending}" for ending in (".junit.xml", ".json", ".md", ".html")]
    outputs = [x for file in files for x in ("-o", str(file))]
    code = compared(
        two_runs, "--fail-if", "accuracy:1pp", "--json", *outputs, candidates=("same", "worse")
    )
    body = json.loads(capfd.readouterr().out)
    assert code == 1
    statuses = [o["status"] for o in body["gate"]["outcomes"]]
    assert statuses == ["pass", "fail"]
    assert {o["candidate"] for o in body["gate"]["outcomes"]} == {"same", "worse"}
    parsed = JUnitXml.fromfile(str(files[0]))
    assert (parsed.tests, parsed.failures) == (2, 1)
    assert "gate did not pass: 1 failed, 1 passed" in files[2].read_text()
    assert "gate did not pass: 1 failed, 1 passed" in files[3].read_text()
    # The bound is that of the pairs themselves.
    (estimate_,) = [
        e for e in body["comparisons"][1]["estimates"]
        if e["metric"] == "accuracy" and e["subset"] is None
    ]  # fmt: skip
    assert body["gate"]["outcomes"][1]["difference"] == estimate_["difference"]
