"""Results on disk: ``<out>/<scorer slug>/<suite>/result.json`` and ``scores.parquet``.

Each file is written under a temporary name and renamed, ``result.json`` last; it
holds the SHA-256 of ``scores.parquet``, so a pair torn by a crash is noticed on
reading instead of being mixed.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from rmbench.errors import ResultError
from rmbench.result.models import SCHEMA_VERSION, Mistake, Result, ScorerInfo
from rmbench.types import Scores

RESULT_FILE = "result.json"
SCORES_FILE = "scores.parquet"
MISTAKES_FILE = "mistakes.jsonl"

SCORES_VERSION = 2
"""Of the columns of ``scores.parquet``: 1 had no markdown counts and does not name itself."""

_VERSION_KEY = b"rmbench_scores_version"

KnownTexts = dict[tuple[Any, ...], NDArray[Any]]
"""Columns of text by the bytes they are stored as."""

_MOST_KNOWN = 12
"""Columns kept, so that results of many different items do not fill the memory."""


def scorer_slug(info: ScorerInfo) -> str:
    """Folder name of a scorer: readable, and different for different specs.

    The last eight characters are a digest of the spec, the revision and the
    options, so two folders called ``checkpoint-100`` never collide.
    """
    identity = json.dumps([info.spec, info.revision, info.options], sort_keys=True)
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", info.name).strip("-.")[:48] or info.kind
    return f"{readable}-{sha256(identity.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class StoredRun:
    """A result and the folder it lies in."""

    path: Path
    result: Result

    def scores(self, known: KnownTexts | None = None) -> Scores | None:
        """The rewards behind the numbers; ``None`` for a suite that has none.

        Args:
            known: As for ``read_scores``.

        Raises:
            ResultError: If the file is missing, unreadable, or not the one measured.
        """
        if self.result.scores_sha256 is None:
            return None
        file = self.path / SCORES_FILE
        return read_scores(file, expect_sha256=self.result.scores_sha256, known=known)

    def mistakes(self) -> tuple[Mistake, ...]:
        """The worst comparisons with their texts, worst first; empty if none were kept."""
        path = self.path / MISTAKES_FILE
        if not path.exists():
            return ()
        try:
            # Not splitlines(): texts may hold other line separators, such as U+2028.
            lines = path.read_text(encoding="utf-8").split("\n")
            return tuple(Mistake.model_validate_json(line) for line in lines if line)
        except (OSError, ValidationError) as error:
            raise ResultError(f"{path}: cannot be read: {_one_line(error)}") from None


def run_folder(out: Path, info: ScorerInfo, suite: str) -> Path:
    """Where the result of a scorer on the suite of that name lies below a runs folder."""
    return out / scorer_slug(info) / suite


def write_run(
    out: Path, result: Result, scores: Scores | None, mistakes: Sequence[Mistake] = ()
) -> StoredRun:
    """Write one result, replacing an earlier one of the same scorer and suite.

    Args:
        out: The runs folder; ``<scorer slug>/<suite name>`` is made below it.
        result: Its ``scores_sha256`` is filled in here.
        scores: ``None`` for suites without per-response rewards.
        mistakes: Kept beside the result for reports.

    Raises:
        ResultError: If the folder cannot be written.
    """
    folder = run_folder(out, result.scorer, result.suite.name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        digest = None
        if scores is None:
            (folder / SCORES_FILE).unlink(missing_ok=True)
        else:
            body = _to_parquet(scores)
            digest = sha256(body).hexdigest()
            write_bytes(folder / SCORES_FILE, body)
        if mistakes:
            lines = "".join(m.model_dump_json() + "\n" for m in mistakes)
            write_bytes(folder / MISTAKES_FILE, lines.encode())
        else:
            (folder / MISTAKES_FILE).unlink(missing_ok=True)
        final = result.model_copy(update={"scores_sha256": digest})
        write_bytes(folder / RESULT_FILE, (final.model_dump_json(indent=2) + "\n").encode())
    except OSError as error:
        raise ResultError(f"{folder}: cannot be written: {_one_line(error)}") from None
    return StoredRun(folder, final)


def write_bytes(path: Path, body: bytes) -> None:
    """Write a file under a temporary name in its folder, then rename it into place."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        # mkstemp makes the file private to its owner; results are ordinary files.
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_run(folder: Path) -> StoredRun:
    """Read one result folder, or its ``result.json``.

    Raises:
        ResultError: If there is no result, it is not valid, or it is of a newer schema.
    """
    path = folder if folder.name == RESULT_FILE else folder / RESULT_FILE
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ResultError(f"{path}: is not JSON: {_one_line(error)}") from None
    return StoredRun(path.parent, migrate(body, str(path)))


