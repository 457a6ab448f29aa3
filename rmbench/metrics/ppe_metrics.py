"""The figures that Preference Proxy Evaluations (PPE) gives of best of K, beside its end score.

Formulas: Frick et al. 2024 (arXiv:2410.14872), in the form of an independent re-implementation;
the publisher's own code was not read, and its random orders are not known. A hundred times the
answers of every prompt are put in a random order and a curve over K = 1, 2, ..., N is drawn: the
share of prompts of which the answer with the highest reward among the first K is right, the first
of equals being taken. The oracle's curve is the share that has a right one among them.

The re-implementation takes one order for all prompts of a set at a time, which are drawn answers in
the publisher's columns and so in no order of their own. Here the right ones stand first, and every
prompt has an order of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rmbench.metrics.arrays import BoolArray, FloatArray, IntArray
from rmbench.metrics.base import Undefined
from rmbench.metrics.best_of_n_metrics import answers_of
from rmbench.metrics.intervals import Linearised, mean_of
from rmbench.metrics.views import Measured, View, linear

ORDERS = 100
"""Random orders of each prompt's answers, as published."""


@dataclass(frozen=True, eq=False)
class OrderedCurves:
    """What is chosen among the first K answers, K = 1 ... N, in several orders.

    Attributes:
        chosen: float64, shape (n_orders, n_prompts, N); gold of the answer with the highest
            reward among the first K.
        oracle: float64, shape (n_orders, n_prompts, N); the highest gold among them.
    """

    chosen: FloatArray
    oracle: FloatArray

    @classmethod
    def drawn(cls, reward: FloatArray, gold: FloatArray, orders: IntArray) -> OrderedCurves:
        """The curves of some orders.

        Args:
            reward: float64, shape (n_prompts, N).
            gold: float64, shape (n_prompts, N).
            orders: int64, shape (n_orders, n_prompts, N); permutations of 0 ... N - 1.
        """
        chosen, oracle = [], []
        for order in orders:
            r, g = (np.take_along_axis(values, order, axis=1) for values in (reward, gold))
            highest = np.maximum.accumulate(r, axis=1)
            leads = np.ones(r.shape, np.bool_)
            leads[:, 1:] = r[:, 1:] > highest[:, :-1]
            leader = np.maximum.accumulate(np.where(leads, np.arange(r.shape[1]), 0), axis=1)
            chosen.append(np.take_along_axis(g, leader, axis=1))
            oracle.append(np.maximum.accumulate(g, axis=1))
        return cls(np.stack(chosen), np.stack(oracle))


def max_score(curves: OrderedCurves) -> Linearised:
    """The highest point of each order's curve, averaged over the orders.

    A maximum over points that each carry sampling error, it lies above the highest point of
    the mean curve.

    >>> gold = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> orders = np.array([[[0, 1], [0, 1]], [[1, 0], [1, 0]]])
    >>> always_second = np.array([[0.0, 1.0], [0.0, 1.0]])
    >>> max_score(OrderedCurves.drawn(always_second, gold, orders)).value
    0.5
    """
    curve = curves.chosen.mean(axis=1)
    top = np.argmax(curve, axis=1)
    at_top = curves.chosen[np.arange(len(top)), :, top].mean(axis=0)
    return _linearised(float(curve.max(axis=1).mean()), at_top - at_top.mean())


def loss(curves: OrderedCurves) -> Linearised:
    """Mean over orders and K of the squared distance from the oracle's curve.

    >>> gold = np.array([[1.0, 0.0], [1.0, 0.0]])
    >>> orders = np.array([[[0, 1], [0, 1]], [[1, 0], [1, 0]]])
    >>> one_is_wrong = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> loss(OrderedCurves.drawn(one_is_wrong, gold, orders)).value  # (0 + .25 + 0 + .25) / 4
    0.125
    """
    gap = curves.oracle - curves.chosen
    mean_gap = gap.mean(axis=1, keepdims=True)
    slope = (2 * mean_gap * (gap - mean_gap)).mean(axis=(0, 2))
    return _linearised(float((mean_gap**2).mean()), slope)


