from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from rmbench.metrics import ece_null
from rmbench.metrics import reliability as rel
from rmbench.metrics.calibration import binned_outcome, confidence
from rmbench.metrics.ece_null import draw_null, flip_covariance


def confidence_form(margin):
    margin = np.asarray(margin, dtype=float)
    return confidence(margin), binned_outcome(margin, np.ones(len(margin)))


def calibrated(n: int, rng: np.random.Generator) -> np.ndarray:
    """Margins, preferred side first, of a perfectly calibrated scorer."""
    margin = rng.normal(0, 2, n)
    return np.where(rng.random(n) < expit(margin), margin, -margin)


@pytest.mark.parametrize(
    ("n", "mean", "tail"), [(100, 0.096, 0.138), (300, 0.055, 0.078), (1000, 0.030, 0.045)]
)
def test_null_reproduces_the_ece_of_calibrated_scorers(n, mean, tail):
    rng = np.random.default_rng(n)
    sure, outcome = confidence_form(calibrated(n, rng))
    null = draw_null(sure, outcome, rel.equal_mass_bins(sure), np.arange(n), rng)
    assert null.method == "consistency resampling, 1,000 draws"
    assert null.draws.shape == (1000,)
    assert null.draws.mean() == pytest.approx(mean, abs=0.1 * mean)
    assert np.quantile(null.draws, 0.95) == pytest.approx(tail, abs=0.12 * tail)


def test_bernoulli_draws_match_a_plain_loop():
    rng = np.random.default_rng(6)
    sure, outcome = confidence_form(calibrated(60, rng))
    bins = rel.equal_mass_bins(sure, 5)
    null = draw_null(sure, outcome, bins, np.arange(60), rng, draws=4000)
    looped = [rel.ece(sure, (rng.random(60) < sure).astype(float), bins) for _ in range(4000)]
    assert null.draws.mean() == pytest.approx(np.mean(looped), rel=0.02)
    assert null.draws.std() == pytest.approx(np.std(looped), rel=0.05)


