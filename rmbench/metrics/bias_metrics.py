"""The metrics of what style explains: from a view to a value with its interval.

They rest on the examples that have a right answer, with that answer as the chosen one: a
difference in length is that of the right answer from the wrong one.
"""

from __future__ import annotations

from typing import Literal

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
    density_difference,
    fit_style,
    relative_difference,
)
from rmbench.metrics.views import Measured, View
from rmbench.types import TiePolicy

Feature = Literal["characters", "headers", "list items", "bold spans"]
FEATURES: tuple[Feature, ...] = ("characters", "headers", "list items", "bold spans")
"""What the style control holds equal, in the order of its effects."""


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


def style_controlled_accuracy(view: View) -> Measured | Undefined:
    """Accuracy that the style control gives two answers of one style."""
    fit = _style_fit(view.comparisons, view.context.ties)
    return fit if isinstance(fit, Undefined) else _controlled(view.comparisons, fit)


def style_effect(view: View, feature: Feature) -> Measured | Undefined:
    """Log-odds of winning for each root mean square of one feature, the others held equal."""
    fit = _style_fit(view.comparisons, view.context.ties)
    if isinstance(fit, Undefined):
        return fit
    index = FEATURES.index(feature)
    if index:
        n = _n_different(view.comparisons, _markdown_differences(view.comparisons)[:, index - 1])
        if n == 0:
            return Undefined(f"no comparison differs in {feature}")
        if n < MIN_STRATUM:
            return Undefined(f"{feature} differ in {n} examples, their effect needs {MIN_STRATUM}")
    return _effect(view.comparisons, fit, index)


@once
def _length_fit(c: Comparisons, ties: TiePolicy) -> StyleFit | Undefined:
    length = _length_difference(c)
    few = _too_few(c, length, "characters")
    if few:
        return few
    return fit_style(outcomes(c.margin, ties), length[:, None], balanced_weight(length, c.weight))


@once
def _style_fit(c: Comparisons, ties: TiePolicy) -> StyleFit | Undefined:
    length = _length_difference(c)
    few = _too_few(c, length, "characters")
    if few:
        return few
    if c.markdown_chosen is None:
        return Undefined("the scores hold no markdown counts: run the suite again")
    markdown = _markdown_differences(c)
    for name, difference in zip(FEATURES[1:], markdown.T, strict=True):
        # What hardly ever differs moves no total and is held equal as far as it goes; what
        # differs, but only one way, passes for quality.
        if _n_different(c, difference) >= MIN_STRATUM and (few := _too_few(c, difference, name)):
            return few
    features = np.column_stack([length, markdown])
    return fit_style(outcomes(c.margin, ties), features, balanced_weight(length, c.weight))


def _length_difference(c: Comparisons) -> FloatArray:
    return relative_difference(
        c.chars_chosen.astype(np.float64), c.chars_rejected.astype(np.float64)
    )


def _markdown_differences(c: Comparisons) -> FloatArray:
    """Differences in density of headers, list items and bold; shape (n_comparisons, 3)."""
    if c.markdown_chosen is None or c.markdown_rejected is None:
        raise ValueError("these comparisons have no markdown counts")
    # An empty answer holds no markdown, whatever it is divided by.
    chosen = c.markdown_chosen / np.maximum(c.chars_chosen, 1)[:, None]
    rejected = c.markdown_rejected / np.maximum(c.chars_rejected, 1)[:, None]
    return density_difference(1000 * chosen, 1000 * rejected)


def _n_different(c: Comparisons, difference: FloatArray) -> int:
    """Number of examples with a comparison that differs in a feature."""
    return int(np.count_nonzero(c.example_sum((difference != 0).astype(np.float64))))


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
