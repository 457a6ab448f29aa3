"""The metric class of the catalogue: a computation on comparisons, with a description."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rmbench.metrics.base import MeasureContext, Undefined
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.estimate import estimate_of
from rmbench.metrics.views import Measured, View
from rmbench.result.models import Estimate
from rmbench.types import Scores


@dataclass(frozen=True)
class ComparisonMetric:
    """A metric over comparisons; satisfies ``rmbench.metrics.base.Metric``.

    Attributes:
        name: Name in suite files and results.
        unit: Unit of the value.
        higher_is_better: ``None`` where neither direction is better.
        range: Smallest and largest possible value; intervals are clipped to it.
        per_subset: Whether it is also reported for each subset and section.
        summary: One line for ``rmbench list metrics``.
        compute: The computation; it is never called without examples.
        needs_answer: Whether it rests on the examples that have a right answer only,
            with that answer as the chosen one (``Comparisons.decided``).
        needs_logits: Whether it is undefined where margins are not logits.
        per_section: Whether it is also reported for each section, where not for each subset.
    """

    name: str
    unit: str
    higher_is_better: bool | None
    range: tuple[float, float]
    per_subset: bool
    summary: str
    compute: Callable[[View], Measured | Undefined]
    needs_answer: bool = False
    needs_logits: bool = False
    per_section: bool = False

    def __call__(
        self, scores: Scores, context: MeasureContext, *, subset: str | None = None
    ) -> Estimate:
        """Measure ``scores`` (already reduced to ``subset`` where one is named).

        Raises:
            ValueError: If the scores break what ``Scores`` promises or a reward is not
                finite; the message names the first such example.
        """
        return self.estimate(Comparisons.from_scores(scores), context, subset=subset)

    def estimate(
        self, comparisons: Comparisons, context: MeasureContext, *, subset: str | None = None
    ) -> Estimate:
        """As a call, from comparisons that several metrics share."""
        found = self.measured(comparisons, context, subset=subset)
        n = self.used(comparisons).n_examples
        return estimate_of(self, found, n, subset)

    def used(self, comparisons: Comparisons) -> Comparisons:
        """The comparisons it rests on: all, or those with a right answer."""
        return comparisons.decided if self.needs_answer else comparisons

    def measured(
        self, comparisons: Comparisons, context: MeasureContext, *, subset: str | None = None
    ) -> Measured | Undefined:
        """The value with what a paired comparison needs, over the examples of ``used``."""
        used = self.used(comparisons)
        why = self._undefined(comparisons, used, context)
        return self.compute(View(used, context, subset)) if why is None else why

    def _undefined(
        self, given: Comparisons, used: Comparisons, context: MeasureContext
    ) -> Undefined | None:
        if given.n_examples == 0:
            return Undefined("there are no examples")
        if used.n_examples == 0:
            return Undefined("every example is a tie between its answers")
        if self.needs_logits and not context.margins_are_logits:
            return Undefined("the scorer's margins are not logits")
        return None
