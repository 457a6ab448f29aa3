"""Rules with a baseline: is more lost than may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

from scipy.special import ndtri

from rmbench.gate.findings import Answer, Finding, Subject, not_comparable
from rmbench.gate.rules import Rule
from rmbench.gate.words import change, level, probability
from rmbench.metrics.allowed_loss import LossTest, loss_from_error, loss_from_table
from rmbench.metrics.cluster_error import FEW_CLUSTERS
from rmbench.metrics.paired import PairedCounts
from rmbench.result import PairedEstimate, SpeedEstimate


def judge_loss(rule: Rule, subject: Subject, e: PairedEstimate) -> Finding:
    """Judge an allowed loss on a paired estimate, by the rule's test."""
    values = {"value": e.candidate, "baseline_value": e.baseline, "n": e.n}
    if e.difference is None or e.verdict == "not_comparable" or e.baseline is None:
        return not_comparable(rule, subject, e.reason or "no difference", **values)
    allowed = rule.allowed(e.baseline)
    gain = e.difference if rule.higher_is_better else -e.difference
    # Evidence of any loss at all is what superiority asks for; the limit is then a size.
    tested = allowed if rule.test == "noninferiority" else 0.0
    test = _test(rule, e, gain, tested)
    if isinstance(test, str):
        return not_comparable(rule, subject, test, **values)
    found = test(rule.alpha)
    numbers = {
        **values,
        "difference": e.difference,
        "limit": allowed,
        "bound": found.bound,
        "alpha": rule.alpha,
        "ci_low": e.ci_low,
        "ci_high": e.ci_high,
    }
    few = _few(e)
    seen = _seen(rule, e.baseline, e.candidate, e.difference)

    @cache
    def detectable(n_claims: int) -> float:
        # Holm's strictest step: what is found there is found whatever the other claims say.
        alpha = rule.alpha / n_claims
        least = test(alpha).detectable
        return _detectable_beyond(allowed, least, alpha) if rule.test == "superiority" else least

    if rule.test == "superiority":
        found_by = _by_factor(rule, subject, gain, allowed, found.p, seen + few, numbers)
        return replace(found_by, detectable=detectable)
    return Finding(
        rule,
        subject,
        lambda p, n: _noninferiority(rule, found, allowed, p, seen, few, (detectable(n), n)),
        p=found.p,
        numbers=numbers,
        detectable=detectable,
    )


def judge_speed(rule: Rule, subject: Subject, s: SpeedEstimate) -> Finding:
    """Judge an allowed loss of speed: the factor between medians and Mann-Whitney, both."""
    n = min(s.repeats_baseline, s.repeats_candidate)
    values = {"value": s.candidate, "baseline_value": s.baseline, "n": n}
    if s.verdict == "not_comparable" or s.baseline is None or s.candidate is None:
        return not_comparable(rule, subject, s.reason or "no ratio", **values)
    if s.p is None:
        return not_comparable(rule, subject, s.reason or "repeats were not compared", **values)
    difference = s.candidate - s.baseline
    gain = difference if rule.higher_is_better else -difference
    allowed = rule.allowed(s.baseline)
    numbers = {**values, "difference": difference, "limit": allowed, "alpha": rule.alpha}
    # The two-sided p, turned into that of "the candidate is not worse".
    p = s.p / 2 if gain < 0 else 1 - s.p / 2
    seen = _seen(rule, s.baseline, s.candidate, difference)
    return _by_factor(rule, subject, gain, allowed, p, seen, numbers)


