"""Every metric of two results on every part of their suite, as paired differences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from rmbench import plugins
from rmbench.compare.difference import Difference, paired_difference
from rmbench.compare.verdicts import allowed_loss, verdict
from rmbench.metrics.base import MeasureContext, Metric, Undefined
from rmbench.metrics.comparison_metric import ComparisonMetric
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.measure import Part, is_reported, parts_of
from rmbench.metrics.paired import EXACT_CLUSTERS, benjamini_hochberg, sign_flip_tests
from rmbench.metrics.views import Measured
from rmbench.result import Estimate, PairedEstimate, Result, SuiteRef
from rmbench.types import TiePolicy

SIGN_SEED = 0
"""Of the random signs: the same two results give the same p-values."""

_FEW = 512
"""Examples that tell whether a metric gives influences; where not, the stored value will do."""

_TWIN = "score"
_OLDER = "written by an older rmbench, which did not keep the suite's sections: run again"
_CALIBRATION = ("ece", "ece_equal_width", "scaled_ece", "temperature")
_NO_DIRECTION = "neither direction of it is better"


@runtime_checkable
class _Paired(Metric, Protocol):
    """A metric that gives the influences a paired comparison needs."""

    def used(self, comparisons: Comparisons) -> Comparisons: ...

    def measured(
        self, comparisons: Comparisons, context: MeasureContext, *, subset: str | None = None
    ) -> Measured | Undefined: ...


@dataclass
class _Draft:
    """An estimate on its way: what is known before all tests are done together."""

    name: str
    subset: str | None
    unit: str
    higher_is_better: bool | None
    difference: Difference | None
    fields: dict[str, Any]


def paired_estimates(
    wholes: Sequence[Comparisons],
    results: Sequence[Result],
    suite: SuiteRef,
    *,
    complete: bool = True,
) -> tuple[PairedEstimate, ...]:
    """All metrics that either result holds, the whole suite first, then part by part.

    ``score`` is left out: it is the headline's metric under another name.

    Args:
        wholes: The comparisons of the items they share, in one order: the baseline's, then
            the candidate's or those of its seeds.
        results: Their results, in that order.
        suite: The suite with its sections, as far as they are known.
        complete: Whether these are all of their items.
    """
    names = dict.fromkeys(e.metric for r in results for e in r.estimates if e.metric != _TWIN)
    sides = _Sides.of(wholes, results, suite, complete=complete)
    drafts: dict[tuple[int, int], _Draft] = {}
    metrics = [_load(name) for name in names]
    few = sides.wholes[0].where(np.arange(sides.wholes[0].n_examples) < _FEW)
    stored = {m.name for m in metrics if m and _has_no_influences(m, few, sides.contexts[0])}
    for p, part in enumerate(zip(*sides.parts, strict=True)):
        for m, metric in enumerate(metrics):
            if metric is not None and is_reported(metric, part[0].name, sides.contexts[0]):
                drafts[m, p] = _draft(metric, part, sides, as_stored=metric.name in stored)
    ordered = [drafts[key] for key in sorted(drafts)]
    known = {(d.name, d.subset) for d in ordered}
    ordered += [d for d in _only_stored(sides) if (d.name, d.subset) not in known]
    _test(ordered)
    _adjust(ordered)
    position = {name: i for i, name in enumerate(names)}
    ordered.sort(key=lambda d: position[d.name])  # stable: parts keep their order
    return tuple(_finished(draft) for draft in ordered)


@dataclass(frozen=True)
class _Sides:
    """The baseline and its candidates, the baseline first in every tuple."""

    results: tuple[Result, ...]
    contexts: tuple[MeasureContext, ...]
    wholes: tuple[Comparisons, ...]
    parts: tuple[list[Part], ...]
    complete: bool

    @classmethod
    def of(
        cls,
        wholes: Sequence[Comparisons],
        results: Sequence[Result],
        suite: SuiteRef,
        *,
        complete: bool,
    ) -> _Sides:
        contexts = tuple(
            MeasureContext(
                ties=tie_policy(results[0]),
                margins_are_logits=r.scorer.margins_are_logits,
                sections=suite.sections,
                score_tree=suite.score_tree,
                seed=results[0].provenance.seed,
            )
            for r in results
        )
        parts = tuple(parts_of(whole, suite.sections) for whole in wholes)
        return cls(tuple(results), contexts, tuple(wholes), parts, complete)

    def stored(self, metric: str, subset: str | None) -> list[Estimate | None]:
        """What each result says; nothing where that is of other items than are compared."""
        if not self.complete:
            return [None] * len(self.results)
        return [r.estimate(metric, subset) for r in self.results]


def tie_policy(result: Result) -> TiePolicy:
    """What equal rewards count in a result."""
    return "wrong" if result.provenance.policy.get("ties") == "wrong" else "half"


def _load(name: str) -> Metric | None:
    """The metric of a name; ``None`` where its package is not installed."""
    if name not in plugins.names(plugins.METRICS):
        return None
    metric: Metric = plugins.load(plugins.METRICS, name)
    return metric


def _has_no_influences(metric: Metric, few: Comparisons, context: MeasureContext) -> bool:
    """Whether a metric certainly gives none; that does not depend on the data."""
    if not isinstance(metric, ComparisonMetric):
        return False
    found = metric.measured(few, context)
    return isinstance(found, Measured) and found.linear is None


def _draft(metric: Metric, part: Sequence[Part], sides: _Sides, *, as_stored: bool) -> _Draft:
    name = part[0].name
    draft = _Draft(metric.name, name, metric.unit, metric.higher_is_better, None, {})
    if as_stored and all(e and e.value is not None for e in sides.stored(metric.name, name)):
        return _without_test(draft, sides, _no_test(metric.name))
    if not isinstance(metric, _Paired):
        return _without_test(draft, sides, "no paired test: the metric gives no influences")
    # What compares subsets with each other is given the whole suite for each of them.
    own = isinstance(metric, ComparisonMetric)
    given = [p.comparisons for p in part] if own else sides.wholes
    found = [
        metric.measured(comparisons, context, subset=name)
        for comparisons, context in zip(given, sides.contexts, strict=True)
    ]
    measured = [f for f in found if isinstance(f, Measured)]
    if len(measured) < len(found):
        return _undefined(draft, found, sides)
    difference = paired_difference(
        measured[0],
        measured[1:],
        metric.used(given[0]).group,
        higher_is_better=metric.higher_is_better,
        bounds=metric.range,
    )
    if difference is None:
        draft.fields = _values(measured)
        return replace(draft, fields=draft.fields | {"reason": _no_test(metric.name)})
    if len(measured) == 2 and measured[1].interval is not None:
        own_interval = measured[1].interval.clipped(*metric.range)
        difference.fields["candidate_ci_low"] = own_interval.low
        difference.fields["candidate_ci_high"] = own_interval.high
    return replace(draft, difference=difference)


def _values(measured: Sequence[Measured]) -> dict[str, Any]:
    candidate = float(np.mean([m.value for m in measured[1:]]))
    return {
        "baseline": measured[0].value,
        "candidate": candidate,
        "difference": candidate - measured[0].value,
        "n": measured[0].n,
    }


def _no_test(name: str) -> str:
    return "no paired test: compare nll or brier" if name in _CALIBRATION else "no paired test"


def _undefined(draft: _Draft, found: Sequence[Measured | Undefined], sides: _Sides) -> _Draft:
    """Where a side has no value: whose, and why."""
    stored = sides.stored(draft.name, draft.subset)
    if any(
        isinstance(f, Undefined) and e is not None and e.value is not None
        for f, e in zip(found, stored, strict=True)
    ):
        # It had one when it was measured, so what is missing is in the file.
        return _without_test(draft, sides, _OLDER)
    reasons = [f.reason if isinstance(f, Undefined) else None for f in found]
    if reasons[0] is not None and set(reasons) == {reasons[0]}:
        reason = reasons[0]
    else:
        words = ["baseline", *(["candidate"] * (len(found) - 1))]
        said = dict.fromkeys(
            f"{word}: {why}" for word, why in zip(words, reasons, strict=True) if why
        )
        reason = "; ".join(said)
    values = [f.value if isinstance(f, Measured) else None for f in found]
    others = [v for v in values[1:] if v is not None]
    draft.fields = {
        "baseline": values[0],
        "candidate": float(np.mean(others)) if len(others) == len(found) - 1 else None,
        "difference": None,
        "n": max((f.n for f in found if isinstance(f, Measured)), default=0),
        "reason": reason,
    }
    return draft


def _without_test(draft: _Draft, sides: _Sides, reason: str) -> _Draft:
    """The values that the results hold, side by side."""
    stored = sides.stored(draft.name, draft.subset)
    values = [e.value if e is not None else None for e in stored]
    others = [v for v in values[1:] if v is not None]
    candidate = float(np.mean(others)) if others and len(others) == len(values) - 1 else None
    difference = None if candidate is None or values[0] is None else candidate - values[0]
    draft.fields = {
        "baseline": values[0],
        "candidate": candidate,
        "difference": difference,
        "n": max((e.n for e in stored if e is not None), default=0),
        "reason": reason,
    }
    return draft


def _only_stored(sides: _Sides) -> Iterator[_Draft]:
    """What a result holds and cannot be computed here: sections of old files, foreign metrics."""
    seen: set[tuple[str, str | None]] = set()
    for result in sides.results:
        for e in result.estimates:
            key = (e.metric, e.subset)
            if e.metric == _TWIN or key in seen:
                continue
            seen.add(key)
            metric = _load(e.metric)
            draft = _Draft(
                e.metric, e.subset, e.unit, metric.higher_is_better if metric else None, None, {}
            )
            if metric is None:
                reason = "the package that offers the metric is not installed"
            else:
                reason = _OLDER if sides.complete else "no shared item is in this part"
            yield _without_test(draft, sides, reason)


def _test(drafts: Sequence[_Draft]) -> None:
    """The sign-flip tests: those of about equally many clusters share their signs."""
    waiting: dict[int, list[Difference]] = defaultdict(list)
    for draft in drafts:
        if draft.difference is not None and draft.difference.flips is not None:
            waiting[_padded(len(draft.difference.flips))].append(draft.difference)
    for length, differences in waiting.items():
        # Clusters that are not there have sums of 0, of which the sign is of no account.
        columns = np.zeros((length, len(differences)))
        for column, difference in zip(columns.T, differences, strict=True):
            if difference.flips is not None:
                column[: len(difference.flips)] = difference.flips
        tests = sign_flip_tests(columns, np.random.default_rng((SIGN_SEED, length)))
        for difference, test in zip(differences, tests, strict=True):
            how = f"all {test.draws:,}" if test.exact else f"{test.draws:,} draws"
            difference.fields["p"] = test.p_value
            difference.fields["p_method"] = f"sign flip ({how})"


def _padded(n_clusters: int) -> int:
    """The next power of two, so that a p-value depends on no other test of the call."""
    return n_clusters if n_clusters <= EXACT_CLUSTERS else 1 << (n_clusters - 1).bit_length()


def _adjust(drafts: Sequence[_Draft]) -> None:
    """Benjamini and Hochberg over the parts of each metric."""
    by_metric: dict[str, list[Difference]] = defaultdict(list)
    for draft in drafts:
        d = draft.difference
        if draft.subset is not None and d is not None and d.fields.get("p") is not None:
            by_metric[draft.name].append(d)
    for differences in by_metric.values():
        adjusted = benjamini_hochberg(np.array([d.fields["p"] for d in differences]))
        for difference, q in zip(differences, adjusted.tolist(), strict=True):
            difference.fields["q"] = q


def _finished(draft: _Draft) -> PairedEstimate:
    shared: dict[str, Any] = {
        "metric": draft.name,
        "subset": draft.subset,
        "unit": draft.unit,
        "higher_is_better": draft.higher_is_better,
    }
    d = draft.difference
    if d is None:
        return PairedEstimate(**shared, **draft.fields, n_clusters=0, verdict="not_comparable")
    fields = dict(d.fields)
    if draft.higher_is_better is None:
        fields["verdict"] = "not_comparable"
        fields.setdefault("reason", _NO_DIRECTION)
    else:
        low, high = fields.get("ci_low"), fields.get("ci_high")
        alike = fields.get("p_method") == "no example differs"
        fields["verdict"] = (
            "pass"
            if alike and low is None
            else verdict(
                d.value,
                None if low is None or high is None else (low, high),
                fields["q"] if draft.subset is not None and "q" in fields else fields.get("p"),
                higher_is_better=draft.higher_is_better,
                allowed=allowed_loss(draft.name, draft.unit),
            )
        )
    return PairedEstimate(
        **shared,
        baseline=d.baseline,
        candidate=d.candidate,
        difference=d.value,
        n=d.n,
        n_clusters=d.n_clusters,
        **fields,
    )
