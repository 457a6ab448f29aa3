"""The built-in metrics of what length and markdown explain, by name.

The names and variables here are entry points that ``pyproject.toml`` declares.
"""

from __future__ import annotations

from functools import partial
from math import inf

from rmbench.metrics import accuracy_metrics, bias_metrics
from rmbench.metrics.bias_metrics import Feature
from rmbench.metrics.comparison_metric import ComparisonMetric

LENGTH_BALANCED_ACCURACY = ComparisonMetric(
    name="length_balanced_accuracy",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=True,
    summary="mean of chosen_longer_accuracy and chosen_shorter_accuracy; 0.5 for length alone",
    compute=partial(accuracy_metrics.length_accuracy, which="balanced"),
    needs_answer=True,
)
CHOSEN_LONGER_ACCURACY = ComparisonMetric(
    name="chosen_longer_accuracy",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=True,
    summary="accuracy where the chosen response has more characters",
    compute=partial(accuracy_metrics.length_accuracy, which="longer"),
    needs_answer=True,
)
CHOSEN_SHORTER_ACCURACY = ComparisonMetric(
    name="chosen_shorter_accuracy",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=True,
    summary="accuracy where the chosen response has fewer characters",
    compute=partial(accuracy_metrics.length_accuracy, which="shorter"),
    needs_answer=True,
)
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
    per_subset=False,
    per_section=True,
    summary="what relative length adds to the log-odds of winning; 0 is unbiased",
    compute=bias_metrics.length_effect,
    needs_answer=True,
)
STYLE_CONTROLLED_ACCURACY = ComparisonMetric(
    name="style_controlled_accuracy",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=True,
    summary="accuracy that a ridge-logistic model gives two responses of equal length and markdown",
    compute=bias_metrics.style_controlled_accuracy,
    needs_answer=True,
)


def _effect(name: str, feature: Feature) -> ComparisonMetric:
    return ComparisonMetric(
        name=name,
        unit="log-odds per rms",
        higher_is_better=None,
        range=(-inf, inf),
        per_subset=False,
        per_section=True,
        summary=f"what {feature} add to the log-odds of winning, other style being equal",
        compute=partial(bias_metrics.style_effect, feature=feature),
        needs_answer=True,
    )


STYLE_LENGTH_EFFECT = _effect("style_length_effect", "characters")
STYLE_HEADER_EFFECT = _effect("style_header_effect", "headers")
STYLE_LIST_EFFECT = _effect("style_list_effect", "list items")
STYLE_BOLD_EFFECT = _effect("style_bold_effect", "bold spans")