def _test(
    rule: Rule, e: PairedEstimate, gain: float, loss: float
) -> Callable[[float], LossTest] | str:
    """The test of a loss, of any size alpha, or why there can be none."""
    if e.table is not None and rule.higher_is_better and not e.seed_values:
        t = e.table
        counts = PairedCounts(t.both, t.only_candidate, t.only_baseline, t.neither)
        return partial(loss_from_table, counts, min(loss, 1.0))
    if e.standard_error is None:
        return e.reason or f"{rule.metric} has no standard error of its difference"
    if e.standard_error > 0:
        df = e.degrees_of_freedom if e.degrees_of_freedom is not None else e.n_clusters - 1
        if df <= 0:
            return "all examples are one cluster, which says nothing of the error"
        # The mean over seeds moves in smaller steps, and its error counts the seeds.
        steps = rule.unit == "fraction" and not e.seed_values
        correction = 0.5 / e.n if steps else 0.0
        return partial(loss_from_error, gain, e.standard_error, df, loss, correction=correction)
    if gain != 0 or e.n_clusters < 1:
        return "the differences do not vary, which says nothing of the error"
    if rule.unit == "fraction":
        # No cluster differs: as if each were one item on which the two agree.
        return partial(loss_from_table, PairedCounts(e.n_clusters, 0, 0, 0), min(loss, 1.0))
    if e.n_clusters < FEW_CLUSTERS:
        return f"{e.n_clusters} clusters that do not differ say nothing of a loss elsewhere"
    return lambda _: LossTest(0.0, 1.0, loss, "no cluster differs")


def _few(e: PairedEstimate) -> str:
    """What a message says where the error rests on few clusters."""
    if e.n_clusters < FEW_CLUSTERS:
        return f"; only {e.n_clusters} clusters"
    if e.ci_method is not None and e.ci_method.endswith("few clusters"):
        return f"; {e.n_clusters} clusters so unequal that they may be worth few"
    return ""


def _noninferiority(
    rule: Rule,
    found: LossTest,
    allowed: float,
    p: float | None,
    seen: str,
    few: str,
    finds: tuple[float, int],
) -> Answer:
    may = change(allowed, rule.unit, signed=False)
    bound = change(found.bound, rule.unit)
    level_ = f"{100 * (1 - rule.alpha):g} %"
    if found.bound > -allowed:
        shown = f"{seen}; {level_} bound {bound} shows"
        if found.bound > 0:
            return Answer("pass", "improved", f"{shown} a gain{few}")
        return Answer("pass", "pass", f"{shown} a loss below {may}{few}")
    if p is not None and p < rule.alpha:
        return Answer(
            "fail", "regression", f"{seen}; more than {may} is lost ({probability(p)}){few}"
        )
    detectable, n_claims = finds
    least = change(detectable, rule.unit, signed=False)
    beside = f", as one of {n_claims} claims" if n_claims > 1 else ""
    return Answer(
        "inconclusive",
        "inconclusive",
        f"{seen}; {level_} bound {bound} does not exclude a loss of {may}; "
        f"a loss is found from {least} on{beside}{few}",
    )


def _by_factor(
    rule: Rule,
    subject: Subject,
    gain: float,
    allowed: float,
    p: float,
    seen: str,
    numbers: dict[str, float | int | None],
) -> Finding:
    """A failure takes two things: a loss above the limit, and evidence of any loss."""
    may = change(allowed, rule.unit, signed=False)
    if rule.share is not None:
        may = f"{100 * rule.share:g} %"

    def answer(corrected: float | None, _: int) -> Answer:
        shown = corrected is not None and corrected < rule.alpha
        if -gain <= allowed:
            return Answer("pass", "pass", f"{seen}; no more than {may} is lost")
        if shown:
            why = f"more than {may} is lost ({probability(corrected or 0.0)})"
            return Answer("fail", "regression", f"{seen}; {why}")
        why = f"more than {may}, but it may be chance ({probability(corrected or 0.0)})"
        return Answer("inconclusive", "inconclusive", f"{seen}; {why}")

    return Finding(rule, subject, answer, p=p, numbers=numbers)


def _detectable_beyond(allowed: float, without_limit: float, alpha: float) -> float:
    """The loss found with 80 % power where it must be significant and above a size."""
    spread = without_limit / float(-ndtri(alpha) + ndtri(0.8))
    return max(without_limit, allowed + float(ndtri(0.8)) * spread)


def _seen(rule: Rule, baseline: float, candidate: float | None, difference: float) -> str:
    after = level(candidate, rule.unit) if candidate is not None else "–"
    relative = ""
    if rule.share is not None and baseline:
        relative = f" ({change(100 * difference / abs(baseline), '%')})"
    return f"{level(baseline, rule.unit)} → {after}, {change(difference, rule.unit)}{relative}"
