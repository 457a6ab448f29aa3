"""The metrics that ask who won: from a view to a value with its interval."""

from __future__ import annotations

from typing import Literal

import numpy as np

from rmbench.metrics import confounders
from rmbench.metrics.accuracy import best_of_n, example_accuracy, example_tie_share
from rmbench.metrics.base import Undefined
from rmbench.metrics.intervals import Interval, linearised_mean
from rmbench.metrics.length import length_strata
from rmbench.metrics.style import STYLES, Difficulty, first_unstyled, style_accuracy, style_outcomes
from rmbench.metrics.subsets import (
    CHANCE_DRAWS,
    mean_over_sections,
    mean_over_subsets,
    weighted_score,
    worst_by_chance,
    worst_subset,
)
from rmbench.metrics.views import Measured, View, fraction_mean, linear
from rmbench.spec.sections import WHOLE

# --- over the examples that have a right answer (``Comparisons.decided``)


def accuracy(view: View) -> Measured:
    """Mean over examples of the share of their comparisons won."""
    c = view.comparisons
    return fraction_mean(example_accuracy(c, view.context.ties), c)


def untruncated_accuracy(view: View) -> Measured | Undefined:
    """Accuracy over the examples none of whose responses was cut off."""
    whole = view.comparisons.where(~view.comparisons.truncated)
    if whole.n_examples == 0:
        return Undefined("every example has a truncated response")
    found = accuracy(View(whole, view.context, view.subset))
    return found.spread(~view.comparisons.truncated)


def macro_accuracy(view: View) -> Measured:
    """Unweighted mean of the subsets' accuracies."""
    c = view.comparisons
    values = example_accuracy(c, view.context.ties)
    return linear(mean_over_subsets(values, c.subset), c, fraction=True)


def section_mean_accuracy(view: View) -> Measured | Undefined:
    """Unweighted mean of the sections' accuracies; every section must have examples."""
    c, sections = view.comparisons, view.context.sections
    if not sections:
        return Undefined("the suite has no sections")
    values = example_accuracy(c, view.context.ties)
    mean = mean_over_sections(values, c.subset, sections, require_all=True)
    return mean if isinstance(mean, Undefined) else linear(mean, c, fraction=True)


def section_score(view: View) -> Measured | Undefined:
    """The suite's weighted mean of sections, and each section's of its subsets' accuracies."""
    c, tree = view.comparisons, view.context.score_tree
    if not tree:
        return Undefined("the suite has no sections")
    values = example_accuracy(c, view.context.ties)
    found = weighted_score(
        lambda mask: linearised_mean(values, mask), c.subset, tree, view.subset or WHOLE
    )
    return found if isinstance(found, Undefined) else linear(found, c, fraction=True)


def worst_subset_accuracy(view: View) -> Measured | Undefined:
    """Accuracy of the worst subset, with that subset's own interval."""
    c = view.comparisons
    mask = worst_subset(example_accuracy(c, view.context.ties), c.subset)
    if isinstance(mask, Undefined):
        return mask
    return accuracy(View(c.where(mask), view.context, view.subset)).spread(mask)


def worst_subset_accuracy_chance(view: View) -> Measured | Undefined:
    """What sampling noise alone makes of the worst of equally good subsets."""
    c = view.comparisons
    values, rng = example_accuracy(c, view.context.ties), np.random.default_rng(view.context.seed)
    found = worst_by_chance(values, c.subset, c.group, rng)
    if isinstance(found, Undefined):
        return found
    interval = Interval(found.low, found.high, f"range of {CHANCE_DRAWS:,} simulated suites")
    return Measured(found.expected, c.n_examples, interval)


def best_of_n_accuracy(view: View) -> Measured:
    """Share of examples whose highest reward goes to a chosen response."""
    c = view.comparisons
    return fraction_mean(best_of_n(c, view.context.ties), c)


def macro_best_of_n_accuracy(view: View) -> Measured:
    """Unweighted mean of the subsets' best-of-N accuracies."""
    c = view.comparisons
    values = best_of_n(c, view.context.ties)
    return linear(mean_over_subsets(values, c.subset), c, fraction=True)


def length_accuracy(
    view: View, which: Literal["balanced", "longer", "shorter"]
) -> Measured | Undefined:
    """Accuracy where the chosen response is longer, shorter, or the mean of the two."""
    c = view.comparisons
    strata = length_strata(c, view.context.ties)
    by_name = {"balanced": strata.balanced, "longer": strata.longer, "shorter": strata.shorter}
    estimate = by_name[which]
    if estimate is None:
        wanted = ("longer", "shorter") if which == "balanced" else (which,)
        sides = " or ".join(side for side in wanted if by_name[side] is None)
        return Undefined(f"no comparison in which the chosen response is {sides}")
    if which != "balanced" and (c.comparisons_per_example == 1).all():
        # A plain share of examples, for which Wilson's interval may do.
        found = accuracy(View(c.where(estimate.used), view.context, view.subset))
        return found.spread(estimate.used)
    return linear(estimate, c, fraction=True)


def matrix_accuracy(view: View, difficulty: Difficulty) -> Measured | Undefined:
    """RM-Bench's easy, normal or hard accuracy.

    For the whole of a suite with sections, the unweighted mean over those present.
    """
    c, sections = view.comparisons, view.context.sections
    other = first_unstyled(c)
    if other is not None:
        return Undefined(
            f"needs {STYLES} chosen and {STYLES} rejected responses; example "
            f"{str(c.id[other])!r} has {c.n_chosen[other]} and {c.n_rejected[other]}"
        )
    values = style_accuracy(style_outcomes(c, view.context.ties), difficulty)
    if view.subset is not None or not sections:
        return fraction_mean(values, c)
    mean = mean_over_sections(values, c.subset, sections, require_all=False)
    return mean if isinstance(mean, Undefined) else linear(mean, c, fraction=True)


# --- over all examples


def tie_rate(view: View) -> Measured:
    """Share of comparisons with exactly equal rewards."""
    return fraction_mean(example_tie_share(view.comparisons), view.comparisons)


def confounder_shift(view: View) -> Measured | Undefined:
    """How far the confounder moves the reward, in standard deviations."""
    found = confounders.shift(view.comparisons)
    if isinstance(found, Undefined):
        return found
    return linear(found, view.comparisons, fraction=False)


def confounder_win_rate(view: View) -> Measured:
    """How often the response with the confounder gets the higher reward."""
    return fraction_mean(confounders.win_share(view.comparisons), view.comparisons)
