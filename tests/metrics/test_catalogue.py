from __future__ import annotations

import math
from importlib.metadata import entry_points

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmbench.metrics import catalogue, catalogue_bias, catalogue_robustness
from rmbench.metrics import catalogue_calibration as depth
from rmbench.metrics.base import MeasureContext, Metric
from rmbench.metrics.comparison_metric import ComparisonMetric
from rmbench.metrics.intervals import wilson

POINTS = sorted(entry_points(group="rmbench.metrics"), key=lambda p: p.name)
METRICS: list[ComparisonMetric] = [
    m
    for module in (catalogue, catalogue_bias, depth)
    for m in vars(module).values()
    if isinstance(m, ComparisonMetric)
]
HALF, WRONG = MeasureContext(ties="half"), MeasureContext(ties="wrong")
CALIBRATION = {
    "nll", "brier", "brier_skill", "ece", "ece_null", "ece_p", "overconfidence", "temperature",
    "ece_equal_width", "brier_reliability", "brier_resolution", "brier_uncertainty",
    "scaled_nll", "scaled_brier", "scaled_ece", "saturation", "nll_excess",
}  # fmt: skip


def by_name(name: str) -> ComparisonMetric:
    return next(m for m in METRICS if m.name == name)


def values(scores, context=HALF) -> dict[str, float | None]:
    return {m.name: m(scores, context).value for m in METRICS}


# --- the catalogue itself


@pytest.mark.parametrize("point", POINTS, ids=lambda p: p.name)
def test_every_entry_point_is_the_metric_of_its_name(point):
    metric: Metric = point.load()
    assert metric.name == point.name
    assert metric.range[0] < metric.range[1]
    assert metric.summary
    assert "\n" not in metric.summary


def test_every_metric_is_an_entry_point():
    others = [m.name for m in catalogue_robustness.METRICS]
    assert sorted([m.name for m in METRICS] + others) == [p.name for p in POINTS]


# --- hand-worked suites


def test_hand_vector(from_margins, hand_margins):
    found = values(from_margins(hand_margins))
    assert found["accuracy"] == 0.6875
    assert found["tie_rate"] == 0.125
    assert found["nll"] == pytest.approx(0.5180941456, abs=1e-10)
    assert found["brier"] == pytest.approx(0.1795632914, abs=1e-10)
    assert found["brier_skill"] == pytest.approx(0.2817468345, abs=1e-10)
    assert found["overconfidence"] == pytest.approx(0.0447476876, abs=1e-10)
    assert found["temperature"] == pytest.approx(0.9588555889, abs=1e-10)
    assert catalogue.ACCURACY(from_margins(hand_margins), WRONG).value == 0.625


def test_constant_confidence_has_no_calibration_error(from_margins):
    margin = math.log(3) * np.repeat([1.0, -1.0], [300, 100])
    scores = from_margins(margin)
    assert depth.ECE(scores, HALF).value == pytest.approx(0.0, abs=1e-12)
    assert depth.ECE_P(scores, HALF).value > 0.9
    assert depth.TEMPERATURE(scores, HALF).value == pytest.approx(1.0)
    sharp = from_margins(2 * margin)
    assert depth.ECE(sharp, HALF).value == pytest.approx(0.15, abs=1e-12)
    assert depth.ECE_P(sharp, HALF).value == pytest.approx(1 / 1001)
    assert depth.TEMPERATURE(sharp, HALF).value == pytest.approx(2.0)


def test_a_scorer_that_knows_nothing(from_margins):
    found = values(from_margins([0.0] * 20))
    assert found["nll"] == pytest.approx(math.log(2), abs=1e-15)
    assert (found["brier"], found["brier_skill"], found["accuracy"]) == (0.25, 0.0, 0.5)
    assert found["temperature"] is None


def test_intervals_follow_independence(from_margins):
    margins = [1.0] * 7 + [-1.0] * 3
    apart = catalogue.ACCURACY(from_margins(margins), HALF)
    assert (apart.ci_low, apart.ci_high) == (wilson(7, 10).low, wilson(7, 10).high)
    assert apart.ci_method == "wilson"
    shared = catalogue.ACCURACY(from_margins(margins, group=list("aabbccddee")), HALF)
    assert shared.ci_method == "clustered wilson, few clusters"
    perfect = catalogue.ACCURACY(from_margins([1.0] * 10, group=list("aabbccddee")), HALF)
    assert perfect.ci_method == "wilson on clusters"
    assert perfect.ci_low == wilson(5, 5).low
    alone = catalogue.ACCURACY(from_margins(margins, group=["a"] * 10), HALF)
    assert (alone.ci_low, alone.ci_high, alone.ci_method) == (None, None, None)
    nll = depth.NLL(from_margins(margins), HALF)
    assert nll.ci_method == "clustered t, skew-corrected, few clusters"
    assert depth.ECE(from_margins(margins), HALF).ci_method is None


