"""Rows of local files: JSON, JSON Lines, CSV and Parquet, each also gzipped.

Rows are streamed wherever the format allows it, so a file need not fit into memory;
only a JSON list and a gzipped Parquet file are read whole. A file that is broken as a
file (not JSON, not gzip, a CSV line with too many fields) is always an error: only
rows, which are bad each by themselves, can be skipped.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
import zlib
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from itertools import count
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from rmbench.errors import DataError

ENDINGS = (".jsonl", ".json", ".parquet", ".csv")
"""Endings of data files; each may be followed by ``.gz``."""
_PARQUET_BATCH_ROWS = 512
_PARQUET_BUFFER_BYTES = 1 << 20


class Row(NamedTuple):
    """One row of a file: its number from 1 (in JSON Lines: the line) and its columns."""

    number: int
    values: dict[str, Any]


def ending(path: Path) -> str | None:
    """The data ending of a file name without ``.gz``, ``None`` if it has no known one.

    >>> ending(Path("train.jsonl.gz")), ending(Path("README.md"))
    ('.jsonl', None)
    """
    name = path.name.lower().removesuffix(".gz")
    return next((known for known in ENDINGS if name.endswith(known)), None)


def stem(path: Path) -> str:
    """The file name without its data ending.

    >>> stem(Path("x/train.jsonl.gz"))
    'train'
    """
    name = path.name
    if name.lower().endswith(".gz"):
        name = name[:-3]
    known = ending(path)
    return name[: -len(known)] if known else name


def data_files(folder: Path) -> list[Path]:
    """The data files below a folder, sorted by path; hidden ones are left out.

    Raises:
        DataError: If there are none.
    """
    below = sorted(
        (path.relative_to(folder).parts, path) for path in folder.rglob("*") if path.is_file()
    )
    found = [
        path
        for parts, path in below
        if ending(path) and not any(part.startswith(".") for part in parts)
    ]
    if not found:
        raise DataError(
            "holds no data file", file=str(folder), hint=f"known endings: {', '.join(ENDINGS)}, .gz"
        )
    return found


def read_rows(path: Path) -> Iterator[Row]:
    """Every row of one data file, in order.

    Raises:
        DataError: If the file cannot be read, or is not what its ending says.
    """
    known = ending(path)
    if known is None:
        raise DataError(
            "is no data file", file=str(path), hint=f"known endings: {', '.join(ENDINGS)}, .gz"
        )
    reader = {".parquet": _parquet_rows, ".csv": _csv_rows}.get(known, _json_rows)
    try:
        yield from reader(path)
    except OSError as error:  # gzip's BadGzipFile is one too
        raise DataError(f"cannot be read: {error.strerror or error}", file=str(path)) from None
    except (EOFError, zlib.error) as error:
        raise DataError(f"is not complete gzip data: {error}", file=str(path)) from None
    except UnicodeDecodeError as error:
        raise DataError(f"is not UTF-8: {error.reason}", file=str(path)) from None


def _open_bytes(path: Path) -> IO[bytes]:
    if path.name.lower().endswith(".gz"):
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


def _open_text(path: Path) -> TextIOWrapper:
    # utf-8-sig: files saved on Windows begin with a byte-order mark. Only "\n" ends a line,
    # since "\r" and others are whitespace to JSON and part of the text to CSV.
    newline = "" if ending(path) == ".csv" else "\n"
    return TextIOWrapper(_open_bytes(path), encoding="utf-8-sig", newline=newline)


def _json_rows(path: Path) -> Iterator[Row]:
    """A list of objects, or one object a line: publishers use either ending for either."""
    first = True
    with _open_text(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            if first and line.lstrip().startswith("["):
                yield from _json_list("\n" * (number - 1) + line + file.read(), path)
                return
            first = False
            yield _object(_json_line(line, number, path), number, path)


def _json_list(text: str, path: Path) -> Iterator[Row]:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}",
            file=str(path),
        ) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not JSON that can be read: {error}", file=str(path)) from None
    for number, row in enumerate(rows, start=1):
        yield _object(row, number, path)


def _json_line(line: str, number: int, path: Path) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(
            f"line {number} is not JSON: {error.msg} at column {error.colno}",
            file=str(path),
            hint="expected a list of objects, or one object a line",
        ) from None
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"line {number} is not JSON that can be read: {error}", file=str(path)
        ) from None


def _object(row: Any, number: int, path: Path) -> Row:
    if not isinstance(row, dict):
        raise DataError("is not an object with columns", file=str(path), row=number)
    return Row(number, row)


def _csv_rows(path: Path) -> Iterator[Row]:
    # The module's default refuses fields above 128 KiB, and long answers are longer.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with _open_text(path) as file:
        reader = csv.reader(file, strict=True)
        number = 0
        try:
            header = next(reader, [])
            if len(set(header)) != len(header):
                raise DataError("two columns have the same name", file=str(path))
            for number, fields in enumerate(filter(None, reader), start=1):
                if len(fields) != len(header):
                    raise DataError(
                        f"has {len(fields)} fields under {len(header)} columns",
                        file=str(path),
                        row=number,
                    )
                yield Row(number, dict(zip(header, fields, strict=True)))
        except csv.Error as error:
            raise DataError(f"is not CSV: {error}", file=str(path), row=number + 1) from None


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole = path.name.lower().endswith(".gz")
    with _open_bytes(path) as file:
        source = BytesIO(file.read()) if whole else file
        try:
            numbers = count(1)
            # By default every byte that was read stays in memory for as long as the file is open.
            table = pq.ParquetFile(source, pre_buffer=False, buffer_size=_PARQUET_BUFFER_BYTES)
            for batch in table.iter_batches(batch_size=_PARQUET_BATCH_ROWS):
                for values in batch.to_pylist():
                    yield Row(next(numbers), values)
        except pa.ArrowException as error:
            first = str(error).splitlines()[0]
            raise DataError(f"is not Parquet: {first}", file=str(path)) from None
