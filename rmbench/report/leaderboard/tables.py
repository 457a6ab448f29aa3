"""A leaderboard for the terminal, for Markdown and for LaTeX."""

from __future__ import annotations

from rmbench.report.leaderboard.content import DEFAULT_TITLE, build_content
from rmbench.report.table import markdown_table, terminal_table, wrapped
from rmbench.report.terminal import NOTE_WIDTH, terminal_width
from rmbench.report.tex import latex_cell, latex_table
from rmbench.report.text import Safe, join, latex, markdown, plain
from rmbench.result.board import Board


def render_terminal(board: Board, title: str | None = None, width: int | None = None) -> str:
    """All tables as plain text.

    Args:
        board: What to show.
        title: First line.
        width: Columns; by default those of the terminal.
    """
    columns = terminal_width() if width is None else width
    content = build_content(board)
    heading = plain(title or DEFAULT_TITLE)
    blocks = [wrapped(f"{heading}: {content.lede}", min(columns, NOTE_WIDTH))]
    blocks += [terminal_table(table, columns) for table in content.tables]
    note_width = min(columns, NOTE_WIDTH)
    blocks.append("\n".join(wrapped(join(note, plain), note_width) for note in content.notes))
    return "\n\n".join(blocks) + "\n"


def render_markdown(board: Board, title: str | None = None) -> str:
    """All tables in GitHub's Markdown."""
    content = build_content(board)
    blocks = [f"# {markdown(title or DEFAULT_TITLE)}", f"{content.lede}."]
    for i, table in enumerate(content.tables):
        blocks.append(f"## {join(table.title, markdown)}\n\n{markdown_table(table)}")
        if i == 0:
            blocks.append("\n".join(f"- {join(note, markdown)}" for note in content.notes))
    return "\n\n".join(blocks) + "\n"


def render_latex(board: Board, title: str | None = None) -> str:
    """All tables as ``table`` environments with booktabs, and the notes as a paragraph."""
    content = build_content(board)
    blocks = ["% needs \\usepackage{booktabs} and UTF-8 input"]
    if title:
        blocks.append(f"% {latex(title)}")
    blocks += [latex_table(table) for table in content.tables]
    notes = " \\\\\n".join(latex_cell(_own(note)) for note in content.notes)
    blocks.append(f"\\begin{{footnotesize}}\\noindent\n{notes}\n\\end{{footnotesize}}")
    return "\n\n".join(blocks) + "\n"


def _own(note: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """A note whose first words would be read as an argument of the line break before them."""
    return (Safe("{}"), *((note,) if isinstance(note, str) else note))
