from __future__ import annotations

from pathlib import Path

import models
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from rmbench.engine import execute, scoring
from rmbench.engine.batch import PackedBatch, score_index
from rmbench.engine.encode import Encoded
from rmbench.errors import ScorerError, UsageError
from rmbench.scorers.hf import HFScorer, choose_head
from rmbench.scorers.spec import RunOptions, create_scorer, parse_scorer
from rmbench.types import Conversation, Message

WORDS = "what is the time now people say no one can go long day see him two".split()


def hf(folder: Path, batch_tokens: int | None = None, **overrides: object) -> HFScorer:
    scorer = create_scorer(
        parse_scorer(str(folder), dict(overrides)),
        RunOptions(device="cpu", batch_tokens=batch_tokens, progress=False),
    )
    assert isinstance(scorer, HFScorer)
    return scorer


def random_conversations(n: int, seed: int = 0) -> list[Conversation]:
    rng = np.random.default_rng(seed)

    def text(most: int) -> str:
        return " ".join(rng.choice(WORDS, size=rng.integers(1, most)))

    return [
        Conversation((Message("user", text(20)),), text(25), f"e{i // 2}", i % 2) for i in range(n)
    ]


def unbatched(folder: Path, conversations: list[Conversation]) -> np.ndarray:
    """The reference: plain transformers, one sequence at a time, nothing padded."""
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rewards = []
    with torch.inference_mode():
        for c in conversations:
            if tokenizer.chat_template:
                chat = [{"role": m.role, "content": m.content} for m in c.prompt]
                chat.append({"role": "assistant", "content": c.response})
                inputs = tokenizer.apply_chat_template(chat, return_tensors="pt", return_dict=True)
            else:
                inputs = tokenizer(c.prompt[0].content, c.response, return_tensors="pt")
            rewards.append(model(**inputs).logits[0, 0].item())
    return np.array(rewards)


@pytest.mark.parametrize("kind", ["bert_folder", "llama_folder"])
def test_rewards_are_those_of_the_unbatched_forward(
    kind: str, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(kind)
    items = random_conversations(40)
    reference = unbatched(folder, items)
    rewards = hf(folder, batch_tokens=256).score(items).reward
    assert reference.std() > 0.1
    np.testing.assert_allclose(rewards, reference, atol=1e-5 * max(1.0, reference.std()), rtol=0)


@pytest.mark.parametrize("kind", ["bert_folder", "llama_folder"])
def test_a_score_does_not_depend_on_its_batch(kind: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(kind)
    items = random_conversations(30)
    alone = hf(folder, batch_tokens=1).score(items).reward
    order = np.random.default_rng(1).permutation(len(items))
    together = hf(folder, batch_tokens=100_000).score([items[i] for i in order]).reward
    np.testing.assert_allclose(together, alone[order], atol=1e-5, rtol=0)


_SHARED: dict[str, HFScorer] = {}


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 24), st.integers(1, 2000), st.integers(0, 5))
def test_any_grouping_gives_the_same_scores(
    bert_folder: Path, n: int, batch_tokens: int, seed: int
) -> None:
    scorer = _SHARED.setdefault("bert", hf(bert_folder))
    items = random_conversations(n, seed)
    scorer.engine.executor.batch_tokens = 10_000
    expected = scorer.score(items).reward
    scorer.engine.executor.batch_tokens = batch_tokens
    np.testing.assert_allclose(scorer.score(items).reward, expected, atol=1e-5, rtol=0)


def test_equal_conversations_are_run_once(bert_folder: Path) -> None:
    items = random_conversations(6)
    scorer = hf(bert_folder)
    tripled = scorer.score(items * 3)
    rows = sum(s.rows for s in scorer.engine.shapes)
    assert rows == 6
    np.testing.assert_array_equal(tripled.reward[:6], tripled.reward[12:])


