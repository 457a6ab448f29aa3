"""From scores to a result: counts, estimates, the worst mistakes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rmbench.errors import ScorerError, shorten
from rmbench.metrics.base import MeasureContext
from rmbench.metrics.comparisons import LARGEST_REWARD, Comparisons
from rmbench.metrics.measure import measure
from rmbench.result import Counts, Estimate, Mistake
from rmbench.result.models import SkippedReason
from rmbench.runner.suites import suite_metrics
from rmbench.spec import PreferenceSuite
from rmbench.types import (
    Conversation,
    PreferenceExample,
    PreferenceSet,
    ScoredBatch,
    Scorer,
    Scores,
    TiePolicy,
)

MISTAKES_KEPT = 20
"""How many of the worst comparisons are kept with their texts."""


def score_all(scorer: Scorer, asked: Sequence[Conversation]) -> ScoredBatch:
    """A scorer's rewards, if it gave one to each conversation.

    Raises:
        ScorerError: If it returned something else than a ``ScoredBatch``, or one of another
            length. Scorers may be anybody's.
    """
    batch: object = scorer.score(asked)
    if not isinstance(batch, ScoredBatch):
        raise ScorerError(
            f"{scorer.info.name}: its score() returned {type(batch).__name__}, not a ScoredBatch"
        )
    if len(batch.reward) != len(asked):
        raise ScorerError(
            f"{scorer.info.name}: gave {len(batch.reward)} rewards for {len(asked)} responses"
        )
    return batch


@dataclass(frozen=True)
class Finite:
    """Scores without the examples that lack a reward, and the ids of those."""

    scores: Scores
    failed: tuple[str, ...]


def drop_failed(scores: Scores, scorer_name: str, *, allow_partial: bool) -> Finite:
    """Set examples with a missing or non-finite reward apart.

    Raises:
        ScorerError: If there are any and ``allow_partial`` is false, or if none is left.
    """
    bad = ~(np.abs(scores.reward) < LARGEST_REWARD)
    failed = tuple(dict.fromkeys(scores.example_id[bad].tolist()))
    if not failed:
        return Finite(scores, ())
    total = len(np.unique(scores.example_id))
    n_nan = int(np.isnan(scores.reward).sum())
    n_infinite = int(bad.sum()) - n_nan
    kinds = [f"{n_nan} NaN or missing"] if n_nan else []
    kinds += [f"{n_infinite} infinite"] if n_infinite else []
    what = (
        f"{scorer_name}: no finite reward for {len(failed)} of {total} examples "
        f"({shorten([repr(key) for key in failed], 3)}); of {len(scores)} rewards "
        f"{' and '.join(kinds)}"
    )
    if not allow_partial:
        raise ScorerError(f"{what}: pass --allow-partial to measure the others")
    if len(failed) == total:
        raise ScorerError(f"{what}: nothing is left to measure")
    return Finite(scores.where(~np.isin(scores.example_id, failed)), failed)


def estimate_all(
    suite: PreferenceSuite,
    scores: Scores,
    *,
    ties: TiePolicy,
    margins_are_logits: bool,
    seed: int,
    with_headline: bool,
) -> tuple[Estimate, ...]:
    """The suite's metrics, the headline ``score`` first where it may be given."""
    context = MeasureContext(
        ties=ties,
        margins_are_logits=margins_are_logits,
        sections=suite.pools,
        score_tree=suite.score_tree,
        seed=seed,
    )
    estimates = measure(suite_metrics(suite), scores, context)
    if with_headline and suite.headline is not None:
        own = next(e for e in estimates if e.metric == suite.headline and e.subset is None)
        estimates.insert(0, own.model_copy(update={"metric": "score"}))
    return tuple(estimates)


def count(
    scores: Scores, data: PreferenceSet | None, failed: int, unique_responses: int | None = None
) -> Counts:
    """Count examples, responses, ties, truncated and skipped rows.

    ``scores`` are those that were measured; ``failed`` examples stand beside them.
    """
    comparisons = Comparisons.from_scores(scores)
    return Counts(
        examples=len(np.unique(scores.example_id)),
        responses=len(scores),
        unique_responses=len(scores) if unique_responses is None else unique_responses,
        ties=int(np.count_nonzero(comparisons.margin == 0)),
        truncated=len(np.unique(scores.example_id[scores.truncated])),
        failed=failed,
        skipped=len(data.skipped) if data is not None else 0,
    )


def count_unique_responses(examples: Sequence[PreferenceExample]) -> int:
    """Distinct (prompt, response) texts."""
    return len({(e.prompt, r) for e in examples for r in e.responses})


def skipped_reasons(data: PreferenceSet) -> tuple[SkippedReason, ...]:
    """The skipped rows by reason, most frequent first, each with its first place."""
    counts = Counter(s.reason for s in data.skipped)
    first = {s.reason: f"{s.file}, row {s.row}" for s in reversed(data.skipped)}
    return tuple(
        SkippedReason(reason=reason, rows=n, first=first[reason])
        for reason, n in counts.most_common()
    )


def worst_mistakes(
    data: Sequence[PreferenceExample], scores: Scores, keep: int = MISTAKES_KEPT
) -> tuple[Mistake, ...]:
    """The examples whose worst comparison has the most negative margin, with texts.

    One comparison an example: its lowest chosen against its highest rejected answer.
    Human ties (preference 0.5) have no right answer and are left out.
    """
    if len(scores) == 0:
        return ()
    by_id = {e.id: e for e in data}
    starts = np.flatnonzero(scores.response_index == 0)
    stops = np.append(starts[1:], len(scores))
    found: list[tuple[float, str, int, int]] = []
    for start, stop in zip(starts, stops, strict=True):
        if scores.preference[start] <= 0.5:
            continue
        reward = scores.reward[start:stop]
        chosen = scores.is_chosen[start:stop]
        lowest = int(np.argmin(np.where(chosen, reward, np.inf)))
        highest = int(np.argmax(np.where(chosen, -np.inf, reward)))
        margin = float(reward[lowest] - reward[highest])
        if margin < 0:
            found.append(
                (margin, str(scores.example_id[start]), int(start + lowest), int(start + highest))
            )
    found.sort()
    return tuple(
        _mistake(by_id[key], scores, margin, chosen, rejected)
        for margin, key, chosen, rejected in found[:keep]
    )


def _mistake(
    example: PreferenceExample, scores: Scores, margin: float, chosen: int, rejected: int
) -> Mistake:
    return Mistake(
        example_id=example.id,
        subset=example.subset,
        prompt=tuple({"role": m.role, "content": m.content} for m in example.prompt),
        chosen=example.responses[int(scores.response_index[chosen])],
        rejected=example.responses[int(scores.response_index[rejected])],
        reward_chosen=float(scores.reward[chosen]),
        reward_rejected=float(scores.reward[rejected]),
        margin=margin,
    )
