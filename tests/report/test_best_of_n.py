"""Best-of-n curves in the report: their points, their drawings, their words."""

from __future__ import annotations

import gzip
import json
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmbench.metrics import catalogue
from rmbench.metrics.base import MeasureContext
from rmbench.metrics.best_of_n import best_of_n_curve
from rmbench.report import best_of_n_plot
from rmbench.report.best_of_n import BestOfNPoints, best_of_n_points, spaced
from rmbench.report.best_of_n_figure import NamedCurve, best_of_n_figure, overlay_figure
from rmbench.report.best_of_n_plot import apart, n_ticks
from rmbench.report.html import render_html
from rmbench.result import Result, write_run
from rmbench.types import Message, PreferenceExample, ScoredBatch, Scores

METRICS = (
    catalogue.BEST_OF_1_GOLD,
    catalogue.BEST_OF_2_GOLD,
    catalogue.BEST_OF_4_GOLD,
    catalogue.BEST_OF_8_GOLD,
    catalogue.BEST_OF_2_GOLD_REGRET,
    catalogue.BEST_OF_4_GOLD_REGRET,
    catalogue.GOLD_PEAK_N,
    catalogue.GOLD_FALL,
)
SHARES = (
    catalogue.BEST_OF_1_ACCURACY,
    catalogue.BEST_OF_2_ACCURACY,
    catalogue.BEST_OF_4_ACCURACY,
    catalogue.BEST_OF_2_REGRET,
    catalogue.BEST_OF_4_REGRET,
)
HACKABLE = 0.35
"""Share of bad answers that the made-up reward takes for the best."""


def scores_of(reward: np.ndarray, gold: np.ndarray | None, chosen: int = 1) -> Scores:
    """Rewards of shape (n_prompts, N); the first ``chosen`` answers are the right ones."""
    n, size = reward.shape
    examples = [
        PreferenceExample(
            f"e{i}", (Message("user", f"q{i}"),), ("a",) * chosen, ("b",) * (size - chosen),
            group=f"g{i}", gold=None if gold is None else tuple(gold[i].tolist()),
        )
        for i in range(n)
    ]  # fmt: skip
    flat = reward.ravel().astype(float)
    return Scores.from_batch(
        examples, ScoredBatch(flat, np.zeros(n * size, int), np.zeros(n * size, bool))
    )


def result_of(like: Result, scores: Scores, metrics=METRICS, **more) -> Result:
    estimates = tuple(m(scores, MeasureContext()) for m in metrics)
    return like.model_copy(update={"estimates": estimates, **more})


@pytest.fixture(scope="module")
def like(pairs_result) -> Result:
    return pairs_result("tiny-rm")


