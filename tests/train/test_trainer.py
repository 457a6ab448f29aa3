from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pair_examples import make_examples, plain_loss, plain_rewards
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    DebertaV2Config,
    EvalPrediction,
    LlamaConfig,
    PreTrainedModel,
    TrainerCallback,
    TrainingArguments,
)

from rmbench.errors import TrainingError, UsageError
from rmbench.train.loss import Objective
from rmbench.train.model import disable_dropout
from rmbench.train.pairs import EncodedExample
from rmbench.train.trainer import PairwiseTrainer

_SMALL: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "num_labels": 1,
    "pad_token_id": 0,
}
_CONFIGS = {"bert": BertConfig, "llama": LlamaConfig, "deberta": DebertaV2Config}
SHAPES = ((1, 1), (1, 3), (2, 2))


def make_model(kind: str = "llama", **settings: Any) -> PreTrainedModel:
    torch.manual_seed(0)
    config = _CONFIGS[kind](**_SMALL | settings, initializer_range=0.3)
    model = AutoModelForSequenceClassification.from_config(config)
    disable_dropout(model)
    return model


def make_trainer(
    model: PreTrainedModel,
    examples: Sequence[EncodedExample],
    out: Path,
    *,
    held_out: Any = None,
    objective: Objective | None = None,
    attention: Any = "auto",
    micro_batch_tokens: int | None = None,
    compute_metrics: Any = None,
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
        objective=objective,
        attention=attention,
        micro_batch_tokens=micro_batch_tokens,
        train_dataset=examples,
        eval_dataset=held_out,
        compute_metrics=compute_metrics,
    )


def logged(trainer: PairwiseTrainer, name: str) -> list[float]:
    return [entry[name] for entry in trainer.state.log_history if name in entry]


@pytest.mark.parametrize("kind", ["llama", "bert", "deberta"])
@pytest.mark.parametrize(
    ("n", "objective"),
    [(32, Objective()), (21, Objective(center_coefficient=0.1, label_smoothing=0.1))],
    ids=["plain", "a short last step, everything"],
)
def test_how_a_step_is_cut_changes_nothing(
    tmp_path: Path, kind: str, n: int, objective: Objective
) -> None:
    examples = make_examples(n, shapes=SHAPES, votes=True, margin=True)
    runs = []
    for batch, accumulation, tokens in ((16, 1, 10**6), (16, 1, 60), (8, 2, 10**6), (4, 4, 100)):
        model = make_model(kind)
        trainer = make_trainer(
            model,
            examples,
            tmp_path,
            objective=objective,
            micro_batch_tokens=tokens,
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=accumulation,
        )
        trainer.train()
        runs.append((model, trainer))
    whole_model, whole = runs[0]
    assert len(logged(whole, "loss")) == 2
    for model, trainer in runs[1:]:
        for name in ("loss", "accuracy", "margin", "mean_reward", "grad_norm"):
            assert logged(trainer, name) == pytest.approx(logged(whole, name), rel=1e-4, abs=1e-5)
        for ours, theirs in zip(model.parameters(), whole_model.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-5)


@pytest.mark.parametrize("kind", ["llama", "bert", "deberta"])
def test_a_step_is_gradient_descent_on_the_formula(tmp_path: Path, kind: str) -> None:
    examples = make_examples(6, shapes=SHAPES, votes=True, margin=True)
    objective = Objective(center_coefficient=0.02, label_smoothing=0.05)
    model = make_model(kind)
    reference = deepcopy(model)
    trainer = make_trainer(
        model,
        examples,
        tmp_path,
        objective=objective,
        micro_batch_tokens=100,
        per_device_train_batch_size=3,
        gradient_accumulation_steps=2,
        learning_rate=0.1,
    )
    trainer.train()

    reference.train()
    loss = plain_loss(reference, examples, objective)
    loss.backward()
    assert logged(trainer, "loss") == pytest.approx([loss.item()], rel=1e-5)
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        gradient = theirs.grad if theirs.grad is not None else torch.zeros_like(theirs)
        torch.testing.assert_close(ours, theirs - 0.1 * gradient, rtol=1e-4, atol=1e-5)


