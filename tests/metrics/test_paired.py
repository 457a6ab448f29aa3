from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm, permutation_test
from scipy.stats import t as student_t
from statsmodels.stats.contingency_tables import mcnemar as sm_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from rmbench.metrics import paired, power
from rmbench.metrics.intervals import clustered_mean
from rmbench.metrics.paired import PairedCounts

COUNTS = st.tuples(*[st.integers(0, 60)] * 4).filter(lambda c: sum(c) > 0)


# --- McNemar


def test_known_mcnemar():
    test = paired.mcnemar(86, 150)
    assert test.p_exact == pytest.approx(3.716e-05, rel=2e-4)
    assert test.p_mid == pytest.approx(2.893e-05, rel=2e-4)
    assert test.chi2 == pytest.approx(17.3559, abs=5e-5)
    assert test.p_chi2 == pytest.approx(3.099e-05, rel=2e-4)
    assert test.chi2_corrected == pytest.approx(16.8178, abs=5e-5)
    assert test.p_corrected == pytest.approx(4.115e-05, rel=2e-4)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [(1, 7, 0.0703), (4, 3, 1.000), (30, 23, 0.410), (29, 27, 0.894), (39, 26, 0.136)],
)
def test_known_exact_p(only_first, only_second, p):
    assert paired.mcnemar(only_first, only_second).p_exact == pytest.approx(p, abs=5e-4)


def test_known_mid_p():
    assert paired.mcnemar(1, 7).p_mid == pytest.approx(0.0391, abs=5e-5)


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mcnemar_matches_scipy_and_statsmodels(b, c):
    test = paired.mcnemar(b, c)
    if b + c == 0:
        assert test.p_exact == test.p_mid == test.p_chi2 == test.p_corrected == 1.0
        return
    # scipy sums probabilities that underflow long before the logarithms here do.
    assert test.p_exact == pytest.approx(binomtest(b, b + c).pvalue, rel=1e-8, abs=1e-280)
    model = sm_mcnemar([[0, b], [c, 0]], exact=False, correction=False)
    assert test.chi2 == pytest.approx(model.statistic)
    assert test.p_chi2 == pytest.approx(model.pvalue, abs=1e-300)
    if b != c:  # there the correction of statsmodels overshoots 0
        model = sm_mcnemar([[0, b], [c, 0]], exact=False, correction=True)
        assert test.chi2_corrected == pytest.approx(model.statistic)
    assert test == paired.mcnemar(c, b)


def test_negative_counts_are_refused():
    with pytest.raises(ValueError, match="not be negative"):
        paired.mcnemar(-1, 3)
    with pytest.raises(ValueError, match="not all 0"):
        PairedCounts(0, 0, 0, 0)


# --- intervals of the difference


def test_known_paired_intervals():
    counts = PairedCounts(both=1, only_first=1, only_second=7, neither=12)
    newcombe, tango = paired.newcombe_interval(counts), paired.tango_interval(counts)
    assert (newcombe.low, newcombe.high) == pytest.approx((-0.5069, -0.0256), abs=5e-5)
    assert (tango.low, tango.high) == pytest.approx((-0.5172, -0.0260), abs=5e-5)
    assert (newcombe.method, tango.method) == ("newcombe", "tango")


def test_scorers_that_never_differ_still_have_a_width():
    counts = PairedCounts(both=400, only_first=0, only_second=0, neither=100)
    tango = paired.tango_interval(counts)
    assert (tango.low, tango.high) == pytest.approx((-0.00762, 0.00762), abs=5e-6)
    z2 = norm.ppf(0.975) ** 2
    assert tango.high == pytest.approx(z2 / (500 + z2), rel=1e-6)


@given(COUNTS)
def test_paired_intervals_hold_the_difference_and_mirror(cells):
    counts = PairedCounts(*cells)
    mirrored = PairedCounts(counts.both, counts.only_second, counts.only_first, counts.neither)
    for make in (paired.newcombe_interval, paired.tango_interval):
        there, back = make(counts), make(mirrored)
        assert -1 <= there.low <= counts.difference + 1e-9
        assert counts.difference - 1e-9 <= there.high <= 1
        assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-7)


