"""What metrics are computed from and what they return, before it becomes an estimate."""

from __future__ import annotations

from dataclasses import dataclass

from rmbench.metrics.arrays import FloatArray
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


@dataclass(frozen=True)
class Measured:
    """A value, its interval where it has one, and how many examples it rests on."""

    value: float
    n: int
    interval: Interval | None = None


def fraction_mean(values: FloatArray, comparisons: Comparisons) -> Measured:
    """Mean of per-example values in [0, 1]."""
    interval = proportion_interval(values, comparisons.group)
    return Measured(float(values.mean()), len(values), interval)


def linear(estimate: Linearised, comparisons: Comparisons, *, fraction: bool) -> Measured:
    """An estimate with its clustered interval."""
    interval = clustered_interval(estimate, comparisons.group, fraction=fraction)
    return Measured(estimate.value, estimate.n, interval)


def mean(values: FloatArray, comparisons: Comparisons) -> Measured:
    """Mean over examples of something per comparison that is not a fraction."""
    per_example = linearised_mean(comparisons.example_mean(values))
    return linear(per_example, comparisons, fraction=False)
