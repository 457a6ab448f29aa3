"""Rows of stored rewards, and how a reward is read out of one field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import fsum, isfinite, nan
from typing import Any, NamedTuple

from rmbench.errors import DataError

FAILED = "$ERROR$"
"""What PPE's program writes where a scorer failed; it is read as a missing reward."""


class ReplayRow(NamedTuple):
    """Stored rewards of one example; a reward that is not there is NaN.

    Attributes:
        id: What the file calls the example; empty where its layout has no ids.
        subset: Part of the set it belongs to; ``all`` where the file does not say.
        chosen: Rewards of the preferred answers.
        rejected: Rewards of the others.
        file: The file it stands in.
        number: Where in it, from 1.
        texts: What the file says the answers were, chosen first; ``None`` where it holds none.
        by_position: Whether the file gives the rewards in the order of the publisher's
            columns and does not say which answers were right: then all are in ``chosen``.
        failed: Which of ``chosen`` the publisher's program marks as failed, from 0.
        position: Of a layout with a row for each answer: which answer of its prompt, from 0.
        own_id: What the file calls the example, where ``id`` had to be a number instead.
    """

    id: str
    subset: str
    chosen: tuple[float, ...]
    rejected: tuple[float, ...]
    file: str = ""
    number: int = 0
    texts: tuple[str, ...] | None = None
    by_position: bool = False
    failed: tuple[int, ...] = ()
    position: int = 0
    own_id: str = ""

    @property
    def rewards(self) -> tuple[float, ...]:
        """All rewards, chosen first."""
        return self.chosen + self.rejected

    def with_failed_lowest(self) -> ReplayRow:
        """The row with a finite reward below all others in place of each failed one.

        A failed score loses every comparison, as minus infinity does. Where no score of the row
        is finite, there is nothing to be below of, and the row stays as it is.

        >>> ReplayRow("q", "all", (0.5, nan, 2.0), (), failed=(1,)).with_failed_lowest().chosen
        (0.5, -0.5, 2.0)
        """
        finite = [reward for reward in self.chosen if isfinite(reward)]
        if not self.failed or not finite:
            return self
        rewards = list(self.chosen)
        for position in self.failed:
            rewards[position] = min(finite) - 1.0
        return self._replace(chosen=tuple(rewards))


@dataclass
class SampleTally:
    """How often answers were scored more than once.

    Attributes:
        answers: Answers that have a list of samples.
        most: Most samples of one answer.
        samples: Samples in all, the missing ones included.
        missing: Samples that are ``null``.
    """

    answers: int = 0
    most: int = 1
    samples: int = 0
    missing: int = 0

    def mean(self, samples: list[float | None]) -> float:
        """Mean of the samples that are there; NaN if none is.

        A sample that is not finite makes the mean no finite number, too.

        >>> SampleTally().mean([6.0, None, 7.0])
        6.5
        """
        kept = [s for s in samples if s is not None]
        if len(samples) > 1:
            self.answers += 1
            self.most = max(self.most, len(samples))
            self.samples += len(samples)
            self.missing += len(samples) - len(kept)
        if not kept:
            return nan
        try:
            # Exact, so that answers with the same samples in another order tie.
            return fsum(kept) / len(kept)
        except (OverflowError, ValueError):  # infinities of either sign, or beyond a float
            return nan

    def notes(self, file_name: str) -> tuple[str, ...]:
        """What averaging did, if there was any."""
        if not self.answers:
            return ()
        line = (
            f"{self.answers:,} rewards of {file_name} are means of up to {self.most} samples an "
            "answer"
        )
        if self.missing:
            line += f"; {self.missing:,} of {self.samples:,} samples are missing and left out"
        return (line,)


@dataclass(slots=True)
class RowReader:
    """One row of a file under the eyes of a layout: its fields, and errors that name them.

    Attributes:
        values: The fields.
        number: Where the row stands, from 1.
        file: How errors name the file.
        tally: Counts the samples that are averaged.
    """

    values: Mapping[str, Any]
    number: int
    file: str
    tally: SampleTally

    def fail(self, reason: str, field: str | None = None, hint: str | None = None) -> DataError:
        """The error that names this row; the caller raises it."""
        return DataError(reason, file=self.file, row=self.number, field=field, hint=hint)

    def get(self, field: str) -> Any:
        """A field that must be there.

        Raises:
            DataError: If it is not.
        """
        if field not in self.values:
            raise self.fail("is missing", field)
        return self.values[field]

    def text(self, field: str) -> str:
        """An id or a name, written as text or as a number.

        Raises:
            DataError: If it is missing or neither.
        """
        value = self.get(field)
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            raise self.fail(f"expected a name, got {value!r:.40}", field)
        return str(value)

    def rewards(self, field: str) -> tuple[float, ...]:
        """The rewards of one side: a number, or a list with one entry an answer.

        An entry is a number, ``null``, or the samples that were drawn of the answer's reward,
        which are averaged.

        Raises:
            DataError: If it holds no reward, or something else than numbers.
        """
        value = self.get(field)
        entries = value if isinstance(value, list) else [value]
        if not entries:
            raise self.fail("holds no score", field)
        return tuple(self.reward(entry, field) for entry in entries)

    def reward(self, entry: Any, field: str) -> float:
        """The reward of one answer: a number, ``null``, or samples of it.

        Raises:
            DataError: If it is something else.
        """
        if type(entry) is float:  # nearly always
            return entry
        samples = entry if isinstance(entry, list) else [entry]
        if not samples:
            raise self.fail("holds no score", field)
        return self.tally.mean([self._number(sample, field) for sample in samples])

    def _number(self, value: Any, field: str) -> float | None:
        if value is None or value == FAILED:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(f"expected a number, got {value!r:.40}", field)
        try:
            return float(value)
        except OverflowError:
            raise self.fail("holds a number too large", field) from None