@settings(max_examples=30)
@given(COUNTS)
def test_ends_of_tango_solve_the_score_equation(cells):
    counts = PairedCounts(*cells)
    interval = paired.tango_interval(counts)
    z = norm.ppf(0.975)
    for delta in (interval.low, interval.high):
        if abs(delta) > 1 - 1e-9:
            continue
        # Variance under the restricted likelihood, by maximising it on a grid.
        q = np.linspace(max(0.0, -delta), min(1.0, (1 - delta) / 2 + 1e-15), 200_001)[1:-1]
        first, rest = q + delta, 1 - 2 * q - delta
        with np.errstate(divide="ignore", invalid="ignore"):
            likelihood = (
                counts.only_second * np.log(q)
                + np.where(counts.only_first > 0, counts.only_first * np.log(first), 0.0)
                + np.where(counts.both + counts.neither > 0, 1.0, 0.0)
                * (counts.both + counts.neither)
                * np.log(rest)
            )
        best = q[np.nanargmax(likelihood)]
        error = math.sqrt(max(0.0, (2 * best + delta - delta**2) / counts.n))
        assert abs(counts.difference - delta) == pytest.approx(z * error, abs=2e-3)


def test_intervals_of_many_items_are_close_to_wald():
    counts = PairedCounts(both=6000, only_first=900, only_second=700, neither=2400)
    d, n = counts.difference, counts.n
    wald = norm.ppf(0.975) * math.sqrt((900 + 700) / n - d * d) / math.sqrt(n)
    for make in (paired.newcombe_interval, paired.tango_interval):
        found = make(counts)
        assert (found.low, found.high) == pytest.approx((d - wald, d + wald), abs=2e-4)


def test_lower_bound_of_a_non_inferiority_gate():
    values = np.repeat([1.0, -1.0, 0.0], [20, 25, 955])
    d = clustered_mean(values, np.arange(1000), confidence=0.90)
    assert d.value == pytest.approx(-0.005)
    assert d.standard_error == pytest.approx(0.0067, abs=5e-5)
    # The known answer is plain Student's t; the interval also corrects for skewness.
    assert d.value - student_t.ppf(0.95, 999) * d.standard_error == pytest.approx(-0.0160, abs=5e-5)
    assert d.interval.low == pytest.approx(-0.0160, abs=5e-4)


# --- permutation


