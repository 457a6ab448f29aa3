from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from rmbench.metrics.base import Undefined
from rmbench.metrics.temperature import SlopeFit, fit_slope, invert_slope


def simulate(n: int, temperature: float, seed: int) -> np.ndarray:
    """Margins (preferred side first) of a scorer that is off by this temperature."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 2, n)
    return temperature * np.where(rng.random(n) < expit(truth), truth, -truth)


def fit(margin, preference=None, groups=None, weight=None):
    margin = np.asarray(margin, dtype=float)
    preference = np.ones(len(margin)) if preference is None else preference
    groups = np.arange(len(margin)) if groups is None else groups
    return fit_slope(margin, preference, groups, weight)


def test_hand_vector(hand_margins):
    found = fit(hand_margins)
    assert found.slope == pytest.approx(1.0429099143, abs=1e-10)
    assert invert_slope(found).temperature == pytest.approx(0.9588555889, abs=1e-10)


def test_three_wins_to_one_are_ln_3_apart():
    assert fit([1.0, 1.0, 1.0, -1.0]).slope == pytest.approx(math.log(3), abs=1e-12)
    assert math.log(3) == pytest.approx(1.0986, abs=5e-5)


def test_recovers_the_temperature_that_made_the_data():
    margin = simulate(5000, 3.0, seed=5)
    found = invert_slope(fit(margin))
    assert found.temperature == pytest.approx(3.0, abs=3 * 0.08)
    assert found.interval.low < 3.0 < found.interval.high
    assert (found.interval.high - found.interval.low) / 4 == pytest.approx(0.08, abs=0.02)
    assert found.interval.method == "clustered sandwich"
    scaled = margin / found.temperature
    assert (scaled > 0).mean() == (margin > 0).mean()
    assert invert_slope(fit(scaled)).temperature == pytest.approx(1.0, abs=1e-9)


def test_matches_logistic_regression_on_both_orders():
    margin = simulate(800, 1.7, seed=6)
    both = np.concatenate([margin, -margin])
    labels = np.repeat([1, 0], len(margin))
    slope = fit(margin).slope
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(both[:, None], labels)
    assert slope == pytest.approx(model.coef_[0, 0], rel=1e-5)
    assert model.intercept_[0] == pytest.approx(0.0, abs=1e-8)
    logit = sm.Logit(labels, sm.add_constant(both)).fit(disp=False)
    assert slope == pytest.approx(logit.params[1], rel=1e-6)


def test_standard_error_counts_every_pair_once():
    margin = simulate(4000, 1.0, seed=7)
    found = fit(margin)
    p = expit(found.slope * margin)
    fisher = 1 / np.sqrt((margin**2 * p * (1 - p)).sum())
    assert found.standard_error == pytest.approx(fisher, rel=0.05)
    both, labels = np.concatenate([margin, -margin]), np.repeat([1, 0], len(margin))
    naive = sm.Logit(labels, both).fit(disp=False).bse[0]
    assert naive == pytest.approx(fisher / math.sqrt(2), rel=1e-3)
    paired = sm.GLM(labels, both, family=sm.families.Binomial()).fit(
        cov_type="cluster", cov_kwds={"groups": np.tile(np.arange(len(margin)), 2)}
    )
    assert found.standard_error == pytest.approx(paired.bse[0], rel=1e-3)


def test_clusters_that_repeat_the_data_leave_the_error_alone():
    margin = simulate(300, 1.0, seed=8)
    once = fit(margin)
    thrice = fit(np.repeat(margin, 3), groups=np.repeat(np.arange(300), 3))
    assert thrice.slope == pytest.approx(once.slope, rel=1e-9)
    assert thrice.standard_error == pytest.approx(once.standard_error, rel=1e-9)
    assert thrice.interval.low == pytest.approx(once.interval.low, rel=1e-9)


def test_weights_are_repetitions():
    margin = simulate(60, 1.0, seed=9)
    times = np.random.default_rng(0).integers(1, 4, 60)
    repeated = fit(np.repeat(margin, times))
    weighted = fit(margin, weight=times.astype(float))
    assert weighted.slope == pytest.approx(repeated.slope, rel=1e-9)


def test_coverage_of_the_interval():
    inside = 0
    for seed in range(200):
        found = invert_slope(fit(simulate(200, 2.0, seed=1000 + seed)))
        inside += found.interval.low < 2.0 < found.interval.high
    assert 180 <= inside <= 199


@given(st.floats(0.01, 100))
def test_temperature_scales_with_the_margins(scale):
    margin = simulate(50, 1.0, seed=10)
    base = invert_slope(fit(margin)).temperature
    assert invert_slope(fit(scale * margin)).temperature == pytest.approx(scale * base, rel=1e-7)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_nearly_separated_margins_still_have_a_root(scale):
    margin = scale * np.array([5.0] * 50 + [-1e-3])
    slope = fit(margin).slope
    gradient = (margin * expit(-slope * margin)).sum()
    assert gradient == pytest.approx(0.0, abs=1e-9 * scale)


@pytest.mark.parametrize(
    ("margin", "reason"),
    [
        ([0.0, 0.0], "every margin is 0"),
        ([1.0, 2.0, 0.0], "no comparison is wrong"),
        ([-1.0, -2.0, 0.0], "no comparison is right"),
    ],
)
def test_without_a_maximum_there_is_a_reason(margin, reason):
    found = fit(margin)
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_soft_labels_are_never_separated():
    found = fit([1.0, 2.0], preference=np.array([0.8, 0.9]))
    assert found.slope > 0
    assert math.isfinite(found.slope)


def test_margins_that_point_the_wrong_way_have_no_temperature():
    found = fit([-1.0, -1.0, -1.0, 1.0])
    assert found.slope == pytest.approx(-math.log(3), abs=1e-12)
    assert "larger margins are not better" in invert_slope(found).reason
    flat = fit([1.0, -1.0])
    assert flat.slope == 0.0
    assert isinstance(invert_slope(flat), Undefined)


def test_a_slope_of_rounding_errors_is_zero():
    found = fit([0.1, 0.2, -0.3], preference=np.full(3, 0.9))
    assert 0.1 + 0.2 - 0.3 != 0.0
    assert found.slope == 0.0
    assert isinstance(invert_slope(found), Undefined)


def test_an_interval_of_the_slope_that_touches_zero_bounds_no_temperature():
    found = fit([1.0, 1.0, 1.0, -1.0])
    assert found.interval.low < 0 < found.interval.high
    assert invert_slope(found).interval is None


def test_ends_change_places():
    fitted = fit(simulate(500, 2.0, seed=11))
    interval = invert_slope(fitted).interval
    assert interval.low == 1 / fitted.interval.high
    assert interval.high == 1 / fitted.interval.low


def test_one_cluster_has_no_interval():
    found = fit([1.0, 1.0, -1.0], groups=np.zeros(3, dtype=np.int64))
    assert isinstance(found, SlopeFit)
    assert found.standard_error is None
    assert invert_slope(found).interval is None
