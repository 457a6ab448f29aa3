"""A scorer as the reward of a trainer that learns from it: TRL's GRPO, RLOO and their kin."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from rmbench.errors import DataError, ScorerError, UsageError, shorten
from rmbench.scorers.spec import RunOptions, create_scorer, parse_scorer
from rmbench.spec import ScorerSpec
from rmbench.types import ROLES, Conversation, Message, Role, Scorer

Turns = str | Sequence[Mapping[str, Any]]
"""A text, or a list of messages with ``role`` and ``content``."""


class RewardFunction:
    """Rewards of completions, in the form in which TRL's trainers ask for them.

    ``reward(prompts, completions, **columns)`` gives one float for each completion. Every
    completion is encoded by itself, exactly as ``rmbench score`` encodes a row of that prompt
    and response (chat template or text pair, the same truncation), so its reward is the one
    that ``rmbench score`` writes, whatever else is in the batch.

    Args:
        scorer: What gives the rewards.
        name: How the trainer's logs call it; its last part, where there are slashes.

    Attributes:
        scorer: As above.
        scored: Completions that were given a reward so far.
        truncated: How many of these did not fit and lost tokens.
    """

    def __init__(self, scorer: Scorer, *, name: str | None = None) -> None:
        self.scorer = scorer
        self.scored = 0
        self.truncated = 0
        # What TRL's logs are named by; slashes part the names of metrics.
        self.__name__ = (name or str(scorer.info.name)).rstrip("/").rpartition("/")[2]
        self._recipe: _Recipe | None = None

    def __call__(
        self, prompts: Sequence[Turns], completions: Sequence[Turns], **columns: Any
    ) -> list[float]:
        """Rewards, in the order of the completions.

        Args:
            prompts: One for each completion: a text, read as a single user turn, or messages.
            completions: The answers: texts, or messages that end in the assistant's turn. A
                completion may be empty. Keys of a message other than its role and content,
                such as a reasoning that the policy's tokenizer has parted off, are not read.
            **columns: What else a trainer hands over. Only ``log_metric`` is used, TRL's way
                to log a number: the share of truncated completions.

        Raises:
            DataError: If a prompt or a completion cannot be read; it says which.
            ScorerError: If the scorer fails, or gives a reward that is no finite number: a
                trainer would take it for "not applicable" and learn on without it.
        """
        if len(prompts) != len(completions):
            raise DataError(f"{len(prompts)} prompts for {len(completions)} completions")
        asked = [
            _conversation(prompt, completion, at)
            for at, (prompt, completion) in enumerate(zip(prompts, completions, strict=True))
        ]
        if not asked:
            return []
        batch = self.scorer.score(asked)
        broken = np.flatnonzero(~np.isfinite(batch.reward))
        if broken.size:
            first = int(broken[0])
            raise ScorerError(
                f"{self.__name__}: {broken.size} of {len(asked)} rewards are not finite; "
                f"completion {first + 1} got {batch.reward[first]}: {asked[first].response!r:.80}"
            )
        truncated = int(batch.truncated.sum())
        self.scored += len(asked)
        self.truncated += truncated
        log_metric = columns.get("log_metric")
        if callable(log_metric):
            log_metric(f"rewards/{self.__name__}/truncated", truncated / len(asked))
        return [float(reward) for reward in batch.reward]

    def __repr__(self) -> str:
        return f"<RewardFunction {self.__name__}: {self.scorer.info.spec}>"

    def __reduce__(self) -> str | tuple[Any, ...]:
        # Trainers that generate in a process of their own pickle their reward functions; a
        # model travels as where it is, and is loaded again there.
        if self._recipe is None:
            return super().__reduce__()
        return _Recipe.make, (self._recipe,)


@dataclass(frozen=True)
class _Recipe:
    """How a reward function was made, and can be made again in another process."""

    spec: ScorerSpec
    run: dict[str, Any]
    name: str | None

    def make(self) -> RewardFunction:
        device = _device_of_this_process(self.run["device"])
        options = RunOptions(**self.run | {"device": device}, progress=False)
        function = RewardFunction(create_scorer(self.spec, options), name=self.name)
        function._recipe = self
        return function


def reward_function(
    scorer: str | Path | Scorer,
    *,
    name: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    attention: str = "auto",
    batch_tokens: int | None = None,
    **options: Any,
) -> RewardFunction:
    """Make a scorer the reward of a TRL trainer: ``GRPOTrainer(reward_funcs=...)``.

    TRL takes a reward model's folder, too, and then encodes prompt and completion itself: as
    one text without special tokens. That is what a decoder with a chat template reads when the
    prompts are lists of messages, and neither what an encoder trained on text pairs reads, nor
    what a decoder with a template reads of plain texts. This function encodes as the model was
    trained and measured.

    Args:
        scorer: A SCORER as on the command line (a model folder, a Hub id, ``length:``, ...),
            or a scorer that was made before.
        name: How the trainer's logs call it; by default as rmbench does.
        device: ``auto`` is CUDA where there is one, under a distributed launcher that of the
            process; otherwise the CPU.
        dtype: ``auto`` is float32 on the CPU and the checkpoint's own on CUDA.
        attention: Path through the engine.
        batch_tokens: Most tokens computed in a batch.
        **options: Fields of ``ScorerSpec``: ``max_length``, ``head``, ``chat_template``,
            ``system_prompt``, ``revision``, ...

    Raises:
        UsageError: If the scorer cannot be loaded as asked, is given with options it cannot
            take, or is ``replay:``, which knows no completion that is yet to be written.
        ScorerError: If the model cannot be loaded.

    >>> reward = reward_function("length:")
    >>> reward(prompts=["Hi", "Hi"], completions=["Hello", "Hello there"])
    [5.0, 11.0]
    >>> reward.__name__
    'length'
    """
    run: dict[str, Any] = {
        "device": device, "dtype": dtype, "attention": attention, "batch_tokens": batch_tokens,
    }  # fmt: skip
    if not isinstance(scorer, str | Path):
        if options or RunOptions(**run) != RunOptions():
            raise UsageError("a scorer that is made already takes no options but name")
        return RewardFunction(scorer, name=name)
    unknown = sorted(set(options) - (set(ScorerSpec.model_fields) - {"kind", "target", "name"}))
    if unknown:
        raise UsageError(f"a scorer has no option {shorten(unknown)}")
    spec = parse_scorer(str(scorer), options)
    if spec.kind == "replay":
        raise UsageError("'replay:' holds rewards of answers that are there; it gives no new ones")
    return _Recipe(spec, run, name).make()


def _device_of_this_process(device: str) -> str:
    """The GPU that a launcher meant for this process, where it has said so.

    Reward functions are often made before the trainer has chosen the device; without this the
    models of all processes would meet on the first one.
    """
    rank = os.environ.get("LOCAL_RANK", "")
    if device != "auto" or not rank.isdecimal():
        return device
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return f"cuda:{int(rank) % gpus}" if gpus else device


def _conversation(prompt: Turns, completion: Turns, at: int) -> Conversation:
    turns = (
        (Message("user", prompt),)
        if isinstance(prompt, str)
        else tuple(_message(turn, at, "prompts") for turn in prompt)
    )
    if isinstance(completion, str):
        return Conversation(turns, completion, str(at), 0)
    # Several turns where the policy has called tools; what they said is context.
    said = tuple(_message(turn, at, "completions") for turn in completion)
    if not said or said[-1].role != "assistant":
        raise DataError(
            "the completion does not end with an assistant turn", row=at + 1, field="completions"
        )
    return Conversation((*turns, *said[:-1]), said[-1].content, str(at), 0)


def _message(turn: Any, at: int, field: str) -> Message:
    def fail(reason: str, hint: str | None = None) -> DataError:
        return DataError(reason, row=at + 1, field=field, hint=hint)

    if not isinstance(turn, Mapping):
        raise fail("a turn is not a message", "give texts, or lists of {role, content}")
    role, content = turn.get("role"), turn.get("content")
    if role not in ROLES:
        raise fail(f"unknown role {role!r}", f"known roles: {', '.join(ROLES)}")
    if turn.get("tool_calls"):
        raise fail("a message calls tools", "reward models read what is written in content")
    if isinstance(content, Sequence) and not isinstance(content, str):
        # Processors of policies that see images wrap every text into blocks.
        content = "".join(_text_of_block(block, fail) for block in content)
    if not isinstance(content, str):
        raise fail("a message has no text")
    return Message(cast("Role", role), content)


def _text_of_block(block: Any, fail: Callable[..., DataError]) -> str:
    text = block.get("text") if isinstance(block, Mapping) else None
    if not isinstance(text, str):
        raise fail("a message holds something other than text")
    return text
