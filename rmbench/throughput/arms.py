"""Ways of making batches, on one engine: its weights, kernels and head are everybody's.

What differs is which sequences share a forward pass, so the arms say what batching alone buys.
How other libraries fare with code of their own is measured in ``tests/benchmarks``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from rmbench.engine.capability import Path, path_obstacle
from rmbench.engine.scoring import Engine
from rmbench.engine.tally import Tally
from rmbench.spec import Arm
from rmbench.types import Conversation, ScoredBatch

UNSORTED_BATCH = 16
"""Sequences in a batch of the arm that takes them as they come."""

_PATHS: dict[Arm, Path] = {
    "unbatched": "padded",
    "unsorted padded": "padded",
    "sorted padded": "padded",
    "packed": "packed",
    "packed + shared": "shared",
}

_OWN: dict[Path, Arm] = {
    "padded": "sorted padded",
    "packed": "packed",
    "shared": "packed + shared",
}

Score = Callable[[Sequence[Conversation]], ScoredBatch]


def own_arm(engine: Engine) -> Arm:
    """The arm that the engine's own path is."""
    return _OWN[engine.capability.path]


def arm_obstacle(engine: Engine, arm: Arm) -> str | None:
    """Why an engine cannot run in an arm; ``None`` if it can."""
    path = _PATHS[arm]
    if path == "padded" and engine.options.compiled:
        return "--compile runs packed batches only"
    return path_obstacle(engine.model, path)


@contextmanager
def arranged(engine: Engine, arm: Arm) -> Iterator[Score]:
    """Give an engine an arm's way of making batches, and its own back afterwards.

    Args:
        engine: Without a cache, and with nothing in the arm's way.
        arm: The arm.

    Yields:
        What scores conversations so; the engine's ``shapes`` are then the arm's.
    """
    executor = engine.executor
    batch_tokens = executor.batch_tokens
    executor.take_path(_PATHS[arm])
    try:
        if arm == "unbatched":
            # No second sequence has room beside the first.
            executor.batch_tokens = 1
        yield _in_data_order(engine) if arm == "unsorted padded" else engine.score
    finally:
        executor.batch_tokens = batch_tokens
        executor.take_path(engine.options.attention)


def data_order(pairs: int, batch: int) -> Iterator[list[int]]:
    """Positions of the responses in each batch, chosen and rejected ones by turns.

    The chosen responses of ``batch`` pairs are one batch and the rejected ones the next, as in
    RewardBench's pipeline (Lambert et al. 2024).

    >>> list(data_order(3, 2))
    [[0, 2], [1, 3], [4], [5]]
    """
    for start in range(0, pairs, batch):
        block = range(start, min(pairs, start + batch))
        yield [2 * i for i in block]
        yield [2 * i + 1 for i in block]


def _in_data_order(engine: Engine) -> Score:
    executor = engine.executor

    def score(items: Sequence[Conversation]) -> ScoredBatch:
        executor.tally = Tally()
        rows = engine.encoder.encode(items)
        reward = np.full(len(rows), np.nan)
        for members in data_order(len(rows) // 2, UNSORTED_BATCH):
            batch = [rows[i] for i in members]
            # Just enough for all of them to be one batch.
            executor.batch_tokens = len(batch) * max(len(r) for r in batch)
            for part, values in executor.run(batch, [items[i].prompt for i in members]):
                reward[[members[i] for i in part]] = values
        n_tokens = np.array([len(r) for r in rows], np.int64)
        return ScoredBatch(reward, n_tokens, np.array([r.truncated for r in rows], np.bool_))

    return score
