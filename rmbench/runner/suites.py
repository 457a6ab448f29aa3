"""Finding a suite and checking that everything it names exists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rmbench import plugins, resources
from rmbench.data.load import load_suite_data
from rmbench.errors import (
    MissingPartsError,
    MissingSuiteError,
    SpecError,
    UnknownNameError,
    UsageError,
    shorten,
)
from rmbench.metrics.base import Metric
from rmbench.runner import robustness
from rmbench.spec import PreferenceSuite, RobustnessSuite, SuiteSpec, load_suite
from rmbench.types import PreferenceSet


def suite_names() -> list[str]:
    """Built-in suites and those of plug-ins, sorted.

    Raises:
        UsageError: If two packages offer one name; it says which two.
    """
    return sorted({*resources.builtin_suites(), *_of_plugins()})


def find_suite(name_or_path: str) -> SuiteSpec:
    """The suite of a name or a TOML path, with its loader and metrics known to exist.

    ``robustness:`` before either is that suite on rewritten texts.

    Raises:
        UnknownNameError: If there is no suite of that name.
        UsageError: If a suite is to be rewritten that cannot be.
        SpecError: If its file is wrong; the message names the field.
    """
    if name_or_path.startswith(robustness.PREFIX):
        return robustness.derive_suite(find_suite(_base_of(name_or_path)))
    path = suite_path(name_or_path)
    suite = load_suite(path)
    if name_or_path in _of_plugins() and suite.name != name_or_path:
        # Results lie under the name in the file, which must not be another suite's.
        raise SpecError(
            f"{path}: field 'name': {suite.name!r}, but the package "
            f"{plugins.offer(plugins.SUITES, name_or_path)} offers it as {name_or_path!r}"
        )
    if isinstance(suite, PreferenceSuite):
        _check_names(suite, path)
    return suite


def load_data(
    suite: PreferenceSuite,
    data_dirs: Sequence[Path | str],
    *,
    allow_partial: bool = False,
    skip_bad_rows: bool = False,
    limit: int | None = None,
) -> PreferenceSet:
    """Read a suite's examples and check that its parts are there.

    For a suite that is made from another one, that one's are read, of which ``limit`` takes
    the first, and rewritten. The other arguments, and what is raised, are those of
    ``load_suite_data`` and ``check_parts``.
    """
    base = suite.base if isinstance(suite, RobustnessSuite) else suite
    data = load_suite_data(
        base.data,
        base.name,
        data_dirs,
        allow_partial=allow_partial,
        skip_bad_rows=skip_bad_rows,
        limit=limit,
    )
    data = check_parts(base, data, allow_partial=allow_partial, limited=limit is not None)
    return robustness.derive_data(suite, data) if isinstance(suite, RobustnessSuite) else data


@dataclass(frozen=True)
class LeftOut:
    """A suite of which nothing was there to measure.

    Attributes:
        suite: Its name.
        reason: What was looked for, and where.
    """

    suite: str
    reason: str


@dataclass(frozen=True)
class SuitesData:
    """The data of several suites.

    Attributes:
        data: By name, those of the suites that there is something of.
        left_out: The other ones, where that is allowed.
    """

    data: dict[str, PreferenceSet]
    left_out: tuple[LeftOut, ...]


def load_every(
    suites: Sequence[PreferenceSuite],
    data_dirs: Sequence[Path | str],
    *,
    allow_partial: bool = False,
    skip_bad_rows: bool = False,
    limit: int | None = None,
) -> SuitesData:
    """Read the examples of several suites; the arguments are those of ``load_data``.

    Raises:
        MissingPartsError: If data are missing and ``allow_partial`` is false, or nothing is
            there at all; it names every suite that lacks any.
    """
    data: dict[str, PreferenceSet] = {}
    lacking: list[tuple[str, MissingPartsError]] = []
    for suite in suites:
        try:
            data[suite.name] = load_data(
                suite,
                data_dirs,
                allow_partial=allow_partial,
                skip_bad_rows=skip_bad_rows,
                limit=limit,
            )
        except MissingPartsError as error:
            lacking.append((suite.name, error))
    if lacking and not (allow_partial and data):
        errors = [error for _, error in lacking]
        told = "; ".join(map(str, errors))
        if data and any(isinstance(error, MissingSuiteError) for error in errors):
            told += " (--allow-partial measures the other suites)"
        raise MissingPartsError(told) from None
    return SuitesData(data, tuple(LeftOut(name, str(error)) for name, error in lacking))


def suite_metrics(suite: PreferenceSuite) -> list[Metric]:
    """The suite's metrics, in its order."""
    return [plugins.load(plugins.METRICS, name) for name in suite.metrics]


