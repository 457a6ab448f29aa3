"""A leaderboard as one HTML file that needs nothing but a browser.

The file holds the numbers as data and a script that shows them. Data that only some views need
stand in blocks of their own, which are read when they are asked for.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from rmbench.metrics.base import MeasureContext
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.ranks import SIZE
from rmbench.report.html import TEMPLATES, template_environment
from rmbench.report.labels import label_of
from rmbench.report.leaderboard.build import BoardBuilder
from rmbench.report.leaderboard.columns import Column, Member
from rmbench.report.leaderboard.content import DEFAULT_TITLE, build_content, lede
from rmbench.report.leaderboard.examples import gather_examples
from rmbench.report.leaderboard.observed import Observed, observe, suite_detail
from rmbench.report.leaderboard.payload import pairwise, script_json
from rmbench.report.text import join, plain, visible
from rmbench.result.board import Board, BoardCell, BoardMean

if TYPE_CHECKING:
    # Reading data imports torch, which a board without texts does not need.
    from rmbench.report.leaderboard.texts import TextSource

SCRIPTS = (
    "dom.js", "data.js", "draw.js", "table.js", "model.js", "versus.js", "speed.js",
    "mistakes.js", "main.js",
)  # fmt: skip
"""Parts of the page's script, in the order in which they are put together."""


class PageBuilder:
    """Collects what the page shows while a board is built, then renders it."""

    def __init__(
        self,
        builder: BoardBuilder,
        title: str | None,
        examples: int,
        texts_of: TextSource | None = None,
    ) -> None:
        self._builder = builder
        self._title = title or DEFAULT_TITLE
        self._examples = examples
        self._texts_of = texts_of
        self._observed: dict[str, dict[str, Observed]] = {}

    def observe(
        self, column: Column, member: Member, comparisons: Comparisons, context: MeasureContext
    ) -> None:
        """Take in one result's comparisons."""
        of = self._observed.setdefault(column.key, {})
        of[member.model] = observe(comparisons, context)

    def render(self, board: Board) -> str:
        """The page.

        Raises:
            ResultError: If mistakes, or the scores to find them by, cannot be read.
        """
        content = build_content(board)
        examples = gather_examples(board, self._builder, self._examples, self._texts_of)
        script = (
            '(() => {\n"use strict";\n'
            + "".join(
                (TEMPLATES / "leaderboard" / name).read_text(encoding="utf-8") for name in SCRIPTS
            )
            + "})();\n"
        )
        style = "".join(
            (TEMPLATES / name).read_text(encoding="utf-8")
            for name in ("report.css", "leaderboard/leaderboard.css")
        )
        return (
            template_environment()
            .get_template("leaderboard/leaderboard.html.j2")
            .render(
                title=self._title,
                lede=content.lede,
                tables=[
                    {
                        "title": join(table.title, visible),
                        "n_labels": table.n_labels,
                        "header": [join(cell, visible) for cell in table.header],
                        "rows": [[join(cell, visible) for cell in row] for row in table.rows],
                    }
                    for table in content.tables
                ],
                notes=[join(note, visible) for note in content.about],
                legend=[join(note, visible) for note in content.legend],
                measured=_measured(board),
                draws=f"{board.draws:,}",
                script=script,
                script_hash=_source(script),
                style=style,
                style_hash=_source(style),
                core=script_json(_core(board, self._title, self._builder)),
                evidence=script_json(self._evidence(board)),
                examples=script_json(examples),
                versions=", ".join(sorted({c.rmbench_version for c in board.cells})),
            )
        )

    def _evidence(self, board: Board) -> list[dict[str, Any]]:
        index = {m.key: i for i, m in enumerate(board.models)}
        found = []
        for suite in board.suites:
            column = self._builder.columns[suite.key]
            body = suite_detail(column, self._observed.get(suite.key, {}), index)
            evidence = self._builder.evidence.get(suite.key)
            if evidence is not None:
                body["pairs"] = {
                    "models": [index[m] for m in evidence.models],
                    "values": [round(v, 6) for v in evidence.values.tolist()],
                    "clusters": len(evidence.sums),
                    "higher": evidence.higher_is_better,
                    **pairwise(evidence.sums, evidence.outcome),
                }
            found.append(body)
        return found


def _measured(board: Board) -> str:
    """``2031-02-03``, or the first and the last day."""
    days = sorted({c.created_at[:10] for c in board.cells})
    return " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""


