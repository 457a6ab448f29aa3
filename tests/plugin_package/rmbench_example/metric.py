"""Mean reciprocal rank: how far down the list the best right answer stands."""

from __future__ import annotations

import numpy as np

from rmbench.metrics.comparison_metric import ComparisonMetric
from rmbench.metrics.views import Measured, View, fraction_mean


def reciprocal_rank(view: View) -> Measured:
    """Mean over examples of 1 / rank, with its interval clustered as the suite says.

    The rank is that of the chosen answer with the highest reward, 1 being the top; a rejected
    answer of equal reward moves it down by half a place.
    """
    c = view.comparisons
    best = np.maximum.reduceat(c.reward_chosen, c.first_comparison)[c.example]
    above = (c.reward_rejected > best) + 0.5 * (c.reward_rejected == best)
    # Each rejected answer stands in one comparison with every chosen one: it counts once.
    rank = 1.0 + c.example_sum(above * (c.index_chosen == 0))
    return fraction_mean(1.0 / rank, c)


RECIPROCAL_RANK = ComparisonMetric(
    name="reciprocal_rank",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=True,
    summary="mean of 1 / rank of the best right answer among all answers",
    compute=reciprocal_rank,
    needs_answer=True,
)
