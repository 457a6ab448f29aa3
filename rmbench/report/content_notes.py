"""What stands below a report's tables: footnotes, and why numbers have no value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from rmbench.errors import shorten
from rmbench.report.arms import not_timed
from rmbench.report.caveats import caveats, computed_unalike, shared_caveats
from rmbench.report.labels import label_of
from rmbench.report.numbers import UNDEFINED
from rmbench.report.overview import Entry, Overview, SuiteView
from rmbench.report.robustness import is_robustness, unfit
from rmbench.report.text import Safe, Text
from rmbench.result import Estimate, Result
from rmbench.spec.suite import UNVERIFIED_LAYOUT

BASELINE_MARK = Safe("°")
BASELINE_NOTE = Safe(
    "content-blind baseline: it sees an answer's length, markup or single words at most, "
    "not what it says"
)
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass
class Footnotes:
    """Numbers each distinct footnote once.

    Attributes:
        shared: What concerns several results of a suite, by a result's place in the report.
        texts: The footnotes that were referred to.
    """

    shared: dict[int, list[tuple[str, ...]]]
    texts: list[tuple[str, ...]] = field(default_factory=list)

    @classmethod
    def of(cls, overview: Overview) -> Footnotes:
        """Those of a report; none is referred to yet."""
        shared: dict[int, list[tuple[str, ...]]] = {}
        for suite in overview.suites:
            results = [e.result for e in suite.entries]
            for caveat in shared_caveats(results, [e.scorer.name for e in suite.entries]):
                text = (suite.name, Safe(": "), *caveat.text)
                for i in caveat.concerned:
                    shared.setdefault(suite.entries[i].position, []).append(text)
        return cls(shared)

    def mark(self, entry: Entry) -> Safe:
        """The marks of a result that must be read with care; empty for others."""
        own = [caveat.text for caveat in caveats(entry.result)]
        numbers = [self._number(text) for text in (*own, *self.shared.get(entry.position, ()))]
        return Safe(" ".join(str(n).translate(_SUPERSCRIPT) for n in numbers))

    def _number(self, note: tuple[str, ...]) -> int:
        if note not in self.texts:
            self.texts.append(note)
        return self.texts.index(note) + 1


def build_notes(overview: Overview, footnotes: Footnotes) -> list[Text]:
    """The notes of a report, in reading order: marks, footnotes, suites, missing values."""
    notes: list[Text] = []
    if any(s.info.content_blind for s in overview.scorers):
        notes.append((BASELINE_MARK, Safe(" "), BASELINE_NOTE))
    for i, pieces in enumerate(footnotes.texts, start=1):
        notes.append((Safe(f"{i} ".translate(_SUPERSCRIPT)), *pieces))
    for suite in overview.suites:
        unalike = computed_unalike(
            [e.result for e in suite.entries], [e.scorer.name for e in suite.entries]
        )
        if unalike is not None:
            notes.append((suite.name, Safe(": "), *unalike.text))
        if any(UNVERIFIED_LAYOUT in e.result.provenance.notes for e in suite.entries):
            notes.append((suite.name, Safe(": "), Safe(UNVERIFIED_LAYOUT)))
    return (
        notes
        + _of_scorers(overview)
        + _unfit(overview)
        + _undefined(overview)
        + _not_timed(overview)
    )


def _of_scorers(overview: Overview) -> list[Text]:
    """What scorers said of their rewards, such as samples that were missing."""
    found: dict[tuple[str, str], list[str]] = {}
    for suite in overview.suites:
        for entry in suite.entries:
            for note in entry.result.provenance.scorer_notes:
                found.setdefault((entry.scorer.name, note), []).append(suite.name)
    return [
        (scorer, Safe(" on "), shorten(suites), Safe(": "), note)
        for (scorer, note), suites in found.items()
    ]


def _unfit(overview: Overview) -> list[Text]:
    """The transformations of each suite that fit no example."""
    notes: list[Text] = []
    for suite in overview.suites:
        names = dict.fromkeys(name for e in suite.entries for name in unfit(e.result))
        if names and any(is_robustness(e.result) for e in suite.entries):
            notes.append((suite.name, Safe(": no example fits "), shorten(list(names), 30)))
    return notes


def _not_timed(overview: Overview) -> list[Text]:
    return [
        (
            Safe(f"{UNDEFINED} "),
            shorten(found.arms),
            Safe(" of "),
            shorten(found.scorers),
            Safe(", not timed: "),
            found.reason,
        )
        for suite in overview.throughput_suites
        for found in not_timed(suite)
    ]


def _undefined(overview: Overview) -> list[Text]:
    """Each reason once, with the numbers it leaves without a value."""
    # A reason concerns some metrics of some scorers, on whole suites or in parts of one.
    concerned: dict[_Place, tuple[dict[str, None], dict[str, None]]] = {}
    for suite in overview.suites:
        for entry in suite.entries:
            for e in _shown_estimates(suite, entry.result):
                if e.reason is None:
                    continue
                place = _Place(e.reason, None if e.subset is None else suite.name, e.subset)
                metrics, scorers = concerned.setdefault(place, ({}, {}))
                metrics[label_of(e.metric).label] = None
                scorers[entry.scorer.name] = None
    parts: dict[tuple[str, str | None, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for place, (metrics, scorers) in concerned.items():
        alike = parts.setdefault((place.reason, place.suite, tuple(metrics), tuple(scorers)), [])
        alike += [] if place.subset is None else [place.subset]
    return [
        (
            Safe(f"{UNDEFINED} "),
            shorten(metrics, 12),
            *((Safe(" in "), shorten(subsets), Safe(" ("), suite, Safe(")")) if suite else ()),
            Safe(" of "),
            shorten(scorers),
            Safe(": "),
            reason,
        )
        for (reason, suite, metrics, scorers), subsets in parts.items()
    ]


class _Place(NamedTuple):
    """Where a reason leaves numbers without a value: suite and subset, or whole suites."""

    reason: str
    suite: str | None
    subset: str | None


def _shown_estimates(suite: SuiteView, result: Result) -> list[Estimate]:
    by_subset = set(suite.part_metrics)
    if suite.toggles:
        by_subset |= {"confounder_shift", "confounder_win_rate"}
    return [
        e
        for e in result.estimates
        if e.metric in by_subset or (e.subset is None and label_of(e.metric).main)
    ]
