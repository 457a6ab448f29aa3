"""Looking plug-ins up by group and name.

A package offers a plug-in as an entry point in one of the groups below; the
built-in ones are declared the same way in rmbench's own ``pyproject.toml``.
Names are listed without importing anything; loading imports one module, so a
plug-in that is broken is in nobody's way but its own users'.
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
"""Group of suite files: the path of a TOML file, or a function that returns it."""

_KIND = {LOADERS: "loader", SCORERS: "scorer", METRICS: "metric", SUITES: "suite"}


@cache
def _group(group: str) -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        other = found.get(point.name)
        if other is not None and other.value != point.value:
            raise clash(_KIND.get(group, group), point.name, _offer(other), _offer(point))
        found[point.name] = point
    return found


def clash(kind: str, name: str, *offers: str) -> UsageError:
    """The error for a name that two packages offer.

    >>> print(clash("suite", "pairs", "rmbench", "mine (mine.suites:PAIRS)"))
    two packages offer the suite 'pairs': mine (mine.suites:PAIRS) and rmbench; uninstall one
    """
    return UsageError(
        f"two packages offer the {kind} {name!r}: {' and '.join(sorted(offers))}; uninstall one"
    )


def names(group: str) -> list[str]:
    """The names on offer in a group, sorted; nothing is imported.

    Raises:
        UsageError: If two packages offer one name; it says which two.
    """
    return sorted(_group(group))


def package(group: str, name: str) -> str:
    """The package that offers a name, as it is called where packages are installed.

    >>> package(SCORERS, "length")
    'rmbench'
    """
    return _package(_point(group, name))


def offer(group: str, name: str) -> str:
    """The package that offers a name, and the entry point; for messages.

    >>> offer(SCORERS, "length")
    'rmbench (rmbench.scorers.heuristic:create_length)'
    """
    return _offer(_point(group, name))


def load(group: str, name: str) -> Any:
    """Import and return one plug-in.

    Raises:
        UnknownNameError: If the group has no such name; near names are suggested.
        UsageError: If its module cannot be imported, or what it offers is of the wrong kind
            or goes by another name; it says which package's it is.
    """
    point = _point(group, name)
    kind = _KIND.get(group, group)
    try:
        loaded = point.load()
    except RmbenchError:
        raise
    except Exception as error:  # a plug-in may fail in any way at import; it must be named
        raise UsageError(
            f"the {kind} {name!r} of the package {_offer(point)} cannot be imported: "
            f"{one_line(error)}"
        ) from error
    wrong = _wrong(group, name, loaded)
    if wrong:
        raise UsageError(f"the {kind} {name!r} of the package {_offer(point)} {wrong}")
    return loaded


def one_line(error: Exception) -> str:
    """What went wrong in somebody else's code: the exception's kind and its first line.

    >>> one_line(ImportError("no module called x"))
    'ImportError: no module called x'
    """
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _point(group: str, name: str) -> EntryPoint:
    points = _group(group)
    if name not in points:
        raise UnknownNameError.for_name(_KIND.get(group, group), name, points)
    return points[name]


def _wrong(group: str, name: str, loaded: Any) -> str | None:
    """What keeps an object from being used as what its group says it is."""
    if group == SCORERS:
        return None if callable(loaded) else "is no function that makes a scorer"
    if group in (METRICS, LOADERS):
        if isinstance(loaded, type):
            return "is a class: let its entry point name an object of it"
        # Estimates and records carry the object's own name, which must not be another's.
        own = getattr(loaded, "name", None)
        if own != name:
            return f"calls itself {own!r}: its entry point must have its name"
    return None


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.module.partition(".")[0]


def _offer(point: EntryPoint) -> str:
    return f"{_package(point)} ({point.value})"
