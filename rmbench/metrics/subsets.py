"""Accuracy across the parts of a suite: mean of subsets, of sections, the worst one.

All functions take ``Comparisons.decided`` and its example accuracies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rmbench.metrics.arrays import BoolArray, FloatArray, IntArray
from rmbench.metrics.base import Undefined
from rmbench.metrics.intervals import (
    Linearised,
    cluster_sums,
    combine,
    linearised_mean,
    mean_of,
)

CHANCE_DRAWS = 10_000
"""Simulated suites behind the worst subset's chance value."""


@dataclass(frozen=True)
class WorstByChance:
    """What the worst of several equally good subsets looks like.

    Attributes:
        expected: Mean of the smallest subset accuracy.
        low: 2.5 % quantile of the smallest subset accuracy.
        high: 97.5 % quantile.
    """

    expected: float
    low: float
    high: float


def mean_over_subsets(accuracy: FloatArray, subset: NDArray[np.str_]) -> Linearised:
    """Unweighted mean of the subsets' accuracies (those that have examples here)."""
    return mean_of([linearised_mean(accuracy, subset == name) for name in np.unique(subset)])


def mean_over_sections(
    values: FloatArray,
    subset: NDArray[np.str_],
    sections: Mapping[str, tuple[str, ...]],
    *,
    require_all: bool,
) -> Linearised | Undefined:
    """Unweighted mean of the means of the sections.

    Args:
        values: float64, shape (n_examples,).
        subset: str, shape (n_examples,).
        sections: Section name to the subsets it pools.
        require_all: Whether a section without examples leaves the mean undefined;
            otherwise it is left out.
    """
    masks = {name: np.isin(subset, parts) for name, parts in sections.items()}
    empty = [name for name, mask in masks.items() if not mask.any()]
    if empty and (require_all or len(empty) == len(masks)):
        return Undefined(f"no example in section {', '.join(map(repr, empty))}")
    return mean_of([linearised_mean(values, mask) for mask in masks.values() if mask.any()])


def weighted_score(
    leaf: Callable[[BoolArray], Linearised | Undefined],
    subset: NDArray[np.str_],
    tree: Mapping[str, Mapping[str, float]],
    name: str,
) -> Linearised | Undefined:
    """The score of a part: of a subset its own, of all others the weighted mean of their parts.

    RewardBench's rule (Lambert et al. 2024): a section weights its subsets by counts that are
    part of the protocol, whatever the data hold; the whole weights its sections.

    Args:
        leaf: Score of a subset, given the mask (bool, shape (n_examples,)) of its examples.
        subset: str, shape (n_examples,).
        tree: Part to its parts and their weights; a name without an entry is a subset.
        name: The part to score.

    Returns:
        Undefined where any subset that it rests on has no example, with all their names: a
        mean over the others would be of something else.

    >>> right = np.array([1.0, 0.0, 1.0])
    >>> tree = {"": {"a": 3.0, "b": 1.0}}
    >>> weighted_score(
    ...     lambda mask: linearised_mean(right, mask), np.array(["a", "a", "b"]), tree, ""
    ... ).value
    0.625
    """
    there = set(subset.tolist())
    missing = [part for part in _leaves(tree, name) if part not in there]
    if missing:
        return Undefined(f"no example in subset {', '.join(map(repr, missing))}")
    return _score(leaf, subset, tree, name)


def _leaves(tree: Mapping[str, Mapping[str, float]], name: str) -> Iterator[str]:
    if name not in tree:
        yield name
        return
    for part in tree[name]:
        yield from _leaves(tree, part)


def _score(
    leaf: Callable[[BoolArray], Linearised | Undefined],
    subset: NDArray[np.str_],
    tree: Mapping[str, Mapping[str, float]],
    name: str,
) -> Linearised | Undefined:
    if name not in tree:
        return leaf(subset == name)
    total = sum(tree[name].values())
    terms, coefficients = [], []
    for part, weight in tree[name].items():
        term = _score(leaf, subset, tree, part)
        if isinstance(term, Undefined):
            return term
        terms.append(term)
        coefficients.append(weight / total)
    return combine(terms, coefficients)


def worst_subset(accuracy: FloatArray, subset: NDArray[np.str_]) -> BoolArray | Undefined:
    """The examples of the subset of smallest accuracy, the first by name among equals."""
    names = np.unique(subset)
    if len(names) < 2:
        return Undefined("there are fewer than 2 subsets")
    means = [float(accuracy[subset == name].mean()) for name in names]
    mask: BoolArray = subset == names[int(np.argmin(means))]
    return mask


def worst_by_chance(
    accuracy: FloatArray,
    subset: NDArray[np.str_],
    groups: IntArray,
    rng: np.random.Generator,
    *,
    draws: int = CHANCE_DRAWS,
) -> WorstByChance | Undefined:
    """The smallest subset accuracy if every subset truly had the suite's accuracy p.

    The smallest of several noisy numbers lies below p even when nothing is wrong. Each
    draw takes a Binomial(m, p) / m accuracy for every subset. m is the number of
    independent right-or-wrong answers that leave the same error as the subset's n
    examples: n / design effect, where the design effect of the suite is

        mean (a - p)^2 / (p (1 - p))  *  max(1, sum of S_c^2 / sum of r_i^2)

    with a the accuracy of an example (fractional where it has several comparisons, which
    makes the first factor less than 1), r its residual from its subset's mean and S_c
    the sum of residuals of a cluster (clusters make the second factor more than 1).

    Args:
        accuracy: float64, shape (n_examples,); accuracy of each example.
        subset: str, shape (n_examples,).
        groups: int64, shape (n_examples,); cluster codes.
        rng: Source of the draws.
        draws: Number of simulated suites.
    """
    names, code, sizes = np.unique(subset, return_inverse=True, return_counts=True)
    if len(names) < 2:
        return Undefined("there are fewer than 2 subsets")
    p = float(accuracy.mean())
    binary_variance = p * (1 - p)
    if binary_variance < 1e-12:
        return WorstByChance(p, p, p)
    spread = float(((accuracy - p) ** 2).mean())
    if spread < 1e-12:
        # Every example has one and the same accuracy: there is no noise to simulate.
        return WorstByChance(p, p, p)
    residual = accuracy - (np.bincount(code, weights=accuracy) / sizes)[code]
    own = float(residual @ residual)
    clusters = cluster_sums(residual, groups)
    inflation = max(1.0, float(clusters @ clusters) / own) if own > 0 else 1.0
    design_effect = spread / binary_variance * inflation
    smallest = np.ones(draws)
    for size in sizes:
        # Of sums that differ by the order of the rows only, the draws must be the same.
        m = max(1, round(round(size / design_effect, 9)))
        np.minimum(smallest, rng.binomial(m, round(p, 12), draws) / m, out=smallest)
    low, high = np.quantile(smallest, [0.025, 0.975])
    return WorstByChance(float(smallest.mean()), float(low), float(high))
