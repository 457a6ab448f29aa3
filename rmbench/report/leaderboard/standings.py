"""From evidence to ranks: of one column, and of the mean over several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from rmbench.metrics.arrays import FloatArray
from rmbench.metrics.intervals import CONFIDENCE
from rmbench.metrics.ranks import (
    bootstrap_errors,
    confidence_set,
    confidence_set_p,
    covariance,
    difference_error,
    rank_intervals,
)
from rmbench.report.leaderboard.evidence import Evidence

FEW_CLUSTERS = 30
"""Below it intervals and ranks lean on a normal approximation that may be poor."""

_Z = float(ndtri((1 + CONFIDENCE) / 2))


@dataclass(frozen=True)
class Standing:
    """Where one model stands among those of its column.

    Attributes:
        rank: 1 + the number of better models.
        low: Best rank of the 95 % interval.
        high: Worst rank of the 95 % interval.
        set_p: p in the model confidence set.
        in_best_set: Whether it cannot be told apart from the best.
        above_baseline: Whether the best content-blind baseline is surely worse; ``None``
            without a baseline.
    """

    rank: int
    low: int
    high: int
    set_p: float
    in_best_set: bool
    above_baseline: bool | None


@dataclass(frozen=True, eq=False)
class Standings:
    """Standings of a column.

    Attributes:
        of: By model; content-blind baselines have none.
        best_baseline: Key of the best baseline, if there is one.
        errors: float32, shape (n_models, draws); resampled errors in the order of the evidence,
            positive where a model came out better than it is.
    """

    of: dict[str, Standing]
    best_baseline: str | None
    errors: NDArray[np.float32]


@dataclass(frozen=True)
class MeanStanding:
    """One model's mean over several columns."""

    value: float
    low: float
    high: float
    standing: Standing | None


def stand(
    evidence: Evidence, blind: frozenset[str], *, seed: int, draws: int, name: str
) -> Standings:
    """Rank the models of a column.

    Args:
        evidence: Their values and influences.
        blind: Keys of content-blind baselines, which are compared with and not ranked.
        seed: Of the resamples.
        draws: Number of resamples.
        name: Sets the resamples of this column apart from those of others.
    """
    sign = 1.0 if evidence.higher_is_better else -1.0
    rng = np.random.default_rng([seed, crc32(name.encode())])
    sums = sign * evidence.sums
    errors = bootstrap_errors(sums, rng, draws)
    of, baseline = _standings(evidence.models, sign * evidence.values, sums, errors, blind)
    return Standings(of, baseline, errors)


def stand_by_mean(
    columns: Sequence[tuple[Evidence, Standings]], models: Sequence[str], blind: frozenset[str]
) -> dict[str, MeanStanding]:
    """Rank models by the unweighted mean over columns that all of them have.

    The columns' items are taken to be independent of each other. Higher is better in all.

    Args:
        columns: Each with every one of the models.
        models: Keys.
        blind: Those among them that are not ranked.
    """
    k = len(columns)
    places = [[e.models.index(m) for m in models] for e, _ in columns]
    values = sum(e.values[at] for (e, _), at in zip(columns, places, strict=True)) / k
    sums = np.vstack([e.sums[:, at] / k for (e, _), at in zip(columns, places, strict=True)])
    errors = np.zeros((len(models), columns[0][1].errors.shape[1]), dtype=np.float32)
    for (_, standings), at in zip(columns, places, strict=True):
        errors += standings.errors[at] / np.float32(k)
    of, _ = _standings(tuple(models), np.asarray(values), sums, errors, blind)
    half = [_Z * sqrt(v) for v in np.diag(covariance(sums)).tolist()]
    return {
        m: MeanStanding(float(v), max(0.0, v - h), min(1.0, v + h), of.get(m))
        for m, v, h in zip(models, np.asarray(values).tolist(), half, strict=True)
    }


def _standings(
    models: Sequence[str],
    values: FloatArray,
    sums: FloatArray,
    errors: NDArray[np.float32],
    blind: frozenset[str],
) -> tuple[dict[str, Standing], str | None]:
    ranked = [i for i, m in enumerate(models) if m not in blind]
    baselines = [i for i, m in enumerate(models) if m in blind]
    best = max(baselines, key=lambda i: float(values[i]), default=None)
    above = _above(values, sums, best) if best is not None else None
    of: dict[str, Standing] = {}
    if ranked:
        own = values[ranked], sums[:, ranked], errors[ranked]
        ranks, p = rank_intervals(*own), confidence_set_p(*own)
        inside = confidence_set(p)
        for at, i in enumerate(ranked):
            of[models[i]] = Standing(
                rank=int(ranks.rank[at]),
                low=int(ranks.low[at]),
                high=int(ranks.high[at]),
                set_p=float(p[at]),
                in_best_set=bool(inside[at]),
                above_baseline=None if above is None else bool(above[i]),
            )
    return of, None if best is None else models[best]


def _above(values: FloatArray, sums: FloatArray, baseline: int) -> NDArray[np.bool_]:
    """Which models are surely better than the baseline, by the statistic of the ranks."""
    error = difference_error(covariance(sums))[:, baseline]
    difference = values - values[baseline]
    spread = np.sqrt(error**2 + difference**2 / len(sums))
    above: NDArray[np.bool_] = difference > _Z * spread
    return above
