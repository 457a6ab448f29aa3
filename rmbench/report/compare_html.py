"""A comparison as one HTML file that needs nothing but a browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rmbench.report.bars import Bar, Scale, Tick
from rmbench.report.compare_content import (
    WORDS,
    Block,
    Row,
    build_blocks,
    headline,
    main_rows,
    reasons_of,
)
from rmbench.report.gates import gate_html
from rmbench.report.html import template_environment
from rmbench.report.numbers import number, quantity
from rmbench.report.text import join, plain
from rmbench.result import Comparison, ComparisonReport, Flip, PairedEstimate

_FOLD_AFTER = 1200
"""Characters of a text that are shown at once."""
_TEXT_LIMIT = 20_000
"""Characters of a text that a page holds at most."""


@dataclass(frozen=True)
class ForestRow:
    """One difference on a track around zero."""

    name: str
    bar: Bar
    value: str
    interval: str
    verdict: str
    is_whole: bool


@dataclass(frozen=True)
class Forest:
    """The headline's differences, of the whole suite and of each part, on one scale."""

    title: str
    scale: Scale
    rows: tuple[ForestRow, ...]


@dataclass(frozen=True)
class ShownText:
    """A text, folded where it is long."""

    head: str
    rest: str
    rest_chars: str
    cut_chars: str


@dataclass(frozen=True)
class FlipView:
    """One flipped item."""

    example_id: str
    subset: str
    baseline: str
    candidate: str
    is_loss: bool
    texts: tuple[tuple[str, str, ShownText], ...]


@dataclass(frozen=True)
class BlockView:
    """One candidate on one suite, as the template places it."""

    anchor: str
    title: str
    line: str
    word: str
    verdict: str
    facts: tuple[str, ...]
    rows: tuple[Row, ...]
    all_rows: tuple[Row, ...]
    forest: Forest | None
    n_parts: int
    n_moved: int
    flips: tuple[FlipView, ...]
    better: str
    worse: str
    baseline: str
    candidate: str
    notes: tuple[str, ...]
    reasons: tuple[tuple[str, str], ...]
    has_body: bool


def render_html(report: ComparisonReport, title: str | None = None) -> str:
    """A self-contained page: no network, no scripts needed to read it.

    The same report gives the same bytes.
    """
    from markupsafe import Markup

    found = build_blocks(report)
    views = tuple(
        _view(block, c, f"c{i}")
        for i, (block, c) in enumerate(zip(found.blocks, report.comparisons, strict=True))
    )
    versions = sorted(
        {
            side.rmbench_version
            for c in report.comparisons
            for side in (c.baseline, c.candidate)
            if side is not None
        }
    )
    return (
        template_environment()
        .get_template("compare.html.j2")
        .render(
            title=title or _title(found.blocks),
            blocks=views,
            unmatched=tuple(join(text, plain) for text in found.unmatched),
            versions=", ".join(versions),
            words=WORDS,
            # rendered with every name escaped
            gate=Markup(gate_html(report.gate)) if report.gate is not None else "",  # noqa: S704 - gate_html escapes every name
        )
    )


def _title(blocks: Sequence[Block]) -> str:
    candidates = list(dict.fromkeys(b.candidate for b in blocks if b.candidate))
    baseline = blocks[0].baseline if blocks else ""
    if len(candidates) == 1:
        return f"{candidates[0]} against {baseline}"
    return f"{len(candidates)} candidates against {baseline}"


def _view(block: Block, c: Comparison, anchor: str) -> BlockView:
    has_body = bool(block.candidate) and not block.refused
    return BlockView(
        anchor=anchor,
        title=f"{block.suite}: {block.candidate} against {block.baseline}",
        line=join(block.line, plain),
        word=WORDS[block.verdict],
        verdict=block.verdict,
        facts=tuple(join(fact, plain) for fact in block.facts),
        rows=tuple(main_rows(block)),
        all_rows=(*block.rows, *block.parts),
        forest=_forest(c) if has_body else None,
        n_parts=block.n_parts,
        n_moved=len(block.moved),
        flips=tuple(_flip(flip) for flip in block.flips),
        better=f"{block.better:,}",
        worse=f"{block.worse:,}",
        baseline=block.baseline,
        candidate=block.candidate,
        notes=block.notes,
        reasons=tuple(reasons_of([r for r in block.not_tested if r.part is None])),
        has_body=has_body,
    )


def _forest(c: Comparison) -> Forest | None:
    head = headline(c)
    if head is None or head.ci_low is None:
        return None
    shown = [head, *(e for e in c.estimates if e.metric == head.metric and e.subset is not None)]
    drawn = [e for e in shown if e.ci_low is not None and e.ci_high is not None]
    ends = [abs(v) for e in drawn for v in (e.ci_low, e.ci_high) if v is not None]
    limit = 1.05 * max(ends) or 1.0
    edge = quantity(limit, head.unit, signed=True)
    low = quantity(-limit, head.unit, signed=True)
    scale = Scale(
        -limit,
        limit,
        0.0,
        (Tick(0.0, low), Tick(50.0, "0", is_reference=True), Tick(100.0, edge)),
    )
    return Forest(
        f"{head.metric.replace('_', ' ')}: candidate less baseline",
        scale,
        tuple(_forest_row(e, scale) for e in drawn),
    )


def _forest_row(e: PairedEstimate, scale: Scale) -> ForestRow:
    low, high, value = (v or 0.0 for v in (e.ci_low, e.ci_high, e.difference))
    at, start = scale.percent(value), scale.percent(low)
    ends = (quantity(v, e.unit, signed=True, like=value) for v in (low, high))
    return ForestRow(
        name=e.subset or "whole suite",
        bar=Bar(min(at, 50.0), round(abs(at - 50.0), 2), at, start,
                round(scale.percent(high) - start, 2)),
        value=quantity(value, e.unit, signed=True),
        interval=f"[{', '.join(ends)}]",
        verdict=WORDS[e.verdict] if e.verdict in ("improved", "regression") else "",
        is_whole=e.subset is None,
    )  # fmt: skip


def _flip(flip: Flip) -> FlipView:
    texts = [
        (role, css, _text(text))
        for role, css, text in (
            ("Prompt", "", flip.prompt),
            ("Chosen", "chosen", flip.chosen),
            ("Rejected", "rejected", flip.rejected),
        )
        if text is not None
    ]
    return FlipView(
        example_id=flip.example_id,
        subset=flip.subset,
        baseline=number(flip.margin_baseline, signed=True),
        candidate=number(flip.margin_candidate, signed=True),
        is_loss=flip.margin_candidate < flip.margin_baseline,
        texts=tuple(texts),
    )


def _text(text: str) -> ShownText:
    rest = text[_FOLD_AFTER:_TEXT_LIMIT]
    cut = max(0, len(text) - _TEXT_LIMIT)
    return ShownText(text[:_FOLD_AFTER], rest, f"{len(rest):,}", f"{cut:,}" if cut else "")