def test_steps_follow_each_other_as_with_a_plain_model(tmp_path: Path) -> None:
    examples = make_examples(12, shapes=SHAPES)
    model = make_model()
    reference = deepcopy(model).train()
    trainer = make_trainer(
        model, examples, tmp_path, optim="adamw_torch", learning_rate=1e-2, max_grad_norm=1.0,
        per_device_train_batch_size=4, num_train_epochs=2, train_sampling_strategy="sequential",
    )  # fmt: skip
    trainer.train()
    optimizer = torch.optim.AdamW(reference.parameters(), lr=1e-2, weight_decay=0.0)
    losses, norms = [], []
    for start in (0, 4, 8) * 2:
        loss = plain_loss(reference, examples[start : start + 4])
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(reference.parameters(), 1.0).item())
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert logged(trainer, "loss") == pytest.approx(losses, rel=1e-4)
    assert logged(trainer, "grad_norm") == pytest.approx(norms, rel=1e-3)
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_lines_are_over_the_examples_since_the_last(tmp_path: Path) -> None:
    # At a learning rate of zero the model stays what it is, so the rewards are known.
    examples = make_examples(28)
    model = make_model()
    rewards = plain_rewards(model, examples)
    difference = rewards[:, 0] - rewards[:, 1]
    trainer = make_trainer(
        model,
        examples,
        tmp_path,
        learning_rate=0.0,
        train_sampling_strategy="sequential",
        per_device_train_batch_size=8,  # steps of 8, 8, 8 and 4
        logging_steps=2,
        micro_batch_tokens=80,
    )
    trainer.train()
    lines = (slice(0, 16), slice(16, 28))
    assert logged(trainer, "accuracy") == [(difference[line] > 0).mean() for line in lines]
    assert logged(trainer, "margin") == pytest.approx(
        [difference[line].mean() for line in lines], rel=1e-4
    )
    assert logged(trainer, "mean_reward") == pytest.approx(
        [rewards[line].mean() for line in lines], rel=1e-4
    )


@pytest.mark.parametrize("tokens", [50, 10**6])
def test_evaluation_is_over_all_examples_at_once(tmp_path: Path, tokens: int) -> None:
    held_out = make_examples(13, shapes=SHAPES, margin=True, votes=True, seed=5)
    objective = Objective(center_coefficient=0.1)
    model = make_model()
    trainer = make_trainer(
        model,
        make_examples(4),
        tmp_path,
        held_out=held_out,
        objective=objective,
        micro_batch_tokens=tokens,
    )
    metrics = trainer.evaluate()
    rewards = plain_rewards(model, held_out)
    loss = plain_loss(model.eval(), held_out, objective).item()
    assert metrics["eval_loss"] == pytest.approx(loss, rel=1e-5)
    assert metrics["eval_margin"] == pytest.approx((rewards[:, 0] - rewards[:, 1]).mean(), rel=1e-5)
    assert metrics["eval_mean_reward"] == pytest.approx(rewards.mean(), rel=1e-5)
    assert "eval_runtime" in metrics
    predicted = trainer.predict(held_out)
    np.testing.assert_allclose(predicted.predictions, rewards, rtol=1e-5, atol=1e-5)
    assert predicted.label_ids.tolist() == [e.preference for e in held_out]
    assert predicted.metrics["test_loss"] == metrics["eval_loss"]


def test_accuracy_is_the_mean_over_examples_of_the_pairs_ranked_right(tmp_path: Path) -> None:
    model = make_model()
    held_out = make_examples(9, shapes=SHAPES, seed=2)
    shares = []
    for e in held_out:
        pairs = [EncodedExample("", (c,), (r,)) for c in e.chosen for r in e.rejected]
        rewards = plain_rewards(model, pairs)
        shares.append((rewards[:, 0] > rewards[:, 1]).mean())
    assert 0 < np.mean(shares) < 1
    trainer = make_trainer(model, held_out, tmp_path, held_out=held_out)
    assert trainer.evaluate()["eval_accuracy"] == pytest.approx(np.mean(shares))


def test_an_exact_tie_counts_as_wrong_and_tied_votes_do_not_count(tmp_path: Path) -> None:
    model = make_model()
    (pair,) = make_examples(1)
    first, second = plain_rewards(model, [pair])[0]
    chosen, rejected = (
        (pair.chosen, pair.rejected) if first > second else (pair.rejected, pair.chosen)
    )
    right = EncodedExample("right", chosen, rejected)
    alike = EncodedExample("alike", chosen, chosen)
    tied = EncodedExample("tied", rejected, chosen, preference=0.5)
    trainer = make_trainer(model, [right], tmp_path)
    accuracy = [
        trainer.evaluate(rows).get("eval_accuracy")
        for rows in ([right], [right, alike], [right, alike, tied], [tied])
    ]
    assert accuracy == [1.0, 0.5, 0.5, None]