def _source(text: str) -> str:
    """What a Content-Security-Policy calls an inline script or style."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}"


def _core(board: Board, title: str, builder: BoardBuilder) -> dict[str, Any]:
    models = {m.key: i for i, m in enumerate(board.models)}
    suites = {s.key: i for i, s in enumerate(board.suites)}
    notes = {
        (s.key, m.model): m.run.result.provenance.notes
        for s in board.suites
        for m in builder.columns[s.key].members
    }
    return {
        "title": plain(title),
        "lede": lede(board),
        "order": plain(board.order),
        "draws": board.draws,
        "size": SIZE,
        "models": [
            {
                "key": m.key,
                "name": plain(m.name),
                "kind": plain(m.kind),
                "spec": plain(m.spec),
                "revision": plain(m.revision or ""),
                "dtypes": [plain(d) for d in m.dtypes],
                "blind": m.content_blind,
                "logits": m.margins_are_logits,
            }
            for m in board.models
        ],
        "suites": [
            {
                "key": s.key,
                "label": plain(s.label),
                "title": plain(s.title or s.name),
                "version": plain(s.version),
                "digest": s.digest,
                "metric": label_of(s.metric).label,
                "help": label_of(s.metric).help,
                "fraction": s.unit == "fraction",
                "unit": plain(s.unit),
                "ties": plain(s.ties),
                "modified": [plain(m) for m in s.modified],
                "fingerprint": plain(s.fingerprint or ""),
                "n": s.n_examples,
                "clusters": s.n_clusters,
                "ranked": s.n_ranked,
                "reason": plain(s.reason or ""),
                "baseline": models[s.best_baseline] if s.best_baseline else None,
                "older": plain(s.older_than or ""),
                "notes": [plain(n) for n in s.notes],
                "higher": s.key not in builder.evidence or builder.evidence[s.key].higher_is_better,
            }
            for s in board.suites
        ],
        "cells": [
            [
                models[c.model],
                suites[c.suite],
                *_numbers(c),
                _cell_facts(c, notes[c.suite, c.model]),
            ]
            for c in board.cells
        ],
        "mean": {
            "suites": [suites[key] for key in board.mean_suites],
            "reason": board.mean_reason or "",
            "of": [[models[m.model], *_numbers(m)] for m in board.means],
        },
        "costs": [
            {
                "model": models[c.model],
                "suite": plain(c.suite),
                "device": plain(c.device),
                "dtype": plain(c.dtype or ""),
                "pairs": c.pairs_per_s,
                "tokens": c.tokens_per_s,
                "memory": c.peak_memory_bytes,
                "at": plain(c.created_at),
            }
            for c in board.costs
        ],
        "left": [
            [plain(left.model), plain(left.suite), plain(left.reason), plain(left.path)]
            for left in board.left_out
        ],
    }


def _numbers(c: BoardCell | BoardMean) -> list[float | None]:
    """Value, interval, rank with its interval, whether in the best set."""
    values = [None if v is None else round(v, 5) for v in (c.value, c.ci_low, c.ci_high)]
    best = None if c.in_best_set is None else int(c.in_best_set)
    return [*values, c.rank, c.rank_low, c.rank_high, best]


def _cell_facts(c: BoardCell, notes: Sequence[str]) -> dict[str, Any]:
    """What a cell has beside numbers; what is usual is left out."""
    facts: dict[str, Any] = {"n": c.n, "at": plain(c.created_at), "by": plain(c.rmbench_version)}
    optional: dict[str, Any] = {
        "above": None if c.above_baseline is None else int(c.above_baseline),
        "p": None if c.set_p is None else float(f"{c.set_p:.3g}"),
        "reason": plain(c.reason) if c.reason else None,
        "missing": [plain(m) for m in c.missing[:8]] if c.partial else None,
        "more": len(c.missing) - 8 if c.partial and len(c.missing) > 8 else None,
        "flags": [plain(f) for f in c.flags] or None,
        "notes": [plain(n) for n in notes] or None,
        "revision": plain(c.revision) if c.revision else None,
        "dtype": plain(c.dtype) if c.dtype else None,
        "path": plain(c.path),
        "behind": c.days_behind or None,
    }
    return {**facts, **{key: value for key, value in optional.items() if value is not None}}
