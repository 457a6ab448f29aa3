"""Finding a suite and checking that everything it names exists."""

from __future__ import annotations

from pathlib import Path

from rmbench import plugins, resources
from rmbench.errors import SpecError, UnknownNameError
from rmbench.metrics.base import Metric
from rmbench.spec import PreferenceSuite, SuiteSpec, load_suite
from rmbench.types import PreferenceSet


def suite_names() -> list[str]:
    """Built-in suites and those of plug-ins, sorted."""
    return sorted({*resources.builtin_suites(), *plugins.names(plugins.SUITES)})


def find_suite(name_or_path: str) -> SuiteSpec:
    """The suite of a name or a TOML path, with its loader and metrics known to exist.

    Raises:
        UnknownNameError: If there is no suite of that name.
        SpecError: If its file is wrong; the message names the field.
    """
    path = _suite_path(name_or_path)
    suite = load_suite(path)
    if isinstance(suite, PreferenceSuite):
        _check_names(suite, path)
    return suite


def suite_metrics(suite: PreferenceSuite) -> list[Metric]:
    """The suite's metrics, in its order."""
    return [plugins.load(plugins.METRICS, name) for name in suite.metrics]


def check_sections(suite: PreferenceSuite, data: PreferenceSet) -> None:
    """Refuse sections that would share a name with another set of examples.

    Raises:
        SpecError: If a section is called like a subset of the data but pools others.
    """
    subsets = {e.subset for e in data}
    for name, parts in suite.sections.items():
        if name in subsets and set(parts) != {name}:
            raise SpecError(
                f"suite {suite.name!r}, field 'sections.{name}': the data have a subset of that "
                f"name, which the section does not stand for ({', '.join(parts)}): rename it"
            )


def _suite_path(name_or_path: str) -> Path:
    if name_or_path.endswith(".toml") or "/" in name_or_path:
        return Path(name_or_path)
    builtin = resources.builtin_suites()
    if name_or_path in builtin:
        return builtin[name_or_path]
    if name_or_path in plugins.names(plugins.SUITES):
        return Path(plugins.load(plugins.SUITES, name_or_path)())
    raise UnknownNameError.for_name("suite", name_or_path, suite_names())


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
