"""The points of a scorer's best-of-n curve, from its rewards.

What choosing among more answers by the reward gains, against the KL divergence from the policy
that it costs: ln n - (n - 1) / n nats (Gao, Schulman and Hilton 2023, after Stiennon et al. 2020).
Where the data grade answers in numbers, these are the worth of a choice; else a right answer is
worth 1 and a wrong one 0, and the curve is the share of right choices.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from rmbench.metrics.arrays import FloatArray
from rmbench.metrics.base import Undefined
from rmbench.metrics.best_of_n import RankedAnswers
from rmbench.metrics.best_of_n_metrics import answers_of
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.gold_metrics import GradedAnswers, graded_answers
from rmbench.metrics.intervals import Interval, linearised_mean
from rmbench.metrics.ranking import best_of_n_kl
from rmbench.metrics.views import Measured, fraction_mean, linear
from rmbench.result import Result
from rmbench.types import Scores

ALL_N = 64
"""Up to so many answers every n is a point; of more, about as many, evenly spaced in KL."""

_AT_N = re.compile(r"best_of_\d+_(gold|accuracy)")
"""A point of a curve among the metrics; ``best_of_n_accuracy`` takes all answers instead."""


@dataclass(frozen=True)
class BestOfNPoint:
    """Choosing among n answers; ``interval``s are 95 % and ``None`` where there is none.

    Attributes:
        n: How many answers are chosen among.
        kl: KL divergence from the policy, in nats.
        value: Expected worth of the reward's choice, in the unit of the gold.
        interval: Of ``value``.
        best: Expected worth of the best of the same n answers.
        regret: ``best`` less ``value``.
        regret_interval: Of ``regret``.
    """

    n: int
    kl: float
    value: float
    interval: Interval | None
    best: float
    regret: float
    regret_interval: Interval | None


@dataclass(frozen=True)
class BestOfNPoints:
    """A curve, from n = 1 to the answers of the example that has the fewest.

    Attributes:
        points: By n.
        peak: The one with the highest value of every n, the smallest n of several.
        fall: What is lost from the peak to the last n, not below 0.
        fall_interval: Of ``fall``, not below 0 and the peak's n being taken as given; ``None``
            where nothing falls.
        is_fraction: Whether a value is a share of right choices, in [0, 1].
        n_examples: Examples the curve is a mean over.
    """

    points: tuple[BestOfNPoint, ...]
    peak: BestOfNPoint
    fall: float
    fall_interval: Interval | None
    is_fraction: bool
    n_examples: int

    @property
    def falls(self) -> bool:
        """Whether the loss after the peak is more than chance: its interval leaves 0 out."""
        return self.fall_interval is not None and self.fall_interval.low > 0


def best_of_n_points(scores: Scores, result: Result) -> BestOfNPoints | None:
    """The curve of a result that has points of one, from its stored rewards.

    Examples of which a reward is missing are left out, as they are of its metrics.

    Returns:
        ``None`` where the result has no value of a best-of-n metric.
    """
    named = [_AT_N.fullmatch(e.metric) for e in result.estimates if e.value is not None]
    kinds = {found[1] for found in named if found}
    if not kinds:
        return None
    failed = np.unique(scores.example_id[~np.isfinite(scores.reward)])
    scored = scores.where(~np.isin(scores.example_id, failed))
    if len(scored) == 0:
        return None
    c = Comparisons.from_scores(scored)
    answers = graded_answers(c) if "gold" in kinds else None
    if answers is None or isinstance(answers, Undefined):
        if "accuracy" not in kinds:
            return None
        c = c.decided
        example, reward, right = answers_of(c)
        truth = RankedAnswers.of(example, right, right)
        answers = GradedAnswers(RankedAnswers.of(example, reward, right), truth)
        return _curve(answers, c, is_fraction=True)
    return _curve(answers, c, is_fraction=False)


def _curve(answers: GradedAnswers, c: Comparisons, *, is_fraction: bool) -> BestOfNPoints:
    def gap(high: FloatArray, low: FloatArray) -> Measured:
        return linear(linearised_mean(_gap(high, low)), c, fraction=is_fraction)

    def point(n: int) -> BestOfNPoint:
        chosen, best = answers.expected(n), answers.best(n)
        if is_fraction:
            # Rounding puts sums of chances a little outside of [0, 1].
            value = fraction_mean(np.clip(np.round(chosen, 14), 0.0, 1.0), c)
        else:
            value = linear(linearised_mean(chosen), c, fraction=False)
        regret = gap(best, chosen)
        # Of one answer nothing is chosen, and there is nothing to be unsure of.
        ends = regret.interval if n > 1 else None
        return BestOfNPoint(
            n=n,
            kl=best_of_n_kl(n),
            value=value.value,
            interval=value.interval,
            best=float(best.mean()),
            regret=max(regret.value, 0.0),
            regret_interval=ends and ends.clipped(0.0, np.inf),
        )

    last, peak_n = answers.last_n, answers.peak_n()
    points = {n: point(n) for n in sorted({*spaced(last), peak_n})}
    fall = gap(answers.expected(peak_n), answers.expected(last))
    ends = fall.interval if peak_n < last else None
    return BestOfNPoints(
        points=tuple(points.values()),
        peak=points[peak_n],
        fall=max(fall.value, 0.0),
        fall_interval=ends and ends.clipped(0.0, np.inf),
        is_fraction=is_fraction,
        n_examples=c.n_examples,
    )


def _gap(high: FloatArray, low: FloatArray) -> FloatArray:
    """What one lacks of the other, 0 where they differ by rounding alone; shape as theirs."""
    return np.where(np.isclose(high, low, rtol=1e-12, atol=1e-15), 0.0, high - low)


def spaced(last: int) -> list[int]:
    """The n that are drawn: all of a few, of many about ``ALL_N`` and every power of two.

    >>> spaced(4), spaced(1000)[:4], spaced(1000)[-1], len(spaced(1000))
    ([1, 2, 3, 4], [1, 2, 3, 4], 1000, 56)
    """
    if last <= ALL_N:
        return list(range(1, last + 1))
    evenly = {round(float(n)) for n in np.geomspace(1, last, ALL_N)}
    return sorted({*evenly, *powers_of_two(last)})


def powers_of_two(last: int) -> list[int]:
    """1, 2, 4 and so on, none above ``last``.

    >>> powers_of_two(11)
    [1, 2, 4, 8]
    """
    return [2**k for k in range(last.bit_length())]
