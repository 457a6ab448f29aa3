"""Compares a trained baseline with content-blind scorers; writes the table of ``docs/baseline.md``.

``python tests/benchmarks/write_baseline.py RUNS MODEL``: RUNS is the folder of ``rmbench run``,
MODEL the name of the trained model in it, whose table the page holds between markers; ``make
baseline`` does it after the runs. The results (numbers and ids, no texts) are copied to
``results/reference/``.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tabulate import tabulate

from benchmarks.write_docs import put_between
from rmbench.metrics.accuracy import example_accuracy
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import ClusteredMean, clustered_mean
from rmbench.metrics.power import detectable_from_error
from rmbench.result.store import StoredRun, find_runs

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/baseline.md"
REFERENCE = ROOT / "results/reference"

BLIND = ("length", "shorter", "random")

IN_DISTRIBUTION = frozenset(p.stem for p in (ROOT / "docs/baseline/suites").glob("*.toml"))
"""Suites of rows that were made as those of the training sets were."""


@dataclass(frozen=True)
class Row:
    """One suite.

    Attributes:
        suite: Its name, with marks: trained in-distribution, or partial.
        model: The model's accuracy.
        blind: Each content-blind scorer's accuracy, in the order of ``BLIND``.
        best: Name of the best of them.
        difference: Accuracy of the model less that of the best, paired and clustered.
        detectable: Smallest difference that so many examples find, 80 % of the time.
    """

    suite: str
    model: ClusteredMean
    blind: tuple[float, ...]
    best: str
    difference: ClusteredMean
    detectable: float


def main() -> None:
    """Print the table, put it into the page, and keep the results."""
    if len(sys.argv) != 3:
        raise SystemExit("usage: write_baseline.py RUNS MODEL")
    runs = find_runs([Path(sys.argv[1])])
    table = as_table(compare(runs, sys.argv[2]))
    sys.stdout.write(f"{table}\n")
    page = put_between(PAGE.read_text(encoding="utf-8"), f"baseline-{sys.argv[2]}", table)
    PAGE.write_text(page, encoding="utf-8")
    keep(runs)


def compare(runs: Iterable[StoredRun], model: str) -> list[Row]:
    """The model beside the content-blind scorers, suite by suite.

    Raises:
        ValueError: If a suite lacks one of them, or they were not given the same examples.
    """
    by_suite: dict[str, dict[str, StoredRun]] = {}
    for run in runs:
        kind = run.result.scorer.kind
        name = kind if kind in BLIND else run.result.scorer.name
        by_suite.setdefault(run.result.suite.name, {})[name] = run
    return [_row(suite, found, model) for suite, found in by_suite.items()]


def _row(suite: str, runs: dict[str, StoredRun], model: str) -> Row:
    missing = {model, *BLIND} - set(runs)
    if missing:
        raise ValueError(f"{suite}: no result of {', '.join(sorted(missing))}")
    right, ids, groups = {}, {}, {}
    for name in (model, *BLIND):
        scores = runs[name].scores()
        if scores is None:
            raise ValueError(f"{suite}: {name} has no scores")
        decided = Comparisons.from_scores(scores).decided
        # A length that is equal decides nothing; chance is its due, whatever the suite's rule.
        right[name] = example_accuracy(decided, "half")
        ids[name], groups[name] = decided.id.tolist(), decided.group
    if any(ids[name] != ids[model] for name in BLIND):
        raise ValueError(f"{suite}: the scorers were given different examples")
    best = max(BLIND, key=lambda name: right[name].mean())
    difference = clustered_mean(right[model] - right[best], groups[model])
    if difference.standard_error is None:
        raise ValueError(f"{suite}: a single cluster has no interval")
    return Row(
        suite=suite
        + (" (in-distribution)" if suite in IN_DISTRIBUTION else "")
        + (" (partial)" if runs[model].result.partial else ""),
        model=clustered_mean(right[model], groups[model]),
        blind=tuple(float(np.mean(right[name])) for name in BLIND),
        best=best,
        difference=difference,
        detectable=detectable_from_error(difference.standard_error),
    )


def as_table(rows: Sequence[Row]) -> str:
    """The rows in Markdown."""
    header = ["suite", "baseline", *BLIND, "baseline less the best of them", "detectable"]
    body = [
        [
            r.suite,
            _with_interval(r.model),
            *(
                f"**{value:.3f}**" if name == r.best else f"{value:.3f}"
                for name, value in zip(BLIND, r.blind, strict=True)
            ),
            _with_interval(r.difference, sign="+"),
            f"{r.detectable:.3f}",
        ]
        for r in rows
    ]
    return tabulate(body, header, tablefmt="github", disable_numparse=True)


def _with_interval(mean: ClusteredMean, sign: str = "") -> str:
    if mean.interval is None:
        return f"{mean.value:{sign}.3f}"
    return f"{mean.value:{sign}.3f} [{mean.interval.low:{sign}.3f}, {mean.interval.high:{sign}.3f}]"


def keep(runs: Iterable[StoredRun]) -> None:
    """Copy numbers and scores of every run to the reference results; no texts."""
    for run in runs:
        to = REFERENCE / run.path.parent.name / run.path.name
        to.mkdir(parents=True, exist_ok=True)
        for name in ("result.json", "scores.parquet"):
            if (run.path / name).exists():
                shutil.copyfile(run.path / name, to / name)


if __name__ == "__main__":
    main()
