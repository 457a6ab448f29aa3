"""Boards as terminal, Markdown, LaTeX, CSV and JSON, from names that attack each of them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from rmbench.errors import ResultError, UsageError
from rmbench.report.leaderboard import Request, build_board, make_board
from rmbench.report.leaderboard.files import COLUMNS, MEAN, render_csv, render_json
from rmbench.report.leaderboard.tables import render_latex, render_markdown, render_terminal
from rmbench.result import StoredRun, find_runs
from rmbench.result.board import Board

from .conftest import margins

Store = Callable[..., StoredRun]


@pytest.fixture(scope="module")
def board(board_folder: Path) -> Board:
    return build_board(find_runs([board_folder]), board_folder)


@pytest.fixture(scope="module")
def hostile(store: Store, hostile_text: str, tmp_path_factory: pytest.TempPathFactory) -> Board:
    out = tmp_path_factory.mktemp("hostile-board")
    names = (hostile_text, '=HYPERLINK("http://e.example")', r"\input{/etc/passwd}&_%", "a|b")
    for i, name in enumerate(names):
        store(
            out, name, margins(0.8 - 0.05 * i, 60, i), suite="evil", title=hostile_text,
            version=hostile_text, modified=(hostile_text,),
            partial=i == 3, missing=(hostile_text,) if i == 3 else (),
        )  # fmt: skip
    return build_board(find_runs([out]), out)


@pytest.mark.parametrize("width", [80, 120])
def test_terminal_fits_and_says_what_it_shows(board: Board, width: int) -> None:
    text = render_terminal(board, width=width)
    assert max(map(len, text.splitlines())) <= width
    first = " ".join(text.split("\n\n")[0].split())
    expected = "4 reward models and 2 content-blind baselines on 3 suites"
    assert first == f"Reward model leaderboard: {expected}"
    alpha = next(line for line in text.splitlines() if line.startswith("alpha-rm"))
    assert re.search(r"alpha-rm +\.8\d\d \[\.8\d\d, \.8\d\d\] ★", alpha)
    assert "mean: unweighted, over the suites that all ranked models have: arena, bench" in text
    assert "length°" in text


def test_markdown_is_tables_with_notes(board: Board) -> None:
    text = render_markdown(board, "My board")
    assert text.startswith("# My board\n\n4 reward models and 2 content-blind baselines on 3")
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    for table in tables:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1
    assert len(tables) == 4
    ranks = next(t for t in tables if "of 4" in t)
    assert re.search(r"delta-rm +\| +4 \| +4 \|", ranks)


def test_latex_is_balanced(board: Board, hostile: Board) -> None:
    for found in (board, hostile):
        text = render_latex(found, "T")
        assert text.count(r"\begin{table}") == text.count(r"\end{table}") >= 3
        plain = re.sub(r"\\[{}]", "", text)
        assert plain.count("{") == plain.count("}")
        for table in re.findall(r"\\toprule(.*?)\\bottomrule", text, re.DOTALL):
            cells = {
                len(re.findall(r"(?<!\\)&", re.sub(r"\\shortstack\{.*?\}\s*(?=&|\\\\)", "", line)))
                for line in table.splitlines()
                if line.rstrip().endswith(r"\\")
            }
            assert len(cells) == 1


def test_csv_has_every_cell_and_mean(board: Board) -> None:
    rows = list(csv.DictReader(io.StringIO(render_csv(board))))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(board.cells) + len(board.means)
    row = next(r for r in rows if r["model"] == "alpha-rm" and r["suite"] == "arena")
    cell = next(c for c in board.cells if c.rank == 1)
    assert float(row["value"]) == cell.value
    assert (row["rank"], row["in_best_set"], row["content_blind"]) == ("1", "true", "false")
    blind = next(r for r in rows if r["model"] == "length")
    assert (blind["rank"], blind["content_blind"]) == ("", "true")
    mean = next(r for r in rows if r["model"] == "beta-rm" and r["suite"] == MEAN)
    assert mean["n"] == "2"


def test_json_round_trips(board: Board, hostile: Board) -> None:
    for found in (board, hostile):
        text = render_json(found)
        assert Board.model_validate_json(text) == found
        json.loads(text, parse_constant=lambda name: pytest.fail(name))


def test_hostile_names_in_markdown(hostile: Board) -> None:
    text = render_markdown(hostile, "<img src=x onerror=alert(1)>\n# other")
    assert "<script" not in text
    assert "<img" not in text
    assert "\n# other" not in text
    assert "http://e.example" not in text
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert "a\\|b" in text
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1


def test_hostile_names_in_the_terminal(hostile: Board) -> None:
    text = render_terminal(hostile, "\x1b[2Jtitle\u202e")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e\u2028]", text)


def test_hostile_names_in_latex(hostile: Board) -> None:
    text = render_latex(hostile, "\\input{x}\n\\evil")
    assert r"\input" not in text
    assert r"\evil" not in text
    assert not re.search(r"(?<!\\)\$x", text)
    assert r"\textbackslash{}input\{/etc/passwd\}\&\_\%" in text


def test_hostile_names_in_csv(hostile: Board) -> None:
    for row in csv.reader(io.StringIO(render_csv(hostile))):
        assert len(row) == len(COLUMNS)
        for cell in row:
            assert not cell.startswith(("=", "+", "@", "\t", "\r"))
            assert "\n" not in cell
    assert "'=HYPERLINK" in render_csv(hostile)


def test_files_are_written_by_their_suffix(board_folder: Path, tmp_path: Path) -> None:
    request = Request(find_runs([board_folder]), board_folder)
    outputs = [tmp_path / "deep" / f"b.{suffix}" for suffix in ("md", "csv", "tex", "json")]
    board = make_board(request, outputs)
    assert outputs[0].read_text(encoding="utf-8") == render_markdown(board)
    assert outputs[1].read_text(encoding="utf-8") == render_csv(board)
    assert outputs[2].read_text(encoding="utf-8") == render_latex(board)
    assert outputs[3].read_text(encoding="utf-8") == render_json(board)
    with pytest.raises(UsageError, match=r"b\.pdf: a leaderboard's name ends in one of \.html"):
        make_board(request, [tmp_path / "b.pdf"])
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match="cannot be written"):
        make_board(request, [tmp_path / "file" / "b.md"])
