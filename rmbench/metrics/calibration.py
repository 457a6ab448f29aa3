"""Do margins mean what they say: proper scores of sigmoid(margin), without binning.

A margin m claims that the chosen answer is preferred with probability sigmoid(m). The
label y is the share of votes for the chosen side (1 for a plain preference, one half for
a tie). These measures do not depend on which side is stored first. Binned measures, for
which that matters, stand in ``reliability``; the fitted slope in ``temperature``.

Shapes: margin, preference and weight are float64 of shape (n_comparisons,).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.special import expit, ndtr

from rmbench.metrics.arrays import FloatArray

SATURATED = 10.0
"""A |margin| above it claims that the other answer wins less than once in 20,000 times."""

NO_SKILL_BRIER = 0.25
"""Brier score of always saying one half."""


@dataclass(frozen=True)
class SpiegelhalterTest:
    """Spiegelhalter's test of calibration: z is standard normal if calibrated."""

    z: float
    p_value: float


@dataclass(frozen=True)
class BrierDecomposition:
    """brier = reliability - resolution + uncertainty.

    Attributes:
        reliability: What recalibration would save; 0 is perfect.
        resolution: What the recalibrated probabilities gain over one half.
        uncertainty: Score of always saying one half: 0.25 for plain preferences, whatever
            the data, and less where labels are shares of votes.
    """

    reliability: float
    resolution: float
    uncertainty: float


def nll(margin: FloatArray, preference: FloatArray) -> FloatArray:
    """Negative log-likelihood of each label, in nats: the Bradley-Terry loss.

    y * softplus(-m) + (1 - y) * softplus(m), which is finite for every finite margin.

    >>> nll(np.array([0.0, -800.0]), np.array([1.0, 1.0])).round(6).tolist()
    [0.693147, 800.0]
    """
    lost, won = np.logaddexp(0.0, margin), np.logaddexp(0.0, -margin)
    loss: FloatArray = preference * won + (1.0 - preference) * lost
    return loss


def brier(margin: FloatArray, preference: FloatArray) -> FloatArray:
    """Squared error of each probability: (sigmoid(m) - y)^2, in [0, 1].

    >>> brier(np.array([0.0, 0.0]), np.array([1.0, 0.5])).tolist()
    [0.25, 0.0]
    """
    error: FloatArray = (expit(margin) - preference) ** 2
    return error


def brier_skill(mean_brier: float) -> float:
    """1 - brier / 0.25: 1 is perfect, 0 no better than always saying one half.

    >>> brier_skill(0.25)
    0.0
    """
    return 1.0 - mean_brier / NO_SKILL_BRIER


def confidence(margin: FloatArray) -> FloatArray:
    """Probability of the answer that the scorer prefers: sigmoid(|m|), in [0.5, 1]."""
    probability: FloatArray = expit(np.abs(margin))
    return probability


def binned_outcome(margin: FloatArray, preference: FloatArray) -> FloatArray:
    """Share of votes for the answer that the scorer prefers, one half where it has none.

    The counterpart of ``confidence``: y where m > 0, 1 - y where m < 0, 0.5 at m = 0.

    >>> binned_outcome(np.array([2.0, -1.0, 0.0]), np.array([1.0, 1.0, 1.0])).tolist()
    [1.0, 0.0, 0.5]
    """
    return np.where(margin > 0, preference, np.where(margin < 0, 1.0 - preference, 0.5))


def overconfidence(margin: FloatArray, preference: FloatArray) -> FloatArray:
    """Gap confidence - outcome of each comparison; a positive mean is over-confidence."""
    return confidence(margin) - binned_outcome(margin, preference)


def saturated(margin: FloatArray) -> FloatArray:
    """1 where |m| > 10, so that sigmoid(m) lies within 5e-5 of 0 or 1, otherwise 0.

    >>> saturated(np.array([10.0, -10.5])).tolist()
    [0.0, 1.0]
    """
    return (np.abs(margin) > SATURATED).astype(np.float64)


def spiegelhalter(margin: FloatArray, preference: FloatArray) -> SpiegelhalterTest | None:
    """Spiegelhalter's z = sum (y - p)(1 - 2p) / sqrt(sum (1 - 2p)^2 p (1 - p)).

    Comparisons are taken as independent; p_value is two-sided.

    Returns:
        ``None`` where every margin is 0 (or so large that p is 0 or 1 in float64), which
        leaves nothing to test.

    Source: Spiegelhalter 1986, "Probabilistic prediction in patient management and
    clinical trials".
    """
    p, q = expit(margin), expit(-margin)
    variance = float(((q - p) ** 2 * p * q).sum())
    if variance <= 0:
        return None
    z = float(((preference - p) * (q - p)).sum()) / sqrt(variance)
    return SpiegelhalterTest(z=z, p_value=2 * float(ndtr(-abs(z))))


def brier_decomposition(
    margin: FloatArray, preference: FloatArray, weight: FloatArray | None = None
) -> BrierDecomposition:
    """Reliability, resolution and uncertainty by isotonic recalibration (CORP).

    Every comparison enters in both orders, (p, y) and (1 - p, 1 - y), so the uncertainty
    of plain preferences is 0.25 exactly and the resolution of two models compares. The
    sum is exact, unlike with bins.

    Raises:
        ValueError: If there is no comparison.

    Source: Dimitriadis, Gneiting and Jordan 2021, "Stable reliability diagrams for
    probabilistic classifiers".
    """
    if len(margin) == 0:
        raise ValueError("a decomposition needs at least one comparison")
    recalibrated = _isotonic(margin, preference, weight)
    both_y = np.concatenate([preference, 1.0 - preference])
    both_p = np.concatenate([expit(margin), expit(-margin)])
    both_weight = None if weight is None else np.concatenate([weight, weight])

    def score(forecast: FloatArray | float) -> float:
        return float(np.average((forecast - both_y) ** 2, weights=both_weight))

    uncertainty, best = score(0.5), score(recalibrated)
    return BrierDecomposition(
        reliability=score(both_p) - best,
        resolution=uncertainty - best,
        uncertainty=uncertainty,
    )


def _isotonic(margin: FloatArray, preference: FloatArray, weight: FloatArray | None) -> FloatArray:
    """Best non-decreasing function of the margin, fitted to both orders of each pair."""
    from scipy.optimize import isotonic_regression

    both = np.concatenate([margin, -margin])
    labels = np.concatenate([preference, 1.0 - preference])
    w = np.ones(len(both)) if weight is None else np.concatenate([weight, weight])
    # Equal margins must get one value, so they are pooled before the fit.
    _, level = np.unique(both, return_inverse=True)
    mass = np.bincount(level, weights=w)
    mean = np.bincount(level, weights=w * labels) / mass
    fitted: FloatArray = isotonic_regression(mean, weights=mass).x[level]
    return fitted
