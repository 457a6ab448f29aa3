from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset
from transformers import AutoModelForSequenceClassification, BertConfig, Trainer, TrainingArguments

from rmbench.engine.capability import Capability
from rmbench.train.collate import PairCollator
from rmbench.train.loader import Step, StepLoader, StepSampler
from rmbench.train.pairs import EncodedExample, EncodedText

COLLATOR = PairCollator(Capability("packed", "first token", needs_mask=True, reason=""))


def make_examples(n: int) -> list[EncodedExample]:
    rng = np.random.default_rng(0)

    def text() -> EncodedText:
        return EncodedText(rng.integers(1, 60, rng.integers(3, 20)).astype(np.int32))

    return [EncodedExample(str(i), (text(),), (text(),)) for i in range(n)]


def loader(n: int, step_examples: int, *, workers: int = 0, **options: Any) -> StepLoader:
    examples = make_examples(n)
    sampler = StepSampler(examples, COLLATOR, step_examples, **{"budget": None} | options)
    return StepLoader(examples, COLLATOR, sampler, num_workers=workers)


def ids(steps: list[Step]) -> list[tuple[str, ...]]:
    return [s.ids for s in steps]


def test_steps_hold_so_many_examples_and_the_last_what_is_left() -> None:
    steps = list(loader(7, 3))
    assert ids(steps) == [("0", "1", "2"), ("3", "4", "5"), ("6",)]
    assert len(loader(7, 3)) == 3
    assert len(loader(7, 3, drop_last=True)) == 2
    assert ids(list(loader(7, 3, drop_last=True))) == [("0", "1", "2"), ("3", "4", "5")]
    assert len(loader(7, 3).dataset) == 7


def test_an_epochs_order_depends_on_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int, workers: int = 0) -> list[tuple[str, ...]]:
        torch.manual_seed(int(torch.randint(1000, ())))
        steps = loader(20, 6, order="random", seed=seed, workers=workers)
        steps.set_epoch(epoch)
        return ids(list(steps))

    assert order(1, 0) == order(1, 0) == order(1, 0, workers=2)
    assert order(1, 0) != order(2, 0)
    assert order(1, 0) != order(1, 1)
    # Epochs are numbered on from the seed, as accelerate does.
    assert order(1, 1) == order(2, 0)
    assert sorted(i for step in order(3, 4) for i in step) == sorted(str(i) for i in range(20))


class _Numbers(Dataset[dict[str, int]]):
    def __len__(self) -> int:
        return 23

    def __getitem__(self, index: int) -> dict[str, int]:
        return {"labels": index}


@pytest.mark.parametrize("data_seed", [None, 5])
def test_the_random_order_is_that_of_transformers(tmp_path: Path, data_seed: int | None) -> None:
    config = BertConfig(vocab_size=9, hidden_size=4, num_hidden_layers=1, num_attention_heads=1)
    arguments = TrainingArguments(
        output_dir=str(tmp_path), use_cpu=True, report_to="none", seed=3, data_seed=data_seed,
        per_device_train_batch_size=4, remove_unused_columns=False,
    )  # fmt: skip
    trainer = Trainer(
        AutoModelForSequenceClassification.from_config(config), arguments, train_dataset=_Numbers()
    )
    theirs = trainer.get_train_dataloader()
    ours = loader(23, 4, order="random", seed=3 if data_seed is None else data_seed)
    for epoch in range(3):
        theirs.set_epoch(epoch)
        ours.set_epoch(epoch)
        expected = [tuple(map(str, batch["labels"].tolist())) for batch in theirs]
        assert ids(list(ours)) == expected


def test_processes_share_every_step() -> None:
    parts = [list(loader(11, 4, processes=2, process=p, budget=40)) for p in range(2)]
    assert ids(parts[0]) == ids(parts[1]) == ids(list(loader(11, 4)))
    for first, second in zip(*parts, strict=True):
        assert len(first.micro_batches) == len(second.micro_batches)
        counted = [i for s in (first, second) for m in s.micro_batches for i in m.ids]
        assert sorted(counted) == sorted(first.ids)


def test_a_process_without_examples_keeps_step_with_what_does_not_count() -> None:
    last = [list(loader(5, 4, processes=2, process=p))[-1] for p in range(2)]
    assert last[0].ids == last[1].ids == ("4",)
    (real,), (spare,) = (s.micro_batches for s in last)
    assert (real.spare, spare.spare) == (False, True)
    assert spare.ids == ("4",)
    assert (real.share.tolist(), spare.share.tolist()) == ([1.0], [0.0])


def test_positions_say_where_examples_stand() -> None:
    for step in loader(9, 4, order="random", seed=1, budget=30):
        for batch in step.micro_batches:
            assert tuple(map(str, batch.positions.tolist())) == batch.ids
