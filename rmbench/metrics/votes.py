"""Labels that are shares of votes: what a scorer can reach at best against them.

Shares are taken as they are. With few annotators they are noisy and lie further from one
half than the opinions behind them: what is bounded is agreement with these votes. Against
fresh annotators the ceiling is too high and the floor too low; where opinions are even, three
votes have a ceiling of .75.

Shapes: preference is float64 of shape (n_examples,), the share y of votes for chosen.
"""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from rmbench.metrics.arrays import FloatArray


def has_votes(preference: FloatArray) -> bool:
    """Whether any label is more than a plain preference for one side."""
    return bool(((preference != 0) & (preference != 1)).any())


def agreement_ceiling(preference: FloatArray) -> FloatArray:
    """Chance that the majority's side agrees with one annotator drawn at random.

    max(y, 1 - y): no scorer agrees with these annotators more often.

    >>> agreement_ceiling(np.array([1.0, 0.5, 0.2])).tolist()
    [1.0, 0.5, 0.8]
    """
    return np.maximum(preference, 1.0 - preference)


def label_entropy(preference: FloatArray) -> FloatArray:
    """Entropy of each label in nats: the least cross-entropy that any scorer can have.

    -y ln y - (1 - y) ln(1 - y), reached by a scorer whose probabilities are the shares.

    >>> label_entropy(np.array([1.0, 0.5])).round(6).tolist()
    [0.0, 0.693147]
    """
    against = 1.0 - preference
    entropy: FloatArray = np.abs(xlogy(preference, preference) + xlogy(against, against))
    return entropy