def worlds(prompts: int = 60, size: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """A reward that follows the gold, but puts some bad answers above all good ones."""
    draw = np.random.default_rng(4)
    gold = draw.normal(size=(prompts, size))
    hacked = (draw.random(gold.shape) < HACKABLE) & (gold < 0)
    return np.where(hacked, 5 - gold, gold), gold


@pytest.fixture(scope="module")
def overoptimised(like: Result) -> BestOfNPoints:
    reward, gold = worlds()
    scores = scores_of(reward, gold)
    found = best_of_n_points(scores, result_of(like, scores))
    assert found is not None
    return found


@pytest.mark.parametrize("is_fraction", [False, True])
def test_points_are_the_results_own_estimates(like: Result, is_fraction: bool) -> None:
    """The metrics of a suite, computed by other code, have the values and the intervals."""
    reward, gold = worlds()
    scores = scores_of(np.round(reward), None if is_fraction else gold, chosen=2)
    result = result_of(like, scores, SHARES if is_fraction else METRICS)
    curve = best_of_n_points(scores, result)
    assert curve is not None
    assert curve.is_fraction == is_fraction
    by_n = {p.n: p for p in curve.points}
    assert list(by_n) == list(range(1, 10))
    kind = "accuracy" if is_fraction else "gold"
    seen = 0
    for e in result.estimates:
        regret = re.fullmatch(r"best_of_(\d+)(?:_gold)?_regret", e.metric)
        value = re.fullmatch(rf"best_of_(\d+)_{kind}", e.metric)
        if regret:
            point = by_n[int(regret[1])]
            found, interval = point.regret, point.regret_interval
        elif value:
            point = by_n[int(value[1])]
            found, interval = point.value, point.interval
        else:
            continue
        seen += 1
        assert found == pytest.approx(e.value, abs=1e-12), e.metric
        assert interval is not None
        assert (interval.low, interval.high) == pytest.approx((e.ci_low, e.ci_high), abs=1e-9)
    assert seen == (5 if is_fraction else 6)
    if not is_fraction:
        assert curve.peak.n == result.estimate("gold_peak_n").value
        assert curve.fall == pytest.approx(result.estimate("gold_fall").value)


def test_the_best_possible_of_every_subset_written_out(overoptimised: BestOfNPoints) -> None:
    _, gold = worlds()
    for p in (overoptimised.points[1], overoptimised.points[3]):
        picks = [max(row[list(s)]) for row in gold for s in combinations(range(9), p.n)]
        assert p.best == pytest.approx(np.mean(picks))
    first, last = overoptimised.points[0], overoptimised.points[-1]
    assert (first.kl, first.regret) == (0.0, 0.0)
    assert first.value == pytest.approx(gold.mean())
    assert last.kl == pytest.approx(np.log(9) - 8 / 9)
    assert last.best == pytest.approx(gold.max(axis=1).mean())


def test_what_falls_beyond_chance_is_drawn_in_another_colour(
    overoptimised: BestOfNPoints, like: Result
) -> None:
    assert 1 < overoptimised.peak.n < 9
    assert overoptimised.falls
    figure = best_of_n_figure(overoptimised, "p")
    assert "var(--wrong)" in figure.svg
    assert ("fall", "loses after it") in figure.legend
    assert figure.caption.endswith("the peak’s n taken as given.")
    assert "Over-optimised: beyond n = " in figure.caption
    _, gold = worlds()
    rising = scores_of(gold, gold)
    curve = best_of_n_points(rising, result_of(like, rising))
    assert curve is not None
    assert (curve.peak.n, curve.fall, curve.fall_interval) == (9, 0.0, None)
    assert all(p.regret == 0 for p in curve.points)
    figure = best_of_n_figure(curve, "p")
    assert "var(--wrong)" not in figure.svg
    assert figure.caption.endswith("Still rising at the last n, 9.")


def test_a_fall_that_may_be_chance_is_said_to_be(like: Result) -> None:
    # Gold of two prompts: one falls by 2 from n = 1 on, the other rises by 1.9.
    gold = np.array([[2.0, 0.0], [0.0, 1.9]])
    scores = scores_of(np.array([[0.0, 1.0], [0.0, 1.0]]), gold)
    curve = best_of_n_points(scores, result_of(like, scores))
    assert curve is not None
    assert curve.peak.n == 1
    assert curve.fall == pytest.approx(0.025)
    assert not curve.falls
    figure = best_of_n_figure(curve, "p")
    assert "may be chance" in figure.caption
    assert "var(--wrong)" not in figure.svg


def test_the_table_holds_what_is_drawn(overoptimised: BestOfNPoints, like: Result) -> None:
    table = best_of_n_figure(overoptimised, "p").table
    assert [row[0] for row in table.rows] == [str(n) for n in range(1, 10)]
    assert all(len(row) == len(table.header) for row in table.rows)
    assert table.rows[0][1] == "0.00"
    assert table.rows[8][1] == "1.31"
    many = np.random.default_rng(0).normal(size=(3, 200))
    scores = scores_of(many, many)
    curve = best_of_n_points(scores, result_of(like, scores))
    assert curve is not None
    rows = [row[0] for row in best_of_n_figure(curve, "p").table.rows]
    assert rows == ["1", "2", "4", "8", "16", "32", "64", "128", "200"]
    assert len(curve.points) < 80


def test_no_best_of_n_no_curve(like: Result) -> None:
    reward, gold = worlds(4, 3)
    scores = scores_of(reward, gold)
    assert best_of_n_points(scores, like) is None
    ungraded = scores_of(reward, None)
    # Metrics that were asked for and have no value: the data do not say what answers are worth.
    assert best_of_n_points(ungraded, result_of(like, ungraded)) is None
    failed = scores_of(np.full((4, 3), np.nan), gold)
    assert best_of_n_points(failed, result_of(like, scores)) is None


def test_examples_without_a_reward_are_left_out(like: Result) -> None:
    reward, gold = worlds(5, 4)
    result = result_of(like, scores_of(reward, gold))
    reward[2, 1] = np.nan
    curve = best_of_n_points(scores_of(reward, gold), result)
    assert curve is not None
    assert curve.n_examples == 4
    assert curve.points[0].value == pytest.approx(np.delete(gold, 2, axis=0).mean())


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 4).flatmap(
        lambda n: st.integers(2, 6).flatmap(
            lambda size: st.lists(
                st.lists(
                    st.tuples(st.integers(-2, 2), st.floats(-1e6, 1e6)),
                    min_size=size, max_size=size,
                ),
                min_size=n, max_size=n,
            )
        )
    )
)  # fmt: skip
def test_a_curve_lies_between_the_worst_and_the_best(rows, like: Result) -> None:
    reward = np.array([[r for r, _ in row] for row in rows], float)
    gold = np.array([[g for _, g in row] for row in rows], float)
    scores = scores_of(reward, gold)
    curve = best_of_n_points(scores, result_of(like, scores))
    assert curve is not None
    slack = 1e-9 * np.abs(gold).max() + 1e-12
    for before, p in zip(curve.points, curve.points[1:], strict=False):
        assert p.best >= before.best - slack
        assert p.kl > before.kl
    for p in curve.points:
        assert gold.min(axis=1).mean() - slack <= p.value <= p.best + slack
        assert p.regret >= 0
        assert p.regret == pytest.approx(p.best - p.value, abs=slack)
        assert p.value <= curve.peak.value + slack
    assert curve.fall == pytest.approx(curve.peak.value - curve.points[-1].value, abs=slack)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_numbers_at_the_ends_stand_apart_in_order(wanted: list[float]) -> None:
    places = apart(wanted, 0.06)
    order = np.argsort(wanted, kind="stable")
    gaps = np.diff(np.array(places)[order])
    assert (gaps >= 0.06 - 1e-9).all()
    assert min(places) >= -1e-9
    assert max(places) <= 1 + 1e-9
    if len(wanted) == 1:
        assert places == pytest.approx(wanted)


