"""Ranks with their intervals, and the model confidence set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmbench.metrics.intervals import clustered_standard_error, linearised_mean
from rmbench.metrics.paired import mcnemar
from rmbench.metrics.ranks import (
    bootstrap_errors,
    confidence_set,
    confidence_set_p,
    covariance,
    difference_error,
    rank_intervals,
)


def of_items(right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and influences of accuracies; ``right`` has shape (n_items, n_models)."""
    values = right.mean(axis=0)
    return values, (right - values) / len(right)


def answers(accuracies: list[float], n: int, seed: int = 0, shared: float = 0.6) -> np.ndarray:
    """Right or wrong of models that find the same items hard."""
    rng = np.random.default_rng(seed)
    from scipy.special import ndtri

    common = rng.normal(size=(n, 1))
    own = rng.normal(size=(n, len(accuracies)))
    latent = np.sqrt(shared) * common + np.sqrt(1 - shared) * own
    return (latent < ndtri(np.array(accuracies))).astype(float)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_covariance_has_the_clustered_errors_on_its_diagonal() -> None:
    right = answers([0.6, 0.7, 0.8], 60)
    groups = np.arange(60) // 3
    influence = (right - right.mean(axis=0)) / 60
    sums = np.stack([np.bincount(groups, weights=column) for column in influence.T], axis=1)
    found = covariance(sums)
    for j in range(3):
        mean = linearised_mean(right[:, j])
        expected = clustered_standard_error(mean.influence, groups)
        assert found[j, j] == pytest.approx(expected**2)
    apart = linearised_mean(right[:, 0] - right[:, 2])
    expected = clustered_standard_error(apart.influence, groups)
    assert difference_error(found)[0, 2] == pytest.approx(expected)


def test_errors_are_those_of_resampled_means() -> None:
    """The same draws by the definition: the mean over the drawn items, model by model."""
    right = answers([0.55, 0.8], 40)
    values, sums = of_items(right)
    found = bootstrap_errors(sums, np.random.default_rng(3), draws=5)
    drawn = np.random.default_rng(3).integers(0, 40, (5, 40))
    expected = right[drawn].mean(axis=1) - values
    np.testing.assert_allclose(found.T, expected, atol=1e-6)


def test_two_models_are_told_apart_when_mcnemar_does() -> None:
    """With two models the largest difference is the only one: a two-sided test at 5 %."""
    for better, worse in ((30, 23), (39, 15), (26, 39), (8, 1), (20, 20), (60, 20)):
        n = 400
        right = np.zeros((n, 2))
        right[:200] = 1
        right[:better, 1] = 0
        right[200 : 200 + worse, 1] = 1
        values, sums = of_items(right)
        ranks = rank_intervals(values, sums, bootstrap_errors(sums, rng(), 4000))
        apart = bool((ranks.low == ranks.high).all())
        p = mcnemar(better, worse).p_exact
        if abs(p - 0.05) > 0.02:  # a quantile of resamples decides near the line
            assert apart == (p < 0.05), (better, worse, p)


@pytest.mark.parametrize(("n", "apart"), [(3, False), (40, True)])
def test_models_that_differ_everywhere_are_not_certain_on_few_items(n: int, apart: bool) -> None:
    """All right for one and all wrong for the other: no influence, and McNemar's p at 3 is .25."""
    right = np.stack([np.ones(n), np.zeros(n)], axis=1)
    values, sums = of_items(right)
    errors = bootstrap_errors(sums, rng(), 200)
    ranks = rank_intervals(values, sums, errors)
    assert ranks.rank.tolist() == [1, 2]
    assert ranks.low.tolist() == ([1, 2] if apart else [1, 1])
    assert ranks.high.tolist() == ([1, 2] if apart else [2, 2])
    p = confidence_set_p(values, sums, errors)
    assert p[1] == (pytest.approx(0.0, abs=1e-6) if apart else pytest.approx(0.0833, abs=1e-4))


def test_known_order_with_a_clear_gap() -> None:
    right = answers([0.9, 0.88, 0.6, 0.3], 2000)
    values, sums = of_items(right)
    errors = bootstrap_errors(sums, rng())
    ranks = rank_intervals(values, sums, errors)
    assert ranks.rank.tolist() == [1, 2, 3, 4]
    assert ranks.low.tolist()[2:] == [3, 4]
    assert ranks.high.tolist()[2:] == [3, 4]
    p = confidence_set_p(values, sums, errors)
    assert confidence_set(p).tolist()[2:] == [False, False]
    assert p.max() == 1.0


def test_equal_models_share_everything() -> None:
    right = answers([0.7, 0.8, 0.6], 300)
    right = right[:, [0, 1, 2, 1, 0]]
    values, sums = of_items(right)
    errors = bootstrap_errors(sums, rng())
    ranks, p = rank_intervals(values, sums, errors), confidence_set_p(values, sums, errors)
    for a, b in ((0, 4), (1, 3)):
        assert ranks.rank[a] == ranks.rank[b]
        assert ranks.low[a] == ranks.low[b]
        assert ranks.high[a] == ranks.high[b]
        assert p[a] == p[b]
    assert (ranks.low <= ranks.rank).all()
    # Two share the first place, so the next is third and the one after them fifth.
    assert sorted(ranks.rank.tolist()) == [1, 1, 3, 3, 5]


