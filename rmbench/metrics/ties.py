"""RewardBench 2's score of prompts with many right answers, and its mean over subsets.

Source: Malik et al. 2025, RewardBench 2, and the publisher's program. A pair of prompts
shares a number: ``ref:<n>`` has one right answer, ``tied:<n>`` several that are equally right
and should be told from the wrong ones by more than they differ among each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from rmbench.metrics.accuracy import best_of_n
from rmbench.metrics.arrays import BoolArray, FloatArray, IntArray
from rmbench.metrics.base import Undefined
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import Linearised, clustered_interval, combine, linearised_mean
from rmbench.metrics.subsets import weighted_score
from rmbench.metrics.views import Measured, View, fraction_mean
from rmbench.spec.sections import WHOLE

ACCURATE, PREFERRED, MARGIN = 0.30, 0.20, 0.01
"""Weights: each of the two accuracies, each of the two comparisons with the spread, the margin."""

LOWEST, HIGHEST = -MARGIN, 2 * ACCURATE + 2 * PREFERRED + MARGIN
"""The score's range; a perfect scorer has 1.01, not 1."""

_PAIRED_ID = re.compile(r"(?:.*/)?(ref|tied):([^/]+)")


@dataclass(frozen=True, eq=False)
class TiesPrompts:
    """The prompts of the Ties subset among other examples.

    Attributes:
        ref: bool, shape (n_examples,); prompts with one right answer.
        tied: bool, shape (n_examples,); prompts with several.
        partner: int64, shape (n_examples,); the example of the same number in the other
            half, -1 where there is none.
    """

    ref: BoolArray
    tied: BoolArray
    partner: IntArray

    @classmethod
    def of(cls, comparisons: Comparisons) -> TiesPrompts:
        """Find them by their ids, ``ref:<n>`` and ``tied:<n>``, a path before them or not."""
        halves: dict[str, dict[str, int]] = {"ref": {}, "tied": {}}
        for i, name in enumerate(comparisons.id.tolist()):
            found = _PAIRED_ID.fullmatch(name)
            if found:
                halves[found[1]][found[2]] = i
        n = comparisons.n_examples
        masks = {half: np.zeros(n, dtype=np.bool_) for half in halves}
        partner = np.full(n, -1, dtype=np.int64)
        for half, other in (("ref", "tied"), ("tied", "ref")):
            for number, i in halves[half].items():
                masks[half][i] = True
                partner[i] = halves[other].get(number, -1)
        return cls(masks["ref"], masks["tied"], partner)

    def merged(self, groups: IntArray) -> IntArray:
        """Cluster codes in which the two prompts of a pair are in one cluster."""
        both = self.ref & (self.partner >= 0)
        return np.where(both, groups[self.partner], groups)


def ties_score(comparisons: Comparisons, prompts: TiesPrompts) -> Linearised | Undefined:
    """RewardBench 2's score of the Ties subset, in [-0.01, 1.01].

    With c = lowest right reward - highest wrong reward of a prompt, and d = highest - lowest
    right reward of the prompt with several right answers:

        0.30 mean(c_tied > 0) + 0.30 mean(c_ref > 0)
        + 0.20 mean(c_tied > d) + 0.20 mean(min(c_ref, c_tied) > d)
        + 0.01 mean(tanh(min(c_ref, c_tied) / d - 1))

    The first two are over the prompts of their half, the others over pairs. Where d is 0 the
    last is 1, -1 or, for 0 / 0, 0. All comparisons are strict.

    Args:
        comparisons: Of all examples, or of the Ties subset; each with a right answer.
        prompts: Which of them are prompts of the Ties subset.

    Returns:
        The score with influence values of all examples, what depends on a pair on its
        ``tied`` prompt; to be clustered by ``TiesPrompts.merged``. Undefined without pairs.
    """
    paired = prompts.tied & (prompts.partner >= 0)
    if not paired.any():
        return Undefined("no pair of examples 'ref:<number>' and 'tied:<number>'")
    starts = comparisons.first_comparison
    lowest_right = np.minimum.reduceat(comparisons.reward_chosen, starts)
    gap = lowest_right - np.maximum.reduceat(comparisons.reward_rejected, starts)
    spread = np.maximum.reduceat(comparisons.reward_chosen, starts) - lowest_right
    # One right answer has no spread, which as in the publisher's program nothing is above.
    spread[comparisons.n_chosen < 2] = np.nan
    smaller = np.minimum(gap, gap[prompts.partner])
    accurate = (gap > 0).astype(np.float64)
    terms = [
        (ACCURATE, linearised_mean(accurate, prompts.tied)),
        (ACCURATE, linearised_mean(accurate, prompts.ref)),
        (PREFERRED, linearised_mean((gap > spread).astype(np.float64), paired)),
        (PREFERRED, linearised_mean((smaller > spread).astype(np.float64), paired)),
        (MARGIN, linearised_mean(_margin(smaller, spread), paired)),
    ]
    return combine([term for _, term in terms], [weight for weight, _ in terms])


def _margin(gap: FloatArray, spread: FloatArray) -> FloatArray:
    """tanh(gap / spread - 1); at a spread of 0 its limits, and 0 where gap is 0 too."""
    nowhere = spread == 0
    with np.errstate(over="ignore"):  # a ratio too large for a float has the same tanh
        ratio = gap / np.where(nowhere, 1.0, spread)
    return np.where(nowhere, np.sign(gap), np.nan_to_num(np.tanh(ratio - 1)))


def ties(view: View) -> Measured | Undefined:
    """The metric ``ties_score``."""
    c = view.comparisons
    prompts = TiesPrompts.of(c)
    found = ties_score(c, prompts)
    return found if isinstance(found, Undefined) else _measured(found, c, prompts)


def reward_bench_2(view: View) -> Measured | Undefined:
    """The metric ``reward_bench_2_score``: best of N in a subset, ``ties_score`` in Ties."""
    c, tree = view.comparisons, view.context.score_tree
    if not tree:
        return Undefined("the suite has no sections")
    prompts = TiesPrompts.of(c)
    in_pairs = prompts.ref | prompts.tied
    best = best_of_n(c, view.context.ties)
    if view.subset is not None and view.subset not in tree and not in_pairs.any():
        return fraction_mean(best, c)

    def leaf(mask: BoolArray) -> Linearised | Undefined:
        if not (mask & in_pairs).any():
            return linearised_mean(best, mask)
        if (mask & ~in_pairs).any():
            other = str(c.id[np.argmax(mask & ~in_pairs)])
            return Undefined(f"example {other!r} stands among prompts in pairs and is in none")
        return ties_score(c, prompts)

    found = weighted_score(leaf, c.subset, tree, view.subset or WHOLE)
    return found if isinstance(found, Undefined) else _measured(found, c, prompts)


def _measured(estimate: Linearised, c: Comparisons, prompts: TiesPrompts) -> Measured:
    # The score may lie outside of [0, 1]; without variation it has no interval.
    group = prompts.merged(c.group)
    interval = clustered_interval(estimate, group, fraction=False)
    return Measured(estimate.value, estimate.n, interval, estimate, group=group)
