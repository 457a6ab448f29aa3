"""Which sequences share a forward pass; knows lengths only, and no torch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


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
    if batch_tokens < 1:
        raise ValueError(f"batch_tokens must be positive, got {batch_tokens}")
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        stop = start + max(1, batch_tokens // longest)
        yield order[start:stop]
        start = stop
