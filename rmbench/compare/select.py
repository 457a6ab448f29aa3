"""From paths to the results that are set side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from rmbench.errors import UsageError, shorten
from rmbench.result import Side, StoredRun, find_runs, scorer_slug

_ONCE = "each candidate counts once, so name each once"


@dataclass(frozen=True)
class Model:
    """One scorer's results.

    Attributes:
        path: The path it was asked for by.
        name: Its name, with more beside it where another model has the same.
        runs: Name of the suite to its result.
    """

    path: Path
    name: str
    runs: dict[str, StoredRun]


def read_models(paths: Sequence[Path]) -> list[Model]:
    """The results at each path, which must all be one scorer's.

    Args:
        paths: Result folders, or model folders with all their results.

    Raises:
        UsageError: If a path holds results of several scorers, or two of one suite.
        ResultError: If there is no result, or one cannot be read.
    """
    found = [_read(path) for path in paths]
    names = [_first(runs).result.scorer.name for runs in found]
    return [
        Model(path, _distinct(name, names, path, i, runs), runs)
        for i, (path, name, runs) in enumerate(zip(paths, names, found, strict=True))
    ]


def refuse_twice(candidates: Sequence[Model], *, as_seeds: bool) -> None:
    """Refuse candidates that are one observation: the same results, or a copy of them.

    The baseline may be a candidate too: that is how to see what a rule says of no change.

    Args:
        candidates: The models that are held against the baseline.
        as_seeds: Whether they count as seeds of one recipe. Then the same rewards under another
            name are a copy as well, for two trainings never end in the same bits.

    Raises:
        UsageError: Naming the two paths.
    """
    for first, second in combinations(candidates, 2):
        if _resolved(first) & _resolved(second):
            also = "" if first.path == second.path else f" ({second.path} too)"
            raise UsageError(f"{first.path} is named twice{also}: {_ONCE}")
        if _same_rewards(first, second, as_seeds=as_seeds):
            raise UsageError(
                f"one result is named twice, {first.path} and {second.path} (their rewards are "
                f"the same bits): {_ONCE}"
            )


def side_of(run: StoredRun, replicates: Sequence[StoredRun] = ()) -> Side:
    """What a comparison records of one of its sides."""
    result = run.result
    return Side(
        path=str(run.path),
        scorer=result.scorer,
        rmbench_version=result.provenance.rmbench_version,
        created_at=result.provenance.created_at,
        replicates=tuple(str(r.path) for r in replicates),
    )


def _resolved(model: Model) -> set[Path]:
    return {run.path.resolve() for run in model.runs.values()}


def _same_rewards(first: Model, second: Model, *, as_seeds: bool) -> bool:
    """Whether all suites that both were measured on have the same rewards."""
    if not as_seeds and scorer_slug(_first(first.runs).result.scorer) != scorer_slug(
        _first(second.runs).result.scorer
    ):
        return False
    digests = [
        (first.runs[suite].result.scores_sha256, second.runs[suite].result.scores_sha256)
        for suite in first.runs.keys() & second.runs.keys()
    ]
    known = [(a, b) for a, b in digests if a is not None and b is not None]
    return bool(known) and all(a == b for a, b in known)


def _read(path: Path) -> dict[str, StoredRun]:
    runs: dict[str, StoredRun] = {}
    slugs: dict[str, str] = {}
    for run in find_runs([path]):
        slugs.setdefault(scorer_slug(run.result.scorer), run.result.scorer.name)
        name = run.result.suite.name
        if name in runs and len(slugs) == 1:
            raise UsageError(
                f"{path}: holds two results on {name} ({runs[name].path} and {run.path}): "
                "name one of them"
            )
        runs[name] = run
    if len(slugs) > 1:
        names = shorten([f"{name} in {slug}" for slug, name in slugs.items()], 3)
        raise UsageError(
            f"{path}: holds results of {len(slugs)} scorers ({names}): name one scorer's folder"
        )
    return runs


def _first(runs: dict[str, StoredRun]) -> StoredRun:
    return next(iter(runs.values()))


def _distinct(
    name: str, names: Sequence[str], path: Path, position: int, runs: dict[str, StoredRun]
) -> str:
    if names.count(name) == 1:
        return name
    slug = scorer_slug(_first(runs).result.scorer)
    if names[:position].count(name) or names[position + 1 :].count(name):
        suffix = slug.rsplit("-", 1)[-1]
        return f"{name} ({suffix}, {path})"
    return name
