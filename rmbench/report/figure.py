"""A diagram of the HTML report with its words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DataTable:
    """The numbers behind a diagram.

    Attributes:
        header: One per column.
        rows: Each as long as the header.
        is_named: Whether the first column holds names, which may wrap.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_named: bool = False


@dataclass(frozen=True)
class Figure:
    """A diagram with its words.

    Attributes:
        title: What it is.
        svg: The drawing; trusted markup.
        legend: Kind of mark (``points``, ``line``, ``right``, ``wrong``, ...) and its meaning.
        caption: What to read off it.
        table: The same in numbers.
        is_lead: Whether it has a row of its own, with its numbers unfolded beside it.
    """

    title: str
    svg: str
    legend: tuple[tuple[str, str], ...]
    caption: str
    table: DataTable
    is_lead: bool = False
