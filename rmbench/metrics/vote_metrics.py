"""The metrics of labels that are shares of votes: from a view to a value with its interval.

They rest on all examples, human ties included.
"""

from __future__ import annotations

from rmbench.metrics import calibration, votes
from rmbench.metrics.arrays import FloatArray
from rmbench.metrics.base import Undefined
from rmbench.metrics.intervals import linearised_mean
from rmbench.metrics.views import Measured, View, fraction_mean, linear

_PLAIN = Undefined("every label is a plain preference, not a share of votes")


def vote_agreement(view: View) -> Measured | Undefined:
    """How often the scorer's choice is that of an annotator drawn at random."""
    c = view.comparisons
    if not votes.has_votes(c.preference):
        return _PLAIN
    agreed = calibration.binned_outcome(c.margin, c.comparison_preference)
    return fraction_mean(c.example_mean(agreed), c)


def vote_agreement_ceiling(view: View) -> Measured | Undefined:
    """How often the majority's choice is that of an annotator drawn at random."""
    c = view.comparisons
    if not votes.has_votes(c.preference):
        return _PLAIN
    return fraction_mean(votes.agreement_ceiling(c.preference), c)


def nll_floor(view: View) -> Measured | Undefined:
    """Entropy of the labels: the NLL of a scorer that knows the shares of votes."""
    c = view.comparisons
    if not votes.has_votes(c.preference):
        return _PLAIN
    return linear(linearised_mean(votes.label_entropy(c.preference)), c, fraction=False)


def nll_excess(view: View) -> Measured | Undefined:
    """NLL above its floor: divergence of the scorer's probabilities from the shares."""
    c = view.comparisons
    if not votes.has_votes(c.preference):
        return _PLAIN
    loss: FloatArray = c.example_mean(calibration.nll(c.margin, c.comparison_preference))
    return linear(linearised_mean(loss - votes.label_entropy(c.preference)), c, fraction=False)