def test_named_n_leave_room_and_hold_both_ends() -> None:
    for last in (2, 3, 11, 16, 17, 32, 100, 4096):
        ticks = n_ticks(last)
        assert (ticks[0], ticks[-1]) == (1, last)
        assert ticks == sorted(set(ticks))
        assert len(ticks) <= 12
    assert n_ticks(16) == [1, 2, 4, 8, 16]
    for last in (64, 65, 5000):
        assert spaced(last) == sorted(set(spaced(last)))
        assert (spaced(last)[0], spaced(last)[-1]) == (1, last)


def test_drawings_belong_to_the_page(overoptimised: BestOfNPoints) -> None:
    series = best_of_n_plot.series_of([(overoptimised, False), (overoptimised, True)])
    for svg in (
        best_of_n_plot.best_of_n(overoptimised, "p1"),
        best_of_n_plot.best_of_n_of_several(series, "p1", with_best=True),
    ):
        assert not re.search(r"#[0-9a-fA-F]{6}|\bnan\b|\binf\b|http|font-family", svg)
        for words in ("KL from the policy, nats", "answers chosen among, n", "expected gold"):
            assert f">{words}<" in svg
        ids = re.findall(r'\bid="([^"]*)"', svg)
        assert all(i.startswith("p1-") for i in ids)
        assert len(ids) == len(set(ids))
    assert best_of_n_plot.best_of_n(overoptimised, "a") == best_of_n_plot.best_of_n(
        overoptimised, "a"
    )


