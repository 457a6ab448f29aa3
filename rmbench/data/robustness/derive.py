"""From a set of preferences to the set that a robustness suite measures on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rmbench.data.robustness.transformation import Transformation
from rmbench.spec.robustness import ORIGINAL
from rmbench.types import PreferenceSet


@dataclass(frozen=True)
class Derived:
    """A derived set and what of it there could not be.

    Attributes:
        data: The base examples in subset ``original`` with ids ``original/<id>``, then for
            each transformation those that it fits, in subset ``<name>`` with ids
            ``<name>/<id>``; all in the base set's order, clustered as there.
        left_out: Transformation to the number of base examples that it does not fit;
            only those that leave any out.
    """

    data: PreferenceSet
    left_out: dict[str, int]


def derive(
    base: PreferenceSet, transformations: Sequence[Transformation], *, name: str, seed: int
) -> Derived:
    """Every example as it is, and once more with each transformation that fits it.

    Args:
        base: The set to rewrite.
        transformations: What to apply, one at a time.
        name: Name of the derived set.
        seed: Names the draws; the same one gives the same set.
    """
    examples = [replace(e, id=f"{ORIGINAL}/{e.id}", subset=ORIGINAL) for e in base]
    left_out: dict[str, int] = {}
    for transformation in transformations:
        fitting = [new for e in base if (new := transformation.apply(e, seed)) is not None]
        examples += fitting
        if len(fitting) < len(base):
            left_out[transformation.name] = len(base) - len(fitting)
    return Derived(replace(base, name=name, examples=tuple(examples)), left_out)
