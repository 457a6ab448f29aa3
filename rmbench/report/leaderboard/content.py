"""A leaderboard as tables, for the terminal, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rmbench.errors import shorten
from rmbench.metrics.ranks import SIZE
from rmbench.report.content import Table
from rmbench.report.content_notes import BASELINE_MARK, BASELINE_NOTE
from rmbench.report.labels import label_of
from rmbench.report.numbers import UNDEFINED, data_size, number, quantity
from rmbench.report.text import Safe, Text
from rmbench.result.board import Board, BoardCell, BoardMean, BoardModel, BoardSuite

BEST = Safe("★")
BELOW = Safe("↓")
CARE = Safe("†")
DEFAULT_TITLE = "Reward model leaderboard"


@dataclass(frozen=True)
class BoardContent:
    """Every table of a leaderboard and how to read them.

    Attributes:
        lede: What it shows, in a sentence.
        tables: In reading order.
        legend: What the marks in the tables mean.
        about: What is particular about these results, and what is missing.
    """

    lede: str
    tables: tuple[Table, ...]
    legend: tuple[Text, ...]
    about: tuple[Text, ...]

    @property
    def notes(self) -> tuple[Text, ...]:
        """Everything that a table alone does not say."""
        return (*self.legend, *self.about)


@dataclass(frozen=True)
class Lookup:
    """Cells and means of a board by what they are of."""

    cells: dict[tuple[str, str], BoardCell]
    means: dict[str, BoardMean]

    @classmethod
    def of(cls, board: Board) -> Lookup:
        """Index a board."""
        cells = {(c.model, c.suite): c for c in board.cells}
        return cls(cells, {m.model: m for m in board.means})


def build_content(board: Board) -> BoardContent:
    """All tables of a leaderboard."""
    found = Lookup.of(board)
    tables = [_values(board, found)]
    if any(s.n_ranked > 1 for s in board.suites):
        tables.append(_ranks(board, found))
    tables.append(_suites(board))
    if board.costs:
        tables.append(_costs(board))
    tables.append(_provenance(board))
    return BoardContent(
        lede(board), tuple(t for t in tables if t.rows), _legend(board), _about(board)
    )


def lede(board: Board) -> str:
    """How many models, baselines and suites there are.

    Columns of one suite (other versions, data or rules) count once.
    """
    n_blind = sum(m.content_blind for m in board.models)
    parts = [
        _plural(n, noun)
        for n, noun in (
            (len(board.models) - n_blind, "reward model"),
            (n_blind, "content-blind baseline"),
        )
        if n
    ]
    return f"{' and '.join(parts)} on {_plural(len({s.name for s in board.suites}), 'suite')}"


def value_of(cell: BoardCell | BoardMean | None, unit: str) -> str:
    """``.623 [.571, .672]``, or a dash."""
    if cell is None or cell.value is None:
        return UNDEFINED
    value = quantity(cell.value, unit)
    if cell.ci_low is None or cell.ci_high is None:
        return value
    ends = (quantity(end, unit, like=cell.value) for end in (cell.ci_low, cell.ci_high))
    return f"{value} [{', '.join(ends)}]"


def rank_of(cell: BoardCell | BoardMean | None) -> str:
    """``2 [1–4]``: the rank and its interval; empty without one.

    >>> rank_of(None)
    ''
    """
    if cell is None or cell.rank is None:
        return ""
    if cell.rank_low == cell.rank_high:
        return f"{cell.rank}"
    return f"{cell.rank} [{cell.rank_low}–{cell.rank_high}]"


def _plural(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _name(model: BoardModel) -> Text:
    return (model.name, BASELINE_MARK) if model.content_blind else (model.name,)


def _values(board: Board, found: Lookup) -> Table:
    header: list[Text] = [Safe("model")]
    if board.means:
        header.append(Safe(f"mean of {len(board.mean_suites)}"))
    header += [(s.label, Safe(f"\n{label_of(s.metric).label}")) for s in board.suites]
    ranked = [m for m in board.means if m.rank is not None]
    rows: list[tuple[Text, ...]] = []
    for model in board.models:
        row: list[Text] = [_name(model)]
        if board.means:
            mean = found.means.get(model.key)
            row.append(Safe(f"{value_of(mean, 'fraction')} {_star(mean, len(ranked))}".rstrip()))
        for suite in board.suites:
            cell = found.cells.get((model.key, suite.key))
            row.append(Safe(_cell_text(cell, suite)))
        if any(cell != "" for cell in row[1:]):
            rows.append(tuple(row))
    return Table(Safe("Values with 95 % intervals"), tuple(header), tuple(rows))


def _cell_text(cell: BoardCell | None, suite: BoardSuite) -> str:
    if cell is None:
        return ""
    marks = _star(cell, suite.n_ranked)
    if cell.above_baseline is False:
        marks += BELOW
    if cell.flags:
        marks += CARE
    words = [value_of(cell, suite.unit), marks, "partial" if cell.partial else ""]
    return " ".join(word for word in words if word)


def _star(cell: BoardCell | BoardMean | None, n_ranked: int) -> str:
    return BEST if cell is not None and cell.in_best_set and n_ranked > 1 else ""


def _ranks(board: Board, found: Lookup) -> Table:
    suites = [s for s in board.suites if s.n_ranked > 1]
    header: list[Text] = [Safe("model")]
    if board.means:
        header.append(Safe(f"mean of {len(board.mean_suites)}"))
    header += [(s.label, Safe(f"\nof {s.n_ranked}")) for s in suites]
    rows = []
    for model in board.models:
        if model.content_blind:
            continue
        cells: list[Text] = [rank_of(found.means.get(model.key))] if board.means else []
        cells += [rank_of(found.cells.get((model.key, s.key))) for s in suites]
        if any(cells):
            rows.append((_name(model), *(Safe(c) for c in cells)))
    return Table(Safe("Ranks with 95 % intervals"), tuple(header), tuple(rows))


def _suites(board: Board) -> Table:
    names = {m.key: m.name for m in board.models}
    rows: list[tuple[Text, ...]] = []
    for s in board.suites:
        n = f"{s.n_examples:,}" if s.n_examples else ""
        clusters = f"{s.n_clusters:,}" if s.n_clusters else ""
        baseline: Text = (names[s.best_baseline],) if s.best_baseline else Safe("")
        rows.append(
            (
                (s.label,),
                (s.version,),
                Safe(label_of(s.metric).label),
                Safe(n),
                Safe(clusters),
                Safe(str(s.n_ranked)),
                baseline,
            )
        )
    header = ("suite", "version", "number", "examples", "clusters", "ranked", "best baseline")
    return Table(Safe("Suites"), tuple(Safe(h) for h in header), tuple(rows))


def _costs(board: Board) -> Table:
    names = {m.key: m for m in board.models}
    rows: list[tuple[Text, ...]] = [
        (
            _name(names[c.model]),
            (c.device,),
            (c.dtype or "",),
            Safe(_rate(c.pairs_per_s)),
            Safe(_rate(c.tokens_per_s)),
            Safe(UNDEFINED if c.peak_memory_bytes is None else data_size(c.peak_memory_bytes)),
        )
        for c in board.costs
    ]
    header = ("model", "device", "dtype", "pairs/s", "tokens/s", "peak memory")
    return Table(Safe("Cost"), tuple(Safe(h) for h in header), tuple(rows), n_labels=2)


def _rate(value: float | None) -> str:
    return UNDEFINED if value is None else number(value)


def _provenance(board: Board) -> Table:
    rows: list[tuple[Text, ...]] = []
    for model in board.models:
        cells = [c for c in board.cells if c.model == model.key]
        if not cells:
            continue
        dates = sorted({c.created_at[:10] for c in cells})
        versions = sorted({c.rmbench_version for c in cells})
        rows.append(
            (
                _name(model),
                (model.kind,),
                ((model.revision or "")[:12],),
                (", ".join(model.dtypes),),
                (" – ".join(dict.fromkeys((dates[0], dates[-1]))),),
                (shorten(versions, 3),),
            )
        )
    header = ("model", "kind", "revision", "dtype", "measured", "rmbench")
    return Table(Safe("How the numbers were made"), tuple(Safe(h) for h in header), tuple(rows))


def _legend(board: Board) -> tuple[Text, ...]:
    notes: list[Text] = []
    if any(m.content_blind for m in board.models):
        notes.append((BASELINE_MARK, Safe(" "), BASELINE_NOTE, Safe("; it has no rank")))
    ranked = any(s.n_ranked > 1 for s in board.suites)
    if ranked:
        notes.append(
            Safe(
                f"{BEST} cannot be told apart from the best (model confidence set at "
                f"{100 * SIZE:.0f} %; {board.draws:,} resamples of whole clusters)"
            )
        )
        notes.append(
            Safe(
                "rank 2 [1–4]: one model has a higher value; the items leave ranks 1 to 4 possible "
                "(95 %, each model by itself)"
            )
        )
    if any(c.above_baseline is False for c in board.cells):
        notes.append(
            Safe(
                f"{BELOW} not surely above the suite's best content-blind baseline (two-sided, 5 %)"
            )
        )
    if any(c.partial for c in board.cells):
        notes.append(Safe("partial: parts of the suite are missing; shown and not ranked"))
    there = {c.model for c in board.cells}
    if len(board.cells) < len(there) * len(board.suites):
        notes.append(Safe("an empty cell was not measured"))
    return tuple(notes)


def _about(board: Board) -> tuple[Text, ...]:
    labels = {s.key: s.label for s in board.suites}
    notes = _cautions(board)
    if board.mean_suites:
        shown = ", ".join(labels[k] for k in board.mean_suites)
        notes.append(
            (Safe("mean: unweighted, over the suites that all ranked models have: "), shown)
        )
    elif board.mean_reason is not None and len(board.suites) > 1:
        notes.append(Safe(f"no mean: {board.mean_reason}"))
    notes.append((Safe("models are in the order of "), board.order))
    notes += _about_suites(board)
    for left in board.left_out:
        notes.append((Safe("left out: "), left.path, Safe(f": {left.reason}")))
    return tuple(notes)


def _cautions(board: Board) -> list[Text]:
    names = {m.key: m.name for m in board.models}
    labels = {s.key: s.label for s in board.suites}
    concerned: dict[str, list[str]] = {}
    for c in board.cells:
        for flag in c.flags:
            concerned.setdefault(flag, []).append(f"{names[c.model]} on {labels[c.suite]}")
    return [
        (CARE, Safe(" "), flag, Safe(": "), shorten(where, 8)) for flag, where in concerned.items()
    ]


def _about_suites(board: Board) -> Sequence[Text]:
    notes: list[Text] = []
    alone = [s.label for s in board.suites if s.n_ranked == 1]
    if alone:
        notes.append((Safe("one model only, so no rank: "), shorten(alone, 20)))
    by_reason: dict[str, list[str]] = {}
    for s in board.suites:
        if s.reason is not None:
            by_reason.setdefault(s.reason, []).append(s.label)
    for reason, labels in by_reason.items():
        notes.append((Safe("no ranks, "), reason, Safe(": "), shorten(labels, 20)))
    for s in board.suites:
        if s.modified:
            notes.append((s.label, Safe(": changed rules: "), shorten(s.modified, 8)))
        if s.older_than is not None:
            stale = Safe(": stale, newer results are on ")
            notes.append((s.label, stale, _version(s.older_than)))
        notes += [(s.label, Safe(": "), note) for note in s.notes]
    return notes


def _version(version: str) -> str:
    return version if version.startswith("digest ") else f"version {version}"
