from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmbench.report.bars import (
    ACCURACY_SCALE,
    bar,
    scale_about_zero,
    scale_around,
    scale_from_zero,
)
from rmbench.report.overview import arrange
from rmbench.report.page import build_page
from rmbench.result import Estimate, Result, StoredRun

FINITE = st.floats(min_value=-1e6, max_value=1e6)


def _estimate(value: float | None, low: float | None = None, high: float | None = None) -> Estimate:
    reason = "no" if value is None else None
    return Estimate(metric="x", value=value, ci_low=low, ci_high=high, n=1, unit="1", reason=reason)


def test_a_bar_starts_at_the_origin_and_ends_at_its_value() -> None:
    drawn = bar(_estimate(0.62, 0.57, 0.67), ACCURACY_SCALE)
    assert drawn is not None
    assert (drawn.left, drawn.width, drawn.value) == (0.0, 62.0, 62.0)
    assert (drawn.ci_left, drawn.ci_width) == (57.0, 10.0)


def test_bars_of_negative_values_grow_to_the_left() -> None:
    values = [_estimate(-1.0, -2.0, 0.0), _estimate(0.5)]
    scale = scale_about_zero(values)
    drawn = bar(values[0], scale)
    assert drawn is not None
    assert drawn.left + drawn.width == pytest.approx(50.0)
    assert drawn.ci_left == pytest.approx(50 - 100 / 2.1, abs=0.01)


def test_what_is_undefined_has_no_bar() -> None:
    assert bar(_estimate(None), ACCURACY_SCALE) is None
    assert bar(None, ACCURACY_SCALE) is None
    drawn = bar(_estimate(0.5), ACCURACY_SCALE)
    assert drawn is not None
    assert drawn.ci_left is None


@given(st.lists(st.tuples(FINITE, FINITE, FINITE)))
def test_nothing_leaves_the_track(triples: list[tuple[float, float, float]]) -> None:
    values = [_estimate(sorted(t)[1], min(t), max(t)) for t in triples]
    for scale in (scale_about_zero(values), scale_from_zero(values, "1")):
        for drawn in (bar(e, scale) for e in values):
            assert drawn is not None
            assert drawn.ci_left is not None
            assert drawn.ci_width is not None
            for start, width in ((drawn.left, drawn.width), (drawn.ci_left, drawn.ci_width)):
                assert 0 <= start <= 100
                assert width >= -1e-9
                assert start + width <= 100.01


@given(st.lists(st.tuples(FINITE, FINITE, FINITE).map(sorted), max_size=4))
def test_a_scale_around_values_holds_them_and_zero(values: list[list[float]]) -> None:
    estimates = [_estimate(v, low, high) for low, v, high in values]
    scale = scale_around(estimates)
    assert scale.low <= 0.0 <= scale.high
    assert scale.low < scale.high
    for low, _, high in values:
        assert scale.low <= low
        assert high <= scale.high
    places = [t.at for t in scale.ticks]
    assert {0.0, 100.0} <= set(places)
    assert scale.percent(0.0) in places


def test_gold_is_drawn_on_a_scale_of_its_own(
    runs: list[StoredRun], pairs_result: Callable[..., Result]
) -> None:
    def graded(name: str, value: float) -> Result:
        gold = Estimate(metric="best_of_n_gold", value=value, n=40, unit="gold")
        result = pairs_result(name)
        estimates = (gold, *result.estimates)
        return result.model_copy(update={"estimates": estimates, "scores_sha256": None})

    results = [graded("a", 6.0), graded("b", -2.0)]
    stored = [StoredRun(runs[0].path, r) for r in results]
    card = build_page(arrange(results), stored, None).cards[0]
    assert card.subtitle.startswith("gold, best of all")
    assert [r.value for r in card.rows] == ["6.00", "−2.00"]
    assert [(t.at, t.label, t.is_reference) for t in card.scale.ticks] == [
        (0.0, "−2.00", False), (25.0, "0", True), (100.0, "6.00", False)
    ]  # fmt: skip
    first = card.rows[0].bar
    assert first is not None
    assert (first.left, first.width) == (25.0, 75.0)


@pytest.mark.parametrize(
    ("headline", "has_chance_line"),
    [("accuracy", True), ("best_of_n_accuracy", False)],
    ids=["pairs", "best of N"],
)
def test_best_of_n_scores_have_no_coin_flip_line(
    runs: list[StoredRun],
    pairs_result: Callable[..., Result],
    headline: str,
    has_chance_line: bool,
) -> None:
    """A score of RewardBench 2's kind has a chance of one in four, not of one half."""
    result = pairs_result("a", accuracy=0.7)
    extra = tuple(
        Estimate(metric=m, value=0.7, n=40, unit="fraction")
        for m in ("score", "best_of_n_accuracy")
    )
    suite = result.suite.model_copy(update={"headline": headline})
    result = result.model_copy(update={"estimates": (*extra, *result.estimates), "suite": suite})
    stored = StoredRun(runs[0].path, result.model_copy(update={"scores_sha256": None}))
    card = build_page(arrange([result]), [stored], None).cards[0]
    assert card.subtitle.startswith("score")
    assert any(t.is_reference for t in card.scale.ticks) == has_chance_line
