"""The tables of a report as data, before any format has its say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rmbench.report.arms import METRICS as ARM_METRICS
from rmbench.report.arms import arm_rows
from rmbench.report.content_notes import BASELINE_MARK, Footnotes, build_notes
from rmbench.report.labels import OTHER, label_of, position_of
from rmbench.report.numbers import UNDEFINED, size_range, value_only, with_interval
from rmbench.report.overview import Entry, Overview, ScorerRow, SuiteView
from rmbench.report.robustness import HEADER as TRANSFORMATION_HEADER
from rmbench.report.robustness import is_robustness, transformation_rows
from rmbench.report.text import Safe, Text
from rmbench.report.training import NLL, StepKey, TrainingRun, training_runs
from rmbench.result import Result


@dataclass(frozen=True)
class Table:
    """One table: the first columns name the row, the others hold numbers.

    Attributes:
        title: What it shows.
        header: One per column.
        rows: Each as long as the header.
        n_labels: How many columns name the row.
        label_widths: Characters that a terminal shows of each of those; ``None`` for the usual.
    """

    title: Text
    header: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]
    n_labels: int = 1
    label_widths: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Content:
    """Every table of a report and the notes below them.

    Attributes:
        summary: The headline of every suite; ``None`` where no suite has one.
        tables: The others, suite by suite.
        notes: Footnotes and reasons, in the order they are first referred to.
    """

    summary: Table | None
    tables: tuple[Table, ...]
    notes: tuple[Text, ...]


def build(overview: Overview) -> Content:
    """All tables of a report."""
    footnotes = Footnotes.of(overview)
    summary = _summary(overview, footnotes)
    tables = [_by_step(run, footnotes) for run in training_runs(overview)]
    for suite in overview.suites:
        if suite.is_throughput:
            continue
        tables.extend(_suite_tables(suite, footnotes))
    if any(not s.is_throughput for s in overview.suites):
        tables.append(_counts(overview, footnotes))
    if overview.throughput_suites:
        tables.append(_throughput(overview, footnotes))
        tables.extend(_arms(overview))
    return Content(summary, tuple(tables), tuple(build_notes(overview, footnotes)))


def scorer_name(scorer: ScorerRow) -> tuple[str, ...]:
    """The name, marked where the scorer is a content-blind baseline."""
    return (scorer.name, BASELINE_MARK) if scorer.info.content_blind else (scorer.name,)


def _summary(overview: Overview, footnotes: Footnotes) -> Table | None:
    suites = overview.accuracy_suites
    if not suites:
        return None
    by_scorer = [{e.scorer.key: e for e in suite.entries} for suite in suites]
    rows = []
    for scorer in overview.scorers:
        found = [entries.get(scorer.key) for entries in by_scorer]
        if not any(found):
            continue
        cells: list[Text] = [scorer_name(scorer)]
        for suite, entry in zip(suites, found, strict=True):
            cells.append(Safe("") if entry is None else _headline_cell(suite, entry, footnotes))
        rows.append(tuple(cells))
    header: list[Text] = [Safe("scorer")]
    header += [(s.name, Safe(f"\n{label_of(s.headline or '').label}")) for s in suites]
    return Table(Safe("Summary"), tuple(header), tuple(rows))


def _headline_cell(suite: SuiteView, entry: Entry, footnotes: Footnotes) -> Text:
    value = with_interval(suite.headline_of(entry.result))
    return Safe(f"{value} {footnotes.mark(entry)}".rstrip())


def _by_step(run: TrainingRun, footnotes: Footnotes) -> Table:
    """The headlines of a run's checkpoints, and their NLL where there is one."""
    header: list[Text] = [Safe("step")]
    columns: list[dict[StepKey, str]] = []
    for curve in run.curves:
        header.append((curve.suite.name, Safe(f"\n{label_of(curve.metric).label}")))
        cells = {}
        for p in curve.points:
            mark = footnotes.mark(p.entry) if curve.metric != NLL else ""
            cells[p.key] = f"{with_interval(p.estimate)} {mark}".rstrip()
        columns.append(cells)
    rows = []
    for key in run.keys:
        name = Safe(f"{key.step:,} (final)" if key.final else f"{key.step:,}")
        rows.append((name, *(Safe(cells.get(key, "")) for cells in columns)))
    return Table((run.name, Safe(" by training step")), tuple(header), tuple(rows))


