"""The pytest plug-in, in pytest runs of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from junitparser import JUnitXml

from rmbench.cli.main import invoke


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Results of a baseline and of two candidates, one of them worse."""
    folder = tmp_path_factory.mktemp("checkpoints")
    base = np.random.default_rng(1).normal(1.0, 1.0, 400)
    found = {}
    for name, margin in {"old": base, "same": base, "worse": base - 0.7}.items():
        rows = [
            {"id": f"p{i}", "scores_chosen": [float(m)], "scores_rejected": [0.0]}
            for i, m in enumerate(margin)
        ]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
        out = folder / name
        assert invoke(["run", f"replay:{folder / name}.jsonl", "--out", str(out), "--json"]) == 0
        found[name] = str(out)
    return found


def run_pytest(
    folder: Path, body: str, *arguments: str, rootdir: bool = True
) -> subprocess.CompletedProcess[str]:
    (folder / "test_checkpoint.py").write_text(body)
    root = ["--rootdir", str(folder)] if rootdir else []
    # Settings of the run that this test is part of must not reach the other.
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist",
         *root, *arguments],
        cwd=folder, env=kept, capture_output=True, text=True, check=False,
    )  # fmt: skip


def outcomes(folder: Path, calls: dict[str, str], *arguments: str) -> dict[str, str]:
    """The message of each call's test in one run of pytest; empty where it passed."""
    body = "".join(
        f"def test_{name}(rmbench_gate):\n    rmbench_gate({call})\n"
        for name, call in calls.items()
    )
    done = run_pytest(folder, body, "--junitxml", "found.xml", *arguments)
    cases = [case for suite in JUnitXml.fromfile(str(folder / "found.xml")) for case in suite]
    found = {
        case.name.removeprefix("test_"): "".join(r.text or r.message for r in case.result)
        for case in cases
    }
    assert done.returncode == int(any(found.values())), done.stdout
    return found


def test_a_checkpoint_is_asserted_on(runs: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "gates.toml").write_text("fail_if = ['accuracy:2pp']\n")
    same, worse, old = (repr(runs[name]) for name in ("same", "worse", "old"))
    expected = {
        "fine": (f"{same}, fail_if=['accuracy:2pp', 'accuracy<0.5']", ""),
        "one_rule": (f"{same}, 'accuracy:2pp'", ""),
        "loss": (f"{worse}, fail_if=['accuracy:2pp']", "FAIL accuracy:2pp worse on re"),
        "open": (f"{same}, fail_if=['accuracy:0pp']", "inconclusive accuracy:0pp"),
        "open_may_pass": (f"{same}, fail_if=['accuracy:0pp'], strict=False", ""),
        "no_suite": (f"{same}, fail_if=['rm-bench/accuracy:9pp']", "no result on the suite"),
        "threshold": (f"{same}, fail_if=['accuracy<0.99']", "below 99.00 %"),
        "no_metric": (f"{same}, fail_if=['acuracy:1pp']", "rmbench: unknown metric 'acuracy'"),
        "no_rule": (f"{same}", "rmbench_gate was given no rule"),
        "no_candidate": ("'nowhere', fail_if=['accuracy:1pp']", "nowhere"),
        "file": (f"{same}, gates='gates.toml'", ""),
        "file_fails": (f"{worse}, gates='gates.toml'", "FAIL"),
        "own_baseline": (f"{worse}, fail_if=['accuracy:2pp'], baseline={worse}", ""),
        "own_baseline_fails": (f"{worse}, fail_if=['accuracy:2pp'], baseline={old}", "FAIL"),
    }
    calls = {name: call for name, (call, _) in expected.items()}
    found = outcomes(tmp_path, calls, f"--rmbench-baseline={runs['old']}")
    assert list(found) == list(expected)
    for name, (_, message) in expected.items():
        assert bool(found[name]) == bool(message), f"{name}: {found[name]}"
        assert message in " ".join(found[name].split())


def test_a_baseline_outside_the_project_leaves_its_tests_their_names(
    runs: dict[str, str], tmp_path: Path
) -> None:
    body = f"def test_it(rmbench_gate):\n    rmbench_gate({runs['same']!r}, 'accuracy:2pp')\n"
    assert not Path(runs["old"]).is_relative_to(tmp_path)
    baseline = f"--rmbench-baseline={runs['old']}"
    done = run_pytest(tmp_path, body, "-rA", baseline, rootdir=False)
    assert done.returncode == 0, done.stdout
    assert "PASSED test_checkpoint.py::test_it" in done.stdout.splitlines()


def test_an_error_is_shown_without_how_it_came(runs: dict[str, str], tmp_path: Path) -> None:
    calls = [f"{runs['same']!r}, fail_if=['acuracy<1']", f"{runs['same']!r}, 'accuracy<0.99'"]
    body = "".join(
        f"def test_{k}(rmbench_gate):\n    rmbench_gate({call})\n" for k, call in enumerate(calls)
    )
    done = run_pytest(tmp_path, body)
    assert done.returncode == 1
    assert "rmbench: unknown metric 'acuracy'" in done.stdout
    assert "gate did not pass" in done.stdout
    for word in ("During handling", "Traceback", "UnknownNameError", "pytest_plugin.py"):
        assert word not in done.stdout, done.stdout


def test_without_a_baseline_a_loss_never_passes_and_a_threshold_is_judged(
    runs: dict[str, str], tmp_path: Path
) -> None:
    same = repr(runs["same"])
    calls = {
        "loss": f"{same}, fail_if=['accuracy:2pp']",
        "low": f"{same}, fail_if=['accuracy<.5']",
        "high": f"{same}, fail_if=['accuracy<.99']",
    }
    found = outcomes(tmp_path, calls)
    assert "rule 'accuracy:2pp' needs a baseline: pytest --rmbench-baseline=DIR" in found["loss"]
    assert found["low"] == ""
    assert "below 99.00 %" in found["high"]


def test_a_baseline_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, "def test_it(): pass\n", "--rmbench-baseline=nowhere")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--rmbench-baseline nowhere: no such folder" in done.stderr


def test_the_fixture_is_listed_with_its_help(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, "def test_it(): pass\n", "--fixtures")
    assert re.search(
        r"^rmbench_gate.*\n\s+A function that fails the test", done.stdout, re.MULTILINE
    )


def test_pytest_without_the_fixture_imports_nothing_of_rmbench(tmp_path: Path) -> None:
    body = (
        "import sys\n"
        "def test_it():\n"
        "    ours = {m for m in sys.modules if m.split('.')[0] == 'rmbench'}\n"
        "    assert ours == {'rmbench', 'rmbench.pytest_plugin'}, ours\n"
        "    assert not {'numpy', 'torch', 'pydantic', 'click'} & set(sys.modules)\n"
    )
    done = run_pytest(tmp_path, body, "-p", "no:hypothesispytest", "-p", "no:benchmark")
    assert done.returncode == 0, done.stdout
