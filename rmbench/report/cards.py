"""Cards of bars: a suite's headline, its subsets, its toggles."""

from __future__ import annotations

from dataclasses import dataclass

from rmbench.report.bars import (
    ACCURACY_SCALE,
    FRACTION_SCALE,
    Bar,
    Scale,
    bar,
    scale_about_zero,
    scale_around,
    scale_from_zero,
)
from rmbench.report.caveats import flags
from rmbench.report.labels import label_of
from rmbench.report.numbers import interval, size_range, value_only
from rmbench.report.overview import Entry, SuiteView
from rmbench.report.robustness import FLIPS
from rmbench.result import Estimate

PAIRWISE = ("accuracy", "macro_accuracy", "section_mean_accuracy", "section_score")
"""Metrics that a coin flip brings to one half."""


@dataclass(frozen=True)
class BarRow:
    """One bar with its name and number.

    ``flags`` are short words for what makes the value less than it seems.
    """

    name: str
    value: str
    interval: str | None
    bar: Bar | None
    is_baseline: bool = False
    n: str | None = None
    flags: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True)
class BarCard:
    """Bars of one quantity on one scale."""

    title: str
    subtitle: str
    scale: Scale
    rows: tuple[BarRow, ...]
    anchor: str = ""
    is_baseline: bool = False
    flags: tuple[str, ...] = ()


def headline_card(suite: SuiteView, anchor: str) -> BarCard:
    """What stands for a suite, scorer by scorer; its title leads to ``anchor``."""
    if suite.is_throughput:
        metric = "pairs_per_s"
        found = [e.result.estimate(metric) for e in suite.entries]
        scale = scale_from_zero(found, "pairs/s")
    else:
        metric = suite.headline or ""
        found = [suite.headline_of(e.result) for e in suite.entries]
        units = {e.unit for e in found if e is not None}
        scale = _scale(suite, metric) if units <= {"fraction"} else scale_around(found)
    sizes = {e.n for e in found if e is not None}
    size = f", n = {size_range(sizes)}" if sizes and not suite.is_throughput else ""
    return BarCard(
        title=suite.ref.title or suite.name,
        subtitle=f"{label_of(metric).label}{', lower is better' if metric == FLIPS else ''}{size}",
        scale=scale,
        rows=tuple(
            bar_row(entry.scorer.name, e, scale, entry=entry)
            for entry, e in zip(suite.entries, found, strict=True)
        ),
        anchor=anchor,
    )


def _scale(suite: SuiteView, metric: str) -> Scale:
    """The scale of an accuracy: best of N has another chance than one half."""
    if metric == "score":
        metric = suite.own_headline or metric
    return ACCURACY_SCALE if metric in PAIRWISE else FRACTION_SCALE


def _part_flags(estimate: Estimate | None, scale: Scale, entry: Entry) -> tuple[str, ...]:
    """Say where a model cannot be told from a coin flip; of a baseline that is no news."""
    if scale is not ACCURACY_SCALE or entry.scorer.info.content_blind:
        return ()
    if estimate is None or estimate.ci_low is None or estimate.ci_high is None:
        return ()
    return ("at chance",) if estimate.ci_low <= 0.5 <= estimate.ci_high else ()


def bar_row(
    name: str,
    estimate: Estimate | None,
    scale: Scale,
    *,
    entry: Entry,
    signed: bool = False,
    with_n: bool = False,
    is_part: bool = False,
) -> BarRow:
    """One estimate as a bar.

    Args:
        name: Of the bar.
        estimate: What it shows; ``None`` leaves the bar out.
        scale: Of the card.
        entry: Whose result it is from.
        signed: Whether a plus sign carries meaning.
        with_n: Whether the number of examples stands beside the name.
        is_part: Whether the card as a whole says what is to be said of the result.
    """
    return BarRow(
        name=name,
        value=value_only(estimate, signed=signed),
        interval=interval(estimate, signed=signed) if estimate else None,
        bar=bar(estimate, scale),
        is_baseline=entry.scorer.info.content_blind,
        n=f"{estimate.n:,}" if with_n and estimate else None,
        flags=_part_flags(estimate, scale, entry) if with_n or is_part else flags(entry.result),
        reason=estimate.reason if estimate else None,
    )


def subset_cards(suite: SuiteView, metric: str) -> tuple[BarCard, ...]:
    """One card per scorer with all subsets in the same order."""
    scale = _scale(suite, metric)
    return tuple(
        BarCard(
            title=entry.scorer.name,
            subtitle="",
            scale=scale,
            rows=tuple(
                bar_row(
                    subset,
                    entry.result.estimate(metric, subset),
                    scale,
                    entry=entry,
                    with_n=True,
                )
                for subset in suite.subsets_of(metric)
            ),
            is_baseline=entry.scorer.info.content_blind,
            flags=flags(entry.result),
        )
        for entry in suite.entries
    )


def toggle_cards(suite: SuiteView) -> tuple[BarCard, ...]:
    """How far each toggle moves the reward, and how often the toggled answer wins."""
    cards = []
    for metric in ("confounder_shift", "confounder_win_rate"):
        toggles = suite.subsets_of(metric)
        if not toggles:
            continue
        label = label_of(metric)
        for entry in suite.entries:
            found = [entry.result.estimate(metric, t) for t in toggles]
            # Rewards of two scorers have two scales: each has its own axis.
            scale = scale_about_zero(found) if label.signed else ACCURACY_SCALE
            unit = next((e.unit for e in found if e is not None), "")
            cards.append(
                BarCard(
                    title=entry.scorer.name,
                    subtitle=f"{label.label} ({unit})" if label.signed else label.label,
                    scale=scale,
                    rows=tuple(
                        bar_row(t, e, scale, entry=entry, signed=label.signed, with_n=True)
                        for t, e in zip(toggles, found, strict=True)
                    ),
                    is_baseline=entry.scorer.info.content_blind,
                    flags=flags(entry.result),
                )
            )
    return tuple(cards)
