"""The layout of packed batches, and what is counted of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from transformers.models.roberta.modeling_roberta import RobertaEmbeddings

from rmbench.engine.batch import PackedBatch, Positions, fill_up, pack, score_index
from rmbench.engine.encode import Encoded
from rmbench.engine.plan import Group, plan_groups
from rmbench.engine.tally import BatchShape

PAD = 1
TOKENS = st.lists(st.integers(0, 5), min_size=1, max_size=12).map(tuple)


@st.composite
def answered(draw: st.DrawFn) -> tuple[list[Encoded], list[int]]:
    """Sequences with token types, and their prompts."""
    rows, prompts = [], []
    for prompt in range(draw(st.integers(1, 4))):
        start = draw(st.lists(st.integers(0, 5), max_size=12).map(tuple))
        for end in draw(st.lists(TOKENS, min_size=1, max_size=4)):
            rows.append(Encoded(start + end, (0,) * len(start) + (1,) * len(end)))
            prompts.append(prompt)
    return rows, prompts


def packed(
    case: tuple[list[Encoded], list[int]], positions: Positions | None = None, share: bool = True
) -> tuple[list[Group], PackedBatch]:
    rows, prompts = case
    groups = plan_groups([r.input_ids for r in rows], prompts, 10_000, share=share)
    return groups, pack(
        groups, rows, positions=positions or Positions(), pad_token_id=PAD, position="hf"
    )


@given(answered(), st.booleans())
def test_every_sequence_can_be_read_back_from_its_segment(
    case: tuple[list[Encoded], list[int]], share: bool
) -> None:
    rows, _ = case
    positions = Positions(first=2, pad_token_id=PAD)
    _, batch = packed(case, positions, share)
    assert sorted(batch.rows.tolist()) == list(range(len(rows)))
    assert batch.token_type_ids is not None
    for i, (start, stop, first, last) in zip(batch.rows, batch.segments.tolist(), strict=True):
        where = [*range(first, last), *range(start, stop)]
        assert tuple(batch.input_ids[where].tolist()) == rows[i].input_ids
        assert tuple(batch.token_type_ids[where].tolist()) == rows[i].token_type_ids
        expected = positions.number(np.array(rows[i].input_ids))
        np.testing.assert_array_equal(batch.position_ids[where], expected)


@given(answered(), st.booleans())
def test_segments_follow_each_other_and_prompts_stand_before_them(
    case: tuple[list[Encoded], list[int]], share: bool
) -> None:
    groups, batch = packed(case, share=share)
    starts, stops, first, last = batch.segments.T
    assert starts[0] == 0
    np.testing.assert_array_equal(starts[1:], stops[:-1])
    assert stops[-1] == len(batch.input_ids) == sum(g.tokens for g in groups)
    assert (starts < stops).all()
    assert (first <= last).all()
    assert (last <= starts).all()
    if not share:
        np.testing.assert_array_equal(first, last)


@given(answered(), st.sampled_from(["hf", "last"]), st.none() | st.integers(0, 5))
def test_the_scored_token_is_the_one_of_the_sequence_by_itself(
    case: tuple[list[Encoded], list[int]], position: str, pad_token_id: int | None
) -> None:
    rows, prompts = case
    groups = plan_groups([r.input_ids for r in rows], prompts, 10_000)
    batch = pack(groups, rows, positions=Positions(), pad_token_id=pad_token_id, position=position)
    for i, segment, at in zip(
        batch.rows, batch.segments.tolist(), batch.scored.tolist(), strict=True
    ):
        start, stop, first, last = segment
        where = [*range(first, last), *range(start, stop)]
        index = score_index(rows[i], pad_token_id, position)
        # The prompt's rows may be read in place of those of the sequence's own.
        assert at == where[index]


@given(TOKENS, st.none() | st.integers(0, 5))
def test_the_scored_token_is_the_one_transformers_takes(
    tokens: tuple[int, ...], pad_token_id: int | None
) -> None:
    if pad_token_id is None:
        expected = len(tokens) - 1
    else:
        # As GenericForSequenceClassification.forward has it.
        counted = torch.arange(len(tokens)) * (torch.tensor(tokens) != pad_token_id)
        expected = int(counted.argmax())
    assert score_index(Encoded(tokens), pad_token_id, "hf") == expected
    assert score_index(Encoded(tokens), pad_token_id, "last") == len(tokens) - 1


@given(TOKENS, st.integers(0, 5))
def test_roberta_numbers_positions_as_transformers_does(
    tokens: tuple[int, ...], pad_token_id: int
) -> None:
    expected = RobertaEmbeddings.create_position_ids_from_input_ids(
        torch.tensor([tokens]), pad_token_id
    )
    positions = Positions(first=pad_token_id + 1, pad_token_id=pad_token_id)
    assert positions.number(np.array(tokens)).tolist() == expected[0].tolist()
    assert Positions().number(np.array(tokens)).tolist() == list(range(len(tokens)))


@given(answered(), st.integers(1, 200), st.sampled_from([0, 2]))
def test_filling_up_adds_sequences_and_changes_none(
    case: tuple[list[Encoded], list[int]], tokens: int, first: int
) -> None:
    _, batch = packed(case, Positions(first, PAD if first else None))
    have, n = len(batch.input_ids), len(batch.segments)
    filled = fill_up(batch, tokens)
    size = len(filled.input_ids)
    doublings = size // tokens
    assert size == tokens * doublings
    assert doublings & (doublings - 1) == 0
    # No larger than it has to be.
    assert have <= size
    assert size == tokens or size < 2 * have
    for name in ("input_ids", "position_ids", "token_type_ids"):
        values = getattr(filled, name)
        np.testing.assert_array_equal(values[:have], getattr(batch, name))
        assert len(values) == size
    np.testing.assert_array_equal(filled.segments[:n], batch.segments)
    np.testing.assert_array_equal(filled.rows, batch.rows)
    np.testing.assert_array_equal(filled.scored, batch.scored)
    added = filled.segments[n:]
    assert (added[:, 2] == added[:, 3]).all()
    assert (added[:, 1] > added[:, 0]).all()
    assert [r for a, b, *_ in added.tolist() for r in range(a, b)] == list(range(have, size))
    longest = (batch.segments[:, 1] - batch.segments[:, 0]).max()
    assert not len(added) or (added[:, 1] - added[:, 0]).max() <= longest
    # A model has as many positions as its longest sequence needs, and no more.
    assert filled.position_ids[have:].max(initial=0) <= first + longest - 1


def squares(rows: list[Encoded], groups: list[Group]) -> int:
    """Query-key products, as the tally's docstring defines them."""
    total = 0
    for group in groups:
        for n, i in enumerate(group.rows):
            total += len(rows[i]) ** 2 - (group.shared**2 if n else 0)
    return total