def scaled_auc(reward: FloatArray, right: BoolArray) -> Linearised:
    """ROC AUC over the answers of all prompts, rewards scaled to each prompt's range [0, 1].

    A prompt whose rewards are all equal has 0.5 throughout. The influence of a prompt is that of
    its answers' placement values (DeLong, DeLong and Clarke-Pearson 1988; summed by cluster as
    in Obuchowski 1997).

    Args:
        reward: float64, shape (n_prompts, N).
        right: bool, shape (n_prompts, N).

    Raises:
        ValueError: If all answers are right or all are wrong.

    >>> reward = np.array([[1.0, 2.0, 3.0], [70.0, 60.0, 50.0]])
    >>> right = np.array([[False, False, True], [False, True, True]])
    >>> round(scaled_auc(reward, right).value, 6)  # scaled: 0, .5, 1 and 1, .5, 0
    0.5
    """
    from scipy.stats import rankdata  # half a second that other metrics need not wait for

    n_right = int(right.sum())
    n_wrong = right.size - n_right
    if not n_right or not n_wrong:
        raise ValueError("there must be a right and a wrong answer")
    low, high = reward.min(axis=1, keepdims=True), reward.max(axis=1, keepdims=True)
    spread = high - low
    scaled = np.where(spread > 0, (reward - low) / np.where(spread > 0, spread, 1.0), 0.5)
    # Ranks among all less ranks among the own side: how many of the other side are below.
    placed = rankdata(scaled.ravel()).reshape(reward.shape)
    below = np.empty(reward.shape)
    below[right] = (placed[right] - rankdata(scaled[right])) / n_wrong
    below[~right] = (placed[~right] - rankdata(scaled[~right])) / n_right
    value = float(below[right].mean())
    influence = np.where(right, below - value, 0.0).sum(axis=1) / n_right
    influence += np.where(right, 0.0, (1 - value) - below).sum(axis=1) / n_wrong
    return _linearised(value, influence * len(reward))


def _linearised(value: float, slope: FloatArray) -> Linearised:
    """From each prompt's slope, of mean 0 over them, to its influence."""
    return Linearised(value, slope / len(slope), np.ones(len(slope), np.bool_))


def ppe_max_score(view: View) -> Measured | Undefined:
    """``max_score`` of a set, or its mean over the sets."""
    seed = view.context.seed
    return _over_sets(view, lambda r, g: max_score(_curves(r, g, seed)), fraction=True)


def ppe_loss(view: View) -> Measured | Undefined:
    """``loss`` of a set, or its mean over the sets."""
    seed = view.context.seed
    return _over_sets(view, lambda r, g: loss(_curves(r, g, seed)), fraction=False)


def ppe_auc(view: View) -> Measured | Undefined:
    """``scaled_auc`` of a set, or its mean over the sets."""
    return _over_sets(view, lambda r, g: scaled_auc(r, g == 1.0), fraction=True)


def _curves(reward: FloatArray, gold: FloatArray, seed: int) -> OrderedCurves:
    places = np.broadcast_to(np.arange(reward.shape[1]), (ORDERS, *reward.shape))
    orders = np.random.default_rng(seed).permuted(places, axis=2)
    return OrderedCurves.drawn(reward, gold, orders)


def _over_sets(
    view: View, figure: Callable[[FloatArray, FloatArray], Linearised], *, fraction: bool
) -> Measured | Undefined:
    """The unweighted mean over subsets of a figure of their prompts' answers."""
    c = view.comparisons
    n = c.n_chosen + c.n_rejected
    sizes = np.unique(n)
    if len(sizes) > 1:
        return Undefined(
            f"examples have from {sizes[0]} to {sizes[-1]} answers: a curve needs as many of each"
        )
    example, reward, gold = answers_of(c)
    by_example = np.argsort(example, kind="stable")
    shape = (c.n_examples, int(sizes[0]))
    reward, gold = reward[by_example].reshape(shape), gold[by_example].reshape(shape)
    # A prompt's random orders go by its place: by id, they do not follow the order of the rows.
    by_id = np.argsort(c.id, kind="stable")
    terms = []
    for name in np.unique(c.subset):
        inside = by_id[c.subset[by_id] == name]
        found = figure(reward[inside], gold[inside])
        influence, used = np.zeros(c.n_examples), np.zeros(c.n_examples, np.bool_)
        influence[inside], used[inside] = found.influence, found.used
        terms.append(Linearised(found.value, influence, used))
    return linear(mean_of(terms), c, fraction=fraction)
