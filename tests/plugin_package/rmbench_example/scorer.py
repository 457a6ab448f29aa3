"""``prompt-overlap:N``: how much of its last question an answer takes up."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from rmbench.errors import UsageError
from rmbench.result import ScorerInfo
from rmbench.scorers.spec import RunOptions, unsupported_options
from rmbench.spec import ScorerSpec
from rmbench.types import Conversation, ScoredBatch

_WORD = re.compile(r"\w+")


class PromptOverlap:
    """The reward is the share of the question's words, of N letters or more, in the answer."""

    def __init__(self, min_letters: int, name: str | None = None) -> None:
        self._min_letters = min_letters
        self._info = ScorerInfo(
            # What makes this scorer again: results of another N stand in another folder.
            spec=f"prompt-overlap:{min_letters}",
            kind="prompt-overlap",
            name=name or "prompt-overlap",
            margins_are_logits=False,  # shares rank answers and claim no probability
        )

    @property
    def info(self) -> ScorerInfo:
        """What this scorer is, for the record."""
        return self._info

    def score(self, conversations: Sequence[Conversation]) -> ScoredBatch:
        """One reward per conversation, in input order; nothing is tokenised or cut off."""
        n = len(conversations)
        rewards = np.array([self._share(c) for c in conversations], np.float64)
        return ScoredBatch(rewards, np.zeros(n, np.int64), np.zeros(n, np.bool_))

    def _share(self, conversation: Conversation) -> float:
        asked = self._words(conversation.prompt[-1].content)
        return len(asked & self._words(conversation.response)) / max(len(asked), 1)

    def _words(self, text: str) -> set[str]:
        return {w for w in _WORD.findall(text.lower()) if len(w) >= self._min_letters}


def create(spec: ScorerSpec, options: RunOptions) -> PromptOverlap:
    """Make the scorer of ``prompt-overlap:N``; without N, words of one letter count, too."""
    unsupported_options(spec, set())
    try:
        letters = int(spec.target or 1)
    except ValueError:
        raise UsageError(
            f"'prompt-overlap:' takes a number of letters, got {spec.target!r}"
        ) from None
    return PromptOverlap(letters, spec.name)
