from __future__ import annotations

import numpy as np
import pytest
import torch

from rmbench.train.collate import EncodedPair, EncodedText, PairCollator


def text(*ids: int, types: tuple[int, ...] | None = None) -> EncodedText:
    return EncodedText(np.array(ids, np.int32), None if types is None else np.array(types, np.int8))


def test_chosen_rows_come_first_and_padding_goes_right() -> None:
    batch = PairCollator(pad_token_id=9)(
        [
            EncodedPair("a", text(1, 2, 3), text(4)),
            EncodedPair("b", text(5), text(6, 7)),
        ]
    )
    assert set(batch) == {"input_ids", "attention_mask"}
    assert batch["input_ids"].tolist() == [[1, 2, 3], [5, 9, 9], [4, 9, 9], [6, 7, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert batch["input_ids"].dtype == batch["attention_mask"].dtype == torch.int64


def test_a_text_that_ends_in_the_padding_id_is_not_masked() -> None:
    batch = PairCollator(pad_token_id=2)([EncodedPair("a", text(1, 2), text(1))])
    assert batch["attention_mask"].tolist() == [[1, 1], [1, 0]]


def test_token_types_and_margins_travel_with_the_batch() -> None:
    batch = PairCollator(pad_token_id=0)(
        [EncodedPair("a", text(1, 2, types=(0, 1)), text(3, types=(1,)), margin=0.5)]
    )
    assert batch["token_type_ids"].tolist() == [[0, 1], [1, 0]]
    assert batch["margin"].tolist() == [0.5]
    assert batch["margin"].dtype == torch.float32


def test_width_is_rounded_up() -> None:
    batch = PairCollator(0, pad_to_multiple_of=4)([EncodedPair("a", text(1, 2, 3, 4, 5), text(1))])
    assert batch["input_ids"].shape == (2, 8)


def test_equals_the_batch_of_trl() -> None:
    trl = pytest.importorskip("trl.trainer.reward_trainer")
    rows = [([1, 2, 3], [4, 5], 0.5), ([6, 7], [8], 0.0)]
    theirs = trl.DataCollatorForPreference(pad_token_id=0)(
        [{"chosen_ids": c, "rejected_ids": r, "margin": m} for c, r, m in rows]
    )
    ours = PairCollator(pad_token_id=0)(
        [EncodedPair("x", text(*c), text(*r), m) for c, r, m in rows]
    )
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        assert ours[name].tolist() == value.tolist()


def test_half_filled_batches_are_refused() -> None:
    collate = PairCollator(0)
    with pytest.raises(ValueError, match="at least one pair"):
        collate([])
    with pytest.raises(ValueError, match="token types"):
        collate([EncodedPair("a", text(1, types=(0,)), text(1))])
    with pytest.raises(ValueError, match="margin"):
        collate([EncodedPair("a", text(1), text(2), 1.0), EncodedPair("b", text(1), text(2))])
