"""A comparison for the terminal, 80 columns wide: the verdicts first, then what they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

from tabulate import tabulate

from rmbench.report.compare_content import (
    Block,
    Row,
    build_blocks,
    main_rows,
    reasons_of,
)
from rmbench.report.gates import render_gate
from rmbench.report.numbers import UNDEFINED, number
from rmbench.report.text import join, plain
from rmbench.result import ComparisonReport, Flip

WIDTH = 80
_MOVED_SHOWN = 12
FLIPS_SHOWN = 5
"""Lost items that a terminal lists where nothing else is asked for."""
_LABEL = 18
_PART = 22


def render_comparisons(
    report: ComparisonReport, *, flips: int | None = FLIPS_SHOWN, colour: bool = False
) -> str:
    """The verdicts, one paragraph each, then the tables behind them, then the rules' answers.

    Args:
        report: What was compared.
        colour: Whether the rules' verdicts are coloured.
        flips: As many lost and gained examples are listed for each; ``None`` for all that
            the report holds.
    """
    found = build_blocks(report)
    head = [_wrapped(join(block.line, plain)) for block in found.blocks]
    head += [_wrapped(join(text, plain)) for text in found.unmatched]
    bodies = [_body(block, flips) for block in found.blocks if block.candidate]
    if report.gate is not None:
        bodies.append(render_gate(report.gate, colour=colour))
    return "\n\n".join(["\n".join(head), *(body for body in bodies if body)])


def _body(block: Block, flips: int | None) -> str:
    if block.refused:
        return ""
    title = _wrapped(plain(f"{block.suite}: {block.candidate} against {block.baseline}"))
    parts = [f"{title}\n{'=' * max(map(len, title.splitlines()))}"]
    if block.facts:
        parts.append(_wrapped("; ".join(join(fact, plain) for fact in block.facts)))
    rows = main_rows(block)
    if rows:
        parts.append(_table(rows, "ratio" if block.is_speed else "difference [95 %]"))
    if block.n_parts:
        parts.append(_moved(block))
    if block.better or block.worse:
        parts.append(_flips(block, flips))
    notes = [f"– {note}" for note in block.notes]
    notes += [f"– {labels}: {reason}" for reason, labels in reasons_of(_untested(block))]
    if notes:
        parts.append("\n".join(_wrapped(plain(note)) for note in notes))
    if words := _words(block, rows):
        parts.append(_wrapped(words))
    return "\n\n".join(parts)


def _words(block: Block, rows: Sequence[Row]) -> str:
    """What the words above mean, as far as they stand there."""
    said = []
    if any(row.verdict == "inconclusive" for row in rows):
        said.append("inconclusive: these data cannot tell")
    if any(row.detectable != UNDEFINED for row in rows):
        said.append("detectable: the smallest true difference they find in 4 of 5 cases")
    if block.moved:
        said.append("q: p after correction for the number of parts")
    return f"({'; '.join(said)})" if said else ""


def _untested(block: Block) -> list[Row]:
    return [row for row in block.not_tested if row.part is None]


def _table(rows: Sequence[Row], difference: str) -> str:
    body = [
        [
            _cut(join(row.label, plain), _LABEL),
            row.baseline,
            row.candidate,
            f"{row.difference} {row.interval}".rstrip(),
            row.p,
            row.word,
        ]
        for row in rows
    ]
    header = ["metric", "base", "cand", difference, "p", "verdict"]
    return _simple(body, header, left=(0, 5))


def _moved(block: Block) -> str:
    if not block.moved:
        return _wrapped(
            f"No part moved: of {block.n_parts:,} differences of parts none is significant "
            "after correction for their number."
        )
    body = [
        [
            _cut(plain(row.part or ""), _PART),
            _cut(join(row.label, plain), _LABEL - 4),
            f"{row.difference} {row.interval}".rstrip(),
            row.p,
            row.word,
        ]
        for row in block.moved[:_MOVED_SHOWN]
    ]
    table = _simple(
        body, ["part that moved", "metric", "difference [95 %]", "q", ""], left=(0, 1, 4)
    )
    rest = len(block.moved) - _MOVED_SHOWN
    return f"{table}\n({rest} more moved)" if rest > 0 else table


def _flips(block: Block, shown: int | None) -> str:
    text = _wrapped(
        f"Right only for {plain(block.candidate)}: {block.better:,} items; "
        f"only for {plain(block.baseline)}: {block.worse:,}."
    )
    lost = [f for f in block.flips if f.margin_candidate < f.margin_baseline][:shown]
    if not lost:
        return text
    body = [_flip_row(flip) for flip in lost]
    table = _simple(body, ["worst losses, by margin", "part", "base", "cand"], left=(0, 1))
    rest = block.worse - len(lost)
    return f"{text}\n\n{table}" + (f"\n({rest:,} more)" if rest > 0 else "")


def _flip_row(flip: Flip) -> list[str]:
    return [
        _cut(plain(flip.example_id), 36),
        _cut(plain(flip.subset), _PART),
        number(flip.margin_baseline, signed=True),
        number(flip.margin_candidate, signed=True),
    ]


def _simple(body: list[list[str]], header: list[str], left: tuple[int, ...]) -> str:
    align = tuple("left" if i in left else "right" for i in range(len(header)))
    return tabulate(body, headers=header, tablefmt="simple", disable_numparse=True, colalign=align)


def _wrapped(text: str) -> str:
    return fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _cut(name: str, width: int) -> str:
    if len(name) <= width:
        return name
    tail = (width - 1) // 2
    return f"{name[: width - 1 - tail]}…{name[-tail:]}"
