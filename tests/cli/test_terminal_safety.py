"""What verbs print commands neither a terminal nor the runner of a job, whoever chose the names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stored_pairs import pair_scores, right_and_wrong, store

from rmbench.cli.main import invoke

COMMAND = "::error title=x::y"
OLD_COMMAND = "##[error]z"
EVIL = f"{COMMAND}\n{COMMAND} {OLD_COMMAND}\x1b[31m\x1b]0;title\x07\u202e"
# The characters that are left would be a command at the start of a line that is folded there.
LONG = f"{'x' * 60} {COMMAND} {'y' * 60} {COMMAND}"


@pytest.fixture(params=[EVIL, LONG], ids=["commands", "commands where lines fold"])
def sides(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    baseline, candidate = right_and_wrong(20, 8, 9, 9)
    evil = request.param
    given: dict[str, Any] = {
        "ids": [f"{evil}{k}" for k in range(len(baseline))],
        "subset": np.resize([evil, f"{evil}b"], len(baseline)),
    }
    a = store(tmp_path / "runs", evil.replace("/", ""), pair_scores(baseline, **given))
    b = store(tmp_path / "runs", f"{evil}2".replace("/", ""), pair_scores(candidate, **given))
    return [str(a.path), str(b.path)]


VERBS: dict[str, Callable[[str, str], list[str]]] = {
    "compare": lambda a, b: ["compare", a, b, "--fail-if", "accuracy:1pp", "--flips", "all"],
    "gate": lambda a, b: ["gate", a, b, "--fail-if", "accuracy<0.9", "--fail-if", "nosuch/nll>1"],
    "report": lambda a, b: ["report", a, b],
    "leaderboard": lambda a, b: ["leaderboard", str(Path(a).parent.parent)],
}


def ours(err: str) -> str:
    """Standard error without the annotations, which are commands of our own."""
    return "\n".join(x for x in err.splitlines() if "title=rmbench%3A" not in x)


@pytest.mark.parametrize("columns", ["80", "160"])
@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_prints_a_command(
    verb: str,
    columns: str,
    sides: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("COLUMNS", columns)
    invoke(VERBS[verb](*sides))
    out, err = capsys.readouterr()
    if columns == "160":  # where the name is not folded it is there, and it is a name
        assert "error title=x" in out
    for text in (out, ours(err)):
        assert not re.search(r"^\s*::", text, flags=re.MULTILINE)
        assert "##[" not in text
        assert not {"\x1b", "\x07", "\u202e"} & set(text)


@pytest.mark.parametrize("verb", VERBS)
def test_json_says_the_same_in_a_job(
    verb: str, sides: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*VERBS[verb](*sides), "--json"]
    invoke(arguments)
    outside = json.loads(capsys.readouterr().out)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    invoke(arguments)
    inside = capsys.readouterr().out
    assert "##[" not in inside
    assert json.loads(inside) == outside


def test_an_error_is_no_command_either(
    sides: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    short = store(tmp_path / "other", EVIL.replace("/", ""), pair_scores(np.ones(3)))
    assert invoke(["compare", sides[0], str(short.path)]) == 2
    annotation, err = capsys.readouterr().err.split("\n", 1)
    assert annotation.startswith("::error title=rmbench compare::made: the items differ")
    assert "##[" not in annotation
    assert err.startswith("rmbench: error: made: ")
    assert not re.search(r"^\s*::", err, flags=re.MULTILINE)
    assert "##[" not in err
    assert not {"\x1b", "\u202e"} & set(err)
