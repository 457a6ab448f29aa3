"""What scorers agree on, for a page: the same rows as in tables, and texts where kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rmbench.report.consensus_tables import (
    LISTED,
    chance_cell,
    count_cell,
    facts,
    items_title,
    margin_cell,
    shown_parts,
)
from rmbench.report.numbers import fraction
from rmbench.report.overview import SuiteView
from rmbench.report.panel import Folded, Turn, fold
from rmbench.result.consensus import Consensus, UnsolvedItem


@dataclass(frozen=True)
class PartRow:
    """The whole suite (no name) or a subset."""

    subset: str | None
    n: str
    none_right: str
    none_by_chance: str
    all_right: str
    all_by_chance: str


@dataclass(frozen=True)
class ItemText:
    """The texts of one item that no scorer gets right."""

    number: int
    example_id: str
    subset: str
    prompt: tuple[Turn, ...]
    chosen: Folded
    rejected: Folded


@dataclass(frozen=True)
class ConsensusView:
    """The section of one suite.

    Attributes:
        reason: Why nothing could be counted; then nothing else is there.
        facts: Who counted, on which items, how surprising the number is.
        parts: Rows of the first table.
        parts_note: Which subsets have a row, where not all do.
        title: Heading of the list; empty where no item is on it.
        header: Of the list.
        items: Its rows.
        texts: Those whose texts a result keeps, with their number in the list.
    """

    reason: str | None
    facts: tuple[str, ...] = ()
    parts: tuple[PartRow, ...] = ()
    parts_note: str = ""
    title: str = ""
    header: tuple[str, ...] = ()
    items: tuple[tuple[str, ...], ...] = ()
    texts: tuple[ItemText, ...] = ()


def consensus_view(suite: SuiteView, consensus: Sequence[Consensus]) -> ConsensusView | None:
    """What the scorers of a suite agree on; ``None`` where that was not asked."""
    for found in consensus:
        if (found.suite.name, found.suite.digest) == (suite.ref.name, suite.ref.digest):
            return _view(found)
    return None


def _view(found: Consensus) -> ConsensusView:
    if found.reason is not None:
        return ConsensusView(reason=found.reason)
    parts, note = shown_parts(found)
    listed = found.unsolved[:LISTED]
    header = ("", "id", "subset", "mean margin", "largest margin")
    return ConsensusView(
        reason=None,
        facts=tuple(_sentence("".join(fact)) for fact in facts(found)),
        parts=tuple(
            PartRow(
                part.subset,
                f"{part.n:,}",
                count_cell(part.none_right, part.n),
                chance_cell(part.none_right),
                count_cell(part.all_right, part.n),
                chance_cell(part.all_right),
            )
            for part in parts
        ),
        parts_note=_sentence(note),
        title=_sentence(items_title(found)).removesuffix(".") if listed else "",
        header=(*header, "comparisons won") if found.several_answers else header,
        items=tuple(
            _row(number, item, several_answers=found.several_answers)
            for number, item in enumerate(listed, start=1)
        ),
        texts=tuple(
            ItemText(
                number=number,
                example_id=item.example_id,
                subset=item.subset,
                prompt=tuple(
                    Turn(turn.get("role", ""), fold(turn.get("content", "")))
                    for turn in item.prompt
                ),
                chosen=fold(item.chosen or ""),
                rejected=fold(item.rejected or ""),
            )
            for number, item in enumerate(listed, start=1)
            if item.prompt is not None
        ),
    )


def _row(number: int, item: UnsolvedItem, *, several_answers: bool) -> tuple[str, ...]:
    margins = (margin_cell(item.margin_mean), margin_cell(item.margin_max))
    won = (fraction(item.won),) if several_answers else ()
    return (str(number), item.example_id, item.subset, *margins, *won)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""
