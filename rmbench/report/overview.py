"""Results arranged for reading: which scorers, which suites, in which order.

Every format starts from here, so they agree on names, order and headline.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rmbench.report.labels import position_of
from rmbench.result import Estimate, Result, ScorerInfo, SuiteRef, scorer_slug

_BEST_OF_N = "best_of_n_accuracy"
_HEADLINES = (
    # What graded answers are for; accuracy is only between their best and the others.
    "best_of_n_gold",
    "accuracy",
    "macro_accuracy",
    "section_mean_accuracy",
    _BEST_OF_N,
    "flip_rate",
)
"""What stands for a suite that has no headline, or of whose headline no result has a value."""

_NEAREST = {
    "section_mean_best_of_n_accuracy": _BEST_OF_N,
    "macro_best_of_n_accuracy": _BEST_OF_N,
    "reward_bench_2_score": _BEST_OF_N,
    "macro_group_mean_accuracy": "group_mean_accuracy",
}
"""Headlines that an accuracy of pairs is no stand-in for, to what asks the same question."""

_OWN_TABLE = ("flip_rate",)
"""Metrics whose parts have a table of their own (``rmbench.report.robustness``)."""

MANY_PARTS = 60
"""From here on parts are shown by the headline's own metric only, where it has parts."""


@dataclass(frozen=True)
class ScorerRow:
    """One scorer of a report.

    Attributes:
        key: Unique in the report.
        name: Its name, made unique where two scorers share one.
        info: What the results say about it.
    """

    key: str
    name: str
    info: ScorerInfo


@dataclass(frozen=True)
class Entry:
    """One scorer's result on the suite it stands in.

    Attributes:
        scorer: Whose result it is.
        result: The result.
        position: Its place among the results the report was asked for.
    """

    scorer: ScorerRow
    result: Result
    position: int


@dataclass(frozen=True)
class SuiteView:
    """One suite with every scorer's result on it.

    Attributes:
        ref: The suite, as the first result names it.
        name: Its name, made unique where two suites share one.
        entries: One per scorer that was measured on it, in the report's order.
    """

    ref: SuiteRef
    name: str
    entries: tuple[Entry, ...]

    @property
    def is_throughput(self) -> bool:
        """Whether it measures speed and not preferences."""
        return self.ref.kind == "throughput"

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics that any result has for the whole suite, in reading order."""
        names = {e.metric for r in self._results for e in r.estimates if e.subset is None}
        return tuple(sorted(names, key=position_of))

    @property
    def own_headline(self) -> str | None:
        """The metric that the suite says its ``score`` is."""
        return next((r.suite.headline for r in self._results if r.suite.headline), None)

    @property
    def headline(self) -> str | None:
        """The one metric that stands for the suite, ``None`` where no accuracy does.

        ``score`` where any result has it, so that a partial result never takes it from whole
        ones; else the suite's own headline, and where that has no value on what was measured,
        the metric nearest to it. What a result shows of it is ``headline_of``.
        """
        if self.is_throughput:
            return None
        own = self.own_headline
        candidates = ["score"]
        if own is not None:
            candidates += [own, *([_NEAREST[own]] if own in _NEAREST else [])]
        candidates += _HEADLINES
        found = {m: [r.estimate(m) for r in self._results] for m in candidates}
        for metric, estimates in found.items():
            if any(e is not None and e.value is not None for e in estimates):
                return metric
        return next((m for m, estimates in found.items() if any(estimates)), None)

    def headline_of(self, result: Result) -> Estimate | None:
        """A result's number under the suite's headline, ``None`` where it has none.

        ``score`` is the suite's own headline of the whole suite, measured by its rules. A
        result on less, or by other rules, has that metric too; its caveats say what it lacks.
        """
        metric = self.headline
        if metric is None:
            return None
        found = result.estimate(metric)
        if found is None and metric == "score" and (result.partial or result.modified):
            own = self.own_headline
            return None if own is None else result.estimate(own)
        return found

    @property
    def toggles(self) -> tuple[str, ...]:
        """Subsets that change one thing about an answer; empty for other suites."""
        return self.subsets_of("confounder_shift")

    def subsets_of(self, metric: str) -> tuple[str, ...]:
        """Subsets that any result has ``metric`` for, in the results' order."""
        return tuple(
            dict.fromkeys(
                e.subset
                for r in self._results
                for e in r.estimates
                if e.metric == metric and e.subset is not None
            )
        )

    @property
    def part_metrics(self) -> tuple[str, ...]:
        """The metrics shown part by part: that of the headline, and an accuracy beside it.

        Those with fewer than two parts are left out, and the second where there are too many
        parts to read.
        """
        own = [m for m in (self.ref.headline,) if m and len(self.subsets_of(m)) > 1]
        candidates = dict.fromkeys(m for m in (self.headline, *_HEADLINES) if m and m not in own)
        for m in _OWN_TABLE:
            candidates.pop(m, None)
        accuracy = next((m for m in candidates if len(self.subsets_of(m)) > 1), None)
        if accuracy is None or (own and len(self.subsets_of(accuracy)) > MANY_PARTS):
            return tuple(own)
        return (*own, accuracy)

    @property
    def _results(self) -> tuple[Result, ...]:
        return tuple(entry.result for entry in self.entries)


