"""The metrics of selective accuracy: from a view to a value with its interval."""

from __future__ import annotations

from dataclasses import replace

from rmbench.metrics.selective import selective_accuracy, selective_area
from rmbench.metrics.views import Measured, View, linear


def accuracy_at_coverage(view: View, coverage: float) -> Measured:
    """Accuracy of the share ``coverage`` of the comparisons with the largest margins."""
    c = view.comparisons
    found = linear(selective_accuracy(c, view.context.ties, coverage), c, fraction=True)
    return replace(found, n=c.n_examples)


def area(view: View) -> Measured:
    """Mean of the accuracy over all coverages."""
    c = view.comparisons
    return linear(selective_area(c, view.context.ties), c, fraction=True)
