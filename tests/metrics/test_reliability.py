from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from torchmetrics.functional.classification import binary_calibration_error

from rmbench.metrics import reliability as rel
from rmbench.metrics.calibration import binned_outcome, confidence

HAND_ONES = np.ones(8)


def confidence_form(margin):
    margin = np.asarray(margin, dtype=float)
    return confidence(margin), binned_outcome(margin, np.ones(len(margin)))


def calibrated(n: int, rng: np.random.Generator) -> np.ndarray:
    """Margins, preferred side first, of a perfectly calibrated scorer."""
    margin = rng.normal(0, 2, n)
    return np.where(rng.random(n) < expit(margin), margin, -margin)


# --- known values


def test_hand_vector_with_bins_of_equal_width(hand_margins):
    sure, outcome = confidence_form(hand_margins)
    bins = rel.equal_width_bins(sure, 5)
    assert rel.ece(sure, outcome, bins) == pytest.approx(0.1320112673, abs=1e-10)
    assert rel.rmsce(sure, outcome, bins) == pytest.approx(0.1518666283, abs=1e-10)
    assert rel.mce(sure, outcome, bins) == pytest.approx(0.2310585786, abs=1e-10)


def test_hand_vector_in_four_groups_of_a_stable_sort(hand_margins):
    sure, outcome = confidence_form(hand_margins)
    bins = np.empty(8, dtype=np.int64)
    bins[np.argsort(sure, kind="stable")] = [0, 0, 1, 1, 2, 2, 3, 3]
    assert rel.ece(sure, outcome, bins) == pytest.approx(0.1807900536, abs=1e-10)


@pytest.mark.parametrize("n_bins", [1, 4, 10])
@pytest.mark.parametrize("seed", range(3))
def test_constant_confidence(n_bins, seed):
    right = np.random.default_rng(seed).permutation(np.repeat([1.0, 0.0], [300, 100]))
    for p, expected in ((0.75, 0.0), (0.9, 0.15)):
        sure = np.full(400, p)
        for bins in (rel.equal_mass_bins(sure, n_bins), rel.equal_width_bins(sure, n_bins)):
            assert rel.ece(sure, right, bins) == pytest.approx(expected, abs=1e-12)


# --- bins


def test_equal_width_bins_close_below():
    bins = rel.equal_width_bins(np.array([0.5, 0.55, 0.5999, 0.6, 0.95, 1.0]), 5)
    assert bins.tolist() == [0, 0, 0, 1, 4, 4]


@given(st.integers(1, 200), st.integers(1, 12), st.integers(0, 99))
def test_equal_mass_bins_are_array_split_of_distinct_values(n, n_bins, seed):
    values = np.random.default_rng(seed).permutation(n) / n
    bins = rel.equal_mass_bins(values, n_bins)
    expected = np.empty(n, dtype=np.int64)
    for b, part in enumerate(np.array_split(np.argsort(values), n_bins)):
        expected[part] = b
    assert bins.tolist() == expected.tolist()


@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=40),
    st.integers(1, 12),
    st.integers(0, 99),
    st.booleans(),
)
def test_equal_values_share_a_bin_in_any_order(values, n_bins, seed, weighted):
    rng = np.random.default_rng(seed)
    values = np.array(values, dtype=float)
    weight = 1.0 / (1 + values) if weighted else None
    bins = rel.equal_mass_bins(values, n_bins, weight)
    assert len(set(zip(values, bins, strict=True))) == len(set(values.tolist()))
    assert (np.diff(bins[np.argsort(values)]) >= 0).all()
    assert bins.min() >= 0
    assert bins.max() < n_bins
    order = rng.permutation(len(values))
    shuffled = rel.equal_mass_bins(values[order], n_bins, None if weight is None else weight[order])
    assert shuffled.tolist() == bins[order].tolist()


@pytest.mark.parametrize("weight", [None, np.array([1.0, 1, 1, 1, 1, 2])])
def test_a_run_of_equal_values_goes_where_its_middle_falls(weight):
    values = np.array([0.6, 0.7, 0.7, 0.7, 0.7, 0.8])
    assert rel.equal_mass_bins(values, 3, weight).tolist() == [0, 1, 1, 1, 1, 2]
    assert rel.equal_mass_bins(1.4 - values, 3, weight).tolist() == [2, 1, 1, 1, 1, 0]


def test_weighted_bins_hold_equal_weight():
    rng = np.random.default_rng(1)
    weight = 1.0 / rng.choice([1, 3, 9], 5000)
    mass = np.bincount(rel.equal_mass_bins(rng.random(5000), 10, weight), weights=weight)
    np.testing.assert_allclose(mass, weight.sum() / 10, atol=1.0)


