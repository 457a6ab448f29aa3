"""The metrics of calibration: from a view to a value with its interval.

They rest on all examples: a human tie is a label of one half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from rmbench.metrics import calibration, cross_fitting, reliability
from rmbench.metrics.arrays import FloatArray, IntArray
from rmbench.metrics.base import Undefined
from rmbench.metrics.calibration import BrierDecomposition
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.ece_null import EceNull, draw_null
from rmbench.metrics.intervals import Interval, combine, count_clusters
from rmbench.metrics.memo import once
from rmbench.metrics.temperature import fit_slope, invert_slope
from rmbench.metrics.views import Measured, View, fraction_mean, mean


def nll(view: View) -> Measured:
    """Mean Bradley-Terry loss."""
    c = view.comparisons
    return mean(calibration.nll(c.margin, c.comparison_preference), c)


def brier(view: View) -> Measured:
    """Mean squared error of sigmoid(margin)."""
    c = view.comparisons
    return fraction_mean(c.example_mean(calibration.brier(c.margin, c.comparison_preference)), c)


def brier_skill(view: View) -> Measured:
    """Brier score against always saying one half."""
    found = brier(view)
    interval = found.interval
    skill = calibration.brier_skill
    turned = interval and Interval(skill(interval.high), skill(interval.low), interval.method)
    linear = found.linear and combine([found.linear], [-1 / calibration.NO_SKILL_BRIER])
    return Measured(skill(found.value), found.n, turned, linear)


def overconfidence(view: View) -> Measured:
    """Mean confidence less accuracy."""
    c = view.comparisons
    return mean(calibration.overconfidence(c.margin, c.comparison_preference), c)


def ece(view: View) -> Measured:
    """Binned gap between confidence and accuracy."""
    return Measured(_Binned.of(view.comparisons).ece, view.comparisons.n_examples)


def ece_null(view: View) -> Measured | Undefined:
    """Mean and 95 % range of the ECE under perfect calibration."""
    null = _null(view.comparisons, view.context.seed)
    if isinstance(null, Undefined):
        return null
    low, high = np.quantile(null.draws, [0.025, 0.975])
    interval = Interval(float(low), float(high), null.method)
    return Measured(float(null.draws.mean()), view.comparisons.n_examples, interval)


def ece_p(view: View) -> Measured | Undefined:
    """Tail probability of the ECE under perfect calibration."""
    null = _null(view.comparisons, view.context.seed)
    if isinstance(null, Undefined):
        return null
    found = _Binned.of(view.comparisons).ece
    return Measured(null.p_value(found), view.comparisons.n_examples)


def temperature(view: View) -> Measured | Undefined:
    """Scale of the margins with the inverted sandwich interval of the slope."""
    c = view.comparisons
    fit = fit_slope(c.margin, c.comparison_preference, c.group[c.example], c.weight)
    found = fit if isinstance(fit, Undefined) else invert_slope(fit)
    if isinstance(found, Undefined):
        return found
    return Measured(found.temperature, c.n_examples, found.interval)


def ece_equal_width(view: View) -> Measured:
    """Binned gap between confidence and accuracy, bins of equal width."""
    c = view.comparisons
    sure = calibration.confidence(c.margin)
    outcome = calibration.binned_outcome(c.margin, c.comparison_preference)
    bins = reliability.equal_width_bins(sure)
    return Measured(reliability.ece(sure, outcome, bins, c.weight), c.n_examples)


def brier_part(view: View, part: Literal["reliability", "resolution", "uncertainty"]) -> Measured:
    """One term of the Brier score's decomposition."""
    found = _decomposed(view.comparisons, None)
    return Measured(float(getattr(found, part)), view.comparisons.n_examples)


def scaled_nll(view: View) -> Measured | Undefined:
    """NLL of margins whose temperature was fitted on other clusters."""
    c = view.comparisons
    margin = _cross_fitted(c, view.context.seed)
    if isinstance(margin, Undefined):
        return margin
    return mean(calibration.nll(margin, c.comparison_preference), c)


def scaled_brier(view: View) -> Measured | Undefined:
    """Brier score of margins whose temperature was fitted on other clusters."""
    c = view.comparisons
    margin = _cross_fitted(c, view.context.seed)
    if isinstance(margin, Undefined):
        return margin
    return fraction_mean(c.example_mean(calibration.brier(margin, c.comparison_preference)), c)


def scaled_ece(view: View) -> Measured | Undefined:
    """ECE of margins whose temperature was fitted on other clusters."""
    c = view.comparisons
    margin = _cross_fitted(c, view.context.seed)
    if isinstance(margin, Undefined):
        return margin
    # Folds of like data have slopes that differ by rounding only: ties must stay ties.
    return Measured(_Binned.of_margin(margin.round(9), c).ece, c.n_examples)


def saturation(view: View) -> Measured:
    """Share of comparisons whose probability is all but 0 or 1."""
    c = view.comparisons
    return fraction_mean(c.example_mean(calibration.saturated(c.margin)), c)


@dataclass(frozen=True, eq=False)
class _Binned:
    """Confidences of some comparisons in bins of equal mass."""

    confidences: FloatArray
    outcome: FloatArray
    bins: IntArray
    weight: FloatArray

    @classmethod
    def of(cls, c: Comparisons) -> _Binned:
        return cls.of_margin(c.margin, c)

    @classmethod
    def of_margin(cls, margin: FloatArray, c: Comparisons) -> _Binned:
        """The same comparisons with other margins."""
        sure = calibration.confidence(margin)
        outcome = calibration.binned_outcome(margin, c.comparison_preference)
        bins = reliability.equal_mass_bins(sure, reliability.BINS, c.weight)
        return cls(sure, outcome, bins, c.weight)

    @property
    def ece(self) -> float:
        return reliability.ece(self.confidences, self.outcome, self.bins, self.weight)


# The null is by far the slowest statistic, and two metrics report on the same draws.
@once
def _null(c: Comparisons, seed: int) -> EceNull | Undefined:
    groups = c.group[c.example]
    if count_clusters(groups) < 2:
        return Undefined("needs at least 2 clusters")
    b, rng = _Binned.of(c), np.random.default_rng(seed)
    return draw_null(b.confidences, b.outcome, b.bins, groups, rng, b.weight)


@once
def _decomposed(c: Comparisons, _: None) -> BrierDecomposition:
    return calibration.brier_decomposition(c.margin, c.comparison_preference, c.weight)


@once
def _cross_fitted(c: Comparisons, seed: int) -> FloatArray | Undefined:
    folds = cross_fitting.cluster_folds(c.id, c.group, seed)
    return cross_fitting.cross_fitted_margin(
        c.margin, c.comparison_preference, folds[c.example], c.weight
    )
