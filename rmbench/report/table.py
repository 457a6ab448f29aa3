"""Tables for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from textwrap import fill, wrap

from tabulate import tabulate

from rmbench.report.consensus import find_consensus
from rmbench.report.consensus_tables import with_consensus
from rmbench.report.content import Content, Table, build
from rmbench.report.numbers import UNDEFINED
from rmbench.report.overview import arrange
from rmbench.report.terminal import NOTE_WIDTH, glossary, terminal_width
from rmbench.report.text import Safe, Text, join, markdown, plain
from rmbench.result import Result, StoredRun
from rmbench.result.consensus import Consensus

TERMINAL_WIDTH = 100
"""Columns that terminal tables stay within where nobody says otherwise."""
_LABEL_WIDTHS = {1: (36,), 2: (28, 24)}
_HEADER_WIDTH = 20
_HEADER_WORDS_WIDTH = 12
_GAP = 2
_HEADER_PADDING = 2  # what tabulate adds to the width of a header


def render_terminal(
    results: Sequence[Result],
    consensus: Sequence[Consensus] = (),
    *,
    width: int | None = None,
    left_out: Sequence[tuple[str, str]] = (),
) -> str:
    """All tables of some results as plain text, then what their columns mean, then the notes.

    A table that is wider than the terminal is continued below, with its first column repeated.
    Names are shortened in the middle where they are long and stay distinct. A column that holds
    no number is left out: why there is none stands in the notes.

    Args:
        results: What to show.
        consensus: What their scorers agree on (``find_consensus``), shown below.
        width: Columns; by default the terminal's (``terminal_width``).
        left_out: Suites that were asked for and not measured, each with the reason.
    """
    columns = terminal_width() if width is None else width
    note_width = min(columns, NOTE_WIDTH)
    overview = arrange(results)
    content = with_consensus(build(overview), overview, consensus)
    tables = [_with_numbers(table) for table in _tables(content)]
    blocks = [terminal_table(table, columns) for table in tables]
    meanings = glossary(overview, tables)
    notes = [join(note, plain) for note in content.notes]
    notes += [f"{UNDEFINED} not measured: {plain(f'{suite}: {why}')}" for suite, why in left_out]
    for lines in (meanings, notes):
        if lines:
            blocks.append("\n".join(wrapped(line, note_width) for line in lines))
    return "\n\n".join(blocks) + "\n"


def render_markdown(runs: Sequence[StoredRun], title: str | None = None) -> str:
    """All tables of some runs in GitHub's Markdown."""
    overview = arrange([run.result for run in runs])
    content = with_consensus(build(overview), overview, find_consensus(runs))
    blocks = [f"# {markdown(title or 'Reward model report')}"]
    blocks += [
        f"## {join(table.title, markdown)}\n\n{markdown_table(table)}" for table in _tables(content)
    ]
    if content.notes:
        blocks.append("\n".join(f"- {join(note, markdown)}" for note in content.notes))
    return "\n\n".join(blocks) + "\n"


def _tables(content: Content) -> list[Table]:
    return ([content.summary] if content.summary else []) + list(content.tables)


def _with_numbers(table: Table) -> Table:
    """The table without columns of dashes alone; as it is where there are no others."""
    empty = {
        i
        for i in range(table.n_labels, len(table.header))
        if table.rows and all(row[i] == UNDEFINED for row in table.rows)
    }
    if len(empty) == len(table.header) - table.n_labels:
        return table
    kept = [i for i in range(len(table.header)) if i not in empty]
    return replace(
        table,
        header=tuple(table.header[i] for i in kept),
        rows=tuple(tuple(row[i] for i in kept) for row in table.rows),
    )


def markdown_table(table: Table) -> str:
    """One table in GitHub's Markdown, without its title."""

    def header_cell(text: Text) -> str:
        return join(text, markdown).replace("\n", "<br>")

    return tabulate(
        [[join(cell, markdown) for cell in row] for row in table.rows],
        headers=[header_cell(cell) for cell in table.header],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=_alignment(len(table.header), table.n_labels),
    )


def terminal_table(table: Table, width: int = TERMINAL_WIDTH) -> str:
    """One table as plain text; columns that do not fit in ``width`` are continued below."""
    header = _shortened_header(table.header)
    columns = [[join(row[i], plain) for row in table.rows] for i in range(len(header))]
    widths = table.label_widths or _LABEL_WIDTHS[table.n_labels]
    for i, most in zip(range(table.n_labels), widths, strict=True):
        # Widths of the table's own are for every terminal.
        fitting = most if table.label_widths else max(most * width // TERMINAL_WIDTH, 16)
        columns[i] = _shortened(columns[i], min(most, fitting))
    title = fill(join(table.title, plain), width)
    parts = []
    for group in _fitting(header, columns, table.n_labels, width):
        shown = [*range(table.n_labels), *group]
        rows = [[columns[i][r] for i in shown] for r in range(len(table.rows))]
        parts.append(
            tabulate(
                [row for row in rows if any(row[table.n_labels :])],
                headers=[header[i] for i in shown],
                tablefmt="simple",
                disable_numparse=True,
                colalign=_alignment(len(shown), table.n_labels),
            )
        )
    return f"{title}\n{'=' * _width([title])}\n" + "\n\n".join(parts)


def _alignment(n_columns: int, n_labels: int) -> tuple[str, ...]:
    return (*("left",) * n_labels, *("right",) * (n_columns - n_labels))


def _fitting(
    header: Sequence[str], columns: Sequence[Sequence[str]], n_labels: int, width: int
) -> list[list[int]]:
    """Numbers of the other columns, in groups that fit the terminal beside the labels."""
    widths = [
        max(_width([name]) + _HEADER_PADDING, _width(column)) + _GAP
        for name, column in zip(header, columns, strict=True)
    ]
    label_width = sum(widths[:n_labels]) - _GAP
    groups: list[list[int]] = [[]]
    used = label_width
    for i in range(n_labels, len(header)):
        if groups[-1] and used + widths[i] > width:
            groups.append([])
            used = label_width
        groups[-1].append(i)
        used += widths[i]
    return groups


def _width(cells: Sequence[str]) -> int:
    return max((len(line) for cell in cells for line in cell.split("\n")), default=0)


def _shortened_header(header: Sequence[Text]) -> list[str]:
    """Own words wrap at blanks, other people's names are shortened."""
    words = [
        "\n".join(wrap(cell, _HEADER_WORDS_WIDTH, break_long_words=False))
        if isinstance(cell, Safe)
        else join(cell, plain)
        for cell in header
    ]
    foreign = [i for i, cell in enumerate(header) if not isinstance(cell, Safe)]
    for i, name in zip(
        foreign, _shortened([words[i] for i in foreign], _HEADER_WIDTH), strict=True
    ):
        words[i] = name
    return words


def wrapped(note: str, width: int = TERMINAL_WIDTH) -> str:
    """A note in lines of at most ``width`` characters, the later ones indented."""
    return fill(note, width, subsequent_indent="  ", break_on_hyphens=False)


def _shortened(names: Sequence[str], width: int) -> list[str]:
    """Names cut in the middle, unless that would make two of them the same."""
    cut = ["\n".join(_cut(line, width) for line in name.split("\n")) for name in names]
    return cut if len(set(cut)) == len(set(names)) else list(names)


def _cut(name: str, width: int) -> str:
    if len(name) <= width:
        return name
    tail = (width - 1) // 2
    return f"{name[: width - 1 - tail]}…{name[-tail:]}"
