from __future__ import annotations

import numpy as np
import pytest

from rmbench.metrics.base import Undefined
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.confounders import shift, win_share
from rmbench.metrics.intervals import clustered_standard_error


def comparisons(build, moved, plain, **given):
    pairs = [((p + d,), (p,)) for d, p in zip(moved, plain, strict=True)]
    return Comparisons.from_scores(build(pairs, preference=[0.5] * len(pairs), **given))


def test_shift_is_in_standard_deviations_of_the_plain_answers(build):
    found = shift(comparisons(build, [1.0, 2.0, 3.0], [0.0, 4.0, 8.0]))
    assert found.value == pytest.approx(2.0 / 4.0)
    assert found.n == 3


def test_shift_does_not_depend_on_the_scale_of_rewards(build):
    rng = np.random.default_rng(0)
    moved, plain = rng.normal(size=50), rng.normal(size=50)
    small = shift(comparisons(build, moved, plain))
    large = shift(comparisons(build, 100 * moved, 100 * plain + 7))
    assert large.value == pytest.approx(small.value, rel=1e-9)
    np.testing.assert_allclose(large.influence, small.influence, rtol=1e-6, atol=1e-12)


def test_its_error_matches_the_jackknife_over_clusters(build):
    rng = np.random.default_rng(1)
    groups = rng.integers(0, 60, 240)
    plain = rng.normal(size=60)[groups] + rng.normal(size=240)
    moved = 1.5 + rng.normal(size=60)[groups] + 0.5 * plain
    found = shift(comparisons(build, moved, plain))
    left_out = []
    for g in np.unique(groups):
        kept = groups != g
        left_out.append(moved[kept].mean() / plain[kept].std(ddof=1))
    n = len(left_out)
    jackknife = np.sqrt((n - 1) / n * ((np.array(left_out) - np.mean(left_out)) ** 2).sum())
    assert clustered_standard_error(found.influence, groups) == pytest.approx(jackknife, rel=0.05)


def test_plain_answers_of_one_reward_have_no_scale(build):
    found = shift(comparisons(build, [1.0, 2.0], [3.0, 3.0]))
    assert found == Undefined("every plain answer has the same reward")
    assert isinstance(shift(comparisons(build, [1.0], [3.0])), Undefined)


def test_win_share_halves_equal_rewards(build):
    found = win_share(comparisons(build, [1.0, 0.0, -1.0, 2.0], [0.0] * 4))
    assert found.tolist() == [1.0, 0.5, 0.0, 1.0]
