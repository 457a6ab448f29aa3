"""RewardBench 2's Ties score: known answers, and the definition written out prompt by prompt."""

from __future__ import annotations

from math import nan, tanh

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rmbench.metrics.base import MeasureContext
from rmbench.metrics.catalogue import BEST_OF_N_ACCURACY, REWARD_BENCH_2_SCORE, TIES_SCORE
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import Linearised
from rmbench.metrics.measure import measure
from rmbench.metrics.subsets import weighted_score
from rmbench.metrics.ties import TiesPrompts, ties_score
from rmbench.resources import builtin_suites
from rmbench.spec import load_suite

Prompts = dict[str, tuple[list[float], int]]
"""Id to its rewards and how many of them, from the first, are of right answers."""

GOLDEN: list[tuple[Prompts, float]] = [
    ({"ref:0": ([3, 1], 1), "tied:0": ([4, 1, 0], 2)}, 0.5941721705465208),
    (
        {
            "ref:0": ([2, 1], 1),
            "tied:0": ([3, 2.5, 2.75, 1], 3),
            "ref:1": ([0.5, 0.75], 1),
            "tied:1": ([1, 2, 0.5, 0.25], 2),
        },
        0.6495665525799912,
    ),
    ({"ref:0": ([1, 0], 1), "tied:0": ([1, 1, 0], 2)}, 1.01),  # perfect, d = 0: tanh(+inf)
    ({"ref:0": ([1, 1], 1), "tied:0": ([1, 1, 1], 2)}, 0.0),  # all equal: 0 / 0
    ({"ref:0": ([0, 1], 1), "tied:0": ([0, 0, 1], 2)}, -0.01),  # wrong, d = 0: tanh(-inf)
]


def _written_out(prompts: Prompts) -> float:
    """The publisher's formula in plain Python, with NaN and infinities handled case by case."""

    def gap(rewards: list[float], k: int) -> float:
        return min(rewards[:k]) - max(rewards[k:])

    refs = {i.split(":")[1]: gap(*v) for i, v in prompts.items() if i.startswith("ref")}
    tied = {i.split(":")[1]: gap(*v) for i, v in prompts.items() if i.startswith("tied")}
    spread = {
        i.split(":")[1]: max(v[0][: v[1]]) - min(v[0][: v[1]]) if v[1] > 1 else nan
        for i, v in prompts.items()
        if i.startswith("tied")
    }
    both = [n for n in tied if n in refs]

    def margin(n: str) -> float:
        low, d = min(refs[n], tied[n]), spread[n]
        if d == 0:
            return 1.0 if low > 0 else -1.0 if low < 0 else 0.0
        return 0.0 if d != d else tanh(low / d - 1)

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    return (
        0.30 * mean([float(c > 0) for c in tied.values()])
        + 0.30 * mean([float(c > 0) for c in refs.values()])
        + 0.20 * mean([float(tied[n] > spread[n]) for n in both])
        + 0.20 * mean([float(min(refs[n], tied[n]) > spread[n]) for n in both])
        + 0.01 * mean([margin(n) for n in both])
    )


def _scores(build, prompts: Prompts, **given):
    return build(
        [(rewards[:k], rewards[k:]) for rewards, k in prompts.values()], ids=list(prompts), **given
    )


def _value(build, prompts: Prompts) -> float | None:
    return TIES_SCORE(_scores(build, prompts), MeasureContext()).value


@pytest.mark.parametrize(("prompts", "expected"), GOLDEN)
def test_golden(build, prompts: Prompts, expected: float):
    assert _value(build, prompts) == pytest.approx(expected, abs=1e-15)
    assert _written_out(prompts) == pytest.approx(expected, abs=1e-15)


@st.composite
def _prompts(draw) -> Prompts:
    reward = st.integers(-3, 3).map(float)
    found: Prompts = {}
    for number in range(draw(st.integers(1, 5))):
        wrong = draw(st.lists(reward, min_size=1, max_size=3))
        found[f"ref:{number}"] = ([draw(reward), *wrong], 1)
        right = draw(st.lists(reward, min_size=1, max_size=4))
        found[f"tied:{number}"] = ([*right, *wrong], len(right))
    if draw(st.booleans()):  # one that lost its partner
        found["ref:99"] = ([draw(reward), draw(reward)], 1)
    return found


@given(_prompts())
def test_any_prompts_agree_with_the_definition(build, prompts: Prompts):
    assert _value(build, prompts) == pytest.approx(_written_out(prompts), abs=1e-12)


def test_order_of_rows_and_other_examples_do_not_matter(build):
    prompts, expected = GOLDEN[1]
    shuffled = {key: prompts[key] for key in ("tied:1", "ref:0", "ref:1", "tied:0")}
    shuffled["Factuality/row-7"] = ([9.0, 1.0], 1)
    assert _value(build, shuffled) == pytest.approx(expected)


def test_ids_may_stand_below_a_subset(build):
    prompts, expected = GOLDEN[0]
    below = {f"Ties/{key}": value for key, value in prompts.items()}
    assert _value(build, below) == pytest.approx(expected)


def test_without_a_pair_there_is_no_score(build):
    prompts: Prompts = {"ref:0": ([1, 0], 1), "tied:1": ([1, 1, 0], 2)}
    found = TIES_SCORE(_scores(build, prompts), MeasureContext())
    assert found.value is None
    assert "ref:<number>" in (found.reason or "")


