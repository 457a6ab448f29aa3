"""A dev split for selection: no prompt of it is trained on."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from rmbench.errors import UsageError
from rmbench.types import PreferenceExample, PreferenceSet


@dataclass(frozen=True)
class Split:
    """Which examples of several sets are held back.

    Attributes:
        train: For each set, in order, positions of the examples to train on.
        dev: For each set, positions of those held back.
        groups: How many groups of examples were held back.
    """

    train: tuple[tuple[int, ...], ...]
    dev: tuple[tuple[int, ...], ...]
    groups: int


def split_by_prompt(sets: Sequence[PreferenceSet], fraction: float, *, seed: int) -> Split:
    """Hold back about a fraction of the examples, with all that share a prompt or a group.

    Examples are in one piece if they have the same prompt or the same group, in whichever
    set; pieces are drawn in an order that the seed decides, as long as the next one brings
    the share closer to the fraction.

    Args:
        sets: What is to be split.
        fraction: Share of all examples to hold back, in (0, 1).
        seed: Of the drawing.

    Raises:
        UsageError: If nothing would be left on one of the sides.
    """
    pieces = _pieces([(s, i) for s, data in enumerate(sets) for i in range(len(data))], sets)
    order = list(range(len(pieces)))
    random.Random(seed).shuffle(order)  # noqa: S311 - a split, not a secret
    wanted = fraction * sum(len(p) for p in pieces)
    held: list[tuple[int, int]] = []
    groups = 0
    for i in order:
        if abs(len(held) + len(pieces[i]) - wanted) >= abs(len(held) - wanted):
            continue
        held += pieces[i]
        groups += 1
    kept = {member for piece in pieces for member in piece} - set(held)
    if not held or not kept:
        side = "to select by" if not held else "to train on"
        raise UsageError(
            f"--dev-fraction {fraction:g} leaves nothing {side}: the data have "
            f"{len(pieces)} group{'s' * (len(pieces) != 1)} of examples with a prompt in common"
        )
    return Split(_by_set(kept, len(sets)), _by_set(set(held), len(sets)), groups)


def _pieces(
    members: Sequence[tuple[int, int]], sets: Sequence[PreferenceSet]
) -> list[list[tuple[int, int]]]:
    """Connected parts, where a prompt or a group in common connects; by first appearance."""
    parent = list(range(len(members)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[Hashable, int] = {}
    for i, (s, position) in enumerate(members):
        for key in _keys(s, sets[s][position]):
            j = root(first.setdefault(key, i))
            parent[max(j, root(i))] = min(j, root(i))
    pieces: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for i, member in enumerate(members):
        pieces[root(i)].append(member)
    return list(pieces.values())


def _keys(which: int, example: PreferenceExample) -> list[Hashable]:
    # Two sets may use one group name for different things; a prompt is the same anywhere.
    keys: list[Hashable] = [example.prompt]
    return [*keys, (which, example.group)] if example.group else keys


def _by_set(members: set[tuple[int, int]], n_sets: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(sorted(i for s, i in members if s == n)) for n in range(n_sets))
