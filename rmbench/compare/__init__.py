"""Two scorers on the same items: paired differences, tests, flipped items."""

from rmbench.compare.align import Aligned, align
from rmbench.compare.compare import (
    FLIPS_SHOWN,
    CompareRequest,
    compare,
    raise_if_not_comparable,
)
from rmbench.compare.estimates import paired_estimates
from rmbench.compare.flips import Flips, conversation, find_flips, with_texts
from rmbench.compare.speeds import DEFAULT_FACTOR, MIN_REPEATS, compare_speeds
from rmbench.compare.verdicts import allowed_loss, verdict

__all__ = [
    "DEFAULT_FACTOR",
    "FLIPS_SHOWN",
    "MIN_REPEATS",
    "Aligned",
    "CompareRequest",
    "Flips",
    "align",
    "allowed_loss",
    "compare",
    "compare_speeds",
    "conversation",
    "find_flips",
    "paired_estimates",
    "raise_if_not_comparable",
    "verdict",
    "with_texts",
]
