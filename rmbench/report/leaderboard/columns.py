"""Which results stand in one column: those that were measured alike, on the same data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np

from rmbench.result import Result, ScorerInfo, StoredRun, SuiteRef, scorer_slug
from rmbench.result.board import LeftOut

_HEADLINES = ("accuracy", "macro_accuracy", "section_mean_accuracy", "best_of_n_accuracy")


@dataclass(frozen=True)
class Member:
    """One result in a column.

    Attributes:
        model: Key of its model.
        run: The result and where it lies.
        complete: Whether no part of the suite is missing, so that it can be ranked.
    """

    model: str
    run: StoredRun
    complete: bool


@dataclass(frozen=True)
class Column:
    """Results on one suite by one rule on one set of data.

    Attributes:
        key: Unique on the board.
        label: The suite's name, with what sets it apart from namesakes.
        ref: The suite, as the newest result names it.
        metric: Whose values stand in the column.
        ties: The tie policy that was used.
        modified: What differs from the suite's own rules.
        fingerprint: Of the data, or of the ids of rewards that were measured without their data;
            ``None`` where no result is complete.
        older_than: Version that newer results of the same suite were measured on.
        members: One per model.
    """

    key: str
    label: str
    ref: SuiteRef
    metric: str
    ties: str
    modified: tuple[str, ...]
    fingerprint: str | None
    older_than: str | None
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Sorted:
    """All results of a board by what they are.

    Attributes:
        models: Key to what the newest result says of the scorer, in order of appearance.
        names: Key to a name that is unique on the board.
        columns: By label.
        costs: Results of speed.
        left_out: What stands nowhere, and why.
    """

    models: Mapping[str, ScorerInfo]
    names: Mapping[str, str]
    columns: tuple[Column, ...]
    costs: tuple[Member, ...]
    left_out: tuple[LeftOut, ...]


_Rule = tuple[str, str, str, tuple[str, ...]]


def sort_runs(runs: Sequence[StoredRun], places: Mapping[Path, str]) -> Sorted:
    """Put results into columns.

    A column holds results of one suite digest, tie policy and set of changed rules, on data of
    one fingerprint; where rewards were measured by themselves, of the same ids. Partial results
    have other data by nature: they stand in the column of their rule that has most complete
    ones. Of several results of a scorer in a column the newest counts.

    Args:
        runs: What was found.
        places: How the folder of each is named in messages.

    Raises:
        ResultError: If scores that tell the data cannot be read.
    """
    models: dict[str, ScorerInfo] = {}
    rules: dict[_Rule, list[Member]] = {}
    costs: list[Member] = []
    left_out: list[LeftOut] = []
    by_place = sorted(runs, key=lambda run: places[run.path])
    for run in sorted(by_place, key=lambda run: created(run.result), reverse=True):
        member = Member(scorer_slug(run.result.scorer), run, not run.result.partial)
        models.setdefault(member.model, run.result.scorer)
        if run.result.suite.kind == "throughput":
            costs.append(member)
        else:
            rules.setdefault(_rule(run.result), []).append(member)

    names = _unique_names(models)

    def leave_out(member: Member, reason: str) -> None:
        model, suite = names[member.model], member.run.result.suite.name
        left_out.append(
            LeftOut(path=places[member.run.path], model=model, suite=suite, reason=reason)
        )

    newest_digest: dict[str, SuiteRef] = {}
    for members in rules.values():  # newest first
        ref = members[0].run.result.suite
        newest_digest.setdefault(ref.name, ref)
    groups: list[tuple[_Rule, str | None, list[Member]]] = []
    for rule, members in rules.items():
        for fingerprint, alike in _by_data(members):
            newest: dict[str, Member] = {}
            for member in alike:
                other = newest.get(member.model)
                if other is None or (member.complete and not other.complete):
                    newest[member.model] = member
            for member in alike:
                if newest[member.model] is not member:
                    leave_out(member, "there is a newer result of the same scorer")
            metric = _metric(list(newest.values()))
            if metric is None:
                for member in newest.values():
                    leave_out(member, "the suite has no number by which models are ranked")
            else:
                groups.append((rule, fingerprint, list(newest.values())))
    columns = []
    for rule, fingerprint, members in groups:
        ref = members[0].run.result.suite
        newest_ref = newest_digest[ref.name]
        older = newest_ref.digest != ref.digest
        columns.append(
            Column(
                key=sha256(repr((rule, fingerprint)).encode()).hexdigest()[:12],
                label=_label(rule, fingerprint, groups),
                ref=ref,
                metric=_metric(members) or "",
                ties=rule[2],
                modified=rule[3],
                fingerprint=fingerprint,
                older_than=_version(newest_ref, ref) if older else None,
                members=tuple(members),
            )
        )
    return Sorted(
        models=models,
        names=names,
        columns=tuple(sorted(columns, key=lambda c: (c.label, c.key))),
        costs=tuple(costs),
        left_out=tuple(left_out),
    )


def created(result: Result) -> datetime:
    """When a result was made; the first moment of all where that cannot be read."""
    try:
        at = datetime.fromisoformat(result.provenance.created_at)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _rule(result: Result) -> _Rule:
    ties = result.provenance.policy.get("ties", "")
    return result.suite.name, result.suite.digest, ties, result.modified


def _by_data(members: Sequence[Member]) -> list[tuple[str | None, list[Member]]]:
    complete: dict[str | None, list[Member]] = {}
    partial: list[Member] = []
    for member in members:
        data = member.run.result.provenance.data
        if member.complete:
            complete.setdefault(data.fingerprint if data else _ids(member), []).append(member)
        else:
            partial.append(member)
    if not complete:
        return [(None, partial)]
    largest = max(complete, key=lambda fingerprint: len(complete[fingerprint]))
    complete[largest] = complete[largest] + partial
    return list(complete.items())


def _ids(member: Member) -> str | None:
    """A digest of the examples' ids, for rewards that were measured without their data."""
    scores = member.run.scores()
    if scores is None:
        return None
    return sha256("\n".join(np.unique(scores.example_id).tolist()).encode()).hexdigest()


