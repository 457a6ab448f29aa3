"""What a SRC names: a local file, a folder of files, or a Hub data set.

A path that exists is always local. Otherwise ``[hf:]org/name[@REVISION][#CONFIG][:SPLIT]``
is a Hub data set, unless it looks like a path: no slash or more than one, a leading
``.``, ``/`` or ``~``, or the ending of a data file (``hf:`` says that it is an id).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rmbench.data.files import Row, data_files, ending, read_rows, stem
from rmbench.data.hub import HubSource, load_hub
from rmbench.errors import DataError

_HUB = re.compile(
    r"(?P<prefix>hf:)?"
    r"(?P<repo_id>[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?)"
    r"(?:@(?P<revision>[^#:\s]+))?"
    r"(?:\#(?P<config>[^:\s]+))?"
    r"(?::(?P<split>\S+))?"
)


@dataclass(frozen=True)
class Part:
    """A run of rows that are read alike: one file, or one split of a Hub data set.

    Attributes:
        label: How errors and records name it.
        rows: Its rows in order; they can be read once.
        id_prefix: Stands before the row number where rows have no id of their own.
        subset: Subset declared for all of its rows.
    """

    label: str
    rows: Iterable[Row]
    id_prefix: str = ""
    subset: str | None = None


@dataclass(frozen=True)
class Opened:
    """A source whose parts can be read.

    Attributes:
        name: Short name for reports.
        parts: Its files, or its one split.
        revision: The Hub commit, ``None`` for local files.
    """

    name: str
    parts: tuple[Part, ...]
    revision: str | None = None


def parse_source(source: str) -> Path | HubSource:
    """Decide whether a SRC is local (a path that exists) or a Hub data set.

    Raises:
        DataError: If it is a path at which there is nothing, or neither.

    >>> parse_source("hf:org/name@v1#config:test")
    HubSource(repo_id='org/name', revision='v1', config='config', split='test')
    """
    path = Path(source).expanduser()
    if source and path.exists():
        return path
    match = _HUB.fullmatch(source)
    if match is None or (match["prefix"] is None and _looks_like_path(match["repo_id"])):
        raise DataError("no such file or folder", file=source or "''")
    return HubSource(match["repo_id"], match["revision"], match["config"], match["split"])


def _looks_like_path(repo_id: str) -> bool:
    return "/" not in repo_id or ending(Path(repo_id)) is not None


def open_source(source: str) -> Opened:
    """Find the files, or load the Hub data set, that a SRC names; rows are read later.

    Raises:
        DataError: If there is nothing of that name, or nothing that can be read.
    """
    found = parse_source(source)
    if isinstance(found, HubSource):
        try:
            return open_hub(found)
        except DataError as error:
            if source.startswith("hf:"):
                raise
            reason = f"is no local file or folder, and {error.reason}"
            raise DataError(reason, file=error.file, hint=error.hint) from None
    if found.is_dir():
        parts = tuple(
            file_part(path, id_prefix=_prefix(path.relative_to(found)))
            for path in data_files(found)
        )
        return Opened(found.resolve().name, parts)
    return Opened(stem(found), (file_part(found),))


def open_sources(sources: Sequence[str]) -> tuple[Opened, ...]:
    """Open several sources to be read as one set.

    Rows without an id of their own are numbered by source as well as by row; sources
    of one name are told apart by their position.

    Raises:
        DataError: See ``open_source``.
    """
    opened = [open_source(source) for source in sources]
    if len(opened) == 1:
        return tuple(opened)
    names = [one.name for one in opened]
    return tuple(
        replace(one, parts=tuple(_under(part, one.name, i, names) for part in one.parts))
        for i, one in enumerate(opened)
    )


def _under(part: Part, name: str, index: int, names: Sequence[str]) -> Part:
    head = name if names.count(name) == 1 else f"{name}.{index + 1}"
    return replace(part, id_prefix=f"{head}/{part.id_prefix}")


def open_hub(source: HubSource) -> Opened:
    """Load one split of a Hub data set.

    Raises:
        DataError: If it cannot be had; see ``load_hub``.
    """
    table = load_hub(source)
    return Opened(source.repo_id, (Part(str(table.source), table.rows()),), table.revision)


def file_part(path: Path, *, id_prefix: str = "", subset: str | None = None) -> Part:
    """One local file; it is opened when its rows are read."""
    return Part(str(path), read_rows(path), id_prefix, subset)


def _prefix(relative: Path) -> str:
    return f"{relative.with_name(stem(relative)).as_posix()}/"