@given(answered(), st.booleans())
def test_what_is_counted_of_a_packed_batch(
    case: tuple[list[Encoded], list[int]], share: bool
) -> None:
    rows, _ = case
    groups, batch = packed(case, share=share)
    shape = BatchShape.of_packed(batch)
    saved = sum(g.shared * (len(g.rows) - 1) for g in groups)
    assert shape.rows == len(rows)
    assert shape.padding_tokens == 0
    assert shape.useful_tokens == sum(map(len, rows))
    assert shape.tokens == shape.useful_tokens - saved
    assert shape.attention_square == squares(rows, groups)


@given(answered(), st.integers(1, 200))
def test_filling_counts_as_padding(case: tuple[list[Encoded], list[int]], more: int) -> None:
    _, batch = packed(case)
    before = BatchShape.of_packed(batch)
    after = BatchShape.of_packed(fill_up(batch, len(batch.input_ids) + more))
    assert after.rows == before.rows
    assert after.useful_tokens == before.useful_tokens
    assert after.padding_tokens == more
    assert after.tokens == before.tokens + more
    assert after.attention_square > before.attention_square


@given(st.lists(st.integers(1, 50), min_size=1, max_size=9))
def test_what_is_counted_of_a_padded_batch(lengths: list[int]) -> None:
    shape = BatchShape.of_padded(iter(lengths))
    table = np.zeros((len(lengths), max(lengths)), np.int64)
    for row, n in zip(table, lengths, strict=True):
        row[:n] = 1
    assert shape.rows == len(lengths)
    assert shape.tokens == table.size
    assert shape.padding_tokens == (table == 0).sum()
    assert shape.useful_tokens == table.sum()
    assert shape.attention_square == len(lengths) * max(lengths) ** 2


@given(answered(), st.data())
def test_a_group_that_lost_its_first_row_still_packs(
    case: tuple[list[Encoded], list[int]], data: st.DataObject
) -> None:
    # What is left of a group when some rewards are known already.
    rows, _ = case
    groups, _ = packed(case)
    many = [g for g in groups if len(g.rows) > 2]
    assume(many)
    group = data.draw(st.sampled_from(many))
    left = Group(group.rows[1:], group.shared, 0)
    batch = pack([left], rows, positions=Positions(), pad_token_id=PAD, position="hf")
    for i, (start, stop, first, last) in zip(batch.rows, batch.segments.tolist(), strict=True):
        where = [*range(first, last), *range(start, stop)]
        assert tuple(batch.input_ids[where].tolist()) == rows[i].input_ids


def test_no_groups_are_no_batch() -> None:
    with pytest.raises(ValueError, match="at least one array"):
        pack([], [], positions=Positions(), pad_token_id=None, position="hf")
