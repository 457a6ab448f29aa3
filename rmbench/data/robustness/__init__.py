"""Rewritten prompts and answers that leave it unchanged which answer is better.

``TRANSFORMATIONS`` are the rewritings, in three families: controlled (what is said stays
what it was), natural noise (at most one character in twenty is touched, and none that decides
the sense) and those of one domain (code, mathematics, safety). ``derive`` makes the set that a
robustness suite measures on: every example as it is, and once more with each transformation
that fits it.

In the style of reWordBench (Wu et al., EMNLP 2025); the wording and the rules are rmbench's own.
"""

from rmbench.data.robustness.catalogue import TRANSFORMATIONS, VERSION
from rmbench.data.robustness.derive import Derived, derive
from rmbench.data.robustness.transformation import Family, Transformation

__all__ = [
    "TRANSFORMATIONS",
    "VERSION",
    "Derived",
    "Family",
    "Transformation",
    "derive",
]
