"""Judging: known answers, what never passes, Holm, and what more room does."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
import pytest
from gate_examples import (
    binary,
    comparison,
    continuous,
    estimate,
    result,
    scorer,
    side,
    speed,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from rmbench.errors import UsageError
from rmbench.gate import exit_code, judge, judge_absolute, read_rules
from rmbench.report.gates import render_gate
from rmbench.result import Comparison, GateOutcome, GateReport, Unmatched


def judged(*rules: str, over: Any, strict: bool = False) -> GateReport:
    comparisons = [over] if isinstance(over, Comparison) else over
    return judge(read_rules(rules, None), comparisons, strict=strict)


def only(report: GateReport) -> GateOutcome:
    (outcome,) = report.outcomes
    return outcome


# ---- allowed losses ----


def test_the_notes_example_is_inconclusive_at_one_point_and_passes_at_two() -> None:
    report = judged("accuracy:1pp", "accuracy:2pp", over=comparison(binary(20, 25)))
    one, two = report.outcomes
    assert (one.status, one.verdict) == ("inconclusive", "inconclusive")
    assert (two.status, two.verdict) == ("pass", "pass")
    assert one.difference == pytest.approx(-0.005)
    # Tango's lower bound and half an item; the Wald bound of the notes is -1.60 points.
    assert one.bound == two.bound == pytest.approx(-0.0170, abs=1e-4)
    assert (one.limit, one.alpha, one.n) == (0.01, 0.05, 1000)
    seen = "62.50 % → 62.00 %, −0.50 pp; 95 % bound −1.70 pp does not exclude a loss of 1.00 pp; "
    assert one.message == f"{seen}a loss is found from 2.86 pp on, as one of 2 claims"
    alone = only(judged("accuracy:1pp", over=comparison(binary(20, 25))))
    assert alone.message == f"{seen}a loss is found from 2.66 pp on"
    assert two.message.endswith("95 % bound −1.70 pp shows a loss below 2.00 pp")
    assert report.passed
    assert not judged("accuracy:1pp", over=comparison(binary(20, 25)), strict=True).passed


@pytest.mark.parametrize(
    ("only_candidate", "only_baseline", "rule", "status", "verdict"),
    [
        (10, 60, "accuracy:1pp", "fail", "regression"),
        (10, 60, "accuracy:4pp", "inconclusive", "inconclusive"),
        (10, 60, "accuracy:7pp", "pass", "pass"),
        (60, 10, "accuracy:0pp", "pass", "improved"),
        (60, 10, "accuracy:1pp", "pass", "improved"),
        (25, 25, "accuracy:0pp", "inconclusive", "inconclusive"),
        (0, 0, "accuracy:1pp", "pass", "pass"),
        (0, 0, "accuracy:0pp", "inconclusive", "inconclusive"),
        (10, 60, "accuracy:1%", "fail", "regression"),
        (10, 60, "accuracy:0.07", "pass", "pass"),
    ],
)
def test_a_table_is_judged(
    only_candidate: int, only_baseline: int, rule: str, status: str, verdict: str
) -> None:
    found = only(judged(rule, over=comparison(binary(only_candidate, only_baseline))))
    assert (found.status, found.verdict) == (status, verdict), found.message


@pytest.mark.parametrize(
    ("difference", "rule", "status"),
    [
        (0.03, "nll:0.01", "fail"),
        (0.01, "nll:0.01", "inconclusive"),
        (0.0, "nll:0.01", "pass"),
        (-0.03, "nll:0", "pass"),  # lower is better
        (0.03, "nll:1%", "fail"),
        (0.03, "nll:10%", "pass"),
    ],
)
def test_the_metric_says_which_way_is_a_loss(difference: float, rule: str, status: str) -> None:
    found = only(judged(rule, over=comparison(continuous(difference, 0.005))))
    assert found.status == status, found.message
    assert found.bound == pytest.approx(-difference - 1.6487 * 0.005, abs=1e-5)


def test_a_share_is_of_the_baselines_value() -> None:
    found = only(judged("nll:5%", over=comparison(continuous(0.01, 0.005, baseline=0.6))))
    assert found.limit == pytest.approx(0.03)
    assert "0.6 → 0.61, +0.01 (+1.667 %)" in found.message


def test_the_detectable_loss_is_the_rules_own() -> None:
    e = continuous(0.01, 0.005, detectable=0.014)
    small, large = (only(judged(rule, over=comparison(e))) for rule in ("nll:0", "nll:0.01"))
    # (1.6487 + 0.8426) 0.005 with 399 degrees of freedom, one-sided, beyond the limit.
    assert small.detectable == pytest.approx(0.012456, abs=1e-5)
    assert large.detectable == pytest.approx(0.022456, abs=1e-5)


def _ten_rules() -> tuple[list[str], GateReport]:
    rules = [f"nll:{0.001 * k:.3f}" for k in range(10)]
    return rules, judged(*rules, over=comparison(continuous(0.01, 0.005)))


def test_the_detectable_loss_of_one_claim_of_many_is_at_holms_strictest_step() -> None:
    _, report = _ten_rules()
    reach = stats.t.ppf(1 - 0.05 / 10, 399) + stats.t.ppf(0.8, 399)
    for k, outcome in enumerate(report.outcomes):
        assert outcome.detectable == pytest.approx(0.001 * k + reach * 0.005)
    assert report.outcomes[-1].message.endswith(" on, as one of 10 claims")
    # Superiority asks for a loss beyond its limit and for evidence of any.
    by_size = replace(read_rules(["nll:0.03"], None)[0], test="superiority")
    others = read_rules(["nll:0.01", "nll:0.02"], None)
    three = judge((by_size, *others), [comparison(continuous(0.01, 0.005))], strict=False)
    assert three.outcomes[0].detectable == pytest.approx(
        0.03 + stats.norm.ppf(0.8) * 0.005, rel=0.02
    )


def _share_found_first(p: Any) -> float:
    """How often the first of each row's claims is rejected at .05, stepping down as Holm does."""
    ordered = np.sort(p, axis=1)
    steps = np.maximum.accumulate(ordered * np.arange(p.shape[1], 0, -1), axis=1)
    at = (ordered < p[:, :1]).sum(axis=1)
    return float(np.mean(np.take_along_axis(steps, at[:, None], axis=1) < 0.05))


