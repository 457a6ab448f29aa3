"""What is known before the first scorer is measured, and what is kept where a later one fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rmbench.cli.main import invoke
from rmbench.errors import (
    DataError,
    MissingPartsError,
    RmbenchError,
    ScorerError,
    UnknownNameError,
    UsageError,
)
from rmbench.report import render_markdown, render_terminal
from rmbench.report.html import render_html
from rmbench.runner.run import Measured, RunRequest, run
from rmbench.scorers.spec import RunOptions

QUIET = RunOptions(device="cpu", progress=False)


def pairs_file(path: Path, n: int = 12, word: str = "now") -> Path:
    rows = [
        {
            "id": f"p{i}",
            "prompt": f"question {i}",
            "chosen": "yes " * (i % 5 + 1) + word,
            "rejected": "no " * (5 - i % 5) + "way",
        }
        for i in range(n)
    ]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def request(tmp_path: Path, *scorers: str, **more: object) -> RunRequest:
    given = {"suites": ("pairs",), "out": tmp_path / "out", "options": QUIET, **more}
    if given["suites"] == ("pairs",) and "data_dirs" not in given:
        given["data_dirs"] = (str(pairs_file(tmp_path / "pairs.jsonl")),)
    return RunRequest(scorers=scorers, **given)


# --- scorers


@pytest.mark.parametrize(
    ("scorer", "error", "message"),
    [
        ("legnth:", UnknownNameError, "did you mean 'length'"),
        ("replay:{}/missing.jsonl", UsageError, "no such file"),
        ("replay:{}/*/none.json", UsageError, "finds no file"),
        ("replay:", UsageError, "needs a file"),
        ("bow:{}/missing.jsonl", DataError, "no such file or folder"),
        ("length:10", UsageError, "takes no target"),
        ("./nothing", ScorerError, "no such folder"),
        ("hf:", UsageError, "needs a model"),
        ("{}", ScorerError, "holds no config.json"),
        ("{}/pairs.jsonl", ScorerError, "is a file"),
    ],
)
def test_every_scorer_is_looked_for_before_the_first_is_measured(
    tmp_path: Path, scorer: str, error: type[RmbenchError], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(request(tmp_path, "length:", scorer.format(tmp_path)))
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_not_there_is_known_without_torch(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from rmbench.errors import ScorerError\n"
        "from rmbench.scorers.spec import RunOptions, create_scorer, parse_scorer\n"
        "try:\n"
        "    create_scorer(parse_scorer('./nothing'), RunOptions())\n"
        "except ScorerError as error:\n"
        "    print(error, 'torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "./nothing: no such folder, and not a Hub id (org/name) False\n"


def test_what_was_measured_is_shown_where_a_later_scorer_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = pairs_file(tmp_path / "pairs.jsonl")
    broken = tmp_path / "broken.jsonl"
    broken.write_text("hello\n")
    asked = ["run", "length:", f"replay:{broken}", "shorter:", "--suite", "pairs", "--data",
             str(data), "--out", str(tmp_path / "out")]  # fmt: skip
    assert invoke(asked) == 3
    shown = capsys.readouterr()
    assert "is not JSON" in shown.err
    assert "not measured, since a scorer before failed: shorter" in shown.err
    assert "Summary" in shown.out
    assert "length°" in shown.out
    # What reads JSON must not take half of the answer for all of it.
    assert invoke([*asked, "--json"]) == 3
    assert capsys.readouterr().out == ""
    measured = Measured()
    with pytest.raises(DataError):
        run(request(tmp_path, "length:", f"replay:{broken}"), measured)
    assert [r.result.scorer.name for r in measured.runs] == ["length"]


# --- suites


@pytest.fixture
def one_suite_of_three(tmp_path: Path, shared_data: Path) -> Path:
    """A data folder in which only JudgeBench is there."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "judgebench").symlink_to(shared_data / "native" / "judgebench")
    return data


def test_all_missing_suites_are_named_before_anything_is_measured(
    tmp_path: Path, one_suite_of_three: Path
) -> None:
    suites = ("rm-bench", "judgebench", "llmbar")
    with pytest.raises(MissingPartsError) as caught:
        run(request(tmp_path, "length:", suites=suites, data_dirs=(str(one_suite_of_three),)))
    told = str(caught.value)
    assert "no data of the suite 'rm-bench'" in told
    assert "no data of the suite 'llmbar'" in told
    assert "'judgebench'" not in told
    assert told.endswith("(--allow-partial measures the other suites)")
    assert caught.value.exit_code == 2
    assert "\n" not in told
    assert not (tmp_path / "out").exists()


