"""Every error rmbench raises on purpose, and the exit code each branch ends in.

::

    RmbenchError                     3  a runtime failure without a better name
    ├── UsageError                   2  the call itself cannot be carried out
    │   ├── SpecError                2  a TOML file is wrong (names file and field)
    │   ├── UnknownNameError         2  no such suite, scorer, metric, loader
    │   ├── NotComparableError       2  two results that must not be compared
    │   ├── MissingPartsError        2  a suite's data are not whole
    │   │   └── MissingSuiteError    2  none of a suite's data are there
    │   └── MissingDependencyError   2  an optional package is not installed
    ├── DataError                    3  preference data cannot be used (names file, row, reason)
    ├── ScorerError                  3  a model or a scores file cannot be used
    ├── ResultError                  3  a result file cannot be read or written
    └── TrainingError                3  training cannot go on

Exit code 1 is a gate's answer, no error: see ``rmbench.gate.exit_code``.

A message is one line: what is wrong, where, and what to do about it. The
command line prints it without a traceback and exits with ``exit_code``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class RmbenchError(Exception):
    """Base of every deliberate rmbench error; exit code 3."""

    exit_code: int = 3


class UsageError(RmbenchError):
    """The call cannot be carried out as it was given; exit code 2."""

    exit_code = 2


class SpecError(UsageError):
    """A TOML file has an unknown, missing or impossible field."""


class UnknownNameError(UsageError):
    """No suite, scorer, metric or loader of that name."""

    @classmethod
    def for_name(
        cls, kind: str, name: str, known: Iterable[str], *, listed_by: str | None = None
    ) -> UnknownNameError:
        """Build the error with the nearest known names.

        Args:
            kind: What the name is one of.
            name: As it was given.
            known: All there are.
            listed_by: A command that shows them, in place of the names, where they are many.

        >>> print(UnknownNameError.for_name("suite", "rm-bnch", ["rm-bench", "pairs"]))
        unknown suite 'rm-bnch': did you mean 'rm-bench'? Known: pairs, rm-bench
        >>> print(UnknownNameError.for_name("suite", "a", ["b"], listed_by="rmbench list suites"))
        unknown suite 'a': see `rmbench list suites`
        """
        names = sorted(known)
        near = get_close_matches(name, names, n=2, cutoff=0.5)
        hint = f" did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
        where = f"see `{listed_by}`" if listed_by else f"Known: {', '.join(names) or 'none'}"
        return cls(f"unknown {kind} {name!r}:{hint} {where}")


class NotComparableError(UsageError):
    """Two results do not measure the same thing."""


class MissingPartsError(UsageError):
    """Parts of a suite's data are not there, and partial results were not allowed."""


class MissingSuiteError(MissingPartsError):
    """None of a suite's data are there."""


class MissingDependencyError(UsageError):
    """An optional package is needed and not installed."""

    @classmethod
    def for_package(cls, package: str, extra: str, purpose: str) -> MissingDependencyError:
        """Name the package, what needs it and the command that installs it.

        >>> print(MissingDependencyError.for_package("torch", "hf", "scoring with a model"))
        scoring with a model needs the package 'torch': pip install 'rmbench[hf]'
        """
        return cls(f"{purpose} needs the package {package!r}: pip install 'rmbench[{extra}]'")


class DataError(RmbenchError):
    """Preference data that cannot be used.

    Args:
        reason: What is wrong, in one line.
        file: The file or data set it stands in.
        row: Row number in that file, counted from 1.
        field: Column or field at fault.
        hint: What the reader can do about it.
    """

    def __init__(
        self,
        reason: str,
        *,
        file: str | None = None,
        row: int | None = None,
        field: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.reason = reason
        self.file = file
        self.row = row
        self.field = field
        self.hint = hint
        where = ", ".join(
            part
            for part in (
                file,
                f"row {row}" if row is not None else None,
                f"field {field!r}" if field is not None else None,
            )
            if part
        )
        text = f"{where}: {reason}" if where else reason
        super().__init__(f"{text} ({hint})" if hint else text)


class ScorerError(RmbenchError):
    """A scorer cannot be loaded, or gave rewards that cannot be used."""


class ResultError(RmbenchError):
    """A result file or folder cannot be read or written."""


class TrainingError(RmbenchError):
    """Training cannot start or go on."""


def shorten(items: Sequence[str], limit: int = 5) -> str:
    """Join the first ``limit`` items and count the rest, for one-line messages.

    >>> shorten(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    shown = ", ".join(items[:limit])
    rest = len(items) - limit
    return f"{shown} and {rest} more" if rest > 0 else shown
