"""The bulk run: stream, score a chunk, keep it, and join what was kept."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from rmbench.data.identity import identify
from rmbench.data.source import Opened, open_source
from rmbench.data.stream import RowStream, StreamRow
from rmbench.errors import ResultError, UsageError
from rmbench.runner.bulk.manifest import Manifest
from rmbench.runner.bulk.parts import PartsFolder
from rmbench.runner.bulk.summary import BulkSummary
from rmbench.runner.bulk.tables import (
    Tally,
    conversations_of,
    responses_in,
    tally,
    to_table,
)
from rmbench.scorers.replay import ReplayScorer
from rmbench.scorers.spec import RunOptions, create_scorer, parse_scorer
from rmbench.types import PreferenceExample, Scorer

CHUNK_RESPONSES = 4096
"""Responses that are scored and kept together by default."""


@dataclass(frozen=True)
class BulkRequest:
    """What ``rmbench score`` was asked to do.

    Attributes:
        scorer: SCORER argument.
        source: SRC argument.
        out: Parquet file to write.
        chunk_responses: A chunk ends with the row that completes so many responses.
        limit: Only the first so many usable rows.
        skip_bad_rows: Skip and count rows that cannot be used.
        force: Replace ``out`` if it is there.
        restart: Discard what an interrupted run has kept.
        overrides: Fields of ``ScorerSpec``.
        options: Device, dtype, batch size, seed; ``progress`` is that of the whole run.
        report: Told one line at a time what is going on.
    """

    scorer: str
    source: str
    out: Path
    chunk_responses: int = CHUNK_RESPONSES
    limit: int | None = None
    skip_bad_rows: bool = False
    force: bool = False
    restart: bool = False
    overrides: dict[str, Any] = field(default_factory=dict)
    options: RunOptions = field(default_factory=RunOptions)
    report: Callable[[str], None] = lambda line: None


@dataclass
class _Totals:
    """What was scored, and what of it by this run."""

    all: Tally = field(default_factory=Tally)
    kept: Tally = field(default_factory=Tally)
    chunks: int = 0
    scoring_s: float = 0.0

    @property
    def tokens_per_s(self) -> float | None:
        fresh = self.all.tokens - self.kept.tokens
        return fresh / self.scoring_s if fresh and self.scoring_s else None


def score_in_bulk(request: BulkRequest) -> BulkSummary:
    """Score every response of a source into one Parquet file.

    At most one chunk of rows is held at a time. Each chunk is written beside the output
    file as soon as it is scored; a run that ends early leaves them there, and the same
    request goes on after the last of them. The file then is the one that an unbroken run
    writes.

    Raises:
        UsageError: If the request cannot be carried out, ``out`` is there and ``force`` is
            false, or what an earlier run kept was scored otherwise.
        DataError: If the source cannot be read, or a row cannot be used.
        ScorerError: If the scorer fails.
        ResultError: If the output cannot be written.
    """
    if request.chunk_responses < 1:
        raise UsageError(f"a chunk of {request.chunk_responses} responses; give 1 or more")
    spec = parse_scorer(request.scorer, request.overrides)
    parts = PartsFolder(request.out)
    parts.sweep()
    _check_out(request, parts)
    opened = open_source(request.source)
    _spare_the_source(request, opened)
    stream = RowStream(
        opened, bad_rows="skip" if request.skip_bad_rows else "error", limit=request.limit
    )
    rows = iter(stream)
    # Before a model is loaded: it takes long, and a source of unknown format is soon known.
    first = next(rows)
    identity = identify(request.source, opened)
    request.report(f"{spec.target or spec.kind}: loading")
    scorer = create_scorer(spec, replace(request.options, progress=False))
    manifest = Manifest.of(
        spec,
        scorer,
        identity,
        limit=request.limit,
        chunk_responses=request.chunk_responses,
    )
    parts.begin(manifest, restart=request.restart)
    if len(parts):
        request.report(f"going on after {len(parts)} chunks that an earlier run scored")
    try:
        totals = _score_all(chain((first,), rows), stream, scorer, parts, request, identity.rows)
    except BaseException:
        parts.abandon()
        if len(parts):
            request.report(
                f"{len(parts)} finished chunks are kept in {parts.path}; "
                "the same command goes on after them"
            )
        raise
    skipped = sum(reason.rows for reason in stream.skipped)
    parts.finish(totals.chunks, manifest.file_metadata(totals.all, skipped))
    return BulkSummary(
        out=str(request.out),
        kind="preferences" if isinstance(first, PreferenceExample) else "responses",
        layout=stream.layout,
        scorer=scorer.info,
        source=identity.source,
        source_fingerprint=identity.fingerprint,
        rows=totals.all.rows,
        rows_kept=totals.kept.rows,
        responses=totals.all.responses,
        tokens=totals.all.tokens,
        truncated=totals.all.truncated,
        failed=totals.all.failed,
        skipped=skipped,
        skipped_reasons=stream.skipped,
        scoring_s=round(totals.scoring_s, 3),
        tokens_per_s=totals.tokens_per_s,
    )


def chunked(rows: Iterable[StreamRow], responses: int) -> Iterator[list[StreamRow]]:
    """Rows in runs of at least ``responses`` responses; only the last may hold fewer.

    A row is never parted, and a run that was handed out is not held on to.
    """
    chunk: list[StreamRow] = []
    held = 0
    for row in rows:
        chunk.append(row)
        held += responses_in(row)
        if held >= responses:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _score_all(
    rows: Iterable[StreamRow],
    stream: RowStream,
    scorer: Scorer,
    parts: PartsFolder,
    request: BulkRequest,
    rows_in_source: int | None,
) -> _Totals:
    totals = _Totals()
    known = [n for n in (rows_in_source, request.limit) if n is not None]
    with tqdm(
        total=min(known) if rows_in_source is not None else None,
        desc="scoring",
        unit=" rows",
        file=sys.stderr,
        disable=None if request.options.progress else True,
        leave=False,
    ) as bar:
        for chunk in chunked(rows, request.chunk_responses):
            table = parts.read(totals.chunks)
            if table is not None:
                _check_rows(table, chunk, parts)
                totals.kept += tally(table)
            else:
                began_s = time.perf_counter()
                table = _score(chunk, scorer)
                totals.scoring_s += time.perf_counter() - began_s
                parts.write(totals.chunks, table)
            totals.all += tally(table)
            totals.chunks += 1
            if totals.tokens_per_s is not None:
                bar.set_postfix_str(f"{totals.tokens_per_s:,.0f} tokens/s", refresh=False)
            bar.update(stream.rows_read - bar.n)
            # Lest the next chunk be read while this one is still held.
            del chunk, table
    return totals


def _score(chunk: list[StreamRow], scorer: Scorer) -> pa.Table:
    if isinstance(scorer, ReplayScorer):
        scorer.check_sides(row for row in chunk if isinstance(row, PreferenceExample))
    return to_table(chunk, scorer.score(conversations_of(chunk)), scorer.info.name)


def _check_rows(table: pa.Table, chunk: list[StreamRow], parts: PartsFolder) -> None:
    if table["id"].to_pylist() != [row.id for row in chunk]:
        raise ResultError(
            f"{parts.path}: its chunks hold other rows than the source does now; "
            "--restart discards them"
        )


def _check_out(request: BulkRequest, parts: PartsFolder) -> None:
    if request.out.suffix.lower() != ".parquet":
        raise UsageError(f"--out {request.out}: Parquet is written; end the name in .parquet")
    if request.out.is_dir():
        raise UsageError(f"--out {request.out}: is a folder")
    if not request.out.exists() or request.force:
        return
    if request.restart or not parts.began_finishing():
        raise UsageError(f"--out {request.out}: exists already; --force replaces it")


def _spare_the_source(request: BulkRequest, opened: Opened) -> None:
    if opened.revision is None and request.out.resolve() in {
        Path(part.label).resolve() for part in opened.parts
    }:
        raise UsageError(f"--out {request.out}: is one of the files to be scored")
