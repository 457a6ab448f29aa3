from __future__ import annotations

from typing import Any

import models
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rmbench.engine.batch import Positions
from rmbench.engine.capability import Capability
from rmbench.engine.plan import common_prefix
from rmbench.errors import UsageError
from rmbench.train.collate import MicroBatch, PairCollator
from rmbench.train.pairs import EncodedExample, EncodedText


def text(*ids: int, types: tuple[int, ...] | None = None) -> EncodedText:
    return EncodedText(np.array(ids, np.int32), None if types is None else np.array(types, np.int8))


def example(id_: str, chosen: Any, rejected: Any, **kw: Any) -> EncodedExample:
    """Sides are one text or several."""
    sides = (s if isinstance(s, tuple) else (s,) for s in (chosen, rejected))
    return EncodedExample(id_, *sides, **kw)


def collator(path: Any, reads: Any = "scored token", **options: Any) -> PairCollator:
    needs_mask = options.pop("needs_mask", False)
    length_break = options.pop("length_break", None)
    return PairCollator(
        Capability(path, reads, needs_mask, "", length_break=length_break), **options
    )


PAIR = example("a", text(1, 2, 3, 4), text(1, 2, 5))
OTHER = example("b", text(6, 7), text(8, 9, 9))


def test_a_decoders_prompt_stands_once() -> None:
    batch = collator("shared")([PAIR, OTHER])
    (part,) = batch.parts
    assert part.input_ids.tolist() == [[1, 2, 3, 4, 5, 8, 9, 9, 6, 7]]
    assert part.position_ids is not None
    assert part.position_ids.tolist() == [[0, 1, 2, 3, 2, 0, 1, 2, 0, 1]]
    assert part.layout is not None
    assert part.layout.segments.tolist() == [
        [0, 4, 0, 0],
        [4, 5, 0, 2],
        [5, 8, 5, 5],
        [8, 10, 8, 8],
    ]
    assert part.read is not None
    assert part.read.tolist() == [3, 4, 7, 9]
    assert part.attention_mask is None
    # Rewards: a's chosen and rejected, b's rejected (the longer comes first) and chosen.
    assert (batch.chosen.tolist(), batch.rejected.tolist()) == ([0, 3], [1, 2])
    assert batch.share.tolist() == [1.0, 1.0]
    assert (batch.preference, batch.margin) == (None, None)
    assert (batch.tokens, batch.text_tokens, len(batch)) == (10, 12, 2)


def test_an_encoders_texts_follow_each_other_whole() -> None:
    types = (0, 0, 1, 1)
    typed = example("a", text(1, 2, 3, 4, types=types), text(1, 2, 5, types=types[:3]))
    batch = collator("packed", "first token", positions=Positions(first=2))([typed])
    (part,) = batch.parts
    assert part.input_ids.tolist() == [[1, 2, 3, 4, 1, 2, 5]]
    assert part.position_ids is not None
    assert part.position_ids.tolist() == [[2, 3, 4, 5, 2, 3, 4]]
    assert part.token_type_ids is not None
    assert part.token_type_ids.tolist() == [[0, 0, 1, 1, 0, 0, 1]]
    assert part.read is not None
    assert (part.read.tolist(), part.lengths) == ([0, 4], None)
    mean = collator("packed", "mean")([typed]).parts[0]
    assert mean.read is not None
    assert mean.lengths is not None
    assert (mean.read.tolist(), mean.lengths.tolist()) == (list(range(7)), [4, 3])


def test_padding_goes_right_and_needs_no_mask_in_a_decoder() -> None:
    batch = collator("padded", pad_token_id=9)([PAIR])
    (part,) = batch.parts
    assert part.input_ids.tolist() == [[1, 2, 3, 4], [1, 2, 5, 9]]
    assert part.attention_mask is None
    assert part.position_ids is None
    assert part.layout is None
    assert part.read is not None
    assert part.read.tolist() == [3, 6]
    assert batch.tokens == 8


def test_masks_say_what_is_padding_whatever_the_ids() -> None:
    padded = collator("padded", None, pad_token_id=2, needs_mask=True)
    (part,) = padded([example("a", text(1, 2), text(1))]).parts
    assert part.attention_mask is not None
    assert part.attention_mask.tolist() == [[1, 1], [1, 0]]
    assert part.read is None


def test_means_are_over_real_tokens() -> None:
    (part,) = collator("padded", "mean", needs_mask=True)([PAIR]).parts
    assert part.read is not None
    assert part.lengths is not None
    assert (part.read.tolist(), part.lengths.tolist()) == ([0, 1, 2, 3, 4, 5, 6], [4, 3])


def test_the_scored_token_is_that_of_transformers() -> None:
    ends_in_pad = example("a", text(1, 2, 9), text(1, 9, 9))
    for path, expected in (("padded", [1, 3]), ("packed", [1, 3])):
        (part,) = collator(path, pad_token_id=9)([ends_in_pad]).parts
        assert part.read is not None
        assert part.read.tolist() == expected
    (part,) = collator("packed", pad_token_id=9, position="last")([ends_in_pad]).parts
    assert part.read is not None
    assert part.read.tolist() == [2, 5]


