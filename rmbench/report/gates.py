"""A gate's answer as text, Markdown and HTML; each fits into a page about more than gates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill

from rmbench.report.numbers import UNDEFINED, number, quantity
from rmbench.report.text import markdown, plain
from rmbench.result import GateOutcome, GateReport, GateStatus

WORDS: dict[GateStatus, str] = {
    "pass": "pass",
    "fail": "FAIL",
    "inconclusive": "inconclusive",
    "error": "ERROR",
}
"""Verdicts as they stand in front of a line."""

_COLOURS = {"pass": "32", "fail": "1;31", "inconclusive": "33", "error": "1;35"}
_WIDTH = max(map(len, WORDS.values()))
_LINE = 80

HOW_TO_READ = (
    "An allowed loss passes where the one-sided confidence bound excludes a larger one, fails "
    "where a larger one is shown (after Holm over all such claims of this call), and is "
    "inconclusive between. Passes are not corrected: each may be wrong with chance alpha. The loss "
    "found from is shown with 80 % power at Holm's strictest step, whatever other rules say."
)


@dataclass(frozen=True)
class GateRow:
    """One outcome, in words and numbers.

    Attributes:
        status: What it is.
        word: The same as it is shown.
        rule: The rule's name, or the rule where it has none.
        where: The suite; empty where the rule met none.
        candidate: Who is judged.
        message: What was found.
        numbers: Difference, interval, bound, p and detectable loss, or dashes.
    """

    status: GateStatus
    word: str
    rule: str
    where: str
    candidate: str
    message: str
    numbers: tuple[str, ...]


NUMBER_HEADER = ("difference", "95 % interval", "bound", "p (Holm)", "loss found from")


def verdict_of(report: GateReport) -> GateStatus:
    """What the gate as a whole says; what stops it goes before what does not."""
    found = {o.status for o in report.outcomes}
    order: tuple[GateStatus, ...] = ("fail", "error", "inconclusive")
    return next((status for status in order if status in found), "pass")


def gate_rows(report: GateReport) -> list[GateRow]:
    """The outcomes, in the order of the rules."""
    return [
        GateRow(
            status=o.status,
            word=WORDS[o.status],
            rule=o.rule if o.name is None else f"{o.name} ({o.rule})",
            where=o.suite or "",
            candidate=o.candidate,
            message=o.message,
            numbers=_numbers(o),
        )
        for o in report.outcomes
    ]


def summary_line(report: GateReport) -> str:
    """The verdict and how many rules stand behind it.

    >>> summary_line(GateReport(outcomes=(), passed=True))
    'gate passed: no rule was judged'
    """
    counts = Counter(o.status for o in report.outcomes)
    words: tuple[tuple[GateStatus, str], ...] = (
        ("fail", "failed"),
        ("error", "could not be judged"),
        ("inconclusive", "inconclusive"),
        ("pass", "passed"),
    )
    parts = [f"{counts[status]} {word}" for status, word in words if counts[status]]
    verdict = "passed" if report.passed else "did not pass"
    note = " (inconclusive rules stop only with --strict)"
    open_rules = report.passed and counts["inconclusive"]
    return f"gate {verdict}: {', '.join(parts) or 'no rule was judged'}{note if open_rules else ''}"


def render_gate(report: GateReport, *, colour: bool = False) -> str:
    """One line a rule, its verdict first, then the gate's; long ones go on below, indented.

    Args:
        report: What was judged.
        colour: Whether verdicts are coloured, for a terminal that shows it.
    """
    lines = []
    for row in gate_rows(report):
        word = row.word.ljust(_WIDTH)
        where = " on ".join(plain(x) for x in (row.candidate, row.where) if x)
        line = fill(
            f"{word}  {plain(row.rule)}  {where}: {plain(row.message)}",
            _LINE,
            subsequent_indent=" " * (_WIDTH + 2),
            break_on_hyphens=False,
            break_long_words=False,
        )
        if colour:
            line = f"\x1b[{_COLOURS[row.status]}m{word}\x1b[0m{line[_WIDTH:]}"
        lines.append(line)
    return "\n".join([*lines, summary_line(report)])


def gate_markdown(report: GateReport) -> str:
    """A section of GitHub's Markdown: the verdict, a table, and the numbers folded away."""
    rows = gate_rows(report)
    found = [
        (row.word, *map(markdown, (row.rule, row.where, row.candidate, row.message)))
        for row in rows
    ]
    numbers = [
        (markdown(row.rule), markdown(row.where), markdown(row.candidate), *row.numbers)
        for row in rows
    ]
    blocks = [
        f"### rmbench {summary_line(report)}",
        _table(("", "rule", "suite", "candidate", "found"), found),
    ]
    if any(set(row.numbers) != {UNDEFINED} for row in rows):
        table = _table(("rule", "suite", "candidate", *NUMBER_HEADER), numbers)
        blocks.append(
            f"<details><summary>Numbers</summary>\n\n{table}\n\n{HOW_TO_READ}\n</details>"
        )
    return "\n\n".join(blocks) + "\n"


def gate_html(report: GateReport) -> str:
    """A ``section`` of a page that has the reports' style sheet; every name is escaped."""
    from rmbench.report.html import template_environment

    template = template_environment().get_template("gate.html.j2")
    return template.render(
        rows=gate_rows(report),
        summary=summary_line(report),
        header=NUMBER_HEADER,
        how=HOW_TO_READ,
    )


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _numbers(o: GateOutcome) -> tuple[str, ...]:
    unit = o.unit or "1"
    interval = UNDEFINED
    if o.ci_low is not None and o.ci_high is not None:
        signed = o.difference is not None
        ends = [quantity(end, unit, signed=signed) for end in (o.ci_low, o.ci_high)]
        interval = f"[{', '.join(ends)}]"
    return (
        _shown(o.difference, unit, signed=True),
        interval,
        _shown(o.bound, unit, signed=o.difference is not None),
        UNDEFINED if o.p_holm is None else "<0.001" if o.p_holm < 0.0005 else number(o.p_holm),
        _shown(o.detectable, unit),
    )


def _shown(value: float | None, unit: str, *, signed: bool = False) -> str:
    return UNDEFINED if value is None else quantity(value, unit, signed=signed)
