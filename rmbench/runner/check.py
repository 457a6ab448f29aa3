"""Whether a suite file fits its data: everything that is wrong with it, in one go.

A run stops at the first problem. Whoever writes a suite wants all of them: names that do
not exist, rows that cannot be read, subsets without examples, examples that stand twice, and
metrics that have no value on data of this shape.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rmbench import plugins
from rmbench.data import load_suite_data
from rmbench.errors import DataError, RmbenchError, SpecError, UnknownNameError, shorten
from rmbench.metrics.base import MeasureContext
from rmbench.metrics.markdown import with_markdown
from rmbench.metrics.measure import measure
from rmbench.runner.measure import skipped_reasons
from rmbench.runner.suites import suite_path
from rmbench.spec import PreferenceSuite, load_suite
from rmbench.spec.base import read_toml
from rmbench.spec.metric_groups import MARK, expand
from rmbench.spec.suite import suite_problems
from rmbench.types import PreferenceExample, PreferenceSet, ScoredBatch, Scores

Level = Literal["error", "warning"]
About = Literal["suite", "data"]
_NAMED = 3


@dataclass(frozen=True)
class Finding:
    """One thing that was noticed.

    Attributes:
        level: An error makes the check fail; a warning does only where it is strict.
        about: Whether the suite's file or its data are at fault.
        text: What is wrong, and where.
    """

    level: Level
    about: About
    text: str


@dataclass(frozen=True)
class SuiteCheck:
    """What a suite's file and data were found to be.

    Attributes:
        suite: Its name.
        source: Where the data come from.
        layout: Name of the loader the rows were read with.
        files: The files or Hub sets that were read.
        subsets: Examples by subset, sorted by name.
        counts: Numbers of examples, responses, clusters, human ties, skipped rows.
        findings: Errors before warnings.
    """

    suite: str
    source: str
    layout: str
    files: tuple[str, ...]
    subsets: dict[str, int]
    counts: dict[str, int]
    findings: tuple[Finding, ...]

    def exit_code(self, *, strict: bool) -> int:
        """0 if it may be used, 2 if its file is at fault, 3 if its data are."""
        bad = {f.about for f in self.findings if strict or f.level == "error"}
        return 2 if "suite" in bad else 3 if "data" in bad else 0

    def as_json(self) -> dict[str, Any]:
        """Plain values, for ``--json``."""
        return asdict(self)


def check_suite(name_or_path: str, data_dirs: Sequence[Path | str]) -> SuiteCheck:
    """Check one suite against its data.

    Args:
        name_or_path: A suite's name, or the path of its TOML file.
        data_dirs: As for a run; without any, its Hub data set is read.

    Raises:
        SpecError: If the file is not TOML, or a suite without preferences.
        UnknownNameError: If there is no suite of that name.
    """
    path = suite_path(name_or_path)
    if wrong := suite_problems(path):
        found = [Finding("error", "suite", text) for text in (*wrong, *_misnamed(read_toml(path)))]
        return SuiteCheck(path.stem, "", "", (), {}, {}, tuple(found))
    suite = load_suite(path)
    if not isinstance(suite, PreferenceSuite):
        raise SpecError(f"{path}: a suite of kind {suite.kind!r} has no data to check")
    findings = [*_prose(suite, path), *_names(suite)]
    data: PreferenceSet | None = None
    try:
        data = load_suite_data(
            suite.data, suite.name, data_dirs, allow_partial=True, skip_bad_rows=True
        )
    except RmbenchError as error:
        about: About = "data" if isinstance(error, DataError) else "suite"
        # An unknown loader was named among the names.
        if not isinstance(error, UnknownNameError):
            findings.append(Finding("error", about, str(error)))
    if data is not None:
        findings += [*_missing(suite, data), *_rows(suite, data), *_parts(suite, data)]
        findings += [*_repeats(data), *_values(suite, data)]
    findings.sort(key=lambda f: f.level)
    return SuiteCheck(
        suite=suite.name,
        source="" if data is None else data.source,
        layout="" if data is None else data.layout,
        files=() if data is None else data.files,
        subsets={} if data is None else dict(sorted(Counter(e.subset for e in data).items())),
        counts={} if data is None else _counts(data),
        findings=tuple(findings),
    )


def describe_check(check: SuiteCheck) -> str:
    """The check as readable text, ending in its verdict."""
    from tabulate import tabulate

    facts = [(name.replace("_", " "), f"{n:,}") for name, n in check.counts.items()]
    facts += [("layout", check.layout), ("files", shorten(check.files, _NAMED))]
    lines = [check.suite]
    if facts := [f for f in facts if f[1]]:
        lines += ["", tabulate(facts, tablefmt="plain")]
    if len(check.subsets) > 1:
        table = tabulate(check.subsets.items(), headers=["subset", "examples"])
        lines += ["", table]
    lines.append("")
    lines += [f"{f.level}: {f.text}" for f in check.findings]
    errors = sum(f.level == "error" for f in check.findings)
    warnings = len(check.findings) - errors
    verdict = f"{_count(errors, 'error')}, {_count(warnings, 'warning')}"
    lines.append(verdict if check.findings else "no problems found")
    return "\n".join(lines)


def _count(n: int, name: str) -> str:
    return f"{n} {name}" if n == 1 else f"{n} {name}s"


def _counts(data: PreferenceSet) -> dict[str, int]:
    return {
        "examples": len(data),
        "responses": sum(len(e.responses) for e in data),
        "clusters": len({e.group for e in data}),
        "human_ties": sum(e.preference == 0.5 for e in data),
        "skipped_rows": len(data.skipped),
    }


# --- the file


def _prose(suite: PreferenceSuite, path: Path) -> Iterator[Finding]:
    if path.stem != suite.name:
        yield Finding(
            "warning", "suite", f"the file is called {path.name}, the suite {suite.name!r}"
        )
    if suite.data.hub_id or suite.data.files:
        for field in ("licence", "citation", "source"):
            if not getattr(suite, field):
                yield Finding("warning", "suite", f"field {field!r} is empty")
        if suite.data.examples is None and not any(f.count for f in suite.data.files):
            yield Finding(
                "warning",
                "suite",
                "field 'data.examples' is left out, so a truncated file goes unnoticed",
            )
    pins = [suite.data.revision, *(part.revision for part in suite.data.hub_parts)]
    if suite.data.hub_id and not any(pins):
        yield Finding(
            "warning",
            "suite",
            "field 'data.revision' is left out: results depend on when they are made",
        )


def _misnamed(body: Mapping[str, Any]) -> Iterator[str]:
    """Names that mean nothing, also in a file that is no suite yet."""
    known = plugins.names(plugins.METRICS)
    metrics, data, headline = body.get("metrics"), body.get("data"), body.get("headline")
    named = [m for m in metrics if isinstance(m, str)] if isinstance(metrics, list | tuple) else []
    for name in named:
        if not name.startswith(MARK) and name not in known:
            error = UnknownNameError.for_name("metric", name, known)
            yield f"field 'metrics': {str(error).split(' Known:')[0]}"
    with suppress(ValueError):  # a group that is not there is said by who reads the file
        named = list(expand(named))
    if isinstance(headline, str) and headline not in named:
        yield f"field 'headline': {headline!r} is not among the metrics"
    loader = data.get("loader") if isinstance(data, Mapping) else None
    loaders = plugins.names(plugins.LOADERS)
    if isinstance(loader, str) and loader not in loaders:
        yield f"field 'data.loader': {UnknownNameError.for_name('loader', loader, loaders)}"


def _names(suite: PreferenceSuite) -> Iterator[Finding]:
    body = {
        "metrics": suite.metrics,
        "headline": suite.headline,
        "data": {"loader": suite.data.loader},
    }
    for text in _misnamed(body):
        yield Finding("error", "suite", text)
    if len(set(suite.metrics)) < len(suite.metrics):
        twice = [name for name, n in Counter(suite.metrics).items() if n > 1]
        yield Finding("error", "suite", f"field 'metrics': {shorten(twice)} named twice")


# --- the data


def _missing(suite: PreferenceSuite, data: PreferenceSet) -> Iterator[Finding]:
    for name in data.missing:
        yield Finding("error", "data", f"missing: {name}")


def _rows(suite: PreferenceSuite, data: PreferenceSet) -> Iterator[Finding]:
    level: Level = "error" if suite.data.bad_rows == "error" else "warning"
    for reason in skipped_reasons(data):
        yield Finding(
            level,
            "data",
            f"{reason.rows} rows cannot be used: {reason.reason} (the first: {reason.first})",
        )
    same = [e.id for e in data if not set(e.chosen).isdisjoint(e.rejected)]
    if same:
        yield Finding(
            "warning",
            "data",
            f"{len(same)} examples hold one text on both sides, which no scorer can tell "
            f"apart ({_ids(same)})",
        )
    if len({e.group for e in data}) < 2 <= len(data):
        yield Finding(
            "warning",
            "suite",
            f"field 'data.cluster': all {len(data)} examples are one cluster, so nothing "
            "has an interval",
        )


def _parts(suite: PreferenceSuite, data: PreferenceSet) -> Iterator[Finding]:
    there = {e.subset for e in data}
    declared = {file.subset for file in suite.data.files if file.subset not in (None, "*")}
    pooled = {subset for parts in suite.pools.values() for subset in parts}
    lacking = sorted((declared | pooled) - there, key=str)
    if lacking:
        yield Finding(
            "error", "data", f"no example of the subsets {shorten([repr(s) for s in lacking], 8)}"
        )
    if suite.sections and (loose := sorted(there - pooled)):
        yield Finding(
            "warning",
            "suite",
            f"field 'sections': {shorten([repr(s) for s in loose], 8)} is in none of them",
        )
    for name, parts in suite.pools.items():
        if name in there and set(parts) != {name}:
            yield Finding(
                "error",
                "suite",
                f"field 'sections.{name}': the data have a subset of that name, which it does "
                "not stand for",
            )


def _repeats(data: PreferenceSet) -> Iterator[Finding]:
    """Examples that say the same, and pairs that say the opposite."""
    same: dict[Any, list[PreferenceExample]] = defaultdict(list)
    for e in data:
        same[e.prompt, e.chosen, e.rejected].append(e)
    again = [group for group in same.values() if len(group) > 1]
    if again:
        extra = sum(len(group) - 1 for group in again)
        yield Finding(
            "warning",
            "data",
            f"{extra} examples repeat another one's prompt and answers "
            f"({' and '.join(repr(e.id) for e in again[0][:2])})",
        )
    opposite = [
        (group[0].id, same[prompt, rejected, chosen][0].id)
        for (prompt, chosen, rejected), group in list(same.items())
        if chosen < rejected and (prompt, rejected, chosen) in same
    ]
    if opposite:
        yield Finding(
            "warning",
            "data",
            f"{len(opposite)} pairs of answers are there with either one chosen "
            f"({' and '.join(map(repr, opposite[0]))})",
        )


def _values(suite: PreferenceSuite, data: PreferenceSet) -> Iterator[Finding]:
    """Metrics that have no value on data of this shape, whatever the rewards are."""
    known = plugins.names(plugins.METRICS)
    metrics = [plugins.load(plugins.METRICS, name) for name in suite.metrics if name in known]
    n = sum(len(e.responses) for e in data)
    # Without ties, and right more often than not: what has no value here has none on the data.
    rewards = np.random.default_rng(0).permutation(n) / max(n, 1)
    rewards += [i < len(e.chosen) and 0.3 for e in data for i in range(len(e.responses))]
    batch = ScoredBatch(rewards, np.ones(n, np.int64), np.zeros(n, np.bool_))
    context = MeasureContext(
        ties=suite.ties, sections=suite.pools, score_tree=suite.score_tree, seed=0
    )
    try:
        scores = with_markdown(Scores.from_batch(data, batch), data)
        estimates = measure(metrics, scores, context)
    except ValueError as error:
        yield Finding("error", "suite", f"its metrics cannot be computed: {error}")
        return
    for e in estimates:
        if e.subset is None and e.value is None:
            level: Level = "error" if e.metric == suite.headline else "warning"
            about: About = "data" if data.missing else "suite"
            yield Finding(level, about, f"metric {e.metric!r} has no value: {e.reason}")


def _ids(ids: Sequence[str]) -> str:
    return shorten([repr(i) for i in ids], _NAMED)
