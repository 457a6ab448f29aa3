from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmbench.engine.plan import plan_padded

lengths_and_budget = st.tuples(
    st.lists(st.integers(1, 300), min_size=0, max_size=80), st.integers(1, 1000)
)


@given(lengths_and_budget)
def test_every_sequence_is_planned_exactly_once(case: tuple[list[int], int]) -> None:
    lengths, budget = case
    batches = list(plan_padded(np.array(lengths, np.int64), budget))
    planned = sorted(i for b in batches for i in b.tolist())
    assert planned == list(range(len(lengths)))


@given(lengths_and_budget)
def test_the_padded_budget_holds_except_for_a_lone_long_sequence(
    case: tuple[list[int], int],
) -> None:
    lengths, budget = case
    for batch in plan_padded(np.array(lengths, np.int64), budget):
        longest = max(lengths[i] for i in batch)
        assert len(batch) * longest <= budget or len(batch) == 1


@given(lengths_and_budget)
def test_batches_come_longest_first(case: tuple[list[int], int]) -> None:
    lengths, budget = case
    longest = [max(lengths[i] for i in b) for b in plan_padded(np.array(lengths, np.int64), budget)]
    assert longest == sorted(longest, reverse=True)


def test_sorting_wastes_less_than_data_order() -> None:
    lengths = np.random.default_rng(0).integers(10, 500, size=400)
    padded = sum(len(b) * lengths[b].max() for b in plan_padded(lengths, 4096))
    in_order = sum(16 * lengths[i : i + 16].max() for i in range(0, 400, 16))
    assert padded < 1.05 * lengths.sum() < in_order


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="batch_tokens must be positive"):
        list(plan_padded(np.array([1]), 0))