def test_strata_of_length_are_plain_shares(from_margins):
    scores = from_margins([1.0, 1.0, -1.0, 1.0], chars=[((9,), (1,))] * 3 + [((1,), (9,))])
    longer = catalogue_bias.CHOSEN_LONGER_ACCURACY(scores, HALF)
    assert (longer.value, longer.n, longer.ci_method) == (pytest.approx(2 / 3), 3, "wilson")
    assert longer.ci_low == wilson(2, 3).low
    balanced = catalogue_bias.LENGTH_BALANCED_ACCURACY(scores, HALF)
    assert balanced.value == pytest.approx((2 / 3 + 1) / 2)
    assert (balanced.n, balanced.ci_method) == (4, "clustered wilson, few clusters")


def test_length_without_a_direction_says_which(from_margins):
    scores = from_margins([1.0, 1.0], chars=[((9,), (1,))] * 2)
    assert catalogue_bias.LENGTH_BALANCED_ACCURACY(scores, HALF).reason == (
        "no comparison in which the chosen response is shorter"
    )
    equal = from_margins([1.0, 1.0])
    assert catalogue_bias.LENGTH_BALANCED_ACCURACY(equal, HALF).reason == (
        "no comparison in which the chosen response is longer or shorter"
    )
    assert catalogue_bias.CHOSEN_LONGER_ACCURACY(equal, HALF).reason == (
        "no comparison in which the chosen response is longer"
    )


def test_means_over_parts(from_margins):
    scores = from_margins([1.0, 1.0, 1.0, -1.0, -1.0, 1.0], subset=["a", "a", "a", "a", "b", "c"])
    context = MeasureContext(sections={"x": ("a", "b"), "y": ("c",)})
    assert catalogue.MACRO_ACCURACY(scores, context).value == pytest.approx((0.75 + 0 + 1) / 3)
    assert catalogue.SECTION_MEAN_ACCURACY(scores, context).value == pytest.approx((0.6 + 1) / 2)
    worst = catalogue.WORST_SUBSET_ACCURACY(scores, context)
    assert (worst.value, worst.n, worst.subset) == (0.0, 1, None)
    chance = catalogue.WORST_SUBSET_ACCURACY_CHANCE(scores, context)
    assert 0 < chance.value < 4 / 6
    assert chance == catalogue.WORST_SUBSET_ACCURACY_CHANCE(scores, context)


def test_what_parts_need(from_margins):
    scores = from_margins([1.0, -1.0])
    assert catalogue.SECTION_MEAN_ACCURACY(scores, HALF).reason == "the suite has no sections"
    context = MeasureContext(sections={"x": ("all",), "math": ("m",)})
    assert "section 'math'" in catalogue.SECTION_MEAN_ACCURACY(scores, context).reason
    assert "fewer than 2 subsets" in catalogue.WORST_SUBSET_ACCURACY(scores, HALF).reason
    assert "fewer than 2 subsets" in catalogue.WORST_SUBSET_ACCURACY_CHANCE(scores, HALF).reason


def test_untruncated_accuracy(from_margins):
    scores = from_margins([1.0, -1.0, 1.0], truncated=[False, True, False])
    found = catalogue.UNTRUNCATED_ACCURACY(scores, HALF)
    assert (found.value, found.n) == (1.0, 2)
    cut = from_margins([1.0], truncated=[True])
    assert catalogue.UNTRUNCATED_ACCURACY(cut, HALF).reason == (
        "every example has a truncated response"
    )


def test_style_of_a_suite_with_sections(build):
    styled = [((1.0, 11.0, 21.0), (0.0, 10.0, 20.0))]
    content = [((30.0, 30.0, 30.0), (0.0, 10.0, 20.0))]
    scores = build(styled * 3 + content, subset=["a", "a", "a", "b"])
    assert catalogue.HARD_ACCURACY(scores, HALF).value == pytest.approx(1 / 4)
    context = MeasureContext(sections={"A": ("a",), "B": ("b",), "math": ("m",)})
    assert catalogue.HARD_ACCURACY(scores, context).value == pytest.approx(1 / 2)
    # One part of the suite is pooled, whatever the sections are.
    assert catalogue.HARD_ACCURACY(scores, context, subset="ab").value == pytest.approx(1 / 4)
    assert catalogue.NORMAL_ACCURACY(scores, HALF).value == 1.0
    assert catalogue.EASY_ACCURACY(scores, HALF).value == 1.0
    assert catalogue.ACCURACY(scores, HALF).value == pytest.approx((3 * 6 / 9 + 1) / 4)
    pairs = build([((1.0,), (0.0,))])
    assert catalogue.EASY_ACCURACY(pairs, HALF).reason == (
        "needs 3 chosen and 3 rejected responses; example 'e0' has 1 and 1"
    )


