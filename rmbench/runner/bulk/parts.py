"""The hidden folder beside the output file in which a run keeps what it has scored.

``.FILE.parts/`` holds ``manifest.json`` and one Parquet file for each finished chunk. A
file that bears its final name is whole: it was written under another one, synced and
renamed. So whatever moment a run is killed at, what is there can be taken over.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from rmbench.errors import ResultError, UsageError, shorten
from rmbench.runner.bulk.manifest import Manifest

_MANIFEST = "manifest.json"


class PartsFolder:
    """The finished chunks of one output file.

    Args:
        out: The output file.

    Attributes:
        out: The output file.
        path: The folder of the parts.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.path = out.with_name(f".{out.name}.parts")
        self._done = out.with_name(f".{out.name}.parts.done")

    def __len__(self) -> int:
        return sum(1 for _ in self.path.glob("*.parquet"))

    def sweep(self) -> None:
        """Remove what a run that had finished was killed before removing."""
        with self._writable():
            if self._done.exists():
                shutil.rmtree(self._done)

    def began_finishing(self) -> bool:
        """Whether ``out`` was made of these parts by a run that was killed before it removed them.

        Raises:
            ResultError: If the manifest cannot be read.
        """
        if not (self.path / _MANIFEST).exists():
            return False
        try:
            manifest = Manifest.model_validate(self._manifest())
            return manifest.describes(pq.read_schema(self.out).metadata or {})
        except (ValidationError, OSError, pa.ArrowException):
            return False  # of another version of rmbench, or no Parquet file: not of these parts

    def begin(self, manifest: Manifest, *, restart: bool) -> None:
        """Make the folder, or take over what an earlier run left in it.

        Args:
            manifest: Of the run that begins.
            restart: Whether what is there is discarded.

        Raises:
            UsageError: If what is there was scored otherwise; it says what differs.
            ResultError: If the folder cannot be read or written.
        """
        with self._writable():
            if restart and self.path.exists():
                self._remove()
            if (self.path / _MANIFEST).exists():
                differences = manifest.differences(self._manifest())
                if differences:
                    raise UsageError(
                        f"{self.path}: holds the parts of another run ({shorten(differences)}): "
                        "repeat that run's command to finish it, or pass --restart to discard them"
                    )
                return
            if len(self):
                raise UsageError(
                    f"{self.path}: holds parts and no {_MANIFEST} that says what they are: "
                    "pass --restart to discard them"
                )
            self.path.mkdir(parents=True, exist_ok=True)
            body = manifest.model_dump_json(indent=2) + "\n"
            self._write(_MANIFEST, lambda file: file.write(body.encode()))

    def write(self, index: int, table: pa.Table) -> None:
        """Keep one finished chunk.

        Raises:
            ResultError: If it cannot be written.
        """
        with self._writable():
            self._write(_name(index), lambda file: pq.write_table(table, file, compression="zstd"))

    def read(self, index: int) -> pa.Table | None:
        """One finished chunk; ``None`` if it is not there.

        Raises:
            ResultError: If it cannot be read.
        """
        path = self.path / _name(index)
        if not path.exists():
            return None
        try:
            return pq.ParquetFile(path).read()
        except (OSError, pa.ArrowException) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ResultError(
                f"{path}: cannot be read: {reason}; remove it to have its rows scored again"
            ) from None

    def finish(self, parts: int, metadata: Mapping[bytes, bytes]) -> None:
        """Join the parts, each a row group, to the output file, and remove them.

        Args:
            parts: How many there are, at least one.
            metadata: Key-value metadata of the file.

        Raises:
            ResultError: If a part is missing, or the file cannot be written.
        """

        def join(file: IO[bytes]) -> None:
            schema = self._part(0).schema.with_metadata(dict(metadata))
            with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                for index in range(parts):
                    table = self._part(index)
                    writer.write_table(table, row_group_size=table.num_rows)

        with self._writable():
            self._write("joined", join, at=self.out)
            # In one step, so that no run ever finds only some of the parts of a finished file.
            self.path.rename(self._done)
            shutil.rmtree(self._done)

    def abandon(self) -> None:
        """Leave nothing behind if not a single chunk was finished."""
        if self.path.exists() and not len(self):
            self._remove()

    def _part(self, index: int) -> pa.Table:
        table = self.read(index)
        if table is None:
            raise ResultError(f"{self.path / _name(index)}: is gone; give the same command again")
        return table

    def _remove(self) -> None:
        # The manifest last: parts without one could not be told from another run's.
        for path in sorted(self.path.iterdir(), key=lambda path: path.name == _MANIFEST):
            path.unlink()
        self.path.rmdir()

    def _manifest(self) -> dict[str, Any]:
        path = self.path / _MANIFEST
        try:
            body = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ResultError(f"{path}: cannot be read: {error}; --restart discards it") from None
        return body if isinstance(body, dict) else {}

    def _write(
        self, name: str, write: Callable[[IO[bytes]], object], at: Path | None = None
    ) -> None:
        # A name of this process alone: were the command given twice at once, neither
        # process would write into the other's file.
        temporary = self.path / f"{name}.{os.getpid()}.tmp"
        try:
            with temporary.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(at or self.path / name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    @contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = error.filename or self.path
            raise ResultError(f"{where}: cannot be written: {error.strerror or error}") from None


def _name(index: int) -> str:
    return f"{index:05d}.parquet"
