"""The items of a suite that no scorer gets right, from the rewards of several results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from rmbench.compare.align import align
from rmbench.errors import NotComparableError, ResultError
from rmbench.metrics.accuracy import example_accuracy
from rmbench.metrics.arrays import FloatArray
from rmbench.metrics.comparisons import LARGEST_REWARD, Comparisons
from rmbench.metrics.consensus import Rule, agreements, example_margin, in_own_units
from rmbench.report.overview import Entry, SuiteView, arrange
from rmbench.report.robustness import is_robustness
from rmbench.result import Mistake, Result, StoredRun, SuiteRef, scorer_slug
from rmbench.result.consensus import Consensus, ConsensusPart, UncountedScorer, UnsolvedItem
from rmbench.types import Scores

FEWEST_SCORERS = 2
"""What a single scorer gets wrong are its mistakes and no agreement."""


def find_consensus(runs: Sequence[StoredRun]) -> tuple[Consensus, ...]:
    """One record for each suite that two scorers or more were measured on.

    Content-blind baselines do not count, of the checkpoints of one training run only the last
    does, and of one scorer's results on a suite the first; those left out are named. Suites of
    speed, of rewritten texts and without right answers have no record. Where results cannot be
    joined, the record says why.

    Args:
        runs: The results of a report.
    """
    overview = arrange([run.result for run in runs])
    views = [s for s in overview.suites if _has_answers(s)]
    found = [_of_suite(view, views, runs) for view in views]
    return tuple(c for c in found if c is not None)


def join_runs(
    runs: Sequence[StoredRun], names: Sequence[str], left_out: Sequence[UncountedScorer] = ()
) -> Consensus | None:
    """Join the rewards of several results on the items' ids and see what all agree on.

    Every result counts, whoever gave it. Items that one of them lacks, or has no finite reward
    for, are left out and counted.

    Args:
        runs: At least two results of one suite.
        names: What to call their scorers.
        left_out: Whom the record is to name as not counted.

    Returns:
        ``None`` where no shared item has a right answer.

    Raises:
        NotComparableError: If there are fewer than two results, their suites differ, no item
            is shared, or labels, votes, subsets or texts of a shared item differ.
        ResultError: If scores cannot be read.
    """
    if len(runs) < FEWEST_SCORERS:
        raise NotComparableError(f"needs the results of two scorers or more, got {len(runs)}")
    results = [run.result for run in runs]
    for name, result in zip(names[1:], results[1:], strict=True):
        _check_suite(results[0].suite, result.suite, (names[0], name))
    scores = [_finite(run, name) for run, name in zip(runs, names, strict=True)]
    aligned = align(scores[0], scores[1:], names, allow_partial=True)
    covered = aligned.coverage
    n_total = covered.shared + covered.only_baseline + covered.only_candidate
    notes = _check_texts(results, names, same_items=covered.shared == n_total)
    rule = _rule(results)
    decided = [Comparisons.from_scores(s).decided for s in (aligned.baseline, *aligned.candidates)]
    first = decided[0]
    if first.n_examples == 0:
        return None
    margin = np.stack([example_margin(c, rule) for c in decided])
    return Consensus(
        suite=results[0].suite,
        scorers=tuple(names),
        left_out=tuple(left_out),
        right=rule,
        items_shared=covered.shared,
        items_total=n_total,
        without_answer=covered.shared - first.n_examples,
        several_answers=bool((first.comparisons_per_example > 1).any()),
        parts=tuple(
            ConsensusPart.model_validate(asdict(part))
            for part in agreements(margin > 0, first.subset)
        ),
        unsolved=_unsolved(decided, margin, runs),
        notes=notes,
    )


@dataclass(frozen=True)
class _Counted:
    """Whose results on a suite count, and whose do not."""

    entries: tuple[Entry, ...]
    left_out: tuple[UncountedScorer, ...]

    @classmethod
    def of(cls, suite: SuiteView) -> _Counted:
        """Entries stand in the report's order, in which a run's checkpoints go by step."""
        last: dict[str, Entry] = {}
        for entry in suite.entries:
            at = entry.scorer.info.checkpoint
            if at is not None:
                last[at.run] = entry
        kept: list[Entry] = []
        left_out: list[UncountedScorer] = []
        for entry in suite.entries:
            info = entry.scorer.info
            reason = None
            if info.content_blind:
                reason = "content-blind"
            elif info.checkpoint is not None and last[info.checkpoint.run] is not entry:
                reason = "an earlier checkpoint of a run that counts"
            elif scorer_slug(info) in {scorer_slug(other.scorer.info) for other in kept}:
                reason = "measured before"
            if reason is None:
                kept.append(entry)
            else:
                left_out.append(UncountedScorer(name=entry.scorer.name, reason=reason))
        return cls(tuple(kept), tuple(left_out))


def _has_answers(suite: SuiteView) -> bool:
    return not suite.is_throughput and not any(is_robustness(e.result) for e in suite.entries)


def _of_suite(
    suite: SuiteView, views: Sequence[SuiteView], runs: Sequence[StoredRun]
) -> Consensus | None:
    counted = _Counted.of(suite)
    names = tuple(e.scorer.name for e in counted.entries)

    def not_counted(reason: str) -> Consensus:
        return Consensus(suite=suite.ref, scorers=names, left_out=counted.left_out, reason=reason)

    if len(names) < FEWEST_SCORERS:
        others = [v for v in views if v.ref.name == suite.ref.name and v is not suite]
        if not names or not any(_Counted.of(v).entries for v in others):
            return None
        return not_counted(
            f"the others were measured on {', '.join(_version(v.ref) for v in others)}, not on "
            f"{_version(suite.ref)}: run all with one"
        )
    try:
        return join_runs([runs[e.position] for e in counted.entries], names, counted.left_out)
    except (NotComparableError, ResultError) as error:
        return not_counted(str(error))


def _check_suite(first: SuiteRef, other: SuiteRef, names: tuple[str, str]) -> None:
    if (first.name, first.digest) != (other.name, other.digest):
        raise NotComparableError(
            f"the suites differ: {names[0]} was measured on {first.name}, {_version(first)}, "
            f"{names[1]} on {other.name}, {_version(other)}: run both with one"
        )


def _version(suite: SuiteRef) -> str:
    return f"version {suite.version} (digest {suite.digest[:12]})"


def _check_texts(
    results: Sequence[Result], names: Sequence[str], *, same_items: bool
) -> tuple[str, ...]:
    """Refuse the same items of other texts; a note where the items differ as well."""
    known = [
        (name, r.provenance.data.fingerprint)
        for name, r in zip(names, results, strict=True)
        if r.provenance.data is not None
    ]
    unlike = [(name, found) for name, found in known if found != known[0][1]]
    if not unlike:
        return ()
    if same_items:
        raise NotComparableError(
            f"the data differ: {known[0][0]} was measured on fingerprint {known[0][1][:12]}, "
            f"{unlike[0][0]} on {unlike[0][1][:12]} (same ids, other texts)"
        )
    return (
        "the data's fingerprints differ; of the shared items ids, labels and lengths agree, "
        "the texts could not be checked",
    )


def _finite(run: StoredRun, name: str) -> Scores:
    """The rewards of the examples that have no reward but finite ones."""
    scores = run.scores()
    if scores is None:
        raise NotComparableError(f"{name}: {run.path} holds no rewards")
    bad = ~(np.abs(scores.reward) < LARGEST_REWARD)
    if not bad.any():
        return scores
    return scores.where(~np.isin(scores.example_id, np.unique(scores.example_id[bad])))


def _rule(results: Sequence[Result]) -> Rule:
    """What being right is on a suite: the notion behind the number it is known by."""
    headline = next((r.suite.headline for r in results if r.suite.headline), "")
    return "best" if "best_of_n" in headline else "every"


def _unsolved(
    decided: Sequence[Comparisons], margin: FloatArray, runs: Sequence[StoredRun]
) -> tuple[UnsolvedItem, ...]:
    """The items without a positive margin, by mean margin, then by id."""
    first, scaled = decided[0], in_own_units(margin)
    at = np.flatnonzero((margin <= 0).all(axis=0))
    if len(at) == 0:
        return ()
    mean, most = scaled[:, at].mean(axis=0), scaled[:, at].max(axis=0)
    won = np.mean([example_accuracy(c, "wrong")[at] for c in decided], axis=0)
    texts = _texts(runs)
    order = np.lexsort((first.id[at], mean))
    items = []
    for k in order.tolist():
        i = int(at[k])
        text = texts.get(str(first.id[i]))
        items.append(
            UnsolvedItem(
                example_id=str(first.id[i]),
                subset=str(first.subset[i]),
                margin_mean=float(mean[k]),
                margin_max=float(most[k]),
                won=float(won[k]),
                prompt=None if text is None else text.prompt,
                chosen=None if text is None else text.chosen,
                rejected=None if text is None else text.rejected,
            )
        )
    return tuple(items)


def _texts(runs: Sequence[StoredRun]) -> dict[str, Mistake]:
    """What the results kept of the texts of their worst mistakes, by example."""
    known: dict[str, Mistake] = {}
    for run in runs:
        for mistake in run.mistakes():
            known.setdefault(mistake.example_id, mistake)
    return known
