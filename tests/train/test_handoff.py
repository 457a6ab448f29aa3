"""A model from ``rmbench train`` as the reward of TRL's trainers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import models
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from datasets import Dataset
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from rmbench.cli.main import invoke
from rmbench.scorers import reward_function

Messages = list[dict[str, str]]


def user(text: str) -> Messages:
    return [{"role": "user", "content": text}]


def assistant(text: str) -> Messages:
    return [{"role": "assistant", "content": text}]


# In the words that the tiny models of this folder know.
COLOURS = ("red", "blue", "green", "black", "white", "brown", "pink", "grey")
PROMPTS = [f"name the colour {colour} for me please" for colour in COLOURS]
PAIRS = [(f"it is {c}", f"it is {COLOURS[i - 1]} or so they say") for i, c in enumerate(COLOURS)]
ASKED = [prompt for prompt in PROMPTS for _ in range(2)]
ANSWERS = [answer for pair in PAIRS for answer in pair]


@pytest.fixture(scope="module")
def preferences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    rows = [
        {"prompt": prompt, "chosen": chosen, "rejected": rejected}
        for prompt, (chosen, rejected) in zip(PROMPTS, PAIRS, strict=True)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def trained(base: Path, data: Path, out: Path) -> Path:
    options = ["--max-steps", "20", "--lr", "5e-3", "--pairs-per-step", "8", "--no-bf16"]
    command = ["train", "--base", str(base), "--data", str(data), "--out", str(out)]
    assert invoke([*command, "--device", "cpu", *options]) == 0
    return out


@pytest.fixture(scope="module")
def decoder(tiny_llama: Path, preferences: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tiny_llama, preferences, tmp_path_factory.mktemp("rm") / "decoder-rm")


@pytest.fixture(scope="module")
def encoder(tiny_bert: Path, preferences: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tiny_bert, preferences, tmp_path_factory.mktemp("rm") / "encoder-rm")


@pytest.fixture(params=["decoder", "encoder"])
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def score(folder: Path, data: Path) -> list[dict[str, Any]]:
    """What ``rmbench score`` writes, row by row."""
    out = data.with_name(f"{data.stem}-{folder.name}.parquet")
    command = ["score", str(folder), "--data", str(data), "--out", str(out), "--device", "cpu"]
    assert invoke([*command, "--force"]) == 0
    rows: list[dict[str, Any]] = pq.read_table(out).to_pylist()
    return rows


def scores_of_responses(
    folder: Path, prompts: list[Any], responses: list[str], at: Path
) -> list[float]:
    path = at / "responses.jsonl"
    rows = [{"prompt": p, "response": r} for p, r in zip(prompts, responses, strict=True)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [row["reward"] for row in score(folder, path)]


def test_the_checkpoint_is_a_plain_sequence_classifier(folder: Path) -> None:
    model, loading = AutoModelForSequenceClassification.from_pretrained(
        folder, output_loading_info=True
    )
    assert not loading["missing_keys"]
    assert not loading["unexpected_keys"]
    assert not loading["mismatched_keys"]
    assert model.config.num_labels == 1
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.pad_token_id == model.config.pad_token_id is not None
    # Nothing in it has to be unpickled.
    assert not [p.name for p in folder.iterdir() if p.suffix in {".bin", ".pt", ".pkl"}]


def test_the_callable_gives_what_rmbench_score_writes(
    folder: Path, preferences: Path, tmp_path: Path
) -> None:
    reward = reward_function(folder, device="cpu")
    given = reward(prompts=ASKED, completions=ANSWERS)
    assert reward.__name__ == folder.name

    written = score(folder, preferences)
    by_pair = [r for row in written for r in (*row["scores_chosen"], *row["scores_rejected"])]
    np.testing.assert_allclose(given, by_pair, atol=1e-6, rtol=0)
    alone = scores_of_responses(folder, ASKED, ANSWERS, tmp_path)
    np.testing.assert_allclose(given, alone, atol=1e-6, rtol=0)

    # TRL's other form of the same conversations, and a column that is no business of ours.
    conversational = reward(
        prompts=[user(p) for p in ASKED],
        completions=[assistant(a) for a in ANSWERS],
        completion_ids=[[0]] * len(ANSWERS),
    )
    np.testing.assert_allclose(conversational, given, atol=1e-6, rtol=0)
    # It has learned which of two answers names the colour asked for.
    assert np.mean(np.array(given[0::2]) > np.array(given[1::2])) > 0.8


def test_the_callable_cuts_what_is_too_long_as_rmbench_score_does(
    folder: Path, tmp_path: Path
) -> None:
    prompts = ["red blue green " * 30 + PROMPTS[0], PROMPTS[1]]
    reward = reward_function(folder, device="cpu")
    logged: dict[str, float] = {}
    given = reward(prompts, ANSWERS[:2], log_metric=logged.__setitem__)
    written = scores_of_responses(folder, prompts, ANSWERS[:2], tmp_path)
    np.testing.assert_allclose(given, written, atol=1e-6, rtol=0)
    assert (reward.scored, reward.truncated) == (2, 1)
    assert logged == {f"rewards/{folder.name}/truncated": 0.5}


class Spy:
    """Records the rewards that a trainer computes, and of what."""

    def __init__(self, trainer: Any) -> None:
        self.prompts: list[Any] = []
        self.completions: list[Any] = []
        self.rewards: list[list[float]] = []
        self._inner = trainer._calculate_rewards
        trainer._calculate_rewards = self

    def __call__(self, inputs: Any, prompts: Any, completions: Any, ids: Any) -> torch.Tensor:
        rewards: torch.Tensor = self._inner(inputs, prompts, completions, ids)
        self.prompts += prompts
        self.completions += completions
        self.rewards += rewards.tolist()
        return rewards


def make_trainer(
    kind: str, policy: Path, rewards: list[Any], prompts: list[Any], out: Path, **changes: Any
) -> Any:
    trainer, config = {
        "grpo": (GRPOTrainer, GRPOConfig),
        "rloo": (RLOOTrainer, RLOOConfig),
    }[kind]
    settings: dict[str, Any] = {
        "output_dir": str(out), "max_steps": 2, "per_device_train_batch_size": 8,
        "num_generations": 4, "max_completion_length": 8, "learning_rate": 1e-3,
        "use_cpu": True, "bf16": False, "gradient_checkpointing": False, "report_to": "none",
        "logging_steps": 1, "save_strategy": "no", "disable_tqdm": True,
    }  # fmt: skip
    return trainer(
        model=str(policy),
        reward_funcs=rewards,
        args=config(**settings | changes),
        train_dataset=Dataset.from_list([{"prompt": p} for p in prompts]),
    )


@pytest.mark.parametrize("kind", ["grpo", "rloo"])
def test_two_steps_of_reinforcement_learning(
    kind: str, decoder: Path, encoder: Path, tiny_llama: Path, tmp_path: Path
) -> None:
    """The decoder by its folder, the encoder through the callable."""
    trainer = make_trainer(
        kind,
        tiny_llama,
        [str(decoder), reward_function(encoder, device="cpu")],
        [user(p) for p in PROMPTS],
        tmp_path,
    )
    before = [p.detach().clone() for p in trainer.model.parameters()]
    spy = Spy(trainer)
    trainer.train()
    assert trainer.state.global_step == 2
    assert any(
        not torch.equal(a, b) for a, b in zip(before, trainer.model.parameters(), strict=True)
    )
    logged = trainer.state.log_history[0]
    by_folder, by_callable = np.array(spy.rewards).T
    assert np.isfinite(by_folder).all()
    assert len(set(by_callable.round(6).tolist())) > 1
    assert logged["rewards/decoder-rm/mean"] == pytest.approx(by_folder[:8].mean(), abs=1e-5)
    assert logged["rewards/encoder-rm/mean"] == pytest.approx(by_callable[:8].mean(), abs=1e-5)
    assert logged["rewards/encoder-rm/truncated"] == 0.0

    # Both are the rewards that `rmbench score` gives, which takes no empty response.
    said = [c[-1]["content"] for c in spy.completions]
    at = [i for i, text in enumerate(said) if text.strip()]
    assert len(at) >= 8
    prompts, responses = [spy.prompts[i] for i in at], [said[i] for i in at]
    for folder, rewards in ((decoder, by_folder), (encoder, by_callable)):
        expected = scores_of_responses(folder, prompts, responses, tmp_path)
        np.testing.assert_allclose(rewards[at], expected, atol=1e-5, rtol=0)


Both = Callable[..., tuple[NDArray[np.float32], NDArray[np.float32]]]


@pytest.fixture(scope="module")
def both(llama_folder: Path, tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Both:
    """Rewards of one decoder: by its folder, and through the callable."""
    return both_ways(llama_folder, tiny_llama, tmp_path_factory.mktemp("grpo"))


def both_ways(folder: Path, policy: Path, out: Path, **changes: Any) -> Both:
    # Random weights, large enough for every token to move the reward: what is compared is how
    # the model is fed, not what it has learned.
    rewards = [str(folder), reward_function(folder, device="cpu", name="callable")]
    trainer = make_trainer("grpo", policy, rewards, [user("hi")], out, **changes)

    def compute(
        prompts: list[Any], completions: list[Any]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        inputs = [{"prompt": p} for p in prompts]
        given = trainer._calculate_rewards(inputs, prompts, completions, [[0]] * len(prompts))
        by_folder, by_callable = given.numpy().T
        return by_folder, by_callable

    return compute


QUESTIONS = ["what time is it", "who was the first to see the water", "how many people call"]
REPLIES = ["it is two", "no one", "so many that you could not use your number"]


def test_messages_give_a_decoder_by_folder_equal_rewards(both: Both) -> None:
    by_folder, by_callable = both([user(q) for q in QUESTIONS], [assistant(a) for a in REPLIES])
    np.testing.assert_allclose(by_folder, by_callable, atol=1e-5, rtol=0)
    assert by_callable.std() > 0.1


def test_so_do_several_turns_and_an_empty_answer(both: Both) -> None:
    prompts = [[*user("hi"), *assistant("yes"), *user(q)] for q in QUESTIONS[:2]]
    by_folder, by_callable = both(prompts, [assistant(REPLIES[0]), assistant("")])
    np.testing.assert_allclose(by_folder, by_callable, atol=1e-5, rtol=0)


def test_plain_texts_do_not_pass_through_a_decoders_template(both: Both) -> None:
    by_folder, by_callable = both([q + " " for q in QUESTIONS], REPLIES)
    # The callable reads a text as a user turn, as rmbench does everywhere.
    as_messages = both([user(q + " ") for q in QUESTIONS], [assistant(a) for a in REPLIES])[1]
    np.testing.assert_allclose(by_callable, as_messages, atol=1e-6, rtol=0)
    assert np.abs(by_folder - by_callable).min() > 0.05


def test_a_decoder_by_folder_is_not_cut_at_its_positions(both: Both) -> None:
    prompts = [user("all of them were there " * 15 + QUESTIONS[0])]
    by_folder, by_callable = both(prompts, [assistant(REPLIES[0])])
    assert np.abs(by_folder - by_callable).min() > 0.05


def test_a_decoder_by_folder_is_told_todays_date(tiny_llama: Path, tmp_path: Path) -> None:
    dated = (
        "{% if strftime_now('%Y') == '2024' %}yes {% else %}no {% endif %}"
        "{% for m in messages %}<|{{ m['role'] }}|> {{ m['content'] }} </s>{% endfor %}"
    )
    folder = models.tiny_llama(tmp_path / "dated", chat_template=dated)
    both = both_ways(folder, tiny_llama, tmp_path)
    by_folder, by_callable = both([user(q) for q in QUESTIONS], [assistant(a) for a in REPLIES])
    assert np.abs(by_folder - by_callable).min() > 0.01


def test_the_policys_bf16_reaches_a_reward_model_by_folder(
    both: Both, llama_folder: Path, tiny_llama: Path, tmp_path: Path
) -> None:
    asked = [user(q) for q in QUESTIONS], [assistant(a) for a in REPLIES]
    by_folder, by_callable = both_ways(llama_folder, tiny_llama, tmp_path, bf16=True)(*asked)
    np.testing.assert_allclose(by_callable, both(*asked)[1], atol=1e-6, rtol=0)
    assert 1e-4 < np.abs(by_folder - by_callable).max() < 0.1


def test_an_encoder_by_its_folder_reads_what_it_never_saw(
    bert_folder: Path, tiny_llama: Path, tmp_path: Path
) -> None:
    """Why there is the callable: TRL joins the two texts, without [CLS], [SEP] and types."""
    texts = both_ways(bert_folder, tiny_llama, tmp_path)
    by_folder, by_callable = texts([q + " " for q in QUESTIONS], REPLIES)
    assert np.abs(by_folder - by_callable).min() > 0.05
    # Its tokenizer has no template that messages could pass through.
    with pytest.raises(ValueError, match="chat_template"):
        texts([user(q) for q in QUESTIONS], [assistant(a) for a in REPLIES])
