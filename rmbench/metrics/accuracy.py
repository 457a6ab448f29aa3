"""Who won: outcomes of comparisons, accuracy of examples, best of N.

Functions that speak of a right answer take ``Comparisons.decided``: the majority's side
is the chosen one and human ties are gone.
"""

from __future__ import annotations

import numpy as np

from rmbench.metrics.arrays import FloatArray
from rmbench.metrics.comparisons import Comparisons
from rmbench.types import TiePolicy


def outcomes(margin: FloatArray, ties: TiePolicy) -> FloatArray:
    """1 where the chosen answer got the higher reward, 0 where the lower.

    Args:
        margin: float64, any shape; r_chosen - r_rejected.
        ties: What a margin of exactly 0 counts: one half, or nothing.

    Returns:
        float64 of the margin's shape, each entry 0, 0.5 or 1.

    >>> outcomes(np.array([2.0, 0.0, -1.0]), "half").tolist()
    [1.0, 0.5, 0.0]
    >>> outcomes(np.array([2.0, 0.0, -1.0]), "wrong").tolist()
    [1.0, 0.0, 0.0]
    """
    won = (margin > 0).astype(np.float64)
    return won + 0.5 * (margin == 0) if ties == "half" else won


def example_accuracy(decided: Comparisons, ties: TiePolicy) -> FloatArray:
    """Mean outcome over each example's comparisons; shape (n_examples,), in [0, 1].

    Raises:
        ValueError: If an example has no right answer (pass ``Comparisons.decided``).
    """
    _require_decided(decided)
    return decided.example_mean(outcomes(decided.margin, ties))


def example_tie_share(comparisons: Comparisons) -> FloatArray:
    """Share of each example's comparisons with exactly equal rewards; in [0, 1]."""
    return comparisons.example_mean((comparisons.margin == 0).astype(np.float64))


def best_of_n(decided: Comparisons, ties: TiePolicy) -> FloatArray:
    """Whether the highest reward of each example went to a chosen answer.

    With ``half``, a maximum shared by several answers counts the chosen ones' share of
    it: RewardBench 2's rule, 1/k for one right answer among k that share the top score.
    With ``wrong``, some chosen answer must be strictly above every rejected one.

    Returns:
        float64, shape (n_examples,), in [0, 1].

    Raises:
        ValueError: If an example has no right answer (pass ``Comparisons.decided``).
    """
    _require_decided(decided)
    if decided.n_examples == 0:
        return np.empty(0)
    starts = decided.first_comparison
    top_chosen = np.maximum.reduceat(decided.reward_chosen, starts)
    top_rejected = np.maximum.reduceat(decided.reward_rejected, starts)
    if ties == "wrong":
        return (top_chosen > top_rejected).astype(np.float64)
    top = np.maximum(top_chosen, top_rejected)[decided.example]
    # Every chosen answer appears in n_rejected comparisons, and the other way round.
    chosen_at_top = (
        decided.example_sum((decided.reward_chosen == top).astype(np.float64)) / decided.n_rejected
    )
    rejected_at_top = (
        decided.example_sum((decided.reward_rejected == top).astype(np.float64)) / decided.n_chosen
    )
    return chosen_at_top / (chosen_at_top + rejected_at_top)


def _require_decided(comparisons: Comparisons) -> None:
    undecided = comparisons.preference <= 0.5
    if undecided.any():
        first = str(comparisons.id[np.argmax(undecided)])
        raise ValueError(f"example {first!r} has no majority for its chosen side; pass `.decided`")