def test_confounders(build):
    scores = build([((1.0,), (0.0,)), ((6.0,), (4.0,)), ((8.0,), (8.0,))], preference=[0.5] * 3)
    shift = catalogue.CONFOUNDER_SHIFT(scores, HALF)
    assert shift.value == pytest.approx(1.0 / 4.0)
    assert shift.unit == "sd of plain rewards"
    assert (shift.n, shift.ci_method) == (3, "clustered t, skew-corrected, few clusters")
    rate = catalogue.CONFOUNDER_WIN_RATE(scores, WRONG)
    assert rate.value == pytest.approx(2.5 / 3)
    flat = build([((1.0,), (0.0,))] * 2, preference=[0.5] * 2)
    assert catalogue.CONFOUNDER_SHIFT(flat, HALF).reason == (
        "every plain answer has the same reward"
    )
    assert catalogue.CONFOUNDER_WIN_RATE(flat, HALF).ci_method == "wilson"


# --- labels


def test_human_ties_count_in_proper_scores_only(from_margins):
    scores = from_margins([2.0, -2.0, 0.0], preference=[1.0, 0.5, 0.5])
    assert catalogue.ACCURACY(scores, HALF).value == 1.0
    assert catalogue.ACCURACY(scores, HALF).n == 1
    nll = depth.NLL(scores, HALF)
    softplus = math.log1p(math.exp(-2.0))
    assert nll.n == 3
    assert nll.value == pytest.approx((softplus + (1.0 + softplus) + math.log(2)) / 3)
    assert catalogue.TIE_RATE(scores, HALF).n == 3


def test_only_human_ties_leave_accuracy_undefined(from_margins):
    scores = from_margins([2.0, -2.0], preference=[0.5, 0.5])
    for name in ("accuracy", "best_of_n_accuracy", "macro_accuracy", "worst_subset_accuracy"):
        found = by_name(name)(scores, HALF)
        assert (found.value, found.n) == (None, 0)
        assert found.reason == "every example is a tie between its answers"


def test_a_minority_preference_turns_the_example_round(from_margins):
    there = from_margins([2.0, -1.0, 0.5], preference=[0.9, 0.8, 1.0])
    back = from_margins([-2.0, 1.0, -0.5], preference=[0.1, 0.2, 0.0])
    assert values(there)["accuracy"] == pytest.approx(2 / 3)
    for name in ("accuracy", "nll", "brier", "ece", "overconfidence", "temperature", "tie_rate"):
        assert values(back)[name] == pytest.approx(values(there)[name], rel=1e-12), name


# --- undefined


def test_margins_that_are_not_logits_have_no_calibration(from_margins):
    context = MeasureContext(margins_are_logits=False)
    scores = from_margins([2.0, -1.0, 0.5])
    for metric in METRICS:
        found = metric(scores, context)
        assert (found.reason == "the scorer's margins are not logits") == (
            metric.name in CALIBRATION
        )


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_no_examples_are_a_reason(metric, build):
    found = metric(build([]), HALF)
    assert (found.value, found.n, found.reason) == (None, 0, "there are no examples")


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_one_example_gives_a_number_or_a_reason(metric, build):
    found = metric(build([((5.0,), (-1e3,))], chars=[((3,), (2,))]), HALF)
    assert (found.value is None) == (found.reason is not None)
    assert found.ci_low is None


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
@pytest.mark.parametrize("size", [1e-99, 1e99])
def test_extreme_rewards_give_a_number_or_a_reason(metric, size, from_margins):
    scores = from_margins([size, -size, size, 0.0], chars=[((3,), (2,)), ((1,), (2,))] * 2)
    found = metric(scores, HALF)
    assert (found.value is None) == (found.reason is not None)


def test_a_temperature_without_a_maximum_says_so(from_margins):
    assert "no comparison is wrong" in depth.TEMPERATURE(from_margins([1.0, 2.0]), HALF).reason
    assert "no comparison is right" in depth.TEMPERATURE(from_margins([-1.0]), HALF).reason
    unsure = depth.TEMPERATURE(from_margins([1.0, 1.0, 1.0, -1.0]), HALF)
    assert unsure.value == pytest.approx(1 / math.log(3))
    assert (unsure.ci_low, unsure.ci_method) == (None, None)


def test_one_cluster_leaves_the_null_undefined(from_margins):
    scores = from_margins([1.0, -1.0], group=["a", "a"])
    assert depth.ECE(scores, HALF).value is not None
    assert depth.ECE_NULL(scores, HALF).reason == "needs at least 2 clusters"
    assert depth.ECE_P(scores, HALF).reason == "needs at least 2 clusters"


def test_a_reward_that_is_not_finite_is_refused(build):
    with pytest.raises(ValueError, match="example 'e0'"):
        catalogue.ACCURACY(build([((math.nan,), (0.0,))]), HALF)


