"""Content-blind baselines: what a benchmark gives away for nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from rmbench.errors import UsageError
from rmbench.metrics.markdown import markdown_counts
from rmbench.result import ScorerInfo
from rmbench.scorers.phrases import first_person_share, refuses
from rmbench.scorers.spec import RunOptions, unsupported_options
from rmbench.spec import ScorerSpec
from rmbench.types import Conversation, ScoredBatch


class HeuristicScorer:
    """A reward that is a function of the text alone, without a model.

    Its rewards rank and no more, so margins are not logits.
    """

    def __init__(
        self,
        kind: str,
        reward: Callable[[Conversation], float],
        name: str | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        self._reward = reward
        self._info = ScorerInfo(
            spec=f"{kind}:",
            kind=kind,
            name=name or kind,
            margins_are_logits=False,
            content_blind=True,
            options=options or {},
        )

    @property
    def info(self) -> ScorerInfo:
        """What this scorer is, for the record."""
        return self._info

    def score(self, conversations: Sequence[Conversation]) -> ScoredBatch:
        """One reward per conversation; nothing is tokenised, nothing is cut off."""
        n = len(conversations)
        return ScoredBatch(
            np.fromiter((self._reward(c) for c in conversations), np.float64, count=n),
            np.zeros(n, np.int64),
            np.zeros(n, np.bool_),
        )


def create_length(spec: ScorerSpec, options: RunOptions) -> HeuristicScorer:
    """``length:`` the reward is the response's length in characters: longer wins."""
    _bare(spec)
    return HeuristicScorer("length", lambda c: float(len(c.response)), spec.name)


def create_shorter(spec: ScorerSpec, options: RunOptions) -> HeuristicScorer:
    """``shorter:`` the reward is minus the response's length in characters."""
    _bare(spec)
    return HeuristicScorer("shorter", lambda c: -float(len(c.response)), spec.name)


def create_markdown(spec: ScorerSpec, options: RunOptions) -> HeuristicScorer:
    """``markdown:`` the reward is the number of headers, list items and bold spans."""
    _bare(spec)
    return HeuristicScorer("markdown", lambda c: float(sum(markdown_counts(c.response))), spec.name)


def create_first_person(spec: ScorerSpec, options: RunOptions) -> HeuristicScorer:
    """``first-person:`` the reward is the share of words such as I, my, we."""
    _bare(spec)
    return HeuristicScorer("first-person", lambda c: first_person_share(c.response), spec.name)


def create_refusal(spec: ScorerSpec, options: RunOptions) -> HeuristicScorer:
    """``refusal:`` the reward is 1 where an answer opens like a refusal, otherwise 0."""
    _bare(spec)
    return HeuristicScorer("refusal", lambda c: float(refuses(c.response)), spec.name)


def create_random(spec: ScorerSpec, options: RunOptions) -> HeuristicScorer:
    """``random:`` a seeded hash of prompt and response, uniform in [0, 1).

    The same text always gets the same reward, whatever else is scored with it.
    """
    unsupported_options(spec, {"seed"})
    if spec.target:
        raise UsageError(f"'random:' takes no target, got {spec.target!r}; the seed is --seed")
    seed = spec.seed if spec.seed is not None else options.seed
    return HeuristicScorer("random", lambda c: _hash(c, seed), spec.name, {"seed": seed})


def _bare(spec: ScorerSpec) -> None:
    unsupported_options(spec, set())
    if spec.target:
        raise UsageError(f"'{spec.kind}:' takes no target, got {spec.target!r}")


def _hash(conversation: Conversation, seed: int) -> float:
    digest = blake2b(str(seed).encode(), digest_size=8)
    for turn in conversation.prompt:
        digest.update(f"\x00{turn.role}\x01{turn.content}".encode("utf-8", "surrogatepass"))
    digest.update(f"\x02{conversation.response}".encode("utf-8", "surrogatepass"))
    # 53 bits fill a float64's mantissa, so the value is uniform and below 1.
    return (int.from_bytes(digest.digest(), "big") >> 11) / 2.0**53