@pytest.mark.parametrize("seed", range(4))
def test_exact_sign_flips_match_scipy(seed):
    sums = np.random.default_rng(seed).integers(-3, 5, 9).astype(float)
    found = paired.sign_flip_test(sums, np.random.default_rng(0))
    other = permutation_test((sums,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert found.exact
    assert found.draws == 512
    assert found.p_value == pytest.approx(other.pvalue)


def test_random_sign_flips_are_close_to_t_and_to_scipy():
    sums = np.random.default_rng(5).normal(0.3, 1, 60)
    found = paired.sign_flip_test(sums, np.random.default_rng(0))
    other = permutation_test(
        (sums,), np.mean, permutation_type="samples", rng=np.random.default_rng(1)
    )
    assert not found.exact
    assert found.p_value == pytest.approx(other.pvalue, abs=0.01)
    again = paired.sign_flip_test(sums, np.random.default_rng(0))
    assert found == again


def test_sign_flips_of_no_difference_are_certain():
    assert paired.sign_flip_test(np.zeros(40), np.random.default_rng(0)).p_value == 1.0
    assert paired.sign_flip_test(np.full(3, 0.1), np.random.default_rng(0)).p_value == 0.25
    with pytest.raises(ValueError, match="at least one cluster"):
        paired.sign_flip_test(np.array([]), np.random.default_rng(0))


# --- multiplicity


def test_known_adjustments():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(paired.holm(p), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(paired.benjamini_hochberg(p), [0.02, 0.04, 0.04, 0.02])


@settings(max_examples=10)  # statsmodels takes its time
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30).map(np.array))
def test_adjustments_match_statsmodels(p):
    for ours, method in ((paired.holm, "holm"), (paired.benjamini_hochberg, "fdr_bh")):
        np.testing.assert_allclose(ours(p), multipletests(p, method=method)[1], atol=1e-12)


# --- power


def test_known_sample_sizes():
    assert power.required_n_mean(0.03, 1 / 9) == 969
    assert power.required_n_mean(0.03, 1 / 9, student=True) == 971
    assert power.required_n_paired(0.02, 0.1) == 1960
    assert power.required_n_paired(0.05, 0.2) == 626


def test_sample_size_of_the_t_test_matches_statsmodels():
    for effect in (0.09, 0.3, 0.8, 3.0):
        n = TTestPower().solve_power(effect_size=effect, alpha=0.05, power=0.8)
        assert power.required_n_mean(effect, 1.0, student=True) == math.ceil(n)


@pytest.mark.parametrize(
    ("n", "points"),
    [(358, 4.7), (456, 4.2), (740, 3.3), (1431, 2.3), (2985, 1.6), (5000, 1.25)],
)
def test_known_detectable_differences(n, points):
    digits = 2 if points == 1.25 else 1
    found = power.detectable_mean(n, 0.1, student=True)
    assert round(100 * found, digits) == points
    assert found == pytest.approx(2.80 * math.sqrt(0.1 / n), rel=0.01)
    assert found == pytest.approx(power.detectable_difference(n, 0.1), rel=0.01)
    assert power.detectable_mean(n, 0.1) == pytest.approx(
        power.detectable_from_error(math.sqrt(0.1 / n))
    )


@pytest.mark.parametrize("n", [2, 3, 10, 1000])
def test_detectable_mean_matches_statsmodels(n):
    effect = TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8)
    assert power.detectable_mean(n, 4.0, student=True) == pytest.approx(2 * effect, rel=1e-4)
    with pytest.raises(ValueError, match="expected n >= 2"):
        power.detectable_mean(1, 4.0)


@given(st.integers(50, 10**6), st.floats(0.02, 1.0))
def test_detectable_difference_inverts_the_sample_size(n, discordance):
    found = power.detectable_difference(n, discordance)
    if found is None:
        assert power.required_n_paired(discordance, discordance) > n
    else:
        assert abs(power.required_n_paired(found, discordance) - n) <= 1


def test_a_few_items_find_nothing():
    assert power.detectable_difference(5, 0.1) is None


@pytest.mark.parametrize(("difference", "discordance"), [(0.0, 0.1), (0.2, 0.1), (0.1, 1.5)])
def test_impossible_differences_are_refused(difference, discordance):
    with pytest.raises(ValueError, match="discordance <= 1"):
        power.required_n_paired(difference, discordance)
    with pytest.raises(ValueError, match="expected n >= 1"):
        power.detectable_difference(0, 0.1)
    with pytest.raises(ValueError, match="a difference and a variance"):
        power.required_n_mean(0.0, 1.0)


# --- e-values


@pytest.mark.parametrize(
    ("s", "f", "expected"), [(7, 0, 16), (8, 0, 28.44), (10, 0, 93.09), (15, 5, 3.2206)]
)
def test_known_e_values(s, f, expected):
    assert paired.e_value(s, f) == pytest.approx(expected, rel=2e-4)


def test_an_e_value_has_mean_one_under_the_null():
    for n in (1, 5, 30):
        mean = sum(math.comb(n, s) / 2**n * paired.e_value(s, n - s) for s in range(n + 1))
        assert mean == pytest.approx(1.0)
    with pytest.raises(ValueError, match="not be negative"):
        paired.e_value(-1, 0)
