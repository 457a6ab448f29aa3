"""What scorers agree on as tables and notes, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rmbench.errors import shorten
from rmbench.report.content import Content, Table
from rmbench.report.numbers import fraction, number
from rmbench.report.overview import MANY_PARTS, Overview
from rmbench.report.text import Safe, Text
from rmbench.result.consensus import AgreementCount, Consensus, ConsensusPart

LISTED = 20
"""As many items that no scorer gets right are listed; a JSON report has all."""

LISTED_PARTS = 20
"""As many subsets have a row where there are too many for all."""

BY_CHANCE = Safe(
    "by chance: as many as scorers would agree on that err independently, each at its own accuracy "
    "in each subset, with the range of 95 % of such counts; items differ in difficulty, so more "
    "than that is the rule and no proof of wrong labels"
)
MARGINS = Safe(
    "mean and largest margin: over scorers, each one's margins divided by their root mean square"
)
_NAMES_SHOWN = 12


def with_consensus(content: Content, overview: Overview, consensus: Sequence[Consensus]) -> Content:
    """The content of a report with the tables and notes of what its scorers agree on."""
    names = {(s.ref.name, s.ref.digest): s.name for s in overview.suites}
    tables: list[Table] = []
    notes: list[Text] = []
    for found in consensus:
        suite = names[found.suite.name, found.suite.digest]
        if found.reason is not None:
            what = Safe(": items that no scorer gets right were not looked for: ")
            notes.append((suite, what, found.reason))
            continue
        tables.append(_parts_table(suite, found))
        if found.unsolved:
            tables.append(_items_table(suite, found))
        notes += [(suite, Safe(": "), *note) for note in facts(found)]
    if tables:
        notes += [BY_CHANCE, MARGINS] if any(c.unsolved for c in consensus) else [BY_CHANCE]
    return replace(content, tables=(*content.tables, *tables), notes=(*content.notes, *notes))


def shown_parts(found: Consensus) -> tuple[tuple[ConsensusPart, ...], str]:
    """The parts that have a row, the whole suite first, and what to say of the others.

    A single subset is the suite again. Of more than ``MANY_PARTS`` those with the largest excess
    of items that nobody gets right are kept.
    """
    whole, *subsets = found.parts
    if len(subsets) == 1:
        return (whole,), ""
    if len(subsets) <= MANY_PARTS:
        return found.parts, ""
    subsets.sort(key=lambda p: p.none_right.expected - p.none_right.count)
    said = f"{LISTED_PARTS} of {len(subsets)} subsets, those with most that no scorer gets right"
    return (whole, *subsets[:LISTED_PARTS]), f"{said} beyond chance"


def facts(found: Consensus) -> tuple[tuple[str, ...], ...]:
    """Who counted, on which items, and how surprising the number is; pieces of text."""
    whole = found.parts[0]
    none = whole.none_right
    counted: list[str] = [
        Safe(f"{len(found.scorers)} scorers count: "),
        shorten(found.scorers, _NAMES_SHOWN),
    ]
    for reason in dict.fromkeys(s.reason for s in found.left_out):
        names = [s.name for s in found.left_out if s.reason == reason]
        counted += [
            Safe("; not "),
            shorten(names, _NAMES_SHOWN),
            Safe(f" ({reason})"),
        ]
    items = f"{found.items_shared:,} of {found.items_total:,} items are common to all"
    if found.without_answer:
        items += f", {found.without_answer:,} of these have even votes and no right answer"
    surprise = (
        f"no scorer is right on {none.count:,} of {whole.n:,}, where independent errors would give "
        f"{chance_cell(none)}; the chance of as many or more is then {_chance(none.p)}"
    )
    lines = [tuple(counted), (Safe(f"{items}; right is {_right(found)}"),), (Safe(surprise),)]
    return (*lines, *((note,) for note in found.notes))


def count_cell(found: AgreementCount, n: int) -> str:
    """A number of items and their share."""
    return f"{found.count:,} ({fraction(found.count / n)})"


def chance_cell(found: AgreementCount) -> str:
    """What independent errors would give, with the range."""
    return f"{number(found.expected)} [{found.low:,}, {found.high:,}]"


def margin_cell(value: float) -> str:
    """A margin in units of its scorer's own, always with three decimals."""
    return number(value, signed=True, like=0.5)


def items_title(found: Consensus) -> str:
    """Heading of the list, with the cap where there is one."""
    n = len(found.unsolved)
    if n <= LISTED:
        return "items that no scorer gets right"
    return f"{LISTED} of {n:,} items that no scorer gets right, lowest mean margin first"


def _parts_table(suite: str, found: Consensus) -> Table:
    parts, said = shown_parts(found)
    rows: list[tuple[Text, ...]] = []
    for part in parts:
        name: Text = Safe("whole suite") if part.subset is None else (part.subset,)
        cells = [f"{part.n:,}"]
        for agreement in (part.none_right, part.all_right):
            cells += [count_cell(agreement, part.n), chance_cell(agreement)]
        rows.append((name, *(Safe(cell) for cell in cells)))
    title = f": agreement of scorers{f', {said}' if said else ''}"
    header = ("subset", "n", "no scorer right", "by chance", "all right", "by chance")
    return Table((suite, Safe(title)), tuple(Safe(h) for h in header), tuple(rows))


def _items_table(suite: str, found: Consensus) -> Table:
    rows: list[tuple[Text, ...]] = []
    for item in found.unsolved[:LISTED]:
        cells = [margin_cell(item.margin_mean), margin_cell(item.margin_max)]
        cells += [fraction(item.won)] if found.several_answers else []
        rows.append(((item.example_id,), (item.subset,), *(Safe(cell) for cell in cells)))
    header = ["id", "subset", "mean margin", "largest margin"]
    header += ["comparisons won"] if found.several_answers else []
    return Table(
        (suite, Safe(f": {items_title(found)}")),
        tuple(Safe(h) for h in header),
        tuple(rows),
        n_labels=2,
        label_widths=(36, 20),
    )


def _right(found: Consensus) -> str:
    if not found.several_answers:
        what = "a higher reward for the chosen answer"
    elif found.right == "best":
        what = "the highest reward for a chosen answer"
    else:
        what = "every chosen answer above every rejected one"
    return f"{what}, a tie is not"


def _chance(p: float) -> str:
    return "below .001" if p < 0.001 else fraction(p)
