"""docs/ci.md and action.yml: valid, strict, and every command of theirs runs."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
from math import floor, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from gate_examples import binary, comparison, estimate, result
from junitparser import JUnitXml

from rmbench.cli.main import invoke
from rmbench.gate import judge as judge_rules
from rmbench.gate import read_rules
from rmbench.gate.words import change
from rmbench.result import write_run

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [body for found, body in BLOCKS if found == language]


def commands() -> list[str]:
    """Every command of rmbench on the page, of consoles and of jobs."""
    shown = [
        line[2:]
        for body in blocks("console")
        for line in body.splitlines()
        if line.startswith("$ ")
    ]
    for body in blocks("yaml"):
        jobs = yaml.safe_load(body)
        steps = [s.get("run", "") for s in jobs["jobs"]["gate"]["steps"]] if "jobs" in jobs else []
        lines = steps + jobs.get("gate", {}).get("script", [])
        shown += [line for line in lines if line.startswith("rmbench ")]
    return shown


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the results and the file that the page speaks of, and a bad checkpoint."""
    folder = tmp_path_factory.mktemp("project")
    base = np.random.default_rng(2).normal(1.2, 1.0, 600)
    for name, margin in {"baseline": base, "candidate": base, "bad": base - 1.0}.items():
        rows = [
            {"id": f"p{i}", "scores_chosen": [float(m)], "scores_rejected": [0.0]}
            for i, m in enumerate(margin)
        ]
        scores = folder / f"{name}.jsonl"
        scores.write_text("".join(json.dumps(row) + "\n" for row in rows))
        code = invoke(["run", f"replay:{scores}", "--out", str(folder / "runs" / name), "--json"])
        assert code == 0
    speed = result(
        estimate("tokens_per_s", 9.0, unit="tokens/s"), suite="throughput", kind="throughput"
    )
    facts = {"facts": {"pass_s": [0.1, 0.2]}}
    speed = speed.model_copy(update={"provenance": speed.provenance.model_copy(update=facts)})
    write_run(folder / "runs" / "candidate-speed", speed, None)
    (toml,) = blocks("toml")
    (folder / "gates.toml").write_text(toml)
    return folder


# ---- the page ----


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_page_passes(
    command: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    name, *arguments = shlex.split(command)
    assert name == "rmbench"
    assert invoke(arguments) == 0
    for i, argument in enumerate(arguments):
        if argument == "-o":
            assert (project / arguments[i + 1]).stat().st_size > 0


def test_the_page_has_commands_of_every_kind_and_each_gate_is_strict() -> None:
    found = commands()
    judging = [c for c in found if c.startswith(("rmbench compare", "rmbench gate"))]
    assert len(judging) >= 5
    assert len(judging) < len(found)
    assert all("--strict" in shlex.split(c) for c in judging)


@pytest.mark.parametrize("command", [c for c in commands() if c.startswith("rmbench compare")])
def test_a_bad_checkpoint_fails_it(
    command: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    arguments = shlex.split(command.replace("runs/candidate", "runs/bad"))[1:]
    assert invoke(arguments) == 1


def test_every_rule_of_the_pages_table_is_one() -> None:
    table = PAGE.partition("| rule | fails where |")[2].partition("\n\n")[0]
    rules = re.findall(
        r"`([^`]+)`", "\n".join(line.split("|")[1] for line in table.splitlines()[2:])
    )
    assert len(rules) == 9
    for rule in rules:
        assert len(read_rules([rule], None)) == 1


def test_the_pages_smallest_numbers_of_examples_are_the_gates() -> None:
    """An identical checkpoint passes a limit from that n on, and not on one example fewer."""

    def status(rule: str, n: int) -> str:
        report = judge_rules(read_rules([rule], None), [comparison(binary(0, 0, n))], strict=True)
        return report.outcomes[0].status

    table = PAGE.partition("| allowed loss | smallest n |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (\d)pp \| (\d+) \|$", table, re.MULTILINE)
    assert [limit for limit, _ in rows] == ["1", "2", "5"]
    for limit, n in rows:
        k = 1.645**2 * (1 - int(limit) / 100)
        above = (1 + k + sqrt((1 + k) ** 2 - 1)) / (2 * int(limit) / 100)
        assert int(n) == floor(above) + 1
        assert status(f"accuracy:{limit}pp", int(n)) == "pass"
        assert status(f"accuracy:{limit}pp", int(n) - 1) == "inconclusive"
    [found] = judge_rules(
        read_rules(["accuracy:1pp"], None), [comparison(binary(0, 0, 350))], strict=True
    ).outcomes
    assert (
        f"the bound of no difference at all is {change(found.bound or 0, 'fraction')[:-3]} points"
        in (" ".join(PAGE.split()))
    )


def test_the_pages_test_is_one(project: Path) -> None:
    (body,) = blocks("python")
    (project / "test_page.py").write_text(body)
    (shown,) = re.findall(r"`pytest (--rmbench-baseline.*?)`", PAGE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
               *shlex.split(shown), "test_page.py"]  # fmt: skip
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_jobs_of_the_page_give_the_action_what_it_takes() -> None:
    first, second, gitlab = (yaml.safe_load(body) for body in blocks("yaml"))
    (step,) = [s for s in first["jobs"]["gate"]["steps"] if "rmbench" in s.get("uses", "")]
    assert step["with"].keys() <= action()["inputs"].keys()
    assert step["with"]["strict"] == "true"
    assert "uses" in second["jobs"]["gate"]["steps"][-1]
    assert gitlab["gate"]["artifacts"]["reports"]["junit"] == "gate.junit.xml"


# ---- the action ----


def action() -> Any:
    return yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))