def _metric(members: Sequence[Member]) -> str | None:
    """The suite's headline; an accuracy where it has none, or no result here has it."""
    results = [m.run.result for m in members]
    own = [r.suite.headline for r in results if r.suite.headline is not None]
    for metric in (*dict.fromkeys(own), *_HEADLINES):
        found = [r.estimate(metric) for r in results]
        if any(e is not None and e.value is not None for e in found):
            return metric
    return None


def _label(
    rule: _Rule,
    fingerprint: str | None,
    groups: Sequence[tuple[_Rule, str | None, list[Member]]],
) -> str:
    name, digest, ties, modified = rule
    namesakes = [g for g in groups if g[0][0] == name]
    apart = []
    if len({g[0][1] for g in namesakes}) > 1:
        versions = {g[0][1]: g[2][0].run.result.suite.version for g in namesakes}
        alone = Counter(versions.values())[versions[digest]] == 1
        apart.append(f"version {versions[digest]}" if alone else f"digest {digest[:8]}")
    if len({g[0][2] for g in namesakes}) > 1 and not any(m.startswith("ties=") for m in modified):
        apart.append(f"ties {ties or 'not recorded'}")
    apart += [re.sub(r" \(the suite .*\)$", "", m) for m in modified]
    if sum(g[0] == rule for g in namesakes) > 1:
        apart.append(f"data {fingerprint[:8] if fingerprint else 'not recorded'}")
    return f"{name} ({', '.join(apart)})" if apart else name


def _version(newest: SuiteRef, own: SuiteRef) -> str:
    return newest.version if newest.version != own.version else f"digest {newest.digest[:8]}"


def _unique_names(models: Mapping[str, ScorerInfo]) -> dict[str, str]:
    """The scorers' names; with the end of the key where several have the same."""
    times = Counter(info.name for info in models.values())
    return {
        key: info.name if times[info.name] == 1 else f"{info.name} ({key.rsplit('-', 1)[-1]})"
        for key, info in models.items()
    }
