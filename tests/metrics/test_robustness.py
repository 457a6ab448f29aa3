"""What rewriting does, against arithmetic written out, statsmodels and scorers of known answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from rmbench.metrics import catalogue_robustness as catalogue
from rmbench.metrics.base import MeasureContext
from rmbench.metrics.catalogue import ACCURACY
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import clustered_interval, clustered_standard_error, wilson
from rmbench.metrics.measure import measure
from rmbench.metrics.robustness import adjusted, drop_interval, drop_p_value, join
from rmbench.metrics.robustness_metric import RobustnessMetric
from rmbench.types import Scores

HALF, WRONG = MeasureContext(ties="half"), MeasureContext(ties="wrong")
Pair = tuple[Sequence[float], Sequence[float]]
Suite = dict[str, dict[str, Pair]]


@pytest.fixture(scope="session")
def suite(build: Callable[..., Scores]) -> Callable[..., Scores]:
    """``suite({"original": {id: (chosen, rejected)}, "t": {...}}, groups={id: cluster})``."""

    def make(
        parts: Suite,
        groups: dict[str, str] | None = None,
        preference: dict[str, float] | None = None,
    ) -> Scores:
        rows = [(name, id_, pair) for name, part in parts.items() for id_, pair in part.items()]
        return build(
            [pair for _, _, pair in rows],
            ids=[f"{name}/{id_}" for name, id_, _ in rows],
            subset=[name for name, _, _ in rows],
            group=[(groups or {}).get(id_, id_) for _, id_, _ in rows],
            preference=[(preference or {}).get(id_, 1.0) for _, id_, _ in rows],
        )

    return make


def margins(**parts: Sequence[float | None]) -> Suite:
    """Pairs of the given margins, numbered; ``None`` leaves that number out."""
    return {
        name: {str(i): ((m,), (0.0,)) for i, m in enumerate(row) if m is not None}
        for name, row in parts.items()
    }


# --- hand-worked numbers

HAND = margins(
    original=[2.0, 1.0, -1.0, 0.0, 3.0],
    turned=[-2.0, 1.0, 1.0, 1.0, 3.0],  # a loss, a gain, a tie that goes
    tied=[0.0, None, 0.0, 0.0, None],  # two ties that come, one that stays
)


def test_flips_count_a_tie_that_comes_or_goes_one_half(suite):
    scores = suite(HAND)
    turned = catalogue.FLIP_RATE(scores, HALF, subset="turned")
    assert turned.value == pytest.approx((1 + 0 + 1 + 0.5 + 0) / 5)
    assert turned.n == 5
    tied = catalogue.FLIP_RATE(scores, HALF, subset="tied")
    assert tied.value == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert tied.n == 3
    # Not by the suite's rule for ties: a flip is no accuracy.
    assert catalogue.FLIP_RATE(scores, WRONG, subset="tied") == tied
    whole = catalogue.FLIP_RATE(scores, HALF)
    assert whole.value == pytest.approx((2.5 + 1.0) / 8)
    assert whole.n == 8
    assert catalogue.TIES_CHANGED(scores, HALF, subset="turned").value == pytest.approx(1 / 5)
    assert catalogue.TIES_CHANGED(scores, HALF, subset="tied").value == pytest.approx(2 / 3)


def test_accuracy_before_and_after_on_the_same_examples(suite):
    scores = suite(HAND)
    found = {
        (m.name, name): m(scores, WRONG, subset=name).value
        for m in (catalogue.ACCURACY_BEFORE, catalogue.ACCURACY_AFTER, catalogue.ACCURACY_DROP)
        for name in ("turned", "tied")
    }
    assert found == {
        ("accuracy_before", "turned"): pytest.approx(3 / 5),
        ("accuracy_after", "turned"): pytest.approx(4 / 5),
        ("accuracy_drop", "turned"): pytest.approx(-1 / 5),
        ("accuracy_before", "tied"): pytest.approx(1 / 3),  # of the examples 0, 2 and 3
        ("accuracy_after", "tied"): 0.0,
        ("accuracy_drop", "tied"): pytest.approx(1 / 3),
    }
    half = catalogue.ACCURACY_DROP(scores, HALF, subset="tied")
    assert half.value == pytest.approx((0.5 - 0.5 + 0.0) / 3)
    whole = catalogue.ACCURACY_DROP(scores, WRONG)
    assert whole.value == pytest.approx((-1 + 1) / 8)


def test_shifts_are_in_standard_deviations_of_the_originals_margins(suite):
    parts: Suite = {
        "original": {"a": ((2.0,), (0.0,)), "b": ((5.0,), (1.0,)), "c": ((1.0,), (1.0,))},
        "t": {"a": ((3.0,), (2.0,)), "b": ((5.0,), (1.5,))},
    }
    scores = suite(parts)
    sd = np.std([2.0, 4.0, 0.0], ddof=1)  # of all originals, whichever the transformation fits
    assert sd == 2.0
    moved = catalogue.SCORE_SHIFT(scores, HALF, subset="t")
    assert moved.value == pytest.approx(((1 + 2) / 2 + (0 + 0.5) / 2) / 2 / sd)
    assert (moved.unit, moved.n) == ("sd of margins", 2)
    margin = catalogue.MARGIN_SHIFT(scores, HALF, subset="t")
    assert margin.value == pytest.approx(((1 - 2) + (3.5 - 4)) / 2 / sd)
    ratio = catalogue.MARGIN_SD_RATIO(scores, HALF, subset="t")
    assert ratio.value == pytest.approx(np.std([1, 3.5], ddof=1) / np.std([2, 4], ddof=1))


def test_several_answers_are_averaged_within_their_example(suite):
    scores = suite(
        {
            "original": {"a": ((3.0, 1.0), (2.0, 0.0)), "b": ((2.0,), (0.0,))},
            "t": {"a": ((3.0, 1.0), (0.0, 2.0)), "b": ((2.0,), (0.0,))},
        }
    )
    # 3>2, 3>0, 1<2, 1>0 become 3>0, 3>2, 1>0, 1<2: compared answer by answer, two turn.
    assert catalogue.FLIP_RATE(scores, HALF, subset="t").value == pytest.approx((2 / 4 + 0) / 2)
    assert catalogue.ACCURACY_DROP(scores, HALF, subset="t").value == 0.0
    # Two of a's four rewards move by 2; the margins' means are 1 and 2.
    assert catalogue.SCORE_SHIFT(scores, HALF, subset="t").value == pytest.approx(
        ((0 + 0 + 2 + 2) / 4 + 0) / 2 / np.std([1, 2], ddof=1)
    )


def test_a_human_tie_has_no_accuracy_to_lose_and_a_side_to_flip(suite):
    parts = margins(original=[1.0, 1.0, 1.0], t=[-1.0, 1.0, 1.0])
    scores = suite(parts, preference={"0": 0.5})
    assert catalogue.FLIP_RATE(scores, HALF, subset="t").value == pytest.approx(1 / 3)
    drop = catalogue.ACCURACY_DROP(scores, HALF, subset="t")
    assert (drop.value, drop.n) == (0.0, 2)
    turned = suite(parts, preference={"0": 0.0, "1": 0.0})  # the other side is right
    assert catalogue.ACCURACY_BEFORE(turned, HALF, subset="t").value == pytest.approx(1 / 3)
    assert catalogue.ACCURACY_AFTER(turned, HALF, subset="t").value == pytest.approx(2 / 3)
    nobody = suite(parts, preference={"0": 0.5, "1": 0.5, "2": 0.5})
    none = catalogue.ACCURACY_DROP(nobody, HALF, subset="t")
    assert none.reason == "every example is a tie between its answers"
    assert catalogue.FLIP_RATE(nobody, HALF, subset="t").value == pytest.approx(1 / 3)


# --- independent oracles


def binary(n: int, seed: int, turn: float) -> Suite:
    rng = np.random.default_rng(seed)
    before = np.where(rng.random(n) < 0.7, 1.0, -1.0)
    after = np.where(rng.random(n) < turn, -before, before)
    return margins(original=before.tolist(), t=after.tolist())


@pytest.mark.parametrize("seed", range(5))
def test_p_is_mcnemars_exact_test_on_pairs_that_share_no_cluster(suite, seed):
    parts = binary(200, seed, 0.15)
    before = np.array([p[0][0] > 0 for p in parts["original"].values()])
    after = np.array([p[0][0] > 0 for p in parts["t"].values()])
    table = [[(before & after).sum(), (before & ~after).sum()],
             [(~before & after).sum(), (~before & ~after).sum()]]  # fmt: skip
    found = catalogue.ACCURACY_DROP_P(suite(parts), HALF, subset="t")
    assert found.value == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-12)
    assert found.n == 200
    drop = catalogue.ACCURACY_DROP(suite(parts), HALF, subset="t")
    assert drop.value == pytest.approx(before.mean() - after.mean())
    assert drop.ci_method == "tango"
    # Tango's interval is that of the score test, which is McNemar's without a correction.
    score_p = mcnemar(table, exact=False, correction=False).pvalue
    assert (score_p < 0.05) == (not drop.ci_low <= 0 <= drop.ci_high)


def check_error(
    metric: RobustnessMetric, scores: Scores, name: str | None, error: float, rel: float = 1e-9
) -> None:
    """Its influences by cluster have that standard error, and its interval rests on them."""
    used = metric.used(Comparisons.from_scores(scores))
    linear = metric.measured(used, HALF, subset=name).linear
    own, group = linear.influence[linear.used], used.group[linear.used]
    assert clustered_standard_error(own, group) == pytest.approx(error, rel=rel)
    found = metric(scores, HALF, subset=name)
    expected = clustered_interval(linear, used.group, fraction=metric.unit == "fraction"
                                  and metric is not catalogue.ACCURACY_DROP)  # fmt: skip
    assert (found.ci_low, found.ci_high) == (expected.low, expected.high)
    assert found.ci_method == expected.method


def test_p_flips_the_signs_of_cluster_sums(suite):
    rng = np.random.default_rng(3)
    before, after = rng.normal(0.6, 1, 30), rng.normal(0.2, 1, 30)
    groups = {str(i): f"g{i // 3}" for i in range(30)}
    scores = suite(margins(original=before.tolist(), t=after.tolist()), groups)
    drops = (before > 0).astype(float) - (after > 0)
    sums = drops.reshape(10, 3).sum(axis=1)
    exact = permutation_test(
        (sums,), np.sum, permutation_type="samples", n_resamples=np.inf
    ).pvalue  # fmt: skip
    by_hand = np.mean(
        [abs(np.dot(s, sums)) >= abs(sums.sum()) - 1e-9 for s in product((1, -1), repeat=10)]
    )
    found = catalogue.ACCURACY_DROP_P(scores, HALF, subset="t")
    assert found.value == pytest.approx(by_hand, rel=1e-12)
    assert found.value == pytest.approx(exact, rel=1e-12)


def test_the_interval_is_clustered(suite):
    rng = np.random.default_rng(4)
    before, after = rng.normal(0.6, 1, 40), rng.normal(0.2, 1, 40)
    cluster = np.arange(40) // 4
    groups = {str(i): f"g{c}" for i, c in enumerate(cluster)}
    scores = suite(margins(original=before.tolist(), t=after.tolist()), groups)
    drops = (before > 0).astype(float) - (after > 0)
    fit = sm.OLS(drops, np.ones(40)).fit(
        # statsmodels' further correction, (n - 1) / (n - k), is 1 with one column.
        cov_type="cluster", cov_kwds={"groups": cluster}, use_t=True,
    )  # fmt: skip
    check_error(catalogue.ACCURACY_DROP, scores, "t", fit.bse[0])


def test_over_all_transformations_each_rewriting_counts_once_and_clusters_hold(suite):
    rng = np.random.default_rng(5)
    rows = {name: rng.normal(0.5, 1, 30) for name in ("original", "s", "t")}
    parts = margins(**{name: row.tolist() for name, row in rows.items()})
    for i in range(10):
        del parts["t"][str(i)]
    scores = suite(parts)
    flips = {
        name: (np.sign(rows[name]) != np.sign(rows["original"])).astype(float) for name in "st"
    }
    values = np.concatenate([flips["s"], flips["t"][10:]])
    cluster = np.concatenate([np.arange(30), np.arange(10, 30)])
    fit = sm.OLS(values, np.ones(50)).fit(
        cov_type="cluster", cov_kwds={"groups": cluster}, use_t=True,
    )  # fmt: skip
    found = catalogue.FLIP_RATE(scores, HALF)
    assert found.n == 50
    assert found.value == pytest.approx(values.mean())
    check_error(catalogue.FLIP_RATE, scores, None, fit.bse[0])


def test_the_error_of_a_shift_knows_that_its_unit_is_estimated(suite):
    """Against a bootstrap over examples of the whole ratio, numerator and unit together."""
    rng = np.random.default_rng(6)
    before = rng.normal(1, 2, 400)
    after = 0.5 * before + rng.normal(1.5, 1, 400)
    scores = suite(margins(original=before.tolist(), t=after.tolist()))
    draws = rng.integers(0, 400, (2000, 400))
    b, a = before[draws], after[draws]
    spread = ((a - b).mean(axis=1) / b.std(axis=1, ddof=1)).std()
    check_error(catalogue.MARGIN_SHIFT, scores, "t", spread, rel=0.07)
    spread = (a.std(axis=1) / b.std(axis=1)).std()
    check_error(catalogue.MARGIN_SD_RATIO, scores, "t", spread, rel=0.07)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_q_is_benjamini_hochbergs(p_values):
    named = {f"t{i}": p for i, p in enumerate(p_values)}
    found = adjusted(named)
    assert list(found) == list(named)
    expected = multipletests(p_values, method="fdr_bh")[1]
    assert list(found.values()) == pytest.approx(expected.tolist())


def test_q_of_a_suite_is_over_its_transformations(suite):
    parts = binary(120, 0, 0.1)
    for i, turn in enumerate((0.02, 0.3, 0.5)):
        parts[f"t{i}"] = binary(120, i + 7, turn)["t"]
    scores = suite(parts)
    names = ["t", "t0", "t1", "t2"]
    p = [catalogue.ACCURACY_DROP_P(scores, HALF, subset=name).value for name in names]
    q = [catalogue.ACCURACY_DROP_Q(scores, HALF, subset=name).value for name in names]
    assert q == pytest.approx(multipletests(p, method="fdr_bh")[1].tolist())


# --- scorers of known answer

REWARDS = st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0])
ROWS = st.lists(
    st.tuples(
        st.lists(REWARDS, min_size=1, max_size=3),
        st.lists(REWARDS, min_size=1, max_size=3),
        st.sampled_from("abcd"),
    ),
    min_size=1,
    max_size=12,
)
POLICY = st.sampled_from([HALF, WRONG])


def derived(rows: list, *, scale: float = 1.0, add: float = 0.0) -> tuple[Suite, dict[str, str]]:
    part = {str(i): (c, r) for i, (c, r, _) in enumerate(rows)}
    moved = {
        key: ([scale * x + add for x in c], [scale * x + add for x in r])
        for key, (c, r) in part.items()
    }
    return {"original": part, "t": moved}, {str(i): row[2] for i, row in enumerate(rows)}


@settings(max_examples=60)
@given(ROWS, POLICY)
def test_rewards_that_do_not_move_show_nothing(suite, rows, context):
    scores = suite(*derived(rows))
    assert catalogue.FLIP_RATE(scores, context, subset="t").value == 0
    assert catalogue.FLIP_RATE(scores, context).value == 0
    drop = catalogue.ACCURACY_DROP(scores, context, subset="t")
    assert drop.value == 0
    if drop.ci_low is not None:
        assert drop.ci_low <= 0 <= drop.ci_high
        assert drop.ci_high > 0  # no evidence is no proof of nothing
    assert catalogue.ACCURACY_DROP_P(scores, context, subset="t").value == 1
    assert catalogue.ACCURACY_DROP_Q(scores, context, subset="t").value == 1
    assert catalogue.TIES_CHANGED(scores, context, subset="t").value == 0
    for metric, unmoved in ((catalogue.SCORE_SHIFT, 0), (catalogue.MARGIN_SHIFT, 0),
                            (catalogue.MARGIN_SD_RATIO, 1)):  # fmt: skip
        value = metric(scores, context, subset="t").value
        assert value is None or value == pytest.approx(unmoved, abs=1e-12)


@settings(max_examples=60)
@given(ROWS, POLICY)
def test_a_scorer_whose_signs_all_turn_flips_all_but_its_ties(suite, rows, context):
    scores = suite(*derived(rows, scale=-1.0))
    margin = Comparisons.from_scores(scores)
    own = margin.where(margin.subset == "t")
    moved = own.example_mean((own.margin != 0).astype(float)).mean()
    assert catalogue.FLIP_RATE(scores, context, subset="t").value == pytest.approx(moved)
    if (own.margin != 0).all():
        assert catalogue.FLIP_RATE(scores, context).value == 1
        after = catalogue.ACCURACY_AFTER(scores, context, subset="t").value
        before = catalogue.ACCURACY_BEFORE(scores, context, subset="t").value
        assert after == pytest.approx(1 - before)


@settings(max_examples=60)
@given(ROWS, POLICY, st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_a_scale_flips_nothing_and_shows_in_the_spread(suite, rows, context, scale):
    scores = suite(*derived(rows, scale=scale))
    assert catalogue.FLIP_RATE(scores, context, subset="t").value == 0
    ratio = catalogue.MARGIN_SD_RATIO(scores, context, subset="t").value
    assert ratio is None or ratio == pytest.approx(scale)


def test_a_constant_added_moves_scores_and_not_margins(suite):
    scores = suite(*derived([([1.0], [0.0], "a"), ([0.0], [3.0], "b")], add=2.0))
    sd = np.std([1, -3], ddof=1)
    assert catalogue.SCORE_SHIFT(scores, HALF, subset="t").value == pytest.approx(2 / sd)
    assert catalogue.MARGIN_SHIFT(scores, HALF, subset="t").value == 0


# --- edges


def test_intervals_where_nothing_varies(suite):
    same = suite(margins(original=[1.0] * 20, t=[1.0] * 20))
    flip = catalogue.FLIP_RATE(same, HALF, subset="t")
    assert (flip.ci_low, flip.ci_high) == (0.0, wilson(0, 20).high)
    drop = catalogue.ACCURACY_DROP(same, HALF, subset="t")
    # Without discordant pairs Tango's interval is +-z^2 / (n + z^2).
    limit = 1.959963984540054**2 / (20 + 1.959963984540054**2)
    assert (drop.ci_low, drop.ci_high) == pytest.approx((-limit, limit), abs=1e-9)
    groups = {str(i): f"g{i // 2}" for i in range(20)}
    shared = catalogue.ACCURACY_DROP(
        suite(margins(original=[1.0] * 20, t=[1.0] * 20), groups), HALF, subset="t"
    )
    assert shared.ci_method == "tango on clusters"
    limit = 1.959963984540054**2 / (10 + 1.959963984540054**2)
    assert (shared.ci_low, shared.ci_high) == pytest.approx((-limit, limit), abs=1e-9)
    lost = drop_interval(np.ones(20), np.arange(20) // 2, binary=True)
    assert lost.low < 1 == lost.high
    assert drop_interval(np.ones(3), np.zeros(3, dtype=np.int64), binary=True) is None
    assert drop_interval(np.full(4, 0.5), np.arange(4) // 2, binary=False) is None
    flat = catalogue.SCORE_SHIFT(same, HALF, subset="t")
    assert flat.reason == "all margins are the same, so they have no standard deviation"
    assert catalogue.MARGIN_SD_RATIO(same, HALF, subset="t").reason == flat.reason


def test_p_of_nothing_is_one_and_rounding_is_nothing():
    rng = np.random.default_rng(0)
    groups = np.arange(6) // 3
    assert drop_p_value(np.zeros(6), groups, rng) == 1
    third = np.array([0.1, 0.2, -0.3, 1 / 3, 1 / 3, -2 / 3])
    assert drop_p_value(third, groups, rng) == 1
    # Thirds of three answers are of one size, but for rounding: McNemar, not draws.
    drops = np.array([1 / 3, 1 - 2 / 3, -1 / 3, 1 / 3] * 10)
    assert drop_p_value(drops, np.arange(40), rng) == pytest.approx(
        mcnemar([[0, 30], [10, 0]], exact=True).pvalue
    )


def test_many_clusters_of_different_size_draw_signs_by_the_seed(suite):
    rng = np.random.default_rng(8)
    before, after = rng.normal(0.8, 1, 120), rng.normal(0.3, 1, 120)
    groups = {str(i): f"g{i // 3}" for i in range(120)}
    scores = suite(margins(original=before.tolist(), t=after.tolist()), groups)
    found = [
        catalogue.ACCURACY_DROP_P(scores, MeasureContext(seed=s), subset="t").value
        for s in (0, 0, 1)
    ]
    assert found[0] == found[1] != found[2]
    sums = ((before > 0).astype(float) - (after > 0)).reshape(40, 3).sum(axis=1)
    signs = np.random.default_rng(9).choice([-1, 1], (200_000, 40))
    expected = (np.abs(signs @ sums) >= abs(sums.sum()) - 1e-9).mean()
    assert found[0] == pytest.approx(expected, abs=4 * np.sqrt(expected / 10_000))


def test_what_has_no_original_is_left_out_or_has_no_value(suite):
    parts = margins(original=[1.0, None, 2.0], t=[-1.0, -1.0, 2.0], u=[None, 1.0, None])
    scores = suite(parts)
    flip = catalogue.FLIP_RATE(scores, HALF, subset="t")
    assert (flip.value, flip.n) == (0.5, 2)
    alone = catalogue.FLIP_RATE(scores, HALF, subset="u")
    assert alone.reason == "no example of 'u' has its original beside it"
    assert (alone.value, alone.n) == (None, 1)
    assert catalogue.FLIP_RATE(scores, HALF).n == 2
    plain = suite(margins(some=[1.0], other=[2.0]))
    assert catalogue.FLIP_RATE(plain, HALF, subset="some").reason == (
        "there is no subset 'original' to compare with"
    )
    assert catalogue.ACCURACY_DROP_Q(plain, HALF, subset="some").value is None
    only = suite(margins(original=[1.0, 2.0]))
    assert catalogue.FLIP_RATE(only, HALF).reason == "no example is rewritten"
    assert catalogue.FLIP_RATE(suite({}), HALF).reason == "there are no examples"


def test_an_example_with_other_answers_than_its_original_is_an_error(suite):
    scores = suite({"original": {"a": ((1.0,), (0.0,))}, "t": {"a": ((1.0,), (0.0, 0.5))}})
    with pytest.raises(ValueError, match=r"'t/a' has another number of answers"):
        catalogue.FLIP_RATE(scores, HALF, subset="t")


def test_ids_with_slashes_and_subset_names_in_them_are_joined_whole(suite):
    parts: Suite = {
        "original": {"t/x": ((1.0,), (0.0,)), "x": ((-1.0,), (0.0,))},
        "t": {"x": ((1.0,), (0.0,)), "t/x": ((1.0,), (0.0,))},
    }
    joined = join(Comparisons.from_scores(suite(parts)))
    assert joined["t"].at.tolist() == [1, 0]
    assert catalogue.FLIP_RATE(suite(parts), HALF, subset="t").value == 0.5


def test_measure_gives_every_transformation_the_originals(suite):
    scores = suite(HAND)
    found = measure([*catalogue.METRICS, ACCURACY], scores, WRONG)
    own = {(e.metric, e.subset): e for e in found}
    assert ("flip_rate", "original") not in own
    assert own["accuracy", "original"].value == pytest.approx(3 / 5)
    wholes = {e.metric for e in found if e.subset is None}
    assert wholes == {m.name for m in catalogue.METRICS if m.whole} | {"accuracy"}
    for metric in catalogue.METRICS:
        for name in ("turned", "tied"):
            assert own[metric.name, name] == metric(scores, WRONG, subset=name)


def test_influences_are_those_of_the_value_over_all_examples(suite):
    """What a paired comparison of two scorers rests on: leave an example out, to first order."""
    rng = np.random.default_rng(10)
    n = 300
    rows = {name: rng.normal(0.5, 1, n) for name in ("original", "t")}
    parts = margins(**{name: row.tolist() for name, row in rows.items()})
    comparisons = Comparisons.from_scores(suite(parts))
    for metric in (catalogue.FLIP_RATE, catalogue.ACCURACY_DROP, catalogue.SCORE_SHIFT,
                   catalogue.MARGIN_SD_RATIO):  # fmt: skip
        found = metric.measured(comparisons, HALF, subset="t")
        assert found.linear.influence.shape == (2 * n,)
        assert found.linear.influence.sum() == pytest.approx(0, abs=1e-9)
        for leave in range(3):
            less = {name: {k: v for k, v in part.items() if k != str(leave)}
                    for name, part in parts.items()}  # fmt: skip
            value = metric(suite(less), HALF, subset="t").value
            assert (value - found.value) * -(n - 1) / n == pytest.approx(
                found.linear.influence[leave], abs=4e-5
            )