@dataclass(frozen=True)
class _Column:
    header: Text
    cell: Callable[[Result], str]


def _suite_tables(suite: SuiteView, footnotes: Footnotes) -> list[Table]:
    tables = []
    if suite.metrics:
        columns = [_Column(Safe("n"), _examples), *_metric_columns(_main_metrics(suite))]
        rows = [
            (_marked_name(e, footnotes), *(Safe(c.cell(e.result)) for c in columns))
            for e in suite.entries
        ]
        header = (Safe("scorer"), *(c.header for c in columns))
        tables.append(Table((suite.name,), header, tuple(rows)))
    shown = list(suite.part_metrics)
    if suite.toggles:
        shown += [m for m in ("confounder_shift", "confounder_win_rate") if suite.subsets_of(m)]
    tables += [_by_subset(suite, metric, footnotes) for metric in shown]
    tables += [_transformations(suite, e) for e in suite.entries if is_robustness(e.result)]
    return tables


def _transformations(suite: SuiteView, entry: Entry) -> Table:
    rows: list[tuple[Text, ...]] = [
        ((row.name,), *(Safe(cell) for cell in row.cells))
        for row in transformation_rows(entry.result)
    ]
    title = (suite.name, Safe(": "), entry.scorer.name, Safe(" by transformation, worst first"))
    header = (Safe("transformation"), *(Safe(name) for name in TRANSFORMATION_HEADER))
    return Table(title, header, tuple(rows))


def _marked_name(entry: Entry, footnotes: Footnotes) -> Text:
    mark = footnotes.mark(entry)
    name = scorer_name(entry.scorer)
    return (*name, Safe(f" {mark}")) if mark else name


def _examples(result: Result) -> str:
    return f"{result.counts.examples:,}"


def _main_metrics(suite: SuiteView) -> list[str]:
    """The metrics worth a column: not those that only repeat the accuracy."""
    results = [entry.result for entry in suite.entries]

    def repeats_accuracy(metric: str) -> bool:
        pairs = [(r.estimate(metric), r.estimate("accuracy")) for r in results]
        return all(
            a is None or a.value is None or (b is not None and a.value == b.value) for a, b in pairs
        )

    # A partial result has the headline's own metric alone.
    is_score = suite.ref.headline in suite.part_metrics[:1] and all(
        r.estimate("score") for r in results
    )
    repeats_score = suite.ref.headline if is_score and suite.ref.headline != "accuracy" else None
    return [
        m
        for m in suite.metrics
        if label_of(m).main
        and m != repeats_score
        and not (m in ("score", "best_of_n_accuracy") and repeats_accuracy(m))
    ]


def _metric_columns(metrics: Sequence[str]) -> list[_Column]:
    """One column per metric; a value and the one it is read against share one."""
    partners = {"ece": "ece_null", "worst_subset_accuracy": "worst_subset_accuracy_chance"}
    paired = {b for a, b in partners.items() if a in metrics and b in metrics}
    headers = {
        "ece": Safe("ECE (if calibrated)"),
        "worst_subset_accuracy": Safe("worst subset (by chance)"),
    }
    columns = []
    for metric in metrics:
        if metric in paired:
            continue
        partner = partners.get(metric)
        if partner in paired:
            columns.append(_Column(headers[metric], _pair_cell(metric, partner)))
        else:
            columns.append(_Column(_header(metric), _metric_cell(metric)))
    return columns


