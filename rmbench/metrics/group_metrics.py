"""Accuracy where every group counts the same, however many examples it has.

A group is what the suite clusters by, which is mostly the prompt.
"""

from __future__ import annotations

import numpy as np

from rmbench.metrics.accuracy import best_of_n, example_accuracy
from rmbench.metrics.arrays import FloatArray, IntArray
from rmbench.metrics.base import Undefined
from rmbench.metrics.intervals import Linearised, linearised_ratio, mean_of
from rmbench.metrics.subsets import mean_over_sections
from rmbench.metrics.views import Measured, View, linear


def mean_over_groups(values: FloatArray, group: IntArray) -> Linearised:
    """Mean over groups of the mean of ``values`` in each.

    Args:
        values: float64, shape (n_examples,).
        group: int64, shape (n_examples,); codes from 0.

    >>> mean_over_groups(np.array([1.0, 1.0, 0.0, 0.5]), np.array([0, 0, 0, 3])).value
    0.5833333333333333
    """
    return linearised_ratio(values * _weights(group), _weights(group))


def _weights(group: IntArray) -> FloatArray:
    """1 / size of the example's group, so that each group sums to 1."""
    weights: FloatArray = 1.0 / np.bincount(group)[group]
    return weights


def group_mean_accuracy(view: View) -> Measured:
    """Accuracy in which every group counts the same."""
    c = view.comparisons
    found = mean_over_groups(example_accuracy(c, view.context.ties), c.group)
    return linear(found, c, fraction=True)


def macro_group_mean_accuracy(view: View) -> Measured:
    """Unweighted mean of the subsets' ``group_mean_accuracy``."""
    c = view.comparisons
    values = example_accuracy(c, view.context.ties)
    terms = []
    for name in np.unique(c.subset):
        inside = c.subset == name
        # A prompt of two sets is a group in each.
        weights = np.zeros(len(values))
        weights[inside] = _weights(c.group[inside])
        terms.append(linearised_ratio(values * weights, weights))
    return linear(mean_of(terms), c, fraction=True)


def section_mean_best_of_n_accuracy(view: View) -> Measured | Undefined:
    """Unweighted mean of the sections' best-of-N accuracies; every section must have examples."""
    c, sections = view.comparisons, view.context.sections
    if not sections:
        return Undefined("the suite has no sections")
    values = best_of_n(c, view.context.ties)
    found = mean_over_sections(values, c.subset, sections, require_all=True)
    return found if isinstance(found, Undefined) else linear(found, c, fraction=True)