def test_a_loss_of_that_size_is_found_in_four_of_five_calls_with_ten_rules() -> None:
    """Simulated calls, of which one rule in ten is broken by just what was printed for it."""
    _, report = _ten_rules()
    detectable, error, df = report.outcomes[0].detectable, 0.005, 399
    assert detectable is not None
    rng = np.random.default_rng(0)
    lost = np.array([detectable] + [0.0] * 9) + error * rng.standard_normal((4000, 10))
    p = stats.t.sf(lost / error, df)
    assert 0.78 < _share_found_first(p) < 0.83
    # What one rule by itself would find is found about every other time.
    alone = (stats.t.ppf(0.95, df) + stats.t.ppf(0.8, df)) * error
    p[:, 0] = stats.t.sf((lost[:, 0] - detectable + alone) / error, df)
    assert _share_found_first(p) < 0.5


def test_seeds_bring_their_own_degrees_of_freedom() -> None:
    e = continuous(0.0, 0.005, degrees_of_freedom=2.0, seed_values=(0.6, 0.61, 0.59))
    found = only(judged("nll:0.01", over=comparison(e)))
    assert found.bound == pytest.approx(-2.92 * 0.005, abs=1e-4)
    assert found.status == "inconclusive"


def test_a_table_of_seeds_is_not_taken_for_one_of_a_model() -> None:
    e = binary(0, 0, standard_error=0.02, degrees_of_freedom=2.0, seed_values=(0.6, 0.6))
    assert only(judged("accuracy:1pp", over=comparison(e))).status == "inconclusive"


