"""Calibration by bins of confidence: ECE, and the tables of reliability diagrams.

Pairs are stored chosen first, so every plain label is 1 and binning sigmoid(margin)
against the labels would measure 1 - mean(p). Everything here is in the confidence form
instead: sigmoid(|m|) in [0.5, 1] against whether the scorer's preferred answer is right.
With B bins on [0.5, 1] that equals 2 B bins on [0, 1] over both orders of every pair.

An ECE has no meaning without its null (``ece_null``): a perfectly calibrated scorer has an
ECE of about 0.1 on 100 pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from rmbench.metrics.arrays import BoolArray, FloatArray, IntArray
from rmbench.metrics.calibration import binned_outcome, confidence

BINS = 10
"""Bins of the reported ECE and of reliability diagrams."""


@dataclass(frozen=True)
class ReliabilityBin:
    """One bin of a reliability diagram.

    Attributes:
        low: Lower edge (equal width), or smallest confidence in the bin (equal mass).
        high: Upper edge, or largest confidence in the bin.
        confidence: Weighted mean confidence, in [0.5, 1].
        accuracy: Weighted mean outcome, in [0, 1].
        n: Number of comparisons.
    """

    low: float
    high: float
    confidence: float
    accuracy: float
    n: int


@dataclass(frozen=True)
class MarginBin:
    """One decile of |margin|.

    Attributes:
        low: Smallest |margin| in the bin.
        high: Largest |margin| in the bin.
        margin: Weighted mean |margin|.
        confidence: Weighted mean sigmoid(|margin|): what the logistic line says.
        accuracy: Weighted mean outcome, in [0, 1].
        n: Number of comparisons.
    """

    low: float
    high: float
    margin: float
    confidence: float
    accuracy: float
    n: int


def equal_width_bins(confidences: FloatArray, n_bins: int = BINS) -> IntArray:
    """Bin of each confidence among ``n_bins`` equal parts of [0.5, 1], each [low, high).

    >>> equal_width_bins(np.array([0.5, 0.74, 0.75, 1.0]), n_bins=2).tolist()
    [0, 0, 1, 1]
    """
    inner = np.linspace(0.5, 1.0, n_bins + 1)[1:-1]
    return np.searchsorted(inner, confidences, side="right").astype(np.int64)


def equal_mass_bins(
    values: FloatArray, n_bins: int = BINS, weight: FloatArray | None = None
) -> IntArray:
    """Bin of each value among ``n_bins`` of equal weight, in increasing order.

    Equal values share a bin (the one in which the middle of their run falls), so the
    result does not depend on the order of the data. Without equal values and with equal
    weights these are the parts of ``numpy.array_split`` of the sorted values.

    >>> equal_mass_bins(np.array([0.9, 0.6, 0.7, 0.8]), n_bins=2).tolist()
    [1, 0, 0, 1]
    """
    n = len(values)
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    is_start = np.ones(n, dtype=np.bool_)
    is_start[1:] = ordered[1:] != ordered[:-1]
    run = np.cumsum(is_start) - 1
    start = np.flatnonzero(is_start)
    end = np.append(start[1:], n)
    if weight is None or (weight == weight[:1]).all():
        size, extra = divmod(n, n_bins)
        bin_of_position = np.repeat(np.arange(n_bins), [size + (b < extra) for b in range(n_bins)])
        bin_of_run = bin_of_position[(start + end - 1) // 2]
    else:
        mass = np.append(0.0, np.cumsum(weight[order]))
        middle = (mass[start] + mass[end]) / (2 * mass[-1])
        # The small number keeps a middle that lies on an edge from falling either way.
        bin_of_run = np.minimum(np.floor(n_bins * middle + 1e-9), n_bins - 1)
    bins = np.empty(n, dtype=np.int64)
    bins[order] = bin_of_run[run]
    return bins


def ece(
    confidences: FloatArray,
    outcome: FloatArray,
    bins: IntArray,
    weight: FloatArray | None = None,
) -> float:
    """Expected calibration error: mean over the data of |confidence - accuracy| per bin.

    Args:
        confidences: float64, shape (n,); sigmoid(|m|).
        outcome: float64, shape (n,); in [0, 1].
        bins: int64, shape (n,); bin of each comparison.
        weight: float64, shape (n,); equal if left out.

    Returns:
        In [0, 1].

    Raises:
        ValueError: If there is nothing to bin.

    >>> ece(np.full(4, 0.75), np.array([1.0, 1, 1, 0]), np.zeros(4, dtype=np.int64))
    0.0
    """
    share, gap = _gaps(confidences, outcome, bins, weight)
    return float((share * np.abs(gap)).sum())


def rmsce(
    confidences: FloatArray,
    outcome: FloatArray,
    bins: IntArray,
    weight: FloatArray | None = None,
) -> float:
    """Root of the mean squared gap per bin; at least the ECE. Arguments as ``ece``."""
    share, gap = _gaps(confidences, outcome, bins, weight)
    return float(np.sqrt((share * gap**2).sum()))


def mce(
    confidences: FloatArray,
    outcome: FloatArray,
    bins: IntArray,
    weight: FloatArray | None = None,
) -> float:
    """Largest gap of any bin; at least the RMSCE. Arguments as ``ece``."""
    _, gap = _gaps(confidences, outcome, bins, weight)
    return float(np.abs(gap).max())


def reliability_table(
    margin: FloatArray,
    preference: FloatArray,
    weight: FloatArray | None = None,
    *,
    n_bins: int = BINS,
    equal_mass: bool = False,
) -> tuple[ReliabilityBin, ...]:
    """Confidence against accuracy, one row per bin that is not empty.

    Args:
        margin: float64, shape (n,); logits.
        preference: float64, shape (n,); share of votes for chosen.
        weight: float64, shape (n,); equal if left out.
        n_bins: Number of bins.
        equal_mass: Bins of equal weight rather than equal width.
    """
    sure, outcome = confidence(margin), binned_outcome(margin, preference)
    w = np.ones(len(margin)) if weight is None else weight
    bins = equal_mass_bins(sure, n_bins, w) if equal_mass else equal_width_bins(sure, n_bins)
    edges = np.linspace(0.5, 1.0, n_bins + 1)
    rows = []
    for b, inside in _members(bins, n_bins):
        in_bin = sure[inside]
        low, high = (in_bin.min(), in_bin.max()) if equal_mass else (edges[b], edges[b + 1])
        rows.append(
            ReliabilityBin(
                low=float(low),
                high=float(high),
                confidence=float(np.average(in_bin, weights=w[inside])),
                accuracy=float(np.average(outcome[inside], weights=w[inside])),
                n=int(inside.sum()),
            )
        )
    return tuple(rows)


def accuracy_by_margin(
    margin: FloatArray,
    preference: FloatArray,
    weight: FloatArray | None = None,
    *,
    n_bins: int = BINS,
) -> tuple[MarginBin, ...]:
    """Accuracy in bins of |margin| of equal weight, with what the logistic line says.

    It needs no claim that margins are logits; where they are, accuracy follows
    ``confidence``. Arguments as ``reliability_table``.
    """
    size, outcome = np.abs(margin), binned_outcome(margin, preference)
    w = np.ones(len(margin)) if weight is None else weight
    rows = []
    for _, inside in _members(equal_mass_bins(size, n_bins, w), n_bins):
        in_bin, in_weight = size[inside], w[inside]
        rows.append(
            MarginBin(
                low=float(in_bin.min()),
                high=float(in_bin.max()),
                margin=float(np.average(in_bin, weights=in_weight)),
                confidence=float(np.average(expit(in_bin), weights=in_weight)),
                accuracy=float(np.average(outcome[inside], weights=in_weight)),
                n=int(inside.sum()),
            )
        )
    return tuple(rows)


def _gaps(
    confidences: FloatArray, outcome: FloatArray, bins: IntArray, weight: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Share of the weight and mean confidence - outcome of each bin that is not empty."""
    if len(bins) == 0:
        raise ValueError("a calibration error needs at least one comparison")
    w = np.ones(len(bins)) if weight is None else weight
    mass = np.bincount(bins, weights=w)
    filled = mass > 0
    excess = np.bincount(bins, weights=w * (confidences - outcome))[filled]
    return mass[filled] / mass.sum(), excess / mass[filled]


def _members(bins: IntArray, n_bins: int) -> list[tuple[int, BoolArray]]:
    inside = ((b, bins == b) for b in range(n_bins))
    return [(b, mask) for b, mask in inside if mask.any()]