def test_missing_suites_are_left_out_where_partial_results_are_allowed(
    tmp_path: Path, one_suite_of_three: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["run", "length:", "--suite", "rm-bench", "--suite", "judgebench",
             "--data", str(one_suite_of_three), "--out", str(tmp_path / "out"),
             "--allow-partial"]  # fmt: skip
    assert invoke(asked) == 0
    shown = capsys.readouterr()
    assert "rm-bench: left out, no data of the suite 'rm-bench'" in shown.err
    assert "judgebench" in shown.out
    assert "– not measured: rm-bench: no data of the suite" in " ".join(shown.out.split())
    assert invoke([*asked, "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert [r["suite"]["name"] for r in body["results"]] == ["judgebench"]
    # All of the suite that is there is measured, by its rules.
    assert not body["results"][0]["partial"]
    assert list(body["left_out"]) == ["rm-bench"]


def test_nothing_at_all_is_an_error_even_then(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    asked = request(
        tmp_path, "length:", suites=("rm-bench", "llmbar"), data_dirs=(str(tmp_path / "data"),),
        allow_partial=True,
    )  # fmt: skip
    with pytest.raises(MissingPartsError, match=r"'rm-bench'.*'llmbar'"):
        run(asked)


# --- notes of a scores file that is measured by itself


def test_notes_of_a_scores_file_are_told_and_shown_without_a_suite(tmp_path: Path) -> None:
    rows = [
        {"id": f"e{i}", "scores_chosen": [[3, 4, None if i == 0 else 4]],
         "scores_rejected": [[1, 2, 2]]}
        for i in range(6)
    ]  # fmt: skip
    file = tmp_path / "judge.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    note = (
        "12 rewards of judge.jsonl are means of up to 3 samples an answer; 1 of 36 samples are "
        "missing and left out"
    )
    told: list[str] = []
    runs = run(request(tmp_path, f"replay:{file}", suites=(), report=told.append))
    assert f"judge: {note}" in told
    result = runs[0].result
    assert result.provenance.scorer_notes == (note,)
    assert note in " ".join(render_terminal([result]).split())
    assert note in render_markdown(runs).replace("\\", "")
    assert note in render_html(runs)


# --- results that take another one's place


def test_a_result_on_other_data_is_not_replaced_in_silence(tmp_path: Path) -> None:
    first = str(pairs_file(tmp_path / "a.jsonl", 12))
    second = str(pairs_file(tmp_path / "b.jsonl", 10))

    def replaced(*data: str, **more: object) -> list[str]:
        told: list[str] = []
        run(request(tmp_path, "length:", data_dirs=data, report=told.append, **more))
        return [line for line in told if "replaced" in line]

    assert replaced(first) == []
    assert replaced(first) == []
    end = "; to keep both, give another --out"
    start = "length on pairs: the result on "
    assert replaced(second) == [
        f"{start}12 examples of a.jsonl is replaced by one on 10 examples of b.jsonl{end}"
    ]
    assert replaced(second, limit=5) == [
        f"{start}10 examples of b.jsonl is replaced by one on 5 examples of b.jsonl, limit=5{end}"
    ]
    assert replaced(second, ties="wrong") == [
        f"{start}5 examples of b.jsonl, limit=5 is replaced by one on 10 examples of b.jsonl, "
        f"ties=wrong (the suite says half){end}"
    ]
    assert len(replaced(second)) == 1
    pairs_file(tmp_path / "b.jsonl", 10, word="later")
    assert replaced(second) == [
        f"{start}10 examples of b.jsonl is replaced by one on 10 examples of b.jsonl with other "
        f"content{end}"
    ]


def test_a_damaged_result_is_replaced_with_a_word(tmp_path: Path) -> None:
    (stored,) = run(request(tmp_path, "length:"))
    (stored.path / "result.json").write_text("{")
    told: list[str] = []
    run(request(tmp_path, "length:", report=told.append))
    assert any(line.startswith("replaced: ") and "is not JSON" in line for line in told)
