"""The join between numpy functions and the record.

A metric is a named value with a unit, a direction and a range; calling it on
``Scores`` gives one ``Estimate``. The arithmetic stands in the pure functions of
the sibling modules, which take and return plain arrays and numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from rmbench.result.models import Estimate
from rmbench.types import Scores, TiePolicy


@dataclass(frozen=True)
class MeasureContext:
    """What a suite and a scorer decide about how metrics are computed.

    Attributes:
        ties: What a comparison with exactly equal rewards counts.
        margins_are_logits: Whether sigmoid(margin) claims to be a probability; where
            it does not, calibration is undefined.
        sections: Section name to the subsets it pools, for suites that have sections.
        score_tree: Name of the whole suite (the empty name), of a section or edition, to
            the parts whose weighted mean its score is; a name without an entry is a subset.
        seed: Seed of every resampling a metric does.
    """

    ties: TiePolicy = "half"
    margins_are_logits: bool = True
    sections: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    score_tree: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    seed: int = 0


class Metric(Protocol):
    """A named quantity computed from scores."""

    @property
    def name(self) -> str:
        """Name in suite files and results."""
        ...

    @property
    def unit(self) -> str:
        """Unit of the value."""
        ...

    @property
    def higher_is_better(self) -> bool | None:
        """``None`` where neither direction is better."""
        ...

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest possible value."""
        ...

    @property
    def per_subset(self) -> bool:
        """Whether it is also reported for each subset and section."""
        ...

    @property
    def summary(self) -> str:
        """One line for ``rmbench list metrics``."""
        ...

    def __call__(
        self, scores: Scores, context: MeasureContext, *, subset: str | None = None
    ) -> Estimate:
        """Measure ``scores`` (already reduced to ``subset`` where one is named)."""
        ...


@dataclass(frozen=True)
class Undefined:
    """Why a quantity has no value; takes the place of the value, never of an error."""

    reason: str
