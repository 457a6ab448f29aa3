"""One metric of one part of a suite: the paired difference and what it rests on.

A metric that is smooth in means comes with the influence of each example on it. On the same
examples the influences of a difference are the differences of the influences, so one formula
serves an accuracy, a mean of sections and a loss. Where every example is right or wrong and a
cluster of its own, the exact methods for a 2 x 2 table take its place.

Sources: McNemar 1947 with the exact binomial tail; Tango 1998 (interval); Connor 1987
(detectable difference); Miller 2024, "Adding Error Bars to Evals" (clustered standard error
of paired differences, here with what ``cluster_error`` makes of unequal clusters); Hemerik,
Goeman and Finos 2020, "Robust testing in generalized linear models by sign flipping score
contributions" (sign flips of the influences of a cluster).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import sqrt
from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit

from rmbench.metrics.arrays import FloatArray, IntArray
from rmbench.metrics.cluster_error import ClusterError, cluster_error
from rmbench.metrics.intervals import (
    CONFIDENCE,
    Interval,
    Linearised,
    cluster_sums,
    clustered_interval,
    count_clusters,
)
from rmbench.metrics.paired import PairedCounts, mcnemar, tango_interval
from rmbench.metrics.power import detectable_difference, detectable_mean
from rmbench.metrics.views import Measured
from rmbench.result import PairedTable

SIGN_FLIP_CLUSTERS = 2000
"""From this many clusters on the clustered t takes the place of the sign-flip test."""

POWER = 0.8
"""Chance of finding the detectable difference, two-sided at 5 %."""

_NORMAL = 1000
"""With this many clusters Student's t is the normal distribution to all digits shown."""

_NO_VARIATION = 1e-12
"""A standard error below this share of the difference is rounding, not variation."""

_ROUNDING = 1e-13
"""Differences of an example's values below this are rounding: the scorers agree on it."""


@dataclass(frozen=True, eq=False)
class Difference:
    """What a paired difference rests on; not tested yet where ``flips`` is set.

    Attributes:
        baseline: The baseline's value.
        candidate: The candidate's, or the mean over its seeds.
        n: Examples.
        n_clusters: Clusters.
        fields: Further fields of ``PairedEstimate``.
        flips: float64, shape (n_clusters,); sums of the differences of each cluster, for
            the sign-flip test that gives the p-value.
    """

    baseline: float
    candidate: float
    n: int
    n_clusters: int
    fields: dict[str, Any]
    flips: FloatArray | None = None

    @property
    def value(self) -> float:
        """Candidate less baseline."""
        return self.candidate - self.baseline


def paired_difference(
    baseline: Measured,
    candidates: Sequence[Measured],
    group: IntArray,
    *,
    higher_is_better: bool | None,
    bounds: tuple[float, float],
) -> Difference | None:
    """The difference of a metric between a baseline and one candidate, or its seeds.

    Args:
        baseline: The baseline's value with its influences.
        candidates: Those of the candidate; several are seeds of one recipe.
        group: int64, shape (n_examples,); cluster codes of the examples that the influences
            are those of.
        higher_is_better: The metric's direction; decides what a win is.
        bounds: The metric's range.

    Returns:
        ``None`` where the metric has no influences.
    """
    if baseline.linear is None or any(c.linear is None for c in candidates):
        return None
    codes = candidates[0].group if candidates[0].group is not None else group
    lines = [c.linear for c in candidates if c.linear is not None]
    value = float(np.mean([c.value for c in candidates]))
    used = reduce(np.logical_or, (line.used for line in lines), baseline.linear.used)
    influence = np.mean([line.influence for line in lines], axis=0) - baseline.linear.influence
    kept, clusters = influence[used], codes[used]
    n_clusters = count_clusters(clusters)
    is_single = len(candidates) == 1
    outcomes = _outcomes(baseline, candidates)
    fields = _wins(outcomes, higher_is_better) if outcomes is not None else {}
    shell = Difference(baseline.value, value, len(kept), n_clusters, fields)
    alone = is_single and n_clusters == len(kept)
    if alone and outcomes is not None and _right_or_wrong(outcomes):
        fields |= _from_table(outcomes, higher_is_better)
        if n_clusters > 1:
            error = cluster_error(kept, clusters)
            fields |= {
                "standard_error": error.standard_error,
                "degrees_of_freedom": error.degrees_of_freedom,
            }
        return shell
    if n_clusters < 2:
        fields["reason"] = "all examples are one cluster, which says nothing of the error"
        return shell
    if outcomes is not None:
        sums = cluster_sums((outcomes[1] - outcomes[0]) / len(kept), clusters)
    else:
        # Adds up to the difference; for a plain mean it is each cluster's own.
        sums = cluster_sums(kept + shell.value / len(kept), clusters)
    width = bounds[1] - bounds[0]
    if is_single and np.abs(sums).max() <= _ROUNDING / len(kept):
        fields |= _all_alike(n_clusters, is_fraction=width == 1.0)
        return shell
    error = cluster_error(kept, clusters)
    if not is_single:
        fields |= _over_seeds(shell.value, error, [c.value for c in candidates], width)
        return shell
    if error.standard_error <= _NO_VARIATION * abs(shell.value):
        fields["reason"] = "every cluster differs by the same amount"
        return Difference(baseline.value, value, len(kept), n_clusters, fields, sums)
    interval = clustered_interval(Linearised(shell.value, influence, used), codes, fraction=False)
    freedom = error.degrees_of_freedom
    fields |= (_interval(interval, width) if interval else {}) | {
        "standard_error": error.standard_error,
        "degrees_of_freedom": freedom,
        "detectable": _detectable(error.standard_error, freedom),
    }
    if n_clusters < SIGN_FLIP_CLUSTERS:
        return Difference(baseline.value, value, len(kept), n_clusters, fields, sums)
    p = _t_test(shell.value, error.standard_error, freedom)
    fields |= {"p": p, "p_method": "clustered t"}
    return shell