def test_windows_do_not_change_the_result(
    bert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = random_conversations(33)
    whole = hf(bert_folder).score(items)
    monkeypatch.setattr(scoring, "_WINDOW", 4)
    pieces = hf(bert_folder).score(items)
    np.testing.assert_allclose(pieces.reward, whole.reward, atol=1e-5, rtol=0)
    np.testing.assert_array_equal(pieces.n_tokens, whole.n_tokens)


def test_out_of_memory_halves_the_batch_and_goes_on(
    bert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = random_conversations(20)
    expected = hf(bert_folder).score(items).reward
    real = execute.forward_packed

    def limited(model: object, batch: PackedBatch, **options: object) -> torch.Tensor:
        if len(batch.rows) > 3:
            raise torch.OutOfMemoryError("no room")
        return real(model, batch, **options)

    monkeypatch.setattr(execute, "forward_packed", limited)
    scorer = hf(bert_folder, batch_tokens=2048)
    np.testing.assert_allclose(scorer.score(items).reward, expected, atol=1e-5, rtol=0)
    assert scorer.provenance().out_of_memory_retries > 0
    assert scorer.provenance().batch_tokens < 2048
    assert "memory ran out" in scorer.provenance().notes[0]


def test_out_of_memory_on_one_sequence_is_an_error(
    bert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(execute, "forward_packed", never)
    with pytest.raises(ScorerError, match="out of memory on a single sequence"):
        hf(bert_folder).score(random_conversations(4))


def test_a_decoder_without_a_pad_token_is_batched_all_the_same(tmp_path: Path) -> None:
    folder = models.tiny_llama(tmp_path / "nopad", pad_token=None)
    items = random_conversations(10)
    np.testing.assert_allclose(
        hf(folder).score(items).reward, unbatched(folder, items), atol=1e-5, rtol=0
    )


def test_pad_equal_to_eos_follows_transformers_and_says_so(tmp_path: Path) -> None:
    folder = models.tiny_llama(tmp_path / "padeos", pad_token="</s>")
    items = random_conversations(10)
    scorer = hf(folder)
    np.testing.assert_allclose(
        scorer.score(items).reward, unbatched(folder, items), atol=1e-5, rtol=0
    )
    assert "10 sequences the last token is the pad token" in scorer.provenance().notes[0]
    last = hf(folder, score_position="last").score(items).reward
    assert not np.allclose(last, scorer.score(items).reward)


def test_all_pad_falls_to_the_first_token_as_in_transformers() -> None:
    assert score_index(Encoded((2, 2, 2)), 2, "hf") == 0


def test_two_logits_need_a_choice(tmp_path: Path) -> None:
    folder = models.tiny_bert(tmp_path / "two", num_labels=2)
    with pytest.raises(UsageError, match=r"two logits.*--head difference"):
        hf(folder)
    items = random_conversations(4)
    first = hf(folder, head="0").score(items).reward
    second = hf(folder, head="1").score(items).reward
    np.testing.assert_allclose(
        hf(folder, head="difference").score(items).reward, second - first, atol=1e-6
    )
    assert hf(folder, head="difference").info.margins_are_logits
    assert not hf(folder, head="1").info.margins_are_logits


def test_more_logits_need_an_index() -> None:
    with pytest.raises(UsageError, match="5 logits: name the reward with --head INDEX"):
        choose_head(5, None)
    with pytest.raises(UsageError, match="needs two logits"):
        choose_head(5, "difference")
    with pytest.raises(UsageError, match="from 0 to 4"):
        choose_head(5, "5")
    assert choose_head(5, "4").index == 4


def test_a_missing_head_is_an_error_unless_allowed(tmp_path: Path) -> None:
    folder = models.tiny_bert(tmp_path / "headless", with_head=False)
    with pytest.raises(UsageError, match=r"lacks classifier.bias, classifier.weight"):
        hf(folder)
    first = hf(folder, allow_untrained=True)
    second = hf(folder, allow_untrained=True)
    assert first.info.options["untrained"] == ["classifier.bias", "classifier.weight"]
    items = random_conversations(4)
    np.testing.assert_array_equal(first.score(items).reward, second.score(items).reward)


def test_pickled_weights_are_refused_unless_allowed(tmp_path: Path, bert_folder: Path) -> None:
    folder = tmp_path / "pickled"
    model = AutoModelForSequenceClassification.from_pretrained(bert_folder)
    AutoTokenizer.from_pretrained(bert_folder).save_pretrained(folder)
    model.config.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(ScorerError, match="no safetensors weights"):
        hf(folder)
    items = random_conversations(4)
    np.testing.assert_allclose(
        hf(folder, allow_pickle=True).score(items).reward, unbatched(bert_folder, items), atol=1e-5
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("./no/such/folder", "no such folder"),
        ("single", "no such folder"),
        ("no-such-org/no-such-model", "not in the local cache"),
    ],
)
def test_a_model_that_is_not_there_is_one_clear_line(target: str, message: str) -> None:
    with pytest.raises(ScorerError, match=message) as caught:
        create_scorer(parse_scorer(target), RunOptions(device="cpu"))
    assert "\n" not in str(caught.value)


def test_an_unknown_device_is_one_clear_line(bert_folder: Path) -> None:
    with pytest.raises(UsageError, match="--device abacus"):
        create_scorer(parse_scorer(str(bert_folder)), RunOptions(device="abacus"))


def test_a_model_id_is_read_from_a_laid_out_hub_cache(
    bert_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from huggingface_hub import constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "hub" / "models--org--tiny"
    shutil.copytree(bert_folder, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    scorer = hf(Path("org/tiny"))
    assert scorer.info.revision == commit
    assert scorer.info.name == "org/tiny"
    pinned = create_scorer(parse_scorer(f"org/tiny@{commit}"), RunOptions(device="cpu"))
    items = random_conversations(4)
    np.testing.assert_array_equal(pinned.score(items).reward, scorer.score(items).reward)
