"""The suites on real public data; skipped where these are not at hand.

Counts and the share of pairs whose chosen answer is the longer one were taken from the files
by other means than rmbench's loaders.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from rmbench.data import load_suite_data
from rmbench.errors import UsageError
from rmbench.resources import builtin_suites
from rmbench.spec import PreferenceSuite, load_suite
from rmbench.types import PreferenceSet


@dataclass(frozen=True)
class Fact:
    """Examples, human ties, groups, subsets, and whether it is only a part of the suite."""

    examples: int
    ties: int
    groups: int
    subsets: int
    partial: bool = False


FACTS = {
    "gsm8k-solutions": Fact(731, 0, 731, 1),
    "hh-rlhf": Fact(464, 0, 464, 2, partial=True),
    "hhh-alignment": Fact(221, 0, 102, 4),
    "humour-pairs": Fact(28118, 3426, 28118, 1),
    "llmbar": Fact(419, 0, 418, 5),
    "pandalm": Fact(945, 103, 164, 50),
    "prmbench": Fact(2848, 0, 539, 8, partial=True),
    "rmb": Fact(1528, 0, 287, 45, partial=True),
    "rmb-bon": Fact(396, 0, 237, 45, partial=True),
    "truthfulqa": Fact(817, 0, 817, 38),
    "ukp-convarg1": Fact(2404, 68, 2404, 3),
    "webgpt": Fact(901, 245, 901, 1, partial=True),
    "xstest": Fact(244, 0, 244, 18),
}


def _load(shared_data: Path, name: str, *, allow_partial: bool = True) -> PreferenceSet:
    suite = load_suite(builtin_suites()[name])
    assert isinstance(suite, PreferenceSuite)
    return load_suite_data(suite.data, name, [shared_data], allow_partial=allow_partial)


@pytest.mark.parametrize("name", FACTS)
def test_counts(shared_data: Path, name: str):
    fact, found = FACTS[name], _load(shared_data, name)
    counts = Fact(
        examples=len(found),
        ties=sum(e.preference == 0.5 for e in found),
        groups=len({e.group for e in found}),
        subsets=len({e.subset for e in found}),
        partial=bool(found.missing),
    )
    assert counts == fact
    assert found.layout == "normalised"
    assert not found.skipped


@pytest.mark.parametrize("name", [name for name, fact in FACTS.items() if fact.partial])
def test_a_part_of_a_suite_has_to_be_asked_for(shared_data: Path, name: str):
    with pytest.raises(UsageError, match=r"all but \d+ of \d+ examples"):
        _load(shared_data, name, allow_partial=False)


@pytest.mark.parametrize(
    ("name", "longer"),
    [("llmbar", 0.27), ("ukp-convarg1", 0.76), ("humour-pairs", 0.63), ("hhh-alignment", 0.63)],
)
def test_how_often_the_longer_answer_is_chosen(shared_data: Path, name: str, longer: float):
    pairs = [e for e in _load(shared_data, name) if e.rejected and e.preference != 0.5]
    share = sum(len(e.chosen[0]) > len(e.rejected[0]) for e in pairs) / len(pairs)
    assert share == pytest.approx(longer, abs=0.01)


def test_votes_of_pandalm(shared_data: Path):
    """Three votes a pair; where most are for a tie, the pair is one, whatever the rest say."""
    shares = Counter(round(e.preference * 6) for e in _load(shared_data, "pandalm"))
    # 3:0, 2:0 and a tie, 2:1, ties
    assert shares == {6: 398 + 346, 5: 10 + 20, 4: 36 + 32, 3: 84 + 13 + 6}


def test_votes_of_humour_pairs_are_on_the_chosen_side(shared_data: Path):
    found = _load(shared_data, "humour-pairs")
    assert all(e.preference >= 0.5 for e in found)
    assert len({text for e in found for text in e.responses}) == 4030  # as published


def test_shapes_of_many_to_many_sets(shared_data: Path):
    shapes = {
        name: Counter((len(e.chosen), len(e.rejected)) for e in _load(shared_data, name))
        for name in ("truthfulqa", "gsm8k-solutions", "xstest", "rmb-bon")
    }
    assert shapes["gsm8k-solutions"][1, 3] == 290
    assert shapes["xstest"][4, 1] == 166
    assert shapes["rmb-bon"][1, 2] == 303
    assert {n for n, _ in shapes["rmb-bon"]} == {1}
    assert max(n * m for n, m in shapes["truthfulqa"]) > 50


def test_scenarios_of_rmb_are_those_of_its_sections(shared_data: Path):
    for name in ("rmb", "rmb-bon"):
        suite = load_suite(builtin_suites()[name])
        assert isinstance(suite, PreferenceSuite)
        pooled = {subset for subsets in suite.sections.values() for subset in subsets}
        assert len(pooled) == 49
        assert {e.subset for e in _load(shared_data, name)} <= pooled
