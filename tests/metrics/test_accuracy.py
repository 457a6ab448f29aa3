from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmbench.metrics.accuracy import best_of_n, example_accuracy, example_tie_share, outcomes
from rmbench.metrics.comparisons import Comparisons

# Few distinct rewards, so that ties are common.
REWARD = st.integers(-2, 2).map(float)
SIDE = st.lists(REWARD, min_size=1, max_size=4)
EXAMPLES = st.lists(st.tuples(SIDE, SIDE), min_size=1, max_size=12)


def test_hand_vector(hand_margins):
    assert outcomes(hand_margins, "half").mean() == 0.6875
    assert outcomes(hand_margins, "wrong").mean() == 0.625


def test_a_tie_is_exact_equality_only():
    margin = np.array([np.nextafter(0.0, 1.0), 0.0, -0.0, np.nextafter(0.0, -1.0)])
    assert outcomes(margin, "half").tolist() == [1.0, 0.5, 0.5, 0.0]


def test_an_example_counts_the_mean_of_its_comparisons(build):
    c = Comparisons.from_scores(build([((2.0, 0.0), (1.0, 0.0)), ((1.0,), (0.0,))]))
    assert example_accuracy(c, "half").tolist() == [0.625, 1.0]
    assert example_accuracy(c, "wrong").tolist() == [0.5, 1.0]
    assert example_tie_share(c).tolist() == [0.25, 0.0]


@pytest.mark.parametrize(
    ("chosen", "rejected", "half", "wrong"),
    [
        ((4.0,), (1.0, 2.0, 3.0), 1.0, 1.0),
        ((3.0,), (1.0, 2.0, 3.0), 1 / 2, 0.0),
        ((3.0,), (3.0, 3.0, 3.0), 1 / 4, 0.0),
        ((2.0,), (1.0, 2.0, 3.0), 0.0, 0.0),
        ((3.0, 3.0), (3.0, 1.0), 2 / 3, 0.0),
        ((1.0, 5.0), (4.0, 4.0), 1.0, 1.0),
        ((1.0, 4.0), (4.0, 4.0), 1 / 3, 0.0),
    ],
)
def test_best_of_n_shares_a_tied_maximum(build, chosen, rejected, half, wrong):
    c = Comparisons.from_scores(build([(chosen, rejected)]))
    assert best_of_n(c, "half").tolist() == [half]
    assert best_of_n(c, "wrong").tolist() == [wrong]


@given(EXAMPLES)
def test_best_of_n_matches_rewardbench_2_rule(build, examples):
    c = Comparisons.from_scores(build(examples))
    expected = []
    for chosen, rejected in examples:
        top = max(*chosen, *rejected)
        expected.append(chosen.count(top) / (chosen + rejected).count(top))
    np.testing.assert_allclose(best_of_n(c, "half"), expected, rtol=1e-14)


@given(EXAMPLES)
def test_best_of_n_of_pairs_is_accuracy(build, examples):
    pairs = [(chosen[:1], rejected[:1]) for chosen, rejected in examples]
    c = Comparisons.from_scores(build(pairs))
    for ties in ("half", "wrong"):
        assert best_of_n(c, ties).tolist() == example_accuracy(c, ties).tolist()


@given(EXAMPLES)
def test_accuracy_and_its_mirror_image_add_to_one(build, examples):
    there = Comparisons.from_scores(build(examples))
    back = Comparisons.from_scores(build([(r, c) for c, r in examples]))
    np.testing.assert_allclose(
        example_accuracy(there, "half") + example_accuracy(back, "half"), 1.0, atol=1e-15
    )
    negated = Comparisons.from_scores(
        build([([-x for x in c], [-x for x in r]) for c, r in examples])
    )
    np.testing.assert_allclose(
        example_accuracy(there, "half") + example_accuracy(negated, "half"), 1.0, atol=1e-15
    )


@given(EXAMPLES)
def test_the_policies_differ_by_half_the_ties(build, examples):
    c = Comparisons.from_scores(build(examples))
    half, wrong = example_accuracy(c, "half"), example_accuracy(c, "wrong")
    np.testing.assert_allclose(half - wrong, example_tie_share(c) / 2, atol=1e-15)
    assert ((wrong >= 0) & (half <= 1)).all()


@given(EXAMPLES, st.floats(0.01, 100), st.floats(-50, 50))
def test_accuracy_does_not_depend_on_the_scale_of_rewards(build, examples, scale, shift):
    moved = [([scale * x + shift for x in c], [scale * x + shift for x in r]) for c, r in examples]
    c, d = Comparisons.from_scores(build(examples)), Comparisons.from_scores(build(moved))
    assert example_accuracy(c, "wrong").tolist() == example_accuracy(d, "wrong").tolist()


def test_a_human_tie_has_no_accuracy(build):
    c = Comparisons.from_scores(build([((1.0,), (0.0,))] * 2, preference=[1.0, 0.5]))
    with pytest.raises(ValueError, match="'e1' has no majority"):
        example_accuracy(c, "half")
    with pytest.raises(ValueError, match="'e1' has no majority"):
        best_of_n(c, "half")
