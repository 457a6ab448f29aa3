"""What robustness metrics are computed by: from all comparisons to one transformation's value."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rmbench.metrics import robustness
from rmbench.metrics.arrays import BoolArray, FloatArray
from rmbench.metrics.base import MeasureContext, Undefined
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import (
    Interval,
    Linearised,
    clustered_interval,
    proportion_interval,
)
from rmbench.metrics.memo import once
from rmbench.metrics.robustness import Joined, Spread
from rmbench.metrics.views import Measured
from rmbench.spec.robustness import ORIGINAL
from rmbench.types import TiePolicy

Values = Callable[[Joined, TiePolicy], FloatArray]
"""What rewriting does to each example; shape (n_after,)."""

MakeInterval = Callable[[list[Joined], list[FloatArray], Linearised, TiePolicy], Interval | None]
"""Of the mean of values over one transformation, or over all."""


@once
def _joined(comparisons: Comparisons, _: object) -> dict[str, Joined] | Undefined:
    return robustness.join(comparisons)


@once
def _scale(comparisons: Comparisons, _: object) -> Spread | Undefined:
    return robustness.margin_spread(comparisons.where(comparisons.subset == ORIGINAL))


@once
def _p_values(
    comparisons: Comparisons, setting: tuple[TiePolicy, int]
) -> dict[str, float] | Undefined:
    """The p-value of each transformation's drop; each draws from the same seed."""
    ties, seed = setting
    pairs = _joined(comparisons, None)
    if isinstance(pairs, Undefined):
        return pairs
    return {
        name: robustness.drop_p_value(
            robustness.accuracy_drops(pair, ties), pair.group, np.random.default_rng(seed)
        )
        for name, pair in pairs.items()
    }


def _pairs(comparisons: Comparisons, subset: str | None) -> list[Joined] | Undefined:
    """What is joined for one transformation, or for all of them."""
    pairs = _joined(comparisons, None)
    if isinstance(pairs, Undefined):
        return pairs
    if subset is None:
        return list(pairs.values())
    if subset not in pairs:
        return Undefined(f"no example of {subset!r} has its original beside it")
    return [pairs[subset]]


def mean(
    comparisons: Comparisons,
    context: MeasureContext,
    subset: str | None,
    *,
    values: Values,
    interval: MakeInterval,
) -> Measured | Undefined:
    """Mean of something per rewritten example."""
    pairs = _pairs(comparisons, subset)
    if isinstance(pairs, Undefined):
        return pairs
    found = [values(pair, context.ties) for pair in pairs]
    mean = robustness.pooled(list(zip(pairs, found, strict=True)))
    return Measured(
        mean.value,
        sum(map(len, found)),
        interval(pairs, found, mean, context.ties),
        _at_originals(mean, comparisons),
    )


def fraction_interval(
    pairs: list[Joined], values: list[FloatArray], mean: Linearised, _: TiePolicy
) -> Interval | None:
    """Of a mean of values in [0, 1]: for one transformation as of an accuracy."""
    if len(pairs) == 1:
        return proportion_interval(values[0], pairs[0].group)
    return clustered_interval(mean, pairs[0].before.group, fraction=True)


def drop_interval(
    pairs: list[Joined], values: list[FloatArray], mean: Linearised, ties: TiePolicy
) -> Interval | None:
    """Of a mean drop: for one transformation as ``robustness.drop_interval`` has it."""
    if len(pairs) > 1:
        return clustered_interval(mean, pairs[0].before.group, fraction=False)
    before = robustness.accuracy_before(pairs[0], ties)
    # A drop of 0 may be a half that stayed one.
    binary = np.isin(before, (0.0, 1.0)).all() and np.isin(values[0], (-1.0, 0.0, 1.0)).all()
    return robustness.drop_interval(values[0], pairs[0].group, binary=bool(binary))


def shift(
    comparisons: Comparisons,
    context: MeasureContext,
    subset: str | None,
    *,
    values: Callable[[Joined], FloatArray],
) -> Measured | Undefined:
    """Mean of something per rewritten example, in standard deviations of original margins."""
    pairs, scale = _pairs(comparisons, subset), _scale(comparisons, None)
    if isinstance(pairs, Undefined):
        return pairs
    if isinstance(scale, Undefined):
        return scale
    found = [values(pair) for pair in pairs]
    mean = robustness.in_spreads(robustness.pooled(list(zip(pairs, found, strict=True))), scale)
    return Measured(
        mean.value,
        sum(map(len, found)),
        clustered_interval(mean, pairs[0].before.group, fraction=False),
        _at_originals(mean, comparisons),
    )


def spread_ratio(
    comparisons: Comparisons, context: MeasureContext, subset: str | None
) -> Measured | Undefined:
    """Spread of one transformation's margins over that of the same examples' as they were."""
    pairs = _pairs(comparisons, subset)
    if isinstance(pairs, Undefined):
        return pairs
    ratio = robustness.spread_ratio(pairs[0])
    if isinstance(ratio, Undefined):
        return ratio
    interval = clustered_interval(ratio, pairs[0].before.group, fraction=False)
    return Measured(ratio.value, ratio.n, interval, _at_originals(ratio, comparisons))


def drop_p(
    comparisons: Comparisons, context: MeasureContext, subset: str | None, *, adjust: bool
) -> Measured | Undefined:
    """The p-value of one transformation's drop; adjusted over all of them, if asked."""
    pairs, found = _pairs(comparisons, subset), _p_values(comparisons, (context.ties, context.seed))
    if isinstance(pairs, Undefined):
        return pairs
    if isinstance(found, Undefined) or subset is None:
        return Undefined("a p-value is one transformation's")
    p_values = robustness.adjusted(found) if adjust else found
    return Measured(p_values[subset], pairs[0].after.n_examples)


def _at_originals(estimate: Linearised, comparisons: Comparisons) -> Linearised:
    """An estimate over the originals as one over all examples."""
    originals: BoolArray = comparisons.subset == ORIGINAL
    influence = np.zeros(comparisons.n_examples)
    used = np.zeros(comparisons.n_examples, dtype=np.bool_)
    influence[originals], used[originals] = estimate.influence, estimate.used
    return Linearised(estimate.value, influence, used)
