"""How the parts of a suite make up its score: subsets, sections, editions, and their weights.

A score tree says for every part that is a mean of others which ones, and with what weight.
A name that has no entry is a subset of the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

Sections = Mapping[str, tuple[str, ...]]
ScoreTree = dict[str, dict[str, float]]

WHOLE = ""
"""The whole suite's entry in a score tree."""


def pooled_subsets(sections: Sections, editions: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Every part that pools subsets, in the order of reports, to the subsets it pools.

    >>> pooled_subsets({"Chat": ("easy", "hard")}, ["de"])
    {'de': ('de/easy', 'de/hard'), 'de/Chat': ('de/easy', 'de/hard')}
    """
    if not editions:
        return dict(sections)
    subsets = [subset for parts in sections.values() for subset in parts]
    found = {edition: tuple(f"{edition}/{subset}" for subset in subsets) for edition in editions}
    for edition in editions:
        for name, parts in sections.items():
            found[f"{edition}/{name}"] = tuple(f"{edition}/{subset}" for subset in parts)
    return found


def score_tree(
    sections: Sections,
    subset_weights: Mapping[str, float],
    section_weights: Mapping[str, float],
    editions: Sequence[str],
) -> ScoreTree:
    """What the score of each part is the weighted mean of; parts without a weight count alike.

    Empty for a suite without sections.

    >>> score_tree({"Chat": ("easy", "hard")}, {"easy": 3, "hard": 1}, {}, ())
    {'': {'Chat': 1.0}, 'Chat': {'easy': 3, 'hard': 1}}
    """
    if not sections:
        return {}
    tree: ScoreTree = {}
    for edition in editions or (WHOLE,):
        prefix = f"{edition}/" if edition else ""
        tree[edition] = {f"{prefix}{name}": section_weights.get(name, 1.0) for name in sections}
        for name, parts in sections.items():
            if parts != (name,):
                tree[f"{prefix}{name}"] = {
                    f"{prefix}{subset}": subset_weights.get(subset, 1.0) for subset in parts
                }
    if editions:
        tree = {WHOLE: dict.fromkeys(editions, 1.0), **tree}
    return tree


def check_weights(
    sections: Sections,
    subset_weights: Mapping[str, float],
    section_weights: Mapping[str, float],
    editions: Sequence[str],
) -> None:
    """Refuse weights and editions that leave open what the score is.

    Raises:
        ValueError: If a weight is not above 0, names nothing, or is missing where others of
            the same mean have one; if editions stand without sections or are named twice.
            The message begins with the table at fault and names the part.
    """
    for table, weights in (
        ("subset_weights", subset_weights),
        ("section_weights", section_weights),
    ):
        for name, weight in weights.items():
            if not (isfinite(weight) and weight > 0):
                raise ValueError(f"'{table}.{name}': {weight:g} is not a weight above 0")
    pooled = [subset for parts in sections.values() for subset in parts]
    for name in subset_weights:
        if name not in pooled:
            raise ValueError(f"'subset_weights.{name}': no section has a subset of that name")
    for name in section_weights:
        if name not in sections:
            raise ValueError(f"'section_weights.{name}': there is no section of that name")
    for name, parts in sections.items():
        _all_or_none("subset_weights", parts, subset_weights, f"others of the section {name!r}")
    _all_or_none("section_weights", tuple(sections), section_weights, "other sections")
    if editions and not sections:
        raise ValueError("'editions': the suite has no sections to have in each of them")
    twice = [name for i, name in enumerate(editions) if name in editions[:i]]
    if twice:
        raise ValueError(f"'editions': {twice[0]!r} is named twice")


def _all_or_none(
    table: str, names: Sequence[str], weights: Mapping[str, float], others: str
) -> None:
    without = [name for name in names if name not in weights]
    if without and len(without) < len(names):
        raise ValueError(f"'{table}': {without[0]!r} has no weight and {others} have one")
