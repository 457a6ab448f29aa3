"""Rows to examples, one after the other, under the caller's rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rmbench.data.files import Row
from rmbench.data.loader import (
    MISSING,
    NO_COLUMNS,
    BadRowsPolicy,
    DetectingLoader,
    ExpandingLoader,
    IdenticalPolicy,
    RowContext,
    RowLoader,
    lookup,
)
from rmbench.data.source import Part
from rmbench.errors import DataError, shorten
from rmbench.spec import Columns
from rmbench.types import PreferenceExample, SkippedRow

_Expand = Callable[[Mapping[str, Any], RowContext], tuple[PreferenceExample, ...]]


@dataclass(frozen=True, slots=True)
class Rules:
    """How rows are read; the fields are those of ``load_preferences``.

    Rows that do not have the value of every column in ``where`` are not part of the source.
    """

    columns: Columns = NO_COLUMNS
    cluster: str = "prompt"
    identical: IdenticalPolicy = "error"
    bad_rows: BadRowsPolicy = "error"
    limit: int | None = None
    where: Mapping[str, str | int | bool] = field(default_factory=dict)


@dataclass
class Reader:
    """Collects the examples of one or several sources.

    Attributes:
        loader: The format, or what recognises it by a source's first row.
        rules: How rows are read.
        count_all: Whether rows beyond the limit are still counted.
        examples: The examples so far.
        skipped: The rows left out so far.
        rows: Rows seen so far, whatever became of them.
        layouts: Names of the formats that were really used, in order of first use.
    """

    loader: RowLoader | ExpandingLoader | DetectingLoader
    rules: Rules
    count_all: bool = False
    examples: list[PreferenceExample] = field(default_factory=list)
    skipped: list[SkippedRow] = field(default_factory=list)
    rows: int = 0
    layouts: list[str] = field(default_factory=list)
    _expand: _Expand | None = None
    _known_ids: dict[str, tuple[str, int]] = field(default_factory=dict)

    def read(self, parts: Sequence[Part]) -> None:
        """Read the parts of one source, which are of one format, or up to the limit.

        Raises:
            DataError: If a file is broken, if a row cannot be used and bad rows are errors,
                or if the source holds nothing usable.
        """
        self._expand = None
        rows_before, kept_before = self.rows, len(self.examples)
        first_problem: DataError | None = None
        for part in parts:
            for row in part.rows:
                if self._full and not self.count_all:
                    return
                if self.rules.where and not self._wanted(row, part):
                    continue
                self.rows += 1
                if not self._full:
                    problem = self._take(row, part)
                    first_problem = first_problem or problem
        if len(self.examples) == kept_before and not self._full:
            raise _nothing(parts, self.rows - rows_before, first_problem)

    @property
    def _full(self) -> bool:
        return self.rules.limit is not None and len(self.examples) >= self.rules.limit

    @property
    def _room(self) -> int | None:
        """How many more examples are wanted; ``None`` if all are."""
        return None if self.rules.limit is None else self.rules.limit - len(self.examples)

    def _wanted(self, row: Row, part: Part) -> bool:
        for column, value in self.rules.where.items():
            found = lookup(row.values, column)
            if found is MISSING:
                raise DataError(f"missing column {column!r}", file=part.label, row=row.number)
            if found != value or isinstance(found, bool) is not isinstance(value, bool):
                return False
        return True

    def _take(self, row: Row, part: Part) -> DataError | None:
        at = RowContext(
            file=part.label,
            row=row.number,
            default_id=f"{part.id_prefix}{row.number}",
            columns=self.rules.columns,
            subset=part.subset,
            cluster=self.rules.cluster,
            identical=self.rules.identical,
        )
        try:
            self.examples.extend(self._convert(row, at)[: self._room])
        except DataError as error:
            if self.rules.bad_rows == "error":
                raise
            self.skipped.append(SkippedRow(part.label, row.number, error.reason))
            return error
        return None

    def _convert(self, row: Row, at: RowContext) -> tuple[PreferenceExample, ...]:
        if self._expand is None:
            form = (
                self.loader.detect(row.values, at)
                if isinstance(self.loader, DetectingLoader)
                else self.loader
            )
            # Asking a protocol what an object is costs more than reading a row.
            self._expand = form.expand if isinstance(form, ExpandingLoader) else _alone(form)
            if form.name not in self.layouts:
                self.layouts.append(form.name)
        found = self._expand(row.values, at)
        for example in found:
            self._check_id(example.id, at)
        return found

    def _check_id(self, identifier: str, at: RowContext) -> None:
        if identifier in self._known_ids:
            file, number = self._known_ids[identifier]
            where = f"row {number}" + (f" of {file}" if file != at.file else "")
            again = "; the file is read twice" if (file, number) == (at.file, at.row) else ""
            raise at.fail("duplicate id", hint=f"{identifier!r} is that of {where}{again}")
        self._known_ids[identifier] = (at.file, at.row)


def _alone(form: RowLoader) -> _Expand:
    return lambda row, at: (form.convert(row, at),)


def _nothing(parts: Sequence[Part], rows: int, problem: DataError | None) -> DataError:
    files = shorten([part.label for part in parts])
    if problem is None:
        return DataError("holds no rows", file=files)
    return DataError(f"none of its {rows} rows can be used; the first: {problem}", file=files)
