from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import expit

from rmbench.metrics import catalogue, catalogue_calibration
from rmbench.metrics.base import MeasureContext
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import clustered_standard_error, wilson
from rmbench.metrics.selective import selective_accuracy, selective_area

HALF = MeasureContext(ties="half")


def test_by_hand(from_margins):
    # By falling size: right, right, wrong, right.
    c = Comparisons.from_scores(from_margins([5.0, 1.0, -2.0, 4.0]))
    assert selective_accuracy(c, "half", 0.25).value == 1.0
    assert selective_accuracy(c, "half", 0.5).value == 1.0
    assert selective_accuracy(c, "half", 0.75).value == pytest.approx(2 / 3)
    # Half of the third comparison is inside.
    assert selective_accuracy(c, "half", 0.625).value == pytest.approx(2 / 2.5)
    assert selective_accuracy(c, "half", 1.0).value == 0.75


def test_equal_margins_enter_in_part(from_margins):
    c = Comparisons.from_scores(from_margins([1.0, 1.0, -1.0, -1.0, 0.5]))
    assert selective_accuracy(c, "half", 0.2).value == 0.5
    assert selective_accuracy(c, "half", 0.8).value == pytest.approx(0.5)


MARGINS = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=12)


@settings(max_examples=30)
@given(MARGINS)
def test_area_is_the_integral_of_the_curve(from_margins, margins):
    c = Comparisons.from_scores(from_margins(margins))
    found = selective_area(c, "half")
    steps = np.linspace(0, 1, len(margins) + 1)[1:]
    curve = sum(
        quad(lambda x: selective_accuracy(c, "half", x).value, max(b - 1 / len(margins), 1e-9), b)[
            0
        ]
        for b in steps
    )
    assert found.value == pytest.approx(curve, abs=1e-6)
    assert found.influence.sum() == pytest.approx(0.0, abs=1e-12)


@given(MARGINS, st.floats(0.01, 1.0))
def test_influences_sum_to_0_and_full_coverage_is_the_accuracy(from_margins, margins, coverage):
    c = Comparisons.from_scores(from_margins(margins))
    found = selective_accuracy(c, "half", coverage)
    assert found.influence.sum() == pytest.approx(0.0, abs=1e-9)
    assert 0 <= found.value <= 1
    whole = selective_accuracy(c, "half", 1.0)
    won = np.array([0.5 * (m == 0) + (m > 0) for m in margins])
    assert whole.value == pytest.approx(won.mean())
    assert whole.influence == pytest.approx((won - won.mean()) / len(won))


def test_confidence_that_says_nothing_leaves_the_accuracy(from_margins):
    rng = np.random.default_rng(1)
    margin = rng.uniform(1, 2, 20_000) * rng.choice([1, -1], 20_000, p=[0.7, 0.3])
    c = Comparisons.from_scores(from_margins(margin))
    assert selective_area(c, "half").value == pytest.approx(0.7, abs=0.02)


def test_errors_are_those_of_the_cluster_bootstrap(from_margins):
    rng = np.random.default_rng(2)
    n = 400
    groups = np.arange(n).repeat(2)
    size = np.abs(rng.normal(0, 2, n)).repeat(2) + rng.exponential(1, 2 * n)
    won = rng.random(2 * n) < expit(size)
    margin = np.where(won, size, -size)
    names = [str(g) for g in groups]
    c = Comparisons.from_scores(from_margins(margin, group=names))
    estimates = [
        lambda c: selective_accuracy(c, "half", 0.25),
        lambda c: selective_accuracy(c, "half", 0.5),
        lambda c: selective_accuracy(c, "half", 0.75),
        lambda c: selective_area(c, "half"),
    ]
    draws = []
    for _ in range(300):
        times = np.bincount(rng.integers(0, n, n), minlength=n)[groups]
        again = Comparisons.from_scores(from_margins(margin.repeat(times)))
        draws.append([estimate(again).value for estimate in estimates])
    for estimate, spread in zip(estimates, np.std(draws, axis=0), strict=True):
        error = clustered_standard_error(estimate(c).influence, groups)
        assert error == pytest.approx(spread, rel=0.2)


def test_cover_of_a_half(from_margins):
    """The truth by simulation of a scorer whose confidence is right."""
    rng = np.random.default_rng(3)

    def draw(n):
        size = rng.exponential(1.5, n)
        return np.where(rng.random(n) < expit(size), size, -size)

    many = draw(1_000_000)
    order = np.argsort(-np.abs(many))
    truth = (many[order[:500_000]] > 0).mean()
    hits = 0
    for _ in range(200):
        found = catalogue_calibration.SELECTIVE_ACCURACY_50(from_margins(draw(300)), HALF)
        hits += found.ci_low <= truth <= found.ci_high
    assert hits >= 180


def test_all_right_among_the_selected_is_wilson_on_the_selected(from_margins):
    margins = np.concatenate([np.full(20, 5.0), np.tile([1.0, -1.0], 10)])
    found = catalogue_calibration.SELECTIVE_ACCURACY_25(from_margins(margins), HALF)
    # The 10 of 40 are 10 of 20 that share a margin, and all of these bear witness.
    assert (found.value, found.n) == (1.0, 40)
    assert found.ci_low == wilson(20, 20).low
    apart = np.concatenate([np.arange(15.0, 5.0, -1.0), np.full(30, 1.0)])
    found = catalogue_calibration.SELECTIVE_ACCURACY_25(from_margins(apart), HALF)
    assert found.ci_low == wilson(10, 10).low


def test_a_coverage_outside_of_its_range_is_refused(from_margins):
    c = Comparisons.from_scores(from_margins([1.0]))
    for coverage in (0.0, 1.1):
        with pytest.raises(ValueError, match="coverage"):
            selective_accuracy(c, "half", coverage)


def test_it_needs_no_logits(from_margins):
    scores = from_margins([1.0, -0.5, 2.0])
    context = MeasureContext(margins_are_logits=False)
    assert catalogue_calibration.SELECTIVE_ACCURACY_AREA(scores, context).value is not None
    assert catalogue.ACCURACY(scores, context).value == pytest.approx(2 / 3)
