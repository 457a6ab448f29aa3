"""Flipped items with their texts, from the data that were measured."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markdown_it import MarkdownIt

from rmbench.cli.main import invoke
from rmbench.result import ComparisonReport

HOSTILE = (
    "</details><script>alert(1)</script>\n````\n~~~\n::error::x\n| a | b |\n<!-- \x1b[31m\u202e\x00"
    "\r```\r# heading\u2028# heading [x](http://e.vil) @somebody"
)

ROWS = [
    {
        "id": f"p{k}",
        "prompt": f"{HOSTILE} question {k}",
        "chosen": [f"{HOSTILE} good {k}a", f"good {k}b"],
        "rejected": [f"bad {k}a", f"bad {k}b", f"{HOSTILE} bad {k}c"],
    }
    for k in range(12)
]


def run(tmp_path: Path, name: str, rewards: Any, rows: list[dict[str, Any]] = ROWS) -> Path:
    """Results of given rewards on the suite ``pairs``, chosen first."""
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    scores = tmp_path / f"{name}.jsonl"
    lines = [
        {
            "id": row["id"],
            "scores_chosen": given[:2].tolist(),
            "scores_rejected": given[2:].tolist(),
        }
        for row, given in zip(rows, rewards, strict=True)
    ]
    scores.write_text("".join(json.dumps(line) + "\n" for line in lines))
    arguments = ["--suite", "pairs", "--data", tmp_path / "pairs.jsonl", "--out", tmp_path / "out"]
    assert invoke(["run", f"replay:{scores}", *map(str, arguments), "--json"]) == 0
    [folder] = (tmp_path / "out").glob(f"{name}-*/pairs")
    (folder / "mistakes.jsonl").unlink(missing_ok=True)  # the data alone are to give the texts
    return folder


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    """The baseline has all but p1 right, the candidate all but p0."""
    right = np.tile([2.0, 1.5, 0.5, 0.0, -1.0], (len(ROWS), 1))
    old, new = right.copy(), right.copy()
    old[1] = [3.0, 1.0, 0.0, 2.0, 0.5]  # b of the chosen loses against b of the rejected
    new[0] = [-1.0, 2.0, 0.0, 1.0, 3.0]  # a of the chosen loses against c of the rejected
    return run(tmp_path, "old", old), run(tmp_path, "new", new)


def compared(sides: tuple[Path, Path], *arguments: object) -> int:
    return invoke(["compare", *map(str, (*sides, *arguments))])


def test_the_texts_are_those_of_the_comparison_that_is_lost(
    sides: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert compared(sides, "--json") == 0
    without = ComparisonReport.model_validate_json(capsys.readouterr().out).comparisons[0]
    assert [flip.prompt for flip in without.flips] == [None, None]
    assert compared(sides, "--data", tmp_path / "pairs.jsonl", "--json") == 0
    out, err = capsys.readouterr()
    lost, gained = ComparisonReport.model_validate_json(out).comparisons[0].flips
    assert err == ""
    assert (lost.example_id, gained.example_id) == ("p0", "p1")
    assert lost.prompt == f"{HOSTILE} question 0"
    assert (lost.chosen, lost.rejected) == (f"{HOSTILE} good 0a", f"{HOSTILE} bad 0c")
    assert (lost.chosen_index, lost.rejected_index) == (0, 4)
    assert (gained.chosen, gained.rejected) == ("good 1b", "bad 1b")
    assert (gained.chosen_index, gained.rejected_index) == (1, 3)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_hostile_texts_stay_text_in_every_format(
    sides: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    files = [tmp_path / f"c{ending}" for ending in (".html", ".md", ".json")]
    plain = tmp_path / "plain.html"
    assert compared(sides, "-o", plain) == 0
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    capsys.readouterr()
    outputs = [x for file in files for x in ("-o", file)]
    assert compared(sides, "--data", tmp_path / "pairs.jsonl", "--flips", "all", *outputs) == 0
    out, _ = capsys.readouterr()
    assert not re.search(r"^\s*::", out, flags=re.MULTILINE)

    page, bare = _Page(), _Page()
    page.feed(files[0].read_text(encoding="utf-8"))
    bare.feed(plain.read_text(encoding="utf-8"))
    assert "good 0a" in page.text
    assert "bad 1b" in page.text
    assert page.tags.count("script") == bare.tags.count("script")
    assert page.tags.count("details") == bare.tags.count("details")
    assert "</details><script>alert(1)</script>" in page.text
    assert not {"\x00", "\x1b", "\u202e"} & set(page.text)

    text = files[1].read_text(encoding="utf-8")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    code = "".join(t.content for t in tokens if t.type == "fence")
    rest = "".join(t.content for t in tokens if t.type in ("html_block", "inline"))
    assert code.count("<script>alert(1)</script>") == 4  # two prompts, and what p0's pair says
    assert "alert" not in rest
    assert "heading" not in rest
    assert rest.count("<details>") == rest.count("</details>")
    assert not {"\x00", "\x1b", "\u202e", "\u2028"} & set(text)


def test_data_that_are_not_those_measured_give_no_texts_and_say_so(
    sides: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text("".join(json.dumps(row | {"prompt": "another"}) + "\n" for row in ROWS))
    capsys.readouterr()
    assert compared(sides, "--data", other, "--json") == 0
    out, err = capsys.readouterr()
    report = ComparisonReport.model_validate_json(out)
    assert [flip.prompt for flip in report.comparisons[0].flips] == [None, None]
    assert err.startswith("pairs: no texts: the results were measured on other data (")
    assert compared(sides, "--data", tmp_path / "nowhere") == 2
    assert "no such file or folder" in capsys.readouterr().err
    assert compared(sides, "--suite", "pairs") == 2


def test_majorities_for_the_other_side_turn_the_texts_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row | {"preference": 0.2 if row["id"] == "p0" else 1.0} for row in ROWS]
    right = np.tile([2.0, 1.5, 0.5, 0.0, -1.0], (len(rows), 1))
    # Most votes are for the rejected answers of p0: the baseline puts them first.
    old, new = right.copy(), right.copy()
    old[0] = [0.0, 1.0, 2.0, 3.0, 4.0]
    new[0] = [0.0, 1.0, 2.0, 0.5, 4.0]
    sides = run(tmp_path, "old", old, rows), run(tmp_path, "new", new, rows)
    capsys.readouterr()
    assert compared(sides, "--data", tmp_path / "pairs.jsonl", "--json") == 0
    [flip] = ComparisonReport.model_validate_json(capsys.readouterr().out).comparisons[0].flips
    assert (flip.chosen, flip.rejected) == ("bad 0b", "good 0b")
    assert (flip.chosen_index, flip.rejected_index) == (3, 1)
