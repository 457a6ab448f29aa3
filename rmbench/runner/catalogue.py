"""What is on offer: the texts of ``rmbench list`` and ``rmbench show``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import fill, wrap
from typing import Any

from tabulate import tabulate

from rmbench import plugins
from rmbench.errors import RmbenchError, UsageError, shorten
from rmbench.runner import robustness
from rmbench.runner.suites import find_suite, load_data, suite_names
from rmbench.spec import (
    DataFile,
    DataSpec,
    PreferenceSuite,
    RobustnessSuite,
    SuiteSpec,
    ThroughputSuite,
)
from rmbench.spec.metric_groups import MARK, METRIC_GROUPS, contract

_GROUPS = {"scorers": plugins.SCORERS, "metrics": plugins.METRICS, "loaders": plugins.LOADERS}

_LEAST_ROOM = 26
_WIDEST = 70
"""Characters of a list's column that says what something is."""

# A scorer's module may import torch, which listing must not; what the built-in ones
# are is said here.
_SCORERS = {
    "hf": "a sequence-classification model: folder or Hub id; may be left out",
    "length": "characters of the answer: longer wins",
    "shorter": "minus the characters of the answer: shorter wins",
    "markdown": "headers, list items and bold spans of the answer: more win",
    "first-person": "share of words such as I, my, we: more win",
    "refusal": "whether the answer opens like a refusal, by phrases",
    "bow": "a bag of words fitted to preferences: bow:SRC, or one that was saved: bow:FILE",
    "random": "a seeded hash of prompt and answer",
    "replay": "rewards from a file: replay:FILE, rmbench's or a benchmark's own",
}


def list_entries(what: str) -> list[dict[str, Any]]:
    """One row per suite, scorer, metric or loader, sorted by name.

    A plug-in that is broken has a row that says so, and hides none of the others.
    """
    if what == "suites":
        return [_suite_row(name) for name in suite_names()]
    group = _GROUPS[what]
    row = {"scorers": _scorer_row, "metrics": _metric_row, "loaders": _loader_row}[what]
    return [row(name) for name in plugins.names(group)]


def _scorer_row(name: str) -> dict[str, Any]:
    what = _SCORERS.get(name) or f"of the package {plugins.package(plugins.SCORERS, name)}"
    return {"name": f"{name}:", "what": what}


def _loader_row(name: str) -> dict[str, Any]:
    try:
        return {"name": name, "what": plugins.load(plugins.LOADERS, name).summary}
    except UsageError as error:
        return {"name": name, "what": f"cannot be used: {error}"}


def _metric_row(name: str) -> dict[str, Any]:
    groups = [f"{MARK}{group}" for group, members in METRIC_GROUPS.items() if name in members]
    try:
        metric = plugins.load(plugins.METRICS, name)
    except UsageError as error:
        what, unit, direction = f"cannot be used: {error}", "–", "–"
    else:
        what, unit = metric.summary, metric.unit
        direction = {True: "higher", False: "lower", None: "–"}[metric.higher_is_better]
    return {"name": name, "what": what, "unit": unit, "better": direction, "groups": groups}


def _suite_row(name: str) -> dict[str, Any]:
    try:
        suite = find_suite(name)
    except RmbenchError as error:
        return {"name": name, "what": f"cannot be used: {error}", "examples": "–", "data": "–"}
    if isinstance(suite, ThroughputSuite):
        return {"name": name, "what": suite.title, "examples": suite.prompts, "data": "generated"}
    data = suite.data
    where = data.hub_id or ("your own" if not data.local_name else f"local {data.local_name}/")
    if data.options:
        where = "generated"
    return {"name": name, "what": suite.title, "examples": data.examples or "–", "data": where}


def render_entries(entries: Sequence[Mapping[str, Any]], width: int = 120) -> str:
    """The rows of ``list_entries`` for a terminal.

    Args:
        entries: Rows with the same keys, ``name`` and ``what`` among them.
        width: Columns. A table where what is said of each has room in it; else each name with
            what is said below it.

    >>> print(render_entries([{"name": "nll", "what": "a loss", "groups": ["@calibration"]}]))
    name    what    groups
    ------  ------  ------------
    nll     a loss  @calibration
    """
    rows = [{key: _cell(value) for key, value in e.items()} for e in entries]
    others = [key for key in rows[0] if key != "what"]
    # Two more for a header: what tabulate gives it around its words.
    taken = sum(max(len(key) + 2, *(len(row[key]) for row in rows)) + 2 for key in others)
    room = width - taken
    if room < _LEAST_ROOM:
        return "\n".join(_stacked(row, width) for row in rows)
    widths = [min(room, _WIDEST) if key == "what" else None for key in rows[0]]
    return tabulate(
        rows, headers="keys", tablefmt="simple", maxcolwidths=widths, disable_numparse=True
    )


