"""Leaderboards as files: the suffix says which format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rmbench.errors import ResultError, UsageError
from rmbench.report.leaderboard.build import BoardBuilder
from rmbench.report.leaderboard.files import render_csv, render_json
from rmbench.report.leaderboard.tables import render_latex, render_markdown
from rmbench.result import StoredRun
from rmbench.result.board import Board
from rmbench.result.store import write_bytes

if TYPE_CHECKING:
    from rmbench.report.leaderboard.texts import TextSource


@dataclass(frozen=True)
class Request:
    """What a leaderboard is to be made of.

    Attributes:
        runs: The results.
        root: Folder that paths on the board are relative to.
        title: Heading; ``None`` for the usual one.
        examples: Most mistakes, with their texts, that a page holds; 0 for none.
        seed: Of the resamples.
        data: Folders where the texts of mistakes are looked up; without one, a page holds those
            that lie beside the results.
        suites: Suites of those data that are not built in, by name or path.
        say: Is told where there are no texts.
    """

    runs: Sequence[StoredRun]
    root: Path
    title: str | None = None
    examples: int = 5000
    seed: int = 0
    data: Sequence[str | Path] = ()
    suites: Sequence[str] = ()
    say: Callable[[str], None] = lambda _message: None


RENDERERS: dict[str, Callable[[Board, str | None], str]] = {
    ".md": render_markdown,
    ".tex": render_latex,
    ".csv": lambda board, _title: render_csv(board),
    ".json": lambda board, _title: render_json(board),
}
"""Suffix of a file to what renders it; ``.html`` needs more than the board."""

SUFFIXES = (".html", *RENDERERS)


def renderer_of(out: Path) -> str:
    """The suffix of a file, if it is that of a format.

    Raises:
        UsageError: If there is no such format.
    """
    suffix = out.suffix.lower()
    if suffix not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise UsageError(f"{out}: a leaderboard's name ends in one of {known}, not {out.suffix!r}")
    return suffix


def make_board(request: Request, outputs: Sequence[Path] = ()) -> Board:
    """Build a leaderboard and write it in every format asked for.

    Each file appears whole or not at all; missing folders above it are made.

    Raises:
        UsageError: If a file's suffix is of no format, or there is nothing to show.
        ResultError: If scores or mistakes cannot be read, or a file cannot be written.
        SpecError, UnknownNameError: If a suite to look texts up for cannot be used.
    """
    suffixes = [renderer_of(out) for out in outputs]
    builder = BoardBuilder(request.runs, request.root, request.seed)
    page = None
    if ".html" in suffixes:
        from rmbench.report.leaderboard.page import PageBuilder

        page = PageBuilder(builder, request.title, request.examples, _texts(request))
    board = builder.build(page.observe if page else None)
    for out, suffix in zip(outputs, suffixes, strict=True):
        if page is not None and suffix == ".html":
            text = page.render(board)
        else:
            text = RENDERERS[suffix](board, request.title)
        write_text(out, text)
    return board


def _texts(request: Request) -> TextSource | None:
    if not request.data or not request.examples:
        return None
    from rmbench.report.leaderboard.texts import TextSource

    most = request.examples // max(1, len(request.runs))
    return TextSource(request.data, request.suites, request.say, most)


def write_text(out: Path, text: str) -> None:
    """Write one file, whole or not at all.

    Raises:
        ResultError: If it cannot be written.
    """
    # Names may hold half of a surrogate pair, which no encoding takes.
    body = text.encode("utf-8", errors="replace")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(out, body)
    except OSError as error:
        raise ResultError(f"{out}: cannot be written: {error.strerror or error}") from None
