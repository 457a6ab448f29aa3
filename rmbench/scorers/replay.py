"""Scores made elsewhere: ``replay:FILE`` reads them and looks them up by id."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from rmbench.errors import DataError, UsageError
from rmbench.result import ScorerInfo
from rmbench.scorers.spec import RunOptions, absolute, unsupported_options
from rmbench.spec import ScorerSpec
from rmbench.types import Conversation, PreferenceExample, ScoredBatch, Scores


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """Stored rewards of one example; a reward that is not there is NaN."""

    id: str
    subset: str
    chosen: tuple[float, ...]
    rejected: tuple[float, ...]


def read_replay(path: Path) -> list[ReplayRow]:
    """Read a file of ``{"id", "scores_chosen", "scores_rejected"[, "subset"]}`` rows.

    JSON lines or one JSON list, plain or ``.gz``, or a Parquet file such as ``rmbench score``
    writes of preferences. A score is a number or a list of
    numbers, one per answer; ``null`` is a missing reward.

    Raises:
        DataError: Naming file, row and field of the first row that cannot be used.
    """
    rows: list[ReplayRow] = []
    first_seen: dict[str, int] = {}
    for number, body in _objects(path):
        if not isinstance(body, dict):
            raise DataError("expected an object", file=str(path), row=number)
        if "id" not in body:
            raise DataError("has no id to join on", field="id", file=str(path), row=number)
        key = str(body["id"])
        if key in first_seen:
            raise DataError(
                f"id {key!r} stands in row {first_seen[key]} already", file=str(path), row=number
            )
        first_seen[key] = number
        rows.append(
            ReplayRow(
                key,
                str(body.get("subset", "all")),
                _scores(body, "scores_chosen", str(path), number),
                _scores(body, "scores_rejected", str(path), number),
            )
        )
    if not rows:
        raise DataError("holds no rows", file=str(path))
    return rows


def scores_of(rows: Sequence[ReplayRow]) -> Scores:
    """The file by itself as ``Scores``: every id its own cluster, texts unknown."""
    sizes = np.array([len(r.chosen) + len(r.rejected) for r in rows], np.int64)
    n = int(sizes.sum())
    ids = np.repeat(np.array([r.id for r in rows], np.str_), sizes)
    return Scores(
        example_id=ids,
        subset=np.repeat(np.array([r.subset for r in rows], np.str_), sizes),
        group=ids,
        preference=np.ones(n),
        response_index=np.concatenate([np.arange(s) for s in sizes]),
        is_chosen=np.concatenate(
            [np.arange(s) < len(r.chosen) for r, s in zip(rows, sizes, strict=True)]
        ),
        reward=np.array([x for r in rows for x in (*r.chosen, *r.rejected)], np.float64),
        n_tokens=np.zeros(n, np.int64),
        n_chars=np.zeros(n, np.int64),
        truncated=np.zeros(n, np.bool_),
    )


class ReplayScorer:
    """Looks rewards up by example id; an id the file lacks gets NaN."""

    def __init__(self, path: Path, spec: ScorerSpec) -> None:
        self.path = path
        self.rows = read_replay(path)
        self._by_id = {r.id: (*r.chosen, *r.rejected) for r in self.rows}
        self._unused = 0
        logits = spec.margins_are_logits
        name = path.name
        for ending in (".gz", ".jsonl", ".json", ".parquet"):
            name = name.removesuffix(ending)
        self._info = ScorerInfo(
            spec=f"replay:{absolute(str(path))}",
            kind="replay",
            name=spec.name or name,
            # Stored scores cannot say what they are; a file of a reward model trained
            # with the Bradley-Terry loss is what is usually replayed.
            margins_are_logits=True if logits is None else logits,
            options={"sha256": sha256(path.read_bytes()).hexdigest()},
        )

    @property
    def info(self) -> ScorerInfo:
        """What this scorer is, for the record."""
        return self._info

    def score(self, conversations: Sequence[Conversation]) -> ScoredBatch:
        """Stored rewards in input order.

        Raises:
            DataError: If an example has another number of answers than the file says.
        """
        asked: dict[str, int] = {}
        for c in conversations:
            asked[c.example_id] = max(asked.get(c.example_id, 0), c.response_index + 1)
        for key, n in asked.items():
            stored = self._by_id.get(key)
            if stored is not None and len(stored) != n:
                raise DataError(
                    f"id {key!r} has {len(stored)} scores for {n} answers", file=str(self.path)
                )
        self._unused = len(self._by_id.keys() - asked.keys())
        reward = np.array(
            [
                self._by_id[c.example_id][c.response_index]
                if c.example_id in self._by_id
                else math.nan
                for c in conversations
            ]
        )
        n = len(conversations)
        return ScoredBatch(reward, np.zeros(n, np.int64), np.zeros(n, np.bool_))

    def check_sides(self, examples: Iterable[PreferenceExample]) -> None:
        """Refuse scores whose chosen and rejected sides are not those of the examples.

        Raises:
            DataError: Naming the first example that has other numbers of answers.
        """
        sides = {r.id: (len(r.chosen), len(r.rejected)) for r in self.rows}
        for e in examples:
            expected = (len(e.chosen), len(e.rejected))
            if sides.get(e.id, expected) != expected:
                raise DataError(
                    f"id {e.id!r} has {sides[e.id][0]} chosen and {sides[e.id][1]} rejected "
                    f"scores; the suite has {expected[0]} and {expected[1]} answers",
                    file=str(self.path),
                )

    def notes(self) -> tuple[str, ...]:
        """What the last call of ``score`` left unused."""
        if not self._unused:
            return ()
        return (f"{self._unused} ids of {self.path.name} are not in the suite and were not used",)


def create(spec: ScorerSpec, options: RunOptions) -> ReplayScorer:
    """Read the scores file of a spec.

    Raises:
        UsageError: If no file is named or it does not exist.
        DataError: If it cannot be used.
    """
    unsupported_options(spec, set())
    if not spec.target:
        raise UsageError("'replay:' needs a file of scores: replay:FILE")
    path = Path(spec.target).expanduser()
    if not path.is_file():
        raise UsageError(f"replay:{spec.target}: no such file")
    return ReplayScorer(path, spec)


def _objects(path: Path) -> Iterator[tuple[int, Any]]:
    if path.suffix == ".parquet":
        yield from _parquet_objects(path)
        return
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as file:
            head = file.read(1)
            while head and head.isspace():
                head = file.read(1)
            rest = file.read()
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise DataError(f"cannot be read: {error}", file=str(path)) from None
    if head == "[":
        try:
            yield from enumerate(json.loads(head + rest), start=1)
        except (ValueError, RecursionError) as error:
            raise DataError(f"is not JSON: {error}", file=str(path)) from None
        return
    for number, line in enumerate((head + rest).split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"is not JSON: {error}", file=str(path), row=number) from None


def _parquet_objects(path: Path) -> Iterator[tuple[int, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = ("id", "subset", "scores_chosen", "scores_rejected")
    try:
        with pq.ParquetFile(path, pre_buffer=False) as table:
            columns = [name for name in table.schema_arrow.names if name in wanted]
            number = 0
            for batch in table.iter_batches(columns=columns):
                for values in batch.to_pylist():
                    number += 1
                    yield number, values
    except (pa.ArrowException, OSError) as error:
        first = str(error).splitlines()[0]
        raise DataError(f"cannot be read as Parquet: {first}", file=str(path)) from None


def _scores(body: dict[str, Any], field: str, file: str, row: int) -> tuple[float, ...]:
    if field not in body:
        raise DataError("is missing", file=file, row=row, field=field)
    value = body[field]
    values = value if isinstance(value, list) else [value]
    if not values:
        raise DataError("holds no score", file=file, row=row, field=field)
    out: list[float] = []
    for v in values:
        if v is None:
            out.append(math.nan)
        elif isinstance(v, (int, float)) and not isinstance(v, bool):
            try:
                out.append(float(v))
            except OverflowError:
                raise DataError(
                    "holds a number too large", file=file, row=row, field=field
                ) from None
        else:
            raise DataError(f"expected a number, got {v!r:.40}", file=file, row=row, field=field)
    return tuple(out)
