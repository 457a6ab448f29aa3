"""Reports on stored runs: terminal and Markdown tables, HTML, LaTeX, CSV, JSON.

Matplotlib and jinja2 are imported only when an HTML report is rendered.
"""

from rmbench.report.consensus import find_consensus
from rmbench.report.table import render_markdown, render_terminal
from rmbench.report.write import RENDERERS, renderer_of, write_report

__all__ = [
    "RENDERERS",
    "find_consensus",
    "render_markdown",
    "render_terminal",
    "renderer_of",
    "write_report",
]
