"""The arms of a throughput suite in every format."""

from __future__ import annotations

import re

import pytest

from rmbench.report import render_markdown, render_terminal
from rmbench.report.arms import METRICS, arm_rows, arms_of, arms_view, own_arm
from rmbench.report.delimited import render_csv
from rmbench.report.html import render_html
from rmbench.report.labels import OTHER, label_of
from rmbench.report.overview import arrange
from rmbench.report.table import TERMINAL_WIDTH
from rmbench.report.tex import render_latex
from rmbench.result import Result, StoredRun

ARMS = ("unsorted padded", "packed", "packed + shared")


@pytest.fixture
def timed(runs: list[StoredRun]) -> Result:
    return next(r.result for r in runs if r.result.suite.kind == "throughput")


def test_arms_come_in_the_suites_order_with_their_numbers(timed: Result) -> None:
    assert arms_of(timed) == ARMS
    assert own_arm(timed) == "packed"
    rows = {row.arm: row for row in arm_rows(timed)}
    assert [row.is_own for row in rows.values()] == [False, True, False]
    assert dict(zip(METRICS, rows["unsorted padded"].cells, strict=True)) == {
        "relative_time": "3.65 [3.55, 3.75]",
        "pairs_per_s": "11.3",
        "padding_fraction": ".310",
        "peak_memory_bytes": "1.0 GiB",
        "matmul_fraction": "–",
        "effective_matmul_fraction": "–",
        "score_difference_sd": "2e-06",
    }
    assert set(rows["packed + shared"].cells) == {"–"}


def test_every_metric_of_an_arm_has_a_label() -> None:
    assert all(label_of(metric).group != OTHER for metric in METRICS)


def test_the_terminal_shows_every_arm_and_why_one_was_not_timed(timed: Result) -> None:
    text = render_terminal([timed])
    assert max(map(len, text.splitlines())) <= TERMINAL_WIDTH
    table = text.split("Throughput by way of making batches\n")[1]
    for arm in ARMS:
        assert re.search(rf"^tiny-rm +{re.escape(arm)}( \(own\))? ", table, re.MULTILINE)
    assert table.count("(own)") == text.count("(own)") >= 1
    words = " ".join(text.split())
    assert (
        "– packed + shared of tiny-rm, not timed: in an encoder every prompt token attends to "
        "the response" in words
    )


def test_latex_has_the_arms_too(timed: Result) -> None:
    assert r"unsorted padded & 3.65" in render_latex([timed])


def test_without_arms_nothing_is_said_of_them(timed: Result) -> None:
    plain = timed.model_copy(
        update={"estimates": tuple(e for e in timed.estimates if e.subset is None)}
    )
    assert "making batches" not in render_terminal([plain])
    (suite,) = arrange([plain]).suites
    assert arms_view(suite) is None


def test_the_page_draws_them_on_one_scale(timed: Result) -> None:
    other = timed.model_copy(
        update={"scorer": timed.scorer.model_copy(update={"name": "other", "spec": "hf:other"})}
    )
    (suite,) = arrange([timed, other]).suites
    view = arms_view(suite)
    assert view is not None
    assert [card.title for card in view.cards] == ["tiny-rm", "other"]
    assert len({id(card.scale) for card in view.cards}) == 1
    assert [row.name for row in view.cards[0].rows] == [
        "unsorted padded",
        "packed (own)",
        "packed + shared",
    ]
    bars = [row.bar for row in view.cards[0].rows]
    assert bars[0] is not None
    assert bars[1] is not None
    assert bars[0].width < bars[1].width
    assert bars[2] is None
    (closed,) = view.not_timed
    assert (closed.arms, closed.scorers) == (("packed + shared",), ("tiny-rm", "other"))


@pytest.mark.parametrize("facts", [{}, {"own_arm": None}, {"own_arm": ["packed"]}])
def test_a_record_that_names_no_own_arm_marks_none(timed: Result, facts: dict[str, object]) -> None:
    provenance = timed.provenance.model_copy(update={"facts": facts})
    unnamed = timed.model_copy(update={"provenance": provenance})
    assert not any(row.is_own for row in arm_rows(unnamed))


def test_names_of_arms_are_foreign_text(
    timed: Result,
    runs: list[StoredRun],
    hostile_text: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    renamed = tuple(
        e.model_copy(update={"subset": hostile_text}) if e.subset == "packed" else e
        for e in timed.estimates
    )
    evil = timed.model_copy(update={"estimates": renamed})
    assert "\x1b" not in render_terminal([evil])
    run = next(r for r in runs if r.result is timed)
    page = render_html([StoredRun(run.path, evil)])
    assert "<script>alert" not in page


def test_markdown_and_csv_hold_every_arm(runs: list[StoredRun]) -> None:
    timed = [r for r in runs if r.result.suite.kind == "throughput"]
    markdown = render_markdown(timed)
    csv = render_csv([r.result for r in timed])
    for arm in ARMS:
        assert f"| {arm}" in markdown
        assert f",relative_time,{arm}," in csv
