"""Selective accuracy: how often the scorer is right where its margins are largest.

Comparisons are ranked by |margin|, largest first. Accuracy at coverage x is that of the
first share x of them; equal margins at the cut-off enter in part, as if drawn by lot. It
asks nothing of the margins' scale, so it is defined for every scorer.

Sources: El-Yaniv and Wiener 2010 (risk against coverage); Geifman and El-Yaniv 2017.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rmbench.metrics.accuracy import outcomes
from rmbench.metrics.arrays import BoolArray, FloatArray, IntArray
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import Linearised
from rmbench.types import TiePolicy

_ROUNDING = 1e-12
"""Influences below are what is left of 0."""

WINDOW = 0.05
"""Share of the comparisons on each side of a cut-off that estimates the accuracy at it."""


def selective_accuracy(decided: Comparisons, ties: TiePolicy, coverage: float) -> Linearised:
    """Accuracy of the comparisons of largest |margin| that make up ``coverage`` of all.

    The cut-off moves with the sample, which adds to the error: a comparison k contributes

        (1 / x) * (in_k * (a_k - c) - x * (A - c))

    with c the accuracy around the cut-off, estimated from ``WINDOW`` on both sides (the
    influence of a trimmed mean).

    Args:
        decided: ``Comparisons.decided``, at least one example.
        ties: What equal rewards count.
        coverage: x, in (0, 1].

    Raises:
        ValueError: If the coverage is not in (0, 1].
    """
    if not 0 < coverage <= 1:
        raise ValueError(f"expected a coverage in (0, 1], got {coverage}")
    ranked = _Ranked.of(decided, ties)
    inside = np.clip((coverage - ranked.start) / ranked.mass, 0.0, 1.0)
    value = round(float((ranked.mass * inside) @ ranked.accuracy) / coverage, 14)
    around = ranked.mean_between(max(0.0, coverage - WINDOW), min(1.0, coverage + WINDOW))
    at = inside[ranked.level] * (ranked.outcome - around)
    influence = at / coverage - (value - around)
    found = _over_examples(decided, value, influence)
    # Where all that are selected are right, it is they who bear witness, not the others too.
    selected = decided.example_sum((inside[ranked.level] > 0).astype(np.float64)) > 0
    return replace(found, used=selected | (np.abs(found.influence) > _ROUNDING))


def selective_area(decided: Comparisons, ties: TiePolicy) -> Linearised:
    """Mean of the selective accuracy over all coverages in (0, 1].

    Exchanging the order of integration makes it a weighted mean of outcomes, the one at rank
    u (0 most confident) weighing -ln u; 1 if every comparison is right, the accuracy
    if confidence says nothing of being right.

    Args:
        decided: ``Comparisons.decided``, at least one example.
        ties: What equal rewards count.
    """
    ranked = _Ranked.of(decided, ties)
    mean_log = ranked.mean_minus_log
    value = float((ranked.mass * ranked.accuracy) @ mean_log)
    # Taking comparison k in moves all less confident ones down the ranks, which costs
    # the integral of accuracy(u) / u from its rank on.
    later = ranked.accuracy * ranked.log_width
    below = np.cumsum(later[::-1])[::-1] - later
    own = ranked.accuracy * (np.log(ranked.stop) + mean_log)
    influence = ranked.outcome * mean_log[ranked.level] - (below + own)[ranked.level]
    weight = decided.weight / decided.weight.sum()
    return _over_examples(decided, value, influence - weight @ influence)


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Comparisons by falling |margin|, those of one size sharing a level.

    ``level`` and ``outcome`` are per comparison; ``mass`` (share of the weight), ``start``
    and ``stop`` (shares before it, and with it) and ``accuracy`` per level.
    """

    level: IntArray
    outcome: FloatArray
    mass: FloatArray
    start: FloatArray
    stop: FloatArray
    accuracy: FloatArray

    @classmethod
    def of(cls, decided: Comparisons, ties: TiePolicy) -> _Ranked:
        won = outcomes(decided.margin, ties)
        _, level = np.unique(-np.abs(decided.margin), return_inverse=True)
        weight = np.bincount(level, weights=decided.weight)
        right = np.bincount(level, weights=decided.weight * won)
        total = np.cumsum(weight)
        return cls(
            level=level,
            outcome=won,
            mass=weight / total[-1],
            start=(total - weight) / total[-1],
            stop=total / total[-1],
            accuracy=right / weight,
        )

    @property
    def _first(self) -> BoolArray:
        first: BoolArray = np.arange(len(self.mass)) == 0
        return first

    @property
    def mean_minus_log(self) -> FloatArray:
        """Mean of -ln u over the ranks u of each level."""
        primitive_stop = self.stop - self.stop * np.log(self.stop)
        start = np.where(self._first, 1.0, self.start)
        primitive_start = np.where(self._first, 0.0, start - start * np.log(start))
        mean: FloatArray = (primitive_stop - primitive_start) / self.mass
        return mean

    @property
    def log_width(self) -> FloatArray:
        """ln(stop / start) of each level; 0 for the first, which no level stands before."""
        start = np.where(self._first, self.stop, self.start)
        return np.log(self.stop / start)

    def mean_between(self, low: float, high: float) -> float:
        """Mean outcome of the ranks from ``low`` to ``high``."""
        overlap = np.clip(np.minimum(self.stop, high) - np.maximum(self.start, low), 0.0, None)
        return float(overlap @ self.accuracy / overlap.sum())


def _over_examples(decided: Comparisons, value: float, influence: FloatArray) -> Linearised:
    weight = decided.weight / decided.weight.sum()
    used = np.ones(decided.n_examples, dtype=np.bool_)
    return Linearised(min(value, 1.0), decided.example_sum(weight * influence), used)
