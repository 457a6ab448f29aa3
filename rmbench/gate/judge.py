"""Rules against comparisons or results: which apply where, and what the call as a whole says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import partial

import numpy as np

from rmbench.errors import UsageError, shorten
from rmbench.gate.findings import Finding, Subject, missing, not_comparable
from rmbench.gate.implied import refused, short_coverage
from rmbench.gate.losses import judge_loss, judge_speed
from rmbench.gate.rules import Rule
from rmbench.gate.thresholds import judge_threshold
from rmbench.metrics.paired import holm
from rmbench.result import (
    Comparison,
    Estimate,
    GateReport,
    PairedEstimate,
    Result,
    ScorerInfo,
    Side,
    SpeedEstimate,
    StoredRun,
    Unmatched,
    scorer_slug,
)
from rmbench.result.extent import departures

_NOBODY = "no candidate"
_NEAR = 0.72
"""How alike names must be for a suggestion: 'mth' and 'math', not 'rm-bench' and 'judgebench'."""


def judge(
    rules: Sequence[Rule],
    comparisons: Sequence[Comparison],
    *,
    strict: bool,
    unmatched: Sequence[Unmatched] = (),
    min_coverage: float | None = None,
) -> GateReport:
    """Judge candidates against their baseline.

    A rule without a suite is held against every suite on which any candidate has its metric;
    a rule that meets none is an error, and so is a candidate or a baseline without a result.
    Holm corrects the claims that too much is lost over all rules, suites and candidates of the
    call. That a loss is excluded is a claim of its own each time and is not corrected.
    Comparisons that must not be made are errors, also where no rule is about them.

    Args:
        rules: From ``read_rules``.
        comparisons: Of one baseline with each candidate, on each suite.
        strict: Whether an inconclusive rule stops too.
        unmatched: Candidates' results on suites that the baseline has none on.
        min_coverage: Share of all items, in [0, 1], below which a comparison fails whatever
            its rules say; ``None`` asks for none.
    """
    sides = [c.candidate for c in comparisons if c.candidate] + [u.candidate for u in unmatched]
    names = _names_of(sides)
    findings = [f for rule in rules for f in _compared(rule, comparisons, unmatched, names)]
    if rules:
        told = {(f.subject.candidate, f.subject.suite) for f in findings}
        findings += refused(comparisons, names, told)
    if min_coverage is not None:
        findings += short_coverage(comparisons, names, min_coverage)
    return _report(findings, strict)


def judge_absolute(
    rules: Sequence[Rule], results: Sequence[StoredRun | Result], *, strict: bool
) -> GateReport:
    """Judge results by themselves.

    Args:
        rules: From ``read_rules``; none may need a baseline.
        results: Of one or many scorers and suites.
        strict: Recorded; rules without a baseline are never inconclusive.

    Raises:
        UsageError: If a rule allows a loss, which only a comparison can judge.
    """
    for rule in rules:
        if rule.is_relative:
            raise UsageError(
                f"rule {rule.text!r} needs a baseline: rmbench compare BASELINE CANDIDATE "
                f"--fail-if {rule.text!r}"
            )
    bodies = [r.result if isinstance(r, StoredRun) else r for r in results]
    names = _names(body.scorer for body in bodies)
    return _report([f for rule in rules for f in _measured(rule, bodies, names)], strict)


def exit_code(report: GateReport) -> int:
    """What a command that has judged ends with.

    0: no rule stops. 1: a rule failed, or was inconclusive where that stops. 2: none did, but
    one could not be judged.
    """
    if report.passed:
        return 0
    stops = {"fail", "inconclusive"} if report.strict else {"fail"}
    return 1 if any(o.status in stops for o in report.outcomes) else 2


def _report(findings: Sequence[Finding], strict: bool) -> GateReport:
    claims = [i for i, f in enumerate(findings) if f.p is not None]
    corrected: dict[int, float] = {}
    if claims:
        p_values = np.array([findings[i].p for i in claims], dtype=np.float64)
        corrected = dict(zip(claims, holm(p_values).tolist(), strict=True))
    outcomes = tuple(f.outcome(corrected.get(i), len(claims)) for i, f in enumerate(findings))
    stop = {"fail", "error"} | ({"inconclusive"} if strict else set())
    passed = all(o.status not in stop for o in outcomes)
    return GateReport(outcomes=outcomes, strict=strict, passed=passed)


def _names(scorers: Iterable[ScorerInfo]) -> dict[str, str]:
    """Each scorer's slug to its name, or to the slug where two have one name."""
    by_slug = {scorer_slug(s): s.name for s in scorers}
    seen = Counter(by_slug.values())
    return {slug: name if seen[name] == 1 else slug for slug, name in by_slug.items()}


def _names_of(sides: Sequence[Side]) -> dict[str, str]:
    """The same of compared sides; seeds of one recipe are one candidate, and called that."""
    seeds = max(sides, key=lambda side: len(side.replicates), default=None)
    if seeds is None or not seeds.replicates:
        return _names(side.scorer for side in sides)
    together = f"{seeds.scorer.name} × {len(seeds.replicates)} seeds"
    return {scorer_slug(side.scorer): together for side in sides}


# ---- with a baseline ----