@dataclass(frozen=True)
class Overview:
    """Everything a report shows, in order.

    Attributes:
        scorers: Models first, content-blind baselines last; the checkpoints of one training
            run together, by step.
        suites: Those with a headline number, others, those that measure speed; within each
            the order in which the results came.
    """

    scorers: tuple[ScorerRow, ...]
    suites: tuple[SuiteView, ...]

    @property
    def accuracy_suites(self) -> tuple[SuiteView, ...]:
        """Suites with a headline number."""
        return tuple(s for s in self.suites if s.headline is not None)

    @property
    def throughput_suites(self) -> tuple[SuiteView, ...]:
        """Suites that measure speed."""
        return tuple(s for s in self.suites if s.is_throughput)


def arrange(results: Sequence[Result]) -> Overview:
    """Order results by scorer and suite.

    The same scorer measured twice on the same suite takes two rows.
    """
    keys = _scorer_keys(results)
    infos: dict[_ScorerKey, ScorerInfo] = {}
    entries: dict[tuple[str, str], list[tuple[_ScorerKey, int]]] = {}
    for position, (key, result) in enumerate(zip(keys, results, strict=True)):
        infos.setdefault(key, result.scorer)
        entries.setdefault((result.suite.name, result.suite.digest), []).append((key, position))
    ordered = _ordered(infos)
    names = _scorer_names(infos)
    rows = {key: ScorerRow(f"{key.slug}-{key.run}", names[key], infos[key]) for key in ordered}
    rank = {key: i for i, key in enumerate(ordered)}

    def view(members: list[tuple[_ScorerKey, int]]) -> SuiteView:
        first = results[members[0][1]].suite
        members = sorted(members, key=lambda member: rank[member[0]])
        namesakes = sum(name == first.name for name, _ in entries)
        return SuiteView(
            ref=first,
            name=first.name
            if namesakes == 1
            else f"{first.name} (version {first.version}, {first.digest[:8]})",
            entries=tuple(Entry(rows[key], results[at], at) for key, at in members),
        )

    return Overview(
        scorers=tuple(rows[key] for key in ordered),
        suites=tuple(sorted(map(view, entries.values()), key=_suite_rank)),
    )


def lowest_subset(result: Result) -> Estimate | None:
    """The subset behind ``worst_subset_accuracy``.

    Pooled sections stand among the subsets, so the one meant is found by its value.
    """
    worst = result.estimate("worst_subset_accuracy")
    if worst is None or worst.value is None:
        return None
    for e in result.estimates:
        if (
            e.metric == "accuracy"
            and e.subset is not None
            and e.value is not None
            and abs(e.value - worst.value) < 1e-12
        ):
            return e
    return None


def _suite_rank(suite: SuiteView) -> int:
    return 2 if suite.is_throughput else 1 if suite.headline is None else 0


class _ScorerKey(NamedTuple):
    slug: str
    run: int


def _scorer_keys(results: Sequence[Result]) -> list[_ScorerKey]:
    seen: Counter[tuple[str, str, str]] = Counter()
    keys = []
    for result in results:
        slug = scorer_slug(result.scorer)
        measured = (slug, result.suite.name, result.suite.digest)
        seen[measured] += 1
        keys.append(_ScorerKey(slug, seen[measured]))
    return keys


def _ordered(infos: Mapping[_ScorerKey, ScorerInfo]) -> list[_ScorerKey]:
    """Models in the order in which they come, a run's checkpoints where its first one comes."""
    first_of: dict[str, int] = {}
    places: dict[_ScorerKey, tuple[bool, int, int, bool]] = {}
    for place, (key, info) in enumerate(infos.items()):
        at = info.checkpoint
        if at is None:
            places[key] = (info.content_blind, place, 0, False)
        else:
            start = first_of.setdefault(at.run, place)
            places[key] = (info.content_blind, start, at.step, at.final)
    return sorted(infos, key=lambda key: places[key])


def _scorer_names(infos: Mapping[_ScorerKey, ScorerInfo]) -> dict[_ScorerKey, str]:
    slugs_of: dict[str, set[str]] = {}
    for key, info in infos.items():
        slugs_of.setdefault(info.name, set()).add(key.slug)
    names = {}
    for key, info in infos.items():
        parts = []
        if len(slugs_of[info.name]) > 1:
            parts.append(key.slug.rsplit("-", 1)[-1])
        if key.run > 1:
            parts.append(f"run {key.run}")
        names[key] = f"{info.name} ({', '.join(parts)})" if parts else info.name
    return names
