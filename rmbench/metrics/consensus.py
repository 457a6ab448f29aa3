"""Items that several scorers all get wrong, or all get right, beside what chance makes of it.

An item that nobody gets right has a wrong label or is hard; one that everybody gets right
tells no two scorers apart. Some of either are bound to turn up: where three scorers are right
on 60 % of the items each, independent errors alone leave .4³ = 6.4 % with nobody right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rmbench.metrics.arrays import BoolArray, FloatArray, IntArray
from rmbench.metrics.comparisons import Comparisons

Rule = Literal["every", "best"]
"""What makes a scorer right on an item of several answers.

``every``: every chosen answer is above every rejected one. ``best``: the highest reward is a
chosen answer's. With one chosen answer the two are the same.
"""

NEGLIGIBLE = 1e-30
"""Tails of a distribution lighter than this are left off; a smaller p comes out as 0."""


@dataclass(frozen=True)
class Agreement:
    """A number of items, beside what scorers that err independently would give.

    Attributes:
        count: How many there are.
        expected: How many independent errors would give.
        low: The 2.5 % quantile of that number.
        high: The 97.5 % quantile.
        p: Chance of ``count`` or more of them, in [0, 1].
    """

    count: int
    expected: float
    low: int
    high: int
    p: float


@dataclass(frozen=True)
class PartAgreement:
    """The items of the whole suite or of one subset.

    Attributes:
        subset: ``None`` for the whole suite.
        n: How many items it has.
        none_right: Those that no scorer gets right.
        all_right: Those that every scorer gets right.
    """

    subset: str | None
    n: int
    none_right: Agreement
    all_right: Agreement


@dataclass(frozen=True, eq=False)
class CountDistribution:
    """Distribution of a count.

    Attributes:
        first: The smallest count with a chance worth keeping.
        mass: float64, shape (n_counts,); chances of ``first``, ``first + 1``, ...
    """

    first: int
    mass: FloatArray

    @classmethod
    def of_binomials(cls, sizes: IntArray, chances: FloatArray) -> CountDistribution:
        """The sum of independent binomial counts: Poisson-binomial, of few distinct chances.

        The binomials are convolved one after the other. All terms are positive, so small
        tails keep their digits; what is lighter than ``NEGLIGIBLE`` is left off.

        Args:
            sizes: int64, shape (n_subsets,); number of trials of each.
            chances: float64, shape (n_subsets,); chance of each of its trials, in [0, 1].

        >>> d = CountDistribution.of_binomials(np.array([1, 1]), np.array([0.5, 0.2]))
        >>> d.first, [round(m, 3) for m in d.mass.tolist()]
        (0, [0.4, 0.5, 0.1])
        """
        first, mass = 0, np.ones(1)
        for n, p in zip(sizes.tolist(), chances.tolist(), strict=True):
            start, part = _binomial(n, p)
            first, mass = _trimmed(first + start, np.convolve(mass, part))
        return cls(first, mass)

    def quantile(self, share: float) -> int:
        """The smallest count that is not exceeded with a chance of at least ``share``."""
        below = np.cumsum(self.mass) / self.mass.sum()
        return self.first + min(int(np.searchsorted(below, share)), len(below) - 1)

    def at_least(self, count: int) -> float:
        """The chance of that count or a larger one, in [0, 1]."""
        if count <= self.first:
            return 1.0
        return min(1.0, float(self.mass[count - self.first :].sum()))


def agreements(right: BoolArray, subset: NDArray[np.str_]) -> tuple[PartAgreement, ...]:
    """Count the items that nobody and that everybody gets right, in whole and by subset.

    Scorer s is right on a share a_sk of the n_k items of subset k. Were its errors independent
    of the other scorers', each item of the subset would have nobody right with chance

        q_k = prod_s (1 - a_sk)      and everybody right with chance      prod_s a_sk,

    so the expected number is sum_k n_k q_k, and the number is a sum of independent binomials
    B(n_k, q_k), a Poisson-binomial count, for which the range and p are exact. The accuracies
    are those observed. With the number of errors of each scorer in each subset held fixed, as
    they are, the expected number is the same and the spread is smaller (indicators of sampling
    without replacement are negatively associated: Joag-Dev and Proschan 1983), so the range is
    on the wide side. Items differ in difficulty, so an excess is the rule and no proof of wrong
    labels; it says how much of the agreement chance does not explain.

    Args:
        right: bool, shape (n_scorers, n_items), at least one of each.
        subset: str, shape (n_items,).

    Returns:
        The whole suite, then its subsets in sorted order.

    Raises:
        ValueError: If there is no scorer or no item, or the shapes do not fit.

    >>> right = np.array([[1, 1, 0, 0], [1, 0, 1, 0]], dtype=bool)
    >>> whole, _ = agreements(right, np.array(["all"] * 4))
    >>> whole.none_right.count, whole.none_right.expected, round(whole.none_right.p, 4)
    (1, 1.0, 0.6836)
    """
    if right.ndim != 2 or 0 in right.shape or right.shape[1:] != subset.shape:
        raise ValueError(
            "needs right of shape (n_scorers, n_items) and subset of (n_items,), neither empty; "
            f"got {right.shape} and {subset.shape}"
        )
    names, code = np.unique(subset, return_inverse=True)
    size = np.bincount(code, minlength=len(names)).astype(np.int64)
    accuracy = np.stack([np.bincount(code, row, len(names)) for row in right]) / size
    nobody = _counts(~right, code, size, np.prod(1.0 - accuracy, axis=0))
    everybody = _counts(right, code, size, np.prod(accuracy, axis=0))
    labels = [None, *names.tolist()]
    sizes = [int(size.sum()), *size.tolist()]
    return tuple(
        PartAgreement(*part) for part in zip(labels, sizes, nobody, everybody, strict=True)
    )


def example_margin(decided: Comparisons, rule: Rule) -> FloatArray:
    """The margin by which each example is right (above 0) or not; shape (n_examples,).

    Args:
        decided: ``Comparisons.decided``, whose chosen side is the right one.
        rule: ``every``: lowest reward of a chosen answer less highest of a rejected one;
            ``best``: highest of a chosen answer less highest of a rejected one.
    """
    starts = decided.first_comparison
    if len(starts) == 0:
        return np.empty(0)
    if rule == "every":
        lowest: FloatArray = np.minimum.reduceat(decided.margin, starts)
        return lowest
    top_chosen = np.maximum.reduceat(decided.reward_chosen, starts)
    top_rejected = np.maximum.reduceat(decided.reward_rejected, starts)
    difference: FloatArray = top_chosen - top_rejected
    return difference


def in_own_units(margin: FloatArray) -> FloatArray:
    """Each scorer's margins over their root mean square, since scorers differ in scale.

    Args:
        margin: float64, shape (n_scorers, n_items).

    >>> in_own_units(np.array([[3.0, -4.0], [0.0, 0.0]])).round(2).tolist()
    [[0.85, -1.13], [0.0, 0.0]]
    """
    # Scaled by the largest first, or squares of tiny margins would vanish.
    largest = np.abs(margin).max(axis=1, keepdims=True, initial=0.0)
    scaled = margin / np.where(largest > 0, largest, 1.0)
    spread = np.sqrt(np.mean(scaled**2, axis=1, keepdims=True))
    own: FloatArray = scaled / np.where(spread > 0, spread, 1.0)
    return own


def _counts(
    holds: BoolArray, code: IntArray, size: IntArray, chance: FloatArray
) -> list[Agreement]:
    """Items where something holds of every scorer, in whole and by subset."""
    found = np.bincount(code[holds.all(axis=0)], minlength=len(size)).astype(np.int64)
    parts = [
        _agreement(found[k : k + 1], size[k : k + 1], chance[k : k + 1]) for k in range(len(size))
    ]
    return [_agreement(found, size, chance), *parts]


def _agreement(found: IntArray, size: IntArray, chance: FloatArray) -> Agreement:
    count = int(found.sum())
    by_chance = CountDistribution.of_binomials(size, chance)
    return Agreement(
        count=count,
        expected=float(size @ chance),
        low=by_chance.quantile(0.025),
        high=by_chance.quantile(0.975),
        p=by_chance.at_least(count),
    )


def _binomial(n: int, p: float) -> tuple[int, FloatArray]:
    """First count and chances of a binomial, without negligible tails.

    By Bernstein's inequality a deviation of t or more to one side has a chance of at most
    exp(-t² / (2 v + 2 t / 3)), v being the variance; t solves for ``NEGLIGIBLE``.
    """
    from scipy.stats import binom  # half a second that reports of one run need not wait for

    if n * p < NEGLIGIBLE or n * (1.0 - p) < NEGLIGIBLE:
        return (0 if p < 0.5 else n), np.ones(1)
    log = -math.log(NEGLIGIBLE)
    t = log / 3 + math.sqrt((log / 3) ** 2 + 2 * log * n * p * (1.0 - p))
    low, high = max(0, math.floor(n * p - t)), min(n, math.ceil(n * p + t))
    return low, np.asarray(binom.pmf(np.arange(low, high + 1), n, p), dtype=np.float64)


def _trimmed(first: int, mass: FloatArray) -> tuple[int, FloatArray]:
    above = np.cumsum(mass[::-1])[::-1] > NEGLIGIBLE
    below = np.cumsum(mass) > NEGLIGIBLE
    kept = np.flatnonzero(above & below)
    start, stop = int(kept[0]), int(kept[-1]) + 1
    return first + start, mass[start:stop]
