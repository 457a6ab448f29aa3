"""The metric class of robustness suites: a rewritten subset beside the originals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rmbench.metrics.base import MeasureContext, Undefined
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.estimate import estimate_of
from rmbench.metrics.views import Measured
from rmbench.result.models import Estimate
from rmbench.spec.robustness import ORIGINAL
from rmbench.types import Scores

Compute = Callable[[Comparisons, MeasureContext, str | None], Measured | Undefined]
"""From the comparisons of the whole suite to one transformation's value, or (``None``) to that
over all of them."""


@dataclass(frozen=True)
class RobustnessMetric:
    """A metric of a rewritten subset, which needs the originals too.

    It is given the whole suite's comparisons for every part. Satisfies
    ``rmbench.metrics.base.Metric``; the first attributes are those of ``ComparisonMetric``.

    Attributes:
        name: Name in suite files and results.
        unit: Unit of the value.
        higher_is_better: ``None`` where neither direction is better.
        range: Smallest and largest possible value; intervals are clipped to it.
        per_subset: Whether it is also reported for each transformation.
        summary: One line for ``rmbench list metrics``.
        compute: The computation; it is never called without examples.
        needs_answer: Whether it rests on the examples that have a right answer only.
        whole: Whether there is a value over all transformations.
    """

    name: str
    unit: str
    higher_is_better: bool | None
    range: tuple[float, float]
    per_subset: bool
    summary: str
    compute: Compute
    needs_answer: bool = False
    whole: bool = True

    def __call__(
        self, scores: Scores, context: MeasureContext, *, subset: str | None = None
    ) -> Estimate:
        """Measure one transformation, or all of them together.

        Args:
            scores: Of the whole suite, also where a subset is named: it is compared with
                the originals.
            context: The suite's and scorer's choices.
            subset: The transformation.

        Raises:
            ValueError: If the scores break what ``Scores`` promises.
        """
        return self.estimate(Comparisons.from_scores(scores), context, subset=subset)

    def estimate(
        self, comparisons: Comparisons, context: MeasureContext, *, subset: str | None = None
    ) -> Estimate:
        """As a call, from the comparisons of the whole suite."""
        found = self.measured(comparisons, context, subset=subset)
        used = self.used(comparisons)
        n = used.n_examples if subset is None else int((used.subset == subset).sum())
        return estimate_of(self, found, n, subset)

    def used(self, comparisons: Comparisons) -> Comparisons:
        """The comparisons it rests on: all, or those with a right answer."""
        return comparisons.decided if self.needs_answer else comparisons

    def measured(
        self, comparisons: Comparisons, context: MeasureContext, *, subset: str | None = None
    ) -> Measured | Undefined:
        """The value with its influences over the examples of ``used``.

        All of a rewritten example's influence is written down at its original, whose cluster
        is its own.
        """
        used = self.used(comparisons)
        if comparisons.n_examples == 0:
            return Undefined("there are no examples")
        if used.n_examples == 0:
            return Undefined("every example is a tie between its answers")
        return self.compute(used, context, subset)

    def is_reported(self, part: str | None) -> bool:
        """Whether there is a value for that part: the originals have none."""
        return self.whole if part is None else self.per_subset and part != ORIGINAL
