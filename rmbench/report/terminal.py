"""How wide a terminal is, and what the words above its tables mean."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from rmbench.report.content import Table
from rmbench.report.labels import OTHER, label_of, position_of
from rmbench.report.overview import Overview
from rmbench.report.text import join, plain

NARROWEST = 60
WIDEST = 160
"""What is printed is as wide as the terminal, between these."""

NOTE_WIDTH = 100
"""Running text stays narrower than tables may be: longer lines are hard to read."""

_PARENTHESES = {
    "ece": (
        "ECE (if calibrated)",
        "; in parentheses that of a perfectly calibrated scorer on as many examples",
    ),
    "worst_subset_accuracy": (
        "worst subset (by chance)",
        "; in parentheses where it would be if all subsets were equally hard",
    ),
}
_COUNTS = (
    "ties are comparisons of equal rewards; truncated are examples of which text was cut off, "
    "failed those left out for want of a reward; skipped are rows that could not be used"
)
_Q = (
    "chance of so large a drop if rewriting changed nothing, adjusted over the transformations "
    "(Benjamini-Hochberg); left out are examples that a transformation does not fit"
)


def terminal_width() -> int:
    """Columns to write in: $COLUMNS, or the terminal's, or 100 without one; in [60, 160]."""
    return min(max(shutil.get_terminal_size((100, 24)).columns, NARROWEST), WIDEST)


def glossary(overview: Overview, tables: Sequence[Table]) -> list[str]:
    """A line on each column of numbers that the tables have, in reading order.

    Args:
        overview: Whose metrics are shown.
        tables: As they are printed.
    """
    heads = {" ".join(join(h, plain).split()) for table in tables for h in table.header}
    # In a summary the metric stands below the suite's name, of parts in the title.
    heads |= {join(h, plain).rpartition("\n")[2] for table in tables for h in table.header}
    heads |= {join(t.title, plain).rpartition(": ")[2].removesuffix(" by subset") for t in tables}
    results = [entry.result for suite in overview.suites for entry in suite.entries]
    metrics = {e.metric for result in results for e in result.estimates}
    lines = []
    for metric in sorted(metrics, key=position_of):
        label, more = label_of(metric), ""
        head = label.label
        if label.group == OTHER or not label.help:
            continue
        if metric in _PARENTHESES and _PARENTHESES[metric][0] in heads:
            head, more = _PARENTHESES[metric]
        if head in heads:
            lines.append(f"{head}: {label.help}{more}")
    if "q" in heads:
        lines.append(f"q: {_Q}")
    if any(" ".join(join(t.title, plain).split()) == "Counts" for t in tables):
        lines.append(f"counts: {_COUNTS}")
    if any("[" in join(cell, plain) for t in tables for row in t.rows for cell in row):
        lines.append("in brackets: 95 % intervals; n: examples")
    return lines
