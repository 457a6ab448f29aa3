"""Which examples of a suite a file of training data holds too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rmbench.data import load_suite_data
from rmbench.data.overlap import Overlap, find_overlap
from rmbench.data.training_rows import load_training_rows
from rmbench.errors import UsageError
from rmbench.result.extent import measured_extent
from rmbench.spec import PreferenceSuite, RobustnessSuite, SuiteSpec

_NAMED = 10


@dataclass(frozen=True)
class SuiteOverlap:
    """What a suite and a file have in common.

    Attributes:
        suite: Name of the suite.
        file: The other source, as it was named.
        examples: Number of examples of the suite.
        other_examples: Number of usable rows of the file.
        skipped: Rows of the file that could not be used.
        missing: Parts of the suite that its data lack, and that were not looked up.
        shared: Ids of the suite's examples.
    """

    suite: str
    file: str
    examples: int
    other_examples: int
    skipped: int
    missing: tuple[str, ...]
    shared: Overlap

    def as_json(self) -> dict[str, Any]:
        """Plain values, all ids included."""
        return asdict(self)

    def as_text(self) -> str:
        """Counts, and the first ids of each kind."""
        head = f"{self.file}: {self.other_examples:,} rows"
        if self.skipped:
            head += f" ({self.skipped:,} rows could not be used)"
        lines = [head]
        if self.missing:
            lines.append(f"{self.suite} is not whole: looked up {measured_extent(self.missing)}")
        lines.append(f"{self.suite}: {self.examples:,} examples, of which the file has")
        for what, ids in (
            ("the prompt", self.shared.prompt),
            ("the prompt and an answer", self.shared.answer),
            ("the prompt and all answers", self.shared.row),
        ):
            share = len(ids) / self.examples
            lines.append(f"  {what}: {len(ids):,} ({share:.1%})")
            if ids:
                more = f" and {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else ""
                lines.append(f"    {', '.join(map(repr, ids[:_NAMED]))}{more}")
        return "\n".join(lines)


def suite_overlap(suite: SuiteSpec, file: str, data_dirs: Sequence[str]) -> SuiteOverlap:
    """Read a suite's data and a file of preferences, and compare them.

    Args:
        suite: A suite of preferences. Of one that rewrites another one's texts, the other one's
            are compared: what a file shares with them it has seen before it was rewritten.
        file: A source of preferences, or of prompts with or without answers. Rows that cannot
            be used are counted; one whose answers are equal is used, since its prompt is
            shared all the same.
        data_dirs: Folders with the suite's data; from the Hub without.

    Raises:
        UsageError: If the suite has no data, or they cannot be found.
        DataError: If one of the two cannot be read.
    """
    if not isinstance(suite, PreferenceSuite):
        raise UsageError(f"the suite {suite.name!r} holds no preferences to compare")
    if isinstance(suite, RobustnessSuite):
        suite = suite.base
    # What is missing of a suite does not change what the rest of it shares.
    data = load_suite_data(suite.data, suite.name, data_dirs, allow_partial=True)
    other = load_training_rows(file)
    return SuiteOverlap(
        suite=suite.name,
        file=file,
        examples=len(data),
        other_examples=len(other.rows),
        skipped=len(other.skipped),
        missing=data.missing,
        shared=find_overlap(data, other.rows),
    )
