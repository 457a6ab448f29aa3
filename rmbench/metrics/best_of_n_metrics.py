"""The points of a best-of-n curve as metrics, where being right is the gold.

On a suite whose prompts have many answers, the expected share of right choices among n of
them: n = 1 is what the policy gets without a reward model. See ``best_of_n`` for the estimator.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from rmbench.metrics.arrays import FloatArray, IntArray
from rmbench.metrics.base import Undefined
from rmbench.metrics.best_of_n import RankedAnswers
from rmbench.metrics.comparison_metric import ComparisonMetric
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import linearised_mean
from rmbench.metrics.ranking import best_of_n_kl
from rmbench.metrics.views import Measured, View, fraction_mean, linear


def curve_accuracy(view: View, n: int) -> Measured | Undefined:
    """Expected share of examples where the highest reward among n answers is a right one's."""
    c = view.comparisons
    short = _too_few(c, n)
    return short or fraction_mean(_by_reward(c, n), c)


def curve_regret(view: View, n: int) -> Measured | Undefined:
    """How much more often the truth's own choice among the same n answers is right."""
    c = view.comparisons
    short = _too_few(c, n)
    if short:
        return short
    prompt, _, right = answers_of(c)
    by_truth = _fractions(RankedAnswers.of(prompt, right, right).expected_gold(n))
    regret = np.maximum(by_truth - _by_reward(c, n), 0.0)
    return linear(linearised_mean(regret), c, fraction=True)


def _by_reward(c: Comparisons, n: int) -> FloatArray:
    return _fractions(RankedAnswers.of(*answers_of(c)).expected_gold(n))


def _fractions(values: FloatArray) -> FloatArray:
    """The same without what rounding puts outside of [0, 1]."""
    return np.clip(np.round(values, 14), 0.0, 1.0)


def _too_few(c: Comparisons, n: int) -> Undefined | None:
    """A curve is over the same prompts at every n, or it would not be one curve."""
    few = int(np.count_nonzero(c.n_chosen + c.n_rejected < n))
    if not few:
        return None
    return Undefined(f"{few:,} of {c.n_examples:,} examples have fewer than {n} answers")


def answers_of(c: Comparisons) -> tuple[IntArray, FloatArray, FloatArray]:
    """Example, reward and whether it is right, of every answer."""
    chosen, rejected = c.index_rejected == 0, c.index_chosen == 0
    n_chosen, n_rejected = int(chosen.sum()), int(rejected.sum())
    return (
        np.concatenate([c.example[chosen], c.example[rejected]]),
        np.concatenate([c.reward_chosen[chosen], c.reward_rejected[rejected]]),
        np.repeat([1.0, 0.0], [n_chosen, n_rejected]),
    )


def accuracy_at(n: int) -> ComparisonMetric:
    """The metric ``best_of_<n>_accuracy``."""
    return ComparisonMetric(
        name=f"best_of_{n}_accuracy",
        unit="fraction",
        higher_is_better=True,
        range=(0.0, 1.0),
        per_subset=True,
        summary=f"expected share of right choices among {n} of the answers, "
        f"at a KL of {best_of_n_kl(n):.3f} nats"
        if n > 1
        else "share of right answers: choices among 1, without a reward model",
        compute=partial(curve_accuracy, n=n),
        needs_answer=True,
    )


def regret_at(n: int) -> ComparisonMetric:
    """The metric ``best_of_<n>_regret``."""
    return ComparisonMetric(
        name=f"best_of_{n}_regret",
        unit="fraction",
        higher_is_better=False,
        range=(0.0, 1.0),
        per_subset=False,
        summary=f"how much more often choice by truth among the same {n} answers is right",
        compute=partial(curve_regret, n=n),
        needs_answer=True,
    )
