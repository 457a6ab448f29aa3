"""Plans: everything once, within the budget, the shared part of it counted once a group."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmbench.engine.batch import Positions, pack
from rmbench.engine.encode import Encoded
from rmbench.engine.plan import (
    Group,
    TokenIds,
    common_prefix,
    plan_groups,
    plan_packed,
    plan_padded,
)

lengths_and_budget = st.tuples(
    st.lists(st.integers(1, 300), min_size=0, max_size=80), st.integers(1, 1000)
)

# Few different ids, so that sequences have much in common.
TOKENS = st.lists(st.integers(0, 2), min_size=1, max_size=15).map(tuple)
BUDGETS = st.integers(1, 120)


@st.composite
def answered(draw: st.DrawFn) -> tuple[list[TokenIds], list[int]]:
    """Sequences of up to five prompts in any order, some equal, and their prompts."""
    prompts = draw(st.lists(st.integers(0, 4), max_size=24))
    starts = [draw(st.lists(st.integers(0, 2), max_size=30).map(tuple)) for _ in range(5)]
    return [starts[p] + draw(TOKENS) for p in prompts], prompts


def computed(rows: Sequence[TokenIds], group: Group) -> int:
    """Tokens of a group, one member after the other."""
    first, *others = (rows[i] for i in group.rows)
    return len(first) + sum(len(r) - group.shared for r in others)


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
def test_no_padded_batch_could_have_taken_the_next_sequence(
    case: tuple[list[int], int],
) -> None:
    lengths, budget = case
    batches = list(plan_padded(np.array(lengths, np.int64), budget))
    for batch in batches[:-1]:
        assert (len(batch) + 1) * max(lengths[i] for i in batch) > budget


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


@given(st.lists(TOKENS, max_size=8))
def test_the_common_prefix_leaves_every_sequence_a_token(rows: list[TokenIds]) -> None:
    found = common_prefix(rows)
    if len(rows) < 2:
        assert found == 0
    else:
        alike = os.path.commonprefix(rows)  # noqa: RUF071 - item by item is what is wanted
        assert found == min(len(alike), min(map(len, rows)) - 1)


@given(answered(), BUDGETS, st.booleans())
def test_every_sequence_is_in_one_group_of_its_own_prompt(
    case: tuple[list[TokenIds], list[int]], budget: int, share: bool
) -> None:
    rows, prompts = case
    groups = plan_groups(rows, prompts, budget, share=share)
    assert sorted(i for g in groups for i in g.rows) == list(range(len(rows)))
    for group in groups:
        assert len({prompts[i] for i in group.rows}) == 1
        assert share or len(group.rows) == 1


@given(answered(), BUDGETS)
def test_members_of_a_group_agree_on_what_they_share_and_keep_a_token(
    case: tuple[list[TokenIds], list[int]], budget: int
) -> None:
    rows, prompts = case
    for group in plan_groups(rows, prompts, budget):
        members = [rows[i] for i in group.rows]
        assert len({r[: group.shared] for r in members}) == 1
        assert all(len(r) > group.shared for r in members)
        assert (group.shared > 0) == (len(members) > 1)
        # The first one is laid out whole: it is the longest, so the others add least.
        assert len(members[0]) == max(map(len, members))


@given(answered(), BUDGETS)
def test_the_tokens_of_a_group_are_those_computed_and_within_the_budget(
    case: tuple[list[TokenIds], list[int]], budget: int
) -> None:
    rows, prompts = case
    for group in plan_groups(rows, prompts, budget):
        assert group.tokens == computed(rows, group)
        assert group.tokens <= budget or len(group.rows) == 1


@given(answered(), BUDGETS)
def test_only_a_group_that_is_too_large_is_parted_and_each_part_computes_its_prompt(
    case: tuple[list[TokenIds], list[int]], budget: int
) -> None:
    rows, prompts = case
    groups = plan_groups(rows, prompts, budget)
    for prompt in set(prompts):
        members = [rows[i] for i, p in enumerate(prompts) if p == prompt]
        parts = [g for g in groups if prompts[g.rows[0]] == prompt]
        shared = common_prefix(members)
        # What one group of them all would compute, and once more the prefix for every part.
        whole = sum(map(len, members)) - shared * (len(members) - 1)
        assert sum(g.tokens for g in parts) == whole + shared * (len(parts) - 1)
        assert all(g.shared in (shared, 0) for g in parts)
        if shared and whole <= budget:
            assert len(parts) == 1
        if not shared:
            assert len(parts) == len(members)


@given(answered(), BUDGETS)
def test_no_part_could_have_taken_the_next_sequence(
    case: tuple[list[TokenIds], list[int]], budget: int
) -> None:
    rows, prompts = case
    groups = plan_groups(rows, prompts, budget)
    for group, following in pairwise(groups):
        if prompts[group.rows[0]] == prompts[following.rows[0]]:
            members = [rows[i] for i, p in enumerate(prompts) if p == prompts[group.rows[0]]]
            shared = common_prefix(members)
            more = len(rows[following.rows[0]]) - shared
            assert not shared or group.tokens + more > budget


@given(answered(), BUDGETS, BUDGETS, st.booleans())
def test_packed_batches_hold_every_group_once_and_keep_the_budget(
    case: tuple[list[TokenIds], list[int]], group_budget: int, budget: int, share: bool
) -> None:
    rows, prompts = case
    groups = plan_groups(rows, prompts, group_budget, share=share)
    batches = list(plan_packed(groups, budget))
    assert Counter(g for b in batches for g in b) == Counter(groups)
    assert all(batches)
    for batch in batches:
        assert sum(g.tokens for g in batch) <= budget or len(batch) == 1
    sizes = [g.tokens for b in batches for g in b]
    assert sizes == sorted(sizes, reverse=True)
    for batch, following in pairwise(batches):
        assert sum(g.tokens for g in batch) + following[0].tokens > budget


@given(answered(), BUDGETS, st.booleans())
def test_the_batches_that_are_run_have_the_tokens_that_were_planned(
    case: tuple[list[TokenIds], list[int]], budget: int, share: bool
) -> None:
    rows, prompts = case
    encoded = [Encoded(r) for r in rows]
    groups = plan_groups(rows, prompts, budget, share=share)
    met = []
    for batch in plan_packed(groups, budget):
        packed = pack(batch, encoded, positions=Positions(), pad_token_id=None, position="hf")
        tokens = len(packed.input_ids)
        assert tokens == sum(g.tokens for g in batch)
        assert tokens <= budget or len(packed.rows) == 1
        for i, (start, stop, first, last) in zip(
            packed.rows, packed.segments.tolist(), strict=True
        ):
            assert tuple(packed.input_ids[[*range(first, last), *range(start, stop)]]) == rows[i]
            met.append(int(i))
    assert sorted(met) == list(range(len(rows)))


def test_a_group_larger_than_the_budget_is_parted() -> None:
    prompt = (1, 2, 3, 4, 5, 6)
    rows = [(*prompt, 7, 7), (*prompt, 8), (*prompt, 9, 9, 9), (*prompt, 10)]
    assert plan_groups(rows, ["p"] * 4, 9) == [
        Group((2,), 0, 9),
        Group((0, 1), 6, 9),
        Group((3,), 0, 7),
    ]
    assert [g.tokens for g in plan_groups(rows, ["p"] * 4, 13)] == [13]
    # Alone each of them is too long, and has a batch of its own.
    alone = plan_groups(rows, ["p"] * 4, 5)
    assert [(g.rows, g.tokens) for g in alone] == [((2,), 9), ((0,), 8), ((1,), 7), ((3,), 7)]
    assert [len(b) for b in plan_packed(alone, 5)] == [1] * 4


@pytest.mark.parametrize("budget", [0, -1])
def test_a_budget_of_nothing_is_refused(budget: int) -> None:
    with pytest.raises(ValueError, match="batch_tokens must be positive"):
        list(plan_padded(np.array([1]), budget))
    with pytest.raises(ValueError, match="batch_tokens must be positive"):
        plan_groups([(1,)], ["p"], budget)
    with pytest.raises(ValueError, match="batch_tokens must be positive"):
        list(plan_packed([Group((0,), 0, 1)], budget))


def test_every_sequence_needs_a_prompt() -> None:
    with pytest.raises(ValueError, match="2 sequences and 1 prompts"):
        plan_groups([(1,), (2,)], ["p"], 9)
