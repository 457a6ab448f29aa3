"""A leaderboard from stored results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from rmbench import resources
from rmbench.errors import UsageError
from rmbench.metrics.ranks import DRAWS
from rmbench.report.caveats import flags
from rmbench.report.content import device_of
from rmbench.report.leaderboard.columns import Column, Member, Sorted, created, sort_runs
from rmbench.report.leaderboard.evidence import Evidence, Observer, gather
from rmbench.report.leaderboard.standings import (
    FEW_CLUSTERS,
    MeanStanding,
    Standings,
    stand,
    stand_by_mean,
)
from rmbench.result import StoredRun
from rmbench.result.board import (
    Board,
    BoardCell,
    BoardCost,
    BoardMean,
    BoardModel,
    BoardSuite,
)
from rmbench.spec import load_suite

_STATED_ELSEWHERE = frozenset({"partial", "changed rules"})


@dataclass(eq=False)
class BoardBuilder:
    """Builds a board and keeps what its ranks rest on.

    Attributes:
        runs: The results.
        root: Folder that paths on the board are relative to.
        seed: Of the resamples.
        draws: Number of resamples.
        evidence: After ``build``, by key of the column; columns without ranks have none.
        standings: After ``build``, by key of the column.
        columns: After ``build``, by key.
    """

    runs: Sequence[StoredRun]
    root: Path
    seed: int = 0
    draws: int = DRAWS
    evidence: dict[str, Evidence] = field(default_factory=dict)
    standings: dict[str, Standings] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)

    def build(self, observe: Observer | None = None) -> Board:
        """The whole board.

        Args:
            observe: Is told of every preference result's comparisons while they are read.

        Raises:
            UsageError: If there is nothing to show.
            ResultError: If scores cannot be read.
        """
        if not self.runs:
            raise UsageError("there is no result to make a leaderboard of")
        places = {run.path: _relative(run.path, self.root) for run in self.runs}
        found = sort_runs(self.runs, places)
        blind = frozenset(key for key, info in found.models.items() if info.content_blind)
        newest = max(created(run.result) for run in self.runs)
        suites, cells, left_out = [], [], list(found.left_out)
        for column in found.columns:
            self.columns[column.key] = column
            evidence, excluded = gather(column, observe)
            if isinstance(evidence, Evidence):
                self.evidence[column.key] = evidence
                self.standings[column.key] = stand(
                    evidence, blind, seed=self.seed, draws=self.draws, name=column.key
                )
            suites.append(self._suite(column, evidence))
            why = {e.member.model: e.reason for e in excluded}
            cells += [
                self._cell(column, member, places, newest, why.get(member.model))
                for member in column.members
            ]
        mean_suites, mean_reason = _mean_suites(self.evidence, found.columns, blind)
        means = self._means(mean_suites, blind) if mean_suites else {}
        keys, order = _order(found, suites, cells, means, blind)
        dtypes = _dtypes(found)
        return Board(
            models=tuple(_model(key, found, dtypes) for key in keys),
            order=order,
            suites=tuple(suites),
            cells=tuple(cells),
            mean_suites=tuple(mean_suites),
            mean_reason=mean_reason,
            means=tuple(_mean(key, means[key]) for key in keys if key in means),
            costs=tuple(_cost(member, places) for member in _newest_costs(found)),
            left_out=tuple(sorted(left_out, key=lambda left: left.path)),
            draws=self.draws,
            seed=self.seed,
        )

    def _suite(self, column: Column, evidence: Evidence | str) -> BoardSuite:
        standings = self.standings.get(column.key)
        there = isinstance(evidence, Evidence)
        estimate = next(
            e for m in column.members if (e := m.run.result.estimate(column.metric)) is not None
        )
        notes = list(_notes(column))
        n_ranked = len(standings.of) if standings else 0
        reason = evidence if isinstance(evidence, str) else None
        if reason is None and n_ranked == 0:
            reason = "only content-blind baselines were measured"
        if isinstance(evidence, Evidence) and len(evidence.sums) < FEW_CLUSTERS:
            notes.append(f"ranks rest on {len(evidence.sums)} clusters only")
        return BoardSuite(
            key=column.key,
            label=column.label,
            name=column.ref.name,
            version=column.ref.version,
            digest=column.ref.digest,
            title=column.ref.title,
            metric=column.metric,
            unit=estimate.unit,
            ties=column.ties,
            modified=column.modified,
            fingerprint=column.fingerprint,
            n_examples=evidence.n_examples if isinstance(evidence, Evidence) else 0,
            n_clusters=len(evidence.sums) if isinstance(evidence, Evidence) else 0,
            n_ranked=n_ranked,
            reason=reason,
            best_baseline=standings.best_baseline if standings and there else None,
            older_than=column.older_than,
            notes=tuple(notes),
        )

    def _cell(
        self,
        column: Column,
        member: Member,
        places: Mapping[Path, str],
        newest: datetime,
        excluded: str | None,
    ) -> BoardCell:
        result = member.run.result
        estimate = result.estimate(column.metric)
        standings = self.standings.get(column.key)
        standing = standings.of.get(member.model) if standings else None
        data, engine = result.provenance.data, result.provenance.engine
        reason = None
        if estimate is None:
            reason = f"the result has no {column.metric}"
        elif estimate.value is None:
            reason = estimate.reason
        own = tuple(flag for flag in flags(result) if flag not in _STATED_ELSEWHERE)
        return BoardCell(
            model=member.model,
            suite=column.key,
            path=places[member.run.path],
            value=estimate.value if estimate else None,
            reason=reason,
            ci_low=estimate.ci_low if estimate else None,
            ci_high=estimate.ci_high if estimate else None,
            n=estimate.n if estimate else result.counts.examples,
            partial=result.partial,
            missing=result.missing,
            flags=own if excluded is None else (*own, f"not ranked: {excluded}"),
            rank=standing.rank if standing else None,
            rank_low=standing.low if standing else None,
            rank_high=standing.high if standing else None,
            set_p=standing.set_p if standing else None,
            in_best_set=standing.in_best_set if standing else None,
            above_baseline=standing.above_baseline if standing else None,
            created_at=result.provenance.created_at,
            days_behind=max(0, (newest - created(result)).days),
            rmbench_version=result.provenance.rmbench_version,
            revision=result.scorer.revision or (data.revision if data else None),
            dtype=engine.dtype if engine else None,
        )

    def _means(self, suites: Sequence[str], blind: frozenset[str]) -> dict[str, MeanStanding]:
        pairs = [(self.evidence[key], self.standings[key]) for key in suites]
        shared = [
            m for m in pairs[0][0].models if all(m in evidence.models for evidence, _ in pairs)
        ]
        return stand_by_mean(pairs, shared, blind)


def build_board(runs: Sequence[StoredRun], root: Path, *, seed: int = 0) -> Board:
    """A leaderboard of stored results; see ``BoardBuilder``.

    Raises:
        UsageError: If there is nothing to show.
        ResultError: If scores cannot be read.
    """
    return BoardBuilder(runs, root, seed).build()


def _relative(path: Path, root: Path) -> str:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.as_posix()


def _notes(column: Column) -> list[str]:
    notes = []
    results = [m.run.result for m in column.members]
    builtin = resources.builtin_suites().get(column.ref.name)
    if builtin is not None and load_suite(builtin).digest != column.ref.digest:
        notes.append("this rmbench has another version of the suite")
    versions = {r.provenance.rmbench_version for r in results}
    if len(versions) > 1:
        notes.append(f"measured by rmbench {', '.join(sorted(versions))}")
    dtypes = {r.provenance.engine.dtype for r in results if r.provenance.engine}
    if len(dtypes) > 1:
        notes.append(f"computed in {', '.join(sorted(dtypes))}")
    return notes


def _mean_suites(
    evidence: Mapping[str, Evidence], columns: Sequence[Column], blind: frozenset[str]
) -> tuple[list[str], str | None]:
    """The suites that every ranked model has, and otherwise why there is no mean."""
    can = [
        c
        for c in columns
        if c.key in evidence
        and c.older_than is None
        and not c.modified
        and evidence[c.key].higher_is_better
        and _is_fraction(c)
        and any(m not in blind for m in evidence[c.key].models)
    ]
    everybody = {m for c in can for m in evidence[c.key].models if m not in blind}
    shared = [c.key for c in can if everybody <= set(evidence[c.key].models)]
    if len(shared) >= 2:
        return shared, None
    if len(can) < 2:
        return [], "fewer than two suites have ranked models"
    return [], "fewer than two suites have all ranked models"


def _is_fraction(column: Column) -> bool:
    found = (m.run.result.estimate(column.metric) for m in column.members)
    return all(e.unit == "fraction" for e in found if e is not None)


def _order(
    found: Sorted,
    suites: Sequence[BoardSuite],
    cells: Sequence[BoardCell],
    means: Mapping[str, MeanStanding],
    blind: frozenset[str],
) -> tuple[list[str], str]:
    """Models by their mean, or on the suite that most of them have; baselines after them."""
    names = found.names
    if means:
        values = {m: s.value for m, s in means.items()}
        order = "the mean"
    else:
        ranked = [s for s in suites if s.n_ranked]
        suite = max(ranked, key=lambda s: s.n_ranked, default=None)
        shown = [c for c in cells if suite is not None and c.suite == suite.key]
        ranks = {c.model: c.rank for c in shown if c.rank is not None}
        values = {m: -float(rank) for m, rank in ranks.items()}
        order = f"the rank on {suite.label}" if suite is not None else "the name"
    last = float("-inf")
    keys = sorted(
        found.models, key=lambda m: (m in blind, -values.get(m, last), names[m].lower(), m)
    )
    return keys, order


def _model(key: str, found: Sorted, dtypes: Mapping[str, set[str]]) -> BoardModel:
    info = found.models[key]
    return BoardModel(
        key=key,
        name=found.names[key],
        kind=info.kind,
        spec=info.spec,
        revision=info.revision,
        dtypes=tuple(sorted(dtypes.get(key, ()))),
        margins_are_logits=info.margins_are_logits,
        content_blind=info.content_blind,
        checkpoint=info.checkpoint,
    )


def _dtypes(found: Sorted) -> dict[str, set[str]]:
    dtypes: dict[str, set[str]] = {}
    for member in (*(m for c in found.columns for m in c.members), *found.costs):
        engine = member.run.result.provenance.engine
        if engine is not None:
            dtypes.setdefault(member.model, set()).add(engine.dtype)
    return dtypes


def _mean(key: str, found: MeanStanding) -> BoardMean:
    standing = found.standing
    return BoardMean(
        model=key,
        value=found.value,
        ci_low=found.low,
        ci_high=found.high,
        rank=standing.rank if standing else None,
        rank_low=standing.low if standing else None,
        rank_high=standing.high if standing else None,
        in_best_set=standing.in_best_set if standing else None,
    )


def _newest_costs(found: Sorted) -> list[Member]:
    """One result per model, suite and device; the newest come first in what was found."""
    kept: dict[tuple[str, str, str, str], Member] = {}
    for member in found.costs:
        result = member.run.result
        engine = result.provenance.engine
        key = (
            member.model,
            result.suite.digest,
            device_of(result),
            engine.dtype if engine else "",
        )
        kept.setdefault(key, member)
    return sorted(
        kept.values(),
        key=lambda m: (device_of(m.run.result), m.run.result.suite.name, found.names[m.model]),
    )


def _cost(member: Member, places: Mapping[Path, str]) -> BoardCost:
    result = member.run.result
    engine = result.provenance.engine

    def value(metric: str) -> float | None:
        found = result.estimate(metric)
        return None if found is None else found.value

    return BoardCost(
        model=member.model,
        suite=result.suite.name,
        path=places[member.run.path],
        device=device_of(result),
        dtype=engine.dtype if engine else None,
        pairs_per_s=value("pairs_per_s"),
        tokens_per_s=value("tokens_per_s"),
        peak_memory_bytes=value("peak_memory_bytes"),
        created_at=result.provenance.created_at,
    )
