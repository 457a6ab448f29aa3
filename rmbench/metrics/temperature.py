"""The scale of the margins: slope b of P(chosen) = sigmoid(b * m), temperature T = 1 / b.

There is no intercept: counting every pair in both orders makes it 0 by symmetry. A slope
below 1 (temperature above 1) is over-confidence.

Shapes: margin, preference and weight are float64 of shape (n_comparisons,).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.special import expit

from rmbench.metrics.arrays import FloatArray, IntArray
from rmbench.metrics.base import Undefined
from rmbench.metrics.intervals import (
    CONFIDENCE,
    Interval,
    cluster_sums,
    count_clusters,
    t_interval,
)


@dataclass(frozen=True)
class SlopeFit:
    """Maximum-likelihood slope with its clustered sandwich error.

    ``standard_error`` and ``interval`` are ``None`` with fewer than 2 clusters.
    """

    slope: float
    standard_error: float | None
    interval: Interval | None


@dataclass(frozen=True)
class TemperatureFit:
    """T = 1 / slope.

    ``interval`` is the slope's, inverted. It is ``None`` where the slope's touches 0:
    then no finite temperature bounds it from above.
    """

    temperature: float
    interval: Interval | None


def fit_slope(
    margin: FloatArray,
    preference: FloatArray,
    groups: IntArray,
    weight: FloatArray | None = None,
    *,
    confidence: float = CONFIDENCE,
) -> SlopeFit | Undefined:
    """Slope b at which sum w * m * (sigmoid(b m) - y) = 0, the likelihood's maximum.

    Args:
        margin: r_chosen - r_rejected.
        preference: Share of votes for chosen, in [0, 1].
        groups: int64, shape (n_comparisons,); cluster code of each comparison.
        weight: Weight of each comparison; equal if left out.
        confidence: Coverage of the interval.

    Returns:
        The fit, or why there is none: without any margin, without a comparison that is
        wrong, or without one that is right, the likelihood has no maximum.
    """
    w = np.ones(len(margin)) if weight is None else weight
    slope = best_slope(margin, preference, w)
    if isinstance(slope, Undefined):
        return slope
    error = _sandwich(slope, margin, preference, groups, w)
    interval = (
        None
        if error is None
        else t_interval(slope, error, count_clusters(groups), "clustered sandwich", confidence)
    )
    return SlopeFit(slope, error, interval)


def best_slope(margin: FloatArray, preference: FloatArray, weight: FloatArray) -> float | Undefined:
    """The slope of ``fit_slope`` without its error; arguments and reasons are the same."""
    if not (margin != 0).any():
        return Undefined("every margin is 0")
    size = weight * np.abs(margin)
    wrong = np.where(margin > 0, 1.0 - preference, preference)
    if not (size * wrong > 0).any():
        return Undefined("no comparison is wrong: the likelihood grows with every slope")
    if not (size * (1.0 - wrong) > 0).any():
        return Undefined("no comparison is right: the likelihood grows with every negative slope")

    def gradient(slope: float) -> float:
        return float((weight * margin * (expit(slope * margin) - preference)).sum())

    # A gradient of rounding errors at 0 is a slope of 0, not one of 1e-16.
    if abs(gradient(0.0)) <= 1e-12 * float(size.sum()):
        return 0.0
    return _root(gradient, step=float(weight.sum() / size.sum()))


def invert_slope(fit: SlopeFit) -> TemperatureFit | Undefined:
    """Temperature of a slope, and its interval.

    Returns:
        The temperature, or a reason where the slope is not positive: no temperature
        turns margins that point the wrong way into probabilities.
    """
    if fit.slope <= 0:
        return Undefined(f"the fitted slope is {fit.slope:.3g}: larger margins are not better")
    slope = fit.interval
    if slope is None or slope.low <= 0:
        return TemperatureFit(1 / fit.slope, None)
    return TemperatureFit(1 / fit.slope, Interval(1 / slope.high, 1 / slope.low, slope.method))


def _root(increasing: Callable[[float], float], step: float) -> float:
    """Root of an increasing function that is not 0 at 0, searched outwards from there."""
    from scipy.optimize import brentq

    at_zero = increasing(0.0)
    inner, outer = 0.0, step if at_zero < 0 else -step
    while increasing(outer) * at_zero > 0:
        inner, outer = outer, 2 * outer
    return float(brentq(increasing, inner, outer, xtol=1e-300, rtol=1e-14))


def _sandwich(
    slope: float, margin: FloatArray, preference: FloatArray, groups: IntArray, weight: FloatArray
) -> float | None:
    """Standard error of the slope with scores summed over clusters."""
    p = expit(slope * margin)
    curvature = float((weight * margin**2 * p * (1 - p)).sum())
    sums = cluster_sums(weight * margin * (preference - p), groups)
    if len(sums) < 2 or curvature <= 0:
        return None
    return sqrt(len(sums) / (len(sums) - 1) * float(sums @ sums)) / curvature
