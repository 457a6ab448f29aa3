"""Where a suite's data lie in the folders given with ``--data``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rmbench.data.files import stem
from rmbench.data.source import Part, file_part
from rmbench.errors import MissingSuiteError, UsageError, shorten
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
        UsageError: If a data folder does not exist.
        MissingSuiteError: If nothing of the suite is in any; it names every place that was
            looked at.
    """
    for folder in data_dirs:
        if not folder.exists():
            raise UsageError(f"--data {folder}: no such file or folder")
    roots = [folder / (spec.local_name or suite_name) for folder in data_dirs]
    own = {file: _publishers(roots, file) for file in spec.files}
    if any(own.values()):
        return SuiteFiles(
            tuple(part for file, found in own.items() for part in _parts(file, found)),
            tuple(lack for file, found in own.items() if (lack := _lack(file, found))),
            normalised=False,
        )
    rows = _normalised(roots, spec.normalised)
    if not rows.parts:
        raise _not_found(spec, suite_name, roots)
    return rows


class _Found(NamedTuple):
    """A file of the publisher's, and what a pattern calls it."""

    path: Path
    name: str | None = None


def _publishers(roots: Sequence[Path], file: DataFile) -> tuple[_Found, ...]:
    """What the first folder that has any of it holds, in the order of the paths."""
    for root in roots:
        for name in (file.path, *file.also):
            if "*" in name:
                found = _matching(root, name)
            else:
                paths = (root / name, root / f"{name}.gz")
                found = tuple(_Found(path) for path in paths if path.is_file())[:1]
            if found:
                return found
    return ()


def _matching(root: Path, pattern: str) -> tuple[_Found, ...]:
    """The files of a pattern; one that is there both plain and gzipped is taken plain."""
    plain = {path for path in root.glob(pattern) if path.is_file()}
    packed = {path for path in root.glob(f"{pattern}.gz") if path.is_file()}
    paths = plain | {path for path in packed if path.with_suffix("") not in plain}
    fixed = next(i for i, part in enumerate(Path(pattern).parts) if "*" in part)
    found = []
    for parts, path in sorted((path.relative_to(root).parts, path) for path in paths):
        found.append(_Found(path, "/".join((*parts[fixed:-1], stem(path)))))
    return tuple(found)


def _parts(file: DataFile, found: Sequence[_Found]) -> Iterator[Part]:
    for path, name in found:
        subset = name if file.subset == "*" else file.subset
        apart = [part for part in (subset, name) if part]
        prefix = "/".join(dict.fromkeys(apart)) if apart else _prefix(file)
        yield file_part(path, id_prefix=f"{prefix}/", subset=subset)


def _lack(file: DataFile, found: Sequence[_Found]) -> str | None:
    """What of a required file is missing, in words."""
    if not file.required or (found and (file.count is None or len(found) >= file.count)):
        return None
    return f"{file.path}: all but {len(found)} of {file.count} files" if found else file.path


def _normalised(roots: Sequence[Path], names: Sequence[str | tuple[str, ...]]) -> SuiteFiles:
    """The first entry of which a folder has anything; what else belongs to it is missing."""
    for root in roots:
        for entry in names:
            together = (entry,) if isinstance(entry, str) else entry
            found = [(name, _first(_spelled(root, name))) for name in together]
            if any(path for _, path in found):
                return SuiteFiles(
                    tuple(file_part(path) for _, path in found if path),
                    tuple(_spelling(name) for name, path in found if path is None),
                    normalised=True,
                )
    return SuiteFiles((), (), normalised=True)


def _spelled(root: Path, name: str) -> Iterator[Path]:
    if name.endswith((*_NORMALISED_ENDINGS, ".gz")):
        yield root / name
    else:
        yield from (root / f"{name}{ending}" for ending in _NORMALISED_ENDINGS)


def _spelling(name: str) -> str:
    return name if name.endswith((*_NORMALISED_ENDINGS, ".gz")) else f"{name}.jsonl[.gz]"


def _first(paths: Iterator[Path]) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def _prefix(file: DataFile) -> str:
    """What makes row numbers unique across files where they are in no subset."""
    path = Path(file.path)
    return path.with_name(stem(path)).as_posix()


def _not_found(spec: DataSpec, suite_name: str, roots: Sequence[Path]) -> MissingSuiteError:
    names = [file.path for file in spec.files] + [
        _spelling(name)
        for entry in spec.normalised
        for name in ((entry,) if isinstance(entry, str) else entry)
    ]
    within = [r.parent for r in roots if r.parent.name == r.name]
    hint = f": give the folder above, --data {within[0].parent}" if within else ""
    return MissingSuiteError(
        f"no data of the suite {suite_name!r}: looked in {shorten([str(r) for r in roots], 8)} "
        f"for {shorten(names, 8) or 'nothing, since the suite names no files'}{hint}"
    )
