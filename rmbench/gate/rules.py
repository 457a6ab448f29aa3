"""From what a rule says to what it means for its metric; rules that mean nothing are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf, isfinite
from pathlib import Path

from rmbench import plugins
from rmbench.errors import SpecError, UnknownNameError, UsageError
from rmbench.metrics.base import Metric
from rmbench.metrics.speeds import SPEEDS
from rmbench.result import GateTest
from rmbench.spec.gate import ALPHA, Condition, GateRule, Operator, load_gates, parse_rule

_SCORE = "score"
"""The headline of a suite under another name; every headline is a score to raise."""


@dataclass(frozen=True)
class Rule:
    """A rule that has been checked against its metric.

    Attributes:
        text: As it was written.
        name: What outputs call it; its text where it was given no name.
        suite: ``None``: every suite that has the metric.
        metric: Name of the metric.
        subset: ``None``: the whole suite.
        op: ``:`` before an allowed loss.
        limit: Threshold or allowed loss, in the metric's unit; ``None`` where ``share`` says it.
        share: Allowed loss as a share of the baseline's value.
        unit: The metric's.
        higher_is_better: The metric's direction; ``None`` where it has none.
        is_speed: Whether it is a metric of throughput.
        test: How it is judged.
        alpha: One-sided size of the test of a loss.
        fail_missing: Whether what is missing counts as a failure, not as an error.
    """

    text: str
    name: str
    suite: str | None
    metric: str
    subset: str | None
    op: Operator
    limit: float | None
    share: float | None
    unit: str
    higher_is_better: bool | None
    is_speed: bool
    test: GateTest
    alpha: float = ALPHA
    fail_missing: bool = False

    @property
    def is_relative(self) -> bool:
        """Whether it needs a baseline."""
        return self.op == ":"

    @property
    def target(self) -> str:
        """The metric, with its subset where there is one."""
        return self.metric if self.subset is None else f"{self.metric}@{self.subset}"

    def allowed(self, baseline: float) -> float:
        """The loss it allows on this baseline, in the metric's unit."""
        return self.limit if self.limit is not None else (self.share or 0.0) * abs(baseline)

    def covers(self, suite: str, kind: str) -> bool:
        """Whether it is about that suite."""
        return (kind == "throughput") == self.is_speed and self.suite in (None, suite)


@dataclass(frozen=True)
class _Meaning:
    """What a rule must know of its metric."""

    unit: str
    higher_is_better: bool | None
    range: tuple[float, float]
    is_speed: bool


def read_rules(fail_if: Sequence[str], gates: Path | None) -> tuple[Rule, ...]:
    """The rules of a call: those of its options, then those of its file.

    Args:
        fail_if: Rules in one line each.
        gates: A TOML file of rules, or a ``pyproject.toml`` with ``[tool.rmbench.gates]``.

    Raises:
        UsageError: If a rule cannot be read, contradicts its metric's direction, could never
            or always fail, or contradicts another rule.
        UnknownNameError: If there is no such metric.
        SpecError: If the file is wrong, or a rule of it.

    >>> [rule] = read_rules(["rm-bench/accuracy:1pp"], None)
    >>> rule.limit, rule.test, rule.alpha
    (0.01, 'noninferiority', 0.05)
    """
    rules = [_resolve(GateRule.model_construct(fail_if=t, alpha=ALPHA)) for t in fail_if]
    for first, second in combinations(rules, 2):
        _check_pair(first, second)
    if gates is None:
        return tuple(rules)
    for given in load_gates(gates).rules():
        try:
            rule = _resolve(given)
            for other in rules:
                _check_pair(other, rule)
        except UsageError as error:
            raise SpecError(f"{gates}: {error}") from None
        rules.append(rule)
    return tuple(rules)


def _resolve(given: GateRule) -> Rule:
    condition = parse_rule(given.fail_if)
    meaning = _meaning(condition.metric)
    limit, share = _limit(condition, meaning)
    _check_direction(condition, meaning)
    return Rule(
        text=condition.text,
        name=given.name or condition.text,
        suite=condition.suite,
        metric=condition.metric,
        subset=condition.subset,
        op=condition.op,
        limit=limit,
        share=share,
        unit=meaning.unit,
        higher_is_better=meaning.higher_is_better,
        is_speed=meaning.is_speed,
        test=_test(given, condition, meaning),
        alpha=given.alpha if given.alpha is not None else ALPHA,
        fail_missing=given.on_missing == "fail",
    )


