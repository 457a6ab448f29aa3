"""Generated preferences that need no download: certain answers, balanced confounders.

``generate_controlled`` makes pairs in which one answer is right and the other wrong, in
mirrored pairs so that no property of the answers alone tells which; ``generate_confounders``
makes pairs of equal worth that differ in one property only.
"""

from __future__ import annotations

from rmbench.data.controlled.confounders import CONFOUNDER_KINDS, generate_confounders
from rmbench.data.controlled.families import FAMILIES
from rmbench.data.controlled.generate import generate_controlled
from rmbench.data.controlled.loaders import ConfoundersLoader, ControlledLoader

CONTROLLED = ControlledLoader()
CONFOUNDERS = ConfoundersLoader()

__all__ = [
    "CONFOUNDERS",
    "CONFOUNDER_KINDS",
    "CONTROLLED",
    "FAMILIES",
    "generate_confounders",
    "generate_controlled",
]