def test_weights_count_like_repetitions():
    rng = np.random.default_rng(2)
    sure, outcome = confidence_form(calibrated(200, rng))
    times = rng.integers(1, 4, 200)
    bins = rel.equal_width_bins(sure, 10)
    for error in (rel.ece, rel.rmsce, rel.mce):
        assert error(sure, outcome, bins, times.astype(float)) == pytest.approx(
            error(np.repeat(sure, times), np.repeat(outcome, times), np.repeat(bins, times)),
            rel=1e-10,
        )


# --- the orientation of pairs


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
@pytest.mark.parametrize("n_bins", [5, 10])
def test_confidence_form_is_twice_the_bins_over_both_orders(norm, n_bins):
    margin = 1.6 * calibrated(2000, np.random.default_rng(3))
    sure, outcome = confidence_form(margin)
    error = {"l1": rel.ece, "l2": rel.rmsce, "max": rel.mce}[norm]
    ours = error(sure, outcome, rel.equal_width_bins(sure, n_bins))
    both = torch.tensor(np.concatenate([expit(margin), expit(-margin)]))
    labels = torch.tensor(np.repeat([1, 0], len(margin)))
    theirs = binary_calibration_error(both, labels, n_bins=2 * n_bins, norm=norm)
    assert ours == pytest.approx(float(theirs), abs=1e-9)


def test_binning_against_labels_that_are_all_one_measures_nothing():
    margin = calibrated(4000, np.random.default_rng(4))
    p = expit(margin)
    naive = float(
        binary_calibration_error(torch.tensor(p), torch.ones(4000, dtype=torch.int64), n_bins=10)
    )
    assert naive == pytest.approx(1 - p.mean(), abs=1e-9)
    sure, outcome = confidence_form(margin)
    assert rel.ece(sure, outcome, rel.equal_mass_bins(sure)) < 0.03 < naive


def test_ece_does_not_depend_on_which_side_is_stored_first():
    rng = np.random.default_rng(5)
    margin = np.round(calibrated(500, rng), 1)
    flip = rng.random(500) < 0.5
    sure, outcome = confidence_form(margin)
    turned = np.where(flip, -margin, margin)
    back = binned_outcome(turned, np.where(flip, 0.0, 1.0))
    bins = rel.equal_mass_bins(sure)
    assert rel.ece(confidence(turned), back, bins) == rel.ece(sure, outcome, bins)


# --- tables


@pytest.mark.parametrize("equal_mass", [False, True])
def test_reliability_table_adds_up_to_the_ece(equal_mass):
    margin = np.round(1.5 * calibrated(700, np.random.default_rng(11)), 2)
    rows = rel.reliability_table(margin, np.ones(700), equal_mass=equal_mass)
    sure, outcome = confidence_form(margin)
    bins = rel.equal_mass_bins(sure) if equal_mass else rel.equal_width_bins(sure)
    assert sum(r.n for r in rows) == 700
    assert sum(r.n * abs(r.confidence - r.accuracy) for r in rows) / 700 == pytest.approx(
        rel.ece(sure, outcome, bins), abs=1e-12
    )
    assert all(r.low <= r.confidence <= r.high for r in rows)
    assert all(a.high <= b.low for a, b in pairwise(rows))


def test_reliability_table_leaves_empty_bins_out():
    rows = rel.reliability_table(np.array([logit(0.72), -logit(0.72), logit(0.99)]), np.ones(3))
    assert [(round(r.low, 2), round(r.high, 2), r.n) for r in rows] == [
        (0.7, 0.75, 2),
        (0.95, 1.0, 1),
    ]
    assert rows[0].accuracy == 0.5
    assert rows[0].confidence == pytest.approx(0.72)


def test_accuracy_by_margin():
    margin = np.concatenate([np.arange(1.0, 11.0), -np.arange(1.0, 6.0) - 0.5])
    rows = rel.accuracy_by_margin(margin, np.ones(15), n_bins=5)
    assert [r.n for r in rows] == [3] * 5
    assert rows[0].accuracy == pytest.approx(2 / 3)
    assert rows[-1].accuracy == 1.0
    assert (rows[0].low, rows[0].high, rows[0].margin) == (1.0, 2.0, 1.5)
    assert rows[0].confidence == pytest.approx(expit([1.0, 1.5, 2.0]).mean())
    assert all(a.high <= b.low for a, b in pairwise(rows))


def test_nothing_to_bin_is_refused():
    empty = np.array([])
    with pytest.raises(ValueError, match="at least one comparison"):
        rel.ece(empty, empty, empty.astype(np.int64))
    assert rel.reliability_table(empty, empty) == ()
    assert rel.accuracy_by_margin(empty, empty) == ()
