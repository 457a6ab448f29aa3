"""The built-in metrics of what length explains, by name.

The names and variables here are entry points that ``pyproject.toml`` declares.
"""

from __future__ import annotations

from math import inf

from rmbench.metrics import bias_metrics
from rmbench.metrics.comparison_metric import ComparisonMetric

LENGTH_CORRELATION = ComparisonMetric(
    name="length_correlation",
    unit="1",
    higher_is_better=None,
    range=(-1.0, 1.0),
    per_subset=True,
    summary="Spearman's correlation of the margin with the difference in characters",
    compute=bias_metrics.length_correlation,
    needs_answer=True,
)
LENGTH_CONTROLLED_ACCURACY = ComparisonMetric(
    name="length_controlled_accuracy",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=True,
    summary="accuracy that a ridge-logistic model gives two responses of equal length",
    compute=bias_metrics.length_controlled_accuracy,
    needs_answer=True,
)
LENGTH_EFFECT = ComparisonMetric(
    name="length_effect",
    unit="log-odds per rms",
    higher_is_better=None,
    range=(-inf, inf),
    per_subset=True,
    summary="what relative length adds to the log-odds of winning; 0 is unbiased",
    compute=bias_metrics.length_effect,
    needs_answer=True,
)
