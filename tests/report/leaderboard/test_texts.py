"""Texts of mistakes from the suites' own data."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rmbench.cli.main import invoke
from rmbench.report.leaderboard import Request, make_board
from rmbench.result import find_runs


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [
        {"prompt": f"q{i}", "chosen": "a" * (i + 2), "rejected": "b" * (9 - i)} for i in range(8)
    ]
    file = tmp_path / "p.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.fixture
def results(data: Path, tmp_path: Path) -> Path:
    out = tmp_path / "out"
    run = ["run", "length:", "random:", "--suite", "pairs", "--data", str(data), "--out", str(out)]
    assert invoke(run) == 0
    return out


def page_examples(out: Path) -> dict[str, Any]:
    text = out.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="examples">(.*?)</script>', text, re.S)
    assert found is not None
    body: dict[str, Any] = json.loads(found[1])
    return body


def forget_mistakes(results: Path) -> None:
    for file in results.rglob("mistakes.jsonl"):
        file.unlink()


def test_mistakes_found_in_the_data_are_those_kept_with_the_results(
    results: Path, data: Path, tmp_path: Path
) -> None:
    kept, found = tmp_path / "kept.html", tmp_path / "found.html"
    make_board(Request(find_runs([results]), results), [kept])
    forget_mistakes(results)
    said: list[str] = []
    request = Request(find_runs([results]), results, data=[data], say=said.append)
    make_board(request, [found])
    assert said == []
    assert len(page_examples(kept)["rows"]) > 3
    assert page_examples(found) == page_examples(kept)


def test_other_data_have_no_texts_for_a_result(results: Path, data: Path, tmp_path: Path) -> None:
    data.write_text(data.read_text().replace("q3", "Q3"))
    forget_mistakes(results)
    said: list[str] = []
    request = Request(find_runs([results]), results, data=[data], say=said.append)
    make_board(request, [tmp_path / "b.html"])
    assert page_examples(tmp_path / "b.html")["rows"] == []
    assert len(said) == 2
    assert "no texts for" in said[0]
    assert "other data" in said[0]


def test_suites_that_are_not_built_in_are_asked_for(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    suite = tmp_path / "mine.toml"
    suite.write_text(
        'schema_version = 1\nname = "mine"\nversion = "1"\ntitle = "Mine"\n'
        'description = "Mine."\nties = "half"\nmetrics = ["accuracy"]\n'
        '[data]\nloader = "auto"\nlocal_name = "mine"\ncluster = "prompt"\n'
        'normalised = ["p"]\n'
    )
    folder = tmp_path / "sets" / "mine"
    folder.mkdir(parents=True)
    rows = [json.loads(line) for line in data.read_text().splitlines()]
    for i, row in enumerate(rows):
        prompt = [{"role": "user", "content": row["prompt"]}]
        row |= {"id": f"e{i}", "prompt": prompt}
        row |= {side: [row[side]] for side in ("chosen", "rejected")}
    (folder / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out, sets = tmp_path / "own", str(folder.parent)
    assert invoke(["run", "length:", "--suite", str(suite), "--data", sets, "--out", str(out)]) == 0
    forget_mistakes(out)
    page = tmp_path / "b.html"
    command = ["leaderboard", str(out), "-o", str(page), "--data", sets]
    capfd.readouterr()
    assert invoke(command) == 0
    assert "mine: no texts: the suite is not built in" in capfd.readouterr().err
    assert page_examples(page)["rows"] == []
    assert invoke([*command, "--suite", str(suite)]) == 0
    assert "no texts" not in capfd.readouterr().err
    assert page_examples(page)["rows"] != []


def test_a_page_without_data_imports_nothing_that_reads_them(results: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from rmbench.cli.main import invoke\n"
        "assert invoke(['leaderboard', sys.argv[1], '-o', sys.argv[2]]) == 0\n"
        "assert 'rmbench.runner' not in sys.modules\n"
    )
    command = [sys.executable, "-c", code, str(results), str(tmp_path / "b.html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