def test_baselines_are_dashed_and_grey_beside_models(overoptimised: BestOfNPoints) -> None:
    found = [NamedCurve("blind", True, overoptimised), NamedCurve("rm", False, overoptimised)]
    figure = overlay_figure(found, "p")
    assert figure is not None
    assert figure.legend[:2] == (("blind dashed", "1 blind"), ("series-1", "2 rm"))
    assert ("oracle", "best possible") in figure.legend
    alone = overlay_figure([found[0], found[0]], "p")
    assert alone is not None
    assert [kind for kind, _ in alone.legend[:2]] == ["series-1 dashed", "series-2 dashed"]
    assert overlay_figure(found[:1], "p") is None


def test_other_examples_have_no_best_possible_in_common(
    overoptimised: BestOfNPoints, like: Result
) -> None:
    reward, gold = worlds(20, 5)
    scores = scores_of(reward, gold)
    other = best_of_n_points(scores, result_of(like, scores))
    assert other is not None
    figure = overlay_figure(
        [NamedCurve("a", False, overoptimised), NamedCurve("b", False, other)], "p"
    )
    assert figure is not None
    assert "Not all are of the same examples" in figure.caption
    assert "oracle" not in [kind for kind, _ in figure.legend]


def test_of_many_scorers_the_highest_are_drawn_and_all_are_in_the_table(like: Result) -> None:
    _, gold = worlds(20, 4)
    found = []
    for i in range(15):
        scores = scores_of(gold * (1 if i % 2 else -1) + i, gold)
        curve = best_of_n_points(scores, result_of(like, scores))
        assert curve is not None
        found.append(NamedCurve(f"rm-{i}", False, curve))
    figure = overlay_figure(found, "p")
    assert figure is not None
    assert "Drawn are the 12 of 15 that end highest." in figure.caption
    assert [row[0] for row in figure.table.rows][:2] == ["1 rm-1", "2 rm-3"]
    assert [row[0] for row in figure.table.rows][12:] == ["rm-10", "rm-12", "rm-14"]
    assert len([kind for kind, _ in figure.legend if kind.startswith("series")]) == 12


def test_a_report_shows_each_curve_and_all_together(
    like: Result, tmp_path: Path, hostile_text: str
) -> None:
    reward, gold = worlds(20, 5)
    runs = []
    for name, sign in ((hostile_text, 1), ("upside-down", -1)):
        scores = scores_of(sign * reward, gold)
        scorer = like.scorer.model_copy(update={"name": name, "spec": f"hf:{name}"})
        result = result_of(like, scores, scorer=scorer)
        runs.append(write_run(tmp_path, result, scores))
    html = render_html(runs)
    assert html.count("Best of n: expected gold against KL</h4>") == 3
    assert "Choosing the best of n" in html
    assert "<script>alert(1)</script>|" not in html
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    assert "Choosing the best of n" not in render_html(runs[:1])


def test_real_grades_choosing_the_longer_answer(like: Result, shared_data: Path) -> None:
    """805 AlpacaEval prompts with 11 answers each, graded by GPT-4: longer ones are worth more."""
    file = shared_data / "scores" / "alpacaeval_bon16" / "bon16.jsonl.gz"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    gold = 100 * np.array([row["gpt4_pref_vs_gpt35"][:11] for row in rows], float)
    length = np.array([[len(text) for text in row["responses"][:11]] for row in rows], float)
    for reward, peak, falls in ((length, 11, False), (-length, 1, True)):
        scores = scores_of(reward, gold)
        found = best_of_n_points(scores, result_of(like, scores))
        assert found is not None
        curve = best_of_n_curve(np.repeat(np.arange(805), 11), reward.ravel(), gold.ravel())
        assert [p.value for p in found.points] == pytest.approx(curve.gold.tolist())
        assert [p.best for p in found.points] == pytest.approx(curve.oracle.tolist())
        assert [p.kl for p in found.points] == pytest.approx(curve.kl.tolist())
        assert (found.peak.n, found.falls) == (peak, falls)
        assert ("var(--wrong)" in best_of_n_figure(found, "p").svg) == falls
        assert found.points[0].value == pytest.approx(gold.mean())
