"""Results as model-index entries, in the front matter of a Hugging Face model card.

The format is that of ``huggingface_hub.EvalResult``: numbers stay numbers, and what belongs to
them (interval, method, number of examples, unit) stands in ``metric_args``. The data set is named
by its Hub id where the suite is a built-in one that has one, otherwise by the suite's name.

Source: the model card specification of the Hub, https://huggingface.co/docs/hub/model-cards.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # has no annotations; huggingface_hub depends on it
from huggingface_hub import EvalResult
from huggingface_hub.repocard_data import eval_results_to_model_index

from rmbench.errors import ResultError, UsageError, shorten
from rmbench.report.caveats import flags
from rmbench.report.labels import label_of
from rmbench.report.table import render_markdown
from rmbench.report.text import markdown, plain
from rmbench.resources import builtin_suites
from rmbench.result import Estimate, Result, StoredRun, scorer_slug
from rmbench.result.store import write_bytes
from rmbench.spec import PreferenceSuite, load_suite

TASK = ("preference_evaluation", "Preference evaluation")
"""Type and name of the task; reward-bench writes the same type."""

SOURCE = ("rmbench", "https://github.com/rmbench/rmbench")
"""Name and address that mark entries as ours; an update replaces those and no others."""

_FRONT_MATTER = re.compile(
    r"\A(\s*---[ \t]*\r?\n)(.*?)(^---[ \t]*(?:\r?\n|\Z))", re.DOTALL | re.MULTILINE
)
_KEY = "model-index"


@dataclass(frozen=True)
class _Data:
    """What the Hub calls the data of a suite."""

    type: str
    config: str | None = None
    split: str | None = None


def eval_results(runs: Sequence[StoredRun]) -> list[EvalResult]:
    """The entries of one model: each suite's main metrics, and its headline part by part.

    Undefined estimates are left out. Throughput is left out: it is of a machine, not of a model.

    Args:
        runs: Of one scorer, at most one for each suite.

    Raises:
        UsageError: If they are of several scorers, of one that does not read answers, of one
            suite twice, or hold nothing to write.
    """
    _check(runs)
    found: list[EvalResult] = []
    results = [run.result for run in runs if run.result.suite.kind == "preference"]
    shared = Counter(_data_of(r) for r in results)
    for result in results:
        data = _data_of(result)
        chosen = [e for e in result.estimates if e.value is not None and _on_a_card(e, result)]
        # One data set's entries stand together, as the model-index groups them.
        for subset in dict.fromkeys(e.subset for e in chosen):
            config = _config(data, subset, result.suite.name if shared[data] > 1 else None)
            found += [_entry(e, result, data, config) for e in chosen if e.subset == subset]
    if not found:
        raise UsageError("no result has a number for a model card")
    return found


def model_index(runs: Sequence[StoredRun]) -> list[dict[str, Any]]:
    """The value of ``model-index``; see ``eval_results``."""
    index: list[dict[str, Any]] = eval_results_to_model_index(_model_name(runs), eval_results(runs))
    return index


def front_matter(runs: Sequence[StoredRun]) -> str:
    """A YAML block that can be pasted at the top of a card; see ``eval_results``."""
    return f"---\n{_dump(model_index(runs))}---\n"


def write_model_card(runs: Sequence[StoredRun], out: Path) -> None:
    """Write a new card, or put the entries into the one that is there.

    Of an existing card only the entries that rmbench wrote before are replaced; its text, the
    rest of its front matter to the letter, and other tools' entries stay.

    Args:
        runs: Of one scorer; see ``eval_results``.
        out: A Markdown file.

    Raises:
        UsageError: As ``eval_results``; or if the file is no ``.md``, or its front matter is
            not what a model card has.
        ResultError: If the file cannot be read or written.
    """
    if out.suffix.lower() != ".md":
        raise UsageError(f"{out}: a model card's name ends in .md")
    try:
        there = out.read_bytes().decode("utf-8") if out.exists() else None
    except OSError as error:
        raise ResultError(f"{out}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{out}: is not UTF-8 text, so no model card to update") from None
    body = _new_card(runs) if there is None else updated_card(there, runs, str(out))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(out, body.encode())
    except OSError as error:
        raise ResultError(f"{out}: cannot be written: {error.strerror or error}") from None


def updated_card(card: str, runs: Sequence[StoredRun], where: str) -> str:
    """The card with this model's entries in its front matter.

    Args:
        card: A model card, with front matter or without.
        runs: Of one scorer; see ``eval_results``.
        where: What to call the card in messages.

    Raises:
        UsageError: As ``eval_results``; or if the front matter is not YAML of a model card or
            names several models.
    """
    found = _FRONT_MATTER.match(card.removeprefix("\ufeff"))
    newline = "\r\n" if "\r\n" in card else "\n"
    if found is None:
        return front_matter(runs).replace("\n", newline) + newline + card.removeprefix("\ufeff")
    before, block, after = found.groups()
    known = _parsed(block, where)
    index = model_index(runs)
    old = _only_entry(known.get(_KEY), where)
    if old is not None:
        kept = [r for r in old["results"] if not _is_ours(r)]
        index = [{**old, "results": kept + index[0]["results"]}]
    lines = _dump(index).replace("\n", newline)
    changed = _without_key(block) + lines
    if _parsed(changed, where) != {**known, _KEY: index}:
        raise UsageError(
            f"{where}: its front matter cannot be changed without touching more than {_KEY!r}: "
            f"write its {_KEY!r} as a list in block style, or write a new card and paste"
        )
    rest = card.removeprefix("\ufeff")[found.end() :]
    return before + changed + after + rest


def _check(runs: Sequence[StoredRun]) -> None:
    names = {scorer_slug(run.result.scorer): run.result.scorer.name for run in runs}
    if len(names) > 1:
        raise UsageError(
            f"a model card is of one model, not of {len(names)} "
            f"({shorten([plain(n) for n in names.values()], 4)}): name one scorer's folder"
        )
    for run in runs:
        if run.result.scorer.content_blind:
            raise UsageError(
                f"{plain(run.result.scorer.name)!r} does not read what answers say: "
                "it is a baseline to compare with, and no model that has a card"
            )
    places: dict[str, Path] = {}
    for run in runs:
        other = places.setdefault(run.result.suite.name, run.path)
        if other != run.path:
            suite = plain(run.result.suite.name)
            raise UsageError(f"two results on {suite!r}: {other} and {run.path}; name one of them")


def _model_name(runs: Sequence[StoredRun]) -> str:
    return plain(runs[0].result.scorer.name) if runs else ""


def _on_a_card(e: Estimate, result: Result) -> bool:
    """Main metrics of the whole suite; of its parts what its headline rests on."""
    if e.subset is None:
        return label_of(e.metric).main
    return e.metric in {"score", "accuracy", result.suite.headline}


def _entry(e: Estimate, result: Result, data: _Data, config: str | None) -> EvalResult:
    title = plain(result.suite.title or result.suite.name)
    provenance = result.provenance.data
    about: dict[str, Any] = {
        "suite": plain(result.suite.name),
        "suite_version": plain(result.suite.version),
        "suite_digest": result.suite.digest,
        "subset": None if e.subset is None else plain(e.subset),
        "missing": [plain(part) for part in result.missing] or None,
        "changed_rules": [plain(rule) for rule in result.modified] or None,
        "caveats": list(flags(result)) or None,
    }
    args: dict[str, Any] = {
        "ci_low": e.ci_low,
        "ci_high": e.ci_high,
        "ci_method": e.ci_method,
        "confidence": None if e.ci_low is None else 0.95,
        "n": e.n,
        "unit": plain(e.unit),
        "rmbench_version": plain(result.provenance.rmbench_version),
    }
    return EvalResult(
        task_type=TASK[0],
        task_name=TASK[1],
        dataset_type=data.type,
        dataset_name=title if e.subset is None else f"{title} ({plain(e.subset)})",
        dataset_config=config,
        dataset_split=data.split,
        dataset_revision=provenance.revision if provenance else None,
        dataset_args={k: v for k, v in about.items() if v is not None},
        metric_type=plain(e.metric),
        metric_name=label_of(e.metric).label,
        metric_value=e.value,
        metric_args={k: v for k, v in args.items() if v is not None},
        source_name=SOURCE[0],
        source_url=SOURCE[1],
    )


def _config(data: _Data, subset: str | None, suite: str | None) -> str | None:
    """What tells one group of entries from others on the same data set."""
    part = data.config if subset is None else plain(subset)
    if suite is None:
        return part
    return plain(suite) if part is None else f"{plain(suite)}/{part}"


def _data_of(result: Result) -> _Data:
    """The Hub's name of the data, where the suite is a built-in one and not another of its name."""
    suite = result.suite
    known = builtin_suites().get(suite.name)
    data = None if known is None else _hub_data(known, suite.digest)
    return data or _Data(plain(suite.name))