def check_parts(
    suite: PreferenceSuite, data: PreferenceSet, *, allow_partial: bool, limited: bool
) -> PreferenceSet:
    """Compare the subsets that a suite's sections are made of with those of its data.

    Args:
        suite: The suite.
        data: What was read for it.
        allow_partial: Take what there is where subsets are missing.
        limited: Whether only the first examples were asked for; the others are not missed.

    Returns:
        The data, with the subsets that are not there among what is missing.

    Raises:
        SpecError: If a section is called like a subset of the data but pools others.
        MissingPartsError: If subsets are missing and ``allow_partial`` is false; it names them.
    """
    subsets = {e.subset for e in data}
    for name, parts in suite.pools.items():
        if name in subsets and set(parts) != {name}:
            raise SpecError(
                f"suite {suite.name!r}, field 'sections.{name}': the data have a subset of that "
                f"name, which the section does not stand for ({', '.join(parts)}): rename it"
            )
    if limited or data.missing:
        return data  # which parts are missing is known already
    wanted = dict.fromkeys(subset for parts in suite.pools.values() for subset in parts)
    missing = tuple(f"subset {name!r}" for name in wanted if name not in subsets)
    if missing and not allow_partial:
        raise MissingPartsError(
            f"the suite {suite.name!r} is not complete; no example of {shorten(missing, 8)}, and "
            f"there are {shorten(sorted(map(repr, subsets)), 8)} "
            "(--allow-partial measures what there is)"
        )
    return replace(data, missing=missing) if missing else data


def suite_path(name_or_path: str) -> Path:
    """The file of a suite: a path as it is, a name as rmbench or a plug-in has it.

    Raises:
        UnknownNameError: If there is no suite of that name.
        UsageError: If two packages offer it, or the one that does gives no path; or if it is
            made from another one and has no file.
    """
    if name_or_path.startswith(robustness.PREFIX):
        base = _base_of(name_or_path)
        raise UsageError(
            f"{name_or_path} is made from {base} and has no file of its own: name {base}"
        )
    if name_or_path.endswith(".toml") or "/" in name_or_path:
        return Path(name_or_path)
    offered, builtin = _of_plugins(), resources.builtin_suites()
    if name_or_path in builtin:
        return builtin[name_or_path]
    if name_or_path in offered:
        return _path_of_plugin(name_or_path)
    result_name = robustness.PREFIX.replace(":", "-")
    if name_or_path.startswith(result_name):
        raise UnknownNameError(
            f"unknown suite {name_or_path!r}: a suite on rewritten texts is asked for as "
            f"'{robustness.PREFIX}{name_or_path.removeprefix(result_name)}'"
        )
    raise UnknownNameError.for_name("suite", name_or_path, suite_names())


def _base_of(rewritten: str) -> str:
    base = rewritten.removeprefix(robustness.PREFIX)
    if not base:
        raise UsageError(
            f"{robustness.PREFIX} names no suite: put one behind the colon, such as "
            f"{robustness.PREFIX}llmbar (`rmbench list suites` has their names)"
        )
    return base


def _of_plugins() -> list[str]:
    """Names of plug-ins' suites, none of which is a built-in one's."""
    offered = plugins.names(plugins.SUITES)
    for name in resources.builtin_suites().keys() & set(offered):
        raise plugins.clash("suite", name, "rmbench", plugins.offer(plugins.SUITES, name))
    return offered


def _path_of_plugin(name: str) -> Path:
    offered = plugins.load(plugins.SUITES, name)
    try:
        return Path(offered() if callable(offered) else offered)
    except Exception as error:  # the function is a plug-in's: whatever it raises must be named
        raise UsageError(
            f"the suite {name!r} of the package {plugins.offer(plugins.SUITES, name)} gives no "
            f"path of a TOML file: {plugins.one_line(error)}"
        ) from error


def _check_names(suite: PreferenceSuite, path: Path) -> None:
    known = plugins.names(plugins.METRICS)
    for name in suite.metrics:
        if name not in known:
            raise SpecError(
                f"{path}: field 'metrics': {UnknownNameError.for_name('metric', name, known)}"
            )
    if suite.headline is not None and suite.headline not in suite.metrics:
        raise SpecError(
            f"{path}: field 'headline': {suite.headline!r} is not among the suite's metrics"
        )
    loaders = plugins.names(plugins.LOADERS)
    if suite.data.loader not in loaders:
        raise SpecError(
            f"{path}: field 'data.loader': "
            f"{UnknownNameError.for_name('loader', suite.data.loader, loaders)}"
        )
