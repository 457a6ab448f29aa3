"""Too few shared items as an answer of the gate, so that no file says pass where the call fails."""

from __future__ import annotations

from collections.abc import Sequence

from rmbench.result import Comparison, GateOutcome, GateReport


def with_coverage(
    report: GateReport, comparisons: Sequence[Comparison], minimum: float
) -> GateReport:
    """The report with a failure for each comparison that shares too few of its items.

    Args:
        report: What was judged.
        comparisons: What it was judged on.
        minimum: Smallest share of shared among all items, in [0, 1].
    """
    short = tuple(
        GateOutcome(
            rule=f"coverage<{100 * minimum:g}%",
            test="value",
            suite=c.suite.name,
            metric="coverage",
            candidate=c.candidate.scorer.name,
            status="fail",
            value=c.coverage.fraction,
            limit=minimum,
            unit="fraction",
            n=c.coverage.shared,
            message=f"{c.coverage.shared:,} items are shared, {100 * c.coverage.fraction:.1f} % of "
            f"all; --min-coverage asks for {100 * minimum:g} %",
        )
        for c in comparisons
        if c.candidate is not None and c.coverage is not None and c.coverage.fraction < minimum
    )
    if not short:
        return report
    return report.model_copy(update={"outcomes": (*report.outcomes, *short), "passed": False})
