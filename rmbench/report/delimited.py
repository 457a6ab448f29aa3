"""Results for other programs: one CSV row per estimate, or the results as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from rmbench.report.overview import arrange
from rmbench.report.text import csv_text
from rmbench.result import Estimate, Result
from rmbench.result.consensus import Consensus

COLUMNS = (
    "scorer",
    "suite",
    "metric",
    "subset",
    "value",
    "ci_low",
    "ci_high",
    "ci_method",
    "n",
    "unit",
    "reason",
)


def render_csv(results: Sequence[Result]) -> str:
    """One row per estimate; what is undefined or the whole suite is an empty cell.

    Numbers have all their digits. Text that a spreadsheet would take for a formula
    starts with an apostrophe.
    """
    overview = arrange(results)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for suite in overview.suites:
        for entry in suite.entries:
            names = (csv_text(entry.scorer.name), csv_text(suite.name))
            writer.writerows((*names, *_cells(e)) for e in entry.result.estimates)
    return out.getvalue()


def render_json(results: Sequence[Result], consensus: Sequence[Consensus] | None = None) -> str:
    """``{"results": [...]}``, each result as it stands in its file.

    Args:
        results: The results.
        consensus: What their scorers agree on, written under ``consensus``; ``None`` for nothing.
    """
    body = {"results": [r.model_dump(mode="json") for r in results]}
    if consensus is not None:
        body["consensus"] = [c.model_dump(mode="json") for c in consensus]
    return json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _cells(e: Estimate) -> tuple[str | float | int | None, ...]:
    return (
        csv_text(e.metric),
        None if e.subset is None else csv_text(e.subset),
        e.value,
        e.ci_low,
        e.ci_high,
        None if e.ci_method is None else csv_text(e.ci_method),
        e.n,
        csv_text(e.unit),
        None if e.reason is None else csv_text(e.reason),
    )
