"""What a loader is: the named join between a publisher's rows and ``PreferenceExample``.

A loader is a frozen object offered under a name in the entry-point group
``rmbench.loaders``. There are four kinds, told apart by what they can do:

* a ``RowLoader`` turns one row of a file or Hub data set into one example,
* an ``ExpandingLoader`` turns one row into several,
* a ``DetectingLoader`` looks at the first row and names the ``RowLoader`` for all,
* a ``GeneratingLoader`` reads nothing and makes its examples from options.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from json import dumps
from typing import Any, Literal, Protocol, runtime_checkable

from rmbench.errors import DataError
from rmbench.spec import Columns
from rmbench.types import Message, PreferenceExample

IdenticalPolicy = Literal["error", "keep"]
BadRowsPolicy = Literal["error", "skip"]
ColumnRole = Literal[
    "id", "prompt", "chosen", "rejected", "preference", "subset", "responses", "gold"
]

NO_COLUMNS = Columns()
MISSING: Any = object()
"""Stands for a value that a row does not have (``None`` is a value it can have)."""


@dataclass(frozen=True, slots=True)
class RowContext:
    """Where a row stands and what the caller decided about how rows are read.

    Attributes:
        file: The file or data set the row comes from, as error messages name it.
        row: Its number there, from 1 (in JSON Lines: the line).
        default_id: Id of the example where the row has none of its own.
        columns: Columns that have another name than the format's own.
        subset: Subset declared for the whole file; it wins over the row's own
            ``subset`` column, but not over a column that ``columns`` names.
        cluster: ``prompt``, ``id``, or the column whose value is the group.
        identical: Whether a chosen answer equal to a rejected one is an error.
    """

    file: str
    row: int
    default_id: str
    columns: Columns = NO_COLUMNS
    subset: str | None = None
    cluster: str = "prompt"
    identical: IdenticalPolicy = "error"

    def fail(self, reason: str, *, field: str | None = None, hint: str | None = None) -> DataError:
        """The error that names this row; the caller raises it."""
        return DataError(reason, file=self.file, row=self.row, field=field, hint=hint)

    def column(self, role: ColumnRole, default: str | None = None) -> str:
        """The column that holds ``role``: as renamed, else ``default``, else the role's name."""
        renamed: str | None = getattr(self.columns, role)
        return renamed or default or role


class Loader(Protocol):
    """What every loader has.

    Attributes:
        name: Name in suite files and in ``--loader``.
        summary: One line for ``rmbench list loaders``.
    """

    @property
    def name(self) -> str:
        """Name in suite files."""
        ...

    @property
    def summary(self) -> str:
        """One line for lists."""
        ...


@runtime_checkable
class RowLoader(Loader, Protocol):
    """Turns one row into one example."""

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether a first row with these columns is of this format (columns already renamed)."""
        ...

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row.

        Raises:
            DataError: If the row cannot be used; it names file, row and reason.
        """
        ...


@runtime_checkable
class ExpandingLoader(Loader, Protocol):
    """Turns one row into several examples, such as the pairs of many answers."""

    def expand(self, row: Mapping[str, Any], at: RowContext) -> tuple[PreferenceExample, ...]:
        """Read one row.

        Raises:
            DataError: If the row cannot be used; it names file, row and reason.
        """
        ...


@runtime_checkable
class DetectingLoader(Loader, Protocol):
    """Chooses the row loader by the first row of a source."""

    def detect(self, row: Mapping[str, Any], at: RowContext) -> RowLoader:
        """The one format that this row is of.

        Raises:
            DataError: If no known format fits; it names the columns that are there.
        """
        ...


@runtime_checkable
class GeneratingLoader(Loader, Protocol):
    """Makes its examples from options, without any file."""

    def generate(
        self, options: Mapping[str, str | int | float | bool]
    ) -> tuple[PreferenceExample, ...]:
        """Make the examples, the same ones for the same options.

        Raises:
            UsageError: If an option is unknown or impossible.
        """
        ...


def lookup(row: Mapping[str, Any], column: str) -> Any:
    """The value of a column, where a dot goes into nested objects; ``MISSING`` if absent.

    A key that itself contains the dot is found first.

    >>> lookup({"meta": {"votes": 5}}, "meta.votes")
    5
    >>> lookup({"a.b": 1, "a": {"b": 2}}, "a.b")
    1
    """
    if column in row:
        return row[column]
    value: Any = row
    for part in column.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return MISSING
        value = value[part]
    return value


def prompt_group(prompt: tuple[Message, ...]) -> str:
    """Cluster name of a prompt: the first 16 hex digits of the SHA-256 of its turns.

    >>> prompt_group((Message("user", "Hi"),)) == prompt_group((Message("user", "Hi"),))
    True
    """
    turns = [[message.role, message.content] for message in prompt]
    body = dumps(turns, ensure_ascii=True, separators=(",", ":"))
    return sha256(body.encode()).hexdigest()[:16]