def _header(metric: str) -> Text:
    """A metric's label; the name of one that is not rmbench's own is foreign text."""
    label = label_of(metric)
    return (label.label,) if label.group == OTHER else Safe(label.label)


def _metric_cell(metric: str) -> Callable[[Result], str]:
    label = label_of(metric)
    write = with_interval if label.interval else value_only
    return lambda result: write(result.estimate(metric), signed=label.signed)


def _pair_cell(metric: str, partner: str) -> Callable[[Result], str]:
    def cell(result: Result) -> str:
        estimate = result.estimate(metric)
        if estimate is None or estimate.value is None:
            return UNDEFINED
        return f"{value_only(estimate)} ({value_only(result.estimate(partner))})"

    return cell


def _by_subset(suite: SuiteView, metric: str, footnotes: Footnotes) -> Table:
    signed = label_of(metric).signed
    rows = []
    for subset in suite.subsets_of(metric):
        found = [e.result.estimate(metric, subset) for e in suite.entries]
        sizes = {e.n for e in found if e is not None}
        cells = [Safe(with_interval(e, signed=signed)) for e in found]
        row: tuple[Text, ...] = ((subset,), Safe(size_range(sizes)), *cells)
        rows.append(row)
    title = (suite.name, Safe(f": {label_of(metric).by_part}"))
    header = (Safe("subset"), Safe("n"), *(_marked_name(e, footnotes) for e in suite.entries))
    return Table(title, header, tuple(rows))


def _counts(overview: Overview, footnotes: Footnotes) -> Table:
    rows: list[tuple[Text, ...]] = []
    for suite in overview.suites:
        if suite.is_throughput:
            continue
        for entry in suite.entries:
            c = entry.result.counts
            numbers = (c.examples, c.ties, c.truncated, c.failed, c.skipped)
            name = _marked_name(entry, footnotes)
            rows.append((name, (suite.name,), *(Safe(f"{n:,}") for n in numbers)))
    names = ("scorer", "suite", "examples", "ties", "truncated", "failed", "skipped")
    return Table(Safe("Counts"), tuple(Safe(n) for n in names), tuple(rows), n_labels=2)


def _throughput(overview: Overview, footnotes: Footnotes) -> Table:
    found = {m for s in overview.throughput_suites for m in s.metrics if label_of(m).main}
    metrics = sorted(found, key=position_of)
    rows: list[tuple[Text, ...]] = []
    for suite in overview.throughput_suites:
        for entry in suite.entries:
            name = _marked_name(entry, footnotes)
            cells = [Safe(value_only(entry.result.estimate(m))) for m in metrics]
            rows.append((name, (device_of(entry.result),), *cells))
    header = (Safe("scorer"), Safe("device"), *(_header(m) for m in metrics))
    return Table(Safe("Throughput"), header, tuple(rows), n_labels=2)


def _arms(overview: Overview) -> list[Table]:
    metrics = [m for m in ARM_METRICS if label_of(m).main]
    rows: list[tuple[Text, ...]] = []
    for suite in overview.throughput_suites:
        for entry in suite.entries:
            for row in arm_rows(entry.result, metrics):
                own = (row.arm, Safe(" (own)")) if row.is_own else (row.arm,)
                rows.append((scorer_name(entry.scorer), own, *(Safe(c) for c in row.cells)))
    if not rows:
        return []
    header = (Safe("scorer"), Safe("batches"), *(_header(m) for m in metrics))
    return [Table(Safe("Throughput by way of making batches"), header, tuple(rows), n_labels=2)]


def device_of(result: Result) -> str:
    """What a model ran on; a CPU with the number of threads."""
    env, engine = result.provenance.environment, result.provenance.engine
    name = env.device or env.cpu
    on_cpu = engine.device.startswith("cpu") if engine else env.device is None
    threads = "1 thread" if env.threads == 1 else f"{env.threads} threads"
    return f"{name}, {threads}" if on_cpu else name
