from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trl.trainer.utils import get_callable_name, is_async_callable

from rmbench.errors import DataError, ScorerError, UsageError
from rmbench.result import ScorerInfo
from rmbench.scorers import RewardFunction, reward_function
from rmbench.scorers.spec import RunOptions, create_scorer, parse_scorer
from rmbench.types import Conversation, Message, ScoredBatch


class Recorder:
    """Keeps what it was asked, and answers with the rewards it was given."""

    def __init__(self, rewards: Sequence[float] = (), truncated: Sequence[bool] = ()) -> None:
        self.info = ScorerInfo(
            spec="recorder:", kind="recorder", name="org/recorder", margins_are_logits=True
        )
        self.asked: list[Conversation] = []
        self._rewards = rewards
        self._truncated = truncated

    def score(self, conversations: Sequence[Conversation]) -> ScoredBatch:
        self.asked = list(conversations)
        n = len(conversations)
        return ScoredBatch(
            np.array(self._rewards or [0.0] * n),
            np.zeros(n, np.int64),
            np.array(self._truncated or [False] * n),
        )


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def asked(prompt: Any, completion: Any) -> tuple[tuple[Message, ...], str]:
    recorder = Recorder()
    RewardFunction(recorder)([prompt], [completion])
    (conversation,) = recorder.asked
    return conversation.prompt, conversation.response


def test_a_text_is_one_user_turn() -> None:
    assert asked("Hi", "Hello") == ((Message("user", "Hi"),), "Hello")


def test_messages_stay_as_they_are() -> None:
    prompt = [{"role": "system", "content": "Be brief."}, user("Hi")]
    assert asked(prompt, [assistant("Hello")]) == (
        (Message("system", "Be brief."), Message("user", "Hi")),
        "Hello",
    )


def test_the_last_of_several_turns_is_judged_and_the_others_are_context() -> None:
    completion = [assistant("Let me see."), {"role": "tool", "content": "42"}, assistant("It is.")]
    assert asked([user("Is it?")], completion) == (
        (Message("user", "Is it?"), Message("assistant", "Let me see."), Message("tool", "42")),
        "It is.",
    )


def test_blocks_of_text_are_joined_and_a_reasoning_is_not_read() -> None:
    prompt = [user([{"type": "text", "text": "Hi"}, {"type": "text", "text": " you"}])]
    answer = assistant("Hello") | {"reasoning_content": "They greet me."}
    assert asked(prompt, [answer]) == ((Message("user", "Hi you"),), "Hello")


def test_an_empty_completion_is_judged_like_any_other() -> None:
    assert asked("Hi", "") == ((Message("user", "Hi"),), "")


def test_completions_of_one_prompt_are_examples_of_their_own() -> None:
    """So that none is cut shorter because another one is long."""
    recorder = Recorder()
    RewardFunction(recorder)(["Hi"] * 3, ["a", "b", "c"])
    assert len({c.example_id for c in recorder.asked}) == 3


