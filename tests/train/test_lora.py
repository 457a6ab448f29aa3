from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, GPT2Config, GPT2Model

from rmbench.errors import MissingDependencyError, UsageError
from rmbench.train.config import TrainConfig
from rmbench.train.lora import add_adapters
from rmbench.train.record import TrainReport
from rmbench.train.run import train

peft = pytest.importorskip("peft")


@pytest.fixture
def tiny_gpt2(tiny_llama: Path, tmp_path: Path) -> Path:
    """A decoder whose layers keep their weights as (in, out)."""
    folder = tmp_path / "tiny-gpt2"
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    torch.manual_seed(1)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=32,
        n_layer=2,
        n_head=2,
        n_positions=64,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    GPT2Model(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def run(base: Path, data: Path, out: Path, **changes: Any) -> TrainReport:
    values = {
        "base": str(base),
        "data": str(data),
        "out": out,
        "device": "cpu",
        "bf16": False,
        "pairs_per_step": 8,
        "max_steps": 30,
        "lr": 2e-2,
        "lora_rank": 4,
        "eval_data": str(data),
    }
    return train(TrainConfig(**values | changes), progress=False)


@pytest.mark.parametrize("kind", ["tiny_bert", "tiny_llama", "tiny_gpt2"])
def test_adapters_learn_and_what_is_saved_is_a_plain_model(
    kind: str, request: pytest.FixtureRequest, pairs_file: Path, tmp_path: Path
) -> None:
    base = request.getfixturevalue(kind)
    out = tmp_path / "model"
    record = run(base, pairs_file, out).record
    assert record.eval is not None
    assert record.eval.accuracy == 1.0
    assert record.base.trained_parameters < record.base.parameters
    # Two layers of six, seven and four; BERT's pooler has one more.
    assert record.lora_layers == {"tiny_bert": 13, "tiny_llama": 14, "tiny_gpt2": 8}[kind]

    plain = AutoModelForSequenceClassification.from_pretrained(out)
    tokenizer = AutoTokenizer.from_pretrained(out)
    # PEFT by itself: the base, and the adapters with the head on top of it.
    by_peft = peft.PeftModel.from_pretrained(
        AutoModelForSequenceClassification.from_pretrained(
            base, num_labels=1, pad_token_id=tokenizer.pad_token_id
        ),
        out / "adapter",
    )
    if record.base.newly_initialised:
        config = json.loads((out / "adapter" / "adapter_config.json").read_text())
        assert config["modules_to_save"]
    inputs = tokenizer("name the colour red for me please it is red", return_tensors="pt")
    with torch.no_grad():
        torch.testing.assert_close(
            plain.eval()(**inputs).logits, by_peft.eval()(**inputs).logits, rtol=0, atol=1e-5
        )

    # Only weights of adapted layers and the head have moved.
    before, after = load_file(base / "model.safetensors"), load_file(out / "model.safetensors")
    prefix = plain.base_model_prefix
    moved = {
        name.removeprefix(f"{prefix}.").removeprefix("model.")
        for name, value in before.items()
        for other in (name, f"{prefix}.{name}")
        if other in after and not torch.equal(after[other], value)
    }
    assert moved
    assert not any("embed" in name or "norm" in name.lower() or "wte" in name for name in moved)


def test_layers_are_chosen_by_the_last_part_of_their_names(
    tiny_llama: Path, pairs_file: Path, tmp_path: Path
) -> None:
    record = run(
        tiny_llama, pairs_file, tmp_path / "model", max_steps=1, lora_targets=("q_proj", "v_proj")
    ).record
    assert record.lora_layers == 4
    with pytest.raises(UsageError, match="no layer is called query: there are down_proj, gate_"):
        run(tiny_llama, pairs_file, tmp_path / "other", max_steps=1, lora_targets=("query",))
    assert not (tmp_path / "other").exists()


def test_the_learning_rate_is_that_of_adapters(
    tiny_llama: Path, pairs_file: Path, tmp_path: Path
) -> None:
    record = run(tiny_llama, pairs_file, tmp_path / "model", max_steps=1, lr=None).record
    assert record.learning_rate == pytest.approx(5e-4)
    assert record.lora_alpha == 32


def test_gradient_checkpointing_reaches_the_adapters(
    tiny_llama: Path, pairs_file: Path, tmp_path: Path
) -> None:
    plain, checkpointed = (
        run(
            tiny_llama, pairs_file, tmp_path / str(on), max_steps=3, gradient_checkpointing=on
        ).record.train.loss
        for on in (False, True)
    )
    assert checkpointed == pytest.approx(plain, abs=1e-6)


def test_without_peft_it_says_what_to_install(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "peft", None)
    model = AutoModelForSequenceClassification.from_pretrained(tiny_llama, num_labels=1)
    with pytest.raises(MissingDependencyError, match=r"pip install 'rmbench\[peft\]'"):
        add_adapters(model, base="b", rank=2, alpha=32)


def test_merging_is_the_adapters_own_arithmetic(tiny_llama: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(tiny_llama, num_labels=1)
    model.config.pad_token_id = 0
    adapters = add_adapters(model, base="b", rank=2, alpha=8)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    other = AutoModelForSequenceClassification.from_pretrained(tiny_llama, num_labels=1)
    other.config.pad_token_id = 0
    other.load_state_dict(adapters.merged(model.state_dict()))
    ids = torch.tensor([[3, 4, 5, 6, 7]])
    with torch.no_grad():
        torch.testing.assert_close(
            other.eval()(ids).logits, model.eval()(ids).logits, rtol=0, atol=1e-5
        )
