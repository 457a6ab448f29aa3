from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from rmbench.metrics.comparisons import Comparisons
from rmbench.report.curves import by_margin, curves, histogram, reliability, summarise
from rmbench.types import Scores

Build = Callable[..., Scores]


def _pairs(margin: np.ndarray, group: np.ndarray | None = None) -> Scores:
    n = len(margin)
    ids = np.repeat(np.array([f"e{i}" for i in range(n)]), 2)
    return Scores(
        example_id=ids,
        subset=np.full(2 * n, "all"),
        group=ids if group is None else np.repeat(group, 2),
        preference=np.ones(2 * n),
        response_index=np.tile(np.array([0, 1]), n),
        is_chosen=np.tile([True, False], n),
        reward=np.stack([margin, np.zeros(n)], axis=1).ravel(),
        n_tokens=np.zeros(2 * n, np.int64),
        n_chars=np.zeros(2 * n, np.int64),
        truncated=np.zeros(2 * n, np.bool_),
    )


def _comparisons(margin: np.ndarray, group: np.ndarray | None = None) -> Comparisons:
    return Comparisons.from_scores(_pairs(margin, group))


@pytest.fixture(scope="module")
def margins() -> np.ndarray:
    return np.random.default_rng(3).normal(0.4, 1.5, 200)


def test_bins_are_the_equal_parts_of_the_sorted_margins(margins: np.ndarray) -> None:
    bins = by_margin(_comparisons(margins))
    parts = np.array_split(margins[np.argsort(np.abs(margins))], 10)
    assert [b.n for b in bins] == [len(p) for p in parts]
    for found, part in zip(bins, parts, strict=True):
        assert found.x == pytest.approx(np.abs(part).mean())
        assert found.accuracy == pytest.approx((part > 0).mean())
        assert (found.low, found.high) == (np.abs(part).min(), np.abs(part).max())


def test_intervals_of_independent_pairs_are_wilson(margins: np.ndarray) -> None:
    for found in by_margin(_comparisons(margins)):
        won = round(found.accuracy * found.n)
        expected = proportion_confint(won, found.n, method="wilson")
        assert found.interval is not None
        assert (found.interval.low, found.interval.high) == pytest.approx(expected)


def test_reliability_is_the_same_bins_seen_as_confidence(margins: np.ndarray) -> None:
    comparisons = _comparisons(margins)
    for sure, size in zip(reliability(comparisons), by_margin(comparisons), strict=True):
        assert sure.accuracy == size.accuracy
        assert sure.low == pytest.approx(1 / (1 + np.exp(-size.low)))


def test_clusters_widen_the_intervals(margins: np.ndarray) -> None:
    # Ten identical pairs in each cluster hold a tenth of the information.
    repeated = np.repeat(margins[:40], 10)
    alone = by_margin(_comparisons(repeated))
    groups = np.repeat(np.array([f"g{i}" for i in range(40)]), 10)
    together = by_margin(_comparisons(repeated, groups))
    for a, b in zip(alone, together, strict=True):
        assert a.interval is not None
        assert b.interval is not None
        assert b.interval.high - b.interval.low > a.interval.high - a.interval.low


def test_one_cluster_has_no_interval() -> None:
    bins = by_margin(_comparisons(np.array([1.0, -2.0, 3.0]), np.full(3, "g")))
    assert [b.interval for b in bins] == [None] * len(bins)


def test_histogram_counts_every_comparison_once(margins: np.ndarray) -> None:
    with_ties = np.concatenate([margins, np.zeros(50)])
    h = histogram(_comparisons(with_ties))
    assert h.ties == pytest.approx(50 / 250)
    assert h.share.sum() == pytest.approx(200 / 250)
    assert h.edges[len(h.share) // 2] == 0.0
    assert h.share[h.edges[:-1] >= 0].sum() == pytest.approx((margins > 0).sum() / 250)
    assert h.clipped == pytest.approx((np.abs(with_ties) > h.edges[-1]).mean())
    assert 0 < h.clipped <= 0.02


def test_histogram_of_nothing_but_ties() -> None:
    h = histogram(_comparisons(np.zeros(5)))
    assert h.ties == 1.0
    assert h.share.sum() == 0.0
    assert np.isfinite(h.edges).all()


def test_summary_against_numpy(margins: np.ndarray) -> None:
    scores = _pairs(margins * 8)
    summary = summarise(scores, Comparisons.from_scores(scores))
    assert summary.mean == pytest.approx(scores.reward.mean())
    assert summary.margin_sd == pytest.approx((margins * 8).std())
    assert summary.saturated == pytest.approx((np.abs(margins * 8) > 10).mean())


def test_margins_that_are_no_logits_have_no_reliability(pair_scores: Build) -> None:
    points = curves(pair_scores(), margins_are_logits=False)
    assert points is not None
    assert points.reliability == ()
    assert points.by_margin


def test_without_right_answers_only_the_margins_are_shown(pair_scores: Build) -> None:
    scores = pair_scores()
    even = Scores(**{**vars(scores), "preference": np.full(len(scores), 0.5)})
    points = curves(even, margins_are_logits=True)
    assert points is not None
    assert points.reliability == points.by_margin == ()
    assert points.histogram.share.sum() > 0


def test_examples_without_a_reward_are_left_out(pair_scores: Build) -> None:
    scores = pair_scores()
    reward = scores.reward.copy()
    reward[3] = np.nan
    broken = Scores(**{**vars(scores), "reward": reward})
    points = curves(broken, margins_are_logits=True)
    assert points is not None
    assert sum(b.n for b in points.by_margin) == len(scores) // 2 - 1
    nothing = Scores(**{**vars(scores), "reward": np.full(len(scores), np.nan)})
    assert curves(nothing, margins_are_logits=True) is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([-800.0, -2.0, 0.0, 0.0, 1e-9, 3.5, 800.0]), min_size=1))
def test_every_number_is_finite(values: list[float]) -> None:
    points = curves(_pairs(np.array(values)), margins_are_logits=True)
    assert points is not None
    for b in points.reliability + points.by_margin:
        assert np.isfinite([b.low, b.high, b.x, b.accuracy]).all()
    assert sum(b.n for b in points.by_margin) == len(values)
    assert points.histogram.share.sum() + points.histogram.ties == pytest.approx(1.0)