# --- properties

REWARD = st.integers(-3, 3).map(float)
SIDE = st.lists(REWARD, min_size=1, max_size=3)
EXAMPLE = st.tuples(
    SIDE, SIDE, st.sampled_from([1.0, 0.5, 0.2]), st.sampled_from("ab"), st.sampled_from("xyz")
)


@settings(max_examples=25)
@given(st.lists(EXAMPLE, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_order_does_not_matter_and_ranges_hold(build, examples, random):
    def scores(rows):
        rows, ids = [row for _, row in rows], [f"e{i}" for i, _ in rows]
        return build(
            [(c, r) for c, r, *_ in rows],
            ids=ids,
            preference=[p for _, _, p, _, _ in rows],
            subset=[s for *_, s, _ in rows],
            group=[g for *_, g in rows],
            chars=[(range(len(c)), range(1, 1 + len(r))) for c, r, *_ in rows],
        )

    examples = list(enumerate(examples))
    shuffled = random.sample(examples, len(examples))
    for metric in METRICS:
        found, again = metric(scores(examples), HALF), metric(scores(shuffled), HALF)
        if metric.name in ("ece_null", "ece_p"):
            continue  # the same distribution, other draws
        assert found.reason == again.reason or found.reason.startswith("needs 3 chosen")
        if found.value is None:
            continue
        assert again.value == pytest.approx(found.value, rel=1e-9, abs=1e-9), metric.name
        low, high = metric.range
        assert low - 1e-12 <= found.value <= high + 1e-12
        if found.ci_low is not None:
            assert low <= found.ci_low <= found.ci_high <= high
            if metric.name != "worst_subset_accuracy_chance":
                assert found.ci_low - 1e-9 <= found.value <= found.ci_high + 1e-9


@pytest.mark.parametrize("name", ["ppe_loss", "ppe_max_score"])
def test_random_orders_of_answers_do_not_follow_the_order_of_the_rows(build, name):
    answers = [((0.0,), (0.0,) * 3), ((0.0, 1.0), (0.5, 2.0)), ((0.0,) * 3, (1.0,))] * 3
    ids = [f"e{i}" for i in range(len(answers))]
    found = by_name(name)(build(answers, ids=ids), HALF)
    again = by_name(name)(build(answers[::-1], ids=ids[::-1]), HALF)
    assert again.value == pytest.approx(found.value, abs=1e-12)


def test_half_an_answer_does_not_fall_by_the_order_of_the_rows(build):
    sides = [
        ((0.0,), (0.0,)), ((0.0,), (0.0, 0.0, 1.0)), ((0.0,), (-1.0,)), ((0.0,), (0.0, 0.0, 1.0)),
        ((0.0,), (0.0, 1.0, 1.0)), ((0.0,), (1.0,)), ((0.0,), (1.0,)), ((0.0,), (-1.0,)),
    ]  # fmt: skip
    preference = [1.0, 0.2, 1.0, 0.2, 0.2, 1.0, 0.2, 0.2]

    def chance(order):
        scores = build(
            [sides[i] for i in order],
            ids=[f"e{i}" for i in order],
            preference=[preference[i] for i in order],
            subset=["aaaabaab"[i] for i in order],
            group=["x"] * 8,
        )
        return catalogue.WORST_SUBSET_ACCURACY_CHANCE(scores, HALF).value

    found = chance(range(8))
    draw = np.random.default_rng(0)
    assert {chance(draw.permutation(8).tolist()) for _ in range(20)} == {found}


def test_slopes_that_differ_by_rounding_leave_confidences_tied(build):
    sides = [
        ((0.0, 0.0, -2.0), (0.0,)), ((1.0, -1.0, 2.0), (-2.0,)),
        ((0.0, 0.0, 2.0), (0.0, 0.0)), ((3.0,), (0.0, -1.0, 2.0)),
    ]  # fmt: skip
    there = depth.SCALED_ECE(build(sides, preference=[0.9] * 4), HALF)
    back = depth.SCALED_ECE(build([(r, c) for c, r in sides], preference=[0.1] * 4), HALF)
    assert back.value == pytest.approx(there.value, rel=1e-7)


@settings(max_examples=25)
@given(st.lists(st.tuples(SIDE, SIDE), min_size=1, max_size=8))
def test_swapping_sides_and_labels_changes_nothing(build, examples):
    there = values(build(examples, preference=[0.9] * len(examples)))
    back = values(build([(r, c) for c, r in examples], preference=[0.1] * len(examples)))
    for name in sorted(
        set(there) - {"confounder_shift", "confounder_win_rate", "ece_null", "ece_p"}
    ):
        if there[name] is None:
            assert back[name] is None, name
        else:
            assert back[name] == pytest.approx(there[name], rel=1e-7, abs=1e-9), name
