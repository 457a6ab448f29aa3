"""How often tests and gates that should stay silent speak, and how often they find a loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gate_examples import comparison
from simulations.coverage import CONTEXT, METRICS
from simulations.worlds import Scorer, Sizes, World

from rmbench.compare.difference import paired_difference
from rmbench.gate import judge, read_rules
from rmbench.metrics.paired import sign_flip_tests
from rmbench.metrics.views import Measured
from rmbench.result import GateOutcome, PairedEstimate

ALPHA = 0.05


@dataclass(frozen=True)
class Race:
    """A baseline, and a candidate that is worse by ``loss`` on one metric.

    Attributes:
        loss: True loss in the metric's unit; 0 for two scorers that are equally good.
    """

    metric: str
    sizes: Sizes
    n: int
    accuracy: float
    loss: float = 0.0
    scale: float = 1.0

    @property
    def world(self) -> World:
        """The two scorers on the same pairs, the baseline first."""
        baseline = Scorer.of_accuracy(self.accuracy, self.scale)
        return World(self.sizes, self.n, (baseline, baseline.worse_by(self.metric, self.loss)))

    def estimates(self, replications: int, seed: int) -> list[PairedEstimate]:
        """What ``rmbench compare`` finds in each of many data sets."""
        metric = METRICS[self.metric]
        differences = []
        for one, two in self.world.draws(replications, seed):
            a, b = metric.measured(one, CONTEXT), metric.measured(two, CONTEXT)
            assert isinstance(a, Measured) and isinstance(b, Measured)  # noqa: PT018 - for mypy
            found = paired_difference(
                a, [b], one.group, higher_is_better=metric.higher_is_better, bounds=metric.range
            )
            assert found is not None
            differences.append(found)
        columns = [d.flips for d in differences if d.flips is not None]
        if columns:
            tests = iter(sign_flip_tests(np.stack(columns, axis=1), np.random.default_rng(seed)))
            for d in differences:
                if d.flips is not None:
                    d.fields["p"] = next(tests).p_value
        return [
            PairedEstimate(
                metric=metric.name, unit=metric.unit, higher_is_better=metric.higher_is_better,
                baseline=d.baseline, candidate=d.candidate, difference=d.value, n=d.n,
                n_clusters=d.n_clusters, verdict="inconclusive", **d.fields,
            )
            for d in differences
        ]  # fmt: skip


def rejected(estimates: list[PairedEstimate]) -> float:
    """Share of two-sided p-values below 5 %."""
    return float(np.mean([e.p is not None and e.p < ALPHA for e in estimates]))


def outcomes(estimates: list[PairedEstimate], allowed: str) -> list[GateOutcome]:
    """The gate's answers to a rule with an allowed loss, such as "accuracy:2pp"."""
    rules = read_rules([allowed], None)
    return [judge(rules, [comparison(e)], strict=False).outcomes[0] for e in estimates]


def share(found: list[GateOutcome], status: Any) -> float:
    """Share of one status among the answers."""
    return float(np.mean([o.status == status for o in found]))


def power(race: Race, allowed: str, loss: float, replications: int) -> dict[str, float]:
    """The loss that the gate says it finds with 80 % power, and how often it does.

    The printed loss differs a little from data set to data set. Its median, among data sets of
    a loss near it, is made the true one.
    """
    detectable = loss
    for seed in (11, 12):
        pilot = Race(race.metric, race.sizes, race.n, race.accuracy, detectable, race.scale)
        answers = outcomes(pilot.estimates(400, seed), allowed)
        detectable = float(np.median([o.detectable for o in answers if o.detectable is not None]))
    final = Race(race.metric, race.sizes, race.n, race.accuracy, detectable, race.scale)
    answers = outcomes(final.estimates(replications, 13), allowed)
    return {"detectable": detectable, "found": share(answers, "fail")}
