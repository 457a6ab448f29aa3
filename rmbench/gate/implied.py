"""What every call asks of its comparisons without a rule that says so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from rmbench.gate.findings import Answer, Finding, Subject, not_comparable
from rmbench.gate.rules import Rule
from rmbench.result import Comparison, scorer_slug


def short_coverage(
    comparisons: Sequence[Comparison], names: Mapping[str, str], minimum: float
) -> list[Finding]:
    """A failure for each comparison that shares too few of its items.

    Args:
        comparisons: Of the call.
        names: Each candidate's slug to what it is called.
        minimum: Smallest share of shared among all items, in [0, 1].
    """
    rule = _implied(f"coverage<{100 * minimum:g}%", None, "coverage", minimum)
    found = []
    for c in comparisons:
        if c.candidate is None or c.coverage is None or c.coverage.fraction >= minimum:
            continue
        seen = c.coverage
        message = (
            f"{seen.shared:,} items are shared, {100 * seen.fraction:.1f} % of all; "
            f"--min-coverage asks for {100 * minimum:g} %"
        )
        found.append(
            Finding(
                rule,
                Subject(names[scorer_slug(c.candidate.scorer)], None, c.suite.name),
                _failing(message),
                numbers={"value": seen.fraction, "n": seen.shared},
            )
        )
    return found


def refused(
    comparisons: Sequence[Comparison],
    names: Mapping[str, str],
    told: Collection[tuple[str, str | None]],
) -> list[Finding]:
    """An error for each comparison that must not be made, where no rule has told of it.

    Args:
        comparisons: Of the call.
        names: Each candidate's slug to what it is called.
        told: Candidate and suite of what rules have found.
    """
    rule = _implied("not comparable", "both sides can be compared", "comparable", None)
    return [
        not_comparable(rule, subject, c.reason)
        for c in comparisons
        if c.candidate is not None and c.reason is not None
        for subject in [Subject(names[scorer_slug(c.candidate.scorer)], None, c.suite.name)]
        if (subject.candidate, subject.suite) not in told
    ]


def _failing(message: str) -> Callable[[float | None, int], Answer]:
    return lambda *_: Answer("fail", None, message)


def _implied(text: str, name: str | None, metric: str, limit: float | None) -> Rule:
    return Rule(
        text=text,
        name=name or text,
        suite=None,
        metric=metric,
        subset=None,
        op="<",
        limit=limit,
        share=None,
        unit="fraction",
        higher_is_better=True,
        is_speed=False,
        test="value",
    )
