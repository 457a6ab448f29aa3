"""Where a suite's data lie in the folders given with ``--data``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rmbench.data.files import stem
from rmbench.data.source import Part, file_part
from rmbench.errors import UsageError, shorten
from rmbench.spec import DataFile, DataSpec

_NORMALISED_ENDINGS = (".jsonl.gz", ".jsonl", ".json", ".parquet", ".csv")
"""Endings tried, in this order, for a normalised file that is declared without one."""


@dataclass(frozen=True)
class SuiteFiles:
    """The files found for a suite.

    Attributes:
        parts: What is to be read, in the order of the suite file.
        missing: Paths of the publisher's required files that are nowhere.
        normalised: Whether they hold normalised rows rather than the publisher's.
    """

    parts: tuple[Part, ...]
    missing: tuple[str, ...]
    normalised: bool


def find_suite_files(spec: DataSpec, suite_name: str, data_dirs: Sequence[Path]) -> SuiteFiles:
    """Look for a suite's files below the data folders; see ``load_suite_data`` for the rule.

    Raises:
        UsageError: If a data folder does not exist, or nothing of the suite is in any; it
            names every place that was looked at.
    """
    for folder in data_dirs:
        if not folder.exists():
            raise UsageError(f"--data {folder}: no such file or folder")
    roots = [folder / (spec.local_name or suite_name) for folder in data_dirs]
    own = {file: _first(_publishers(roots, file)) for file in spec.files}
    if any(own.values()):
        return SuiteFiles(
            tuple(
                file_part(path, id_prefix=_prefix(file), subset=file.subset)
                for file, path in own.items()
                if path
            ),
            tuple(file.path for file, path in own.items() if path is None and file.required),
            normalised=False,
        )
    rows = _first(_normalised(roots, spec.normalised))
    if rows is None:
        raise _not_found(spec, suite_name, roots)
    return SuiteFiles((file_part(rows),), (), normalised=True)


def _publishers(roots: Sequence[Path], file: DataFile) -> Iterator[Path]:
    for root in roots:
        yield root / file.path
        yield root / f"{file.path}.gz"


def _normalised(roots: Sequence[Path], names: Sequence[str]) -> Iterator[Path]:
    for root in roots:
        for name in names:
            if name.endswith((*_NORMALISED_ENDINGS, ".gz")):
                yield root / name
            else:
                yield from (root / f"{name}{ending}" for ending in _NORMALISED_ENDINGS)


def _first(paths: Iterator[Path]) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def _prefix(file: DataFile) -> str:
    """What makes row numbers unique across files: the subset, else the file's own path."""
    path = Path(file.path)
    return f"{file.subset or path.with_name(stem(path)).as_posix()}/"


def _not_found(spec: DataSpec, suite_name: str, roots: Sequence[Path]) -> UsageError:
    names = [file.path for file in spec.files] + [
        name if name.endswith((*_NORMALISED_ENDINGS, ".gz")) else f"{name}.jsonl[.gz]"
        for name in spec.normalised
    ]
    return UsageError(
        f"no data of the suite {suite_name!r}: looked in {shorten([str(r) for r in roots], 8)} "
        f"for {shorten(names, 8) or 'nothing, since the suite names no files'}"
    )
