"""Made-up preference sets with known truth: clusters of unequal size, two scorers, any accuracy.

Pair i has a latent margin l_i, normal with a part that its prompt's pairs share. A scorer
favours the right answer with probability sigmoid(|l_i|), so that margins of size |l_i| are
calibrated; an over-confident scorer's are three times as large. Which answer is right is drawn
through normals that prompts share as well, so outcomes of one prompt go together even at equal
margins. Two scorers of one world share most of both. Expectations are integrals over one normal
variable, taken with Gauss-Hermite quadrature.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, ndtr

from rmbench.metrics.comparisons import Comparisons

Sizes = Literal["one", "nine", "geometric", "zipf", "zipf, 10 %"]
Floats = NDArray[np.float64]

SPREAD = 1.5
"""Standard deviation of the latent margins, unless the accuracy asks for less."""

SHARED_BY_PROMPT = 0.3
"""Correlation of two pairs of one prompt, of latent margins and of outcomes' normals."""

SHARED_BY_SCORERS = 0.7
"""Correlation of two scorers on one pair, of the same two things."""

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(300)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


def cluster_sizes(kind: Sizes, n: int) -> NDArray[np.int64]:
    """How many pairs each prompt has; they sum to n, or with nine each to just below it."""
    if kind == "one":
        return np.ones(n, dtype=np.int64)
    if kind == "nine":
        return np.full(n // 9, 9, dtype=np.int64)
    rng, sizes = np.random.default_rng(5), list[int]()
    most = n // (10 if kind == "zipf, 10 %" else 20)
    while (left := n - sum(sizes)) > 0:
        drawn = int(rng.geometric(1 / 3)) if kind == "geometric" else int(rng.zipf(2.0))
        sizes.append(min(drawn, left, n if kind == "geometric" else most))
    return np.array(sizes, dtype=np.int64)


@dataclass(frozen=True)
class Scorer:
    """How good a scorer is: where its latent margins lie.

    Attributes:
        centre: Mean of the latent margins.
        spread: Their standard deviation; 0 where it knows nothing.
        scale: 1: calibrated, 3: over-confident.
    """

    centre: float
    spread: float
    scale: float

    @classmethod
    def of_accuracy(cls, accuracy: float, scale: float) -> Scorer:
        """The scorer that is right with that probability."""
        if accuracy == 0.5:
            return cls(0.0, 0.0, scale)

        def excess(centre: float, spread: float) -> float:
            return float(_WEIGHTS @ expit(np.abs(centre + spread * _NODES))) - accuracy

        if excess(0.0, SPREAD) > 0:
            return cls(0.0, float(brentq(lambda s: excess(0.0, s), 1e-6, SPREAD)), scale)
        return cls(float(brentq(lambda c: excess(c, SPREAD), 0.0, 60.0)), SPREAD, scale)

    def sizes_and_chances(self, z: Floats) -> tuple[Floats, Floats]:
        """Size of the margin, and chance of being right, at standard normal z."""
        if self.spread == 0:
            return self.scale * np.abs(z), np.full(z.shape, 0.5)
        latent = np.abs(self.centre + self.spread * z)
        return self.scale * latent, expit(latent)

    @cached_property
    def truth(self) -> dict[str, float]:
        """Expected accuracy, NLL and Brier score."""
        size, right = self.sizes_and_chances(_NODES)

        def expected(if_right: Floats, if_wrong: Floats) -> float:
            return float(_WEIGHTS @ (right * if_right + (1 - right) * if_wrong))

        return {
            "accuracy": expected(np.ones_like(size), np.zeros_like(size)),
            "nll": expected(np.logaddexp(0, -size), np.logaddexp(0, size)),
            "brier": expected(expit(-size) ** 2, expit(size) ** 2),
        }

    def worse_by(self, metric: str, loss: float) -> Scorer:
        """The less accurate scorer of the same scale that loses that much on a metric."""
        if loss == 0:
            return self
        sign = 1.0 if metric == "accuracy" else -1.0

        def excess(accuracy: float) -> float:
            other = Scorer.of_accuracy(accuracy, self.scale)
            return sign * (self.truth[metric] - other.truth[metric]) - loss

        accuracy = float(brentq(excess, 0.505, self.truth["accuracy"] - 1e-9, xtol=1e-10))
        return Scorer.of_accuracy(accuracy, self.scale)


@dataclass(frozen=True)
class World:
    """Prompts of given sizes and one or two scorers."""

    sizes: Sizes
    n: int
    scorers: tuple[Scorer, ...]

    @cached_property
    def cluster(self) -> NDArray[np.int64]:
        """The prompt of each pair."""
        size = cluster_sizes(self.sizes, self.n)
        return np.repeat(np.arange(len(size)), size)

    @cached_property
    def template(self) -> Comparisons:
        """The pairs, all rewards 0."""
        n = len(self.cluster)
        zeros, ones = np.zeros(n, dtype=np.int64), np.ones(n, dtype=np.int64)
        return Comparisons(
            example=np.arange(n), reward_chosen=np.zeros(n), reward_rejected=np.zeros(n),
            chars_chosen=ones, chars_rejected=ones, index_chosen=zeros, index_rejected=zeros,
            id=np.arange(n).astype(str), subset=np.full(n, "all"), group=self.cluster,
            preference=np.ones(n), truncated=np.zeros(n, dtype=bool), n_chosen=ones,
            n_rejected=ones,
        )  # fmt: skip

    def draws(self, replications: int, seed: int) -> Iterator[tuple[Comparisons, ...]]:
        """Independent data sets: each scorer's comparisons on the same pairs."""
        rng, left = np.random.default_rng(seed), replications
        at_once = max(1, 400_000 // len(self.cluster))
        while left > 0:
            rows = min(left, at_once)
            left -= rows
            margins = self._margins(rows, rng)
            for row in range(rows):
                yield tuple(replace(self.template, reward_chosen=m[row]) for m in margins)

    def _margins(self, rows: int, rng: np.random.Generator) -> list[Floats]:
        """Margins of each scorer; each of shape (rows, n)."""
        many = len(self.scorers) > 1
        common = [self._normals(rows, rng) for _ in range(2)] if many else []
        found = []
        for scorer in self.scorers:
            latent, chance = (self._normals(rows, rng) for _ in range(2))
            if many:
                part = SHARED_BY_SCORERS
                latent = sqrt(part) * common[0] + sqrt(1 - part) * latent
                chance = sqrt(part) * common[1] + sqrt(1 - part) * chance
            size, right = scorer.sizes_and_chances(latent)
            found.append(np.where(ndtr(chance) < right, size, -size))
        return found

    def _normals(self, rows: int, rng: np.random.Generator) -> Floats:
        """Standard normals that a prompt's pairs share in part; shape (rows, n)."""
        shared = rng.standard_normal((rows, int(self.cluster[-1]) + 1))[:, self.cluster]
        own = rng.standard_normal((rows, len(self.cluster)))
        return sqrt(SHARED_BY_PROMPT) * shared + sqrt(1 - SHARED_BY_PROMPT) * own
