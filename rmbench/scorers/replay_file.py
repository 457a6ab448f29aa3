"""Files of stored rewards, whatever their form: lines, a list, parallel arrays, Parquet."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmbench.errors import DataError

Rows = list[tuple[int, dict[str, Any]]]
"""Rows with their numbers, from 1; in JSON Lines the number of the line."""

_COLUMNS_OF_SCORES = ("scores_chosen", "scores")
_PARQUET_FIELDS = ("id", "subset", "scores_chosen", "scores_rejected")


@dataclass(frozen=True)
class Document:
    """What a file holds.

    Attributes:
        rows: Its rows, in order.
        columnar: Whether they were written as one object of parallel arrays.
    """

    rows: Rows
    columnar: bool = False


def read_document(path: Path) -> Document:
    """Read a JSON list, JSON Lines, indented objects, or Parquet; ``.gz``, too.

    A lone object may be one of parallel arrays.

    Raises:
        DataError: If the file cannot be read, holds no rows, or a row is no object.
    """
    if path.suffix in (".csv", ".tsv", ".txt"):
        raise DataError("scores are read from .json, .jsonl (.gz) or .parquet", file=str(path))
    document = _parquet(path) if path.suffix == ".parquet" else _json(path)
    if not document.rows:
        raise DataError("holds no rows", file=str(path))
    return document


def _json(path: Path) -> Document:
    text = _text(path)
    head = text.lstrip()[:1]
    # An object that does not end in its first line is one that was written with indents.
    if head == "[" or text.split("\n", 1)[0].strip() == "{":
        try:
            body = json.loads(text) if head == "[" else list(_objects(text))
        except (ValueError, RecursionError) as error:
            raise DataError(f"is not JSON: {error}", file=str(path)) from None
        values = list(enumerate(body, start=1))
    else:
        values = list(_lines(text, path))
    if len(values) == 1 and _is_columnar(values[0][1]):
        return Document(_zipped(values[0][1], path), columnar=True)
    return Document([(number, _object(value, number, path)) for number, value in values])


def _text(path: Path) -> str:
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8-sig") as file:
            return file.read()
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise DataError(f"cannot be read: {error}", file=str(path)) from None


def _objects(text: str) -> Iterator[Any]:
    """Objects written one after the other, each over several lines.

    Raises:
        json.JSONDecodeError: If one is not JSON.
    """
    decoder, blank = json.JSONDecoder(), re.compile(r"\s*")
    place = _after(blank, text, 0)
    while place < len(text):
        value, place = decoder.raw_decode(text, place)
        yield value
        place = _after(blank, text, place)


def _after(blank: re.Pattern[str], text: str, place: int) -> int:
    found = blank.match(text, place)
    return place if found is None else found.end()


def _lines(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(
                    f"is not JSON: {error.msg} at column {error.colno}",
                    file=str(path),
                    row=number,
                    hint="a file that ends here was cut off"
                    if text.rstrip().endswith(line)
                    else None,
                ) from None
            except (ValueError, RecursionError) as error:
                raise DataError(f"is not JSON: {error}", file=str(path), row=number) from None


def _object(value: Any, number: int, path: Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError("expected an object", file=str(path), row=number)
    return value


def _is_columnar(body: Any) -> bool:
    """Whether a lone object is a table: a row has one id and one subset, a table has lists."""
    return (
        isinstance(body, dict)
        and any(isinstance(body.get(name), list) for name in _COLUMNS_OF_SCORES)
        and any(isinstance(body.get(name), list) for name in ("id", "subset", "results"))
    )


def _zipped(body: dict[str, Any], path: Path) -> Rows:
    columns = {name: value for name, value in body.items() if isinstance(value, list)}
    lengths = {name: len(value) for name, value in columns.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} {n}" for name, n in sorted(lengths.items()))
        raise DataError(f"its parallel arrays have different lengths: {said}", file=str(path))
    names = list(columns)
    rows = zip(*columns.values(), strict=True)
    return [(n, dict(zip(names, row, strict=True))) for n, row in enumerate(rows, start=1)]


def _parquet(path: Path) -> Document:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: Rows = []
    try:
        with pq.ParquetFile(path, pre_buffer=False) as table:
            columns = [name for name in table.schema_arrow.names if name in _PARQUET_FIELDS]
            for batch in table.iter_batches(columns=columns):
                rows.extend(enumerate(batch.to_pylist(), start=len(rows) + 1))
    except (pa.ArrowException, OSError) as error:
        first = str(error).splitlines()[0]
        raise DataError(f"cannot be read as Parquet: {first}", file=str(path)) from None
    return Document(rows)