@pytest.mark.parametrize(
    ("prompt", "completion", "message"),
    [
        (["Hi"], "x", r"row 2, field 'prompts': a turn is not a message"),
        ([{"role": "human", "content": "Hi"}], "x", r"field 'prompts': unknown role 'human'"),
        ("Hi", [], "does not end with an assistant turn"),
        ("Hi", [assistant("a"), user("b")], "does not end with an assistant turn"),
        ("Hi", [assistant(None)], r"field 'completions': a message has no text"),
        ("Hi", [assistant("a") | {"tool_calls": [{"name": "f"}]}], "calls tools"),
        ([user([{"type": "image", "image": object()}])], "x", "other than text"),
    ],
)
def test_what_cannot_be_read_is_named(prompt: Any, completion: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        RewardFunction(Recorder())(["fine", prompt], ["fine", completion])


def test_as_many_prompts_as_completions() -> None:
    with pytest.raises(DataError, match="1 prompts for 2 completions"):
        RewardFunction(Recorder())(["a"], ["b", "c"])
    assert RewardFunction(Recorder())([], []) == []


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_reward_that_is_no_number_ends_the_run(broken: float) -> None:
    reward = RewardFunction(Recorder([1.0, broken, broken]))
    with pytest.raises(
        ScorerError, match=rf"recorder: 2 of 3 rewards are not finite; completion 2 got {broken}"
    ):
        reward(["p"] * 3, ["a", "b", "c"])


def test_truncation_is_counted_and_logged() -> None:
    reward = RewardFunction(Recorder(truncated=[True, False, False, False]))
    logged: list[tuple[str, float]] = []
    for _ in range(2):
        reward(["p"] * 4, ["a"] * 4, log_metric=lambda *given: logged.append(given))
    assert (reward.scored, reward.truncated) == (8, 2)
    assert logged == [("rewards/recorder/truncated", 0.25)] * 2
    reward(["p"] * 4, ["a"] * 4)  # other callers have no such thing


def test_trl_knows_what_to_call_it() -> None:
    reward = RewardFunction(Recorder())
    assert get_callable_name(reward) == "recorder"
    assert get_callable_name(RewardFunction(Recorder(), name="helpful")) == "helpful"
    assert not is_async_callable(reward)


def test_any_scorer_of_the_command_line() -> None:
    reward = reward_function("shorter:", name="brief")
    assert reward(["p", "p"], ["one", "three"]) == [-3.0, -5.0]
    assert reward.__name__ == "brief"
    assert repr(reward) == "<RewardFunction brief: shorter:>"
    # Options are those of a scorer; they reach it.
    texts = ["p", "q"], ["a", "b"]
    assert reward_function("random:", seed=1)(*texts) != reward_function("random:")(*texts)


def test_a_scorer_that_is_made_already() -> None:
    scorer = create_scorer(parse_scorer("length:"), RunOptions())
    assert reward_function(scorer)(["p"], ["abc"]) == [3.0]
    for options in ({"max_length": 64}, {"device": "cpu"}):
        with pytest.raises(UsageError, match="made already"):
            reward_function(scorer, **options)


def test_options_that_do_not_exist(llama_folder: Path) -> None:
    with pytest.raises(UsageError, match="no option maxlength"):
        reward_function(llama_folder, maxlength=64)
    with pytest.raises(UsageError, match="no option 'max_length'"):
        reward_function("length:", max_length=64)


def test_replayed_scores_know_no_new_answers(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text('{"id": "0", "scores_chosen": 1, "scores_rejected": 0}\n')
    with pytest.raises(UsageError, match="replay"):
        reward_function(f"replay:{tmp_path / 's.jsonl'}")


TEXTS = (["what is the time", "who was it", "what is the time"], ["it is two", "no one", "day"])


@pytest.mark.parametrize("kind", ["llama_folder", "bert_folder"])
def test_a_reward_does_not_depend_on_its_batch(kind: str, request: pytest.FixtureRequest) -> None:
    reward = reward_function(request.getfixturevalue(kind), device="cpu", dtype="float32")
    together = reward(*TEXTS)
    alone = [reward([p], [c])[0] for p, c in zip(*TEXTS, strict=True)]
    np.testing.assert_allclose(together, alone, atol=1e-5, rtol=0)
    assert np.std(together) > 0.1


def test_it_travels_to_another_process_as_where_its_model_is(bert_folder: Path) -> None:
    reward = reward_function(bert_folder, device="cpu", name="bert", max_length=16)
    sent = pickle.dumps(reward)
    assert len(sent) < 4096
    arrived = pickle.loads(sent)  # noqa: S301 - made on the line before
    assert arrived.__name__ == "bert"
    assert arrived.scorer.info == reward.scorer.info
    assert arrived(*TEXTS) == reward(*TEXTS)


def test_each_process_of_a_launcher_has_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from rmbench.scorers import reward

    asked: list[str] = []

    def create(spec: Any, options: RunOptions) -> Recorder:
        asked.append(options.device)
        return Recorder()

    monkeypatch.setattr(reward, "create_scorer", create)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    reward_function("some/model")
    monkeypatch.setenv("LOCAL_RANK", "5")
    reward_function("some/model")
    reward_function("some/model", device="cpu")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    reward_function("some/model")
    assert asked == ["auto", "cuda:1", "cpu", "auto"]
