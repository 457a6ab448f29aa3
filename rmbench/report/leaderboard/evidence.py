"""What ranks rest on: each model's headline number item by item, on the same items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rmbench import plugins
from rmbench.errors import RmbenchError
from rmbench.metrics.arrays import FloatArray, IntArray
from rmbench.metrics.base import MeasureContext, Undefined
from rmbench.metrics.comparison_metric import ComparisonMetric
from rmbench.metrics.comparisons import LARGEST_REWARD, Comparisons
from rmbench.metrics.intervals import cluster_sums, count_clusters
from rmbench.report.leaderboard.columns import Column, Member
from rmbench.result import Result
from rmbench.result.store import KnownTexts
from rmbench.types import Scores, TiePolicy

Observer = Callable[[Column, Member, Comparisons, MeasureContext], None]
"""Told of the comparisons of every preference result while they are at hand."""

_ITEMS = (
    "example_id", "subset", "group", "preference", "response_index", "is_chosen", "n_chars",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Evidence:
    """A column's models on the items that they share.

    Attributes:
        models: Keys of those that can be compared, content-blind baselines among them.
        values: float64, shape (n_models,); as computed here, in the metric's own direction.
        sums: float64, shape (n_clusters, n_models); influences by cluster.
        outcome: float64, shape (n_examples, n_models); what each example counts for each model.
        n_examples: Examples that the metric rests on.
        higher_is_better: The metric's direction.
    """

    models: tuple[str, ...]
    values: FloatArray
    sums: FloatArray
    outcome: FloatArray
    n_examples: int
    higher_is_better: bool


@dataclass(frozen=True)
class Excluded:
    """A complete result that cannot be compared with the others of its column."""

    member: Member
    reason: str


@dataclass(frozen=True, eq=False)
class _One:
    value: float
    sums: FloatArray
    outcome: FloatArray
    n: int


def metric_named(name: str) -> ComparisonMetric | None:
    """The metric, if it is known here and can say what each example contributes."""
    try:
        found = plugins.load(plugins.METRICS, name)
    except RmbenchError:
        return None
    return found if isinstance(found, ComparisonMetric) else None


def context_of(result: Result) -> MeasureContext:
    """How a result's metrics were computed."""
    p = result.provenance
    ties: TiePolicy = "wrong" if p.policy.get("ties") == "wrong" else "half"
    return MeasureContext(
        ties=ties,
        margins_are_logits=result.scorer.margins_are_logits,
        sections=result.suite.sections,
        score_tree=result.suite.score_tree,
        seed=p.seed,
    )


def with_all_rewards(scores: Scores) -> Scores:
    """The examples none of whose rewards is missing or infinite."""
    bad = ~(np.abs(scores.reward) < LARGEST_REWARD)
    if not bad.any():
        return scores
    return scores.where(~np.isin(scores.example_id, np.unique(scores.example_id[bad])))


def gather(
    column: Column, observe: Observer | None = None
) -> tuple[Evidence | str, list[Excluded]]:
    """Read a column's rewards.

    Args:
        column: Whose.
        observe: Is told of every result's comparisons, partial ones included.

    Returns:
        The evidence, or why there is none, and the complete results that are not in it.

    Raises:
        ResultError: If scores cannot be read.
    """
    metric = metric_named(column.metric)
    reader = _Reader()
    found: dict[str, _One] = {}
    excluded: list[Excluded] = []
    # Results of before suites recorded their sections are measured with those of newer ones.
    context = context_of(column.members[0].run.result)
    for member in column.members:
        own = context_of(member.run.result)
        own = replace(own, sections=context.sections, score_tree=context.score_tree)
        comparisons = reader.read(member)
        if comparisons is None:
            if member.complete:
                excluded.append(Excluded(member, "its rewards were not kept"))
            continue
        if observe is not None:
            observe(column, member, comparisons, own)
        if metric is None or not member.complete:
            continue
        if not reader.same_items(comparisons):
            excluded.append(Excluded(member, "its items are not those of the others"))
            continue
        one = _measure(metric, comparisons, own)
        if isinstance(one, str):
            excluded.append(Excluded(member, one))
        else:
            found[member.model] = one
    return _together(column, metric, found), excluded


