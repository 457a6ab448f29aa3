"""How a packed batch is laid out: token ids, positions, segments; knows no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rmbench.engine.encode import Encoded
from rmbench.engine.plan import Group

ScorePosition = Literal["hf", "last"]


@dataclass(frozen=True, slots=True)
class Positions:
    """How a model numbers the tokens of a sequence.

    Attributes:
        first: Position of the first token: 0, or ``padding_idx + 1`` in RoBERTa and its kin.
        pad_token_id: Id that such a model steps over when it counts; ``None`` where every
            token counts.
    """

    first: int = 0
    pad_token_id: int | None = None

    def number(self, input_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Position of every token of one sequence.

        >>> Positions(first=2, pad_token_id=1).number(np.array([0, 9, 1, 8])).tolist()
        [2, 3, 1, 4]
        """
        if self.pad_token_id is None or not (input_ids == self.pad_token_id).any():
            return np.arange(self.first, self.first + len(input_ids))
        counted = input_ids != self.pad_token_id
        return np.where(counted, np.cumsum(counted) + self.first - 1, self.first - 1)


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """Sequences laid end to end, the prompt of each group once.

    Attributes:
        input_ids: int64, shape (tokens,).
        position_ids: int64, shape (tokens,); they start anew in every sequence and go on
            from the prompt in every response.
        token_type_ids: int64, shape (tokens,), where the sequences have them.
        segments: int64, shape (n, 4); see ``rmbench.engine.attention.PackedLayout``.
        rows: int64, shape (n,): position, among those planned, of each segment's sequence.
        scored: int64, shape (n,): the token each sequence's score is read from.
    """

    input_ids: NDArray[np.int64]
    position_ids: NDArray[np.int64]
    token_type_ids: NDArray[np.int64] | None
    segments: NDArray[np.int64]
    rows: NDArray[np.int64]
    scored: NDArray[np.int64]


def score_index(row: Encoded, pad_token_id: int | None, position: ScorePosition) -> int:
    """Which token of a sequence a decoder's score is read from.

    ``hf`` is the rule of ``transformers``: the rightmost token whose id is not the pad
    id, which steps over a final end mark where pad and end mark are one token (a tie of
    all such tokens falls to the first). ``last`` is the last token.

    >>> score_index(Encoded((5, 6, 2)), pad_token_id=2, position="hf")
    1
    >>> score_index(Encoded((5, 6, 2)), pad_token_id=2, position="last")
    2
    """
    end = len(row.input_ids) - 1
    if position == "last" or pad_token_id is None:
        return end
    for i in range(end, -1, -1):
        if row.input_ids[i] != pad_token_id:
            return i
    return 0


def pack(
    groups: Sequence[Group],
    rows: Sequence[Encoded],
    *,
    positions: Positions,
    pad_token_id: int | None,
    position: ScorePosition,
) -> PackedBatch:
    """Lay groups of sequences end to end.

    Args:
        groups: What ``plan_groups`` made of ``rows``.
        rows: The encoded sequences.
        positions: How the model numbers tokens.
        pad_token_id: The model's pad id, for the rule of the scored token.
        position: Which token is scored.

    >>> batch = pack(
    ...     [Group((0, 1), shared=2, tokens=5)],
    ...     [Encoded((7, 8, 1)), Encoded((7, 8, 2, 3))],
    ...     positions=Positions(), pad_token_id=None, position="hf",
    ... )
    >>> batch.input_ids.tolist(), batch.position_ids.tolist()
    ([7, 8, 1, 2, 3], [0, 1, 2, 2, 3])
    >>> batch.segments.tolist(), batch.scored.tolist()
    ([[0, 3, 0, 0], [3, 5, 0, 2]], [2, 4])
    """
    ids: list[NDArray[np.int64]] = []
    numbers: list[NDArray[np.int64]] = []
    types: list[NDArray[np.int64]] = []
    segments: list[tuple[int, int, int, int]] = []
    scored: list[int] = []
    end = 0
    for group in groups:
        prompt_at = end
        for n, i in enumerate(group.rows):
            row = rows[i]
            skip = group.shared if n else 0
            tokens = np.array(row.input_ids, np.int64)
            ids.append(tokens[skip:])
            numbers.append(positions.number(tokens)[skip:])
            if row.token_type_ids is not None:
                types.append(np.array(row.token_type_ids, np.int64)[skip:])
            at = score_index(row, pad_token_id, position)
            # The rule may point into the prompt, which stands with the group's first row.
            scored.append(end + at - skip if at >= skip else prompt_at + at)
            stop = end + len(tokens) - skip
            segments.append((end, stop, prompt_at, prompt_at + skip))
            end = stop
    return PackedBatch(
        input_ids=np.concatenate(ids),
        position_ids=np.concatenate(numbers),
        token_type_ids=np.concatenate(types) if types else None,
        segments=np.array(segments, np.int64),
        rows=np.array([i for g in groups for i in g.rows], np.int64),
        scored=np.array(scored, np.int64),
    )


def fill_up(batch: PackedBatch, tokens: int) -> PackedBatch:
    """Bring a batch to a fixed number of tokens, for a compiled model.

    What is added is sequences of their own, none longer than the longest that is there, so
    no real token ever attends to them; ``rows`` and ``scored`` stay those of the real ones.

    Args:
        batch: The batch.
        tokens: How many tokens it shall have; a longer batch goes to the next power of two
            times as many.
    """
    have = len(batch.input_ids)
    size = tokens
    while size < have:
        size *= 2
    missing = size - have
    if missing == 0:
        return batch
    step = int((batch.segments[:, 1] - batch.segments[:, 0]).max())
    starts = np.arange(have, size, step)
    stops = np.minimum(starts + step, size)
    numbers = (np.arange(missing) % step) + batch.position_ids[0]
    zeros = np.zeros(missing, np.int64)
    filled = np.stack([starts, stops, starts, starts], axis=1)
    return PackedBatch(
        input_ids=np.concatenate([batch.input_ids, zeros]),
        position_ids=np.concatenate([batch.position_ids, numbers]),
        token_type_ids=None
        if batch.token_type_ids is None
        else np.concatenate([batch.token_type_ids, zeros]),
        segments=np.concatenate([batch.segments, filled]),
        rows=batch.rows,
        scored=batch.scored,
    )
