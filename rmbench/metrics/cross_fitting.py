"""Calibration after temperature scaling, with a temperature that has not seen the data.

Clusters are divided into folds; the margins of each fold are divided by the temperature
fitted on the others. A temperature fitted on the very data it is judged by would flatter
itself, and one fitted on other answers to the same prompt nearly so.

Source of temperature scaling: Guo et al. 2017, "On Calibration of Modern Neural Networks".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rmbench.metrics.arrays import FloatArray, IntArray
from rmbench.metrics.base import Undefined
from rmbench.metrics.names import name_hash
from rmbench.metrics.temperature import best_slope

FOLDS = 5


def cluster_folds(
    ids: NDArray[np.str_], groups: IntArray, seed: int, n_folds: int = FOLDS
) -> IntArray:
    """A fold for each example, the same for all of a cluster, of near equal cluster counts.

    The order is that of a seeded hash of ids, so it depends neither on the order of the
    examples nor on what the clusters are called.

    Args:
        ids: str, shape (n_examples,); distinct.
        groups: int64, shape (n_examples,); cluster codes.
        seed: Picks one of many divisions.
        n_folds: Number of folds.

    Returns:
        int64, shape (n_examples,), in [0, n_folds).

    >>> cluster_folds(np.array(["a", "b", "c"]), np.array([0, 1, 0]), seed=0, n_folds=2).tolist()
    [1, 0, 1]
    """
    _, cluster = np.unique(groups, return_inverse=True)
    first = np.full(int(cluster.max(initial=-1)) + 1, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(first, cluster, name_hash(ids, seed))
    place = np.empty(len(first), dtype=np.int64)
    place[np.argsort(first, kind="stable")] = np.arange(len(first))
    fold: IntArray = (place % n_folds)[cluster]
    return fold


def cross_fitted_margin(
    margin: FloatArray, preference: FloatArray, folds: IntArray, weight: FloatArray
) -> FloatArray | Undefined:
    """Each margin times the slope fitted on the other folds.

    Args:
        margin: float64, shape (n_comparisons,).
        preference: float64, shape (n_comparisons,); share of votes for chosen.
        folds: int64, shape (n_comparisons,).
        weight: float64, shape (n_comparisons,).

    Returns:
        float64, shape (n_comparisons,); or a reason where there is one fold only, or the
        margins outside of one have no finite, positive temperature.
    """
    names = np.unique(folds)
    if len(names) < 2:
        return Undefined("cross-validation needs at least 2 clusters")
    scaled = np.empty_like(margin)
    for fold in names.tolist():
        held_out = folds == fold
        rest = ~held_out
        slope = best_slope(margin[rest], preference[rest], weight[rest])
        if isinstance(slope, Undefined):
            return Undefined(f"outside of one fold {slope.reason}")
        if slope <= 0:
            return Undefined(
                f"outside of one fold the slope is {slope:.3g}: larger margins are not better"
            )
        scaled[held_out] = slope * margin[held_out]
    return scaled
