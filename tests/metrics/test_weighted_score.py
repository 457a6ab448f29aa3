"""The weighted mean of means: against its definition written out, and its interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rmbench.metrics.base import MeasureContext, Undefined
from rmbench.metrics.catalogue import SECTION_SCORE
from rmbench.metrics.intervals import clustered_standard_error, linearised_mean
from rmbench.metrics.measure import measure
from rmbench.metrics.subsets import weighted_score

TREE = {
    "": {"Chat": 2.0, "Safety": 1.0},
    "Chat": {"easy": 100.0, "hard": 300.0},
    "Safety": {"refuse": 5.0},
}
SUBSET = np.array(["easy"] * 4 + ["hard"] * 5 + ["refuse"] * 3)
RIGHT = np.array([1.0, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 0])


def _score(right, subset, name: str):
    return weighted_score(lambda mask: linearised_mean(right, mask), subset, TREE, name)


def test_value_is_the_definition_written_out():
    chat = (100 * 3 / 4 + 300 * 2 / 5) / 400
    assert _score(RIGHT, SUBSET, "Chat").value == pytest.approx(chat)
    assert _score(RIGHT, SUBSET, "").value == pytest.approx((2 * chat + 2 / 3) / 3)
    assert _score(RIGHT, SUBSET, "easy").value == pytest.approx(0.75)


def test_standard_error_is_that_of_independent_subsets():
    """Without shared clusters variances of subset means add, each times its coefficient squared."""
    found = _score(RIGHT, SUBSET, "")
    coefficients = {"easy": 2 / 3 * 0.25, "hard": 2 / 3 * 0.75, "refuse": 1 / 3}
    expected = sum(
        c**2 * RIGHT[name == SUBSET].var() / (name == SUBSET).sum()
        for name, c in coefficients.items()
    )
    error = clustered_standard_error(found.influence, np.arange(len(RIGHT)), correction=False)
    assert error**2 == pytest.approx(expected)
    assert found.n == len(RIGHT)


def test_interval_covers_as_often_as_it_says():
    rng, truth, hits = np.random.default_rng(0), {"easy": 0.9, "hard": 0.5, "refuse": 0.7}, 0
    subset = np.repeat(["easy", "hard", "refuse"], [40, 30, 50])
    wanted = (2 * (0.25 * 0.9 + 0.75 * 0.5) + 0.7) / 3
    chance = np.array([truth[name] for name in subset])
    for _ in range(400):
        right = (rng.random(len(subset)) < chance).astype(float)
        found = _score(right, subset, "")
        error = clustered_standard_error(found.influence, np.arange(len(subset)))
        half = stats.t.ppf(0.975, len(subset) - 1) * error
        hits += abs(found.value - wanted) <= half
    assert 0.91 <= hits / 400 <= 0.99


def test_a_missing_subset_is_named_and_never_a_zero():
    kept = SUBSET != "hard"
    found = _score(RIGHT[kept], SUBSET[kept], "")
    assert isinstance(found, Undefined)
    assert found.reason == "no example in subset 'hard'"
    assert _score(RIGHT[kept], SUBSET[kept], "Safety").value == pytest.approx(2 / 3)


def test_sections_are_reported_and_subsets_are_not(from_margins):
    context = MeasureContext(
        ties="wrong",
        sections={"Chat": ("easy", "hard"), "Safety": ("refuse",)},
        score_tree=TREE,
    )
    found = measure([SECTION_SCORE], from_margins(RIGHT * 2 - 1, subset=SUBSET), context)
    assert [(e.subset, e.n) for e in found] == [(None, 12), ("Chat", 9), ("Safety", 3)]
    assert found[1].value == pytest.approx((100 * 3 / 4 + 300 * 2 / 5) / 400)
    assert found[0].ci_low < found[0].value < found[0].ci_high


def test_a_section_called_like_its_subset_is_reported(from_margins):
    context = MeasureContext(
        sections={"a": ("a",), "b": ("b",)}, score_tree={"": {"a": 3.0, "b": 1.0}}
    )
    margins, subset = np.array([1.0, -1, 1, 1]), np.array(["a", "a", "b", "b"])
    found = measure([SECTION_SCORE], from_margins(margins, subset=subset), context)
    assert [(e.subset, e.value) for e in found] == [(None, 0.625), ("a", 0.5), ("b", 1.0)]


def test_a_tie_counts_what_the_suite_says(from_margins):
    scores = from_margins([0.0, 0.0], subset=["a", "a"])
    for ties, value in (("half", 0.5), ("wrong", 0.0)):
        context = MeasureContext(ties=ties, sections={"S": ("a",)}, score_tree={"": {"a": 1.0}})
        assert SECTION_SCORE(scores, context).value == value


def test_without_sections_there_is_no_score(from_margins):
    found = SECTION_SCORE(from_margins([1.0, 1.0], subset=["a", "b"]), MeasureContext())
    assert found.value is None
    assert found.reason == "the suite has no sections"
