r"""Tables for papers: LaTeX with booktabs, to be taken in with ``\input``."""

from __future__ import annotations

from collections.abc import Sequence

from rmbench.report.content import Table, build
from rmbench.report.overview import arrange
from rmbench.report.text import Safe, Text, join, latex
from rmbench.result import Result

_SUPERSCRIPTS = {ord(c): f"\\textsuperscript{{{i}}}" for i, c in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
_OWN_SYMBOLS = _SUPERSCRIPTS | {
    ord("–"): "--",
    ord("\u2212"): "$-$",
    ord("°"): "\\textsuperscript{\\textdegree}",
    ord("%"): "\\%",
    ord("★"): "$\\star$",
    ord("↓"): "$\\downarrow$",
    ord("†"): "\\textsuperscript{\\textdagger}",
}


def render_latex(results: Sequence[Result], title: str | None = None) -> str:
    """All tables as ``table`` environments, and the notes as a paragraph."""
    content = build(arrange(results))
    tables = ([content.summary] if content.summary else []) + list(content.tables)
    blocks = ["% needs \\usepackage{booktabs} and UTF-8 input"]
    if title:
        blocks.append(f"% {latex(title)}")
    blocks += [latex_table(table) for table in tables]
    if content.notes:
        notes = " \\\\\n".join(latex_cell(note) for note in content.notes)
        blocks.append(f"\\begin{{footnotesize}}\\noindent\n{notes}\n\\end{{footnotesize}}")
    return "\n\n".join(blocks) + "\n"


def latex_table(table: Table) -> str:
    """One table as a ``table`` environment."""
    rows = "\n".join(" & ".join(latex_cell(cell) for cell in row) + r" \\" for row in table.rows)
    alignment = "l" * table.n_labels + "r" * (len(table.header) - table.n_labels)
    header = " & ".join(_header_cell(cell) for cell in table.header)
    return "\n".join(
        (
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{latex_cell(table.title)}}}",
            rf"\begin{{tabular}}{{{alignment}}}",
            r"\toprule",
            rf"{header} \\",
            r"\midrule",
            rows,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        )
    )


def _header_cell(text: Text) -> str:
    lines = latex_cell(text).split("\n")
    if len(lines) == 1:
        return lines[0]
    return r"\shortstack{" + r" \\ ".join(lines) + "}"


def latex_cell(text: Text) -> str:
    """Own symbols become commands, everything else is escaped."""
    pieces = (text,) if isinstance(text, str) else text
    own = (Safe(p.translate(_OWN_SYMBOLS)) if isinstance(p, Safe) else p for p in pieces)
    return join(tuple(own), latex)