@cache
def _hub_data(path: Path, digest: str) -> _Data | None:
    spec = load_suite(path)
    if not isinstance(spec, PreferenceSuite) or spec.digest != digest:
        return None
    ids = {part.hub_id or spec.data.hub_id for part in spec.data.hub_parts} or {spec.data.hub_id}
    hub_id = ids.pop()
    if ids or hub_id is None:
        return None
    # Several parts are several configurations or splits: then none is the suite's.
    if spec.data.hub_parts:
        return _Data(hub_id)
    return _Data(hub_id, spec.data.config, spec.data.split)


def _new_card(runs: Sequence[StoredRun]) -> str:
    front = front_matter(runs)
    name = _model_name(runs)
    table = render_markdown(runs, f"Evaluation of {name}")
    return (
        f"{front}\n# {markdown(name)}\n\n{table.replace(chr(10) + '#', chr(10) + '##').strip()}\n"
    )


# ---- the front matter of a card that is there ----


def _dump(index: list[dict[str, Any]]) -> str:
    dumped: str = yaml.safe_dump({_KEY: index}, sort_keys=False, allow_unicode=True)
    return dumped


def _parsed(block: str, where: str) -> dict[str, Any]:
    try:
        body = yaml.safe_load(block)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 2})" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise UsageError(f"{where}: its front matter cannot be read{line}: {problem}") from None
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise UsageError(f"{where}: its front matter holds no keys, so it is no model card")
    return body


def _only_entry(index: Any, where: str) -> dict[str, Any] | None:
    """The entry of the one model that a card is of."""
    if not index:
        return None
    entries = index if isinstance(index, list) else [index]
    if len(entries) > 1:
        raise UsageError(f"{where}: its {_KEY!r} is of {len(entries)} models; update it by hand")
    entry = entries[0]
    if not isinstance(entry, dict) or not isinstance(entry.get("results"), list):
        raise UsageError(f"{where}: its {_KEY!r} has no list of results")
    return entry


def _is_ours(result: Any) -> bool:
    source = result.get("source") if isinstance(result, dict) else None
    return isinstance(source, dict) and source.get("name") == SOURCE[0]


def _without_key(block: str) -> str:
    """The lines of a YAML mapping without those of ``model-index``."""
    return "".join(_other_lines(block.splitlines(keepends=True)))


def _other_lines(lines: Sequence[str]) -> Iterator[str]:
    inside = False
    for line in lines:
        if re.match(rf"""(["']?){_KEY}\1[ \t]*:""", line):
            inside = True
        elif inside and line[0] not in " \t-\r\n#":
            inside = False
        if not inside or line.startswith("#"):
            yield line
