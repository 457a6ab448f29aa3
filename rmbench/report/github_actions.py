"""What a job of GitHub Actions shows of a gate: its summary, its outputs, its annotations.

Sources: the workflow commands and files that GitHub documents for jobs
(``GITHUB_STEP_SUMMARY``, ``GITHUB_OUTPUT``, ``::error title=...::message``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from rmbench.errors import ResultError
from rmbench.report.gates import gate_rows, verdict_of
from rmbench.report.text import markdown, plain
from rmbench.result import GateReport

SUMMARY_LIMIT = 1024 * 1024
"""Bytes of a step's summary; GitHub drops a longer one whole."""

_CUT = "\n\n(The summary ends here, at GitHub's limit of 1 MiB.)\n"


def is_active(environment: Mapping[str, str] | None = None) -> bool:
    """Whether this process is a step of a job."""
    found = os.environ if environment is None else environment
    return found.get("GITHUB_ACTIONS") == "true"


def marked(body: str, verb: str) -> str:
    """Markdown with a mark that readers do not see, to find a comment again and replace it.

    >>> marked("text", "compare").splitlines()
    ['<!-- rmbench:compare -->', 'text']
    """
    return f"<!-- rmbench:{verb} -->\n{body}"


def write_job(
    report: GateReport, body: str, verb: str, environment: Mapping[str, str] | None = None
) -> list[str]:
    """Write the summary and the outputs of a step, and give its annotations.

    Nothing is written outside GitHub Actions. The outputs are ``verdict`` (``pass``, ``fail``,
    ``inconclusive`` or ``error``) and ``passed`` (``true`` or ``false``).

    Args:
        report: What was judged.
        body: Markdown of the summary.
        verb: ``compare`` or ``gate``, for the summary's mark.
        environment: The job's; the process's where not given.

    Returns:
        Lines to print; GitHub reads them on either stream.

    Raises:
        ResultError: If a file that GitHub names cannot be written.
    """
    found = os.environ if environment is None else environment
    if not is_active(found):
        return []
    write_summary(body, verb, found)
    if outputs := found.get("GITHUB_OUTPUT"):
        passed = str(report.passed).lower()
        _append(Path(outputs), f"verdict={verdict_of(report)}\npassed={passed}\n")
    return annotation_lines(report)


def write_summary(body: str, verb: str, environment: Mapping[str, str] | None = None) -> None:
    """Write the summary of a step that judged nothing; nothing outside GitHub Actions.

    Raises:
        ResultError: If the file that GitHub names cannot be written.
    """
    found = os.environ if environment is None else environment
    if is_active(found) and (summary := found.get("GITHUB_STEP_SUMMARY")):
        _append(Path(summary), marked(body, verb), limit=SUMMARY_LIMIT)


def write_job_error(
    message: str, verb: str, environment: Mapping[str, str] | None = None
) -> list[str]:
    """The same of a call that came to no answer: ``verdict=error`` and ``passed=false``.

    A file that cannot be written is left; the error that is told of goes before it.

    Args:
        message: What is wrong.
        verb: ``compare`` or ``gate``.
        environment: The job's; the process's where not given.

    Returns:
        One annotation to print; none outside GitHub Actions.
    """
    found = os.environ if environment is None else environment
    if not is_active(found):
        return []
    with suppress(ResultError):
        write_summary(f"### rmbench {verb}: error\n\n{markdown(message)}\n", verb, found)
    if outputs := found.get("GITHUB_OUTPUT"):
        with suppress(ResultError):
            _append(Path(outputs), "verdict=error\npassed=false\n")
    return [f"::error title={_property(f'rmbench {verb}')}::{_data(message)}"]


def annotation_lines(report: GateReport) -> list[str]:
    """A workflow command for each rule that is no pass.

    What stops the gate is an error, an inconclusive rule that does not stop it a warning.
    """
    lines = []
    for row in gate_rows(report):
        if row.status == "pass":
            continue
        stops = row.status != "inconclusive" or report.strict
        title = _property(f"rmbench: {row.rule}")
        where = " on ".join(x for x in (row.candidate, row.where) if x)
        message = _data(f"{row.word}: {where}: {row.message}")
        lines.append(f"::{'error' if stops else 'warning'} title={title}::{message}")
    return lines


def harmless(text: str) -> str:
    """Output that the runner takes for no command of its own, whatever names it holds.

    >>> harmless("::error::x"), harmless("a ##[group]b")
    (': :error::x', 'a # #[group]b')
    """
    return re.sub(r"^(\s*):(?=:)", r"\1: ", text, flags=re.MULTILINE).replace("##[", "# #[")


def _data(text: str) -> str:
    escaped = plain(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return escaped.replace("##[", "# #[")  # the runner looks for this one anywhere in a line


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _append(path: Path, text: str, *, limit: int | None = None) -> None:
    body = text.encode("utf-8", errors="replace")
    try:
        if limit is not None:
            used = path.stat().st_size if path.exists() else 0
            body = _shortened(body, limit - used)
        with path.open("ab") as file:
            file.write(body)
    except OSError as error:
        raise ResultError(f"{path}: cannot be written: {error.strerror or error}") from None


def _shortened(body: bytes, room: int) -> bytes:
    """As many whole lines as there is room for, and a line that says so."""
    if len(body) <= room:
        return body
    end = body.rfind(b"\n", 0, max(0, room - len(_CUT.encode())))
    return body[:end] + _CUT.encode() if end > 0 else b""
