from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss

from rmbench.metrics import calibration as cal

ONES = np.ones(8)
MARGINS = st.lists(st.floats(-30, 30), min_size=1, max_size=40).map(np.array)


def test_hand_vector(hand_margins):
    brier = cal.brier(hand_margins, ONES).mean()
    assert cal.nll(hand_margins, ONES).mean() == pytest.approx(0.5180941456, abs=1e-10)
    assert brier == pytest.approx(0.1795632914, abs=1e-10)
    assert cal.brier_skill(brier) == pytest.approx(0.2817468345, abs=1e-10)
    assert cal.confidence(hand_margins).mean() == pytest.approx(0.7322476876, abs=1e-10)
    assert cal.binned_outcome(hand_margins, ONES).mean() == 0.6875
    assert cal.overconfidence(hand_margins, ONES).mean() == pytest.approx(0.0447476876, abs=1e-10)
    assert cal.spiegelhalter(hand_margins, ONES).z == pytest.approx(0.0460867749, abs=1e-10)


def test_a_scorer_that_knows_nothing():
    zero = np.zeros(5)
    assert cal.nll(zero, np.ones(5)).mean() == pytest.approx(math.log(2), abs=1e-15)
    assert cal.brier(zero, np.ones(5)).mean() == 0.25
    assert cal.brier_skill(0.25) == 0.0
    assert cal.spiegelhalter(zero, np.ones(5)) is None


@given(MARGINS)
def test_proper_scores_match_scikit_learn(margin):
    p = expit(margin)
    ones = np.ones(len(margin))
    assert cal.nll(margin, ones).mean() == pytest.approx(
        log_loss(ones, np.stack([expit(-margin), p], axis=1), labels=[0, 1]), rel=1e-9, abs=1e-12
    )
    assert cal.brier(margin, ones).mean() == pytest.approx(
        brier_score_loss(ones, p, pos_label=1), rel=1e-9, abs=1e-15
    )


def test_loss_of_extreme_margins_is_finite():
    loss = cal.nll(np.array([-800.0, 800.0, -1e300]), np.array([1.0, 1.0, 1.0]))
    assert loss.tolist() == [800.0, 0.0, 1e300]


@given(MARGINS, st.integers(0, 2**32 - 1))
def test_nothing_depends_on_which_side_is_stored_first(margin, seed):
    flip = np.random.default_rng(seed).random(len(margin)) < 0.5
    flipped, label = np.where(flip, -margin, margin), np.where(flip, 0.0, 1.0)
    ones = np.ones(len(margin))
    for measure in (cal.nll, cal.brier, cal.overconfidence):
        np.testing.assert_allclose(
            measure(flipped, label), measure(margin, ones), rtol=1e-12, atol=1e-14
        )
    there, back = cal.spiegelhalter(margin, ones), cal.spiegelhalter(flipped, label)
    assert (there is None) == (back is None)
    if there is not None:
        assert back.z == pytest.approx(there.z, rel=1e-9, abs=1e-9)


@given(MARGINS, st.floats(0, 1))
def test_soft_labels_are_expectations_over_votes(margin, share):
    y = np.full(len(margin), share)
    ones, zeros = np.ones(len(margin)), np.zeros(len(margin))
    expected = share * cal.nll(margin, ones) + (1 - share) * cal.nll(margin, zeros)
    np.testing.assert_allclose(cal.nll(margin, y), expected, rtol=1e-12, atol=1e-14)


def test_a_human_tie_wants_a_margin_of_zero():
    margin = np.linspace(-3, 3, 61)
    half = np.full(61, 0.5)
    assert margin[np.argmin(cal.nll(margin, half))] == pytest.approx(0.0, abs=1e-12)
    assert cal.brier(np.zeros(1), np.array([0.5])).tolist() == [0.0]
    assert cal.binned_outcome(margin, half).tolist() == [0.5] * 61


def test_spiegelhalter_is_standard_normal_for_a_calibrated_scorer():
    rng = np.random.default_rng(3)
    z = []
    for _ in range(400):
        margin = rng.normal(0, 2, 300)
        label = (rng.random(300) < expit(margin)).astype(float)
        z.append(cal.spiegelhalter(margin, label).z)
    assert abs(np.mean(z)) < 0.2
    assert np.std(z) == pytest.approx(1.0, abs=0.12)
    test = cal.spiegelhalter(margin, label)
    assert test.p_value == pytest.approx(2 * norm.sf(abs(test.z)), rel=1e-12)


def test_decomposition_adds_up_and_its_uncertainty_is_a_quarter():
    rng = np.random.default_rng(4)
    truth = rng.normal(0, 2, 2000)
    margin = 2.5 * np.where(rng.random(2000) < expit(truth), truth, -truth)
    ones = np.ones(2000)
    parts = cal.brier_decomposition(margin, ones)
    assert parts.uncertainty == 0.25
    assert parts.reliability - parts.resolution + parts.uncertainty == pytest.approx(
        cal.brier(margin, ones).mean(), abs=1e-12
    )
    assert parts.reliability > 0.005
    # Independent fit of the recalibration curve.
    both = np.concatenate([margin, -margin])
    labels = np.concatenate([ones, 0 * ones])
    fitted = IsotonicRegression(out_of_bounds="clip").fit(both, labels).predict(both)
    best = np.mean((fitted - labels) ** 2)
    assert parts.resolution == pytest.approx(0.25 - best, abs=1e-6)


def test_decomposition_of_tied_margins_does_not_depend_on_their_order():
    margin = np.array([1.0] * 6 + [0.0] * 2 + [-1.0] * 2)
    forward = cal.brier_decomposition(margin, np.ones(10))
    backward = cal.brier_decomposition(margin[::-1].copy(), np.ones(10))
    assert forward.reliability == pytest.approx(backward.reliability, abs=1e-15)
    # Of the 8 pairs with |m| = 1, 6 are right: recalibrated to .75 they leave .1875.
    assert forward.resolution == pytest.approx(0.25 - (0.8 * 0.1875 + 0.2 * 0.25), abs=1e-12)


def test_decomposition_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one comparison"):
        cal.brier_decomposition(np.array([]), np.array([]))
