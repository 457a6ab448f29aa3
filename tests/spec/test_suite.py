"""Suite files: what they must and may not say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rmbench import plugins
from rmbench.errors import SpecError
from rmbench.resources import builtin_suites
from rmbench.runner.catalogue import describe_suite
from rmbench.spec import DataSpec, PreferenceSuite, load_suite
from rmbench.spec.metric_groups import METRIC_GROUPS, contract
from rmbench.spec.suite import UNVERIFIED_LAYOUT


def _suite(**changes: Any) -> PreferenceSuite:
    fields: dict[str, Any] = {
        "name": "mine",
        "version": "1",
        "title": "Mine",
        "description": "A suite for tests.",
        "ties": "half",
        "metrics": ("accuracy",),
        "notes": ("One note.",),
        "data": {"loader": "auto"},
    }
    return PreferenceSuite.model_validate(fields | changes)


def test_a_layout_that_nobody_checked_is_said_with_every_result():
    checked = _suite()
    unchecked = _suite(data=DataSpec(loader="auto", layout="unverified"))
    assert checked.caveats == ("One note.",)
    assert unchecked.caveats == ("One note.", UNVERIFIED_LAYOUT)
    shown = " ".join(describe_suite(unchecked).split())
    assert UNVERIFIED_LAYOUT in shown
    assert UNVERIFIED_LAYOUT not in " ".join(describe_suite(checked).split())


def test_checking_a_layout_moves_no_number():
    unchecked = _suite(data=DataSpec(loader="auto", layout="unverified"))
    assert unchecked.digest == _suite().digest
    assert _suite(data=DataSpec(loader="auto", split="x")).digest != _suite().digest


def test_another_metric_moves_no_other_number():
    more = _suite(metrics=("accuracy", "nll", "@votes"))
    assert more.digest == _suite().digest
    assert _suite(headline="accuracy").digest != _suite().digest
    assert (
        _suite(metrics=("accuracy", "nll"), headline="nll").digest
        != _suite(metrics=("accuracy", "nll"), headline="accuracy").digest
    )


@pytest.mark.parametrize(
    "change",
    [
        {"ties": "wrong"},
        {"version": "2"},
        {"max_length": 512},
        {"sections": {"Chat": ("easy",)}},
        {"data": {"loader": "hh-transcript"}},
        {"data": {"loader": "auto", "cluster": "id"}},
        {"data": {"loader": "auto", "where": {"split": "hard"}}},
        {"data": {"loader": "auto", "columns": {"prompt": "question"}}},
        {"data": {"loader": "auto", "files": [{"path": "a.jsonl"}]}},
    ],
)
def test_what_can_move_a_number_moves_the_digest(change: dict[str, Any]):
    assert _suite(**change).digest != _suite().digest


def test_a_field_at_its_default_is_one_left_out():
    data = {"loader": "auto", "where": {}, "cluster": "prompt", "hub_parts": [], "options": {}}
    assert _suite(data=data, editions=(), max_length=None).digest == _suite().digest


def test_a_group_stands_for_its_members():
    votes = METRIC_GROUPS["votes"]
    assert _suite(metrics=("accuracy", "@votes")).metrics == ("accuracy", *votes)
    assert _suite(metrics=("@votes", "nll_floor")).metrics == (
        *(m for m in votes if m != "nll_floor"),
        "nll_floor",
    )
    both = _suite(metrics=("@length", "@bias")).metrics
    assert len(set(both)) == len(both)
    assert set(both) == set(METRIC_GROUPS["bias"])


def test_a_metric_named_twice_by_hand_stays_to_be_found():
    assert _suite(metrics=("nll", "@calibration", "nll")).metrics.count("nll") == 2


@pytest.mark.parametrize(
    ("name", "told"),
    [("@calibratoin", "did you mean '@calibration'"), ("@", "unknown group '@'")],
)
def test_an_unknown_group_is_named(tmp_path: Path, name: str, told: str):
    path = tmp_path / "mine.toml"
    path.write_text(
        'name="mine"\nversion="1"\ntitle="t"\ndescription="d"\nties="half"\n'
        f'metrics=["accuracy","{name}"]\n[data]\nloader="auto"\n'
    )
    with pytest.raises(SpecError, match=f"mine.toml: field 'metrics': .*{told}"):
        load_suite(path)


@pytest.mark.parametrize("group", METRIC_GROUPS)
def test_members_of_groups_are_metrics(group: str):
    members = METRIC_GROUPS[group]
    assert len(set(members)) == len(members)
    assert set(members) <= set(plugins.names(plugins.METRICS))
    assert contract(members) == (f"@{group}",)


def test_show_names_the_groups_and_their_members():
    shown = " ".join(describe_suite(_suite(metrics=("accuracy", "@votes", "@scale"))).split())
    assert "metrics accuracy, @votes, @scale" in shown
    assert "@votes vote_agreement, vote_agreement_ceiling, nll_floor, nll_excess" in shown


PARTS: dict[str, Any] = {
    "sections": {"Chat": ("easy", "hard"), "Safety": ("refuse",)},
    "subset_weights": {"easy": 100.0, "hard": 50.0, "refuse": 9.0},
    "section_weights": {"Chat": 2.0, "Safety": 1.0},
}


def test_a_score_is_a_mean_of_means():
    assert _suite(**PARTS).score_tree == {
        "": {"Chat": 2.0, "Safety": 1.0},
        "Chat": {"easy": 100.0, "hard": 50.0},
        "Safety": {"refuse": 9.0},
    }
    assert _suite().score_tree == {}


def test_a_section_that_is_its_only_subset_has_no_mean_of_its_own():
    assert _suite(sections={"Chat": ("Chat",)}).score_tree == {"": {"Chat": 1.0}}


def test_editions_have_the_sections_each():
    suite = _suite(editions=("de", "fr"), **PARTS)
    assert suite.score_tree[""] == {"de": 1.0, "fr": 1.0}
    assert suite.score_tree["fr"] == {"fr/Chat": 2.0, "fr/Safety": 1.0}
    assert suite.score_tree["fr/Chat"] == {"fr/easy": 100.0, "fr/hard": 50.0}
    assert suite.pools["de"] == ("de/easy", "de/hard", "de/refuse")
    assert suite.pools["de/Safety"] == ("de/refuse",)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"subset_weights": {"esay": 1.0}}, r"subset_weights\.esay.*no section"),
        ({"subset_weights": {"easy": 1.0}}, r"'hard' has no weight.*'Chat'"),
        ({"subset_weights": {"easy": 1.0, "hard": 0.0}}, r"subset_weights\.hard.*above 0"),
        ({"subset_weights": {"easy": 1.0, "hard": -2.0}}, r"subset_weights\.hard.*-2"),
        ({"section_weights": {"chat": 1.0}}, r"section_weights\.chat.*no section"),
        ({"section_weights": {"Chat": 1.0}}, r"'Safety' has no weight"),
        ({"editions": ("de", "de")}, "'de' is named twice"),
        ({"editions": ("de",), "sections": {}}, "no sections"),
    ],
)
def test_weights_that_leave_the_score_open(change: dict[str, Any], told: str):
    with pytest.raises(ValidationError, match=told):
        _suite(**{"sections": PARTS["sections"]} | change)


@pytest.mark.parametrize("weight", ["inf", "nan"])
def test_weights_are_finite(tmp_path: Path, weight: str):
    path = tmp_path / "mine.toml"
    path.write_text(
        'name="mine"\nversion="1"\ntitle="t"\ndescription="d"\nties="half"\nmetrics=["accuracy"]\n'
        '[data]\nloader="auto"\n[sections]\nChat=["easy"]\n'
        f"[subset_weights]\neasy={weight}\n"
    )
    with pytest.raises(SpecError, match=r"subset_weights\.easy"):
        load_suite(path)


def test_weights_move_numbers():
    digests = {
        _suite(**PARTS).digest,
        _suite(**PARTS | {"section_weights": {}}).digest,
        _suite(**PARTS | {"subset_weights": {}}).digest,
        _suite(editions=("de",), **PARTS).digest,
    }
    assert len(digests) == 4


def test_show_says_what_counts_how_much():
    suite = load_suite(builtin_suites()["reward-bench-prior-sets"])
    shown = " ".join(describe_suite(suite).split())
    assert "984 math-prm + 164 hep-cpp" in shown
    assert "2 Chat + 2 Chat Hard + 2 Safety + 2 Reasoning + 1 Prior Sets" in shown
    assert (
        "allenai/preference-test-sets (anthropic_helpful, anthropic_hhh, shp, summarize)" in shown
    )
    languages = " ".join(describe_suite(load_suite(builtin_suites()["m-reward-bench"])).split())
    assert "in each of 23 arb_Arab, ces_Latn" in languages
    assert "layout unverified" not in languages
    votes = " ".join(describe_suite(load_suite(builtin_suites()["ppe-preference"])).split())
    assert "layout unverified" in votes


@pytest.mark.parametrize(
    "folder", ["docs/baseline/suites", "suites"], ids=["the baseline's", "rmbench's"]
)
def test_fields_that_came_later_leave_the_digests_of_stored_results(folder: str) -> None:
    root = Path(__file__).parents[2]
    if not (root / "results/reference").is_dir():
        pytest.skip("the reference results lie in the repository only, not in a wheel")
    compared = 0
    for file in (root / "results/reference").glob("*/*/result.json"):
        measured = json.loads(file.read_text(encoding="utf-8"))["suite"]
        path = root / folder / f"{measured['name']}.toml"
        # A suite that has moved on has another version.
        if path.exists() and load_suite(path).version == measured["version"]:
            assert load_suite(path).digest == measured["digest"], path.name
            compared += 1
    assert compared
