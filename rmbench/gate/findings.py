"""What one rule finds on one suite of one candidate, before the claims of a call are corrected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rmbench.gate.rules import Rule
from rmbench.result import GateOutcome, GateStatus, Verdict


@dataclass(frozen=True)
class Subject:
    """Who is judged, on which suite.

    Attributes:
        candidate: Name of the scorer that is judged.
        baseline: Name of the scorer it is held against; ``None`` for an absolute rule.
        suite: ``None`` where the rule meets no suite at all.
    """

    candidate: str
    baseline: str | None
    suite: str | None


@dataclass(frozen=True)
class Answer:
    """A status, the verdict that goes with it, and the message."""

    status: GateStatus
    verdict: Verdict | None
    message: str


@dataclass(frozen=True)
class Finding:
    """One rule's numbers.

    Attributes:
        rule: The rule.
        subject: Who is judged.
        answer: From the p-value of the rule's claim after correction (``None`` where it makes
            no claim), and how many claims are corrected together, to the answer.
        p: One-sided, of the claim that too much is lost; ``None`` where there is none.
        numbers: Further fields of ``GateOutcome``.
        detectable: From how many claims of a call are corrected together to the loss that this
            one finds with 80 % power whatever the others say.
    """

    rule: Rule
    subject: Subject
    answer: Callable[[float | None, int], Answer]
    p: float | None = None
    numbers: dict[str, Any] = field(default_factory=dict)
    detectable: Callable[[int], float] | None = None

    def with_remarks(self, remarks: Sequence[str]) -> Finding:
        """The same, its message followed by what a reader must know of the results."""
        if not remarks:
            return self
        answer = self.answer

        def remarked(p: float | None, n_claims: int) -> Answer:
            found = answer(p, n_claims)
            return replace(found, message="; ".join((found.message, *remarks)))

        return replace(self, answer=remarked)

    def outcome(self, p_holm: float | None, n_claims: int) -> GateOutcome:
        """The record of it."""
        rule, answer = self.rule, self.answer(p_holm, n_claims)
        numbers = self.numbers
        if self.detectable is not None:
            numbers = {**numbers, "detectable": self.detectable(n_claims)}
        return GateOutcome(
            rule=rule.text,
            name=rule.name if rule.name != rule.text else None,
            test=rule.test,
            suite=self.subject.suite,
            metric=rule.metric,
            subset=rule.subset,
            candidate=self.subject.candidate,
            baseline=self.subject.baseline if rule.is_relative else None,
            status=answer.status,
            verdict=answer.verdict,
            message=answer.message,
            p=self.p,
            p_holm=p_holm,
            unit=rule.unit,
            **{"limit": rule.limit, **numbers},
        )


def missing(rule: Rule, subject: Subject, why: str) -> Finding:
    """Something that the rule needs is not there."""
    status: GateStatus = "fail" if rule.fail_missing else "error"
    return Finding(rule, subject, lambda *_: Answer(status, None, why))


def not_comparable(rule: Rule, subject: Subject, why: str, **numbers: Any) -> Finding:
    """There are values, but no paired difference that can be judged."""
    answer = Answer("error", "not_comparable", f"cannot be judged: {why}")
    return Finding(rule, subject, lambda *_: answer, numbers=numbers)
