"""Scores made elsewhere: ``replay:FILE`` reads them and finds each answer's again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from math import nan
from pathlib import Path

import numpy as np

from rmbench.errors import DataError, UsageError
from rmbench.result import ScorerInfo
from rmbench.scorers.replay_file import read_document
from rmbench.scorers.replay_formats import Layout, find_layout, judgebench_has_scores
from rmbench.scorers.replay_join import (
    Allowed,
    Joined,
    join_by_id,
    join_by_order,
    numbered,
    with_all_answers,
    with_ids_of,
    with_unique_ids,
)
from rmbench.scorers.replay_rows import ReplayRow, RowReader, SampleTally
from rmbench.scorers.spec import RunOptions, absolute, unsupported_options
from rmbench.spec import ScorerSpec
from rmbench.types import Conversation, PreferenceExample, ScoredBatch, Scores

_ENDINGS = (".json", ".jsonl", ".json.gz", ".jsonl.gz", ".parquet")


@dataclass(frozen=True)
class ReplayFile:
    """A file, or several, of stored rewards.

    Attributes:
        path: Where it is; a folder or a pattern, where several files belong together.
        files: The files that were read.
        layout: How they are written.
        rows: What it holds, in order, under unique ids: its own, or row numbers where it has
            none and is joined by order.
        are_rewards: Whether its numbers can be a reward model's: not a judge's votes, and not
            means of samples.
        notes: What was done to its ids and numbers, one line each.
    """

    path: Path
    files: tuple[Path, ...]
    layout: Layout
    rows: tuple[ReplayRow, ...]
    are_rewards: bool
    notes: tuple[str, ...]


def read_replay(path: Path) -> ReplayFile:
    """Read a file of stored rewards, in rmbench's own layout or a publisher's.

    rmbench's own are rows of ``{"id", "scores_chosen", "scores_rejected"[, "subset"]}``: JSON
    lines or one JSON list, plain or ``.gz``, or a Parquet file such as ``rmbench score`` writes
    of preferences. For the others see ``replay_formats``. A score is a number or a list with
    one entry an answer; an entry is a number, ``null`` for a missing reward, or a list of
    samples, whose mean is taken without those that are ``null``.

    A folder stands for all files in it, and a pattern (``runs/*/my-rm.json``) for those it
    finds. They must be of one layout with ids: RM-Bench's runs, for instance, write a file for
    each domain, PPE's a folder for each set.

    Raises:
        DataError: Naming file, row and field of the first row that cannot be used, or how many
            ids stand more than once.
    """
    files = _files_of(path)
    tally = SampleTally()
    documents = [read_document(file) for file in files]
    layouts = [find_layout(d, file) for d, file in zip(documents, files, strict=True)]
    layout = layouts[0]
    if len(files) > 1:
        _check_together(path, files, layouts)
    read = [
        layout.read(RowReader(values, number, str(file), tally))
        for document, file in zip(documents, files, strict=True)
        for number, values in document.rows
    ]
    if layout.row_an_answer:
        read = with_all_answers(read, path)
    rows = with_unique_ids(read, path) if layout.join == "id" else numbered(read)
    notes = tally.notes(path.name)
    if layout.join == "id" and rows[0].id != read[0].id:
        notes += (f"ids of {path.name} recur between its subsets and are read as subset/id",)
    if layout.name == "judgebench":
        are_rewards = all(map(judgebench_has_scores, documents))
    else:
        are_rewards = not tally.answers
    return ReplayFile(path, tuple(files), layout, tuple(rows), are_rewards, notes)


def _files_of(path: Path) -> list[Path]:
    if _is_pattern(path):
        return sorted(_found(path))
    if not path.is_dir():
        return [path]
    files = sorted(p for p in path.iterdir() if p.is_file() and p.name.endswith(_ENDINGS))
    if not files:
        raise DataError("holds no file of scores", file=str(path), hint=", ".join(_ENDINGS))
    return files


def _is_pattern(path: Path) -> bool:
    return "*" in str(path) and not path.exists()


def _found(pattern: Path) -> Iterator[Path]:
    """The files that a path with ``*`` in it stands for."""
    parts = pattern.parts
    first = next(i for i, part in enumerate(parts) if "*" in part)
    found = Path(*parts[:first]).glob("/".join(parts[first:]))
    return (p for p in found if p.is_file() and p.name.endswith(_ENDINGS))


def _check_together(path: Path, files: Sequence[Path], layouts: Sequence[Layout]) -> None:
    for file, layout in zip(files, layouts, strict=True):
        if layout is not layouts[0]:
            raise DataError(
                f"its files are of two layouts: {files[0].name} is {layouts[0].name}, "
                f"{file.name} is {layout.name}",
                file=str(path),
            )
    if layouts[0].join != "id":
        raise DataError(
            f"rows of {layouts[0].name} may have to be told by their order, which {len(files)} "
            "files do not have: name one of them",
            file=str(path),
        )


def with_failed_lowest(file: ReplayFile) -> ReplayFile:
    """The file with a reward below the others of its row in place of each ``$ERROR$``.

    So PPE's own program counts it, as minus infinity. How far below is made up, so the margins
    are no logits any more.
    """
    n = sum(len(row.failed) for row in file.rows)
    if not n:
        return file
    rows = tuple(row.with_failed_lowest() for row in file.rows)
    note = f"{n:,} scores of {file.path.name} are $ERROR$ and count as the lowest of their rows"
    return replace(file, rows=rows, are_rewards=False, notes=(*file.notes, note))


def scores_of(file: ReplayFile, limit: int | None = None) -> Scores:
    """The file by itself as ``Scores``: every id its own cluster, texts unknown.

    Args:
        file: Stored rewards.
        limit: Only the first so many rows.

    Raises:
        UsageError: If its rows do not say which answers were right.
    """
    rows = file.rows[:limit]
    if any(r.by_position for r in rows):
        raise UsageError(
            f"{file.path}: a {file.layout.name} file does not say which answers are right: "
            "name the --suite it belongs to"
        )
    sizes = np.array([len(r.rewards) for r in rows], np.int64)
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
        reward=np.array([x for r in rows for x in r.rewards], np.float64),
        n_tokens=np.zeros(n, np.int64),
        n_chars=np.zeros(n, np.int64),
        truncated=np.zeros(n, np.bool_),
    )


class ReplayScorer:
    """Looks rewards up by example.

    ``join`` says which examples there are and checks that they and the file fit together;
    without it rewards are looked up by id, and an id that the file lacks gets NaN.
    """

    def __init__(self, path: Path, spec: ScorerSpec) -> None:
        self.file = read_replay(path)
        options: dict[str, str] = {}
        if spec.failed_scores == "lowest":
            self.file = with_failed_lowest(self.file)
            options["failed_scores"] = spec.failed_scores
        self._by_id = {r.id: r.rewards for r in self.file.rows}
        self._joined: Joined | None = None
        logits = spec.margins_are_logits
        name = path.resolve().name
        for ending in (".gz", ".jsonl", ".json", ".parquet"):
            name = name.removesuffix(ending)
        self._info = ScorerInfo(
            spec=f"replay:{path.absolute() if _is_pattern(path) else absolute(str(path))}",
            kind="replay",
            name=spec.name or name,
            # Stored scores cannot say what they are; a file of a reward model trained
            # with the Bradley-Terry loss is what is usually replayed. Samples and votes
            # come from judges, whose grades are no logits.
            margins_are_logits=self.file.are_rewards if logits is None else logits,
            options={
                "sha256": _digest(self.file.files),
                "layout": self.file.layout.name,
                **options,
            },
        )

    @property
    def info(self) -> ScorerInfo:
        """What this scorer is, for the record."""
        return self._info

    def join(self, examples: Sequence[PreferenceExample], allowed: Allowed) -> None:
        """Find the row of every example that ``score`` will be asked about.

        Args:
            examples: A suite's, in its order.
            allowed: What may be missing on either side.

        Raises:
            DataError: If file and suite do not fit together; it says how many examples or
                rows are at fault, and which.
        """
        file, rows = self.file, self.file.rows
        named: Sequence[ReplayRow] | None = rows if file.layout.join == "id" else None
        if file.layout.join == "id or order":
            named = with_ids_of(examples, rows, file.path)
        self._joined = (
            join_by_order(rows, examples, file.path, allowed)
            if named is None
            else join_by_id(named, examples, file.path, file.layout.id_field, allowed)
        )

    def score(self, conversations: Sequence[Conversation]) -> ScoredBatch:
        """Stored rewards in input order.

        Raises:
            DataError: If an example has another number of answers than the file says.
            UsageError: If the file has no ids, and ``join`` has not told the examples.
        """
        if self._joined is None and self.file.layout.join == "order":
            raise UsageError(
                f"{self.file.path}: rows without ids can only be told by their order in a suite: "
                "use `rmbench run` with a --suite"
            )
        stored = self._by_id if self._joined is None else self._joined.rewards
        asked: dict[str, int] = {}
        for c in conversations:
            asked[c.example_id] = max(asked.get(c.example_id, 0), c.response_index + 1)
        for key, n in asked.items():
            if key in stored and len(stored[key]) != n:
                raise DataError(
                    f"id {key!r} has {len(stored[key])} scores for {n} answers",
                    file=str(self.file.path),
                )
        reward = np.array(
            [stored[c.example_id][c.response_index] if c.example_id in stored else nan
             for c in conversations]
        )  # fmt: skip
        n = len(conversations)
        return ScoredBatch(reward, np.zeros(n, np.int64), np.zeros(n, np.bool_))

    def check_sides(self, examples: Iterable[PreferenceExample]) -> None:
        """Refuse scores whose chosen and rejected sides are not those of the examples.

        Raises:
            DataError: Naming the first example that has other numbers of answers.
        """
        given = list(examples)
        known = [e for e in given if e.id in self._by_id]
        join_by_id(self.file.rows, known, self.file.path, "id", Allowed(unknown=True))

    def notes(self) -> tuple[str, ...]:
        """How file and suite were brought together."""
        return self.file.notes + (self._joined.notes if self._joined else ())


def create(spec: ScorerSpec, options: RunOptions) -> ReplayScorer:
    """Read the scores file of a spec.

    Raises:
        UsageError: If no file is named or it does not exist.
        DataError: If it cannot be used.
    """
    unsupported_options(spec, {"failed_scores"})
    return ReplayScorer(locate(spec), spec)


def locate(spec: ScorerSpec) -> Path:
    """The file, folder or pattern of files that a spec names; none of it is read.

    Raises:
        UsageError: If no file is named or it does not exist.
    """
    if not spec.target:
        raise UsageError("'replay:' needs a file of scores: replay:FILE")
    path = Path(spec.target).expanduser()
    if _is_pattern(path):
        if not any(_found(path)):
            raise UsageError(
                f"replay:{spec.target}: finds no file of scores ({', '.join(_ENDINGS)})"
            )
    elif not path.exists():
        raise UsageError(f"replay:{spec.target}: no such file")
    return path


def _digest(files: Sequence[Path]) -> str:
    """SHA-256 (hex) of a file, or of the lines ``sha256sum`` prints for several."""
    digests = [sha256(file.read_bytes()).hexdigest() for file in files]
    if len(files) == 1:
        return digests[0]
    lines = "".join(f"{d}  {f.name}\n" for d, f in zip(digests, files, strict=True))
    return sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()
