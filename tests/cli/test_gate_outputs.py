"""Every output of a gate says what its exit code says, whatever a call ends with."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from junitparser import JUnitXml
from stored_pairs import pair_scores, store

from rmbench.cli.main import invoke
from rmbench.result import SuiteRef

ENDINGS = (".junit.xml", ".json", ".md", ".html")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Scorers' folders: a baseline, the same again, one worse, one short, one of other items."""
    folder = tmp_path_factory.mktemp("runs")
    margins = np.random.default_rng(0).normal(1.0, 1.0, 400)
    other = SuiteRef(name="other", version="1", digest="e" * 64, headline="accuracy")
    sets = {
        "old": (margins, margins),
        "same": (margins, None),
        "worse": (margins - 0.8, None),
        "short": (margins[:300], None),
        "mixed": (margins, margins[:300]),
        "worse-mixed": (margins - 0.8, margins[:300]),
    }
    for name, (made, on_other) in sets.items():
        found = store(folder / name, name, pair_scores(made))
        if on_other is not None:
            store(folder / name, name, pair_scores(on_other), suite=other)
        assert found.path.is_relative_to(folder / name)
    return {name: str(folder / name) for name in sets}


@dataclass
class Job:
    """What a step of a job left behind."""

    code: int
    out: str
    err: str
    outputs: dict[str, str]
    summary: str
    annotations: list[str]


Step = Callable[..., Job]


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Step:
    files = {name: tmp_path / name for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for name, file in files.items():
        monkeypatch.setenv(name, str(file))

    def step(*arguments: str) -> Job:
        for file in files.values():
            file.write_text("")
        capfd.readouterr()
        code = invoke(list(arguments))
        out, err = capfd.readouterr()
        lines = files["GITHUB_OUTPUT"].read_text().splitlines()
        return Job(
            code, out, err, dict(line.split("=") for line in lines),
            files["GITHUB_STEP_SUMMARY"].read_text(),
            [line for line in err.splitlines() if line.startswith("::")],
        )  # fmt: skip

    return step


ON_MADE = ("--fail-if", "made/accuracy<0.5")


@pytest.mark.parametrize(
    ("candidate", "arguments", "code", "verdict"),
    [
        ("same", ("--fail-if", "made/accuracy:5pp"), 0, "pass"),
        ("worse", ("--fail-if", "made/accuracy:5pp"), 1, "fail"),
        ("same", ("--fail-if", "made/accuracy:0pp"), 0, "inconclusive"),
        ("same", ("--fail-if", "made/accuracy:0pp", "--strict"), 1, "inconclusive"),
        ("same", ("--fail-if", "rm-bench/accuracy:5pp"), 2, "error"),
        # Too few items are shared, whatever the rules say.
        ("short", ("--allow-partial", *ON_MADE), 1, "fail"),
        ("short", ("--allow-partial", *ON_MADE, "--strict"), 1, "fail"),
        ("short", ("--allow-partial",), 1, "fail"),
        ("short", ("--allow-partial", "--min-coverage", "0.7", *ON_MADE), 0, "pass"),
        ("short", ON_MADE, 2, "error"),
        # A suite that no rule is about must not be compared.
        ("mixed", ON_MADE, 2, "error"),
        ("worse-mixed", ("--fail-if", "made/accuracy:5pp"), 1, "fail"),
        ("mixed", ("--allow-partial", *ON_MADE), 1, "fail"),
    ],
)
def test_all_outputs_agree_with_the_exit_code(
    candidate: str,
    arguments: tuple[str, ...],
    code: int,
    verdict: str,
    runs: dict[str, str],
    tmp_path: Path,
    job: Step,
) -> None:
    gated = "--fail-if" in arguments
    files = {e: tmp_path / f"gate{e}" for e in ENDINGS if gated or e != ".junit.xml"}
    outputs = [x for file in files.values() for x in ("-o", str(file))]
    found = job("compare", runs["old"], runs[candidate], *arguments, *outputs)
    assert found.code == code, found.out + found.err
    passed = code == 0
    assert found.outputs == {"verdict": verdict, "passed": str(passed).lower()}
    line = "gate passed: " if passed else "gate did not pass: "
    assert f"\n{line}" in found.out
    for text in (files[".md"].read_text(), files[".html"].read_text(), found.summary):
        assert line in text
    assert json.loads(files[".json"].read_text())["gate"]["passed"] is passed
    if gated:
        junit = JUnitXml.fromfile(str(files[".junit.xml"]))
        assert (junit.failures + junit.errors == 0) is passed
        assert (junit.failures > 0) is (code == 1)
    assert any(a.startswith("::error ") for a in found.annotations) is not passed


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("compare", "{old}"), 2, "Missing argument"),
        (("compare", "{old}", "{same}", "--strict"), 2, "--strict judges rules"),
        (("compare", "{old}", "{same}", "--no-such-option"), 2, "No such option"),
        (("compare", "{old}", "{same}", "{same}", *ON_MADE), 2, "named twice"),
        (("compare", "{old}", "nowhere", *ON_MADE), 3, "no such file or folder"),
        (("compare", "{old}", "{short}"), 2, "--allow-partial compares"),
        (("gate", "{same}"), 2, "no rule is given"),
        (("gate", "{same}", "--fail-if", "acuracy<1"), 2, "did you mean 'accuracy'"),
        (("gate", "{same}", "--fail-if", "accuracy:1pp"), 2, "needs a baseline"),
        (("gate", "nowhere", *ON_MADE), 3, "no such file or folder"),
        (("gate", "{same}", "--fail-if", "a::error::b\n::error::c"), 2, "is not of the form"),
    ],
)
def test_a_call_without_an_answer_leaves_a_trace(
    arguments: tuple[str, ...], code: int, message: str, runs: dict[str, str], job: Step
) -> None:
    found = job(*(a.format(**runs) for a in arguments))
    assert found.code == code, found.out + found.err
    assert found.outputs == {"verdict": "error", "passed": "false"}
    verb = arguments[0]
    assert f"<!-- rmbench:{verb} -->\n### rmbench {verb}: error\n" in found.summary
    [line] = found.annotations
    assert re.fullmatch(rf"::error title=rmbench {verb}::[^\n]*{re.escape(message)}[^\n]*", line)
    assert message in found.err.replace(line, "")


