"""The transformations of a robustness suite, in every format."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rmbench.report import render_terminal, write_report
from rmbench.report.overview import arrange
from rmbench.report.robustness import (
    is_robustness,
    robustness_view,
    transformation_rows,
    unfit,
)
from rmbench.result import Estimate, Mistake, Result, StoredRun, SuiteRef, write_run
from rmbench.types import Scores

SUITE = SuiteRef(
    name="robustness-pairs", version="1.1", digest="9" * 64, title="Preference pairs, rewritten"
)
# Name, what it does, n, left out, flips, before, after, q, shift.
ROWS: list[tuple[str, str, int, int, float, float, float, float, float]] = [
    ("quoted", "in quotation marks", 40, 0, 0.05, 0.7, 0.7, 1.0, 0.11),
    ("rot13", "letters moved 13 on", 40, 0, 0.45, 0.7, 0.45, 0.0004, 1.31),
    ("deletion", "letters left out", 36, 4, 0.125, 0.6943, 0.625, 0.0312, 0.45),
    ("handle", "an account's name before", 40, 0, 0.125, 0.7, 0.725, 0.9, 0.3),
]


def estimates(shift: float = 0.0) -> tuple[Estimate, ...]:
    def one(metric: str, value: float | None, n: int, subset: str | None, **more: Any) -> Estimate:
        ends = {}
        if value is not None and metric in ("flip_rate", "accuracy_drop"):
            ends = {"ci_low": value - 0.04, "ci_high": value + 0.06, "ci_method": "wilson"}
        unit = "sd of margins" if metric == "score_shift" else "1" if "_q" in metric else "fraction"
        return Estimate(
            metric=metric, value=value, n=n, subset=subset, unit=unit, **{**ends, **more}
        )

    found = [
        one("flip_rate", 0.19 + shift, 156, None),
        one("accuracy_before", 0.699, 156, None),
        one("accuracy_after", 0.625, 156, None),
        one("accuracy_drop", 0.074, 156, None),
        one("score_shift", 0.543, 156, None),
    ]
    for name, _, n, _, flips, before, after, q, moved in ROWS:
        found += [
            one("flip_rate", flips + shift, n, name),
            one("accuracy_before", before, n, name),
            one("accuracy_after", after, n, name),
            one("accuracy_drop", before - after, n, name),
            one("accuracy_drop_q", q, n, name),
            one("score_shift", moved, n, name),
        ]
    return tuple(found)


def told() -> dict[str, Any]:
    listed = {
        name: {"family": "noise", "what": what, "keeps": "all", "examples": n, "left_out": out}
        for name, what, n, out, *_ in ROWS
    }
    nothing = {"family": "code", "what": "no comments", "keeps": "all"}
    return {
        "base": {"suite": "pairs", "digest": "a" * 64},
        "examples": 40,
        "transformations": {
            **listed,
            "code_minified": {**nothing, "examples": 0, "left_out": 40},
            "code_praised": {**nothing, "examples": 0, "left_out": 40},
        },
    }


@pytest.fixture
def rewritten(pairs_result: Callable[..., Result]) -> Callable[..., Result]:
    """Builds one result on ``robustness-pairs``: ``rewritten(name, facts=..., shift=...)``."""

    def make(name: str, *, facts: dict[str, Any] | None = None, shift: float = 0.0, **more: Any):
        result = pairs_result(name, suite=SUITE, estimates=estimates(shift), **more)
        provenance = result.provenance.model_copy(
            update={"facts": told() if facts is None else facts}
        )
        return result.model_copy(update={"provenance": provenance})

    return make


@pytest.fixture
def stored(
    rewritten: Callable[..., Result], pair_scores: Callable[..., Scores], tmp_path: Path
) -> list[StoredRun]:
    turned = Mistake(
        example_id="rot13/e1", subset="rot13", prompt=({"role": "user", "content": "Uv"},),
        chosen="Lrf", rejected="Ab", reward_chosen=-1.0, reward_rejected=1.0, margin=-2.0,
    )  # fmt: skip
    return [
        write_run(tmp_path, rewritten("tiny-rm"), pair_scores(), [turned]),
        write_run(tmp_path, rewritten("length", blind=True, shift=0.01), pair_scores()),
    ]


def test_worst_first(rewritten: Callable[..., Result]) -> None:
    rows = transformation_rows(rewritten("tiny-rm"))
    # As many flips: the one that costs more accuracy is the worse one.
    assert [row.name for row in rows] == ["rot13", "deletion", "handle", "quoted"]
    assert [row.is_significant for row in rows] == [True, True, False, False]
    assert rows[1].cells == (
        "36", "4", ".125 [.085, .185]", "+.069 [+.029, +.129]", ".031", "0.450",
    )  # fmt: skip
    assert rows[0].cells[4] == "< .001"
    assert rows[2].cells[3].startswith("−.025 [")
    assert unfit(rewritten("tiny-rm")) == ("code_minified", "code_praised")


def test_one_without_a_value_stands_last(rewritten: Callable[..., Result]) -> None:
    result = rewritten("tiny-rm")
    none = {"value": None, "ci_low": None, "ci_high": None, "ci_method": None, "reason": "no two"}
    changed = tuple(
        e.model_copy(update=none) if e.subset == "rot13" else e for e in result.estimates
    )
    rows = transformation_rows(result.model_copy(update={"estimates": changed}))
    assert [row.name for row in rows] == ["deletion", "handle", "quoted", "rot13"]
    assert rows[-1].cells == ("40", "0", "–", "–", "–", "–")


def test_what_a_result_does_not_say_is_a_dash(rewritten: Callable[..., Result]) -> None:
    for facts in ({}, {"transformations": "none"}, {"transformations": {"rot13": 3}}):
        result = rewritten("tiny-rm", facts=facts)
        assert transformation_rows(result)[0].cells[:2] == ("40", "–")
        assert transformation_rows(result)[0].what == ""
        assert unfit(result) == ()


def test_other_suites_have_no_such_table(pairs_result: Callable[..., Result]) -> None:
    result = pairs_result("tiny-rm")
    assert not is_robustness(result)
    (suite,) = arrange([result]).suites
    assert robustness_view(suite) is None


def test_tables(
    rewritten: Callable[..., Result],
    stored: list[StoredRun],
    tmp_path: Path,
    check_golden: Callable[[str, str], None],
) -> None:
    check_golden("robustness.txt", render_terminal([rewritten("tiny-rm")]))
    write_report(stored, tmp_path / "r.md")
    check_golden("robustness.md", (tmp_path / "r.md").read_text(encoding="utf-8"))


def test_the_flip_rate_stands_for_the_suite(stored: list[StoredRun], tmp_path: Path) -> None:
    (suite,) = arrange([run.result for run in stored]).suites
    assert suite.headline == "flip_rate"
    assert suite.part_metrics == ()  # its parts have a table of their own
    for suffix in ("tex", "csv", "json"):
        write_report(stored, tmp_path / f"r.{suffix}")
        assert "rot13" in (tmp_path / f"r.{suffix}").read_text(encoding="utf-8")


def test_page(stored: list[StoredRun], tmp_path: Path) -> None:
    write_report(stored, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "flip rate, lower is better, n = 156" in page
    tables = re.findall(r'<table class="robustness.*?</table>', page, re.DOTALL)
    assert len(tables) == 2
    names = re.findall(r'<th scope="row">([\w<>]+?)<span', tables[0])
    assert names == ["rot13", "deletion", "handle", "quoted"]
    assert "<b>&lt; .001</b>" in tables[0]
    assert "<b>.900</b>" not in tables[0]
    assert ".700 → .450" in tables[0]
    assert page.count("No example fits code_minified, code_praised.") == 2
    assert "Right as they were, wrong rewritten (1)" in page
    assert "Worst mistakes" not in page
    assert "<svg" not in page  # diagrams of one example many times over say nothing


def test_hostile_names_stay_text(
    rewritten: Callable[..., Result], tmp_path: Path, hostile_text: str
) -> None:
    facts = {
        "transformations": {
            "rot13": {"what": hostile_text, "examples": 1, "left_out": 2},
            hostile_text: {"examples": 0},
        }
    }
    result = rewritten("tiny-rm", facts=facts)
    renamed = tuple(
        e.model_copy(update={"subset": hostile_text}) if e.subset == "quoted" else e
        for e in result.estimates
    )
    run = write_run(tmp_path, result.model_copy(update={"estimates": renamed}), None)
    for suffix in ("html", "md"):
        write_report([run], tmp_path / f"r.{suffix}")
        text = (tmp_path / f"r.{suffix}").read_text(encoding="utf-8")
        assert "alert(1)" in text
        assert "<script>alert" not in text
    assert "\x1b" not in render_terminal([run.result])
