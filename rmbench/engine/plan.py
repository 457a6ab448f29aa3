"""Which sequences share a forward pass; knows token ids and lengths, and no torch.

Two plans: padded batches of sequences of similar length, and packed batches of
groups, in which the prompt that several responses share stands once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TokenIds = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Sequences that are computed together, their common prefix once.

    Attributes:
        rows: Positions of the sequences among those planned; the first one is laid out
            whole, of the others only what follows the prefix.
        shared: Tokens of the common prefix; 0 for a single sequence. Less than the
            length of every sequence in the group, so that each keeps a token of its own.
        tokens: Tokens that are computed: the prefix and every rest.
    """

    rows: tuple[int, ...]
    shared: int
    tokens: int


def plan_padded(lengths: NDArray[np.int64], batch_tokens: int) -> Iterator[NDArray[np.int64]]:
    """Group sequences into batches to be padded to their longest member.

    The longest come first, so that a budget too big for the memory fails at once and
    the time left is not underestimated; neighbours in length share a batch, which keeps
    padding low.

    Args:
        lengths: int64, shape (n,): tokens of each sequence.
        batch_tokens: Most padded tokens (rows x longest row) in a batch. A sequence
            longer than that has a batch of its own.

    Yields:
        int64 arrays of positions into ``lengths``; together every position once.

    >>> [b.tolist() for b in plan_padded(np.array([3, 9, 4, 2]), batch_tokens=8)]
    [[1], [2, 0], [3]]
    """
    _check_budget(batch_tokens)
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        stop = start + max(1, batch_tokens // longest)
        yield order[start:stop]
        start = stop


def common_prefix(rows: Sequence[TokenIds]) -> int:
    """Tokens that all sequences begin with, short of the last token of the shortest.

    The prefix is that of the encoded sequences, not of the prompt's text: it is right
    whatever the tokenizer merges where the response begins.

    >>> common_prefix([(1, 2, 3, 4), (1, 2, 5)])
    2
    >>> common_prefix([(1, 2), (1, 2, 3)])
    1
    """
    if len(rows) < 2:
        return 0
    # Whatever the smallest and the largest have in common, all between them have.
    low, high = min(rows), max(rows)
    most = min(len(r) for r in rows) - 1
    shared = 0
    for a, b in zip(low[:most], high[:most], strict=False):
        if a != b:
            break
        shared += 1
    return shared


def plan_groups(
    rows: Sequence[TokenIds], prompts: Sequence[Hashable], batch_tokens: int, *, share: bool = True
) -> list[Group]:
    """Put sequences with one prompt into groups that compute it once.

    A group that would not fit the budget is parted; each part computes the prompt again.

    Args:
        rows: Token ids of each sequence.
        prompts: What each sequence's prompt is known by, shape as ``rows``; only
            sequences with equal entries may share a group.
        batch_tokens: Most tokens of a group, as far as it has more than one sequence.
        share: Whether prefixes are shared at all; if not, every sequence is a group.

    Returns:
        Groups; together they hold every position once.

    >>> plan_groups([(1, 2, 3), (1, 2, 4, 5), (9,)], ["a", "a", "b"], batch_tokens=100)
    [Group(rows=(1, 0), shared=2, tokens=5), Group(rows=(2,), shared=0, tokens=1)]
    """
    _check_budget(batch_tokens)
    if len(rows) != len(prompts):
        raise ValueError(f"{len(rows)} sequences and {len(prompts)} prompts")
    if not share:
        return [Group((i,), 0, len(r)) for i, r in enumerate(rows)]
    by_prompt: dict[Hashable, list[int]] = {}
    for i, prompt in enumerate(prompts):
        by_prompt.setdefault(prompt, []).append(i)
    groups: list[Group] = []
    for members in by_prompt.values():
        members.sort(key=lambda i: -len(rows[i]))
        groups.extend(_within_budget(rows, members, batch_tokens))
    return groups


def _within_budget(
    rows: Sequence[TokenIds], members: Sequence[int], batch_tokens: int
) -> Iterator[Group]:
    shared = common_prefix([rows[i] for i in members])
    if shared == 0:
        # Nothing to share, so nothing is gained by keeping them together.
        yield from (Group((i,), 0, len(rows[i])) for i in members)
        return
    part: list[int] = []
    tokens = 0
    for i in members:
        rest = len(rows[i]) - shared
        if part and tokens + rest > batch_tokens:
            yield _group(part, shared, tokens)
            part, tokens = [], 0
        tokens += rest if part else len(rows[i])
        part.append(i)
    yield _group(part, shared, tokens)


def _group(rows: Sequence[int], shared: int, tokens: int) -> Group:
    return Group(tuple(rows), shared if len(rows) > 1 else 0, tokens)


def plan_packed(groups: Sequence[Group], batch_tokens: int) -> Iterator[tuple[Group, ...]]:
    """Put groups into batches of at most ``batch_tokens`` computed tokens.

    The largest come first, for the reasons given at ``plan_padded``; groups of similar
    size share a batch. A group larger than the budget has a batch of its own.

    >>> groups = [Group((0,), 0, 3), Group((1,), 0, 9), Group((2,), 0, 4)]
    >>> [[g.rows for g in b] for b in plan_packed(groups, batch_tokens=8)]
    [[(1,)], [(2,), (0,)]]
    """
    _check_budget(batch_tokens)
    batch: list[Group] = []
    tokens = 0
    for group in sorted(groups, key=lambda g: -g.tokens):
        if batch and tokens + group.tokens > batch_tokens:
            yield tuple(batch)
            batch, tokens = [], 0
        batch.append(group)
        tokens += group.tokens
    if batch:
        yield tuple(batch)


def _check_budget(batch_tokens: int) -> None:
    if batch_tokens < 1:
        raise ValueError(f"batch_tokens must be positive, got {batch_tokens}")