def test_huge_ratios_do_not_overflow(build):
    prompts: Prompts = {
        "ref:0": ([1e99, -1e99], 1),
        "tied:0": ([1e99, 1e99 * (1 - 1e-15), -1e99], 2),
        "ref:1": ([1.0, 0.0], 1),
        "tied:1": ([5e-324, 0.0, -1e99], 2),
    }
    assert _value(build, prompts) == pytest.approx(_written_out(prompts))


def test_standard_error_is_that_of_pairs(build):
    """Prompts of one number are one cluster: the error is that of a mean over numbers."""
    rng = np.random.default_rng(1)
    prompts: Prompts = {}
    for number in range(40):
        prompts[f"ref:{number}"] = (rng.normal([1.0, 0.3]).tolist(), 1)
        prompts[f"tied:{number}"] = (rng.normal([1.5, 1.4, 1.6, 0.0]).tolist(), 3)
    found = TIES_SCORE(_scores(build, prompts), MeasureContext())
    per_pair = [
        _written_out({key: prompts[key] for key in (f"ref:{i}", f"tied:{i}")}) for i in range(40)
    ]
    error = np.std(per_pair, ddof=1) / np.sqrt(40)
    assert found.value == pytest.approx(np.mean(per_pair))
    assert found.n == 80
    assert found.ci_method == "clustered t, skew-corrected"
    # The correction for skewness keeps the width to first order.
    width = 2 * stats.t.ppf(0.975, 39) * error
    assert found.ci_high - found.ci_low == pytest.approx(width, rel=0.02)


SUBSETS = ("Factuality", "Ties")
TREE = {"": dict.fromkeys(SUBSETS, 1.0)}
SECTIONS = {name: (name,) for name in SUBSETS}


def _reward_bench_2(build, extra: Prompts):
    prompts, _ = GOLDEN[1]
    rows = {**extra, **prompts}
    subset = ["Factuality"] * len(extra) + ["Ties"] * len(prompts)
    context = MeasureContext(ties="half", sections=SECTIONS, score_tree=TREE)
    return measure([REWARD_BENCH_2_SCORE], _scores(build, rows, subset=subset), context)


def test_the_whole_is_the_mean_of_best_of_n_and_ties(build):
    best_of_4: Prompts = {
        "Factuality/row-1": ([3, 2, 1, 0], 1),
        "Factuality/row-2": ([3, 3, 1, 0], 1),  # a top that two share counts a half
        "Factuality/row-3": ([2, 2, 2, 2], 1),  # and that four share a quarter
        "Factuality/row-4": ([0, 3, 1, 0], 1),
    }
    whole, facts, ties = _reward_bench_2(build, best_of_4)
    assert (facts.subset, facts.value) == ("Factuality", pytest.approx((1 + 0.5 + 0.25) / 4))
    assert (ties.subset, ties.value) == ("Ties", pytest.approx(GOLDEN[1][1]))
    assert whole.value == pytest.approx((facts.value + ties.value) / 2)
    assert whole.n == 8
    assert whole.ci_low < whole.value < whole.ci_high


def test_a_subset_has_the_interval_of_its_best_of_n(build):
    best_of_4: Prompts = {f"row-{i}": ([float(i % 3), 1, 0, 0], 1) for i in range(30)}
    facts = _reward_bench_2(build, best_of_4)[1]
    alone = build([(r[:1], r[1:]) for r, _ in best_of_4.values()], subset=["Factuality"] * 30)
    expected = BEST_OF_N_ACCURACY(alone, MeasureContext(ties="half"), subset="Factuality")
    assert facts.model_dump(exclude={"metric"}) == expected.model_dump(exclude={"metric"})


def test_a_missing_subset_is_named(build):
    context = MeasureContext(sections=SECTIONS, score_tree=TREE)
    scores = _scores(build, {"a": ([1, 0], 1)}, subset=["Factuality"])
    found = REWARD_BENCH_2_SCORE(scores, context)
    assert found.value is None
    assert found.reason == "no example in subset 'Ties'"


def test_a_row_of_ties_that_is_in_no_pair_is_named(build):
    prompts: Prompts = {**GOLDEN[0][0], "17": ([1, 0], 1)}
    context = MeasureContext(sections={"Ties": ("Ties",)}, score_tree={"": {"Ties": 1.0}})
    found = REWARD_BENCH_2_SCORE(_scores(build, prompts, subset=["Ties"] * 3), context)
    assert found.value is None
    assert "'17'" in (found.reason or "")


def test_published_subset_scores_give_the_published_mean():
    """Skywork-Reward-V2-Qwen3-0.6B on RewardBench 2, as its authors report it."""
    published = {
        "Factuality": 58.2,
        "Precise IF": 40.0,
        "Math": 71.6,
        "Safety": 84.4,
        "Focus": 79.4,
        "Ties": 34.0,
    }
    tree = load_suite(builtin_suites()["reward-bench-2"]).score_tree
    names = np.array(sorted(published))
    found = weighted_score(
        lambda mask: Linearised(published[str(names[mask][0])], np.zeros(6), mask), names, tree, ""
    )
    assert (f"{found.value:.2f}", f"{found.value:.1f}") == ("61.27", "61.3")


def test_clusters_of_a_pair_are_one(build):
    prompts = GOLDEN[1][0]
    c = Comparisons.from_scores(_scores(build, prompts, group=["p", "q", "r", "s"]))
    found = TiesPrompts.of(c)
    assert found.merged(c.group).tolist() == [1, 1, 3, 3]
    assert ties_score(c, found).influence.sum() == pytest.approx(0)
