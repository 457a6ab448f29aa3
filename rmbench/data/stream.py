"""The rows of a source one at a time, for sets that need not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from rmbench.data.files import Row
from rmbench.data.formats import AUTO
from rmbench.data.loader import BadRowsPolicy, RowContext, RowLoader
from rmbench.data.responses import RESPONSE_LOADERS, PromptResponse, ResponseLoader
from rmbench.data.source import Opened, Part
from rmbench.errors import DataError, UsageError, shorten
from rmbench.result.models import SkippedReason
from rmbench.types import PreferenceExample

StreamRow = PreferenceExample | PromptResponse


class RowStream:
    """Reads the usable rows of one source in order; none is kept.

    Rows are preferences in any format that ``auto`` recognises, or hold one response
    each (``rmbench.data.responses``). The first row decides, as in ``load_preferences``,
    and what makes a row unusable is the same too.

    Args:
        opened: The source; its rows can be read once.
        bad_rows: Whether a row that cannot be used is an error, or skipped and counted.
        limit: Stop after so many usable rows; what comes after is not read.

    Attributes:
        rows_read: Rows seen so far, whatever became of them.
        layout: Name of the format, empty before the first usable row.

    Raises:
        UsageError: If ``limit`` is below 1.
    """

    def __init__(
        self, opened: Opened, *, bad_rows: BadRowsPolicy = "error", limit: int | None = None
    ) -> None:
        if limit is not None and limit < 1:
            raise UsageError(f"the limit is {limit}; give 1 or more")
        self.rows_read = 0
        self.layout = ""
        self._parts = opened.parts
        self._bad_rows = bad_rows
        self._limit = limit
        self._format: RowLoader | ResponseLoader | None = None
        self._ids = IdSet()
        self._skipped: dict[str, SkippedReason] = {}

    @property
    def skipped(self) -> tuple[SkippedReason, ...]:
        """The skipped rows so far by reason, most frequent first, each with its first place."""
        return tuple(sorted(self._skipped.values(), key=lambda reason: -reason.rows))

    def __iter__(self) -> Iterator[StreamRow]:
        """The usable rows.

        Raises:
            DataError: If a file is broken, if a row cannot be used and bad rows are errors,
                or if the source holds nothing usable.
        """
        kept = 0
        first_problem: DataError | None = None
        for part in self._parts:
            for row in part.rows:
                self.rows_read += 1
                try:
                    converted = self._convert(row, part)
                except DataError as error:
                    if self._bad_rows == "error":
                        raise
                    self._skip(error)
                    first_problem = first_problem or error
                    continue
                yield converted
                kept += 1
                if kept == self._limit:
                    return
        if not kept:
            raise self._nothing(first_problem)

    def _convert(self, row: Row, part: Part) -> StreamRow:
        at = RowContext(
            file=part.label,
            row=row.number,
            default_id=f"{part.id_prefix}{row.number}",
            subset=part.subset,
        )
        if self._format is None:
            self._format = _detect(row, at)
            self.layout = self._format.name
        converted: StreamRow = self._format.convert(row.values, at)
        # Preferences are joined on their id afterwards; responses may share their prompt's.
        if isinstance(converted, PreferenceExample) and not self._ids.add(converted.id):
            raise at.fail("duplicate id", hint=f"{converted.id!r} is that of an earlier row")
        return converted

    def _skip(self, error: DataError) -> None:
        before = self._skipped.get(error.reason)
        self._skipped[error.reason] = SkippedReason(
            reason=error.reason,
            rows=1 if before is None else before.rows + 1,
            first=f"{error.file}, row {error.row}" if before is None else before.first,
        )

    def _nothing(self, problem: DataError | None) -> DataError:
        files = shorten([part.label for part in self._parts])
        if problem is None:
            return DataError("holds no rows", file=files)
        return DataError(
            f"none of its {self.rows_read} rows can be used; the first: {problem}", file=files
        )


def _detect(row: Row, at: RowContext) -> RowLoader | ResponseLoader:
    # Preferences first: sets of pairs often have a `messages` column beside them.
    try:
        return AUTO.detect(row.values, at)
    except DataError as error:
        for loader in RESPONSE_LOADERS:
            if loader.matches(row.values):
                return loader
        there = shorten([str(key) for key in row.values], 8)
        raise at.fail(
            error.reason,
            hint=f"it has {there or 'no columns'}; expected preferences (prompt, chosen, "
            "rejected), or prompt and response, or messages",
        ) from None


class IdSet:
    """Which ids were seen, at 8 bytes each whatever their length.

    An id is known by 64 bits of its BLAKE2b digest: that two different ones among ten
    million are taken for the same has a probability below 3 in a million.

    >>> seen = IdSet()
    >>> seen.add("a"), seen.add("b"), seen.add("a")
    (True, True, False)
    """

    _RECENT = 1 << 16

    def __init__(self) -> None:
        self._sorted: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._recent: set[int] = set()

    def add(self, identifier: str) -> bool:
        """Remember an id; ``False`` if it was known already."""
        key = int.from_bytes(blake2b(identifier.encode(), digest_size=8).digest(), "big")
        if key in self._recent or self._is_sorted_in(key):
            return False
        self._recent.add(key)
        if len(self._recent) == self._RECENT:
            fresh = np.fromiter(self._recent, np.uint64, count=self._RECENT)
            fresh.sort()
            # A stable sort finds the two sorted runs and merges them in linear time.
            self._sorted = np.sort(np.concatenate([self._sorted, fresh]), kind="stable")
            self._recent.clear()
        return True

    def _is_sorted_in(self, key: int) -> bool:
        at = int(np.searchsorted(self._sorted, np.uint64(key)))
        return at < len(self._sorted) and int(self._sorted[at]) == key
