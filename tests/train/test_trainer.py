from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import logsigmoid
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    LlamaConfig,
    PreTrainedModel,
    TrainingArguments,
)

from rmbench.errors import TrainingError
from rmbench.train.collate import EncodedPair, EncodedText, PairCollator
from rmbench.train.model import disable_dropout
from rmbench.train.trainer import PairwiseTrainer

_SMALL: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 32,
    "num_labels": 1,
    "pad_token_id": 0,
}


def make_model(kind: str = "bert") -> PreTrainedModel:
    torch.manual_seed(0)
    config = (BertConfig if kind == "bert" else LlamaConfig)(**_SMALL, initializer_range=0.3)
    model = AutoModelForSequenceClassification.from_config(config)
    disable_dropout(model)
    return model


def make_pairs(n: int, *, margin: bool = False, seed: int = 0) -> list[EncodedPair]:
    rng = np.random.default_rng(seed)

    def text() -> EncodedText:
        return EncodedText(rng.integers(1, 60, rng.integers(3, 20)).astype(np.int32))

    return [
        EncodedPair(str(i), text(), text(), float(rng.normal()) if margin else None)
        for i in range(n)
    ]


def make_trainer(
    model: PreTrainedModel,
    pairs: Sequence[EncodedPair],
    out: Path,
    *,
    held_out: Sequence[EncodedPair] | None = None,
    center_coefficient: float = 0.0,
    **arguments: Any,
) -> PairwiseTrainer:
    defaults: dict[str, Any] = {
        "output_dir": str(out),
        "use_cpu": True,
        "report_to": "none",
        "save_strategy": "no",
        "logging_steps": 1,
        # Plain gradient descent shows every error of the gradient's scale; Adam divides it out.
        "optim": "sgd",
        "learning_rate": 0.5,
        "lr_scheduler_type": "constant",
        "max_grad_norm": 0.0,
        "num_train_epochs": 1,
        "disable_tqdm": True,
    }
    return PairwiseTrainer(
        model,
        TrainingArguments(**defaults | arguments),
        center_coefficient=center_coefficient,
        train_dataset=pairs,
        eval_dataset=held_out,
        data_collator=PairCollator(0),
    )


def rewards_one_by_one(model: PreTrainedModel, pairs: Sequence[EncodedPair]) -> torch.Tensor:
    """Rewards without batches, padding or trainer: shape (n, 2)."""
    model.eval()
    with torch.no_grad():
        rows = [
            [model(input_ids=torch.tensor(t.input_ids[None].astype(np.int64))).logits.item()
             for t in (p.chosen, p.rejected)]
            for p in pairs
        ]  # fmt: skip
    return torch.tensor(rows)


def logged(trainer: PairwiseTrainer, name: str) -> list[float]:
    return [entry[name] for entry in trainer.state.log_history if name in entry]


@pytest.mark.parametrize(
    ("n_pairs", "center_coefficient"),
    [(32, 0.0), (28, 0.0), (21, 0.1)],
    ids=["even", "short last", "odd, centred"],
)
def test_accumulated_micro_batches_equal_the_whole_batch(
    tmp_path: Path, n_pairs: int, center_coefficient: float
) -> None:
    pairs = make_pairs(n_pairs, margin=True)
    runs = []
    for micro, accumulation in ((16, 1), (8, 2), (2, 8)):
        model = make_model()
        trainer = make_trainer(
            model,
            pairs,
            tmp_path,
            center_coefficient=center_coefficient,
            per_device_train_batch_size=micro,
            gradient_accumulation_steps=accumulation,
        )
        trainer.train()
        runs.append((model, trainer))
    whole_model, whole = runs[0]
    for model, trainer in runs[1:]:
        for name in ("loss", "accuracy", "margin", "grad_norm"):
            assert logged(trainer, name) == pytest.approx(logged(whole, name), rel=1e-5, abs=1e-6)
        for ours, theirs in zip(model.parameters(), whole_model.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    assert len(logged(whole, "loss")) == 2


def test_a_step_is_gradient_descent_on_the_formula(tmp_path: Path) -> None:
    pairs = make_pairs(6, margin=True)
    model, reference = make_model(), make_model()
    reference.load_state_dict(model.state_dict())
    trainer = make_trainer(
        model,
        pairs,
        tmp_path,
        center_coefficient=0.02,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=3,
    )
    trainer.train()

    reference.train()
    terms = []
    for p in pairs:
        rc, rr = (
            reference(input_ids=torch.tensor(t.input_ids[None].astype(np.int64))).logits[0, 0]
            for t in (p.chosen, p.rejected)
        )
        terms.append(-logsigmoid(rc - rr - p.margin) + 0.02 * (rc + rr) ** 2)
    loss = torch.stack(terms).mean()
    loss.backward()
    assert logged(trainer, "loss") == pytest.approx([loss.item()], rel=1e-5)
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        gradient = theirs.grad if theirs.grad is not None else torch.zeros_like(theirs)
        torch.testing.assert_close(ours, theirs - 0.5 * gradient, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "llama"])