def test_chunks_do_not_change_the_draws(monkeypatch):
    sure, outcome = confidence_form(calibrated(50, np.random.default_rng(7)))
    bins = rel.equal_mass_bins(sure)
    for groups in (np.arange(50), np.arange(50) // 2):
        whole = draw_null(sure, outcome, bins, groups, np.random.default_rng(0), draws=100)
        with monkeypatch.context() as patch:
            patch.setattr(ece_null, "_CHUNK", 64 * 50)
            parts = draw_null(sure, outcome, bins, groups, np.random.default_rng(0), draws=100)
        np.testing.assert_allclose(whole.draws, parts.draws, atol=1e-12)


def test_equal_rewards_keep_their_gap_of_zero():
    sure, outcome = confidence_form(np.zeros(30))
    null = draw_null(
        sure, outcome, rel.equal_mass_bins(sure), np.arange(30), np.random.default_rng(0)
    )
    assert (null.draws == 0).all()
    assert null.p_value(0.0) == 1.0


def rejections(n_clusters: int, per_cluster: int, repeats: int) -> float:
    """Share of calibrated, clustered data sets called miscalibrated at 5 %."""
    rng = np.random.default_rng(8)
    rejected = 0
    for _ in range(repeats):
        size = np.repeat(np.abs(rng.normal(0, 2, n_clusters)), per_cluster)
        size = size * (1 + 0.05 * rng.normal(size=len(size)))
        right = np.repeat(rng.random(n_clusters), per_cluster) < expit(size)
        sure, outcome = confidence_form(np.where(right, size, -size))
        bins = rel.equal_mass_bins(sure)
        groups = np.repeat(np.arange(n_clusters), per_cluster)
        null = draw_null(sure, outcome, bins, groups, rng, draws=100)
        rejected += null.p_value(rel.ece(sure, outcome, bins)) <= 0.05
    return rejected / repeats


def test_the_test_of_calibration_keeps_its_size():
    # Independent draws would call most of the clustered sets miscalibrated.
    assert rejections(300, 1, repeats=200) < 0.10
    assert rejections(300, 3, repeats=200) < 0.12


def test_the_test_of_calibration_finds_overconfidence():
    rng = np.random.default_rng(9)
    sure, outcome = confidence_form(3 * calibrated(500, rng))
    bins = rel.equal_mass_bins(sure)
    found = rel.ece(sure, outcome, bins)
    for groups in (np.arange(500), np.arange(500) // 2):
        null = draw_null(sure, outcome, bins, groups, rng)
        assert null.p_value(found) == pytest.approx(1 / 1001)


def test_vote_shares_take_the_multiplier_and_shared_prompts_are_drawn_together():
    rng = np.random.default_rng(10)
    margin = calibrated(100, rng)
    sure, bins = confidence(margin), rel.equal_mass_bins(confidence(margin))
    soft = binned_outcome(margin, np.full(100, 0.8))
    assert draw_null(sure, soft, bins, np.arange(100), rng).method == (
        "cluster multiplier, 1,000 draws"
    )
    hard = binned_outcome(margin, np.ones(100))
    shared = draw_null(sure, hard, bins, np.arange(100) // 2, rng)
    assert shared.method == "consistency resampling by cluster, 1,000 draws"
    with pytest.raises(ValueError, match="2 clusters, got 1"):
        draw_null(sure, hard, bins, np.zeros(100, dtype=np.int64), rng)


def test_one_shared_prompt_does_not_turn_miscalibration_into_the_null():
    rng = np.random.default_rng(3)
    margin = rng.uniform(4, 8, 350) * np.where(rng.random(350) < 0.6, 1, -1)
    sure, outcome = confidence(margin), binned_outcome(margin, np.ones(350))
    bins = rel.equal_mass_bins(sure)
    alone = np.arange(350)
    shared = np.where(alone == 1, 0, alone)
    first = draw_null(sure, outcome, bins, alone, rng).draws.mean()
    second = draw_null(sure, outcome, bins, shared, rng).draws.mean()
    assert second == pytest.approx(first, rel=0.1)


# --- the normal limit


@given(
    st.lists(
        st.tuples(st.floats(0.5, 1), st.integers(0, 2), st.integers(0, 3), st.floats(0.1, 1)),
        min_size=1,
        max_size=12,
    )
)
def test_covariance_is_summed_pair_by_pair(rows):
    p, b, c, s = (np.array(column) for column in zip(*rows, strict=True))
    expected = np.zeros((b.max() + 1, b.max() + 1))
    for i in range(len(rows)):
        for j in range(len(rows)):
            if c[i] == c[j]:
                expected[b[i], b[j]] += s[i] * s[j] * (min(p[i], p[j]) - p[i] * p[j])
    np.testing.assert_allclose(flip_covariance(p, b, s, c), expected, atol=1e-12)


@pytest.mark.parametrize("per_cluster", [1, 3])
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_normal_limit_is_the_resampled_null(monkeypatch, per_cluster, scale):
    """With a scale of 4 the surest bins hardly ever err, and are resampled."""
    rng = np.random.default_rng(20)
    margin = scale * calibrated(20_000, rng)
    groups = np.arange(20_000) // per_cluster
    sure, outcome = confidence_form(margin)
    bins = rel.equal_mass_bins(sure)
    limit = draw_null(sure, outcome, bins, groups, rng, draws=2000)
    monkeypatch.setattr(ece_null, "NORMAL_FROM", 20_001)
    exact = draw_null(sure, outcome, bins, groups, rng, draws=2000)
    by = " by cluster" if per_cluster > 1 else ""
    assert limit.method == f"normal limit of consistency resampling{by}, 2,000 draws"
    assert exact.method == f"consistency resampling{by}, 2,000 draws"
    assert limit.draws.mean() == pytest.approx(exact.draws.mean(), rel=0.035)
    assert limit.draws.std() == pytest.approx(exact.draws.std(), rel=0.1)
    for q in (0.05, 0.5, 0.95):
        assert np.quantile(limit.draws, q) == pytest.approx(np.quantile(exact.draws, q), rel=0.1)


def test_normal_limit_of_the_multiplier(monkeypatch):
    rng = np.random.default_rng(21)
    margin = calibrated(60_000, rng)
    sure = confidence(margin)
    soft = binned_outcome(margin, rng.choice([0.2, 0.6, 0.9], 60_000))
    bins, groups = rel.equal_mass_bins(sure), np.arange(60_000) // 2
    limit = draw_null(sure, soft, bins, groups, rng, draws=2000)
    monkeypatch.setattr(ece_null, "NORMAL_FROM", 60_001)
    exact = draw_null(sure, soft, bins, groups, rng, draws=2000)
    assert limit.method == "normal limit of cluster multiplier, 2,000 draws"
    assert limit.draws.mean() == pytest.approx(exact.draws.mean(), rel=0.035)
    assert limit.draws.std() == pytest.approx(exact.draws.std(), rel=0.1)


def test_a_scorer_that_never_errs_has_no_normal_limit(monkeypatch):
    monkeypatch.setattr(ece_null, "NORMAL_FROM", 100)
    sure, outcome = confidence_form(np.full(1000, 30.0))
    null = draw_null(
        sure, outcome, rel.equal_mass_bins(sure), np.arange(1000), np.random.default_rng(0)
    )
    assert null.draws.max() < 1e-9


@pytest.mark.parametrize("per_cluster", [1, 2])
def test_rare_errors_are_drawn_as_often_as_in_a_plain_loop(monkeypatch, per_cluster):
    rng = np.random.default_rng(22)
    sure = rng.uniform(0.97, 1.0, 400)
    bins, groups = np.zeros(400, dtype=np.int64), np.arange(400) // per_cluster
    monkeypatch.setattr(ece_null, "NORMAL_FROM", 400)
    monkeypatch.setattr(ece_null, "_CHUNK", 1000)
    null = draw_null(sure, np.ones(400), bins, groups, rng, draws=6000)
    numbers = rng.random((6000, 400 // per_cluster)).repeat(per_cluster, axis=1)
    looped = np.abs((numbers < sure).mean(axis=1) - sure.mean())
    assert null.draws.mean() == pytest.approx(looped.mean(), rel=0.04)
    assert null.draws.std() == pytest.approx(looped.std(), rel=0.05)
    # The gaps are multiples of one outcome, shifted: not normal at all.
    assert len(np.unique(null.draws.round(9))) < 60


@pytest.mark.parametrize("block", [1, 100, 1 << 16])
def test_what_clusters_miss_is_that_of_a_plain_loop(monkeypatch, block: int):
    monkeypatch.setattr(ece_null, "_BLOCK", block)
    rng = np.random.default_rng(8)
    size = rng.integers(1, 60, 40)
    start = np.cumsum(size) - size
    p = np.round(rng.uniform(0.5, 1, size.sum()), 2)
    share = rng.random(len(p))
    for n in (0, 1, 300):
        cluster, number = rng.integers(0, 40, n), np.round(rng.uniform(0.5, 1, n), 2)
        found = ece_null._missed(p, share, size, cluster, number)
        looped = [
            sum(share[i] for i in range(start[c], start[c] + size[c]) if u >= p[i])
            for c, u in zip(cluster, number, strict=True)
        ]
        np.testing.assert_allclose(found, looped, rtol=0, atol=1e-12)