def _measure(
    metric: ComparisonMetric, comparisons: Comparisons, context: MeasureContext
) -> _One | str:
    measured = metric.measured(comparisons, context)
    if isinstance(measured, Undefined):
        return measured.reason
    if measured.linear is None:
        return f"{metric.name} does not say what each example contributes"
    used = metric.used(comparisons)
    group = used.group if measured.group is None else measured.group
    kept = measured.linear.used
    if count_clusters(group[kept]) < 2:
        return "a rank needs at least two clusters of items"
    if measured.per_example is not None:
        outcome = measured.per_example
    else:
        won = used.margin > 0
        half = 0.5 * (used.margin == 0) if context.ties == "half" else 0.0
        outcome = used.example_mean(won + half)
    return _One(
        value=measured.value,
        sums=cluster_sums(measured.linear.influence[kept], group[kept]),
        outcome=outcome,
        n=measured.n,
    )


def _together(
    column: Column, metric: ComparisonMetric | None, found: dict[str, _One]
) -> Evidence | str:
    if metric is None:
        return f"the metric {column.metric} of this suite is not installed or cannot be ranked by"
    if metric.higher_is_better is None:
        return f"neither direction of {column.metric} is better"
    if not any(m.complete for m in column.members):
        return "all results are partial"
    if not found:
        return "no result can be compared"
    ones = list(found.values())
    return Evidence(
        models=tuple(found),
        values=np.array([one.value for one in ones]),
        sums=np.stack([one.sums for one in ones], axis=1),
        outcome=np.stack([one.outcome for one in ones], axis=1),
        n_examples=ones[0].n,
        higher_is_better=metric.higher_is_better,
    )


class _Reader:
    """Reads results of one column: what they share is worked out once."""

    def __init__(self) -> None:
        self._template: tuple[Scores, Comparisons, IntArray, IntArray] | None = None
        self._first_ids: NDArray[np.str_] | None = None
        self._known: KnownTexts = {}

    def read(self, member: Member) -> Comparisons | None:
        """The comparisons of a result; ``None`` where it has no rewards, or no finite ones."""
        scores = member.run.scores(self._known)
        if scores is None:
            return None
        scores = with_all_rewards(scores)
        if len(scores) == 0:
            return None
        found = self._from_template(scores)
        if found is None:
            found = Comparisons.from_scores(scores)
            if member.complete and self._template is None:
                rows = replace(scores, reward=np.arange(len(scores), dtype=np.float64))
                places = Comparisons.from_scores(rows)
                self._template = (
                    scores,
                    found,
                    places.reward_chosen.astype(np.int64),
                    places.reward_rejected.astype(np.int64),
                )
                self._first_ids = found.id
        return found

    def same_items(self, comparisons: Comparisons) -> bool:
        """Whether these are the examples of the first complete result, in its order."""
        first = self._first_ids
        return first is None or (
            len(first) == len(comparisons.id) and bool((first == comparisons.id).all())
        )

    def _from_template(self, scores: Scores) -> Comparisons | None:
        if self._template is None:
            return None
        first, comparisons, chosen, rejected = self._template
        if len(first) != len(scores) or scores.truncated.any() != first.truncated.any():
            return None
        if scores.truncated.any() and (scores.truncated != first.truncated).any():
            return None
        for name in _ITEMS:
            own, other = getattr(first, name), getattr(scores, name)
            if own is not other and (own != other).any():
                return None
        return replace(
            comparisons,
            reward_chosen=scores.reward[chosen],
            reward_rejected=scores.reward[rejected],
        )
