from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertModel

from rmbench.data.load import load_preferences
from rmbench.engine.encode import build_encoder
from rmbench.engine.forward import Head
from rmbench.engine.options import EngineOptions
from rmbench.engine.scoring import Engine
from rmbench.errors import ScorerError, TrainingError, UsageError
from rmbench.train.config import TrainConfig
from rmbench.train.record import TrainingRecord, TrainReport
from rmbench.train.run import train
from rmbench.types import conversations

WriteRows = Callable[[str, list[dict[str, Any]]], Path]


def run(base: Path | str, data: Path | tuple[Path, ...], out: Path, **changes: Any) -> TrainReport:
    settings: dict[str, Any] = {
        "base": str(base),
        "data": tuple(map(str, data if isinstance(data, tuple) else (data,))),
        "out": out,
        "device": "cpu",
        "pairs_per_step": 8,
        "max_steps": 2,
        "lr": 5e-3,
    }
    # The precision does not depend on the machine unless a test says so.
    return train(TrainConfig(**{"bf16": False} | settings | changes), progress=False)


@pytest.mark.parametrize("kind", ["tiny_bert", "tiny_llama"])
def test_eight_pairs_are_learned_and_the_checkpoint_is_a_plain_one(
    kind: str,
    request: pytest.FixtureRequest,
    rows: list[dict[str, Any]],
    pairs_file: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "model"
    report = run(
        request.getfixturevalue(kind), pairs_file, out, max_steps=40, eval_data=str(pairs_file)
    )
    record = report.record
    assert record.eval is not None
    assert record.eval.accuracy == 1.0
    assert record.eval.margin > 1.0
    assert record.train.loss is not None
    assert record.train.loss < 0.3

    # By nothing but transformers.
    model = AutoModelForSequenceClassification.from_pretrained(out)
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert model.config.num_labels == 1
    assert model.dtype == torch.float32
    margins = []
    for row in rows:
        rewards = []
        for response in (row["chosen"][0], row["rejected"][0]):
            if kind == "tiny_bert":
                inputs = tokenizer(row["prompt"][0]["content"], response, return_tensors="pt")
            else:
                chat = [*row["prompt"], {"role": "assistant", "content": response}]
                inputs = tokenizer.apply_chat_template(chat, return_tensors="pt", return_dict=True)
            with torch.no_grad():
                rewards.append(model(**inputs).logits.item())
        margins.append(rewards[0] - rewards[1])
    assert sum(margins) / len(margins) == pytest.approx(record.eval.margin, abs=1e-4)

    # And by the engine that scores.
    engine = Engine(
        model, build_encoder(tokenizer, model.config), Head(0), EngineOptions(progress=False)
    )
    scored = engine.score(conversations(load_preferences(str(pairs_file)))).reward.reshape(-1, 2)
    assert (scored[:, 0] - scored[:, 1]).tolist() == pytest.approx(margins, abs=1e-4)


def test_what_is_saved(tiny_llama: Path, pairs_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    report = run(tiny_llama, pairs_file, out, eval_data=str(pairs_file), seed=3)
    assert sorted(p.name for p in out.iterdir()) == [
        "chat_template.jinja",
        "config.json",
        "model.safetensors",
        "rmbench_training.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    assert (out / "chat_template.jinja").read_text() == (
        tiny_llama / "chat_template.jinja"
    ).read_text()
    config = json.loads((out / "config.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert config["pad_token_id"] == tokenizer.pad_token_id == tokenizer.eos_token_id
    assert config["attention_dropout"] == 0.0
    assert config["architectures"] == ["LlamaForSequenceClassification"]

    text = (out / "rmbench_training.json").read_text()
    assert TrainingRecord.model_validate_json(text) == report.record
    record = json.loads(text)
    assert record["schema_version"] == 2
    assert record["base"]["newly_initialised"] == ["score.weight"]
    assert record["base"]["revision"] is None
    assert record["data"][0]["fingerprint"] == load_preferences(str(pairs_file)).fingerprint
    assert record["data"][0]["pairs"] == record["eval"]["pairs"] == 8
    assert record["arguments"]["lr"] == 5e-3
    assert record["seed"] == record["arguments"]["seed"] == 3
    assert record["max_length"] == 64
    assert record["learning_rate"] == 5e-3
    assert record["final_step"] == 2
    assert record["selected_on"] is None
    assert record["train"]["steps"] == 2
    assert record["environment"]["packages"]["torch"]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_one_seed_one_model(tiny_bert: Path, pairs_file: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        run(tiny_bert, pairs_file, tmp_path / name, seed=seed, pairs_per_step=2)
    a, b, c = (weights(tmp_path / name) for name in "abc")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["classifier.weight"], c["classifier.weight"])


def test_micro_batches_do_not_change_what_is_learned(
    tiny_bert: Path, pairs_file: Path, tmp_path: Path
) -> None:
    whole, cut = (
        run(
            tiny_bert,
            pairs_file,
            tmp_path / str(micro),
            max_steps=3,
            micro_batch_tokens=micro,
            eval_data=str(pairs_file),
        ).record
        for micro in (10_000, 40)
    )
    assert cut.train.mean_loss == pytest.approx(whole.train.mean_loss, abs=1e-5)
    assert whole.eval is not None
    assert cut.eval is not None
    assert cut.eval.margin == pytest.approx(whole.eval.margin, abs=1e-4)


def test_autocast_learns_and_leaves_the_weights_in_float32(
    tiny_bert: Path, pairs_file: Path, tmp_path: Path
) -> None:
    record = run(
        tiny_bert, pairs_file, tmp_path / "model", bf16=True, max_steps=40,
        eval_data=str(pairs_file),
    ).record  # fmt: skip
    assert record.eval is not None
    assert record.eval.accuracy == 1.0
    assert {value.dtype for value in weights(tmp_path / "model").values()} == {torch.float32}


def test_a_new_head_is_drawn_from_the_seed(
    tiny_bert: Path, pairs_file: Path, tmp_path: Path
) -> None:
    run(tiny_bert, pairs_file, tmp_path / "model", lr=1e-12, max_steps=1, seed=5)
    saved = weights(tmp_path / "model")
    drawn = 0.02 * torch.randn(1, 32, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(saved["classifier.weight"], drawn, rtol=0, atol=1e-9)
    torch.testing.assert_close(saved["classifier.bias"], torch.zeros(1), rtol=0, atol=1e-9)


def test_head_of_a_reward_model_is_kept(tiny_bert: Path, pairs_file: Path, tmp_path: Path) -> None:
    run(tiny_bert, pairs_file, tmp_path / "first")
    again = run(tmp_path / "first", pairs_file, tmp_path / "second", lr=1e-12, max_steps=1)
    assert again.record.base.newly_initialised == ()
    first, second = weights(tmp_path / "first"), weights(tmp_path / "second")
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=0, atol=1e-9)


def test_sources_are_joined_and_what_is_left_out_is_counted(
    tiny_bert: Path,
    rows: list[dict[str, Any]],
    write_rows: WriteRows,
    pairs_file: Path,
    tmp_path: Path,
) -> None:
    several = {
        **rows[0],
        "id": "several",
        "chosen": ["it is red", "it is blue"],
        "rejected": ["no"],
    }
    tie = {**rows[1], "id": "tie", "chosen": ["red", "grey"], "rejected": [], "meta": {"tie": True}}
    broken = {**rows[2], "id": "broken", "chosen": [""]}
    second = write_rows("more_ties.jsonl", [several, tie, broken])
    report = run(
        tiny_bert,
        (pairs_file, second),
        tmp_path / "model",
        bad_rows="skip",
        max_length=12,
    )
    first, other = report.record.data
    assert (first.pairs, first.ties, first.skipped_rows) == (8, 0, 0)
    # Counted by hand: [CLS] + 7 words + [SEP] + 3 (or 7) words + [SEP] is 13 (or 17) tokens.
    assert first.truncated == 8
    assert (other.pairs, other.ties, other.skipped_rows) == (2, 1, 1)
    assert (report.record.pairs, report.record.ties) == (10, 1)
    assert report.record.max_length == 12


def test_an_existing_model_is_replaced_only_when_asked(
    tiny_bert: Path, pairs_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model"
    run(tiny_bert, pairs_file, out)
    before = weights(out)
    with pytest.raises(UsageError, match="already holds a model"):
        run(tiny_bert, pairs_file, out)
    run(tiny_bert, pairs_file, out, overwrite=True, max_steps=5)
    assert not torch.equal(weights(out)["classifier.weight"], before["classifier.weight"])


def test_intermediate_checkpoints_are_kept_when_asked(
    tiny_bert: Path, pairs_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model"
    report = run(
        tiny_bert, pairs_file, out, max_steps=4, save_steps=2, eval_steps=2,
        eval_data=str(pairs_file),
    )  # fmt: skip
    assert sorted(p.name for p in out.glob("checkpoint-*")) == ["checkpoint-2", "checkpoint-4"]
    last, final = weights(out / "checkpoint-4"), weights(out)
    assert all(torch.equal(last[name], final[name]) for name in final)
    assert report.record.eval is not None


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"base": "no/such folder/at all"}, ScorerError, "no such folder"),
        ({"base": "length:"}, UsageError, "a model folder or a Hub id"),
        ({"max_length": 4096}, UsageError, "more than the 64 positions"),
        ({"margin_from": "gap"}, TrainingError, "no finite number 'gap'"),
        ({"lr": 1e30, "max_steps": 9, "max_grad_norm": 0.0}, TrainingError, "lower learning rate"),
    ],
)
def test_a_failed_run_leaves_nothing(
    tiny_bert: Path,
    pairs_file: Path,
    tmp_path: Path,
    changes: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        run(changes.pop("base", tiny_bert), pairs_file, tmp_path / "model", **changes)
    assert [p.name for p in tmp_path.iterdir()] == ["pairs.jsonl"]


def test_nothing_to_learn_from_is_an_error(
    tiny_bert: Path, rows: list[dict[str, Any]], write_rows: WriteRows, tmp_path: Path
) -> None:
    tie = {**rows[1], "chosen": ["red", "grey"], "rejected": [], "meta": {"tie": True}}
    ties = write_rows("a_ties.jsonl", [tie])
    with pytest.raises(TrainingError, match="no pairs to use"):
        run(tiny_bert, ties, tmp_path / "model")
    unknown = [{**row, "chosen": ["xyzzy"], "rejected": ["plugh"]} for row in rows]
    alike = write_rows("alike.jsonl", unknown)
    with pytest.raises(TrainingError, match="same tokens"):
        run(tiny_bert, alike, tmp_path / "model")


def test_a_chat_template_given_is_used_and_saved(
    tiny_llama: Path, pairs_file: Path, tmp_path: Path
) -> None:
    template = tmp_path / "template.jinja"
    template.write_text("{% for m in messages %}{{ m['content'] }} <eos> {% endfor %}")
    report = run(tiny_llama, pairs_file, tmp_path / "model", chat_template=template)
    assert (tmp_path / "model" / "chat_template.jinja").read_text() == template.read_text()
    assert report.record.encoding["encoding"] == "chat"
    with pytest.raises(UsageError, match="--chat-template"):
        run(tiny_llama, pairs_file, tmp_path / "other", chat_template=tmp_path / "none.jinja")


def test_missing_pooler_is_drawn_with_the_head(pairs_file: Path, tiny_bert: Path, tmp_path: Path):
    config = BertConfig.from_pretrained(tiny_bert)
    folder = tmp_path / "no-pooler"
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(folder)
    report = run(folder, pairs_file, tmp_path / "model")
    assert set(report.record.base.newly_initialised) == {
        "bert.pooler.dense.bias",
        "bert.pooler.dense.weight",
        "classifier.bias",
        "classifier.weight",
    }


def test_progress_goes_to_standard_error(
    tiny_bert: Path, pairs_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = TrainConfig(
        base=str(tiny_bert),
        data=(str(pairs_file),),
        eval_data=str(pairs_file),
        out=tmp_path / "model",
        device="cpu",
        pairs_per_step=4,
        logging_steps=1,
    )
    train(config)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "new head" in captured.err
    assert "8 pairs" in captured.err
    assert "step 1/2   loss 0.6" in captured.err
    assert f"measuring {pairs_file}: 8 examples" in captured.err
    assert "{" not in captured.err
