from __future__ import annotations

import numpy as np
import pytest

from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.length import length_strata


def test_a_scorer_of_length_alone_is_at_one_half_exactly(build):
    rng = np.random.default_rng(2)
    chars = [
        (rng.integers(1, 9, size=rng.integers(1, 4)).tolist(), rng.integers(1, 9, size=2).tolist())
        for _ in range(300)
    ]
    for sign in (1.0, -1.0):
        rewards = [([sign * k for k in c], [sign * k for k in r]) for c, r in chars]
        strata = length_strata(Comparisons.from_scores(build(rewards, chars=chars)), "half")
        assert {strata.longer.value, strata.shorter.value} == {0.0, 1.0}
        assert strata.balanced.value == 0.5


def test_each_direction_counts_one_half_whatever_its_size(build):
    scores = build(
        [((1.0,), (0.0,))] * 3 + [((0.0,), (1.0,))] + [((1.0,), (0.0,))],
        chars=[((9,), (1,))] * 4 + [((1,), (9,))],
    )
    strata = length_strata(Comparisons.from_scores(scores), "half")
    assert strata.longer.value == 0.75
    assert strata.shorter.value == 1.0
    assert strata.balanced.value == 0.875
    assert (strata.longer.n, strata.shorter.n, strata.balanced.n) == (4, 1, 5)


def test_equal_lengths_are_left_out_and_comparisons_weigh_their_share_of_an_example(build):
    # Example 0: longer won, equal length (left out), shorter lost; example 1: longer lost.
    scores = build(
        [((5.0,), (1.0, 9.0, 9.0)), ((0.0,), (1.0,))],
        chars=[((10,), (3, 10, 30)), ((4,), (2,))],
    )
    strata = length_strata(Comparisons.from_scores(scores), "half")
    assert strata.longer.value == pytest.approx((1 / 3 * 1 + 1 * 0) / (1 / 3 + 1))
    assert strata.shorter.value == 0.0
    assert strata.shorter.n == 1


def test_a_direction_without_comparisons_is_missing(build):
    scores = build([((1.0,), (0.0,))] * 2, chars=[((9,), (1,)), ((5,), (5,))])
    strata = length_strata(Comparisons.from_scores(scores), "half")
    assert strata.longer.value == 1.0
    assert strata.shorter is None
    assert strata.balanced is None


def test_longer_refers_to_the_preferred_side(build):
    scores = build([((0.0,), (1.0,))], chars=[((1,), (9,))], preference=[0.0])
    strata = length_strata(Comparisons.from_scores(scores).decided, "half")
    assert strata.longer.value == 1.0
    assert strata.shorter is None
