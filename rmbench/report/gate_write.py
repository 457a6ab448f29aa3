"""A gate's answer as files: the name's ending says which format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rmbench import __version__
from rmbench.errors import ResultError, UsageError
from rmbench.report.gates import gate_html, gate_markdown
from rmbench.report.github_actions import marked
from rmbench.report.junit import render_junit
from rmbench.result import GateReport
from rmbench.result.store import write_bytes

Render = Callable[[GateReport], str]


def _json(report: GateReport) -> str:
    return report.model_dump_json(indent=2) + "\n"


def _markdown(report: GateReport) -> str:
    return marked(gate_markdown(report), "gate")


def _html(report: GateReport) -> str:
    from markupsafe import Markup

    from rmbench.report.html import template_environment

    return (
        template_environment()
        .get_template("gate_page.html.j2")
        .render(
            title="Reward model gate",
            version=__version__,
            gate=Markup(gate_html(report)),  # noqa: S704 - rendered with every name escaped
        )
    )


RENDERERS: dict[str, Render] = {
    ".junit.xml": render_junit,
    ".json": _json,
    ".md": _markdown,
    ".html": _html,
}
"""Ending of a file's name to what renders it."""


def gate_renderer(out: Path) -> Render:
    """What renders the format that a file's name ends in.

    Raises:
        UsageError: If there is no such format.
    """
    for ending, render in RENDERERS.items():
        if out.name.lower().endswith(ending):
            return render
    raise UsageError(f"{out}: a gate's file ends in one of {', '.join(RENDERERS)}")


def write_gate(report: GateReport, out: Path) -> None:
    """Write a gate's answer in the format that the file's name ends in, whole or not at all.

    Raises:
        UsageError: If there is no such format.
        ResultError: If the file cannot be written.
    """
    # Names may hold half of a surrogate pair, which no encoding takes.
    body = gate_renderer(out)(report).encode("utf-8", errors="replace")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(out, body)
    except OSError as error:
        raise ResultError(f"{out}: cannot be written: {error.strerror or error}") from None
