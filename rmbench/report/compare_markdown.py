"""A comparison in GitHub's Markdown: for a job's summary or a comment, so headings start at ###."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tabulate import tabulate

from rmbench.report.compare_content import (
    Block,
    Row,
    build_blocks,
    main_rows,
    reasons_of,
)
from rmbench.report.gates import gate_markdown
from rmbench.report.numbers import number
from rmbench.report.text import join, markdown, visible
from rmbench.result import ComparisonReport, Flip

_DIFFERENCE = "difference [95 %]"
_HEADER = ("metric", "baseline", "candidate", _DIFFERENCE, "p", "verdict")
_FULL_HEADER = (
    "metric", "part", "baseline", "candidate", _DIFFERENCE, "p or q", "wins / losses",
    "detectable", "n", "method", "verdict",
)  # fmt: skip

_TEXTS_SHOWN = 10
"""Flipped items whose texts are shown: a comment and a job's summary have their limits."""
_TEXT_LIMIT = 1_000
"""Characters of a text that are shown."""
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def render_markdown(report: ComparisonReport) -> str:
    """The verdicts as a list, the tables below them folded."""
    found = build_blocks(report)
    lines = [f"- {join(block.line, markdown)}" for block in found.blocks]
    lines += [f"- {join(text, markdown)}" for text in found.unmatched]
    blocks = ["### Comparison", "\n".join(lines)]
    blocks += [_body(block) for block in found.blocks if block.candidate and not block.refused]
    if report.gate is not None:
        blocks.insert(0, gate_markdown(report.gate).rstrip())
    return "\n\n".join(blocks) + "\n"


def _body(block: Block) -> str:
    title = f"{block.suite}: {block.candidate} against {block.baseline}"
    parts = [f"#### {markdown(title)}"]
    if block.facts:
        parts.append("; ".join(join(fact, markdown) for fact in block.facts))
    rows = main_rows(block)
    if rows:
        header = tuple("ratio" if block.is_speed and x == _DIFFERENCE else x for x in _HEADER)
        parts.append(_table([_short(row) for row in rows], header, left=(0, 5)))
    rest = [*block.rows, *block.parts]
    if rest:
        table = _table([_full(row) for row in rest], _FULL_HEADER, left=(0, 1, 9, 10))
        summary = f"All {len(rest):,} differences"
        if block.n_parts:
            summary += f"; {len(block.moved):,} of {block.n_parts:,} of parts are significant"
        parts.append(_folded(summary, table))
    if block.better or block.worse:
        text = (
            f"Right only for {markdown(block.candidate)}: {block.better:,} items; "
            f"only for {markdown(block.baseline)}: {block.worse:,}."
        )
        parts.append(f"{text}\n\n{_flips(block)}" if block.flips else text)
    notes = [f"- {markdown(note)}" for note in block.notes]
    notes += [
        f"- {markdown(reason)}: {markdown(labels)}"
        for reason, labels in reasons_of([r for r in block.not_tested if r.part is None])
    ]
    if notes:
        parts.append(_folded("Not tested, and notes", "\n".join(notes)))
    return "\n\n".join(parts)


def _short(row: Row) -> list[str]:
    return [
        join(row.label, markdown),
        row.baseline,
        row.candidate,
        f"{row.difference} {row.interval}".rstrip(),
        markdown(row.p),
        row.word,
    ]


def _full(row: Row) -> list[str]:
    label, baseline, candidate, difference, p, verdict = _short(row)
    return [
        label, markdown(row.part or ""), baseline, candidate, difference, p, row.wins,
        row.detectable, row.n, markdown(row.how), verdict,
    ]  # fmt: skip


def _flips(block: Block) -> str:
    body = [_flip(flip) for flip in block.flips]
    header = ("item", "part", "baseline's margin", "candidate's margin")
    shown = f"{len(block.flips):,} of {block.better + block.worse:,} flipped items"
    table = _table(body, header, left=(0, 1))
    with_texts = [flip for flip in block.flips if flip.prompt is not None][:_TEXTS_SHOWN]
    texts = [_texts(flip) for flip in with_texts]
    return _folded(f"{shown}, worst losses first", "\n\n".join([table, *texts]))


def _texts(flip: Flip) -> str:
    lost = flip.margin_candidate < flip.margin_baseline
    parts = [f"**{'lost' if lost else 'gained'}: {markdown(flip.example_id)}**"]
    named = (("Prompt", flip.prompt), ("Chosen", flip.chosen), ("Rejected", flip.rejected))
    parts += [f"{name}:\n\n{_fenced(text)}" for name, text in named if text is not None]
    return "\n\n".join(parts)


def _fenced(text: str) -> str:
    """A text as a block of code, whose fence is longer than any row of backticks in it."""
    # What a reader of Markdown could take for the end of a line becomes one, or is shown.
    lines = visible(_LINE_ENDS.sub("\n", text[:_TEXT_LIMIT])).rstrip("\n")
    if len(text) > _TEXT_LIMIT:
        lines += f"\n… ({len(text) - _TEXT_LIMIT:,} more characters)"
    longest = max((len(run) for run in re.findall("`+", lines)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{lines}\n{fence}"


def _flip(flip: Flip) -> list[str]:
    return [
        markdown(flip.example_id),
        markdown(flip.subset),
        number(flip.margin_baseline, signed=True),
        number(flip.margin_candidate, signed=True),
    ]


def _folded(summary: str, body: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def _table(body: Sequence[Sequence[str]], header: Sequence[str], left: tuple[int, ...]) -> str:
    align = tuple("left" if i in left else "right" for i in range(len(header)))
    return tabulate(
        body, headers=list(header), tablefmt="pipe", disable_numparse=True, colalign=align
    )
