"""The metrics of what style explains: from a view to a value with its interval.

They rest on the examples that have a right answer, with that answer as the chosen one: a
difference in length is that of the right answer from the wrong one.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from rmbench.metrics.accuracy import outcomes
from rmbench.metrics.arrays import FloatArray
from rmbench.metrics.base import Undefined
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import (
    CONFIDENCE,
    Interval,
    Linearised,
    clustered_standard_error,
    count_clusters,
    t_interval,
)
from rmbench.metrics.memo import once
from rmbench.metrics.rank_correlation import correlation_interval, spearman
from rmbench.metrics.style_control import (
    MIN_STRATUM,
    StyleFit,
    balanced_weight,
    fit_style,
    relative_difference,
)
from rmbench.metrics.views import Measured, View
from rmbench.types import TiePolicy


def length_correlation(view: View) -> Measured | Undefined:
    """Spearman's correlation of margins with differences in characters."""
    c = view.comparisons
    difference = (c.chars_chosen - c.chars_rejected).astype(np.float64)
    if (difference == difference[0]).all():
        return Undefined("every comparison has the same difference in length")
    found = spearman(c.margin, difference, c.weight)
    if isinstance(found, Undefined):
        return Undefined("every margin is the same")
    used = np.ones(c.n_examples, dtype=np.bool_)
    estimate = Linearised(found.value, c.example_sum(found.influence), used)
    return Measured(found.value, c.n_examples, correlation_interval(estimate, c.group))


def length_controlled_accuracy(view: View) -> Measured | Undefined:
    """Accuracy that the length control gives two answers of one length."""
    fit = _length_fit(view.comparisons, view.context.ties)
    return fit if isinstance(fit, Undefined) else _controlled(view.comparisons, fit)


def length_effect(view: View) -> Measured | Undefined:
    """Log-odds of winning for each root mean square of relative length."""
    fit = _length_fit(view.comparisons, view.context.ties)
    return fit if isinstance(fit, Undefined) else _effect(view.comparisons, fit, 0)


@once
def _length_fit(c: Comparisons, ties: TiePolicy) -> StyleFit | Undefined:
    length = relative_difference(
        c.chars_chosen.astype(np.float64), c.chars_rejected.astype(np.float64)
    )
    few = _too_few(c, length, "characters")
    if few:
        return few
    return fit_style(outcomes(c.margin, ties), length[:, None], balanced_weight(length, c.weight))


def _too_few(c: Comparisons, difference: FloatArray, what: str) -> Undefined | None:
    """Why a feature cannot be controlled for: it hardly ever points one of the two ways."""
    for word, inside in (("more", difference > 0), ("fewer", difference < 0)):
        n = int(np.count_nonzero(c.example_sum(inside.astype(np.float64))))
        if n < MIN_STRATUM:
            return Undefined(
                f"the chosen response has {word} {what} in {n} examples, "
                f"control needs {MIN_STRATUM}"
            )
    return None


def _controlled(c: Comparisons, fit: StyleFit) -> Measured:
    interval = _interval(c, fit, 0)
    turned = interval and Interval(
        float(expit(interval.low)), float(expit(interval.high)), interval.method
    )
    return Measured(float(expit(fit.intercept)), c.n_examples, turned)


def _effect(c: Comparisons, fit: StyleFit, feature: int) -> Measured:
    return Measured(float(fit.effects[feature]), c.n_examples, _interval(c, fit, feature + 1))


def _interval(c: Comparisons, fit: StyleFit, column: int) -> Interval | None:
    n_clusters = count_clusters(c.group)
    if n_clusters < 2:
        return None
    error = clustered_standard_error(c.example_sum(fit.influence[:, column]), c.group)
    value = fit.intercept if column == 0 else float(fit.effects[column - 1])
    return t_interval(value, error, n_clusters, "clustered sandwich", CONFIDENCE)