def _compared(
    rule: Rule,
    comparisons: Sequence[Comparison],
    unmatched: Sequence[Unmatched],
    names: dict[str, str],
) -> list[Finding]:
    covered = [c for c in comparisons if rule.covers(c.suite.name, c.suite.kind)]
    findings: list[Finding] = []
    measured = {c.suite.name for c in covered if _found(rule, c) is not None}
    for c in covered:
        name = names[scorer_slug(c.candidate.scorer)] if c.candidate else _NOBODY
        subject = Subject(name, c.baseline.scorer.name, c.suite.name)
        if c.candidate is None or c.reason is not None:
            why = c.reason or "the candidate has no result on it"
            make = missing if c.candidate is None else not_comparable
            findings.append(make(rule, subject, why))
        elif (found := _found(rule, c)) is not None:
            findings.append(_judge_one(rule, subject, found).with_remarks(c.cautions))
        elif rule.suite is not None or c.suite.name in measured:
            findings.append(missing(rule, subject, _no_metric(rule, _offers([c], rule))))
    for u in unmatched:
        if rule.covers(u.suite, u.kind or ("throughput" if rule.is_speed else "preference")):
            subject = Subject(names[scorer_slug(u.candidate.scorer)], None, u.suite)
            findings.append(missing(rule, subject, "the baseline has no result on it"))
    judged = {f.subject.candidate for f in findings}
    suites = sorted({c.suite.name for c in comparisons})
    baselines = {c.baseline.scorer.name for c in comparisons}
    baseline = baselines.pop() if len(baselines) == 1 else None
    for name in _unjudged(names, judged):
        why = _meets_nothing(rule, suites, _offers(covered, rule))
        findings.append(missing(rule, Subject(name, baseline, rule.suite), why))
    return findings


def _found(rule: Rule, c: Comparison) -> SpeedEstimate | PairedEstimate | None:
    if rule.is_speed and rule.subset is None:
        return c.speed(rule.metric)
    return c.estimate(rule.metric, rule.subset)


def _judge_one(rule: Rule, subject: Subject, e: SpeedEstimate | PairedEstimate) -> Finding:
    if isinstance(e, SpeedEstimate):
        if rule.is_relative:
            return judge_speed(rule, subject, e)
        return judge_threshold(
            rule, subject, e.candidate, None, e.repeats_candidate, reason=e.reason
        )
    if rule.is_relative:
        return judge_loss(rule, subject, e)
    low, high = e.candidate_ci_low, e.candidate_ci_high
    interval = (low, high) if low is not None and high is not None else None
    return judge_threshold(rule, subject, e.candidate, interval, e.n, reason=e.reason)


def _offers(comparisons: Sequence[Comparison], rule: Rule) -> list[str]:
    """The subsets of the rule's metric, or the metrics where it is there in none."""
    found = [(e.metric, e.subset) for c in comparisons for e in c.estimates]
    found += [(s.metric, None) for c in comparisons for s in c.speeds]
    return _near(rule, found)


# ---- without one ----


def _measured(rule: Rule, results: Sequence[Result], names: dict[str, str]) -> list[Finding]:
    covered = [r for r in results if rule.covers(r.suite.name, r.suite.kind)]
    estimate = partial(Result.estimate, metric=rule.metric, subset=rule.subset)
    measured = {r.suite.name for r in covered if estimate(r) is not None}
    findings: list[Finding] = []
    for r in covered:
        subject = Subject(names[scorer_slug(r.scorer)], None, r.suite.name)
        found = estimate(r)
        if found is not None:
            findings.append(_judge_value(rule, subject, r, found))
        elif rule.suite is not None or r.suite.name in measured:
            offers = _near(rule, [(e.metric, e.subset) for e in r.estimates])
            findings.append(missing(rule, subject, _no_metric(rule, offers)))
    judged = {f.subject.candidate for f in findings}
    suites = sorted({r.suite.name for r in results})
    offers = _near(rule, [(e.metric, e.subset) for r in covered for e in r.estimates])
    for name in _unjudged(names, judged):
        why = _meets_nothing(rule, suites, offers)
        findings.append(missing(rule, Subject(name, None, rule.suite), why))
    return findings


def _judge_value(rule: Rule, subject: Subject, result: Result, e: Estimate) -> Finding:
    interval = (e.ci_low, e.ci_high) if e.ci_low is not None and e.ci_high is not None else None
    remarks = departures(result)
    if result.counts.failed:
        remarks.append(f"{result.counts.failed:,} examples have no reward")
    return judge_threshold(
        rule, subject, e.value, interval, e.n, reason=e.reason, remarks=tuple(remarks)
    )


# ---- what to say where something is not there ----


def _unjudged(names: dict[str, str], judged: set[str]) -> list[str]:
    """The candidates that a rule found nothing of."""
    left = [name for name in dict.fromkeys(names.values()) if name not in judged]
    return left or ([] if judged else [_NOBODY])


def _near(rule: Rule, found: Sequence[tuple[str, str | None]]) -> list[str]:
    subsets = [s for m, s in found if m == rule.metric and s is not None]
    if rule.subset is not None and any(m == rule.metric for m, _ in found):
        return sorted(set(subsets))
    return sorted({m for m, _ in found})


def _no_metric(rule: Rule, offers: Sequence[str]) -> str:
    return f"there is no {rule.target} in it{_hint(rule.subset or rule.metric, offers)}"


def _meets_nothing(rule: Rule, suites: Sequence[str], offers: Sequence[str]) -> str:
    if rule.suite is not None and rule.suite not in suites:
        return f"there is no result on the suite {rule.suite!r}{_hint(rule.suite, suites)}"
    where = f"the suite {rule.suite!r}" if rule.suite else f"any suite ({_list(suites)})"
    return f"there is no {rule.target} on {where}{_hint(rule.subset or rule.metric, offers)}"


def _hint(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=_NEAR)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are {_list(known)}" if known else ""


def _list(names: Sequence[str]) -> str:
    return shorten(names, 8) or "none"
