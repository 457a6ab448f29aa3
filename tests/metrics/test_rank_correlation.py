from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from rmbench.metrics import catalogue_bias
from rmbench.metrics.base import MeasureContext, Undefined
from rmbench.metrics.intervals import Linearised, clustered_standard_error
from rmbench.metrics.rank_correlation import correlation_interval, spearman

HALF = MeasureContext(ties="half")
PAIRS = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=2, max_size=30)


@given(PAIRS)
def test_value_is_scipys_also_with_ties(pairs):
    x, y = np.array(pairs, dtype=np.float64).T
    found = spearman(x, y)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert isinstance(found, Undefined)
        return
    assert found.value == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    assert found.influence.sum() == pytest.approx(0.0, abs=1e-12)


@given(PAIRS, st.randoms(use_true_random=False))
def test_whole_weights_are_repetitions(pairs, random):
    x, y = np.array(pairs, dtype=np.float64).T
    times = np.array([random.randint(1, 3) for _ in pairs])
    found, repeated = (
        spearman(x, y, times.astype(float)),
        spearman(x.repeat(times), y.repeat(times)),
    )
    assert isinstance(found, Undefined) == isinstance(repeated, Undefined)
    if not isinstance(found, Undefined):
        assert found.value == pytest.approx(repeated.value, abs=1e-12)


def test_influence_is_the_derivative_in_the_weights():
    rng = np.random.default_rng(1)
    x = rng.integers(0, 6, 40).astype(float)
    y = x + rng.integers(0, 9, 40)
    weight = rng.uniform(0.5, 2, 40)
    at = spearman(x, y, weight)
    step = 1e-6
    for k in (0, 7, 39):
        moved = weight.copy()
        moved[k] += step * weight.sum()
        change = (spearman(x, y, moved).value - at.value) / step
        # The weight moved by is that of one observation of all the mass.
        assert change == pytest.approx(at.influence[k] / (weight[k] / weight.sum()), abs=1e-4)


def test_error_is_that_of_the_cluster_bootstrap():
    rng = np.random.default_rng(2)
    groups = np.arange(300).repeat(2)
    shared, moved = rng.normal(size=(2, 300)).repeat(2, axis=1)
    x = shared + 0.3 * rng.normal(size=600)
    y = shared + moved + 0.3 * rng.normal(size=600)
    found = spearman(x, y)
    error = clustered_standard_error(found.influence, groups)
    draws = []
    for _ in range(600):
        times = np.bincount(rng.integers(0, 300, 300), minlength=300)[groups]
        draws.append(spearman(x.repeat(times), y.repeat(times)).value)
    assert error == pytest.approx(np.std(draws), rel=0.1)
    # Taken as independent, it would be another one.
    naive = clustered_standard_error(found.influence, np.arange(600))
    assert naive < 0.8 * error


def test_interval_covers():
    rng = np.random.default_rng(3)
    rho, hits = 0.8, 0
    truth = 6 / np.pi * np.arcsin(rho / 2)
    for _ in range(400):
        x, y = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=60).T
        found = spearman(x, y)
        used = np.ones(60, dtype=np.bool_)
        interval = correlation_interval(
            Linearised(found.value, found.influence, used), np.arange(60)
        )
        hits += interval.low <= truth <= interval.high
    assert 0.91 <= hits / 400 <= 0.98


def test_a_scorer_of_length_has_a_correlation_of_1_and_no_interval(from_margins):
    scores = from_margins([3.0, 1.0, -2.0], chars=[((8,), (5,)), ((3,), (2,)), ((2,), (4,))])
    found = catalogue_bias.LENGTH_CORRELATION(scores, HALF)
    assert (found.value, found.ci_low) == (pytest.approx(1.0), None)
    turned = from_margins([-3.0, -1.0, 2.0], chars=[((8,), (5,)), ((3,), (2,)), ((2,), (4,))])
    assert catalogue_bias.LENGTH_CORRELATION(turned, HALF).value == pytest.approx(-1.0)


def test_what_has_no_correlation(from_margins):
    same_length = from_margins([1.0, 2.0], chars=[((8,), (5,)), ((4,), (1,))])
    assert catalogue_bias.LENGTH_CORRELATION(same_length, HALF).reason == (
        "every comparison has the same difference in length"
    )
    same_margin = from_margins([1.0, 1.0], chars=[((8,), (5,)), ((5,), (1,))])
    assert catalogue_bias.LENGTH_CORRELATION(same_margin, HALF).reason == (
        "every margin is the same"
    )
