"""Tests of an allowed loss: sizes and power by adding up every outcome, known answers."""

from __future__ import annotations

from functools import cache
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multinomial, t, ttest_1samp

from rmbench.metrics.allowed_loss import loss_from_error, loss_from_table
from rmbench.metrics.paired import PairedCounts, tango_interval

N, ALPHA = 60, 0.05


@cache
def outcomes() -> tuple[np.ndarray, np.ndarray]:
    """Every (only the candidate right, only the baseline right) of N items."""
    gained, lost = np.meshgrid(np.arange(N + 1), np.arange(N + 1), indexing="ij")
    possible = gained + lost <= N
    return gained[possible], lost[possible]


@cache
def answers(loss: float) -> tuple[np.ndarray, np.ndarray]:
    """For each outcome: whether the loss is shown to be too large, and whether excluded."""
    tests = [
        loss_from_table(PairedCounts(N - int(g) - int(b), int(g), int(b), 0), loss, ALPHA)
        for g, b in zip(*outcomes(), strict=True)
    ]
    return np.array([x.p < ALPHA for x in tests]), np.array([x.bound > -loss for x in tests])


def chances(discordance: float, true_loss: float) -> np.ndarray:
    gained, lost = outcomes()
    shares = [(discordance - true_loss) / 2, (discordance + true_loss) / 2, 1 - discordance]
    return multinomial.pmf(np.stack([gained, lost, N - gained - lost], axis=1), N, shares)


@pytest.mark.parametrize("loss", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("discordance", [0.1, 0.2, 0.5, 0.9])
def test_neither_claim_is_made_falsely_more_often_than_alpha(
    loss: float, discordance: float
) -> None:
    """At the limit itself, where both claims are false and each is likeliest."""
    chance = chances(discordance, loss)
    too_large, excluded = answers(loss)
    assert chance[too_large].sum() <= ALPHA
    assert chance[excluded].sum() <= ALPHA
    # It is not kept by never claiming anything.
    assert chance[too_large].sum() > ALPHA / 4


@pytest.mark.parametrize("loss", [0.0, 0.02])
@pytest.mark.parametrize("discordance", [0.3, 0.5, 0.9])
def test_the_detectable_loss_is_found_four_times_in_five(loss: float, discordance: float) -> None:
    differing = round(N * discordance)
    counts = PairedCounts(N - differing, differing // 2, differing - differing // 2, 0)
    true = loss_from_table(counts, loss, ALPHA).detectable
    power = chances(max(discordance, true), true)[answers(loss)[0]].sum()
    assert power == pytest.approx(0.8, abs=0.04)


def test_without_the_correction_the_bound_is_tangos() -> None:
    counts = PairedCounts(600, 20, 25, 355)
    corrected = loss_from_table(counts, 0.0, ALPHA).bound
    plain = tango_interval(counts, 1 - 2 * ALPHA).low
    # One item in a thousand moves both ends by a thousandth; half an item by half of that.
    assert plain - corrected == pytest.approx(0.0005, abs=0.0001)


def test_the_notes_case_is_inconclusive_at_one_point_and_passes_at_two() -> None:
    counts = PairedCounts(600, 20, 25, 355)
    one, two = (loss_from_table(counts, loss, ALPHA) for loss in (0.01, 0.02))
    assert one.bound == two.bound
    assert -0.02 < one.bound < -0.01
    assert one.p > ALPHA
    error = sqrt((45 - 25 / 1000) / 1000**2)
    assert error == pytest.approx(0.0067, abs=1e-4)
    assert loss_from_error(-0.005, error, 999, 0.01, ALPHA).bound == pytest.approx(
        -0.0160, abs=1e-4
    )


@pytest.mark.parametrize("n", [1, 5, 500])
def test_scorers_that_never_differ_still_have_a_bound(n: int) -> None:
    test = loss_from_table(PairedCounts(n, 0, 0, 0), 0.0, ALPHA)
    assert -1 < test.bound < 0
    assert test.p > 0.5
    assert 0 < test.detectable <= 1


def test_student_agrees_with_scipy() -> None:
    sample = np.random.default_rng(3).normal(-0.1, 1, 40)
    gain, error = float(sample.mean()), float(sample.std(ddof=1) / sqrt(40))
    for loss in (0.0, 0.3):
        test = loss_from_error(gain, error, 39, loss, ALPHA)
        assert test.p == pytest.approx(ttest_1samp(sample, -loss, alternative="less").pvalue)
        excluded = ttest_1samp(sample, -loss, alternative="greater").pvalue < ALPHA
        assert (test.bound > -loss) == excluded
    assert test.bound == pytest.approx(gain - t.ppf(0.95, 39) * error)


def test_half_an_item_is_what_either_claim_must_clear_on_top() -> None:
    plain, half = (loss_from_error(0.01, 0.02, 39, 0.03, ALPHA, correction=c) for c in (0, 0.002))
    assert plain.bound - half.bound == pytest.approx(0.002)
    assert half.detectable - plain.detectable == pytest.approx(0.002)
    # The other claim is that of a gain so much larger.
    assert half.p == loss_from_error(0.012, 0.02, 39, 0.03, ALPHA).p


def test_without_an_error_there_is_no_t_test() -> None:
    for error, df in ((0.0, 10), (0.1, 0)):
        with pytest.raises(ValueError, match="no t test"):
            loss_from_error(0.0, error, df, 0.01, ALPHA)


@given(
    st.tuples(*[st.integers(0, 60)] * 4).filter(any),
    st.floats(0, 0.5),
    st.floats(0, 0.4),
    st.sampled_from([0.01, 0.05, 0.2]),
)
def test_a_larger_allowance_never_takes_a_pass_back(
    counts: tuple[int, int, int, int], loss: float, more: float, alpha: float
) -> None:
    paired = PairedCounts(*counts)
    small, large = (loss_from_table(paired, x, alpha) for x in (loss, loss + more))
    assert -1 <= small.bound <= paired.difference
    assert large.bound == small.bound
    assert large.p >= small.p - 1e-12
    assert large.detectable >= small.detectable - 1e-9
    # The two claims exclude each other.
    assert not (small.p < alpha and small.bound > -loss)
