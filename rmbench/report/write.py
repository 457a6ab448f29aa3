"""Reports as files: the suffix says which format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rmbench.errors import ResultError, UsageError
from rmbench.result import StoredRun
from rmbench.result.store import write_bytes

Render = Callable[[Sequence[StoredRun], str | None], str]


def _html(runs: Sequence[StoredRun], title: str | None) -> str:
    from rmbench.report.html import render_html

    return render_html(runs, title)


def _markdown(runs: Sequence[StoredRun], title: str | None) -> str:
    from rmbench.report.table import render_markdown

    return render_markdown(runs, title)


def _latex(runs: Sequence[StoredRun], title: str | None) -> str:
    from rmbench.report.tex import render_latex

    return render_latex([run.result for run in runs], title)


def _csv(runs: Sequence[StoredRun], _title: str | None) -> str:
    from rmbench.report.delimited import render_csv

    return render_csv([run.result for run in runs])


def _margins(runs: Sequence[StoredRun], _title: str | None) -> str:
    from rmbench.report.margins import render_margins

    return render_margins(runs)


def _benchmark_json(runs: Sequence[StoredRun], _title: str | None) -> str:
    from rmbench.report.benchmark_json import render_benchmark_json

    return render_benchmark_json(runs)


def _json(runs: Sequence[StoredRun], _title: str | None) -> str:
    from rmbench.report.consensus import find_consensus
    from rmbench.report.delimited import render_json

    return render_json([run.result for run in runs], find_consensus(runs))


RENDERERS: dict[str, Render] = {
    ".html": _html,
    ".md": _markdown,
    ".tex": _latex,
    ".csv": _csv,
    ".json": _json,
}
"""Suffix of a report file to what renders it."""

MARGINS_NAME = "margins.csv"
"""A file of this name, or whose name ends in a dot and this, holds every comparison."""


BENCHMARK_ENDING = ".benchmark.json"
"""A file whose name ends so holds throughput results for pytest-benchmark."""


def renderer_of(out: Path) -> Render:
    """What renders the format that a file's name asks for.

    Raises:
        UsageError: If there is no such format.
    """
    name = out.name.lower()
    if name == MARGINS_NAME or name.endswith(f".{MARGINS_NAME}"):
        return _margins
    if name.endswith(BENCHMARK_ENDING):
        return _benchmark_json
    render = RENDERERS.get(out.suffix.lower())
    if render is None:
        known = ", ".join(RENDERERS)
        raise UsageError(f"{out}: a report's name ends in one of {known}, not {out.suffix!r}")
    return render


def write_report(runs: Sequence[StoredRun], out: Path, title: str | None = None) -> None:
    """Write one report in the format that the file's suffix names.

    The file appears whole or not at all; missing folders above it are made.

    Args:
        runs: What to report on, in this order.
        out: ``.html``, ``.md``, ``.tex``, ``.csv`` or ``.json``; a name that is or ends in
            ``margins.csv`` holds every comparison instead of every estimate; one that ends in
            ``.benchmark.json`` is for pytest-benchmark.
        title: Heading of the formats that have one.

    Raises:
        UsageError: If the suffix is not one of these, or there is nothing to report on.
        ResultError: If scores or mistakes cannot be read, or the file cannot be written.
    """
    render = renderer_of(out)
    if not runs:
        raise UsageError(f"{out}: there is no result to report on")
    # Names may hold half of a surrogate pair, which no encoding takes.
    body = render(runs, title).encode("utf-8", errors="replace")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(out, body)
    except OSError as error:
        raise ResultError(f"{out}: cannot be written: {error.strerror or error}") from None