def test_several_sets_and_own_metrics(tmp_path: Path) -> None:
    first, second = make_examples(3, seed=1), make_examples(5, seed=2)

    def largest(prediction: EvalPrediction) -> dict[str, float]:
        return {"largest": float(np.max(prediction.predictions))}

    model = make_model()
    trainer = make_trainer(
        model, first, tmp_path, held_out={"a": first, "b": second}, compute_metrics=largest
    )
    metrics = trainer.evaluate()
    for name, rows in (("a", first), ("b", second)):
        rewards = plain_rewards(model, rows)
        assert metrics[f"eval_{name}_largest"] == pytest.approx(rewards.max(), rel=1e-5)
        assert metrics[f"eval_{name}_margin"] == pytest.approx(
            (rewards[:, 0] - rewards[:, 1]).mean(), rel=1e-5
        )


def break_after(trainer: PairwiseTrainer, step: int) -> None:
    """Make the embedding of token 7 no number between a step and the next."""

    class Breaks(TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == step:
                with torch.no_grad():
                    kwargs["model"].get_input_embeddings().weight[7] = torch.nan

    trainer.add_callback(Breaks())


def with_token(example: EncodedExample, present: bool) -> EncodedExample:
    for text in example.texts:
        text.input_ids[text.input_ids == 7] = 8
    if present:
        example.chosen[0].input_ids[0] = 7
    return example


@pytest.mark.parametrize("tokens", [40, 10**6])
def test_a_loss_that_is_no_number_names_step_and_examples(tmp_path: Path, tokens: int) -> None:
    examples = [with_token(e, present=e.id in ("6", "10", "11")) for e in make_examples(12)]
    model = make_model()
    trainer = make_trainer(
        model, examples, tmp_path, per_device_train_batch_size=4, logging_steps=100,
        train_sampling_strategy="sequential", micro_batch_tokens=tokens, learning_rate=1e-3,
        save_strategy="steps", save_steps=1,
    )  # fmt: skip
    break_after(trainer, 1)
    with pytest.raises(TrainingError, match=r"not finite in step 2, in the examples '6':"):
        trainer.train()
    assert [p.name for p in tmp_path.glob("checkpoint-*")] == ["checkpoint-1"]
    # The gradients of that step were not applied.
    weights = dict(model.named_parameters())
    assert weights.pop("model.embed_tokens.weight")[8].isfinite().all()
    assert all(w.isfinite().all() for w in weights.values())


def test_what_is_seen_late_still_names_the_first_bad_step(tmp_path: Path) -> None:
    examples = [with_token(e, present=e.id in ("5", "6", "10")) for e in make_examples(16)]
    trainer = make_trainer(
        make_model(), examples, tmp_path, per_device_train_batch_size=4, logging_steps=3,
        train_sampling_strategy="sequential", micro_batch_tokens=40, learning_rate=0.0,
    )  # fmt: skip
    break_after(trainer, 1)
    # As where the device is not waited for: nothing is looked at before a line is due.
    checks = []
    look, trainer._check_losses = trainer._check_losses, lambda: checks.append(1)  # type: ignore[method-assign]

    log = trainer.log

    def log_and_look(*args: Any, **kwargs: Any) -> None:
        trainer._check_losses = look  # type: ignore[method-assign]
        log(*args, **kwargs)

    trainer.log = log_and_look  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match=r"in step 2, in the examples '[56]', '[56]':"):
        trainer.train()
    assert trainer.state.global_step == 3
    assert len(checks) == 3


