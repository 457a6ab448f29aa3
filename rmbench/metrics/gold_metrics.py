"""Best of n where answers are worth numbers: expected gold, regret, over-optimisation.

Each is a point of ``best_of_n.best_of_n_curve``, or the difference of two, as a metric with its
interval. A curve is over the same prompts at every n, so its last n is the number of answers of
the prompt that has the fewest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf

import numpy as np

from rmbench.metrics.arrays import FloatArray, IntArray
from rmbench.metrics.base import Undefined
from rmbench.metrics.best_of_n import RankedAnswers
from rmbench.metrics.comparison_metric import ComparisonMetric
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import linearised_mean
from rmbench.metrics.ranking import best_of_n_kl
from rmbench.metrics.views import Measured, View, linear

UNIT = "gold"
"""The unit of whatever the data grade answers in."""


@dataclass(frozen=True, eq=False)
class GradedAnswers:
    """The answers of all examples, ranked by reward and by what they are worth.

    Attributes:
        by_reward: Ranked by the scorer.
        by_gold: Ranked by their gold.
    """

    by_reward: RankedAnswers
    by_gold: RankedAnswers

    @property
    def last_n(self) -> int:
        """Answers of the example that has the fewest."""
        return int(self.by_reward.size.min())

    def expected(self, n: int) -> FloatArray:
        """Expected gold of the scorer's choice among n; float64, shape (n_examples,)."""
        return self.by_reward.expected_gold(n)

    def best(self, n: int) -> FloatArray:
        """Expected gold of the best of n; float64, shape (n_examples,)."""
        return self.by_gold.expected_gold(n)

    def peak_n(self) -> int:
        """The n at which the mean expected gold is highest, the smallest of several."""
        means = [float(self.expected(n).mean()) for n in range(1, self.last_n + 1)]
        return int(np.argmax(np.round(means, 12))) + 1


def graded_answers(c: Comparisons) -> GradedAnswers | Undefined:
    """The answers, if each one's gold is known."""
    if c.gold_chosen is None or c.gold_rejected is None:
        return Undefined("the data do not say what answers are worth in numbers")
    chosen, rejected = c.index_rejected == 0, c.index_chosen == 0
    example: IntArray = np.concatenate([c.example[chosen], c.example[rejected]])
    reward: FloatArray = np.concatenate([c.reward_chosen[chosen], c.reward_rejected[rejected]])
    gold: FloatArray = np.concatenate([c.gold_chosen[chosen], c.gold_rejected[rejected]])
    unknown = len(np.unique(example[np.isnan(gold)]))
    if unknown:
        return Undefined(f"of {unknown:,} of {c.n_examples:,} examples no gold is known")
    return GradedAnswers(
        RankedAnswers.of(example, reward, gold), RankedAnswers.of(example, gold, gold)
    )


def _mean(view: View, values: Callable[[GradedAnswers], FloatArray], n: int = 1) -> _Found:
    answers = graded_answers(view.comparisons)
    if isinstance(answers, Undefined):
        return answers
    few = int(np.count_nonzero(answers.by_reward.size < n))
    if few:
        total = view.comparisons.n_examples
        return Undefined(f"{few:,} of {total:,} examples have fewer than {n} answers")
    return linear(linearised_mean(values(answers)), view.comparisons, fraction=False)


_Found = Measured | Undefined


def expected_gold(view: View, n: int | None = None) -> _Found:
    """Mean expected gold of the scorer's choice among n answers; the last n if left out."""
    return _mean(view, lambda a: a.expected(n or a.last_n), n or 1)


def best_gold(view: View) -> _Found:
    """Mean expected gold of the best of as many answers as all examples have."""
    return _mean(view, lambda a: a.best(a.last_n))


def gold_regret(view: View, n: int | None = None) -> _Found:
    """What the scorer's choice among n lacks of the best one; the last n if left out."""
    return _mean(view, lambda a: a.best(n or a.last_n) - a.expected(n or a.last_n), n or 1)


def gold_peak(view: View) -> _Found:
    """The highest mean expected gold of any n, that n being taken as given."""
    return _mean(view, lambda a: a.expected(a.peak_n()))


def gold_fall(view: View) -> _Found:
    """What is lost from the peak to the last n: 0 where choosing among more never hurts."""
    return _mean(view, lambda a: a.expected(a.peak_n()) - a.expected(a.last_n))


def gold_peak_n(view: View) -> _Found:
    """The n at which the mean expected gold is highest."""
    answers = graded_answers(view.comparisons)
    if isinstance(answers, Undefined):
        return answers
    return Measured(float(answers.peak_n()), view.comparisons.n_examples)


def _metric(
    name: str,
    summary: str,
    compute: Callable[[View], _Found],
    *,
    higher_is_better: bool | None = True,
    range: tuple[float, float] = (-inf, inf),
    unit: str = UNIT,
) -> ComparisonMetric:
    return ComparisonMetric(
        name=name,
        unit=unit,
        higher_is_better=higher_is_better,
        range=range,
        per_subset=False,
        summary=summary,
        compute=compute,
    )


def gold_at(n: int) -> ComparisonMetric:
    """The metric ``best_of_<n>_gold``."""
    summary = f"expected gold of the choice among {n} of the answers"
    return _metric(
        f"best_of_{n}_gold",
        f"{summary}, at a KL of {best_of_n_kl(n):.3f} nats"
        if n > 1
        else "mean gold of the answers: choices among 1, without a reward model",
        partial(expected_gold, n=n),
    )


def regret_at(n: int) -> ComparisonMetric:
    """The metric ``best_of_<n>_gold_regret``."""
    return _metric(
        f"best_of_{n}_gold_regret",
        f"gold that the choice among {n} answers lacks of the best of the same {n}",
        partial(gold_regret, n=n),
        higher_is_better=False,
        range=(0.0, inf),
    )


GOLD_AT_LAST = _metric(
    "best_of_n_gold", "expected gold of the choice among all answers", expected_gold
)
BEST_AT_LAST = _metric(
    "best_of_n_gold_best",
    "gold of the best of all answers: the most any scorer can choose",
    best_gold,
    higher_is_better=None,
)
REGRET_AT_LAST = _metric(
    "best_of_n_gold_regret",
    "gold that the choice among all answers lacks of the best",
    gold_regret,
    higher_is_better=False,
    range=(0.0, inf),
)
PEAK_N = _metric(
    "gold_peak_n",
    "the n at which best of n has the highest expected gold",
    gold_peak_n,
    higher_is_better=None,
    range=(1.0, inf),
    unit="answers",
)
PEAK = _metric("gold_peak", "highest expected gold of any n", gold_peak)
FALL = _metric(
    "gold_fall",
    "over-optimisation: expected gold lost from the peak to choosing among all answers",
    gold_fall,
    higher_is_better=False,
    range=(0.0, inf),
)
