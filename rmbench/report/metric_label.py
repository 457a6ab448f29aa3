"""How one metric is presented, and the headings that metrics stand under."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MetricLabel:
    """How one metric is presented.

    Attributes:
        metric: Its name in results.
        label: Its name in reports.
        group: The heading it stands under.
        help: One line on how to read it.
        signed: Whether a plus sign carries meaning.
        interval: Whether narrow tables show its interval too.
        main: Whether narrow tables show it at all.
    """

    metric: str
    label: str
    group: str
    help: str = ""
    signed: bool = False
    interval: bool = False
    main: bool = True

    @property
    def by_part(self) -> str:
        """Heading of its values part by part."""
        return f"{self.label} by {'section' if self.metric == 'section_score' else 'subset'}"


ACCURACY = "Accuracy"
SENSITIVITY = "Length and style"
BEST_OF_N = "Best of N"
VOTES = "Votes"
CALIBRATION = "Calibration"
SELECTIVE = "Most confident comparisons"
SCALE = "Scale of the rewards"
THROUGHPUT = "Throughput"
OTHER = "Other"
