"""One scorer on one suite: diagrams, length table, mistakes, provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rmbench.report.best_of_n import BestOfNPoints, best_of_n_points
from rmbench.report.best_of_n_figure import best_of_n_figure
from rmbench.report.caveats import flags
from rmbench.report.curves import AccuracyBin, Curves, MarginHistogram, curves
from rmbench.report.depth import BiasRow, CalibrationRow, bias_rows, calibration_rows
from rmbench.report.figure import DataTable, Figure
from rmbench.report.labels import label_of
from rmbench.report.numbers import duration, fraction, number, value_only
from rmbench.report.overview import Entry, SuiteView
from rmbench.report.robustness import is_robustness
from rmbench.result import Mistake, Result, StoredRun
from rmbench.types import TiePolicy

SHOWN_CHARS = 700
"""Longer texts are folded after so many characters."""

KEPT_CHARS = 20_000
"""What stands beyond is left out of the page, and the page says so."""


@dataclass(frozen=True)
class Folded:
    """A long text in the part that is shown, the part that is folded, and what is cut."""

    head: str
    rest: str
    rest_chars: str
    cut_chars: str


@dataclass(frozen=True)
class Turn:
    """One turn of a prompt."""

    role: str
    text: Folded


@dataclass(frozen=True)
class MistakeView:
    """One comparison that the scorer got wrong."""

    number: int
    example_id: str
    subset: str
    margin: str
    reward_chosen: str
    reward_rejected: str
    prompt: tuple[Turn, ...]
    chosen: Folded
    rejected: Folded


@dataclass(frozen=True)
class FactGroup:
    """Part of the provenance; ``json`` for what has no fixed shape."""

    title: str
    rows: tuple[tuple[str, str], ...]
    json: str | None = None


@dataclass(frozen=True)
class Panel:
    """One scorer on one suite."""

    anchor: str
    scorer: str
    is_baseline: bool
    flags: tuple[str, ...]
    is_open: bool
    headline: str
    best_of_n: BestOfNPoints | None
    best_of_n_figure: Figure | None
    figures: tuple[Figure, ...]
    no_figures: str | None
    bias: tuple[BiasRow, ...]
    calibration: tuple[CalibrationRow, ...]
    rewards: tuple[tuple[str, str], ...]
    mistakes_title: str
    mistakes: tuple[MistakeView, ...]
    provenance: tuple[FactGroup, ...]


def build_panel(
    suite: SuiteView, entry: Entry, run: StoredRun, anchor: str, *, is_open: bool
) -> Panel:
    """Everything about one result.

    Args:
        suite: What was measured on.
        entry: Whose result.
        run: Where its rewards and mistakes lie.
        anchor: Prefix of ids; unique in the page.
        is_open: Whether it starts unfolded.

    Raises:
        ResultError: If scores or mistakes cannot be read.
    """
    rewritten = is_robustness(entry.result)
    # Diagrams of one example rewritten many times would be of the rewritings' number.
    scores = None if rewritten else run.scores()
    logits = entry.result.scorer.margins_are_logits
    ties: TiePolicy = "wrong" if entry.result.provenance.policy.get("ties") == "wrong" else "half"
    points = None
    if scores is not None:
        points = curves(scores, margins_are_logits=logits, ties=ties)
    choices = None if scores is None else best_of_n_points(scores, entry.result)
    return Panel(
        anchor=anchor,
        scorer=entry.scorer.name,
        is_baseline=entry.scorer.info.content_blind,
        flags=flags(entry.result),
        is_open=is_open,
        headline=_headline(suite, entry.result),
        best_of_n=choices,
        best_of_n_figure=best_of_n_figure(choices, f"{anchor}-b") if choices else None,
        figures=_figures(points, entry.result, anchor) if points else (),
        no_figures=None if logits else "No reliability diagram: its margins are not logits.",
        bias=bias_rows(entry.result),
        calibration=calibration_rows(entry.result),
        rewards=_rewards(points) if points else (),
        mistakes_title="Right as they were, wrong rewritten" if rewritten else "Worst mistakes",
        mistakes=tuple(_mistake(i, m) for i, m in enumerate(run.mistakes(), start=1)),
        provenance=_provenance(entry.result),
    )


def _headline(suite: SuiteView, result: Result) -> str:
    found = result.estimate("pairs_per_s") if suite.is_throughput else suite.headline_of(result)
    if found is None or found.value is None:
        return ""
    return f"{label_of(found.metric).label} {value_only(found)}"


def _figures(points: Curves, result: Result, anchor: str) -> tuple[Figure, ...]:
    # Drawing is what needs matplotlib; nothing else in this module does.
    from rmbench.report import plots

    figures = []
    if points.reliability:
        figures.append(
            Figure(
                title="Reliability",
                svg=plots.reliability(points.reliability, f"{anchor}-r"),
                legend=(
                    ("points", "bins, 95 % interval"),
                    ("line", "calibrated"),
                ),
                caption=_calibration_caption(result),
                table=_bin_table("confidence", points.reliability),
            )
        )
    if points.by_margin:
        logistic = bool(points.reliability)
        figures.append(
            Figure(
                title="Accuracy against |margin|",
                svg=plots.accuracy_by_margin(points.by_margin, f"{anchor}-a", logistic=logistic),
                legend=(
                    ("points", "bins, 95 % interval"),
                    *((("line", "sigmoid(|margin|)"),) if logistic else ()),
                ),
                caption="What a margin of that size is worth. Bins of equal mass.",
                table=_bin_table("|margin|", points.by_margin),
            )
        )
    if points.selective:
        figures.append(
            Figure(
                title="Accuracy of the most confident",
                svg=plots.selective_accuracy(points.selective, f"{anchor}-s"),
                legend=(("points", "most confident share, 95 % interval"), ("line", "all")),
                caption="What is gained by leaving the least confident comparisons to others.",
                table=_selective_table(points.selective),
            )
        )
    sides = ("chosen", "rejected") if points.by_margin else ("toggled", "plain")
    figures.append(
        Figure(
            title="Margins",
            svg=plots.margin_histogram(points.histogram, f"{anchor}-m", sides),
            legend=(("right", f"{sides[0]} ahead"), ("wrong", f"{sides[1]} ahead")),
            caption=_histogram_caption(points.histogram),
            table=_histogram_table(points.histogram),
        )
    )
    return tuple(figures)


def _calibration_caption(result: Result) -> str:
    ece, null, p = (result.estimate(m) for m in ("ece", "ece_null", "ece_p"))
    text = "Bins of equal mass."
    if ece is None or ece.value is None:
        return text
    text += f" ECE {value_only(ece)}"
    if null is not None and null.value is not None:
        text += f"; a calibrated scorer would show {value_only(null)} on as many examples"
    if p is not None and p.value is not None:
        text += f" (p {'< .001' if p.value < 0.001 else f'= {fraction(p.value)}'})"
    return f"{text}."


def _histogram_caption(histogram: MarginHistogram) -> str:
    parts = []
    if histogram.ties:
        parts.append(f"ties, {fraction(histogram.ties)} of all, are left out")
    if histogram.clipped:
        parts.append(f"the outermost bars hold the {fraction(histogram.clipped)} beyond them")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else "All comparisons."


def _bin_table(name: str, bins: Sequence[AccuracyBin]) -> DataTable:
    return DataTable(
        (name, "from", "to", "accuracy", "95 % interval", "comparisons"),
        tuple(
            (
                number(b.x),
                number(b.low),
                number(b.high),
                fraction(b.accuracy),
                f"[{fraction(b.interval.low)}, {fraction(b.interval.high)}]" if b.interval else "–",
                f"{b.n:,}",
            )
            for b in bins
        ),
    )


def _selective_table(points: Sequence[AccuracyBin]) -> DataTable:
    return DataTable(
        ("share", "accuracy", "95 % interval", "comparisons"),
        tuple(
            (
                f"{p.x:.0%}",
                fraction(p.accuracy),
                f"[{fraction(p.interval.low)}, {fraction(p.interval.high)}]" if p.interval else "–",
                f"{p.n:,}",
            )
            for p in points
        ),
    )


def _histogram_table(histogram: MarginHistogram) -> DataTable:
    edges = histogram.edges.tolist()
    return DataTable(
        ("margin from", "to", "share"),
        tuple(
            (number(low), number(high), fraction(share))
            for low, high, share in zip(edges, edges[1:], histogram.share.tolist(), strict=False)
            if share > 0
        ),
    )


def _rewards(points: Curves) -> tuple[tuple[str, str], ...]:
    r = points.rewards
    return (
        ("reward, mean ± SD", f"{number(r.mean)} ± {number(r.sd)}"),
        ("reward, range", f"{number(r.low)} to {number(r.high)}"),
        ("margin, mean ± SD", f"{number(r.margin_mean)} ± {number(r.margin_sd)}"),
        ("|margin| above 10", fraction(r.saturated)),
    )


def _mistake(position: int, mistake: Mistake) -> MistakeView:
    return MistakeView(
        number=position,
        example_id=mistake.example_id,
        subset=mistake.subset,
        margin=number(mistake.margin, signed=True),
        reward_chosen=number(mistake.reward_chosen),
        reward_rejected=number(mistake.reward_rejected),
        prompt=tuple(
            Turn(turn.get("role", ""), fold(turn.get("content", ""))) for turn in mistake.prompt
        ),
        chosen=fold(mistake.chosen),
        rejected=fold(mistake.rejected),
    )


def fold(text: str) -> Folded:
    """Split a long text into what is shown, what is folded and what is left out.

    >>> fold("short").rest
    ''
    """
    # A fold that hides only a few words costs more than it saves.
    if len(text) <= SHOWN_CHARS * 1.25:
        return Folded(text, "", "", "")
    blank = text.rfind(" ", SHOWN_CHARS - 60, SHOWN_CHARS)
    end = blank + 1 if blank >= 0 else SHOWN_CHARS
    cut = len(text) - KEPT_CHARS
    rest = text[end:KEPT_CHARS]
    return Folded(text[:end], rest, f"{len(rest):,}", f"{cut:,}" if cut > 0 else "")


def _provenance(result: Result) -> tuple[FactGroup, ...]:
    p, scorer = result.provenance, result.scorer
    groups = [
        _facts(
            "Scorer",
            {
                "spec": scorer.spec,
                "kind": scorer.kind,
                "revision": scorer.revision,
                "margins are logits": scorer.margins_are_logits,
                **scorer.options,
            },
        ),
        _facts(
            "Suite",
            {
                "name": result.suite.name,
                "version": result.suite.version,
                "digest": result.suite.digest,
                **{f"policy: {k}": v for k, v in p.policy.items()},
            },
        ),
    ]
    if p.data is not None:
        groups.append(_facts("Data", p.data.model_dump(exclude={"skipped"})))
    if p.engine is not None:
        groups.append(_facts("Engine", p.engine.model_dump()))
    environment = p.environment.model_dump(exclude={"packages"})
    groups.append(_facts("Environment", environment | p.environment.packages))
    groups.append(
        _facts(
            "Run",
            {
                "rmbench": p.rmbench_version,
                "at": p.created_at,
                "took": duration(p.duration_s),
                "seed": p.seed,
                "scores SHA-256": result.scores_sha256,
            },
        )
    )
    facts = "Raw timings" if result.suite.kind == "throughput" else "Facts"
    for title, body in (("Training", p.training), (facts, p.facts)):
        if body:
            text = json.dumps(body, indent=2, ensure_ascii=False)
            groups.append(FactGroup(title, (), text))
    return tuple(groups)


def _facts(title: str, values: Mapping[str, Any]) -> FactGroup:
    rows = ((key.replace("_", " "), _fact(value)) for key, value in values.items())
    return FactGroup(title, tuple(row for row in rows if row[1]))


def _fact(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return "\n".join(value)
    if isinstance(value, str | int):
        return str(value)
    return json.dumps(value, ensure_ascii=False)