def migrate(body: Any, where: str) -> Result:
    """Turn a result of any known schema version into today's.

    Raises:
        ResultError: If the version is newer than this rmbench, or the body is not valid.
    """
    version = body.get("schema_version") if isinstance(body, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise ResultError(
            f"{where}: schema version {version} is newer than this rmbench reads "
            f"({SCHEMA_VERSION}): upgrade rmbench"
        )
    try:
        return Result.model_validate(body)
    except ValidationError as error:
        raise ResultError(f"{where}: is not a result: {_one_line(error)}") from None


def find_runs(paths: Iterable[Path]) -> list[StoredRun]:
    """Every result at or below the given paths, sorted within each path, each once.

    Raises:
        ResultError: If a path does not exist or holds no result.
    """
    found: dict[Path, StoredRun] = {}
    for path in paths:
        if not path.exists():
            raise ResultError(f"{path}: no such file or folder")
        files = [path] if path.is_file() else sorted(path.rglob(RESULT_FILE))
        if not files:
            raise ResultError(f"{path}: holds no {RESULT_FILE}")
        for file in files:
            run = read_run(file)
            found.setdefault(run.path.resolve(), run)
    return list(found.values())


def read_scores(
    path: Path, *, expect_sha256: str | None = None, known: KnownTexts | None = None
) -> Scores:
    """Read a ``scores.parquet``.

    Args:
        path: The file.
        expect_sha256: Its digest, where one is recorded.
        known: Columns of text that were read before, to which some of this file's are added.
            Files of the same items then share theirs: turning text into arrays takes as long
            as all else.

    Raises:
        ResultError: If it is missing, has other columns, is of a newer version, or has
            another digest than expected.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        body = path.read_bytes()
    except OSError as error:
        raise ResultError(f"{path}: cannot be read: {error.strerror or error}") from None
    if expect_sha256 is not None and sha256(body).hexdigest() != expect_sha256:
        raise ResultError(
            f"{path}: is not the file its result.json was measured from: run the suite again"
        )
    try:
        table = pq.ParquetFile(pa.BufferReader(body)).read(use_threads=False)
        version = int((table.schema.metadata or {}).get(_VERSION_KEY, b"1"))
        if version > SCORES_VERSION:
            raise ResultError(
                f"{path}: version {version} is newer than this rmbench reads "
                f"({SCORES_VERSION}): upgrade rmbench"
            )
        columns = {
            f.name: _column(table.column(f.name), known)
            for f in fields(Scores)
            if f.default is MISSING or f.name in table.column_names
        }
    except (pa.ArrowException, KeyError) as error:
        raise ResultError(f"{path}: is not a scores file: {_one_line(error)}") from None
    return Scores(**columns)


def _column(values: Any, known: KnownTexts | None) -> NDArray[Any]:
    """A column of an Arrow table as numpy has it; text in ``known`` is not converted again."""
    from pyarrow import types

    is_text = types.is_string(values.type) or types.is_large_string(values.type)
    if known is None or not is_text or values.num_chunks != 1:
        return _as_numpy(values)
    chunk = values.chunk(0)
    key = (
        values.type.id,
        len(chunk),
        chunk.offset,
        # A buffer of no bytes is false, and is no key itself.
        *(b if b is None else b.to_pybytes() for b in chunk.buffers()),
    )
    if key not in known and len(known) < _MOST_KNOWN:
        known[key] = _as_numpy(values)
    found = known.get(key)
    return _as_numpy(values) if found is None else found


def _as_numpy(values: Any) -> NDArray[Any]:
    found: NDArray[Any] = values.to_numpy()
    return found.astype(np.str_) if found.dtype == object else found


def result_schema() -> dict[str, Any]:
    """JSON Schema of ``result.json``."""
    return Result.model_json_schema()


def _to_parquet(scores: Scores) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({name: pa.array(column) for name, column in scores.columns().items()})
    table = table.replace_schema_metadata({_VERSION_KEY: str(SCORES_VERSION)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def _one_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(p) for p in first['loc'])}: {first['msg']}"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
