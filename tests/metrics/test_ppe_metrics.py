"""The value of each figure against a loop, and its influences against leaving a prompt out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from rmbench.metrics.ppe_metrics import OrderedCurves, loss, max_score, scaled_auc


def drawn(seed: int, n: int = 40, size: int = 6):
    draw = np.random.default_rng(seed)
    right = draw.random((n, size)) < draw.random((n, 1))
    right[:, 0], right[:, 1] = True, False
    reward = np.round(right + draw.normal(0, 1.5, (n, size)), 1)
    orders = draw.permuted(np.broadcast_to(np.arange(size), (25, n, size)), axis=2)
    return reward, right, orders


def by_hand(reward, right, orders):
    maxima, squares = [], []
    for order in orders:
        curve, best = np.zeros(order.shape[1]), np.zeros(order.shape[1])
        for p, places in enumerate(order):
            for k in range(1, len(places) + 1):
                first = places[:k].tolist()
                pick = max(first, key=lambda i, p=p, first=first: (reward[p, i], -first.index(i)))
                curve[k - 1] += right[p, pick] / len(order)
                best[k - 1] += right[p, first].any() / len(order)
        maxima.append(curve.max())
        squares.append(((best - curve) ** 2).mean())
    return np.mean(maxima), np.mean(squares)


@pytest.mark.parametrize("seed", range(3))
def test_curves_are_those_of_a_loop(seed: int):
    reward, right, orders = drawn(seed)
    curves = OrderedCurves.drawn(reward, right.astype(float), orders)
    top, square = by_hand(reward, right, orders)
    assert max_score(curves).value == pytest.approx(top)
    assert loss(curves).value == pytest.approx(square)


def test_figures_of_a_known_set():
    """As the loop over answers gave them before orders were compared as whole numbers."""
    reward, right, orders = drawn(11, n=60, size=32)
    curves = OrderedCurves.drawn(reward, right.astype(float), orders)
    for found, value, error in (
        (max_score(curves), 0.7126666666666667, 0.04616387877663339),
        (loss(curves), 0.0771125, 0.02156776557643087),
        (scaled_auc(reward, right), 0.6184705751894902, 0.018995076926752393),
    ):
        assert found.value == pytest.approx(value, abs=1e-12)
        assert np.sqrt((found.influence**2).sum()) == pytest.approx(error, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_auc_is_scikit_learns(seed: int):
    reward, right, _ = drawn(seed)
    reward[3] = 2.0  # all equal: one half
    scaled = reward - reward.min(axis=1, keepdims=True)
    spread = scaled.max(axis=1, keepdims=True)
    scaled = np.where(spread > 0, scaled / np.where(spread > 0, spread, 1), 0.5)
    assert scaled_auc(reward, right).value == pytest.approx(
        roc_auc_score(right.ravel(), scaled.ravel())
    )


def test_without_a_wrong_answer_there_is_no_auc():
    with pytest.raises(ValueError, match="a right and a wrong answer"):
        scaled_auc(np.ones((2, 3)), np.ones((2, 3), bool))


@pytest.mark.parametrize("figure", ["max", "loss", "auc"])
def test_influences_are_what_leaving_a_prompt_out_changes(figure: str):
    """theta - theta without p is influence / (1 - 1/n), to first order."""
    reward, right, orders = drawn(5, n=150)

    def measure(kept):
        r, g, o = reward[kept], right[kept], orders[:, kept]
        if figure == "auc":
            return scaled_auc(r, g)
        curves = OrderedCurves.drawn(r, g.astype(float), o)
        return max_score(curves) if figure == "max" else loss(curves)

    n = len(reward)
    whole = measure(np.arange(n))
    left_out = np.array([measure(np.delete(np.arange(n), p)).value for p in range(n)])
    jackknife = (whole.value - left_out) * (n - 1) / n
    assert whole.influence.sum() == pytest.approx(0.0, abs=1e-12)
    scale = np.abs(jackknife).max()
    assert np.abs(whole.influence - jackknife).max() < 0.25 * scale
    assert np.sqrt((whole.influence**2).sum()) == pytest.approx(
        np.sqrt(((jackknife - jackknife.mean()) ** 2).sum()), rel=0.05
    )
