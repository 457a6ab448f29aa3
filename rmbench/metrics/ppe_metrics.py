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
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import Linearised, mean_of
from rmbench.metrics.memo import once
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
        size = reward.shape[1]
        kind = np.min_scalar_type(size**3)
        # One whole number says which reward is the higher, of equals which stands first, and
        # which answer it is: its running maximum is the answer that is chosen.
        answer = (_dense_rank(reward) * size**2 + np.arange(size)).astype(kind)
        earlier = (np.arange(size)[::-1] * size).astype(kind)
        chosen, oracle = np.empty(orders.shape), np.empty(orders.shape)
        for order, at_chosen, at_oracle in zip(orders, chosen, oracle, strict=True):
            leader = np.take_along_axis(answer, order, axis=1) + earlier
            np.maximum.accumulate(leader, axis=1, out=leader)
            at_chosen[:] = np.take_along_axis(gold, (leader % size).astype(np.intp), axis=1)
            np.maximum.accumulate(np.take_along_axis(gold, order, axis=1), axis=1, out=at_oracle)
        return cls(chosen, oracle)


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
    mean_gap = gap.mean(axis=1)
    square = (mean_gap**2).mean()
    slope = 2 * (np.einsum("opk,ok->p", gap, mean_gap) / mean_gap.size - square)
    return _linearised(float(square), slope)


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


def _dense_rank(values: FloatArray) -> IntArray:
    """Rank in its row from 0 for the lowest, equals alike; shape (n_rows, n_columns)."""
    order = np.argsort(values, axis=1)
    above = np.diff(np.take_along_axis(values, order, axis=1), axis=1) > 0
    rank = np.zeros(values.shape, np.int64)
    np.put_along_axis(rank, order[:, 1:], np.cumsum(above, axis=1), axis=1)
    return rank


def _linearised(value: float, slope: FloatArray) -> Linearised:
    """From each prompt's slope, of mean 0 over them, to its influence."""
    return Linearised(value, slope / len(slope), np.ones(len(slope), np.bool_))


def ppe_max_score(view: View) -> Measured | Undefined:
    """``max_score`` of a set, or its mean over the sets."""
    return _mean_over_sets(
        view, lambda c: [(s.places, top) for s, top, _ in _curves(c, view.context.seed)], True
    )


def ppe_loss(view: View) -> Measured | Undefined:
    """``loss`` of a set, or its mean over the sets."""
    return _mean_over_sets(
        view, lambda c: [(s.places, lost) for s, _, lost in _curves(c, view.context.seed)], False
    )


def ppe_auc(view: View) -> Measured | Undefined:
    """``scaled_auc`` of a set, or its mean over the sets."""
    return _mean_over_sets(
        view, lambda c: [(s.places, scaled_auc(s.reward, s.gold == 1.0)) for s in _sets(c)], True
    )


@dataclass(frozen=True, eq=False)
class _Set:
    """The answers of a set's prompts.

    Attributes:
        places: int64, shape (n_prompts,); places of the prompts among the examples.
        reward: float64, shape (n_prompts, N).
        gold: float64, shape (n_prompts, N).
    """

    places: IntArray
    reward: FloatArray
    gold: FloatArray


def _sets(c: Comparisons) -> list[_Set]:
    """The sets in the order of their names; all prompts must have as many answers."""
    example, reward, gold = answers_of(c)
    by_example = np.argsort(example, kind="stable")
    shape = (c.n_examples, len(example) // c.n_examples)
    reward, gold = reward[by_example].reshape(shape), gold[by_example].reshape(shape)
    # A prompt's random orders go by its place: by id, they do not follow the order of the rows.
    by_id = np.argsort(c.id, kind="stable")
    found = []
    for name in np.unique(c.subset):
        inside = by_id[c.subset[by_id] == name]
        found.append(_Set(inside, reward[inside], gold[inside]))
    return found


@once
def _curves(c: Comparisons, seed: int) -> list[tuple[_Set, Linearised, Linearised]]:
    """Each set, its maximum score and its loss, over the same random orders."""
    found = []
    for one in _sets(c):
        places = np.broadcast_to(np.arange(one.reward.shape[1]), (ORDERS, *one.reward.shape))
        orders = np.random.default_rng(seed).permuted(places, axis=2)
        curves = OrderedCurves.drawn(one.reward, one.gold, orders)
        found.append((one, max_score(curves), loss(curves)))
    return found


def _mean_over_sets(
    view: View, figures: Callable[[Comparisons], list[tuple[IntArray, Linearised]]], fraction: bool
) -> Measured | Undefined:
    """The unweighted mean over sets of a figure of their prompts, whose places stand beside it."""
    c = view.comparisons
    n = c.n_chosen + c.n_rejected
    sizes = np.unique(n)
    if len(sizes) > 1:
        return Undefined(
            f"examples have from {sizes[0]} to {sizes[-1]} answers: a curve needs as many of each"
        )
    terms = []
    for places, found in figures(c):
        influence, used = np.zeros(c.n_examples), np.zeros(c.n_examples, np.bool_)
        influence[places], used[places] = found.influence, found.used
        terms.append(Linearised(found.value, influence, used))
    return linear(mean_of(terms), c, fraction=fraction)
