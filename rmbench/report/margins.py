"""Every chosen x rejected comparison of some results as CSV, for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

import numpy as np

from rmbench.metrics.accuracy import outcomes
from rmbench.metrics.comparisons import LARGEST_REWARD, Comparisons
from rmbench.report.overview import arrange
from rmbench.report.text import csv_text
from rmbench.result import StoredRun
from rmbench.types import Scores, TiePolicy

MARGINS_COLUMNS = (
    "suite",
    "scorer",
    "example_id",
    "subset",
    "group",
    "chosen_index",
    "rejected_index",
    "reward_chosen",
    "reward_rejected",
    "margin",
    "preference",
    "outcome",
)


def render_margins(runs: Sequence[StoredRun]) -> str:
    """One row per comparison of a chosen with a rejected answer.

    ``chosen_index`` and ``rejected_index`` count from 0 within their side; ``margin`` is
    ``reward_chosen - reward_rejected``, with all its digits. ``preference`` is the share of votes
    for the chosen side, and ``outcome`` what the comparison counts towards the accuracy under the
    tie rule that was used: 1, 0 or, for a tie that counts half, 0.5. It is empty where the votes
    are even, for then nobody is right, and turned round where most votes are for the rejected
    side. The mean of an example's outcomes is its accuracy, and their mean the suite's.

    Text that a spreadsheet would take for a formula starts with an apostrophe. Results without
    rewards (of speed) have no rows; examples without a finite reward have none either.

    Raises:
        ResultError: If scores cannot be read.
    """
    overview = arrange([run.result for run in runs])
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(MARGINS_COLUMNS)
    for suite in overview.suites:
        for entry in suite.entries:
            scores = runs[entry.position].scores()
            if scores is None:
                continue
            names = (csv_text(suite.name), csv_text(entry.scorer.name))
            ties: TiePolicy = (
                "wrong" if entry.result.provenance.policy.get("ties") == "wrong" else "half"
            )
            writer.writerows((*names, *row) for row in _rows(scores, ties))
    return out.getvalue()


def _rows(scores: Scores, ties: TiePolicy) -> Iterator[tuple[object, ...]]:
    bad = ~(np.abs(scores.reward) < LARGEST_REWARD)
    finite = scores.where(~np.isin(scores.example_id, np.unique(scores.example_id[bad])))
    if len(finite) == 0:
        return
    groups = finite.group[finite.response_index == 0].tolist()
    c = Comparisons.from_scores(finite)
    preference = c.comparison_preference
    # Turned round, a tie that counts as wrong stays wrong.
    outcome = outcomes(np.where(preference < 0.5, -c.margin, c.margin), ties)
    ids = [csv_text(name) for name in c.id.tolist()]
    subsets = [csv_text(name) for name in c.subset.tolist()]
    for e, i, j, chosen, rejected, margin, votes, counts in zip(
        c.example.tolist(),
        c.index_chosen.tolist(),
        c.index_rejected.tolist(),
        c.reward_chosen.tolist(),
        c.reward_rejected.tolist(),
        c.margin.tolist(),
        preference.tolist(),
        outcome.tolist(),
        strict=True,
    ):
        counted = "" if votes == 0.5 else counts
        yield (
            ids[e],
            subsets[e],
            csv_text(groups[e]),
            i,
            j,
            chosen,
            rejected,
            margin,
            votes,
            counted,
        )
