"""The HTML report as data: what each section shows, in words and positions.

The template only places what stands here. Strings are as foreign as they come;
the template engine escapes every one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rmbench.report.arms import ArmsView, arms_view
from rmbench.report.best_of_n_figure import NamedCurve, overlay_figure
from rmbench.report.cards import (
    BarCard,
    headline_card,
    subset_cards,
    toggle_cards,
)
from rmbench.report.caveats import caveats, computed_unalike, flags, shared_caveats
from rmbench.report.consensus import find_consensus
from rmbench.report.consensus_page import ConsensusView, consensus_view
from rmbench.report.content import device_of
from rmbench.report.figure import Figure
from rmbench.report.labels import label_of
from rmbench.report.numbers import interval, quantity, size_range, value_only
from rmbench.report.overview import Entry, Overview, SuiteView, lowest_subset
from rmbench.report.page_metrics import MetricGroup, metric_groups, reasons_without_value
from rmbench.report.panel import Panel, build_panel
from rmbench.report.robustness import RobustnessView, robustness_view
from rmbench.report.training_page import TrainingView, training_views
from rmbench.result import StoredRun
from rmbench.result.consensus import Consensus

OPEN_PANELS = 4
"""As many scorer-on-suite panels start unfolded; a report with more folds them all."""


@dataclass(frozen=True)
class ColumnHead:
    """A scorer at the head of a column."""

    name: str
    detail: str
    is_baseline: bool
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Warned:
    """A caveat and the scorers it concerns; empty where the text names them."""

    text: str
    scorers: str


@dataclass(frozen=True)
class LowestSubset:
    """The weakest subset of a scorer, and the value chance alone would give."""

    scorer: str
    subset: str
    value: str
    interval: str | None
    n: str
    chance: str


@dataclass(frozen=True)
class CountsRow:
    """What went into one result."""

    name: str
    is_baseline: bool
    numbers: tuple[str, ...]


@dataclass(frozen=True)
class Skipped:
    """Rows of the data that could not be used."""

    rows: str
    reason: str
    first: str


_TIES = {"half": "a tie counts one half", "wrong": "a tie counts as wrong"}
COUNTS_HEADER = ("examples", "responses", "distinct", "ties", "truncated", "failed", "skipped")


@dataclass(frozen=True)
class PartCards:
    """One metric subset by subset or section by section, a card for each scorer."""

    title: str
    cards: tuple[BarCard, ...]


@dataclass(frozen=True)
class Section:
    """One suite."""

    anchor: str
    name: str
    title: str
    facts: tuple[str, ...]
    caveats: tuple[Warned, ...]
    notes: tuple[str, ...]
    columns: tuple[ColumnHead, ...]
    groups: tuple[MetricGroup, ...]
    reasons: tuple[str, ...]
    parts: tuple[PartCards, ...]
    lowest: tuple[LowestSubset, ...]
    toggles: tuple[BarCard, ...]
    arms: ArmsView | None
    robustness: RobustnessView | None
    best_of_n: Figure | None
    consensus: ConsensusView | None
    counts: tuple[CountsRow, ...]
    skipped: tuple[Skipped, ...]
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class ScorerFacts:
    """One scorer in the list of what was measured."""

    name: str
    is_baseline: bool
    kind: str
    spec: str
    revision: str | None


@dataclass(frozen=True)
class Page:
    """A whole report."""

    title: str
    lede: str
    cards: tuple[BarCard, ...]
    caveats: tuple[Warned, ...]
    scorers: tuple[ScorerFacts, ...]
    training: tuple[TrainingView, ...]
    sections: tuple[Section, ...]
    counts_header: tuple[str, ...]
    versions: str
    dates: str


def build_page(overview: Overview, runs: Sequence[StoredRun], title: str | None) -> Page:
    """Everything a report shows of some runs.

    Raises:
        ResultError: If scores or mistakes cannot be read.
    """
    n_panels = sum(not e.scorer.info.content_blind for s in overview.suites for e in s.entries)
    agreed = find_consensus(runs)
    sections = tuple(
        _section(suite, f"suite-{i}", runs, agreed, open_panels=n_panels <= OPEN_PANELS)
        for i, suite in enumerate(overview.suites, start=1)
    )
    cards = [
        headline_card(suite, section.anchor)
        for suite, section in zip(overview.suites, sections, strict=True)
        if suite.headline is not None or suite.is_throughput
    ]
    provenance = [run.result.provenance for run in runs]
    dates = sorted({p.created_at[:10] for p in provenance})
    return Page(
        title=title or "Reward model report",
        lede=_lede(overview),
        cards=tuple(cards),
        caveats=tuple(
            Warned(f"{section.title}: {c.text}", c.scorers)
            for section in sections
            for c in section.caveats
        ),
        scorers=tuple(
            ScorerFacts(s.name, s.info.content_blind, s.info.kind, s.info.spec, s.info.revision)
            for s in overview.scorers
        ),
        training=training_views(overview),
        sections=sections,
        counts_header=COUNTS_HEADER,
        versions=", ".join(sorted({p.rmbench_version for p in provenance})),
        dates=" – ".join(dict.fromkeys((dates[0], dates[-1]))),
    )


def _lede(overview: Overview) -> str:
    n_baselines = sum(s.info.content_blind for s in overview.scorers)
    n_models = len(overview.scorers) - n_baselines
    parts = [
        _plural(n, noun)
        for n, noun in ((n_models, "reward model"), (n_baselines, "content-blind baseline"))
        if n
    ]
    return f"{' and '.join(parts)} on {_plural(len(overview.suites), 'suite')}"


def _plural(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _section(
    suite: SuiteView,
    anchor: str,
    runs: Sequence[StoredRun],
    agreed: Sequence[Consensus],
    *,
    open_panels: bool,
) -> Section:
    panels = tuple(
        build_panel(
            suite,
            e,
            runs[e.position],
            f"{anchor}-{i}",
            is_open=open_panels and not e.scorer.info.content_blind,
        )
        for i, e in enumerate(suite.entries, start=1)
    )
    choices = [NamedCurve(p.scorer, p.is_baseline, p.best_of_n) for p in panels if p.best_of_n]
    return Section(
        anchor=anchor,
        name=suite.name,
        title=suite.ref.title or suite.name,
        facts=_facts(suite),
        caveats=_caveats(suite),
        notes=tuple(dict.fromkeys(n for e in suite.entries for n in e.result.provenance.notes)),
        columns=tuple(_column_head(suite, e) for e in suite.entries),
        groups=metric_groups(suite),
        reasons=reasons_without_value(suite),
        parts=tuple(
            PartCards(label_of(metric).by_part, subset_cards(suite, metric))
            for metric in suite.part_metrics
        ),
        lowest=_lowest(suite),
        toggles=toggle_cards(suite),
        arms=arms_view(suite),
        robustness=robustness_view(suite),
        best_of_n=overlay_figure(choices, f"{anchor}-b"),
        consensus=consensus_view(suite, agreed),
        counts=() if suite.is_throughput else tuple(_counts_row(e) for e in suite.entries),
        skipped=_skipped(suite),
        panels=panels,
    )


def _facts(suite: SuiteView) -> tuple[str, ...]:
    facts = [f"{suite.ref.name}, version {suite.ref.version}"]
    results = [e.result for e in suite.entries]
    if suite.is_throughput:
        return tuple(facts)
    facts.append(f"{size_range({r.counts.examples for r in results})} examples")
    for policy in dict.fromkeys(r.provenance.policy.get("ties", "") for r in results):
        if policy:
            facts.append(_TIES.get(policy, f"ties: {policy}"))
    data = [r.provenance.data for r in results if r.provenance.data is not None]
    for revision in dict.fromkeys(d.revision for d in data):
        if revision:
            facts.append(f"revision {revision[:12]}")
    for fingerprint in dict.fromkeys(d.fingerprint for d in data):
        facts.append(f"data {fingerprint[:12]}")
    return tuple(facts)


def _caveats(suite: SuiteView) -> tuple[Warned, ...]:
    concerned: dict[str, list[str]] = {}
    for entry in suite.entries:
        for caveat in caveats(entry.result):
            concerned.setdefault("".join(caveat.text), []).append(entry.scorer.name)
        failed = entry.result.counts.failed
        if failed:
            text = f"{_plural(failed, 'example')} left out: no finite reward"
            concerned.setdefault(text, []).append(entry.scorer.name)
    everyone = len(suite.entries)
    warned = [
        Warned(text, "all scorers" if len(names) == everyone > 1 else ", ".join(names))
        for text, names in concerned.items()
    ]
    results, scorers = [e.result for e in suite.entries], [e.scorer.name for e in suite.entries]
    warned += [Warned("".join(shared.text), "") for shared in shared_caveats(results, scorers)]
    unalike = computed_unalike(results, scorers)
    if unalike is not None:
        warned.append(Warned("".join(unalike.text), ""))
    return tuple(warned)


def _column_head(suite: SuiteView, entry: Entry) -> ColumnHead:
    detail = device_of(entry.result) if suite.is_throughput else ""
    engine = entry.result.provenance.engine
    if suite.is_throughput and engine:
        detail = f"{detail}, {engine.dtype}"
    info = entry.scorer.info
    return ColumnHead(entry.scorer.name, detail, info.content_blind, flags(entry.result))


def _lowest(suite: SuiteView) -> tuple[LowestSubset, ...]:
    rows = []
    for entry in suite.entries:
        lowest = lowest_subset(entry.result)
        chance = entry.result.estimate("worst_subset_accuracy_chance")
        if lowest is None or lowest.value is None:
            continue
        rows.append(
            LowestSubset(
                scorer=entry.scorer.name,
                subset=lowest.subset or "",
                value=quantity(lowest.value, lowest.unit),
                interval=interval(lowest),
                n=f"{lowest.n:,}",
                chance=value_only(chance),
            )
        )
    return tuple(rows)


def _counts_row(entry: Entry) -> CountsRow:
    c = entry.result.counts
    numbers = (
        c.examples,
        c.responses,
        c.unique_responses,
        c.ties,
        c.truncated,
        c.failed,
        c.skipped,
    )
    return CountsRow(
        entry.scorer.name, entry.scorer.info.content_blind, tuple(f"{n:,}" for n in numbers)
    )


def _skipped(suite: SuiteView) -> tuple[Skipped, ...]:
    reasons = {
        (s.rows, s.reason, s.first): None
        for e in suite.entries
        if e.result.provenance.data is not None
        for s in e.result.provenance.data.skipped
    }
    return tuple(Skipped(f"{rows:,}", reason, first) for rows, reason, first in reasons)