def test_rows_on_both_sides_of_a_length_break_stay_apart() -> None:
    batch = collator("padded", pad_token_id=0, length_break=3)([PAIR, OTHER])
    long, short = batch.parts
    assert long.input_ids.tolist() == [[1, 2, 3, 4]]
    assert short.input_ids.tolist() == [[1, 2, 5], [6, 7, 0], [8, 9, 9]]
    assert (batch.chosen.tolist(), batch.rejected.tolist()) == ([0, 2], [1, 3])


def test_every_chosen_meets_every_rejected_and_examples_weigh_the_same() -> None:
    several = example("s", (text(1, 2), text(1, 3, 3)), (text(1, 4), text(1, 5), text(1, 6, 6, 6)))
    batch = collator("shared")([several, PAIR])
    (part,) = batch.parts
    rows = part.input_ids[0][part.read]
    compared = list(zip(rows[batch.chosen].tolist(), rows[batch.rejected].tolist(), strict=True))
    assert compared == [(2, 4), (2, 5), (2, 6), (3, 4), (3, 5), (3, 6), (4, 5)]
    assert batch.example.tolist() == [0] * 6 + [1]
    assert batch.share.tolist() == pytest.approx([1 / 6] * 6 + [1.0])


def test_votes_and_margins_go_with_every_pair() -> None:
    rows = [
        example("a", (text(1), text(2)), text(3), preference=0.75, margin=0.5),
        example("b", text(4), text(5)),
    ]
    batch = collator("shared")(rows, [40, 7])
    assert batch.preference is not None
    assert batch.margin is not None
    assert batch.preference.tolist() == [0.75, 0.75, 1.0]
    assert batch.margin.tolist() == [0.5, 0.5, 0.0]
    assert batch.positions.tolist() == [40, 7]
    assert collator("shared")(rows, spare=True).share.tolist() == [0.0, 0.0, 0.0]


def test_equals_the_batch_of_trl() -> None:
    trl = pytest.importorskip("trl.trainer.reward_trainer")
    rows = [([1, 2, 3], [4, 5], 0.5), ([6, 7], [8], 0.0)]
    theirs = trl.DataCollatorForPreference(pad_token_id=0)(
        [{"chosen_ids": c, "rejected_ids": r, "margin": m} for c, r, m in rows]
    )
    padded = collator("padded", None, pad_token_id=0, needs_mask=True)
    batch = padded([example("x", text(*c), text(*r), margin=m) for c, r, m in rows])
    (part,) = batch.parts
    assert part.attention_mask is not None
    assert batch.margin is not None
    # Theirs has all chosen rows before all rejected ones.
    order = torch.cat([batch.chosen, batch.rejected])
    assert part.input_ids[order].tolist() == theirs["input_ids"].tolist()
    assert part.attention_mask[order].tolist() == theirs["attention_mask"].tolist()
    assert batch.margin.tolist() == theirs["margin"].tolist()


texts = st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=8), min_size=2, max_size=4)


@given(texts)
def test_an_examples_cost_is_what_is_computed_for_it(ids: list[list[int]]) -> None:
    row = example("x", text(*ids[0]), tuple(text(*t) for t in ids[1:]))
    for path in ("shared", "packed", "padded"):
        collate = collator(path, pad_token_id=0)
        assert collate.cost(row) == collate([row]).tokens
    saved = common_prefix([tuple(t) for t in ids]) * (len(ids) - 1)
    assert collator("shared").cost(row) == sum(map(len, ids)) - saved


def test_moved_and_pinned_batches_hold_the_same() -> None:
    batch = collator("shared")([PAIR, example("m", text(1), text(2), preference=0.6, margin=1.0)])
    moved = batch.to(torch.device("meta"))
    assert {t.device.type for t in _tensors(moved)} == {"meta"}
    # What is read on the CPU stays there.
    assert moved.positions.device.type == "cpu"
    assert moved.parts[0].layout is not None
    assert moved.parts[0].layout.segments.device.type == "cpu"
    assert moved.ids == batch.ids


def _tensors(batch: MicroBatch) -> list[torch.Tensor]:
    found = [batch.chosen, batch.rejected, batch.example, batch.share]
    assert batch.preference is not None
    assert batch.margin is not None
    found += [batch.preference, batch.margin]
    for part in batch.parts:
        assert part.position_ids is not None
        assert part.layout is not None
        assert part.layout.kv_index is not None
        assert part.read is not None
        found += [part.input_ids, part.position_ids, part.read]
        found += [part.layout.cu_q, part.layout.cu_k, part.layout.kv_index]
    return found


def test_models_decide_how_they_are_read() -> None:
    shared = PairCollator.for_model(models.tiny_model("llama"))
    assert (shared.capability.path, shared.pad_token_id) == ("shared", models.PAD)
    roberta = PairCollator.for_model(models.tiny_model("roberta"))
    assert roberta.capability.path == "packed"
    assert roberta.positions == Positions(models.PAD + 1, models.PAD)
    deberta = PairCollator.for_model(models.tiny_model("deberta-v2"))
    assert (deberta.capability.path, deberta.capability.reads) == ("padded", None)
    with pytest.raises(UsageError, match="shared is impossible"):
        PairCollator.for_model(models.tiny_model("bert"), "shared")


def test_half_filled_batches_are_refused() -> None:
    collate = collator("packed")
    with pytest.raises(ValueError, match="at least one example"):
        collate([])
    with pytest.raises(ValueError, match="token types"):
        collate([example("a", text(1, types=(0,)), text(1))])
