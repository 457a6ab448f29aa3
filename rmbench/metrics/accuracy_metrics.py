"""The metrics that ask who won: from a view to a value with its interval.

They rest on the examples that have a right answer (``Comparisons.decided``), except the
tie rate and the confounder metrics, which ask about rewards only.
"""

from __future__ import annotations

import numpy as np

from rmbench.metrics import confounders
from rmbench.metrics.accuracy import best_of_n, example_accuracy, example_tie_share
from rmbench.metrics.base import Undefined
from rmbench.metrics.intervals import Interval
from rmbench.metrics.length import length_strata
from rmbench.metrics.style import STYLES, Difficulty, first_unstyled, style_accuracy, style_outcomes
from rmbench.metrics.subsets import (
    mean_over_sections,
    mean_over_subsets,
    section_masks,
    worst_by_chance,
    worst_subset,
)
from rmbench.metrics.views import NO_ANSWER, Measured, View, fraction_mean, linear


def accuracy(view: View) -> Measured | Undefined:
    decided = view.comparisons.decided
    if decided.n_examples == 0:
        return NO_ANSWER
    return fraction_mean(example_accuracy(decided, view.context.ties), decided)


def macro_accuracy(view: View) -> Measured | Undefined:
    decided = view.comparisons.decided
    if decided.n_examples == 0:
        return NO_ANSWER
    values = example_accuracy(decided, view.context.ties)
    return linear(mean_over_subsets(values, decided.subset), decided, fraction=True)


def section_mean_accuracy(view: View) -> Measured | Undefined:
    decided, sections = view.comparisons.decided, view.context.sections
    if not sections:
        return Undefined("the suite has no sections")
    masks = section_masks(decided.subset, sections)
    empty = [name for name, mask in masks.items() if not mask.any()]
    if empty:
        return Undefined(f"no example to be right on in section {', '.join(map(repr, empty))}")
    values = example_accuracy(decided, view.context.ties)
    mean = mean_over_sections(values, decided.subset, sections)
    return mean if isinstance(mean, Undefined) else linear(mean, decided, fraction=True)


def worst_subset_accuracy(view: View) -> Measured | Undefined:
    decided = view.comparisons.decided
    mask = worst_subset(example_accuracy(decided, view.context.ties), decided.subset)
    if isinstance(mask, Undefined):
        return mask
    worst = decided.where(mask)
    return fraction_mean(example_accuracy(worst, view.context.ties), worst)


def worst_subset_accuracy_chance(view: View) -> Measured | Undefined:
    decided = view.comparisons.decided
    found = worst_by_chance(
        example_accuracy(decided, view.context.ties),
        decided.subset,
        decided.group,
        np.random.default_rng(view.context.seed),
    )
    if isinstance(found, Undefined):
        return found
    interval = Interval(found.low, found.high, "simulated range")
    return Measured(found.expected, decided.n_examples, interval)


def untruncated_accuracy(view: View) -> Measured | Undefined:
    whole = view.comparisons.where(~view.comparisons.truncated)
    if whole.n_examples == 0:
        return Undefined("every example has a truncated response")
    return accuracy(View(whole, view.context, view.subset))


def best_of_n_accuracy(view: View) -> Measured | Undefined:
    decided = view.comparisons.decided
    if decided.n_examples == 0:
        return NO_ANSWER
    return fraction_mean(best_of_n(decided, view.context.ties), decided)


def _of_length(view: View, which: str) -> Measured | Undefined:
    decided = view.comparisons.decided
    if decided.n_examples == 0:
        return NO_ANSWER
    strata = length_strata(decided, view.context.ties)
    missing = [side for side in ("longer", "shorter") if getattr(strata, side) is None]
    if which in missing or (which == "balanced" and missing):
        sides = " or ".join(missing if which == "balanced" else [which])
        return Undefined(f"no comparison in which the chosen response is {sides}")
    return linear(getattr(strata, which), decided, fraction=True)


def length_balanced_accuracy(view: View) -> Measured | Undefined:
    return _of_length(view, "balanced")


def chosen_longer_accuracy(view: View) -> Measured | Undefined:
    return _of_length(view, "longer")


def chosen_shorter_accuracy(view: View) -> Measured | Undefined:
    return _of_length(view, "shorter")


def _of_style(view: View, difficulty: Difficulty) -> Measured | Undefined:
    decided = view.comparisons.decided
    if decided.n_examples == 0:
        return NO_ANSWER
    other = first_unstyled(decided)
    if other is not None:
        return Undefined(
            f"needs {STYLES} chosen and {STYLES} rejected responses; example "
            f"{str(decided.id[other])!r} has {decided.n_chosen[other]} and "
            f"{decided.n_rejected[other]}"
        )
    values = style_accuracy(style_outcomes(decided, view.context.ties), difficulty)
    if view.subset is not None or not view.context.sections:
        return fraction_mean(values, decided)
    mean = mean_over_sections(values, decided.subset, view.context.sections)
    return mean if isinstance(mean, Undefined) else linear(mean, decided, fraction=True)


def easy_accuracy(view: View) -> Measured | Undefined:
    return _of_style(view, "easy")


def normal_accuracy(view: View) -> Measured | Undefined:
    return _of_style(view, "normal")


def hard_accuracy(view: View) -> Measured | Undefined:
    return _of_style(view, "hard")


def tie_rate(view: View) -> Measured:
    return fraction_mean(example_tie_share(view.comparisons), view.comparisons)


def confounder_shift(view: View) -> Measured | Undefined:
    found = confounders.shift(view.comparisons)
    if isinstance(found, Undefined):
        return found
    return linear(found, view.comparisons, fraction=False)


def confounder_win_rate(view: View) -> Measured:
    return fraction_mean(confounders.win_share(view.comparisons), view.comparisons)
