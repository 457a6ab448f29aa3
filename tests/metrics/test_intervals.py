from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm
from scipy.stats import bootstrap as scipy_bootstrap
from scipy.stats import t as student
from statsmodels.stats.proportion import proportion_confint

from rmbench.metrics import intervals as iv

KNOWN = [
    (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
    (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
    (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
    (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    (20, 20, (0.8389, 1.0), (0.8316, 1.0)),
]
Y = np.array([1.0, 1, 0, 0, 1, 0])
G = np.array([0, 0, 1, 1, 2, 2])


def ends(interval: iv.Interval) -> tuple[float, float]:
    return interval.low, interval.high


def clustered_ols(y, groups, design=None):
    design = np.ones(len(y)) if design is None else design
    return sm.OLS(y, design).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)


# --- proportions


@pytest.mark.parametrize(("k", "n", "wilson", "exact"), KNOWN)
def test_known_proportions(k, n, wilson, exact):
    assert ends(iv.wilson(k, n)) == pytest.approx(wilson, abs=5e-5)
    assert ends(iv.clopper_pearson(k, n)) == pytest.approx(exact, abs=5e-5)


def test_known_wilson_of_45_of_50():
    assert ends(iv.wilson(45, 50)) == pytest.approx((0.7864, 0.9565), abs=5e-5)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_proportions_match_scipy_and_statsmodels(case):
    k, n = case
    test = binomtest(k, n)
    assert ends(iv.wilson(k, n)) == pytest.approx(tuple(test.proportion_ci(method="wilson")))
    assert ends(iv.clopper_pearson(k, n)) == pytest.approx(tuple(test.proportion_ci()))
    assert ends(iv.wilson(k, n, 0.9)) == pytest.approx(
        proportion_confint(k, n, alpha=0.1, method="wilson"), abs=1e-12
    )


def test_wilson_takes_half_credits():
    low, high = ends(iv.wilson(4.5, 9))
    assert low + high == pytest.approx(1.0)
    assert iv.wilson(4, 9).low < low < iv.wilson(5, 9).low


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_impossible_counts_are_refused(k, n):
    for interval in (iv.wilson, iv.clopper_pearson):
        with pytest.raises(ValueError, match="0 <= successes <= n"):
            interval(k, n)


# --- clustered errors


def test_hand_clusters():
    mean = iv.linearised_mean(Y)
    assert (6 * iv.cluster_sums(mean.influence, G)).tolist() == [1, -1, 0]
    miller = iv.clustered_standard_error(mean.influence, G, correction=False)
    assert miller == pytest.approx(0.235702, abs=5e-7)
    assert iv.clustered_standard_error(mean.influence, G) == pytest.approx(0.288675, abs=5e-7)
    singles = iv.clustered_standard_error(mean.influence, np.arange(6))
    assert singles == pytest.approx(0.223607, abs=5e-7)


@pytest.mark.parametrize("seed", range(5))
def test_clustered_mean_matches_clustered_least_squares(seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 25, 200)
    y = rng.normal(size=25)[groups] + rng.normal(size=200)
    weights = rng.integers(1, 4, 200).astype(float)
    found, model = iv.clustered_mean(y, groups), clustered_ols(y, groups)
    assert found.value == pytest.approx(model.params[0])
    # statsmodels also multiplies by (n - 1) / (n - k), which is 1 for one parameter.
    assert found.standard_error == pytest.approx(model.bse[0], rel=1e-10)
    assert found.interval.low < found.value < found.interval.high
    assert found.n_clusters == len(np.unique(groups))
    # Half the clusters counted again: the same as weights.
    w = iv.clustered_mean(y, groups, weights)
    repeated = np.repeat(np.arange(200), weights.astype(int))
    r = iv.clustered_mean(y[repeated], groups[repeated])
    assert w.value == pytest.approx(r.value)
    assert w.standard_error == pytest.approx(r.standard_error)


def test_shared_clusters_widen_the_interval():
    y = np.repeat([1.0, 0.0, 1.0, 1.0], 9)
    clustered = iv.clustered_mean(y, np.repeat(np.arange(4), 9))
    apart = iv.clustered_mean(y, np.arange(36))
    assert clustered.standard_error > 2.5 * apart.standard_error


def test_a_mean_of_subset_means_is_a_regression_on_subset_dummies():
    rng = np.random.default_rng(6)
    subset = rng.integers(0, 4, 300)
    groups = rng.integers(0, 40, 300)  # prompts that occur in several subsets
    y = (rng.random(300) < 0.4 + 0.1 * subset).astype(float)
    macro = iv.mean_of([iv.linearised_mean(y, subset == s) for s in range(4)])
    dummies = (subset[:, None] == np.arange(4)).astype(float)
    model = clustered_ols(y, groups, dummies)
    contrast = np.full(4, 0.25)
    assert macro.value == pytest.approx(contrast @ model.params)
    correction = math.sqrt((300 - 1) / (300 - 4))  # statsmodels' second factor
    error = math.sqrt(contrast @ model.cov_params() @ contrast) / correction
    assert iv.clustered_standard_error(macro.influence, groups) == pytest.approx(error, rel=1e-9)
    assert macro.n == 300


def test_subsets_without_shared_clusters_add_their_variances():
    rng = np.random.default_rng(7)
    y, subset = rng.normal(size=100), np.repeat([0, 1], 50)
    parts = [iv.linearised_mean(y, subset == s) for s in (0, 1)]
    macro = iv.combine(parts, [0.3, 0.7])
    groups = np.arange(100)
    variances = [
        iv.clustered_standard_error(p.influence, groups, correction=False) ** 2 for p in parts
    ]
    assert iv.clustered_standard_error(macro.influence, groups, correction=False) == pytest.approx(
        math.sqrt(0.09 * variances[0] + 0.49 * variances[1])
    )


def test_only_the_clusters_that_take_part_count():
    y, groups = np.array([1.0, 0, 1, 0, 5, 5]), np.array([0, 1, 2, 3, 4, 4])
    part = iv.linearised_mean(y, np.array([True] * 4 + [False] * 2))
    alone = iv.linearised_mean(y[:4])
    assert part.n == 4
    assert iv.clustered_interval(part, groups, fraction=False) == iv.clustered_interval(
        alone, groups[:4], fraction=False
    )


def test_nothing_has_no_mean():
    with pytest.raises(ValueError, match="no example"):
        iv.linearised_mean(Y, np.zeros(6, dtype=bool))
    with pytest.raises(ValueError, match="as many coefficients"):
        iv.combine([iv.linearised_mean(Y)], [0.5, 0.5])
    with pytest.raises(ValueError, match="2 clusters, got 1"):
        iv.clustered_standard_error(Y, np.zeros(6, dtype=np.int64))


# --- which interval


def test_wilson_where_items_are_independent_and_right_or_wrong():
    found = iv.proportion_interval(Y, np.arange(6))
    assert found == iv.wilson(3, 6)
    assert found.method == "wilson"


def test_wilson_at_the_effective_size_where_prompts_are_shared_or_credit_is_partial():
    shared = iv.proportion_interval(Y, G)
    assert shared.method == "clustered wilson, few clusters"
    half = iv.proportion_interval(np.array([1.0, 0.5, 0.0, 1.0]), np.arange(4))
    assert half.method == "clustered wilson, few clusters"
    values, groups = np.tile([1.0, 1, 1, 1, 0, 0], 12), np.repeat(np.arange(36), 2)
    model = clustered_ols(values, groups)
    p, n = values.mean(), values.mean() * (1 - values.mean()) / model.bse[0] ** 2
    # Student's quantile on 35 degrees of freedom, as the normal quantile of another level.
    alpha = 2 * norm.sf(student.ppf(0.975, 35))
    found = iv.proportion_interval(values, groups)
    assert found.method == "clustered wilson"
    assert ends(found) == pytest.approx(
        proportion_confint(p * n, n, alpha=alpha, method="wilson"), rel=1e-9
    )


def test_clusters_of_one_example_leave_wilsons_interval():
    rng = np.random.default_rng(8)
    values = (rng.random(2000) < 0.93).astype(float)
    mean = iv.linearised_mean(values)
    found = iv.clustered_interval(mean, np.arange(2000), fraction=True)
    assert ends(found) == pytest.approx(ends(iv.wilson(values.sum(), 2000)), abs=3e-5)


def test_ends_of_fractions_are_inside_however_few_there_are():
    found = iv.proportion_interval(np.array([1.0, 1.0, 1.0, 0.5]), np.arange(4))
    assert 0.0 < found.low < 0.875 < found.high < 1.0


def test_the_method_says_where_clusters_are_few_or_one_is_most_of_the_data():
    values = np.random.default_rng(9).random(300)
    even = iv.clustered_interval(iv.linearised_mean(values), np.arange(300) % 30, fraction=False)
    assert even.method == "clustered t, skew-corrected"
    fewer = iv.clustered_interval(iv.linearised_mean(values), np.arange(300) % 29, fraction=False)
    assert fewer.method == "clustered t, skew-corrected, few clusters"
    one_large = np.where(np.arange(300) < 200, 0, np.arange(300))
    uneven = iv.clustered_interval(iv.linearised_mean(values), one_large, fraction=False)
    assert uneven.method == "clustered t, skew-corrected, few clusters"


@pytest.mark.parametrize(("value", "successes"), [(1.0, 3), (0.0, 0)])
def test_no_variation_leaves_wilson_on_the_clusters(value, successes):
    found = iv.proportion_interval(np.full(6, value), G)
    assert found.method == "wilson on clusters"
    assert ends(found) == ends(iv.wilson(successes, 3))


def test_ties_throughout_are_not_a_coins_throws():
    n = 1000
    found = iv.proportion_interval(np.full(n, 0.5), np.arange(n))
    # An untied example would be one of at most z^2 / (n + z^2), won or lost.
    unseen = 1.959963984540054**2 / (n + 1.959963984540054**2)
    assert found.method == "wilson on clusters"
    assert ends(found) == pytest.approx((0.5 - unseen / 2, 0.5 + unseen / 2))
    coin = iv.proportion_interval(np.tile([0.0, 1.0], n // 2), np.arange(n))
    assert coin.high - coin.low > 10 * (found.high - found.low)


def test_all_right_in_ninths_is_still_all_right():
    ninths = iv.linearised_ratio(np.full(30, 1 / 9), np.full(30, 1 / 9))
    found = iv.clustered_interval(ninths, np.arange(30), fraction=True)
    assert found.method == "wilson on clusters"


def test_fewer_than_two_clusters_or_no_variation_have_no_interval():
    one = np.zeros(6, dtype=np.int64)
    assert iv.proportion_interval(Y, one) is None
    assert iv.proportion_interval(Y[:1], one[:1]) is None
    assert iv.clustered_mean(Y, one).interval is None
    assert iv.clustered_mean(Y, one).standard_error is None
    assert iv.clustered_interval(iv.linearised_mean(np.full(6, 2.5)), G, fraction=False) is None


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 5)), min_size=1, max_size=40
    )
)
def test_an_interval_of_a_fraction_holds_its_value(rows):
    values, groups = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    found = iv.proportion_interval(values, groups)
    if found is not None:
        assert 0.0 <= found.low <= values.mean() + 1e-12
        assert values.mean() - 1e-12 <= found.high <= 1.0


# --- bootstrap


def test_bootstrap_of_a_clustered_mean():
    rng = np.random.default_rng(8)
    groups = np.repeat(np.arange(80), 3)
    y = rng.normal(size=80)[groups] + 0.3 * rng.normal(size=240)
    found = iv.cluster_bootstrap(lambda w: float(w @ y / w.sum()), groups, np.random.default_rng(0))
    assert ends(found) == pytest.approx(ends(iv.clustered_mean(y, groups).interval), abs=0.06)
    # Equal clusters: the mean of cluster means, which scipy resamples as plain rows.
    rows = y.reshape(80, 3).mean(axis=1)
    other = scipy_bootstrap(
        (rows,), np.mean, n_resamples=2000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert ends(found) == pytest.approx(tuple(other), abs=0.04)
    assert found.method == "cluster bootstrap"


def test_bootstrap_is_seeded_and_refuses_what_it_cannot_do():
    y, groups = np.arange(10.0), np.arange(10)
    twice = [
        iv.cluster_bootstrap(lambda w: float(w @ y), groups, np.random.default_rng(3), draws=50)
        for _ in range(2)
    ]
    assert twice[0] == twice[1]
    with pytest.raises(ValueError, match="2 clusters, got 1"):
        iv.cluster_bootstrap(lambda w: 0.0, 0 * groups, np.random.default_rng(0))
    with pytest.raises(ValueError, match="not finite"):
        iv.cluster_bootstrap(lambda w: math.nan, groups, np.random.default_rng(0), draws=5)
