"""TRL's ``RewardTrainer`` and ours, from the same weights on the same pairs, step by step.

The oracle is the installed TRL itself, with its own collator, forward, loss and defaults but
for what is set here. Only its batches are given: the columns of token ids that it takes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import models
import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PrinterCallback,
    TrainingArguments,
)

from rmbench.data import load_preferences
from rmbench.engine.encode import build_encoder
from rmbench.engine.loading import load_sequence_classifier
from rmbench.train.loss import Objective
from rmbench.train.model import disable_dropout, ensure_pad_token
from rmbench.train.pairs import EncodedExample, EncodedText, build_examples
from rmbench.train.trainer import PairwiseTrainer

STEPS = 20
PAIRS = 4


@dataclass(frozen=True)
class Trained:
    """What a trainer made of a model: a loss a step, and the weights after the last."""

    losses: list[float]
    metrics: list[tuple[float, float]]
    weights: dict[str, Tensor]

    @classmethod
    def of(cls, trainer: Any) -> Trained:
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        lines = [line for line in trainer.state.log_history if "loss" in line]
        return cls(
            [line["loss"] for line in lines],
            [(line["accuracy"], line["margin"]) for line in lines],
            {n: p.detach().clone() for n, p in trainer.model.named_parameters()},
        )


def arguments(out: Path, **more: Any) -> dict[str, Any]:
    return {
        "output_dir": str(out),
        "per_device_train_batch_size": PAIRS,
        "max_steps": STEPS,
        "learning_rate": 1e-3,
        "warmup_steps": 3,
        "lr_scheduler_type": "linear",
        "weight_decay": 0.01,
        "max_grad_norm": 1.0,
        "bf16": False,
        "activation_checkpointing": False,
        "seed": 11,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "disable_tqdm": True,
        "log_level": "error",
        **more,
    }


def by_trl(
    model: Any,
    tokenizer: Any,
    examples: Sequence[EncodedExample],
    out: Path,
    *,
    center: float | None = None,
    **more: Any,
) -> Trained:
    from datasets import Dataset
    from trl import RewardConfig, RewardTrainer

    columns: dict[str, list[Any]] = {
        "chosen_ids": [e.chosen[0].input_ids.tolist() for e in examples],
        "rejected_ids": [e.rejected[0].input_ids.tolist() for e in examples],
    }
    if examples[0].margin is not None:
        columns["margin"] = [e.margin for e in examples]
    trainer = RewardTrainer(
        model=copy.deepcopy(model),
        args=RewardConfig(
            **arguments(out, **more), max_length=None, center_rewards_coefficient=center
        ),
        train_dataset=Dataset.from_dict(columns),
        processing_class=tokenizer,
    )
    return Trained.of(trainer)


def by_us(
    model: Any,
    examples: Sequence[EncodedExample],
    out: Path,
    *,
    center: float = 0.0,
    micro_batch_tokens: int | None = None,
    **more: Any,
) -> Trained:
    model = copy.deepcopy(model)
    disable_dropout(model)  # TRL does it by itself
    trainer = PairwiseTrainer(
        model,
        TrainingArguments(**arguments(out, **more)),
        objective=Objective(center_coefficient=center),
        micro_batch_tokens=micro_batch_tokens,
        train_dataset=examples,
    )
    assert trainer.collator.capability.path != "padded"
    return Trained.of(trainer)


def agree(ours: Trained, theirs: Trained, before: Any, *, centred: bool = False) -> None:
    """Losses to 1e-5 in every step, weights to 1e-4 relative, both having moved far more."""
    assert len(theirs.losses) == STEPS
    assert np.std(theirs.losses) > 0.01
    assert np.abs(np.subtract(ours.losses, theirs.losses)).max() < 1e-5
    for (accuracy, margin), (their_accuracy, their_margin) in zip(
        ours.metrics, theirs.metrics, strict=True
    ):
        assert accuracy == pytest.approx(their_accuracy)
        assert margin == pytest.approx(their_margin, abs=1e-4)
    moved = 0.0
    for name, parameter in before.named_parameters():
        start = parameter.detach()
        expected, found = theirs.weights[name], ours.weights[name]
        if is_idle(name, centred=centred):
            continue
        assert (found - expected).norm() <= 1e-4 * expected.norm(), name
        moved = max(moved, float((expected - start).norm() / start.norm().clamp_min(1e-9)))
    assert moved > 1e-3


def is_idle(name: str, *, centred: bool) -> bool:
    """Whether a parameter's gradient is zero but for rounding, which Adam scales up to steps.

    A bias of the keys adds the same to all scores of a query, and softmax takes it off again;
    a bias of the reward adds the same to both sides of a pair, and only centring sees it.
    """
    return name.endswith("key.bias") or (name == "classifier.bias" and not centred)


def random_pairs(
    n: int, vocabulary: int, rng: np.random.Generator, *, typed: bool, margin: bool = False
) -> list[EncodedExample]:
    """Prompts of up to 20 tokens, answers of up to 25, none of them a special token."""

    def text(prompt: np.ndarray) -> EncodedText:
        answer = rng.integers(8, vocabulary, rng.integers(1, 26))
        ids = np.concatenate([prompt, answer]).astype(np.int32)
        return EncodedText(ids, np.zeros(len(ids), np.int8) if typed else None)

    pairs = []
    for i in range(n):
        prompt = rng.integers(8, vocabulary, rng.integers(1, 21))
        m = float(rng.uniform(0, 2)) if margin else None
        pairs.append(EncodedExample(f"e{i}", (text(prompt),), (text(prompt),), margin=m))
    return pairs


Loaded = tuple[Any, Any]


def load(folder: Path) -> Loaded:
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
    return model, AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load(models.tiny_llama(tmp_path_factory.mktemp("parity") / "llama"))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load(models.tiny_bert(tmp_path_factory.mktemp("parity") / "bert"))


@pytest.mark.parametrize("kind", ["decoder", "encoder"])
@pytest.mark.parametrize(
    "case",
    [
        {},
        {"margin": True, "center": 0.02},
        {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2},
    ],
    ids=["plain", "margin and centring", "accumulated"],
)
def test_a_tiny_model_learns_the_same(
    kind: str, case: dict[str, Any], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    model, tokenizer = request.getfixturevalue(kind)
    more = dict(case)
    rng = np.random.default_rng(5)
    pairs = random_pairs(
        # Two epochs and a half, the same order in each trainer; no epoch has a smaller last
        # step, whose micro-batches TRL weighs unevenly.
        32, model.config.vocab_size, rng,
        typed=kind == "encoder", margin=more.pop("margin", False),
    )  # fmt: skip
    theirs = by_trl(model, tokenizer, pairs, tmp_path / "trl", **more)
    ours = by_us(model, pairs, tmp_path / "ours", **more)
    agree(ours, theirs, model, centred="center" in case)


def test_cutting_a_step_into_small_forwards_changes_nothing(
    decoder: Loaded, tmp_path: Path
) -> None:
    model, tokenizer = decoder
    pairs = random_pairs(32, model.config.vocab_size, np.random.default_rng(6), typed=False)
    theirs = by_trl(model, tokenizer, pairs, tmp_path / "trl")
    ours = by_us(model, pairs, tmp_path / "ours", micro_batch_tokens=40)
    agree(ours, theirs, model)


def real_pairs(folder: Path, source: Path, max_length: int) -> tuple[Any, Any, list[Any]]:
    """The first pairs of a real set for a real model, their prompts cut from the left."""
    loaded = load_sequence_classifier(str(folder), dtype=torch.float32)
    ensure_pad_token(loaded.model, loaded.tokenizer)
    encoder = build_encoder(loaded.tokenizer, loaded.model.config, max_length=max_length)
    built = build_examples(load_preferences(str(source))[: STEPS * PAIRS], encoder)
    untyped = [
        EncodedExample(e.id, _zero_types(e.chosen), _zero_types(e.rejected)) for e in built.examples
    ]
    return loaded.model, loaded.tokenizer, untyped


def _zero_types(texts: tuple[EncodedText, ...]) -> tuple[EncodedText, ...]:
    """TRL's collator passes none, which the model takes for zeros."""
    return tuple(
        EncodedText(t.input_ids, None if t.token_type_ids is None else np.zeros(len(t), np.int8))
        for t in texts
    )


Data = Callable[[Path], Path]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model_fixture", "source", "rate", "pairs_per_step"),
    [
        ("smollm2_folder", "hh_rlhf/train.jsonl.gz", 2e-5, 2),
        ("minilm_folder", "rmb/train.jsonl.gz", 1e-4, PAIRS),
    ],
)
def test_a_real_model_learns_the_same(
    model_fixture: str,
    source: str,
    rate: float,
    pairs_per_step: int,
    request: pytest.FixtureRequest,
    shared_data: Path,
    tmp_path: Path,
) -> None:
    folder = request.getfixturevalue(model_fixture)
    model, tokenizer, pairs = real_pairs(folder, shared_data / source, 64)
    more = {"learning_rate": rate, "per_device_train_batch_size": pairs_per_step}
    theirs = by_trl(model, tokenizer, pairs, tmp_path / "trl", **more)
    ours = by_us(model, pairs, tmp_path / "ours", **more)
    agree(ours, theirs, model)
