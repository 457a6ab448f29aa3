"""A leaderboard for other programs: one CSV row per cell, or the whole board as JSON."""

from __future__ import annotations

import csv
import io
import json

from rmbench.report.text import csv_text
from rmbench.result.board import Board

COLUMNS = (
    "model", "model_key", "content_blind", "suite", "suite_version", "metric", "value", "ci_low",
    "ci_high", "n", "rank", "rank_low", "rank_high", "n_ranked", "in_best_set", "above_baseline",
    "partial", "flags", "reason", "created_at", "rmbench_version", "revision", "dtype", "path",
)  # fmt: skip

MEAN = "(mean)"
"""Name of the suite in the rows of the means."""


def render_csv(board: Board) -> str:
    """One row per model and suite that was measured, then one per mean.

    What is not known or does not apply is an empty cell, numbers have all their digits, truth
    values are ``true`` and ``false``. Text that a spreadsheet would take for a formula starts
    with an apostrophe.
    """
    models = {m.key: m for m in board.models}
    suites = {s.key: s for s in board.suites}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for key in models:
        for c in board.cells:
            if c.model != key:
                continue
            s = suites[c.suite]
            writer.writerow(
                _safe(
                    models[key].name, key, models[key].content_blind, s.label, s.version,
                    s.metric, c.value, c.ci_low, c.ci_high, c.n, c.rank, c.rank_low,
                    c.rank_high, s.n_ranked, c.in_best_set, c.above_baseline, c.partial,
                    "; ".join(c.flags), c.reason, c.created_at, c.rmbench_version, c.revision,
                    c.dtype, c.path,
                )
            )  # fmt: skip
    n_ranked = sum(m.rank is not None for m in board.means)
    for mean in board.means:
        model = models[mean.model]
        writer.writerow(
            _safe(
                model.name, mean.model, model.content_blind, MEAN, None, "mean", mean.value,
                mean.ci_low, mean.ci_high, len(board.mean_suites), mean.rank, mean.rank_low,
                mean.rank_high, n_ranked, mean.in_best_set, None, None, None, None, None, None,
                None, None, None,
            )
        )  # fmt: skip
    return out.getvalue()


def render_json(board: Board) -> str:
    """The board as ``rmbench.result.board.Board`` describes it."""
    body = board.model_dump(mode="json")
    return json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _safe(*cells: str | float | bool | None) -> tuple[str | float | None, ...]:
    return tuple(
        csv_text(c) if isinstance(c, str) else str(c).lower() if isinstance(c, bool) else c
        for c in cells
    )
