"""Stored results of many models on many suites, and making their leaderboard in a process apart.

``python boards.py DIR PAGE EXAMPLES`` prints one JSON object: seconds, bytes and peak memory.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

from rmbench.report.leaderboard import Request, make_board
from rmbench.result import (
    Counts,
    DataProvenance,
    Environment,
    Estimate,
    Mistake,
    Provenance,
    Result,
    ScorerInfo,
    SuiteRef,
    find_runs,
    write_run,
)
from rmbench.types import Scores

SUBSETS = 10
OTHER_METRICS = 40
PAIRS_PER_PROMPT = 2


def write_results(
    out: Path, n_models: int, n_suites: int, n_pairs: int, mistakes_each: int = 1
) -> None:
    """Results of models of different strength on suites of different difficulty."""
    for suite in range(n_suites):
        rng = np.random.default_rng(suite)
        hard = rng.normal(size=n_pairs)
        ids = np.char.add("pair-", np.arange(n_pairs).astype(np.str_)).repeat(2)
        prompts = np.char.add("p-", (np.arange(n_pairs) // PAIRS_PER_PROMPT).astype(np.str_))
        subsets = np.char.add("subset-", (np.arange(n_pairs) % SUBSETS).astype(np.str_))
        first = np.tile(np.array([True, False]), n_pairs)
        for model in range(n_models):
            margin = 1.2 - 0.004 * model + 0.02 * (suite % 5) - hard + rng.normal(size=n_pairs)
            scores = Scores(
                example_id=ids, subset=subsets.repeat(2), group=prompts.repeat(2),
                preference=np.ones(2 * n_pairs), response_index=(~first).astype(np.int64),
                is_chosen=first, reward=np.stack([margin, 0 * margin], axis=1).ravel(),
                n_tokens=np.full(2 * n_pairs, 100), n_chars=np.full(2 * n_pairs, 400),
                truncated=np.zeros(2 * n_pairs, dtype=np.bool_),
            )  # fmt: skip
            mistakes = [_mistake(model, suite, k) for k in range(mistakes_each)]
            write_run(out, _result(model, suite, margin > 0), scores, mistakes)


def _result(model: int, suite: int, right: np.ndarray) -> Result:
    def estimate(metric: str, value: float, n: int, subset: str | None = None) -> Estimate:
        return Estimate(
            metric=metric, subset=subset, value=value, ci_low=max(0.0, value - 0.02),
            ci_high=min(1.0, value + 0.02), ci_method="clustered t", n=n, unit="fraction",
        )  # fmt: skip

    n = len(right)
    parts = [
        estimate("accuracy", float(right[k::SUBSETS].mean()), n // SUBSETS, f"subset-{k}")
        for k in range(SUBSETS)
    ]
    others = [estimate(f"metric_{k}", 0.5, n) for k in range(OTHER_METRICS)]
    return Result(
        suite=SuiteRef(
            name=f"suite-{suite:02d}", version="1", digest=f"{suite:064x}",
            title=f"Suite number {suite}", headline="accuracy",
        ),
        scorer=ScorerInfo(
            spec=f"organisation/reward-model-{model:03d}", kind="hf",
            name=f"organisation/reward-model-{model:03d}", margins_are_logits=True,
        ),
        counts=Counts(
            examples=n, responses=2 * n, unique_responses=2 * n, ties=0, truncated=0, failed=0
        ),
        estimates=(estimate("accuracy", float(right.mean()), n), *parts, *others),
        provenance=Provenance(
            rmbench_version="0.1.0", created_at="2031-02-03T04:05:06+00:00", duration_s=1.0,
            seed=0, policy={"ties": "half"},
            data=DataProvenance(
                name=f"suite-{suite}", source="here", revision=None, fingerprint=f"{suite:064x}",
                layout="normalised",
            ),
            environment=Environment(python="3.11", platform="Linux", cpu="CPU", threads=2),
        ),
    )  # fmt: skip


def _mistake(model: int, suite: int, k: int) -> Mistake:
    words = "a sentence of an answer that goes on for a while. " * 12
    return Mistake(
        example_id=f"pair-{(model * 7 + suite + k) % 997}", subset="subset-0",
        prompt=({"role": "user", "content": f"Question {suite}: {words}"},),
        chosen=f"Right {model} {k}. {words}", rejected=f"Wrong {model} {k}. {words}",
        reward_chosen=-1.0 - k, reward_rejected=1.0, margin=-2.0 - k,
    )  # fmt: skip


def make_apart(results: Path, page: Path, examples: int) -> dict[str, float]:
    """Make the page in a fresh process, whose peak memory is that of nothing else."""
    command = [sys.executable, str(Path(__file__)), str(results), str(page), str(examples)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Read results, rank them, write the page."""
    results, page, examples = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    start = perf_counter()
    runs = find_runs([results])
    read = perf_counter()
    board = make_board(Request(runs, results, None, examples), [page])
    done = perf_counter()
    print(  # noqa: T201 - its output is its answer
        json.dumps(
            {
                "seconds": done - start,
                "reading_results_s": read - start,
                "page_bytes": page.stat().st_size,
                "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                "cells": len(board.cells),
                "ranked": sum(c.rank is not None for c in board.cells),
            }
        )
    )


if __name__ == "__main__":
    main()
