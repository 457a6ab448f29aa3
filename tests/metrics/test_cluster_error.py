from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import skew
from scipy.stats import t as student

from rmbench.metrics import cluster_error as ce


def exchangeable(sizes: np.ndarray, rho: float, rng: np.random.Generator, draws: int):
    """Normal values with correlation rho inside clusters; shape (draws, sum of sizes)."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    shared = rng.standard_normal((draws, len(sizes)))[:, groups]
    return sqrt(rho) * shared + sqrt(1 - rho) * rng.standard_normal((draws, len(groups)))


def test_equal_clusters_have_the_usual_degrees_of_freedom():
    values = np.random.default_rng(0).uniform(size=360)
    error = ce.cluster_error((values - values.mean()) / 360, np.arange(360) % 40)
    assert error.degrees_of_freedom == pytest.approx(39)
    assert error.n_clusters == 40
    assert error.student(0.95) == pytest.approx(student.ppf(0.975, 39))


@pytest.mark.parametrize("rho", [0.0, 0.3])
def test_effective_clusters_match_the_variance_of_a_variance(rho):
    """A chi-squared variable on d degrees of freedom, over its mean, has variance 2 / d."""
    sizes = np.array([40, 20, 10, *[3] * 10, *[1] * 30])
    values = exchangeable(sizes, rho, np.random.default_rng(1), 40_000)
    sums = np.add.reduceat(values, np.cumsum(sizes) - sizes, axis=1)
    variance = (sums**2).sum(axis=1)
    freedom = 2 * variance.mean() ** 2 / variance.var()
    assert ce.effective_clusters(sizes, rho) == pytest.approx(freedom, rel=0.06)


@pytest.mark.parametrize("corrected", [0.0, 0.05, 0.2])
def test_a_corrected_skewness_leaves_what_it_does_not_explain_of_the_variance(corrected):
    """By simulation: the variance less ``corrected`` times the studentised mean times itself."""
    rng, n, draws = np.random.default_rng(7), 60, 60_000
    values = rng.gamma(4.0, size=(draws, n)) - 4.0  # variance 4, skewness 1, excess kurtosis 1.5
    mean, variance = values.mean(axis=1), values.var(axis=1, ddof=1) / 4.0
    left = variance - corrected * mean / (2.0 / sqrt(n))
    found = ce.tail_degrees_of_freedom(n, 1.5, 1.0 / sqrt(n), corrected, caution=1.0)
    assert found == pytest.approx(2 / left.var(), rel=0.05)


def test_the_error_of_independent_examples_is_that_of_a_plain_mean():
    values = np.random.default_rng(8).uniform(size=90)
    error = ce.cluster_error((values - values.mean()) / 90, np.arange(90) // 3)
    assert error.independent_error == pytest.approx(values.std(ddof=1) / sqrt(90))


def test_errors_spread_more_evenly_than_chance_do_not_count_for_more_examples():
    """Korn and Graubard: the effective sample size is no larger than the sample."""
    even, alone = np.tile([1.0, 1, 1, 1, 1, 1, 1, 1, 0], 40), np.arange(360)
    even[0] = 0.0
    influence = (even - even.mean()) / 360
    clustered = ce.cluster_error(influence, np.arange(360) // 9)
    assert clustered.standard_error < 0.2 * clustered.independent_error
    t = clustered.student(0.95, (1 - 2 * even.mean()) * clustered.independent_error / even.var())
    low, high = ce.effective_ends(even.mean(), clustered, 0.95)
    assert (low, high) == pytest.approx(ce.wilson_ends(even.mean(), 359, t), abs=1e-12)
    plain = ce.effective_ends(even.mean(), ce.cluster_error(influence, alone), 0.95)
    assert high - low >= 0.99 * (plain[1] - plain[0])


def test_clusters_are_counted_at_worst():
    """All of a cluster the same: the ratio of moments of squared sizes, worked out by hand."""
    size = np.array([8, 4, *[1] * 20])
    groups = np.repeat(np.arange(22), size)
    values = np.random.default_rng(9).normal(size=32)
    error = ce.cluster_error(values - values.mean(), groups)
    assert error.effective_clusters == pytest.approx((64 + 16 + 20) ** 2 / (64**2 + 16**2 + 20))
    assert error.few
    assert not ce.cluster_error(values - values.mean(), np.arange(32)).few


@pytest.mark.parametrize("kind", ["normal", "rare", "right or wrong", "skewed"])
def test_tails_leave_the_degrees_of_freedom_of_the_variance_given_the_mean(kind):
    """By simulation: what a regression of the variance on the mean leaves of its variance."""
    rng, n, draws = np.random.default_rng(6), 400, 20_000

    def sample(rows: int) -> np.ndarray:
        if kind == "normal":
            return rng.normal(size=(rows, n))
        if kind == "rare":
            return rng.choice([-1.0, 0.0, 1.0], p=[0.05, 0.9, 0.05], size=(rows, n))
        if kind == "skewed":
            return rng.gamma(4.0, size=(rows, n))
        return (rng.random((rows, n)) < 0.9).astype(float)

    found = np.concatenate([sample(1000) for _ in range(draws // 1000)])
    mean, variance = found.mean(axis=1), found.var(axis=1)
    left = variance.var() * (1 - np.corrcoef(mean, variance)[0, 1] ** 2)
    expected = 2 * variance.mean() ** 2 / left
    shapes = [ce._shape(row - row.mean(), np.inf) for row in found[:400]]
    freedoms = [
        ce.tail_degrees_of_freedom(n, s.excess, s.skewness, s.skewness, caution=1.0) for s in shapes
    ]
    if kind == "right or wrong":
        assert min(freedoms) > 300 * n
        assert expected > 20 * n
    else:
        # Sample kurtosis errs, most where tails are long: the middle of many is compared.
        assert np.median(freedoms) == pytest.approx(expected, rel=0.2)


def test_the_correlation_within_clusters_is_read_off_the_data():
    sizes = np.tile([2, 5, 9], 400)
    values = exchangeable(sizes, 0.35, np.random.default_rng(2), 1)[0]
    influence = (values - values.mean()) / len(values)
    sums = np.add.reduceat(influence, np.cumsum(sizes) - sizes)
    found = ce._within_correlation(float(sums @ sums), float(influence @ influence), sizes)
    assert found == pytest.approx(0.35, abs=0.03)


@given(st.floats(-0.9, 0.9), st.floats(2, 500), st.sampled_from([0.9, 0.95, 0.99]))
def test_ends_are_where_halls_polynomial_reaches_students_quantiles(g, freedom, confidence):
    error = ce.ClusterError(1.0, freedom, g, 1000)
    low, high = ce.skewed_ends(error, confidence)
    t = student.ppf((1 + confidence) / 2, freedom)

    def hall(x: float) -> float:
        return x + g * x**2 / 3 + g**2 * x**3 / 27 + g / 6

    assert hall(-low) == pytest.approx(t, rel=1e-6)
    assert hall(-high) == pytest.approx(-t, rel=1e-6)
    assert low < high


def test_a_long_tail_of_losses_lengthens_the_upper_side():
    low, high = ce.skewed_ends(ce.ClusterError(1.0, 99.0, 0.3, 100), 0.95)
    mirrored = ce.skewed_ends(ce.ClusterError(1.0, 99.0, -0.3, 100), 0.95)
    assert high > 2.2 > 1.9 > -low
    assert mirrored == pytest.approx((-high, -low))


def test_skewness_is_that_of_the_mean_less_what_chance_makes_of_it():
    x = np.random.default_rng(3).exponential(size=500)
    sums = (x - x.mean()) / 500
    plain = skew(x) / sqrt(500)
    noise = (sums**6).sum() / (sums**3).sum() ** 2
    assert ce.estimate_skewness(sums) == pytest.approx(plain * sqrt(1 - noise))
    assert 0.7 * plain < ce.estimate_skewness(sums) < plain
    assert ce.estimate_skewness(-sums) == pytest.approx(-ce.estimate_skewness(sums))


def test_one_large_cluster_is_not_taken_for_skewness():
    sums = np.array([5.0, *[-0.1] * 50])
    assert ce.estimate_skewness(sums) == 0.0


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e100])
def test_skewness_has_no_unit(scale):
    sums = scale * np.array([-1.0, -1, -1, -1, -1, -1, 2, 2, 2])
    assert ce.estimate_skewness(sums) == pytest.approx(0.1470, abs=1e-4)


def test_two_clusters_are_needed():
    with pytest.raises(ValueError, match="2 clusters, got 1"):
        ce.cluster_error(np.array([0.1, -0.1]), np.array([4, 4]))
    assert ce.estimate_skewness(np.zeros(3)) == 0.0