def test_seeds_are_called_what_reports_call_them() -> None:
    def of(name: str, *seeds: str) -> Comparison:
        c = comparison(binary(20, 25))
        return c.model_copy(
            update={"candidate": side(name).model_copy(update={"replicates": seeds})}
        )

    together = of("s1", "runs/s1", "runs/s2", "runs/s3")
    # A suite that the second seed alone has a result on is the recipe's too.
    more = Unmatched(suite="more", candidate=side("s2"))
    rules = read_rules(["pairs/accuracy:1pp", "nll:1"], None)
    found = judge(rules, [together], strict=False, unmatched=[more]).outcomes
    assert [(o.candidate, o.suite, o.status) for o in found] == [
        ("s1 × 3 seeds", "pairs", "inconclusive"),
        ("s1 × 3 seeds", "more", "error"),
    ]
    [line] = render_gate(judge(rules[:1], [together], strict=False)).splitlines()[:1]
    assert line.startswith("inconclusive  pairs/accuracy:1pp  s1 × 3 seeds on pairs: ")


def test_few_clusters_are_mentioned() -> None:
    found = only(judged("nll:0.1", over=comparison(continuous(0.0, 0.005, clusters=12))))
    assert found.message.endswith("; only 12 clusters")
    uneven = continuous(0.0, 0.005, ci_method="clustered t, skew-corrected, few clusters")
    found = only(judged("nll:0.1", over=comparison(uneven)))
    assert found.message.endswith("; 400 clusters so unequal that they may be worth few")


def test_a_clustered_accuracy_must_clear_half_an_item_too() -> None:
    """Student's t by hand: 400 items, 399 degrees of freedom, half an item is .125 points."""
    e = continuous(-0.01, 0.01).model_copy(
        update={"metric": "accuracy", "unit": "fraction", "higher_is_better": True}
    )
    found = only(judged("accuracy:2pp", over=comparison(e)))
    assert found.bound == pytest.approx(-0.01 - 0.5 / e.n - 1.64868 * 0.01, abs=1e-6)
    seeds = e.model_copy(update={"seed_values": (0.6, 0.61)})
    found = only(judged("accuracy:2pp", over=comparison(seeds)))
    assert found.bound == pytest.approx(-0.01 - 1.64868 * 0.01, abs=1e-6)


@pytest.mark.parametrize(
    ("clusters", "metric", "status"),
    [
        (400, "nll", "pass"),
        (12, "nll", "error"),
        (400, "accuracy", "pass"),
        (12, "accuracy", "inconclusive"),
    ],
)  # fmt: skip
def test_scorers_that_agree_everywhere(clusters: int, metric: str, status: str) -> None:
    more = {"unit": "fraction", "higher_is_better": True} if metric == "accuracy" else {}
    e = continuous(0.0, 0.0, clusters=clusters, metric=metric, **more)
    assert only(judged(f"{metric}:0.01", over=comparison(e))).status == status


# ---- superiority and speed: a size and evidence, both ----


@pytest.mark.parametrize(
    ("difference", "error", "status"),
    [
        (0.03, 0.005, "fail"),
        (0.03, 0.03, "inconclusive"),
        (0.005, 0.001, "pass"),
        (0.0, 0.03, "pass"),
    ],
)  # fmt: skip
def test_superiority_fails_on_evidence_only(
    tmp_path: Any, difference: float, error: float, status: str
) -> None:
    path = tmp_path / "gates.toml"
    path.write_text("[[rule]]\nfail_if = 'nll:0.01'\ntest = 'superiority'\n")
    rules = read_rules([], path)
    found = only(judge(rules, [comparison(continuous(difference, error))], strict=True))
    assert found.status == status, found.message
    assert found.test == "superiority"


