"""Comparisons as files: the name's ending says which format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rmbench.errors import ResultError, UsageError
from rmbench.result import ComparisonReport
from rmbench.result.store import write_bytes

Render = Callable[[ComparisonReport], str]


def _html(report: ComparisonReport) -> str:
    from rmbench.report.compare_html import render_html

    return render_html(report)


def _markdown(report: ComparisonReport) -> str:
    from rmbench.report.github_actions import marked

    return marked(_markdown_body(report), "compare")


def _markdown_body(report: ComparisonReport) -> str:
    from rmbench.report.compare_markdown import render_markdown

    return render_markdown(report)


def _junit(report: ComparisonReport) -> str:
    from rmbench.report.junit import render_junit

    if report.gate is None:
        raise UsageError("a .junit.xml holds rules: --fail-if RULE or --gates FILE")
    return render_junit(report.gate)


def _json(report: ComparisonReport) -> str:
    return report.model_dump_json(indent=2) + "\n"


RENDERERS: dict[str, Render] = {
    ".html": _html,
    ".md": _markdown,
    ".json": _json,
    ".junit.xml": _junit,
}
"""Ending of a file's name to what renders it; the longest that fits is taken."""


def comparison_renderer(out: Path, *, gated: bool = True) -> Render:
    """What renders the format that a file's name ends in.

    Args:
        out: The file.
        gated: Whether there are rules, which ``.junit.xml`` is about.

    Raises:
        UsageError: If there is no such format.
    """
    fitting = [ending for ending in RENDERERS if out.name.lower().endswith(ending)]
    if not fitting:
        known = ", ".join(RENDERERS)
        raise UsageError(f"{out}: a comparison's name ends in one of {known}")
    ending = max(fitting, key=len)
    if RENDERERS[ending] is _junit and not gated:
        raise UsageError(f"{out}: holds the answers of rules: --fail-if RULE or --gates FILE")
    return RENDERERS[ending]


def write_comparison(report: ComparisonReport, out: Path) -> None:
    """Write a comparison in the format that the file's name ends in, whole or not at all.

    Raises:
        UsageError: If there is no such format.
        ResultError: If the file cannot be written.
    """
    # Names may hold half of a surrogate pair, which no encoding takes.
    body = comparison_renderer(out)(report).encode("utf-8", errors="replace")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(out, body)
    except OSError as error:
        raise ResultError(f"{out}: cannot be written: {error.strerror or error}") from None


def job_lines(report: ComparisonReport) -> list[str]:
    """Write the summary and outputs of a GitHub Actions step, and give its annotations.

    Nothing is written outside GitHub Actions. Where nothing was judged there is the summary alone.

    Raises:
        ResultError: If a file that GitHub names cannot be written.
    """
    from rmbench.report.github_actions import is_active, write_job, write_summary

    if not is_active():
        return []
    if report.gate is None:
        write_summary(_markdown_body(report), "compare")
        return []
    return write_job(report.gate, _markdown_body(report), "compare")
