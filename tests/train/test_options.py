"""What can be asked of a run, and what it says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from rmbench.errors import MissingDependencyError, ScorerError, TrainingError, UsageError
from rmbench.train.config import TrainConfig
from rmbench.train.loss import Objective
from rmbench.train.record import TrainingRecord
from rmbench.train.run import train

WriteRows = Callable[[str, list[dict[str, Any]]], Path]
Run = Callable[..., TrainingRecord]


@pytest.fixture
def run(tiny_bert: Path, pairs_file: Path, tmp_path: Path) -> Run:
    """Trains the tiny encoder on eight pairs for two steps, unless told otherwise."""

    def start(*, progress: bool = False, **changes: Any) -> TrainingRecord:
        values: dict[str, Any] = {
            "base": str(tiny_bert), "data": str(pairs_file), "out": tmp_path / "model",
            "device": "cpu", "bf16": False, "pairs_per_step": 4, "max_steps": 2, "lr": 5e-3,
        }  # fmt: skip
        return train(TrainConfig(**values | changes), progress=progress).record

    return start


# ---- held-out data and selection ----


def test_a_dev_split_is_held_back_and_counted(run: Run) -> None:
    record = run(dev_fraction=0.25, eval_steps=1, seed=3)
    assert record.dev_split is not None
    assert (record.dev_split.examples, record.dev_split.groups) == (2, 2)
    assert record.dev_split.seed == 3
    (source,) = record.data
    assert (source.examples, source.held_back, source.used) == (8, 2, 6)
    assert record.pairs == 6
    assert record.dev is not None
    assert record.dev.examples == 2
    assert record.eval is None
    assert record.selected_on is None
    assert record.final_step == 2


def test_the_weights_of_the_best_evaluation_are_the_model(
    run: Run, rows: list[dict[str, Any]], write_rows: WriteRows, tmp_path: Path
) -> None:
    # The better the pairs are learned, the worse these are judged.
    swapped = [{**r, "chosen": r["rejected"], "rejected": r["chosen"]} for r in rows]
    held_out = str(write_rows("swapped.jsonl", swapped))
    record = run(
        eval_data=held_out, eval_steps=2, max_steps=9, keep_best=True, save_steps=3,
        save_total_limit=1,
    )  # fmt: skip
    assert record.selected_on == "eval data"
    assert (record.final_step, record.train.steps) == (2, 9)
    best, last = tmp_path / "model" / "checkpoint-2", tmp_path / "model" / "checkpoint-9"
    assert sorted((tmp_path / "model").glob("checkpoint-*")) == [best, last]
    kept, final, other = (load_file(p / "model.safetensors") for p in (best, best.parent, last))
    assert all(torch.equal(kept[name], final[name]) for name in final)
    assert not torch.equal(other["classifier.weight"], final["classifier.weight"])
    history = json.loads((last / "trainer_state.json").read_text())["log_history"]
    losses = {e["step"]: e["eval_loss"] for e in history if "eval_loss" in e}
    assert list(losses) == [2, 4, 6, 8, 9]
    assert record.eval is not None
    assert record.eval.loss == losses[2] == min(losses.values())


def test_early_stopping_alone_keeps_the_last_weights(run: Run) -> None:
    record = run(dev_fraction=0.25, eval_steps=1, max_steps=30, lr=5e-2, early_stopping=2)
    assert record.train.stopped_early
    assert record.final_step == record.train.steps < 30
    assert record.selected_on is None


def test_several_held_out_sources_are_measured_apart_and_together(
    run: Run, rows: list[dict[str, Any]], write_rows: WriteRows
) -> None:
    swapped = [{**r, "chosen": r["rejected"], "rejected": r["chosen"]} for r in rows[:4]]
    right, wrong = write_rows("right.jsonl", rows), write_rows("wrong.jsonl", swapped)
    record = run(eval_data=(str(right), str(wrong)), max_steps=40, keep_best=True, eval_steps=40)
    assert record.selected_on == "eval data"
    assert record.eval is not None
    first, second = (record.eval_by_source[str(p)] for p in (right, wrong))
    assert (first.examples, second.examples, record.eval.examples) == (8, 4, 12)
    assert (first.accuracy, second.accuracy) == (1.0, 0.0)
    assert record.eval.accuracy == pytest.approx(8 / 12)
    assert record.eval.loss == pytest.approx((8 * first.loss + 4 * second.loss) / 12)
    # That they were trained on is said.
    assert [s.trained_prompts for s in record.eval_data] == [8, 4]


# ---- what is trained on ----


def test_over_long_pairs_are_cut_or_left_out_and_counted(
    run: Run, rows: list[dict[str, Any]], write_rows: WriteRows, tmp_path: Path
) -> None:
    rows[0]["prompt"][0]["content"] += " please" * 20
    data = str(write_rows("long.jsonl", rows))
    (cut,) = run(data=data, max_length=20).data
    assert (cut.used, cut.truncated, cut.dropped) == (8, 1, 0)
    (dropped,) = run(
        data=data, max_length=20, over_long="drop", out=tmp_path / "other", max_steps=1
    ).data
    assert (dropped.used, dropped.truncated, dropped.dropped) == (7, 0, 1)
    with pytest.raises(TrainingError, match="8 examples read, 8 dropped as over-long"):
        run(data=data, max_length=8, over_long="drop", out=tmp_path / "none")


def test_vote_shares_are_targets_when_asked(
    run: Run, rows: list[dict[str, Any]], write_rows: WriteRows, tmp_path: Path
) -> None:
    for row, share in zip(rows, (0.5, 0.75, 0.25, 1.0, 1.0, 1.0, 1.0, 1.0), strict=True):
        row["preference"] = share
    data = str(write_rows("votes.jsonl", rows))
    (hard,) = run(data=data).data
    (soft,) = run(data=data, soft_labels=True, out=tmp_path / "soft").data
    assert (hard.ties, hard.used, hard.soft, hard.reversed) == (1, 7, 0, 1)
    assert (soft.ties, soft.used, soft.soft, soft.reversed) == (0, 8, 3, 1)


@pytest.mark.parametrize(
    "changes",
    [{"label_smoothing": 0.2}, {"center_coefficient": 0.5}, {"weight_decay": 10.0}],
)
def test_what_is_asked_of_the_objective_reaches_it(
    run: Run, changes: dict[str, Any], tmp_path: Path
) -> None:
    run(max_steps=4)
    run(max_steps=4, out=tmp_path / "other", **changes)
    plain, other = (
        load_file(tmp_path / name / "model.safetensors")["classifier.weight"]
        for name in ("model", "other")
    )
    assert (plain - other).abs().max() > 1e-5


# ---- how ----


def test_checkpointing_and_padding_change_nothing_but_cost(run: Run, tmp_path: Path) -> None:
    plain = run()
    assert plain.attention == "packed"
    checkpointed = run(gradient_checkpointing=True, out=tmp_path / "checkpointed")
    padded = run(attention="padded", out=tmp_path / "padded")
    assert padded.attention == "padded"
    for other in (checkpointed, padded):
        assert other.train.mean_loss == pytest.approx(plain.train.mean_loss, abs=1e-5)


def test_schedule_and_warm_up_are_the_librarys(run: Run, tmp_path: Path) -> None:
    run(scheduler="cosine", warmup_ratio=0.5, max_steps=4, save_steps=4, logging_steps=1, lr=1e-3)
    state = json.loads((tmp_path / "model" / "checkpoint-4" / "trainer_state.json").read_text())
    rates = [e["learning_rate"] for e in state["log_history"] if "learning_rate" in e]
    # Two of four steps warm up; then half a cosine over the other two.
    assert rates == pytest.approx([0.0, 5e-4, 1e-3, 5e-4], abs=1e-9)


def test_arguments_are_handed_through(run: Run, tmp_path: Path) -> None:
    record = run(trainer_args={"adam_beta1": 0.5, "optim": "adamw_torch"}, save_steps=2)
    assert record.arguments["trainer_args"] == {"adam_beta1": 0.5, "optim": "adamw_torch"}
    optimiser = torch.load(tmp_path / "model" / "checkpoint-2" / "optimizer.pt", weights_only=True)
    assert optimiser["param_groups"][0]["betas"][0] == 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_rate": 1}, "'learning_rate' is decided by the run: use --lr"),
        ({"output_dir": "x"}, "use --out"),
        ({"push_to_hub": True}, "'push_to_hub' is decided by the run"),
        ({"learning_rat": 1}, "TrainingArguments has no 'learning_rat'"),
    ],
)
def test_arguments_that_are_not_there_to_be_given(
    run: Run, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as error:
        run(trainer_args=arguments)
    assert message in str(error.value)


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_where_metrics_go_has_to_be_installed(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, tmp_path: Path
) -> None:
    monkeypatch.setattr("rmbench.train.arguments.find_spec", lambda package: None)
    with pytest.raises(MissingDependencyError, match=f"pip install {name}"):
        run(report_to=name)
    assert not (tmp_path / "model").exists()


def test_tensorboard_writes_beside_the_checkpoints(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run(report_to="tensorboard", logging_steps=1, save_steps=2)
    assert list((tmp_path / "model" / "tensorboard").glob("events.*"))
    run(report_to="tensorboard", overwrite=True)


# ---- bad input ----


def test_one_pair_is_nothing_to_train_on(
    run: Run, rows: list[dict[str, Any]], write_rows: WriteRows
) -> None:
    with pytest.raises(TrainingError, match="1 pair is nothing to train on"):
        run(data=str(write_rows("one.jsonl", rows[:1])))


def test_a_loss_that_is_no_number_names_the_examples_and_the_last_checkpoint(
    run: Run,
    rows: list[dict[str, Any]],
    write_rows: WriteRows,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for row in rows:
        row["meta"] = {"gap": 7.0 if row["id"] == "pair-5" else 0.0}
    losses = Objective.pair_losses

    def broken(self: Objective, *rewards: torch.Tensor, **targets: Any) -> torch.Tensor:
        return torch.where(targets["margin"] == 7.0, torch.nan, losses(self, *rewards, **targets))

    monkeypatch.setattr(Objective, "pair_losses", broken)
    with pytest.raises(TrainingError) as error:
        run(
            data=str(write_rows("gaps.jsonl", rows)), margin_from="gap", save_steps=1,
            max_steps=8, pairs_per_step=1,
        )  # fmt: skip
    message = str(error.value)
    assert "'pair-5'" in message
    assert "not finite in step" in message
    checkpoints = sorted((tmp_path / "model").glob("checkpoint-*"))
    assert f"{checkpoints[-1]} is whole" in message
    for value in load_file(checkpoints[-1] / "model.safetensors").values():
        assert value.isfinite().all()


def test_a_base_without_padding_is_said_to_pad_with_its_end(
    run: Run, tiny_llama: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = run(base=str(tiny_llama), progress=True)
    assert record.base.pad_token_added is not None
    assert "base has no padding token: '<eos>' pads" in capsys.readouterr().err


def test_a_base_with_nothing_to_pad_with_is_refused(
    run: Run, tiny_llama: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    AutoModelForSequenceClassification.from_pretrained(tiny_llama, num_labels=1).save_pretrained(
        base
    )
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    tokenizer.eos_token = None
    tokenizer.save_pretrained(base)
    with pytest.raises(TrainingError, match="neither a padding nor an end-of-sequence token"):
        run(base=str(base))


def test_a_reward_model_goes_on_from_its_own_head(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(out=tmp_path / "first", progress=True)
    assert "new head" in capsys.readouterr().err
    record = run(base=str(tmp_path / "first"), out=tmp_path / "second", progress=True)
    assert "a reward model: goes on from its own head" in capsys.readouterr().err
    assert record.base.newly_initialised == ()


def test_a_classifier_with_other_classes_is_refused(
    run: Run, tiny_bert: Path, tmp_path: Path
) -> None:
    base = tmp_path / "three"
    AutoModelForSequenceClassification.from_pretrained(tiny_bert, num_labels=3).save_pretrained(
        base
    )
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(base)
    with pytest.raises(ScorerError, match="its head has other than 1 logit"):
        run(base=str(base))


def test_out_must_not_hold_the_base(run: Run, tmp_path: Path) -> None:
    run(out=tmp_path / "rm")
    for out in (tmp_path / "rm", tmp_path):
        with pytest.raises(UsageError, match="holds the base model"):
            run(base=str(tmp_path / "rm"), out=out, overwrite=True)


def test_settings_that_were_not_asked_for_are_shown(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    record = run(lr=None, pairs_per_step=None, progress=True)
    assert (record.learning_rate, record.pairs_per_step) == (5e-5, 32)
    assert "Devlin et al. 2019" in record.preset
    shown = capsys.readouterr().err
    assert "learning rate 5.0e-05, 32 pairs per step, 64 tokens, 2 steps, on cpu" in shown
    assert "(by the size of the model: learning rate 5.0e-05, 32 pairs per step, 64 tok" in shown