def test_all_equal_models_are_all_first() -> None:
    right = np.repeat(answers([0.7], 100), 4, axis=1)
    values, sums = of_items(right)
    errors = bootstrap_errors(sums, rng(), 100)
    ranks = rank_intervals(values, sums, errors)
    assert ranks.rank.tolist() == ranks.low.tolist() == [1] * 4
    assert ranks.high.tolist() == [4] * 4
    assert confidence_set_p(values, sums, errors).tolist() == [1.0] * 4


@given(st.permutations(range(6)), st.integers(0, 50))
def test_the_order_of_the_models_does_not_matter(order: list[int], seed: int) -> None:
    right = answers([0.7, 0.72, 0.5, 0.71, 0.9, 0.4], 120, seed)
    values, sums = of_items(right)
    errors = bootstrap_errors(sums, rng(), 300)
    ranks, p = rank_intervals(values, sums, errors), confidence_set_p(values, sums, errors)
    moved = rank_intervals(values[order], sums[:, order], errors[order])
    assert moved.rank.tolist() == ranks.rank[order].tolist()
    assert moved.low.tolist() == ranks.low[order].tolist()
    assert moved.high.tolist() == ranks.high[order].tolist()
    other = confidence_set_p(values[order], sums[:, order], errors[order])
    np.testing.assert_allclose(other, p[order], atol=0.011)
    assert (ranks.low <= ranks.rank).all()
    assert (ranks.rank <= ranks.high).all()


def test_confidence_set_is_that_of_arch() -> None:
    arch = pytest.importorskip("arch.bootstrap")
    for seed in range(4):
        right = answers([0.8, 0.79, 0.77, 0.75, 0.7, 0.6], 500, seed)
        values, sums = of_items(right)
        p = confidence_set_p(values, sums, bootstrap_errors(sums, rng(), 4000))
        oracle = arch.MCS(1 - right, size=0.1, reps=4000, block_size=1, method="max", seed=1)
        oracle.compute()
        expected = oracle.pvalues.sort_index()["Pvalue"].to_numpy()
        np.testing.assert_allclose(p, expected, atol=0.04)
        clear = np.abs(expected - 0.1) > 0.04
        included = np.isin(np.arange(6), oracle.included)
        assert (confidence_set(p) == included)[clear].all()


def test_confidence_set_by_its_definition() -> None:
    """Written out slowly, with the very same resamples."""
    right = answers([0.8, 0.78, 0.74, 0.7], 300, seed=5)
    values, sums = of_items(right)
    errors = bootstrap_errors(sums, rng(), 500)
    loss, left, expected, so_far = 1 - values, [0, 1, 2, 3], np.ones(4), 0.0
    while len(left) > 1:
        t, simulated = [], []
        for i in left:
            relative = (1 - right[:, i]) - (1 - right[:, left]).mean(axis=1)
            se = np.sqrt(relative.var(ddof=1) / len(right) + relative.mean() ** 2 / len(right))
            pure = relative.std(ddof=1) / np.sqrt(len(right))
            t.append((loss[i] - loss[left].mean()) / se)
            simulated.append(-(errors[i] - errors[left].mean(axis=0)) / pure)
        so_far = max(so_far, float((np.max(simulated, axis=0) > max(t)).mean()))
        gone = left.pop(int(np.argmax(t)))
        expected[gone] = so_far
    np.testing.assert_allclose(confidence_set_p(values, sums, errors), expected, atol=0.005)


def test_too_few_clusters_are_refused() -> None:
    with pytest.raises(ValueError, match="needs 2 of them, got 1"):
        covariance(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="needs a model"):
        confidence_set_p(np.zeros(0), np.zeros((5, 0)), np.zeros((0, 5), dtype=np.float32))


@pytest.mark.slow
def test_rank_intervals_cover_where_quantiles_of_ranks_do_not() -> None:
    """Ten equally good models: every rank from 1 to 10 is true of each of them."""
    covered = naive = 0
    repeats, n_models = 300, 10
    for seed in range(repeats):
        right = answers([0.7] * n_models, 400, seed)
        values, sums = of_items(right)
        errors = bootstrap_errors(sums, np.random.default_rng(seed), 500)
        ranks = rank_intervals(values, sums, errors)
        # The model that came out best: its interval must still hold the last place.
        best = int(np.argmax(values))
        covered += int(ranks.low[best] == 1 and ranks.high[best] == n_models)
        drawn = values[:, None] + errors
        of_best = 1 + (drawn > drawn[best]).sum(axis=0)
        naive += int(np.quantile(of_best, 0.975) == n_models)
    # The interval of one model fixed beforehand covers 95 %; that of the luckiest, less.
    assert covered / repeats > 0.6
    assert naive / repeats < 0.2
    hits = 0
    for seed in range(repeats):
        right = answers([0.7] * n_models, 400, 1000 + seed)
        values, sums = of_items(right)
        errors = bootstrap_errors(sums, np.random.default_rng(seed), 500)
        ranks = rank_intervals(values, sums, errors)
        hits += int(ranks.low[3] == 1 and ranks.high[3] == n_models)
    assert 0.92 <= hits / repeats <= 0.99
