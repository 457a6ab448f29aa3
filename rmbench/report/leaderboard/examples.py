"""The mistakes that a page holds with their texts."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from rmbench.report.leaderboard.build import BoardBuilder
from rmbench.report.leaderboard.columns import Member
from rmbench.report.text import plain, visible
from rmbench.result import Mistake
from rmbench.result.board import Board

if TYPE_CHECKING:
    # Reading data imports torch, which a board without texts does not need.
    from rmbench.report.leaderboard.texts import TextSource

KEPT_CHARS = 4_000
"""Of each text; the page says how much is left out."""


def gather_examples(
    board: Board, builder: BoardBuilder, most: int, texts_of: TextSource | None = None
) -> dict[str, Any]:
    """Mistakes of every model on every suite, the worst of each before the second worst.

    Args:
        board: The board.
        builder: Which built it.
        most: How many to keep.
        texts_of: Finds them in the suites' data; those that lie beside a result are taken
            where it does not.

    Returns:
        ``rows``: model, suite, number of the texts, margin, the two rewards; ``texts``: id,
        subset, prompt, chosen, rejected, each text with the number of characters left out;
        ``all``: how many mistakes were found.

    Raises:
        ResultError: If a file of mistakes, or scores, cannot be read.
    """
    models = {m.key: i for i, m in enumerate(board.models)}
    suites = {s.key: i for i, s in enumerate(board.suites)}
    found: list[tuple[int, str, Member, tuple[Mistake, ...]]] = []
    if most:
        for suite in board.suites:
            column = builder.columns[suite.key]
            for member in column.members:
                mistakes = texts_of.mistakes(column, member) if texts_of else None
                if mistakes is None:
                    mistakes = member.run.mistakes()
                if mistakes:
                    found.append((models[member.model], suite.key, member, mistakes))
    by_depth = zip_longest(*(mistakes for *_, mistakes in found))
    numbers: dict[tuple[str, ...], int] = {}
    texts: list[list[Any]] = []
    rows: list[list[Any]] = []
    for depth in by_depth:
        for (model, suite_key, _, _), mistake in zip(found, depth, strict=True):
            if mistake is None or len(rows) == most:
                continue
            turns = tuple(turn.get("content", "") for turn in mistake.prompt)
            key = (suite_key, mistake.example_id, mistake.chosen, mistake.rejected, *turns)
            if key not in numbers:
                numbers[key] = len(texts)
                texts.append(_texts(mistake))
            rewards = (mistake.margin, mistake.reward_chosen, mistake.reward_rejected)
            rows.append(
                [model, suites[suite_key], numbers[key], *(float(f"{r:.6g}") for r in rewards)]
            )
    rows.sort(key=lambda row: (row[1], row[0], row[3]))
    return {"rows": rows, "texts": texts, "all": sum(len(m) for *_, m in found)}


def _texts(mistake: Mistake) -> list[Any]:
    return [
        plain(mistake.example_id),
        plain(mistake.subset),
        [[plain(turn.get("role", "")), *_cut(turn.get("content", ""))] for turn in mistake.prompt],
        _cut(mistake.chosen),
        _cut(mistake.rejected),
    ]


def _cut(text: str) -> list[Any]:
    """What is kept of a text, and how many characters are not."""
    return [visible(text[:KEPT_CHARS]), max(0, len(text) - KEPT_CHARS)]
