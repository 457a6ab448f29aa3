"""Intervals cover and gates keep their promises, on simulated data; the whole table is in docs.

Seeds are fixed. A share p of R data sets is allowed three standard errors, sqrt(p (1 - p) / R),
beyond what is claimed.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from simulations.coverage import Cell, coverage, covered
from simulations.gates import Race, outcomes, power, rejected, share
from simulations.worlds import Scorer, World, cluster_sizes

REPLICATIONS = 1000


def noise(p: float, replications: int = REPLICATIONS) -> float:
    return 3 * sqrt(p * (1 - p) / replications)


# ---- the worlds are what they say ----


@pytest.mark.parametrize("scale", [1.0, 3.0])
@pytest.mark.parametrize("accuracy", [0.5, 0.6, 0.9, 0.97])
def test_a_world_has_the_values_it_claims(accuracy, scale):
    scorer = Scorer.of_accuracy(accuracy, scale)
    assert scorer.truth["accuracy"] == pytest.approx(accuracy, abs=1e-9)
    (margin,) = World("one", 400_000, (scorer,))._margins(1, np.random.default_rng(0))
    losses = {
        "accuracy": (margin[0] > 0).astype(float),
        "nll": np.logaddexp(0, -margin[0]),
        "brier": (1 / (1 + np.exp(np.clip(margin[0], -700, 700)))) ** 2,
    }
    for name, loss in losses.items():
        error = loss.std() / sqrt(len(loss))
        assert scorer.truth[name] == pytest.approx(loss.mean(), abs=4 * error), name


def test_a_calibrated_scorer_loses_least_at_its_own_scale():
    """The NLL of margins that are logits grows when they are scaled either way."""
    centre, spread = Scorer.of_accuracy(0.8, 1.0).centre, Scorer.of_accuracy(0.8, 1.0).spread
    nll = [Scorer(centre, spread, scale).truth["nll"] for scale in (0.8, 1.0, 1.25)]
    assert nll[1] < min(nll[0], nll[2])


@pytest.mark.parametrize("metric", ["accuracy", "nll"])
def test_a_worse_scorer_is_worse_by_that_much(metric):
    better = Scorer.of_accuracy(0.85, 1.0)
    worse = better.worse_by(metric, 0.03)
    sign = 1 if metric == "accuracy" else -1
    assert sign * (better.truth[metric] - worse.truth[metric]) == pytest.approx(0.03, abs=1e-6)


@pytest.mark.parametrize("kind", ["one", "geometric", "zipf", "zipf, 10 %"])
def test_sizes_add_up(kind):
    size = cluster_sizes(kind, 1000)
    assert size.sum() == 1000
    assert size.min() >= 1
    assert (kind == "one") == (size.max() == 1)


# ---- intervals ----


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell",
    [
        Cell("one", 100, 0.75, 3.0),
        Cell("one", 1000, 0.97, 1.0),
        Cell("one", 5000, 0.9, 3.0),
        Cell("nine", 300, 0.5, 3.0),
        Cell("nine", 1000, 0.97, 3.0),
        Cell("nine", 300, 0.97, 3.0),
        Cell("one", 300, 0.97, 3.0),
        Cell("geometric", 1000, 0.75, 1.0),
        Cell("geometric", 1000, 0.97, 3.0),
    ],
    ids=str,
)
def test_95_percent_intervals_cover_93_to_97(cell):
    assert cell.claimed
    assert not cell.few
    for name, shares in coverage(cell, REPLICATIONS).items():
        assert shares["absent"] == 0, name
        assert 0.93 - noise(0.93) <= covered(shares) <= 0.97 + noise(0.97), (name, shares)


@pytest.mark.parametrize("sizes", ["geometric", "zipf", "zipf, 10 %"])
def test_intervals_say_where_a_few_prompts_are_most_of_the_data(sizes):
    """Where the page shows them to cover too little, all of them carry it in their method."""
    cell = Cell(sizes, 300, 0.9, 3.0)
    assert cell.few
    for name, shares in coverage(cell, 20).items():
        assert shares["few"] == 1, name


def test_where_prompts_are_worth_enough_the_outcomes_seldom_say_few_clusters():
    """If they often did, those that do not would be the ones that are too narrow."""
    cell = Cell("geometric", 1000, 0.9, 3.0)
    assert not cell.few
    for name, shares in coverage(cell, 40).items():
        assert shares["few"] <= 0.05, name


# ---- tests and gates ----

RACES = [
    Race("accuracy", "one", 300, 0.9),
    Race("accuracy", "nine", 1000, 0.75),
    Race("nll", "one", 300, 0.75),
    Race("nll", "geometric", 300, 0.9),
]
RULES = {"accuracy": ("accuracy:2pp", 0.02), "nll": ("nll:0.02", 0.02)}


@pytest.mark.slow
@pytest.mark.parametrize("race", RACES, ids=str)
def test_equal_scorers_are_seldom_told_apart(race):
    assert rejected(race.estimates(REPLICATIONS, 3)) <= 0.05 + noise(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("race", RACES, ids=str)
def test_gates_are_wrong_at_the_limit_as_rarely_as_they_say(race):
    rule, loss = RULES[race.metric]
    worse = Race(race.metric, race.sizes, race.n, race.accuracy, loss)
    answers = outcomes(worse.estimates(REPLICATIONS, 4), rule)
    assert share(answers, "fail") <= 0.05 + noise(0.05)
    assert share(answers, "pass") <= 0.05 + noise(0.05)
    assert share(answers, "error") == 0


@pytest.mark.slow
@pytest.mark.parametrize("race", RACES, ids=str)
def test_gates_find_the_loss_they_say_they_find(race):
    rule, loss = RULES[race.metric]
    found = power(race, rule, 2.5 * loss, REPLICATIONS)["found"]
    assert found == pytest.approx(0.8, abs=0.03 + noise(0.8))