def _detectable(error: float, freedom: float) -> float:
    """Smallest difference that a t test with this error finds with 80 % power."""
    n = max(2, round(freedom) + 1)
    return detectable_mean(n, error**2 * n, power=POWER, student=n < _NORMAL)


def _outcomes(
    baseline: Measured, candidates: Sequence[Measured]
) -> tuple[FloatArray, FloatArray] | None:
    """What each example gave the baseline and, averaged over seeds, the candidate."""
    if baseline.per_example is None:
        return None
    each = [c.per_example for c in candidates if c.per_example is not None]
    if len(each) < len(candidates):
        return None
    return baseline.per_example, each[0] if len(each) == 1 else np.mean(each, axis=0)


def _right_or_wrong(outcomes: tuple[FloatArray, FloatArray]) -> bool:
    """Whether every outcome is 0 or 1: no half ties, no shares of several comparisons."""
    return all(bool(((values == 0) | (values == 1)).all()) for values in outcomes)


def _wins(outcomes: tuple[FloatArray, FloatArray], higher_is_better: bool | None) -> dict[str, Any]:
    if higher_is_better is None:
        return {}
    gain = outcomes[1] - outcomes[0] if higher_is_better else outcomes[0] - outcomes[1]
    return {"wins": int((gain > 0).sum()), "losses": int((gain < 0).sum())}


def _from_table(
    outcomes: tuple[FloatArray, FloatArray], higher_is_better: bool | None
) -> dict[str, Any]:
    """The exact methods for outcomes of 0 and 1."""
    first, second = outcomes[1] == 1, outcomes[0] == 1
    counts = PairedCounts(
        both=int((first & second).sum()),
        only_first=int((first & ~second).sum()),
        only_second=int((second & ~first).sum()),
        neither=int((~first & ~second).sum()),
    )
    discordant = counts.only_first + counts.only_second
    fields: dict[str, Any] = {
        "p": mcnemar(counts.only_first, counts.only_second).p_exact,
        "p_method": "exact McNemar",
        **_interval(tango_interval(counts), 1.0),
    }
    if discordant:
        fields["detectable"] = detectable_difference(counts.n, discordant / counts.n, power=POWER)
    if higher_is_better:
        fields["table"] = PairedTable(
            both=counts.both,
            only_baseline=counts.only_second,
            only_candidate=counts.only_first,
            neither=counts.neither,
        )
    return fields


def _all_alike(n_clusters: int, *, is_fraction: bool) -> dict[str, Any]:
    """Where no cluster differs at all; a fraction keeps the width that Tango gives it."""
    fields: dict[str, Any] = {
        "p": 1.0,
        "p_method": "no example differs",
        "reason": "the same on every example",
        "standard_error": 0.0,
        "degrees_of_freedom": n_clusters - 1.0,
    }
    if is_fraction:
        interval = tango_interval(PairedCounts(n_clusters, 0, 0, 0))
        fields |= _interval(Interval(interval.low, interval.high, "tango on clusters"), 1.0)
    return fields


def _over_seeds(
    difference: float, error: ClusterError, values: list[float], width: float
) -> dict[str, Any]:
    """Error of the mean over seeds, as a sample of the recipe's seeds and of the items.

    Var = V_items + V_seeds, with V_items the clustered variance of the items' mean difference
    and V_seeds = s^2 / K the variance of the K seeds' values over K; t with Satterthwaite's
    degrees of freedom, Var^2 / (V_items^2 / df_items + V_seeds^2 / (K - 1)). What items and
    seeds have in common is counted in both terms, which errs towards wide.

    Sources: Cameron, Gelbach and Miller 2011, "Robust inference with multiway clustering"
    (the third, subtracted term is left out, as Davezies, D'Haultfoeuille and Guyonvarch 2021
    allow); Satterthwaite 1946.
    """
    k = len(values)
    items, seeds = error.standard_error**2, float(np.var(values, ddof=1)) / k
    total = items + seeds
    fields: dict[str, Any] = {
        "seed_values": tuple(values),
        "standard_error_items": error.standard_error,
        "standard_error_seeds": sqrt(seeds),
        "standard_error": sqrt(total),
    }
    if total == 0:
        return fields | {"reason": "every cluster and every seed differs by the same amount"}
    freedom = total**2 / (items**2 / error.degrees_of_freedom + seeds**2 / (k - 1))
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * sqrt(total)
    interval = Interval(difference - half, difference + half, "t over items and seeds")
    reach = float(stdtrit(freedom, (1 + CONFIDENCE) / 2) + stdtrit(freedom, POWER))
    return fields | {
        "degrees_of_freedom": freedom,
        **_interval(interval, width),
        "p": _t_test(difference, sqrt(total), freedom),
        "p_method": "t over items and seeds",
        "detectable": reach * sqrt(total),
    }


def _interval(interval: Interval, width: float) -> dict[str, Any]:
    shown = interval.clipped(-width, width)
    return {"ci_low": shown.low, "ci_high": shown.high, "ci_method": shown.method}


def _t_test(difference: float, error: float, freedom: float) -> float:
    return float(min(1.0, 2 * stdtr(freedom, -abs(difference) / error)))
