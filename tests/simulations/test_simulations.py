"""A few settings of the simulations, with room for the error of fewer draws."""

from __future__ import annotations

import pytest
from simulations.coverage import Cell, coverage, covered
from simulations.gates import Race, outcomes, power, rejected, share

pytestmark = pytest.mark.slow

REPLICATIONS = 800
ERROR = 0.024
"""Three standard errors of a share of .05 among 800."""


@pytest.mark.parametrize(
    "cell",
    [
        Cell("one", 100, 0.75, 1.0),
        Cell("one", 1000, 0.97, 1.0),
        Cell("nine", 999, 0.9, 3.0),
        Cell("geometric", 1000, 0.75, 3.0),
        Cell("zipf", 300, 0.9, 1.0),
    ],
    ids=str,
)
def test_intervals_hold_the_truth(cell):
    found = coverage(cell, REPLICATIONS, seed=7)
    for name, shares in found.items():
        assert 0.95 - ERROR <= covered(shares) <= 0.95 + ERROR, name


@pytest.mark.parametrize(("metric", "rule", "loss"), [("accuracy", "accuracy:2pp", 0.02),
                                                      ("nll", "nll:0.02", 0.02)])  # fmt: skip
def test_gates_keep_to_alpha_and_find_what_they_print(metric, rule, loss):
    equal = Race(metric, "geometric", 300, 0.75)
    assert rejected(equal.estimates(REPLICATIONS, 8)) <= 0.05 + ERROR
    at_limit = outcomes(Race(metric, "geometric", 300, 0.75, loss).estimates(REPLICATIONS, 9), rule)
    assert share(at_limit, "fail") <= 0.05 + ERROR
    assert share(at_limit, "pass") <= 0.05 + ERROR
    found = power(equal, rule, 2.5 * loss, REPLICATIONS)
    assert found["found"] == pytest.approx(0.8, abs=0.06)