@pytest.mark.parametrize(
    ("ratio", "p", "rule", "status"),
    [
        (0.90, 0.001, "tokens_per_s:5%", "fail"),
        (0.90, 0.3, "tokens_per_s:5%", "inconclusive"),
        (0.97, 0.001, "tokens_per_s:5%", "pass"),
        (1.30, 0.001, "tokens_per_s:5%", "pass"),
        (0.90, 0.001, "tokens_per_s:200", "pass"),
        (0.90, 0.001, "tokens_per_s:50", "fail"),
    ],
)
def test_a_speed_is_judged_by_factor_and_evidence(
    ratio: float, p: float, rule: str, status: str
) -> None:
    found = only(judged(rule, over=comparison(speeds=(speed(ratio, p),), suite="throughput")))
    assert found.status == status, found.message


def test_a_latency_is_worse_when_it_rises() -> None:
    s = speed(1.2, 0.001, metric="latency_p95_s", unit="s", higher_is_better=False)
    c = comparison(speeds=(s,), suite="throughput")
    assert only(judged("latency_p95_s:10%", over=c)).status == "fail"
    assert only(judged("latency_p95_s:30%", over=c)).status == "pass"


@pytest.mark.parametrize(
    "more",
    [
        {"verdict": "not_comparable", "reason": "another device"},
        {"p": None, "reason": "2 repeats"},
    ],
)  # fmt: skip
def test_speeds_that_are_not_comparable_are_errors(more: dict[str, Any]) -> None:
    s = speed(**{"ratio": 1.0, "p": 0.5} | more)
    report = judged("tokens_per_s:5%", over=comparison(speeds=(s,), suite="throughput"))
    assert (only(report).status, only(report).verdict) == ("error", "not_comparable")
    assert more["reason"] in only(report).message
    assert exit_code(report) == 2


# ---- thresholds ----


@pytest.mark.parametrize(
    ("rule", "value", "status"),
    [
        ("accuracy<0.8", 0.79, "fail"),
        ("accuracy<0.8", 0.8, "pass"),
        ("accuracy<=0.8", 0.8, "fail"),
        ("accuracy<80%", 0.81, "pass"),
        ("temperature>2", 2.5, "fail"),
        ("temperature>=2", 2.0, "fail"),
        ("temperature>2", 2.0, "pass"),
    ],
)
def test_a_value_is_held_against_a_threshold(rule: str, value: float, status: str) -> None:
    metric = rule.split("<")[0].split(">")[0]
    report = judge_absolute(
        read_rules([rule], None), [result(estimate(metric, value))], strict=True
    )
    assert only(report).status == status
    assert only(report).value == value
    assert only(report).baseline is None


def test_the_bound_is_the_end_nearer_to_failure(tmp_path: Any) -> None:
    path = tmp_path / "gates.toml"
    path.write_text(
        "[[rule]]\nfail_if='accuracy<0.8'\non='bound'\n[[rule]]\nfail_if='nll>0.5'\non='bound'\n"
    )
    rules = read_rules([], path)
    sure = result(
        estimate("accuracy", 0.85, ci_low=0.81, ci_high=0.89),
        estimate("nll", 0.45, ci_low=0.41, ci_high=0.49, unit="nat"),
    )
    unsure = result(
        estimate("accuracy", 0.85, ci_low=0.79, ci_high=0.91),
        estimate("nll", 0.45, ci_low=0.39, ci_high=0.51, unit="nat"),
    )
    bare = result(estimate("accuracy", 0.85), estimate("nll", 0.45, unit="nat"))
    statuses = [
        [o.status for o in judge_absolute(rules, [r], strict=False).outcomes]
        for r in (sure, unsure, bare)
    ]
    assert statuses == [["pass"] * 2, ["fail"] * 2, ["error"] * 2]
    message = judge_absolute(rules, [unsure], strict=False).outcomes[0].message
    assert message == "is 85.00 %; the 95 % interval's lower end is 79.00 %, below 80.00 %"


def test_a_threshold_on_a_comparison_is_about_the_candidate() -> None:
    c = comparison(binary(0, 300), speeds=())
    assert only(judged("accuracy<0.8", over=c)).status == "fail"
    assert only(judged("accuracy<0.5", over=c)).value == pytest.approx(0.6)
    slow = comparison(speeds=(speed(0.5, None),), suite="throughput")
    assert only(judged("tokens_per_s<600", over=slow)).status == "fail"
    assert only(judged("tokens_per_s<400", over=slow)).status == "pass"


