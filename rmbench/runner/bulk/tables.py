"""Scored rows as Arrow tables: one row out for each row in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rmbench.data.responses import PromptResponse
from rmbench.data.stream import StreamRow
from rmbench.errors import ScorerError
from rmbench.types import Conversation, PreferenceExample, ScoredBatch, conversations

PREFERENCE_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("subset", pa.string()),
        ("scores_chosen", pa.list_(pa.float64())),
        ("scores_rejected", pa.list_(pa.float64())),
        ("n_tokens_chosen", pa.list_(pa.int64())),
        ("n_tokens_rejected", pa.list_(pa.int64())),
        ("truncated", pa.bool_()),
        ("preference", pa.float64()),
    ]
)
"""A row for each preference example; its lists are in the order of the answers."""

RESPONSE_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("reward", pa.float64()),
        ("n_tokens", pa.int64()),
        ("truncated", pa.bool_()),
    ]
)
"""A row for each single response."""

_REWARDS = ("scores_chosen", "scores_rejected", "reward")
_TOKENS = ("n_tokens_chosen", "n_tokens_rejected", "n_tokens")


@dataclass(frozen=True, slots=True)
class Tally:
    """What a table holds, in numbers.

    Attributes:
        rows: Rows.
        responses: Responses that were scored.
        tokens: Tokens the scorer read; 0 where it does not tokenise.
        truncated: Rows with any text cut off.
        failed: Responses without a finite reward.
    """

    rows: int = 0
    responses: int = 0
    tokens: int = 0
    truncated: int = 0
    failed: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.rows + other.rows,
            self.responses + other.responses,
            self.tokens + other.tokens,
            self.truncated + other.truncated,
            self.failed + other.failed,
        )


def responses_in(row: StreamRow) -> int:
    """How many responses a row asks to be scored."""
    return 1 if isinstance(row, PromptResponse) else len(row.responses)


def conversations_of(rows: Sequence[StreamRow]) -> list[Conversation]:
    """Every response of every row, in order, chosen before rejected."""
    examples = _examples(rows)
    if examples:
        return conversations(examples)
    return [Conversation(r.prompt, r.response, r.id, 0) for r in _single(rows)]


def to_table(rows: Sequence[StreamRow], batch: ScoredBatch, scorer_name: str) -> pa.Table:
    """Join a scorer's answer to the rows it was asked about.

    A reward that is not finite becomes null.

    Args:
        rows: Of one kind, at least one.
        batch: One entry for each of ``conversations_of(rows)``.
        scorer_name: Named in the error.

    Returns:
        A table of ``PREFERENCE_SCHEMA`` or ``RESPONSE_SCHEMA``, one row for each of ``rows``.

    Raises:
        ScorerError: If the batch does not hold one reward for each response.
    """
    expected = sum(responses_in(row) for row in rows)
    if len(batch.reward) != expected:
        raise ScorerError(
            f"{scorer_name}: gave {len(batch.reward)} rewards for {expected} responses"
        )
    examples = _examples(rows)
    return _preferences(examples, batch) if examples else _responses(_single(rows), batch)


def tally(table: pa.Table) -> Tally:
    """Count what a table of ``to_table`` holds."""
    rewards = [_flat(table, name) for name in _REWARDS if name in table.column_names]
    tokens = [_flat(table, name) for name in _TOKENS if name in table.column_names]
    return Tally(
        rows=table.num_rows,
        responses=sum(len(column) for column in rewards),
        tokens=sum(pc.sum(column, min_count=0).as_py() for column in tokens),
        truncated=pc.sum(table["truncated"], min_count=0).as_py(),
        failed=sum(column.null_count for column in rewards),
    )


def _preferences(examples: Sequence[PreferenceExample], batch: ScoredBatch) -> pa.Table:
    n_chosen = np.array([len(e.chosen) for e in examples], np.int64)
    n_responses = np.array([len(e.responses) for e in examples], np.int64)
    starts = np.cumsum(n_responses) - n_responses
    within = np.arange(n_responses.sum()) - np.repeat(starts, n_responses)
    is_chosen = within < np.repeat(n_chosen, n_responses)

    def lists(values: pa.Array, side: NDArray[np.bool_], sizes: NDArray[np.int64]) -> pa.Array:
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), values.filter(pa.array(side)))

    reward, tokens = _rewards(batch), pa.array(batch.n_tokens, pa.int64())
    n_rejected = n_responses - n_chosen
    columns = [
        pa.array([e.id for e in examples], pa.string()),
        pa.array([e.subset for e in examples], pa.string()),
        lists(reward, is_chosen, n_chosen),
        lists(reward, ~is_chosen, n_rejected),
        lists(tokens, is_chosen, n_chosen),
        lists(tokens, ~is_chosen, n_rejected),
        pa.array(np.logical_or.reduceat(batch.truncated, starts), pa.bool_()),
        pa.array([e.preference for e in examples], pa.float64()),
    ]
    return pa.Table.from_arrays(columns, schema=PREFERENCE_SCHEMA)


def _responses(rows: Sequence[PromptResponse], batch: ScoredBatch) -> pa.Table:
    columns = [
        pa.array([row.id for row in rows], pa.string()),
        _rewards(batch),
        pa.array(batch.n_tokens, pa.int64()),
        pa.array(batch.truncated, pa.bool_()),
    ]
    return pa.Table.from_arrays(columns, schema=RESPONSE_SCHEMA)


def _rewards(batch: ScoredBatch) -> pa.Array:
    return pa.array(batch.reward, pa.float64(), mask=~np.isfinite(batch.reward))


def _flat(table: pa.Table, name: str) -> Any:
    column = table[name]
    return pc.list_flatten(column) if pa.types.is_list(column.type) else column


def _examples(rows: Sequence[StreamRow]) -> list[PreferenceExample]:
    return [row for row in rows if isinstance(row, PreferenceExample)]


def _single(rows: Sequence[StreamRow]) -> list[PromptResponse]:
    return [row for row in rows if isinstance(row, PromptResponse)]
