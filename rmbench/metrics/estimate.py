"""From what a metric computed to the estimate that a result holds."""

from __future__ import annotations

from rmbench.metrics.base import Metric, Undefined
from rmbench.metrics.views import Measured
from rmbench.result.models import Estimate


def estimate_of(
    metric: Metric, found: Measured | Undefined, n_examples: int, subset: str | None
) -> Estimate:
    """The estimate, its interval clipped to what the metric can be.

    Args:
        metric: What was computed.
        found: The value, or why there is none.
        n_examples: What an undefined value would have rested on.
        subset: The part it is of; ``None`` for the whole suite.
    """
    if isinstance(found, Undefined):
        return Estimate(
            metric=metric.name,
            subset=subset,
            value=None,
            reason=found.reason,
            n=n_examples,
            unit=metric.unit,
        )
    interval = found.interval.clipped(*metric.range) if found.interval else None
    return Estimate(
        metric=metric.name,
        subset=subset,
        value=found.value,
        ci_low=interval.low if interval else None,
        ci_high=interval.high if interval else None,
        ci_method=interval.method if interval else None,
        n=found.n,
        unit=metric.unit,
    )
