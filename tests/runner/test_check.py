from __future__ import annotations

import json
from pathlib import Path

import pytest

from rmbench.cli.main import invoke
from rmbench.runner.check import check_suite, describe_check

SUITE = """
name = "mine"
version = "1"
title = "Mine"
description = "Two rows."
licence = "CC0"
citation = "me"
source = "here"
ties = "half"
metrics = [{metrics}]
{more}
[data]
loader = "{loader}"
local_name = "mine"
normalised = ["rows"]
examples = {examples}
cluster = "prompt"
"""


def row(id_: str, subset: str, prompt: str, chosen: str, rejected: str) -> dict[str, object]:
    turns = [{"role": "user", "content": prompt}]
    return {
        "id": id_, "subset": subset, "prompt": turns, "chosen": [chosen], "rejected": [rejected]
    }  # fmt: skip


ROWS = [row("1", "a", "p", "yes", "no"), row("2", "b", "q", "one", "two")]


def write(
    folder: Path,
    rows: list[dict[str, object]] = ROWS,
    *,
    metrics: str = '"accuracy"',
    more: str = "",
    loader: str = "auto",
    examples: int = 2,
) -> Path:
    (folder / "mine").mkdir(exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "mine/rows.jsonl").write_text(text, encoding="utf-8")
    file = folder / "mine.toml"
    file.write_text(
        SUITE.format(metrics=metrics, more=more, loader=loader, examples=examples),
        encoding="utf-8",
    )
    return file


def test_a_suite_without_fault(tmp_path: Path) -> None:
    check = check_suite(str(write(tmp_path)), [tmp_path])
    assert check.findings == ()
    assert check.subsets == {"a": 1, "b": 1}
    assert check.counts["responses"] == 4
    assert check.exit_code(strict=True) == 0
    assert describe_check(check).endswith("no problems found")


def test_everything_is_said_in_one_go(tmp_path: Path) -> None:
    more = '[sections]\none = ["a", "c"]'
    file = write(tmp_path, metrics='"accuracy", "acuracy", "section_mean_accuracy"', more=more)
    text = describe_check(check_suite(str(file), [tmp_path]))
    assert "'acuracy'" in text
    assert "no example of the subsets 'c'" in text
    assert "'b' is in none of them" in text


def test_a_file_that_is_no_suite_yet_hears_everything_in_plain_words(tmp_path: Path) -> None:
    """An earlier build named the first field, and left names for the next try."""
    more = 'titel = "T"\nheadline = 3'
    file = write(tmp_path, metrics='"acuracy", "@lenght"', more=more, loader="promt-text")
    file.write_text(file.read_text("utf-8").replace('"half"', '"maybe"'), "utf-8")
    check = check_suite(str(file), [tmp_path])
    assert check.exit_code(strict=False) == 2
    assert [f.text.split(" Known:")[0] for f in check.findings] == [
        "field 'ties': 'maybe' is none of 'half' or 'wrong'",
        "field 'metrics': unknown group '@lenght': did you mean '@length'?",
        "field 'headline': 3 is not text",
        "field 'titel': unknown field",
        "field 'metrics': unknown metric 'acuracy': did you mean 'accuracy' or 'hard_accuracy'?",
        "field 'data.loader': unknown loader 'promt-text': did you mean 'prompt-text' or "
        "'implicit-text'?",
    ]


def test_a_headline_is_looked_up_in_a_file_that_is_no_suite_yet(tmp_path: Path) -> None:
    file = write(tmp_path, metrics='"accuracy", "@votes"', more='headline = "acuracy"\nx = 1')
    texts = [f.text for f in check_suite(str(file), [tmp_path]).findings]
    assert texts == [
        "field 'x': unknown field",
        "field 'headline': 'acuracy' is not among the metrics",
    ]


@pytest.mark.parametrize(
    ("changes", "rows", "said", "code"),
    [
        ({"loader": "nobody"}, ROWS, "nobody", 2),
        ({"metrics": '"accuracy", "accuracy"'}, ROWS, "named twice", 2),
        ({"examples": 3}, ROWS, "missing: all but 2 of 3", 3),
        ({}, [*ROWS, ROWS[0] | {"id": "3", "chosen": []}], "1 rows cannot be used", 3),
    ],
)
def test_who_is_at_fault(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, object],
    rows: list[dict[str, object]],
    said: str,
    code: int,
) -> None:
    file = write(tmp_path, rows, **({"examples": len(rows)} | changes))
    assert invoke(["check-suite", str(file), "--data", str(tmp_path)]) == code
    assert said in capsys.readouterr().out


def test_what_is_odd_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        *ROWS,
        ROWS[0] | {"id": "again"},
        row("opposite", "b", "q", "two", "one"),
    ]
    file = write(tmp_path, rows, examples=4)
    command = ["check-suite", str(file), "--data", str(tmp_path)]
    assert invoke(command) == 0
    out = capsys.readouterr().out
    assert "1 examples repeat another one's prompt and answers ('1' and 'again')" in out
    assert "1 pairs of answers are there with either one chosen" in out
    assert out.endswith("0 errors, 2 warnings\n")
    assert invoke([*command, "--strict"]) == 3
    capsys.readouterr()
    assert invoke([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["examples"] == 4


def test_a_suite_of_rmbench_that_lacks_a_file(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", str(shared_data / "native")]
    assert invoke(["check-suite", "rm-bench", *data]) == 3
    assert "missing: math_filtered.json" in capsys.readouterr().out
    assert invoke(["check-suite", "judgebench", *data, "--strict"]) == 0


def test_a_suite_without_preferences_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["check-suite", "throughput"]) == 2
    assert "has no data to check" in capsys.readouterr().err