def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path) -> None:
    # Token 7 is in no example, so no loss tells.
    examples = [with_token(e, present=False) for e in make_examples(12)]
    trainer = make_trainer(
        make_model(), examples, tmp_path, per_device_train_batch_size=4, save_strategy="steps",
        save_steps=1, learning_rate=1e-3,
    )  # fmt: skip
    break_after(trainer, 1)
    with pytest.raises(TrainingError, match="weights are not finite after step 2"):
        trainer.train()
    assert [p.name for p in tmp_path.glob("checkpoint-*")] == ["checkpoint-1"]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_that_goes_on_ends_where_it_would_have(tmp_path: Path, workers: int) -> None:
    examples = make_examples(22, shapes=SHAPES)
    options: dict[str, Any] = {
        "optim": "adamw_torch", "learning_rate": 1e-2, "lr_scheduler_type": "linear",
        "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2,
        "num_train_epochs": 2, "save_strategy": "steps", "save_steps": 4, "seed": 11,
        "dataloader_num_workers": workers,
    }  # fmt: skip
    whole = make_trainer(make_model(), examples, tmp_path / "whole", **options)
    whole.train()
    # Steps an epoch: 22 examples, 4 a step, so checkpoint 4 is within the first epoch of 6.
    for checkpoint in ("checkpoint-4", "checkpoint-8"):
        resumed = make_trainer(make_model(), examples, tmp_path / "resumed", **options)
        resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / checkpoint))
        assert logged(resumed, "loss") == logged(whole, "loss")
        for ours, theirs in zip(resumed.model.parameters(), whole.model.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def test_the_model_is_a_plain_one_before_within_and_after(tmp_path: Path) -> None:
    examples = make_examples(8)
    model = make_model()
    before = (model.config._attn_implementation, set(vars(model)) | {"_is_accelerate_prepared"})
    trainer = make_trainer(
        model, examples, tmp_path, held_out=examples, bf16=True, save_strategy="steps",
        save_steps=1, per_device_train_batch_size=4,
    )  # fmt: skip
    trainer.train()
    trainer.evaluate()
    assert (model.config._attn_implementation, set(vars(model))) == before
    assert model.forward.__func__ is type(model).forward
    rewards = plain_rewards(model.eval(), examples)
    deepcopy(model)
    trainer.save_model(str(tmp_path / "saved"))
    for folder, expected in (("saved", rewards), ("checkpoint-2", rewards)):
        loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / folder)
        assert loaded.config._attn_implementation == "sdpa"
        np.testing.assert_allclose(plain_rewards(loaded, examples), expected, rtol=1e-6)


def test_training_that_fails_leaves_the_model_plain(tmp_path: Path) -> None:
    model = make_model()
    with torch.no_grad():
        model.score.weight.fill_(float("nan"))
    attention = model.config._attn_implementation
    trainer = make_trainer(model, make_examples(4), tmp_path)
    with pytest.raises(TrainingError, match="not finite in step 1"):
        trainer.train()
    assert model.config._attn_implementation == attention
    assert "forward" not in vars(model)


def test_half_precision_weights_are_trained_in_float32(tmp_path: Path) -> None:
    model = make_model().bfloat16()
    model.model.embed_tokens.weight.requires_grad_(False)
    trainer = make_trainer(model, make_examples(4), tmp_path, learning_rate=1e-3)
    trainer.train()
    dtypes = {name: p.dtype for name, p in model.named_parameters()}
    assert dtypes.pop("model.embed_tokens.weight") == torch.bfloat16
    assert set(dtypes.values()) == {torch.float32}


def test_counts_of_what_was_read(tmp_path: Path) -> None:
    examples = make_examples(6, shapes=SHAPES)
    trainer = make_trainer(
        make_model(), examples, tmp_path, include_num_input_tokens_seen="all", max_steps=1,
        per_device_train_batch_size=6,
    )  # fmt: skip
    trainer.train()
    assert trainer.state.num_input_tokens_seen == sum(len(t) for e in examples for t in e.texts)
    shared = sum(trainer.collator.cost(e) for e in examples)
    dense = sum(p.numel() for n, p in trainer.model.named_parameters() if "embed" not in n)
    assert trainer.state.total_flos == 6 * dense * shared


@pytest.mark.parametrize(
    ("kind", "changes", "error", "message"),
    [
        ("llama", {"num_labels": 2}, TrainingError, "1 logit, this model has 2"),
        ("bert", {"attention": "shared"}, UsageError, "shared is impossible"),
        ("deberta", {"attention": "packed"}, UsageError, "packed is impossible"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    tmp_path: Path, kind: str, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    attention = changes.pop("attention", "auto")
    with pytest.raises(error, match=message):
        make_trainer(make_model(kind, **changes), make_examples(2), tmp_path, attention=attention)


def test_nothing_to_train_or_evaluate_on(tmp_path: Path) -> None:
    trainer = PairwiseTrainer(
        make_model(), TrainingArguments(output_dir=str(tmp_path), use_cpu=True, report_to="none")
    )
    with pytest.raises(TrainingError, match="nothing to train on"):
        trainer.train()
    with pytest.raises(TrainingError, match="nothing to evaluate on"):
        trainer.evaluate()