@pytest.mark.parametrize("arguments", [("compare", "--help"), ("gate", "--help")])
def test_help_is_no_error(arguments: tuple[str, ...], job: Step) -> None:
    found = job(*arguments)
    assert (found.code, found.outputs, found.summary, found.annotations) == (0, {}, "", [])


def test_a_comparison_without_rules_has_a_summary_and_no_verdict(
    runs: dict[str, str], job: Step
) -> None:
    found = job("compare", runs["old"], runs["worse"])
    assert (found.code, found.outputs, found.annotations) == (0, {}, [])
    assert found.summary.startswith("<!-- rmbench:compare -->\n")
    assert "### Comparison" in found.summary


def test_outside_a_job_nothing_is_left(
    runs: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    for arguments in (["gate", "nowhere", *ON_MADE], ["compare", runs["old"], runs["worse"]]):
        invoke(arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_bug_leaves_the_trace_of_an_error(
    runs: dict[str, str], job: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr("rmbench.gate.judge_absolute", broken)
    found = job("gate", runs["same"], *ON_MADE)
    assert (found.code, found.outputs["passed"]) == (3, "false")
    assert found.annotations == ["::error title=rmbench gate::of ours"]


@pytest.mark.parametrize("verb", ["gate", "compare"])
@pytest.mark.parametrize(("limit", "code"), [("0.99", 1), ("0.5", 3)])
def test_a_file_that_cannot_be_written_swallows_no_verdict(
    verb: str, limit: str, code: int, runs: dict[str, str], tmp_path: Path, job: Step
) -> None:
    """The rule's answer is shown, other files are written, and a failure stays a failure."""
    (tmp_path / "file").write_text("")
    bad, good = tmp_path / "file" / "x.md", tmp_path / "good.md"
    folders = [runs["old"], runs["same"]][verb == "gate" :]
    rule = ("--fail-if", f"made/accuracy<{limit}")
    found = job(verb, *folders, *rule, "-o", str(bad), "-o", str(good))
    assert found.code == code
    line = "gate did not pass: 1 failed" if code == 1 else "gate passed: 1 passed"
    assert line in found.out
    assert line in good.read_text()
    assert f"rmbench: error: {bad}: cannot be written" in found.err
    verdict = "fail" if code == 1 else "error"
    assert found.outputs == {"verdict": verdict, "passed": "false"}


def test_a_job_whose_files_cannot_be_written_ends_with_the_error(
    runs: dict[str, str], tmp_path: Path, job: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "no" / "folder"))
    found = job("gate", runs["same"], *ON_MADE)
    assert (found.code, found.outputs) == (3, {"verdict": "error", "passed": "false"})
