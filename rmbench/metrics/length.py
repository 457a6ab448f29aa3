"""What length alone explains: accuracy with the two directions of length balanced.

A comparison counts for the stratum in which its chosen answer has more characters than
the rejected one, or for the one in which it has fewer; equal lengths tell nothing and
are left out. Within a stratum a comparison weighs 1 / (n_chosen * n_rejected) of its
example, and each stratum counts one half whatever its size: a scorer that sees nothing
but length is right in one and wrong in the other, and scores exactly one half.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rmbench.metrics.accuracy import outcomes
from rmbench.metrics.arrays import BoolArray
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import Linearised, linearised_ratio, mean_of
from rmbench.types import TiePolicy


@dataclass(frozen=True, eq=False)
class LengthStrata:
    """Accuracy where the right answer is the longer one, and where it is the shorter.

    A stratum without comparisons is ``None``; ``n`` of a stratum is the number of
    examples with a comparison in it.
    """

    longer: Linearised | None
    shorter: Linearised | None

    @property
    def balanced(self) -> Linearised | None:
        """Mean of the two; ``None`` where one of them is missing."""
        if self.longer is None or self.shorter is None:
            return None
        return mean_of([self.longer, self.shorter])


def length_strata(decided: Comparisons, ties: TiePolicy) -> LengthStrata:
    """Accuracy of the two strata of ``Comparisons.decided``, in characters."""
    difference = decided.chars_chosen - decided.chars_rejected
    return LengthStrata(
        longer=_stratum(decided, difference > 0, ties),
        shorter=_stratum(decided, difference < 0, ties),
    )


def _stratum(decided: Comparisons, inside: BoolArray, ties: TiePolicy) -> Linearised | None:
    if not inside.any():
        return None
    counted = inside.astype(np.float64)
    return linearised_ratio(
        decided.example_mean(counted * outcomes(decided.margin, ties)),
        decided.example_mean(counted),
    )