def test_a_partial_result_says_so() -> None:
    r = result(estimate("accuracy", 0.9), partial=True, missing=("math.json",))
    found = only(judge_absolute(read_rules(["accuracy<0.8"], None), [r], strict=False))
    assert found.message.endswith("; partial: measured without math.json")


def test_changed_rules_are_said() -> None:
    """An earlier build passed a run of the first 50 examples without a word."""
    r = result(estimate("accuracy", 0.9), modified=("limit 50",))
    found = only(judge_absolute(read_rules(["accuracy<0.8"], None), [r], strict=False))
    assert found.status == "pass"
    assert found.message.endswith("; run with limit 50")


@pytest.mark.parametrize("rule", ["accuracy:1pp", "accuracy<0.1"])
def test_cautions_of_a_comparison_follow_every_outcome(rule: str) -> None:
    c = comparison(binary(20, 25)).model_copy(update={"cautions": ("both: run with limit 50",)})
    found = only(judge(read_rules([rule], None), [c], strict=False))
    assert found.message.endswith("; both: run with limit 50")


def test_an_allowed_loss_needs_a_comparison() -> None:
    with pytest.raises(
        UsageError, match="rmbench compare BASELINE CANDIDATE --fail-if 'accuracy:1pp'"
    ):
        judge_absolute(read_rules(["accuracy:1pp"], None), [result()], strict=False)


# ---- what is missing never passes ----


def fine(**more: Any) -> Comparison:
    return comparison(binary(20, 25), **more)


@pytest.mark.parametrize(
    ("rule", "over", "message"),
    [
        ("nll:0.1", [fine()], "there is no nll on any suite (pairs); there are accuracy"),
        ("macro_accuracy:9pp", [fine()], "did you mean 'accuracy'?"),
        ("pair/accuracy:9pp", [fine()], "no result on the suite 'pair'; did you mean 'pairs'?"),
        ("rm-bench/accuracy:9pp", [fine(suite="judgebench")],
         "no result on the suite 'rm-bench'; there are judgebench"),
        ("pairs/accuracy@mth:9pp", [comparison(binary(1, 1), binary(1, 1, subset="math"))],
         "there is no accuracy@mth in it; did you mean 'math'?"),
        ("accuracy@mth:9pp", [comparison(binary(1, 1), binary(1, 1, subset="math"))],
         "there is no accuracy@mth on any suite (pairs); did you mean 'math'?"),
        ("accuracy:9pp", [], "there is no accuracy on any suite (none)"),
        ("accuracy<0.1", [], "there is no accuracy on any suite (none)"),
        ("tokens_per_s:9%", [fine()], "there is no tokens_per_s on any suite (pairs)"),
        ("accuracy:9pp", [comparison(candidate=None, reason="not run")], "not run"),
        ("accuracy:9pp", [comparison(reason="other digests")], "cannot be judged: other digests"),
        ("nll:9", [comparison(continuous(None, None))], "the scorer's margins are not logits"),
        ("nll:9", [comparison(continuous(0.0, None))], "no standard error"),
        ("nll>9", [comparison(continuous(None, None))], "nll has no value: the scorer's margins"),
        ("nll:9", [comparison(continuous(0.1, 0.0))], "the differences do not vary"),
    ],
)  # fmt: skip
def test_what_is_missing_is_an_error(rule: str, over: list[Comparison], message: str) -> None:
    report = judged(rule, over=over)
    found = only(report)
    assert found.status == "error"
    assert message in found.message
    assert not report.passed
    assert exit_code(report) == 2


def test_a_file_can_make_a_failure_of_it(tmp_path: Any) -> None:
    path = tmp_path / "gates.toml"
    path.write_text("[[rule]]\nfail_if = 'nll:0.1'\non_missing = 'fail'\n")
    report = judge(read_rules([], path), [fine()], strict=False)
    assert only(report).status == "fail"
    assert exit_code(report) == 1


