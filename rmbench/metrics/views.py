"""What metrics are computed from and what they return, before it becomes an estimate."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rmbench.metrics.arrays import BoolArray, FloatArray, IntArray
from rmbench.metrics.base import MeasureContext
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import (
    Interval,
    Linearised,
    clustered_interval,
    linearised_mean,
    proportion_interval,
)


@dataclass(frozen=True)
class View:
    """What one estimate is computed from.

    Attributes:
        comparisons: The comparisons of the whole suite, or of one part of it; without
            human ties where the metric needs a right answer.
        context: The suite's and scorer's choices.
        subset: Name of the part; ``None`` for the whole suite.
    """

    comparisons: Comparisons
    context: MeasureContext
    subset: str | None


@dataclass(frozen=True, eq=False)
class Measured:
    """A value, its interval where it has one, and what a paired comparison needs.

    Attributes:
        value: The value.
        n: Number of examples it rests on.
        interval: Its interval.
        linear: The value to first order over the view's examples, where it is smooth in
            means: the difference of two scorers' influences gives the error of the
            difference of their values.
        per_example: float64, shape (n_examples,); where the value is their plain mean.
        group: int64, shape (n_examples,); the clusters, where they are not the view's own.
    """

    value: float
    n: int
    interval: Interval | None = None
    linear: Linearised | None = None
    per_example: FloatArray | None = None
    group: IntArray | None = None

    def spread(self, where: BoolArray) -> Measured:
        """The same, of the examples of a mask, seen over all examples.

        Args:
            where: bool, shape (n_all,); true for the examples this rests on, in their order.
        """
        if self.linear is None:
            return replace(self, per_example=None)
        influence = np.zeros(len(where))
        used = np.zeros(len(where), dtype=np.bool_)
        influence[where], used[where] = self.linear.influence, self.linear.used
        return replace(self, linear=Linearised(self.value, influence, used), per_example=None)


def fraction_mean(values: FloatArray, comparisons: Comparisons) -> Measured:
    """Mean of per-example values in [0, 1]."""
    interval = proportion_interval(values, comparisons.group)
    value = float(values.mean())
    return Measured(value, len(values), interval, linearised_mean(values), values)


def linear(estimate: Linearised, comparisons: Comparisons, *, fraction: bool) -> Measured:
    """An estimate with its clustered interval."""
    interval = clustered_interval(estimate, comparisons.group, fraction=fraction)
    return Measured(estimate.value, estimate.n, interval, estimate)


def mean(values: FloatArray, comparisons: Comparisons) -> Measured:
    """Mean over examples of something per comparison that is not a fraction."""
    per_example = comparisons.example_mean(values)
    found = linear(linearised_mean(per_example), comparisons, fraction=False)
    return replace(found, per_example=per_example)
