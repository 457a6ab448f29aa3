"""How much a confounder alone moves the reward.

Each example holds the same content twice: the chosen answer with one confounder switched
on (longer, markdown, ...), the rejected one plain, and no human preference between them.
"""

from __future__ import annotations

import numpy as np

from rmbench.metrics.accuracy import outcomes
from rmbench.metrics.arrays import FloatArray
from rmbench.metrics.base import Undefined
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import Linearised


def shift(comparisons: Comparisons) -> Linearised | Undefined:
    """Mean of r_toggled - r_plain in standard deviations of the plain answers' rewards.

    The standard deviation is estimated on the same examples; the influence values carry
    its error too (delta method).

    Returns:
        The estimate, or why there is none: fewer than 2 examples, or plain answers that
        all have one reward.
    """
    n = comparisons.n_examples
    if n < 2:
        return Undefined("a standard deviation needs 2 examples")
    moved = comparisons.example_mean(comparisons.margin)
    plain = comparisons.example_mean(comparisons.reward_rejected)
    spread = float(plain.std(ddof=1))
    # Equal rewards can leave rounding behind where an example has several plain answers.
    if spread <= 1e-12 * float(np.abs(plain).max()):
        return Undefined("every plain answer has the same reward")
    mean = float(moved.mean())
    of_mean = (moved - mean) / n
    of_spread = ((plain - plain.mean()) ** 2 - plain.var()) / (2 * spread * n)
    influence = of_mean / spread - mean / spread**2 * of_spread
    return Linearised(mean / spread, influence, np.ones(n, dtype=np.bool_))


def win_share(comparisons: Comparisons) -> FloatArray:
    """Share of each example's comparisons that the toggled answer wins, equal ones half.

    float64, shape (n_examples,); a mean of one half is an unbiased scorer.
    """
    return comparisons.example_mean(outcomes(comparisons.margin, "half"))
