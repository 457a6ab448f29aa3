"""Results on disk made of given rewards, for what reads results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmbench import plugins
from rmbench.metrics.base import MeasureContext
from rmbench.metrics.measure import measure
from rmbench.result import (
    Counts,
    DataProvenance,
    Provenance,
    Result,
    ScorerInfo,
    StoredRun,
    SuiteRef,
    write_run,
)
from rmbench.result.models import Environment
from rmbench.types import Scores

METRICS = ("accuracy", "macro_accuracy", "tie_rate", "nll", "brier", "ece", "reward_mean")


def pair_scores(
    margin: NDArray[np.float64],
    *,
    ids: Sequence[str] | None = None,
    group: Sequence[str] | None = None,
    subset: Sequence[str] | None = None,
    preference: NDArray[np.float64] | None = None,
    n_chars: int = 10,
) -> Scores:
    """One chosen and one rejected answer an example, the rejected one with reward 0."""
    n = len(margin)
    reward = np.zeros(2 * n)
    reward[::2] = margin

    def twice(values: Any) -> Any:
        return np.repeat(np.asarray(values), 2)

    return Scores(
        example_id=twice([f"i{k:06d}" for k in range(n)] if ids is None else ids),
        subset=twice(["all"] * n if subset is None else subset),
        group=twice([""] * n if group is None else group),
        preference=twice(np.ones(n) if preference is None else preference),
        response_index=np.tile(np.array([0, 1]), n),
        is_chosen=np.tile(np.array([True, False]), n),
        reward=reward,
        n_tokens=np.zeros(2 * n, np.int64),
        n_chars=np.full(2 * n, n_chars, np.int64),
        truncated=np.zeros(2 * n, np.bool_),
    )


def store(
    out: Path,
    name: str,
    scores: Scores,
    *,
    metrics: Sequence[str] = METRICS,
    ties: str = "half",
    logits: bool = True,
    fingerprint: str | None = None,
    modified: tuple[str, ...] = (),
    suite: SuiteRef | None = None,
    context: MeasureContext | None = None,
) -> StoredRun:
    """Measure scores and write the result below ``out``."""
    ref = suite or SuiteRef(name="made", version="1", digest="d" * 64, headline="accuracy")
    how = context or MeasureContext(
        ties="wrong" if ties == "wrong" else "half",
        margins_are_logits=logits,
        sections=ref.sections,
        score_tree=ref.score_tree,
    )
    estimates = measure([plugins.load(plugins.METRICS, m) for m in metrics], scores, how)
    if ref.headline in metrics and not modified:
        own = next(e for e in estimates if e.metric == ref.headline and e.subset is None)
        estimates.insert(0, own.model_copy(update={"metric": "score"}))
    n = len(np.unique(scores.example_id))
    data = DataProvenance(
        name="made", source="", revision=None, fingerprint=fingerprint or "f" * 64, layout="pairs"
    )
    result = Result(
        suite=ref,
        scorer=ScorerInfo(spec=f"made:{name}", kind="made", name=name, margins_are_logits=logits),
        counts=Counts(
            examples=n, responses=len(scores), unique_responses=n, ties=0, truncated=0, failed=0
        ),
        estimates=tuple(estimates),
        modified=modified,
        provenance=Provenance(
            rmbench_version="0",
            created_at="2026-01-01T00:00:00+00:00",
            duration_s=1.0,
            seed=0,
            policy={"ties": ties, "cluster": "prompt"},
            data=data,
            environment=Environment(python="3", platform="p", cpu="c", threads=1),
        ),
    )
    return write_run(out, result, scores)


def right_and_wrong(both: int, only_first: int, only_second: int, neither: int) -> Any:
    """Margins of two scorers whose right and wrong answers fall into that table."""
    first = np.repeat([1.0, 1.0, -1.0, -1.0], [both, only_first, only_second, neither])
    second = np.repeat([1.0, -1.0, 1.0, -1.0], [both, only_first, only_second, neither])
    return first, second
