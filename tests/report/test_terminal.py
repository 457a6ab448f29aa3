"""What is printed fits the terminal and says what its columns mean."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rmbench.report import render_terminal
from rmbench.report.numbers import quantity
from rmbench.report.terminal import terminal_width
from rmbench.result import Estimate, Result, StoredRun

Build = Callable[..., Result]


@pytest.mark.parametrize("columns", [60, 80, 120, 160])
def test_tables_and_notes_fit_the_terminal(
    columns: int, pairs_result: Build, runs: list[StoredRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert terminal_width() == columns
    results = [pairs_result(f"organisation/a-rather-long-model-name-{i}") for i in range(4)]
    for shown in (results, [r.result for r in runs]):
        text = render_terminal(shown)
        assert max(map(len, text.splitlines())) <= columns
        assert text == render_terminal(shown, width=columns)


def test_wider_terminals_need_fewer_continued_tables(pairs_result: Build) -> None:
    results = [pairs_result(f"rm-{i}") for i in range(4)]
    heads = [render_terminal(results, width=w).count("\nscorer ") for w in (60, 80, 120, 160)]
    assert heads == sorted(heads, reverse=True)
    assert heads[0] > heads[-1]


def test_a_terminal_is_taken_for_neither_a_slit_nor_a_wall(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for columns, width in (("7", 60), ("60", 60), ("1000", 160)):
        monkeypatch.setenv("COLUMNS", columns)
        assert terminal_width() == width


def test_every_column_of_a_suites_table_is_explained_once(pairs_result: Build) -> None:
    text = render_terminal([pairs_result("rm")], width=100)
    for name, words in (
        ("accuracy", "share of comparisons where the chosen answer gets the higher reward"),
        ("worst subset (by chance)", "in parentheses where it would be if all subsets"),
        ("length-balanced", "mean of the accuracies where the chosen answer is longer"),
        ("NLL", "a coin flip gets 0.693"),
        ("Brier skill", "1 is perfect"),
        ("ECE (if calibrated)", "in parentheses that of a perfectly calibrated scorer"),
        ("temperature", "what margins must be divided by"),
        ("counts", "ties are comparisons of equal rewards"),
        ("in brackets", "95 % intervals"),
    ):
        line = " ".join(text.split(f"\n{name}: ")[1].split("\n\n")[0].split())
        assert text.count(f"\n{name}: ") == 1
        assert words in line


def test_a_column_without_any_number_is_left_out_and_its_reason_stays(pairs_result: Build) -> None:
    blind = pairs_result("length", blind=True)
    text = render_terminal([blind], width=100)
    assert "Brier" not in text.split("\n– ")[0]
    assert "NLL, Brier skill, ECE" in text.split("\n– ")[1]
    both = render_terminal([blind, pairs_result("rm")], width=100)
    assert "Brier" in both.split("\n– ")[0]


def test_a_table_of_dashes_alone_is_shown_as_it_is(pairs_result: Build) -> None:
    none = Estimate(metric="nll", value=None, unit="nat", n=3, reason="no logits")
    result = pairs_result("rm", estimates=(none,))
    result = result.model_copy(update={"suite": result.suite.model_copy(update={"name": "s"})})
    text = render_terminal([result], width=100)
    assert "no logits" in text
    assert "NLL: " not in text


def test_numbers_of_answers_are_whole() -> None:
    assert [quantity(n, "answers") for n in (1.0, 11.0, 1024.0)] == ["1", "11", "1,024"]