def test_a_candidate_without_what_another_has_does_not_pass() -> None:
    both = [fine(candidate="a"), comparison(continuous(0, 0.1), candidate="b")]
    for rule in ("accuracy:9pp", "pairs/accuracy:9pp"):
        found = {o.candidate: o.status for o in judged(rule, over=both).outcomes}
        assert found == {"a": "pass", "b": "error"}
    # Nor one that has no result on the suite at all.
    apart = [fine(candidate="a"), fine(candidate="b", suite="other")]
    found = {o.candidate: o.status for o in judged("pairs/accuracy:9pp", over=apart).outcomes}
    assert found == {"a": "pass", "b": "error"}


def test_a_suite_that_nobody_measures_it_on_is_left_out() -> None:
    two = [fine(), comparison(continuous(0, 0.1), suite="confounders")]
    assert [o.suite for o in judged("accuracy:9pp", over=two).outcomes] == ["pairs"]


def test_a_suite_without_a_baseline_does_not_pass() -> None:
    unmatched = [Unmatched(suite="rm-bench", kind="preference", candidate=side("new"))]
    rules = read_rules(["accuracy:9pp", "tokens_per_s<1"], None)
    report = judge(rules, [fine()], strict=False, unmatched=unmatched)
    found = [(o.suite, o.status) for o in report.outcomes]
    assert found == [("pairs", "pass"), ("rm-bench", "error"), (None, "error")]


def test_results_without_the_metric_do_not_pass() -> None:
    rules = read_rules(["accuracy<0.5"], None)
    results = [result(estimate("accuracy", 0.9), name="a"), result(estimate("nll", 0.9), name="b")]
    found = {o.candidate: o.status for o in judge_absolute(rules, results, strict=False).outcomes}
    assert found == {"a": "pass", "b": "error"}
    assert only(judge_absolute(rules, [], strict=False)).status == "error"
    undefined = judge_absolute(rules, [result(estimate("accuracy", None))], strict=False)
    assert "every example is a tie" in only(undefined).message


def test_two_scorers_of_one_name_are_told_apart() -> None:
    one = result(estimate("accuracy", 0.9), scorer=scorer("checkpoint-100", revision="a"))
    two = result(estimate("accuracy", 0.4), scorer=scorer("checkpoint-100", revision="b"))
    rules = read_rules(["accuracy<0.5"], None)
    names = [o.candidate for o in judge_absolute(rules, [one, two], strict=False).outcomes]
    assert len(set(names)) == 2
    assert all(name.startswith("checkpoint-100-") for name in names)


# ---- exit codes ----


@pytest.mark.parametrize(
    ("rules", "strict", "code"),
    [
        (["accuracy:2pp"], True, 0),
        (["accuracy:1pp"], False, 0),
        (["accuracy:1pp"], True, 1),
        (["accuracy<0.9"], False, 1),
        (["nll:1"], False, 2),
        (["nll:1", "accuracy<0.9"], False, 1),
        (["nll:1", "accuracy:1pp"], True, 1),
        (["nll:1", "accuracy:1pp"], False, 2),
    ],
)
def test_exit_codes(rules: list[str], strict: bool, code: int) -> None:
    assert exit_code(judged(*rules, over=fine(), strict=strict)) == code


# ---- Holm ----


def test_the_claims_of_a_call_are_corrected_together() -> None:
    """Four comparisons, each of which alone would fail its rule."""
    losses = [(20, 35), (20, 34), (20, 34), (20, 45)]
    pairs = [comparison(binary(*c), candidate=f"m{i}") for i, c in enumerate(losses)]
    alone = [only(judged("accuracy:0pp", over=c)) for c in pairs]
    assert [o.status for o in alone] == ["fail"] * 4
    together = judged("accuracy:0pp", over=pairs).outcomes
    rejected, adjusted, *_ = multipletests([o.p for o in alone], alpha=0.05, method="holm")
    assert [o.p for o in together] == [o.p for o in alone]
    assert [o.p_holm for o in together] == pytest.approx(list(adjusted))
    assert [o.status == "fail" for o in together] == list(rejected)
    assert {o.status for o in together} == {"fail", "inconclusive"}


