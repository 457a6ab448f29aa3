"""Rules without a baseline: a value, or the end of its interval, against a threshold."""

from __future__ import annotations

import operator

from rmbench.gate.findings import Answer, Finding, Subject, missing
from rmbench.gate.rules import Rule
from rmbench.gate.words import level

_HOLDS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def judge_threshold(
    rule: Rule,
    subject: Subject,
    value: float | None,
    interval: tuple[float, float] | None,
    n: int,
    *,
    reason: str | None = None,
    remarks: tuple[str, ...] = (),
) -> Finding:
    """Hold a value against the rule's threshold.

    Args:
        rule: An absolute rule.
        subject: Who is judged.
        value: ``None`` where the metric is undefined; never a pass.
        interval: Its 95 % interval, if it has one.
        n: Examples behind it.
        reason: Why there is no value.
        remarks: What a reader must know of the result, added to the message.
    """
    if value is None:
        return missing(rule, subject, f"{rule.target} has no value: {reason or 'undefined'}")
    held, what = value, "is"
    if rule.test == "bound":
        if interval is None:
            return missing(rule, subject, f"{rule.target} has no interval to judge by")
        low_end = rule.op.startswith("<")
        held = interval[0] if low_end else interval[1]
        end = "lower" if low_end else "upper"
        what = f"is {level(value, rule.unit)}; the 95 % interval's {end} end is"
    # Thresholds always have a limit; only losses may be shares of a baseline.
    fails = _HOLDS[rule.op](held, rule.limit or 0.0)
    message = f"{what} {level(held, rule.unit)}, {_relation(rule, fails)}"
    for remark in remarks:
        message += f"; {remark}"
    return Finding(
        rule,
        subject,
        lambda *_: Answer("fail" if fails else "pass", None, message),
        numbers={
            "value": value,
            "bound": held if rule.test == "bound" else None,
            "ci_low": interval[0] if interval else None,
            "ci_high": interval[1] if interval else None,
            "n": n,
        },
    )


def _relation(rule: Rule, fails: bool) -> str:
    words = {"<": "below", "<=": "at most", ">": "above", ">=": "at least"}[rule.op]
    return f"{'' if fails else 'not '}{words} {level(rule.limit or 0.0, rule.unit)}"
