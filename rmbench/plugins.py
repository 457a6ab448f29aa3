"""Looking plug-ins up by group and name.

A package offers a plug-in as an entry point in one of the groups below; the
built-in ones are declared the same way in rmbench's own ``pyproject.toml``.
Names are listed without importing anything; loading imports one module.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from rmbench.errors import RmbenchError, UnknownNameError, UsageError

LOADERS = "rmbench.loaders"
"""Group of data loaders: objects of ``rmbench.data.loader.Loader``."""
SCORERS = "rmbench.scorers"
"""Group of scorer factories: ``factory(spec: ScorerSpec, options) -> Scorer``."""
METRICS = "rmbench.metrics"
"""Group of metrics: objects of ``rmbench.metrics.base.Metric``."""
SUITES = "rmbench.suites"
"""Group of suite files: functions returning the path of a TOML file."""

_KIND = {LOADERS: "loader", SCORERS: "scorer", METRICS: "metric", SUITES: "suite"}


@cache
def _group(group: str) -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        other = found.get(point.name)
        if other is not None and other.value != point.value:
            raise UsageError(
                f"two packages offer the {_KIND.get(group, group)} {point.name!r}: "
                f"{other.value} and {point.value}; uninstall one"
            )
        found[point.name] = point
    return found


def names(group: str) -> list[str]:
    """The names on offer in a group, sorted; nothing is imported."""
    return sorted(_group(group))


def load(group: str, name: str) -> Any:
    """Import and return one plug-in.

    Raises:
        UnknownNameError: If the group has no such name; near names are suggested.
        RmbenchError: If its module cannot be imported.
    """
    points = _group(group)
    kind = _KIND.get(group, group)
    if name not in points:
        raise UnknownNameError.for_name(kind, name, points)
    try:
        return points[name].load()
    except RmbenchError:
        raise
    except Exception as error:  # a plug-in may fail in any way at import; it must be named
        raise UsageError(
            f"the {kind} {name!r} ({points[name].value}) cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from error