def _meaning(name: str) -> _Meaning:
    if name == _SCORE:
        return _Meaning("fraction", True, (0.0, inf), is_speed=False)
    if name in SPEEDS:
        speed = SPEEDS[name]
        return _Meaning(speed.unit, speed.higher_is_better, (0.0, inf), is_speed=True)
    known = plugins.names(plugins.METRICS)
    if name not in known:
        names = [*known, *SPEEDS, _SCORE]
        raise UnknownNameError.for_name("metric", name, names, listed_by="rmbench list metrics")
    metric: Metric = plugins.load(plugins.METRICS, name)
    return _Meaning(metric.unit, metric.higher_is_better, metric.range, is_speed=False)


def _limit(rule: Condition, meaning: _Meaning) -> tuple[float | None, float | None]:
    """Threshold or loss in the metric's unit, or the loss as a share of the baseline."""
    low, high = meaning.range
    of_fractions = meaning.unit == "fraction"
    if rule.unit == "pp" and not of_fractions:
        raise UsageError(
            f"rule {rule.text!r}: {rule.metric} is no fraction that has percentage points; "
            f"its unit is {meaning.unit!r} (write :{rule.amount:g}, or :{rule.amount:g}%)"
        )
    if rule.is_relative and rule.unit == "%":
        if rule.amount >= 100 and meaning.higher_is_better:
            raise UsageError(f"rule {rule.text!r} could never fail: it allows to lose everything")
        return None, rule.amount / 100
    if rule.unit == "%" and not of_fractions:
        raise UsageError(
            f"rule {rule.text!r}: {rule.metric} is no fraction; its unit is {meaning.unit!r}"
        )
    limit = rule.amount / 100 if rule.unit else rule.amount
    if rule.is_relative and limit >= high - low:
        hint = f" (1 percentage point is {rule.metric}:1pp)" if of_fractions else ""
        raise UsageError(f"rule {rule.text!r} could never fail: it allows to lose all{hint}")
    if not rule.is_relative and not low <= limit <= high:
        ends = ", ".join(f"{end:g}" if isfinite(end) else "…" for end in (low, high))
        hint = f"; {limit:g} % is {limit:g}%" if of_fractions and limit > 1 else ""
        raise UsageError(f"rule {rule.text!r}: {rule.metric} lies in [{ends}]{hint}")
    return limit, None


def _check_direction(rule: Condition, meaning: _Meaning) -> None:
    if rule.is_relative:
        if meaning.higher_is_better is None:
            raise UsageError(
                f"rule {rule.text!r}: neither direction of {rule.metric} is a loss; give "
                f"thresholds ({rule.metric}<LOW, {rule.metric}>HIGH)"
            )
        return
    if meaning.higher_is_better is None:
        return
    wrong, better, other = (">", "higher", "<") if meaning.higher_is_better else ("<", "lower", ">")
    if rule.op.startswith(wrong):
        raise UsageError(
            f"rule {rule.text!r} would fail the better models, for a {better} {rule.metric} is "
            f"better; a rule states the failure: {rule.metric}{other}{rule.amount:g}{rule.unit}"
        )


def _test(given: GateRule, condition: Condition, meaning: _Meaning) -> GateTest:
    if not condition.is_relative:
        if given.test is not None:
            raise UsageError(
                f"rule {condition.text!r}: a threshold is not tested; `test` is for losses"
            )
        return given.on or "value"
    if given.on is not None:
        raise UsageError(f"rule {condition.text!r}: `on` is for thresholds, not for losses")
    if meaning.is_speed:
        if given.test is not None:
            raise UsageError(f"rule {condition.text!r}: a speed has a test of its own; no `test`")
        return "speed"
    return given.test or "noninferiority"


def _says(rule: Rule) -> tuple[object, ...]:
    """What a rule claims, however it is written: 1pp is 0.01."""
    limit = None if rule.limit is None else float(f"{rule.limit:.12g}")
    share = None if rule.share is None else float(f"{rule.share:.12g}")
    return (rule.suite, rule.op, limit, share, rule.test)


def _check_pair(first: Rule, second: Rule) -> None:
    """Refuse a rule given twice, and thresholds between which nothing passes."""
    if (first.target, first.is_relative) != (second.target, second.is_relative):
        return
    if _says(first) == _says(second):
        also = f", also as {second.text!r}" if first.text != second.text else ""
        raise UsageError(f"rule {first.text!r} is given twice{also}: give it once")
    apart = None not in (first.suite, second.suite) and first.suite != second.suite
    if first.is_relative or apart:
        return
    below = next((r for r in (first, second) if r.op.startswith("<")), None)
    above = next((r for r in (first, second) if r.op.startswith(">")), None)
    if below is None or above is None or below.limit is None or above.limit is None:
        return
    ends_pass = below.op == "<" and above.op == ">"
    if below.limit > above.limit or (below.limit == above.limit and not ends_pass):
        raise UsageError(
            f"rules {first.text!r} and {second.text!r} contradict one another: no value of "
            f"{first.target} passes both"
        )