def _cell(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


def _stacked(row: Mapping[str, str], width: int) -> str:
    said = "; ".join(
        f"{key}: {value}" for key, value in row.items() if key not in ("name", "what") and value
    )
    lines = [
        row["name"],
        *(f"    {x}" for text in (row["what"], said) for x in wrap(text, width - 4)),
    ]
    return "\n".join(lines)


def list_prefixes(what: str) -> list[dict[str, str]]:
    """What may stand before a name of the list to make another thing of it."""
    if what != "suites":
        return []
    return [{"name": f"{robustness.PREFIX}SUITE", "what": robustness.SUMMARY}]


def suite_as_json(suite: SuiteSpec, data_dirs: Sequence[Path | str] = ()) -> dict[str, Any]:
    """A suite's fields; with data, also how many examples each transformation fits.

    Args:
        suite: The suite.
        data_dirs: Folders with its data; read for a suite that rewrites another one's texts.

    Raises:
        UsageError: If the data cannot be found.
        DataError: If they cannot be read.
    """
    body = suite.model_dump(mode="json")
    if isinstance(suite, RobustnessSuite) and data_dirs:
        body["facts"] = robustness.facts(suite, load_data(suite, data_dirs))
    return body


def describe_suite(suite: SuiteSpec, data_dirs: Sequence[Path | str] = ()) -> str:
    """A suite as readable text; arguments and errors as of ``suite_as_json``."""
    text = _described(suite)
    if isinstance(suite, RobustnessSuite):
        data = load_data(suite, data_dirs) if data_dirs else None
        text += f"\n\n{robustness.describe(suite, data)}"
    return text


def _described(suite: SuiteSpec) -> str:
    head = f"{suite.name} (version {suite.version}): {suite.title}\n\n{fill(suite.description, 88)}"
    rows: list[tuple[str, str]] = []
    if isinstance(suite, PreferenceSuite):
        rows += _preference_rows(suite)
    else:
        rows += [
            ("workload", f"{suite.prompts} prompts, two answers each"),
            ("passes", f"{suite.passes} after {suite.warmup_passes} of warm-up"),
        ]
    for label, value in (
        ("licence", suite.licence),
        ("source", suite.source),
        ("cite", suite.citation),
    ):
        if value:
            rows.append((label, " ".join(value.split())))
    rows.append(("digest", suite.digest))
    table = tabulate(rows, tablefmt="plain", maxcolwidths=[None, 76])
    shown = suite.caveats if isinstance(suite, PreferenceSuite) else suite.notes
    notes = "".join(f"\n\nNote: {fill(n, 88)}" for n in shown)
    return f"{head}\n\n{table}{notes}"


def _preference_rows(suite: PreferenceSuite) -> list[tuple[str, str]]:
    data = suite.data
    rows = [("examples", str(data.examples) if data.examples else "as many as there are")]
    if isinstance(suite, RobustnessSuite):
        made = f"version {suite.transformations_version}, seed {suite.transformation_seed}"
        rows.insert(0, ("made from", f"{suite.base.name} (digest {suite.base.digest[:12]})"))
        rows[1] = ("examples", f"{rows[1][1]}, each also rewritten")
        rows.append(("rewritten", f"in {len(suite.transformations)} ways ({made}), see below"))
    if data.hub_id:
        for hub_id, part in _hub(data).items():
            rows.append(("Hub", f"{hub_id} ({part})"))
        pins = {data.revision, *(part.revision for part in data.hub_parts)}
        known = ", ".join(sorted(pin for pin in pins if pin))
        rows.append(("revision", known or "not pinned; the commit read is recorded"))
    if data.files:
        paths = [_paths(data.local_name, file) for file in data.files]
        rows.append(("local files", shorten(paths, 8)))
    if data.normalised:
        entries = [(n,) if isinstance(n, str) else n for n in data.normalised]
        paths = [" + ".join(f"{data.local_name}/{name}" for name in names) for names in entries]
        rows.append(("or normalised", ", ".join(paths)))
    rows += [
        ("loader", data.loader),
        ("layout", data.layout),
        ("ties", suite.ties),
        ("unusable rows", data.bad_rows),
        ("intervals by", data.cluster),
        ("headline", suite.headline or "none"),
        *_measured(suite),
    ]
    if suite.sections:
        sections = "; ".join(
            f"{name}: {_sum(parts, suite.subset_weights)}" for name, parts in suite.sections.items()
        )
        rows.append(("sections", sections))
    if suite.section_weights:
        rows.append(("weighted", _sum(suite.section_weights, suite.section_weights)))
    if suite.editions:
        rows.append((f"in each of {len(suite.editions)}", ", ".join(suite.editions)))
    return rows


def _measured(suite: PreferenceSuite) -> list[tuple[str, str]]:
    """The metrics, whole groups by name, and below the members of each."""
    names = contract(suite.metrics)
    groups = [name for name in names if name.startswith(MARK)]
    rows = [("metrics", ", ".join(names))]
    rows += [(g, ", ".join(METRIC_GROUPS[g.removeprefix(MARK)])) for g in groups]
    return rows


def _hub(data: DataSpec) -> dict[str, str]:
    """Each Hub data set of a suite, and what of it is read."""
    read: dict[str, dict[str, None]] = {}
    for part in data.hub_parts or (data,):
        config, split = part.config or data.config, part.split or data.split or "only split"
        what = f"{config}: {split}" if config else split
        read.setdefault(part.hub_id or data.hub_id or "", {})[what] = None
    return {hub_id: ", ".join(what) for hub_id, what in read.items()}


def _paths(folder: str | None, file: DataFile) -> str:
    return " or ".join(f"{folder}/{path}" for path in (file.path, *file.also))


def _sum(names: Iterable[str], weights: Mapping[str, float]) -> str:
    return " + ".join(f"{weights[n]:g} {n}" if n in weights else n for n in names)
