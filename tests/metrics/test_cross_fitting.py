from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from rmbench.metrics import catalogue_calibration as depth
from rmbench.metrics.base import MeasureContext, Undefined
from rmbench.metrics.cross_fitting import cluster_folds, cross_fitted_margin

HALF = MeasureContext(ties="half")


@given(
    # numpy drops NULs at a string's end, so "" and "\0" would be one id.
    st.lists(st.text(max_size=6), min_size=1, max_size=30, unique_by=lambda s: s.rstrip("\0")),
    st.integers(1, 8),
    st.integers(0, 99),
    st.randoms(use_true_random=False),
)
def test_folds_keep_clusters_whole_and_do_not_depend_on_order(names, n_clusters, seed, random):
    ids = np.array(names)
    groups = np.array([random.randrange(n_clusters) for _ in names])
    folds = cluster_folds(ids, groups, seed, 3)
    for group in set(groups.tolist()):
        assert len(set(folds[groups == group].tolist())) == 1
    order = np.array(random.sample(range(len(names)), len(names)))
    # Other codes for the clusters, another order, and an array of wider strings.
    again = cluster_folds(ids[order].astype("<U50"), 7 - groups[order], seed, 3)
    assert again.tolist() == folds[order].tolist()


def test_folds_are_even_and_the_seed_changes_them():
    ids = np.array([f"example-{i}" for i in range(1003)])
    groups = np.arange(1003)
    folds = cluster_folds(ids, groups, 0)
    assert np.bincount(folds).tolist() == [201, 201, 201, 200, 200]
    same = (folds == cluster_folds(ids, groups, 1)).mean()
    assert same == pytest.approx(0.2, abs=0.06)


def test_folds_do_not_follow_the_numbers_in_ids():
    """Subsets often stand in order; each must be in every fold."""
    ids = np.array([f"{subset}-{i}" for subset in "abcd" for i in range(500)])
    folds = cluster_folds(ids, np.arange(2000), 0)
    for part in folds.reshape(4, 500):
        assert np.bincount(part, minlength=5).min() > 60


def test_each_fold_has_the_slope_of_the_others():
    rng = np.random.default_rng(1)
    margin = rng.normal(0, 2, 300)
    y = (rng.random(300) < expit(margin / 3)).astype(float)
    folds = np.arange(300) % 3
    scaled = cross_fitted_margin(margin, y, folds, np.ones(300))
    for fold in range(3):
        rest = folds != fold
        slope = sm.Logit(y[rest], margin[rest][:, None]).fit(disp=0).params[0]
        assert scaled[~rest] == pytest.approx(slope * margin[~rest], rel=1e-6)


def test_scaling_repairs_the_scale_and_only_that(from_margins):
    rng = np.random.default_rng(2)
    truth = rng.normal(0, 1.5, 4000)
    won = rng.random(4000) < expit(truth)
    margin = np.where(won, 1, -1) * 4 * truth
    scores = from_margins(margin)
    plain, scaled = depth.NLL(scores, HALF), depth.SCALED_NLL(scores, HALF)
    calibrated = np.logaddexp(0, -margin / 4).mean()
    assert scaled.value == pytest.approx(calibrated, abs=2e-3)
    assert scaled.value < plain.value - 0.1
    assert scaled.ci_method == "clustered t, skew-corrected"
    assert depth.SCALED_BRIER(scores, HALF).value < depth.BRIER(scores, HALF).value
    assert depth.SCALED_ECE(scores, HALF).value < 0.03 < depth.ECE(scores, HALF).value


def test_what_cannot_be_fitted_says_so(from_margins):
    ones = np.ones(4)
    one_fold = cross_fitted_margin(ones, ones, np.zeros(4, np.int64), ones)
    assert one_fold == Undefined("cross-validation needs at least 2 clusters")
    assert "outside of one fold no comparison is wrong" in (
        depth.SCALED_NLL(from_margins([1.0, 2.0, 3.0]), HALF).reason
    )
    backwards = from_margins([-1.0] * 30 + [1.0] * 10)
    assert "larger margins are not better" in depth.SCALED_NLL(backwards, HALF).reason
