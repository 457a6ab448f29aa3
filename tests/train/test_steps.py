from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmbench.train.steps import Cut, chunks, cut_step

costs = st.lists(st.integers(1, 1000), min_size=1, max_size=40)
budgets = st.integers(1, 3000)
worlds = st.integers(1, 5)


def cuts(
    own: list[int], budget: int | None, processes: int, *, alike: bool = False
) -> tuple[list[int], list[Cut]]:
    """The examples of a step, and the part of every process."""
    examples = [1000 + 7 * i for i in range(len(own))]
    return examples, [
        cut_step(examples, own, budget=budget, processes=processes, process=p, alike=alike)
        for p in range(processes)
    ]


@given(costs, st.one_of(st.none(), budgets), worlds, st.booleans())
def test_every_example_is_computed_once_and_counted_once(
    own: list[int], budget: int | None, processes: int, alike: bool
) -> None:
    examples, parts = cuts(own, budget, processes, alike=alike)
    counted = [i for c in parts if not c.spare for forward in c.micro_batches for i in forward]
    assert sorted(counted) == examples
    assert all(c.examples == tuple(examples) for c in parts)
    assert all(forward for c in parts for forward in c.micro_batches)
    # Sharded weights are gathered in every process at once.
    assert len({len(c.micro_batches) for c in parts}) == 1
    assert sum(c.spare for c in parts) == max(0, processes - len(own))


@given(costs, budgets, worlds, st.booleans())
def test_forwards_keep_within_the_budget_where_they_can(
    own: list[int], budget: int, processes: int, alike: bool
) -> None:
    examples, parts = cuts(own, budget, processes, alike=alike)
    cost = dict(zip(examples, own, strict=True))
    forwards = [f for c in parts for f in c.micro_batches]
    for forward in forwards:
        tokens = [cost[i] for i in forward]
        total = len(tokens) * max(tokens) if alike else sum(tokens)
        # Where there are as many forwards as there can be in equal number everywhere.
        full = len(parts[0].micro_batches) == max(1, len(own) // processes)
        assert len(tokens) == 1 or total <= budget or full


@given(costs, worlds)
def test_processes_have_about_as_much_to_do(own: list[int], processes: int) -> None:
    if len(own) < processes:
        return
    examples, parts = cuts(own, None, processes)
    cost = dict(zip(examples, own, strict=True))
    loads = [sum(cost[i] for f in c.micro_batches for i in f) for c in parts]
    # Graham 1969: longest processing time first is within 4/3 of the best there can be, which
    # is no less than the mean and the largest.
    assert max(loads) <= 4 / 3 * max(sum(own) / processes, *own) + max(own) / 3


def test_padded_forwards_hold_examples_of_like_length() -> None:
    _, (cut,) = cuts([100, 10, 90, 12, 11, 95], budget=300, processes=1, alike=True)
    assert cut.micro_batches == ((1000, 1014, 1035), (1007, 1021, 1028))


def test_worked_example() -> None:
    # 60 tokens in forwards of 40: two of 30, not one of 40 and one of 20.
    _, (cut,) = cuts([20, 10, 20, 10], budget=40, processes=1)
    assert cut.micro_batches == ((1000, 1007), (1014, 1021))


def test_as_many_examples_as_costs() -> None:
    with pytest.raises(ValueError, match="2 examples and 1 costs"):
        cut_step([1, 2], [3], budget=None, processes=1, process=0)
    with pytest.raises(ValueError, match="0 examples"):
        cut_step([], [], budget=None, processes=1, process=0)


@given(st.integers(0, 50), st.integers(1, 9))
def test_chunks_hold_every_position_in_order(n: int, size: int) -> None:
    parts = list(chunks(n, size))
    assert [i for part in parts for i in part] == list(range(n))
    assert all(len(p) == size for p in parts[:-1])
    whole = list(chunks(n, size, drop_last=True))
    assert whole == [p for p in parts if len(p) == size]