def test_the_action_is_whole() -> None:
    found = action()
    assert found["runs"]["using"] == "composite"
    assert found["inputs"]["strict"]["default"] == "true"
    steps = found["runs"]["steps"]
    assert all(("uses" in s) != ("run" in s) for s in steps)
    assert all(s["shell"] == "bash" for s in steps if "run" in s)
    # What a workflow puts in must not become part of a script.
    assert not [s for s in steps if "${{" in s.get("run", "")]
    used = re.findall(r"inputs\.([\w-]+)", json.dumps(found["runs"]) + json.dumps(found["outputs"]))
    assert set(used) == set(found["inputs"])


def judge(project: Path, tmp_path: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """The action's own step, with its inputs as the runner would fill them in."""
    found = action()
    (step,) = [s for s in found["runs"]["steps"] if s.get("id") == "gate"]
    given = {name: i.get("default", "") for name, i in found["inputs"].items()} | {
        name.replace("_", "-"): value for name, value in inputs.items()
    }
    environment = {
        name: given[re.fullmatch(r"\$\{\{ inputs\.([\w-]+) \}\}", text)[1]]  # type: ignore[index] # or the test fails
        for name, text in step["env"].items()
    }
    (tmp_path / "bin").mkdir(exist_ok=True)
    rmbench = tmp_path / "bin" / "rmbench"
    rmbench.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rmbench "$@"\n')
    rmbench.chmod(rmbench.stat().st_mode | stat.S_IEXEC)
    files = {n: str(tmp_path / n) for n in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=project, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
             "GITHUB_ACTIONS": "true", **files, **environment},
    )  # fmt: skip


BOTH = {"candidate": "runs/candidate", "baseline": "runs/baseline"}
RULES = "accuracy:2pp\r\n\n  \nnll:0.05\n"


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({**BOTH, "fail_if": RULES}, 0),
        ({**BOTH, "candidate": "runs/candidate\nruns/bad", "fail_if": RULES}, 1),
        ({**BOTH, "fail_if": "accuracy:0pp"}, 1),
        ({**BOTH, "fail_if": "accuracy:0pp",
          "strict": "false"}, 0),
        ({"candidate": "runs/candidate", "gates": "gates.toml"}, 2),
        ({"candidate": "runs/candidate", "fail_if": "accuracy<0.6"}, 0),
        ({"candidate": "runs/candidate", "fail_if": "accuracy<0.99"}, 1),
        ({**BOTH}, 2),
        ({"candidate": "runs/candidate"}, 2),
        ({"candidate": "runs/candidate", "fail_if": "accuracy<0.6", "strict": "yes"}, 2),
        ({**BOTH, "fail_if": "accuracy<0.6", "strict": "yes\n::error::x"}, 2),
        ({"candidate": "nowhere", "fail_if": "accuracy<0.6"}, 3),
        ({"candidate": "$(touch owned)", "fail_if": "$(touch owned)`touch owned`"}, 2),
    ],
)  # fmt: skip
def test_the_actions_step_ends_as_the_gate_does(
    inputs: dict[str, str], code: int, project: Path, tmp_path: Path
) -> None:
    done = judge(project, tmp_path, **inputs, output=str(tmp_path / "out"))
    assert done.returncode == code, done.stdout + done.stderr
    assert not (project / "owned").exists()
    lines = (tmp_path / "GITHUB_OUTPUT").read_text().splitlines()
    assert lines[1:] == [f"passed={str(code == 0).lower()}"]
    assert (lines[0] == "verdict=error") is (code > 1)
    assert (tmp_path / "GITHUB_STEP_SUMMARY").read_text().count("### rmbench ") == 1
    annotations = [x for x in done.stderr.splitlines() if x.startswith("::error ")]
    assert bool(annotations) is (code > 0)
    assert "\n::error::" not in done.stdout + done.stderr


def test_the_actions_step_leaves_files_summary_and_outputs(project: Path, tmp_path: Path) -> None:
    inputs = {"candidate": "runs/bad", "baseline": "runs/baseline", "fail_if": RULES}
    done = judge(project, tmp_path, **inputs, output=str(tmp_path / "out"))
    assert JUnitXml.fromfile(str(tmp_path / "out" / "gate.junit.xml")).failures == 2
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        f"gate.{ending}" for ending in ("junit.xml", "md", "html", "json")
    }
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == "verdict=fail\npassed=false\n"
    assert "<!-- rmbench:compare -->" in (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    assert "::error title=rmbench%3A accuracy%3A2pp::FAIL: bad" in done.stderr