def test_first_loss_is_trls_on_a_plain_forward(tmp_path: Path, kind: str) -> None:
    pairs = make_pairs(8)
    model = make_model(kind)
    rewards = rewards_one_by_one(model, pairs)
    expected = -logsigmoid(rewards[:, 0] - rewards[:, 1]).mean().item()
    trainer = make_trainer(model, pairs, tmp_path, per_device_train_batch_size=8)
    trainer.train()
    assert logged(trainer, "loss") == pytest.approx([expected], abs=1e-5)


def test_lines_are_over_the_pairs_since_the_last(tmp_path: Path) -> None:
    # At a learning rate of zero the model stays what it is, so the rewards are known.
    pairs = make_pairs(28)
    model = make_model()
    rewards = rewards_one_by_one(model, pairs).double()
    difference = rewards[:, 0] - rewards[:, 1]
    trainer = make_trainer(
        model,
        pairs,
        tmp_path,
        learning_rate=0.0,
        train_sampling_strategy="sequential",
        per_device_train_batch_size=8,  # batches of 8, 8, 8 and 4
        logging_steps=2,
    )
    trainer.train()
    lines = [difference[:16], difference[16:]]
    assert logged(trainer, "accuracy") == pytest.approx(
        [(line > 0).double().mean().item() for line in lines]
    )
    assert logged(trainer, "margin") == pytest.approx(
        [line.mean().item() for line in lines], rel=1e-5
    )


def test_evaluation_is_over_all_pairs_at_once(tmp_path: Path) -> None:
    held_out = make_pairs(13, margin=True, seed=5)
    model = make_model()
    trainer = make_trainer(
        model,
        make_pairs(4),
        tmp_path,
        held_out=held_out,
        center_coefficient=0.1,
        per_device_eval_batch_size=4,  # the last batch holds a single pair
    )
    metrics = trainer.evaluate()
    rewards = rewards_one_by_one(model, held_out).double()
    difference = rewards[:, 0] - rewards[:, 1]
    margin = torch.tensor([p.margin for p in held_out])
    loss = -logsigmoid(difference - margin).mean() + 0.1 * (rewards.sum(1) ** 2).mean()
    assert metrics["eval_loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert metrics["eval_accuracy"] == pytest.approx((difference > 0).double().mean().item())
    assert metrics["eval_margin"] == pytest.approx(difference.mean().item(), rel=1e-5)


def test_an_exact_tie_counts_as_wrong(tmp_path: Path) -> None:
    text = EncodedText(np.array([5, 6, 7], np.int32))
    other = EncodedText(np.array([9, 8], np.int32))
    model = make_model()
    first, second = rewards_one_by_one(model, [EncodedPair("x", text, other)])[0]
    right = EncodedPair("right", *((text, other) if first > second else (other, text)))
    trainer = make_trainer(
        model, [right], tmp_path, held_out=[right, EncodedPair("tie", text, text)]
    )
    assert trainer.evaluate()["eval_accuracy"] == 0.5


def test_a_loss_that_is_no_number_ends_the_training(tmp_path: Path) -> None:
    model = make_model()
    with torch.no_grad():
        model.classifier.weight.fill_(float("nan"))
    trainer = make_trainer(model, make_pairs(4), tmp_path)
    with pytest.raises(TrainingError, match="loss is nan at step 1"):
        trainer.train()


def test_several_logits_are_refused(tmp_path: Path) -> None:
    model = AutoModelForSequenceClassification.from_config(BertConfig(**_SMALL | {"num_labels": 2}))
    with pytest.raises(TrainingError, match="1 logit, this model has 2"):
        make_trainer(model, make_pairs(2), tmp_path)
