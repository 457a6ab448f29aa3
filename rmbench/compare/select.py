"""From paths to the results that are set side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rmbench.errors import UsageError, shorten
from rmbench.result import Side, StoredRun, find_runs, scorer_slug


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
