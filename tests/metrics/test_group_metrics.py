"""Means in which groups, or sections of lists, count the same."""

from __future__ import annotations

import pytest

from rmbench.metrics import catalogue
from rmbench.metrics.base import MeasureContext

WON, LOST, TIED = ((1.0,), (0.0,)), ((0.0,), (1.0,)), ((1.0,), (1.0,))
HALF = MeasureContext(ties="half")


def test_every_group_counts_the_same(build):
    """g1 has 2 of 3 right, g2 half of one, g3 one of one: by hand, (2/3 + 1/2 + 1) / 3."""
    scores = build([WON, WON, LOST, TIED, WON], group=["g1", "g1", "g1", "g2", "g3"])
    found = catalogue.GROUP_MEAN_ACCURACY(scores, HALF)
    assert found.value == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert found.n == 5
    assert found.ci_low < found.value < found.ci_high
    assert catalogue.ACCURACY(scores, HALF).value == pytest.approx(3.5 / 5)


def test_one_example_a_group_is_the_accuracy(build):
    scores = build([WON, LOST, WON, WON], group=["a", "b", "c", "d"])
    found = catalogue.GROUP_MEAN_ACCURACY(scores, HALF)
    assert found.value == catalogue.ACCURACY(scores, HALF).value == 0.75


def test_the_interval_is_that_of_the_groups_means(build):
    """With one value a group, the clustered interval is that of the mean of these values."""
    by_group = {"a": [WON, LOST], "b": [WON, WON, WON, LOST], "c": [WON], "d": [LOST, LOST]}
    means = {"a": 0.5, "b": 0.75, "c": 1.0, "d": 0.0}
    rows = [(row, name) for name, rows in by_group.items() for row in rows]
    scores = build([row for row, _ in rows], group=[name for _, name in rows])
    found = catalogue.GROUP_MEAN_ACCURACY(scores, HALF)
    values = list(means.values())
    mean = sum(values) / 4
    error = (sum((v - mean) ** 2 for v in values) / 3 / 4) ** 0.5
    trials = mean * (1 - mean) / error**2
    assert found.value == pytest.approx(mean)
    # Both ends of Wilson's interval are t standard errors of their own from the mean.
    t_low = (mean - found.ci_low) / (found.ci_low * (1 - found.ci_low) / trials) ** 0.5
    t_high = (found.ci_high - mean) / (found.ci_high * (1 - found.ci_high) / trials) ** 0.5
    assert t_low == pytest.approx(t_high)
    # 0.975 quantiles of t: at most 3 degrees of freedom, and 2 as the groups differ in size.
    assert 3.1824 < t_low < 4.3027


def test_a_prompt_of_two_subsets_is_a_group_in_each(build):
    """x: g1 1/2, g2 1; y: g1 0. By hand, (3/4 + 0) / 2."""
    scores = build(
        [WON, LOST, WON, LOST],
        group=["g1", "g1", "g2", "g1"],
        subset=["x", "x", "x", "y"],
    )
    found = catalogue.MACRO_GROUP_MEAN_ACCURACY(scores, HALF)
    assert found.value == pytest.approx(3 / 8)


def test_sections_of_lists_count_the_same(build):
    best, second = ((2.0,), (1.0, 0.0)), ((1.0,), (2.0, 0.0))
    context = MeasureContext(ties="wrong", sections={"s": ("a", "b"), "t": ("c",)})
    scores = build([best, second, best, second], subset=["a", "a", "b", "c"])
    found = catalogue.SECTION_MEAN_BEST_OF_N_ACCURACY(scores, context)
    assert found.value == pytest.approx((2 / 3 + 0) / 2)
    gone = catalogue.SECTION_MEAN_BEST_OF_N_ACCURACY(build([best], subset=["a"]), context)
    assert gone.value is None
    assert "'t'" in gone.reason
    assert catalogue.SECTION_MEAN_BEST_OF_N_ACCURACY(scores, HALF).reason
