"""The kinds of controlled preferences, one module each.

To add one, write a module with a ``FAMILY`` and name it here; the tests hold every
family to the same rules (mirrored answers, nothing shared between the splits).
"""

from __future__ import annotations

from rmbench.data.controlled.families import (
    arithmetic,
    constraint,
    coverage,
    fact,
    formatting,
    intent,
    refusal,
    topic,
)
from rmbench.data.controlled.mirrored import Family

FAMILIES: tuple[Family, ...] = (
    arithmetic.FAMILY,
    constraint.FAMILY,
    coverage.FAMILY,
    fact.FAMILY,
    formatting.FAMILY,
    intent.FAMILY,
    refusal.FAMILY,
    topic.FAMILY,
)
"""Every family, in the order examples are generated and reported."""