def test_passes_are_not_corrected_and_thresholds_make_no_claim() -> None:
    one = judged("accuracy:2pp", over=fine())
    many = judged("accuracy:2pp", "accuracy<0.1", "nll:1", over=[fine()] * 5)
    assert {o.bound for o in many.outcomes if o.metric == "accuracy" and o.limit == 0.02} == {
        only(one).bound
    }
    assert sum(o.p is not None for o in many.outcomes) == 5
    assert [o.p_holm for o in many.outcomes if o.metric == "nll"] == [None]


# ---- properties ----

_losses = st.one_of(
    st.tuples(st.integers(0, 80), st.integers(0, 80), st.integers(160, 900)).map(
        lambda t: binary(t[0], t[1], n=t[2])
    ),
    st.tuples(st.floats(-0.3, 0.3), st.floats(1e-4, 0.2), st.integers(2, 500)).map(
        lambda t: continuous(
            t[0], t[1], clusters=t[2], metric="accuracy", unit="fraction", higher_is_better=True
        )
    ),
)
_rank = {"fail": 0, "inconclusive": 1, "pass": 2}


@given(_losses, st.floats(0, 0.4), st.floats(0, 0.4), st.sampled_from(["", "%"]))
def test_more_room_never_makes_it_worse(e: Any, margin: float, more: float, unit: str) -> None:
    scale = 100 if unit else 1
    rules = [f"accuracy:{m * scale!r}{unit}" for m in (margin, margin + more)]
    small, large = (only(judged(rule, over=comparison(e))) for rule in rules)
    assert _rank[large.status] >= _rank[small.status]


@given(st.floats(0.5, 1.5), st.floats(0, 1), st.floats(0, 90), st.floats(0, 9))
def test_more_room_never_makes_a_speed_worse(
    ratio: float, p: float, percent: float, more: float
) -> None:
    c = comparison(speeds=(speed(ratio, p),), suite="throughput")
    rules = [f"tokens_per_s:{m!r}%" for m in (percent, percent + more)]
    small, large = (only(judged(rule, over=c)) for rule in rules)
    assert _rank[large.status] >= _rank[small.status]


@given(st.lists(_losses, min_size=1, max_size=6), st.booleans())
def test_a_report_passes_exactly_when_no_rule_stops(found: list[Any], strict: bool) -> None:
    over = [comparison(e, candidate=f"m{i}") for i, e in enumerate(found)]
    report = judged("accuracy:1pp", over=over, strict=strict)
    assert len(report.outcomes) == len(found)
    stop = {"fail", "error"} | ({"inconclusive"} if strict else set())
    assert (
        report.passed
        == (exit_code(report) == 0)
        == all(o.status not in stop for o in report.outcomes)
    )


# ---- false alarms ----


def test_false_alarms_of_a_family_stay_below_alpha() -> None:
    """Three rules on candidates that lose exactly what they may: seldom is any failed."""
    rng = np.random.default_rng(5)
    runs, n, psi, loss = 300, 400, 0.2, 0.02
    stopped = passed = 0
    for _ in range(runs):
        tables = rng.multinomial(n, [(psi - loss) / 2, (psi + loss) / 2, 1 - psi], size=3)
        over = [
            comparison(binary(int(c), int(b), n=n), candidate=f"m{i}")
            for i, (c, b, _) in enumerate(tables)
        ]
        outcomes = judged("accuracy:2pp", over=over).outcomes
        stopped += any(o.status == "fail" for o in outcomes)
        passed += sum(o.status == "pass" for o in outcomes)
    slack = 3 * sqrt(0.05 * 0.95 / runs)
    assert stopped / runs <= 0.05 + slack
    assert passed / (3 * runs) <= 0.05 + slack
    assert stopped + passed > 0
