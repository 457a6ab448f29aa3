"""``--trainer trl``: TRL's own trainer from the same command, leaving the same files."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from rmbench.errors import MissingDependencyError, TrainingError, UsageError
from rmbench.spec import TrainConfig
from rmbench.train.pairs import EncodedExample, EncodedText
from rmbench.train.record import TrainReport
from rmbench.train.run import train
from rmbench.train.trl import pairs_dataset

WriteRows = Callable[[str, list[dict[str, Any]]], Path]


def run(base: Path, data: Path, out: Path, *, progress: bool = False, **more: Any) -> TrainReport:
    settings = {
        "trainer": "trl", "device": "cpu", "bf16": False, "pairs_per_step": 4, "lr": 5e-3,
        "logging_steps": 1,
    }  # fmt: skip
    given = {"base": str(base), "data": (str(data),), "out": out, **settings, **more}
    return train(TrainConfig(**given), progress=progress)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def names(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_both_trainers_learn_the_same_and_leave_the_same_files(
    tiny_llama: Path, pairs_file: Path, write_rows: WriteRows, rows: list[Any], tmp_path: Path
) -> None:
    # Seven examples are no multiple of what TRL evaluates at once.
    held_out = write_rows("held.jsonl", rows[:7])
    more: dict[str, Any] = {
        "epochs": 3, "save_steps": 2, "eval_data": (str(held_out),), "eval_steps": 3,
        "center_coefficient": 0.01, "weight_decay": 0.1, "micro_batch_tokens": 60,
    }  # fmt: skip
    theirs = run(tiny_llama, pairs_file, tmp_path / "trl", **more).record
    ours = run(tiny_llama, pairs_file, tmp_path / "packed", trainer="packed", **more).record
    assert (theirs.trainer, ours.trainer) == ("trl", "packed")
    assert names(tmp_path / "trl") == names(tmp_path / "packed")
    assert theirs.train.steps == ours.train.steps == 6
    assert theirs.train.mean_loss == pytest.approx(ours.train.mean_loss, abs=1e-5)
    assert theirs.train.accuracy == pytest.approx(ours.train.accuracy)
    assert theirs.train.margin == pytest.approx(ours.train.margin, abs=1e-4)
    assert theirs.eval is not None
    assert ours.eval is not None
    assert theirs.eval.model_dump() == pytest.approx(ours.eval.model_dump(), abs=1e-4)
    expected = weights(tmp_path / "packed")
    for name, found in weights(tmp_path / "trl").items():
        assert (found - expected[name]).norm() <= 1e-4 * expected[name].norm(), name
    logs = [
        json.loads((tmp_path / kind / "checkpoint-6/trainer_state.json").read_text())["log_history"]
        for kind in ("trl", "packed")
    ]
    evaluations = [[line for line in log if "eval_loss" in line] for log in logs]
    assert [len(e) for e in evaluations] == [2, 2]
    for their_line, our_line in zip(*evaluations, strict=True):
        for key in ("step", "eval_loss", "eval_accuracy", "eval_margin"):
            assert their_line[key] == pytest.approx(our_line[key], abs=1e-5)


def test_margins_reach_it(
    tiny_llama: Path, write_rows: WriteRows, rows: list[Any], tmp_path: Path
) -> None:
    for i, row in enumerate(rows):
        row["meta"] = {"gap": i / 4}
    data = write_rows("margins.jsonl", rows)
    more: dict[str, Any] = {"max_steps": 3, "margin_from": "gap"}
    theirs = run(tiny_llama, data, tmp_path / "trl", **more).record.train
    ours = run(tiny_llama, data, tmp_path / "packed", trainer="packed", **more).record.train
    without = run(tiny_llama, data, tmp_path / "none", max_steps=3).record.train
    assert theirs.mean_loss == pytest.approx(ours.mean_loss, abs=1e-5)
    assert abs(theirs.mean_loss - without.mean_loss) > 0.1


def test_a_resumed_run_ends_with_the_same_weights(
    tiny_llama: Path, pairs_file: Path, tmp_path: Path
) -> None:
    whole = run(tiny_llama, pairs_file, tmp_path / "whole", epochs=4, save_steps=3).record
    shutil.copytree(tmp_path / "whole/checkpoint-3", tmp_path / "cut/checkpoint-3")
    record = run(
        tiny_llama, pairs_file, tmp_path / "cut", epochs=4, save_steps=3, resume=True
    ).record
    assert record.train.resumed_at == (3,)
    assert record.train.steps == whole.train.steps == 8
    expected = weights(tmp_path / "whole")
    for name, found in weights(tmp_path / "cut").items():
        assert (found - expected[name]).abs().max() <= 1e-6, name


def test_it_says_that_encoders_get_no_token_types(
    tiny_bert: Path, pairs_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tiny_bert, pairs_file, tmp_path / "out", max_steps=1, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "gives encoders no token types" in err


def test_a_loss_that_is_no_number_names_step_and_examples(
    tiny_llama: Path, pairs_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(TrainingError, match=r"not finite in step 2, in the examples 'pair-\d'"):
        run(tiny_llama, pairs_file, out, max_steps=4, lr=1e30, warmup_ratio=0.0)
    assert not out.exists()


def test_weights_that_are_no_numbers_are_not_saved(
    tiny_llama: Path, pairs_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="weights are not finite after step 1"):
        run(
            tiny_llama, pairs_file, tmp_path / "out", max_steps=4, lr=1e39, warmup_ratio=0.0,
            save_steps=1,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "change", "message"),
    [
        ({"label_smoothing": 0.1}, {}, "does not smooth labels"),
        ({"attention": "shared"}, {}, "--trainer packed for --attention shared"),
        ({}, {"chosen": ["it is red", "red it is"]}, "'pair-0' has 2 chosen and 1 rejected"),
        ({"soft_labels": True}, {"preference": 0.75}, "'pair-0' has the vote share 0.75"),
    ],
)
def test_what_trl_cannot_do_is_refused(
    tiny_llama: Path,
    write_rows: WriteRows,
    rows: list[dict[str, Any]],
    tmp_path: Path,
    more: dict[str, Any],
    change: dict[str, Any],
    message: str,
) -> None:
    rows[0] |= change
    with pytest.raises(UsageError, match=message):
        run(tiny_llama, write_rows("data.jsonl", rows), tmp_path / "out", **more)
    assert not (tmp_path / "out").exists()


def test_the_dataset_has_the_columns_that_trl_trains_on() -> None:
    texts = [EncodedText(np.arange(n, dtype=np.int32)) for n in (3, 5)]
    plain = EncodedExample("a", (texts[0],), (texts[1],))
    assert pairs_dataset([plain]).to_list() == [
        {"chosen_ids": [0, 1, 2], "rejected_ids": [0, 1, 2, 3, 4], "position": 0}
    ]
    apart = EncodedExample("b", (texts[1],), (texts[0],), margin=0.5)
    assert pairs_dataset([plain, apart])["margin"] == [0.0, 0.5]


def test_without_trl_the_package_is_named(
    tiny_llama: Path, pairs_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] == "trl"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "rmbench.train.trl")
    with pytest.raises(MissingDependencyError, match=r"'trl': pip install 'rmbench\[trl\]'"):
        run(tiny_llama, pairs_file, tmp_path / "out", max_steps=1)
