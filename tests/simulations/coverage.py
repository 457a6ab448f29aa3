"""How often the shipped intervals hold the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulations.worlds import Scorer, Sizes, World, cluster_sizes

from rmbench.compare.difference import paired_difference
from rmbench.metrics.base import MeasureContext
from rmbench.metrics.catalogue import ACCURACY
from rmbench.metrics.catalogue_calibration import BRIER, NLL
from rmbench.metrics.cluster_error import FEW_CLUSTERS, effective_clusters
from rmbench.metrics.views import Measured

METRICS = {"accuracy": ACCURACY, "nll": NLL, "brier": BRIER}
CONTEXT = MeasureContext()

ADVANTAGE = 0.02
"""How much more accurate the second scorer is, where there is room."""

MIN_CLUSTERS, MIN_ERRORS = 30, 5
"""Below these nothing is claimed of an interval."""


@dataclass(frozen=True)
class Cell:
    """One setting of the coverage table."""

    sizes: Sizes
    n: int
    accuracy: float
    scale: float

    @property
    def claimed(self) -> bool:
        """Whether there are enough clusters and expected errors."""
        size = cluster_sizes(self.sizes, self.n)
        return len(size) >= MIN_CLUSTERS and size.sum() * (1 - self.accuracy) >= MIN_ERRORS - 0.01

    @property
    def world(self) -> World:
        """Two scorers, the second a little better."""
        other = self.accuracy + ADVANTAGE if self.accuracy > 0.5 else 0.5
        accuracies = (self.accuracy, min(other, 0.98))
        return World(
            self.sizes, self.n, tuple(Scorer.of_accuracy(a, self.scale) for a in accuracies)
        )

    @property
    def facts(self) -> dict[str, Any]:
        """Numbers of pairs and prompts, and of the equal prompts they are worth at worst."""
        size = cluster_sizes(self.sizes, self.n)
        return {
            "pairs": int(size.sum()),
            "clusters": len(size),
            "effective": effective_clusters(size, 1.0),
        }

    @property
    def few(self) -> bool:
        """Whether the sizes of the prompts alone make its intervals say few clusters."""
        return bool(self.facts["effective"] < FEW_CLUSTERS)


@dataclass
class Tally:
    """How often an interval lay above the truth, below it, or did not exist."""

    above: int = 0
    below: int = 0
    absent: int = 0
    few: int = 0

    def add(self, ends: tuple[float, float] | None, truth: float, method: str | None) -> None:
        if ends is None:
            self.absent += 1
            return
        # The truth may be an end: both scorers may be equally good.
        self.above += ends[0] > truth + 1e-12
        self.below += ends[1] < truth - 1e-12
        self.few += method is not None and method.endswith("few clusters")


def coverage(cell: Cell, replications: int, seed: int = 1) -> dict[str, dict[str, float]]:
    """Shares of missing on either side, per metric and of the differences between two scorers."""
    world, found = cell.world, {k: Tally() for m in METRICS for k in (m, f"{m} difference")}
    first, second = (scorer.truth for scorer in world.scorers)
    for one, two in world.draws(replications, seed):
        for name, metric in METRICS.items():
            a, b = metric.measured(one, CONTEXT), metric.measured(two, CONTEXT)
            assert isinstance(a, Measured) and isinstance(b, Measured)  # noqa: PT018 - for mypy
            interval = a.interval
            ends = None if interval is None else (interval.low, interval.high)
            found[name].add(ends, first[name], interval and interval.method)
            difference = paired_difference(
                a, [b], one.group, higher_is_better=metric.higher_is_better, bounds=metric.range
            )
            assert difference is not None
            low, high = difference.fields.get("ci_low"), difference.fields.get("ci_high")
            found[f"{name} difference"].add(
                None if low is None else (low, high),
                second[name] - first[name],
                difference.fields.get("ci_method"),
            )
    return {
        name: {
            "above": t.above / replications,
            "below": t.below / replications,
            "absent": t.absent / replications,
            "few": t.few / replications,
        }
        for name, t in found.items()
    }


def covered(shares: dict[str, float]) -> float:
    """Share of intervals that held the truth; one that does not exist does not."""
    return 1 - shares["above"] - shares["below"] - shares["absent"]
