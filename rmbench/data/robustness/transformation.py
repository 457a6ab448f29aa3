"""What a transformation is, and how it is applied to an example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from rmbench.data.controlled.dice import Dice
from rmbench.types import Message, PreferenceExample

Family = Literal["controlled", "noise", "code", "math", "safety"]

Rewrite = Callable[[str, Dice], str | None]
"""From a text to its rewriting, the same one for the same draws; ``None`` where it does not fit."""


@dataclass(frozen=True)
class Transformation:
    """One way to rewrite an example that keeps which answer is better.

    Attributes:
        name: Name of its subset.
        family: What it is a kind of.
        summary: What it does, in one line.
        keeps: What it preserves, in one line; its test asserts that.
        prompt: Rewrites the last turn of the user; ``None`` leaves the prompt alone.
        response: Rewrites every answer; ``None`` leaves the answers alone.
    """

    name: str
    family: Family
    summary: str
    keeps: str
    prompt: Rewrite | None = None
    response: Rewrite | None = None

    def apply(self, example: PreferenceExample, seed: int) -> PreferenceExample | None:
        """The rewritten example, with the id ``<name>/<id>`` and the name as its subset.

        All answers get the same draws, so equal answers stay equal. Draws depend on the
        seed, the transformation and the example's id alone, so that an example comes out
        the same whatever else is in its set.

        Returns:
            ``None`` where the transformation does not fit the prompt or any one of the
            answers, or would change nothing.
        """
        key = f"robustness/{seed}/{self.name}/{example.id}"
        turns = example.prompt
        if self.prompt is not None:
            changed = _rewritten_turn(turns, self.prompt, Dice(f"{key}/prompt"))
            if changed is None:
                return None
            turns = changed
        answers = example.responses
        if self.response is not None:
            rewritten = [self.response(answer, Dice(f"{key}/response")) for answer in answers]
            fitting = tuple(answer for answer in rewritten if answer is not None)
            if len(fitting) != len(answers):
                return None
            answers = fitting
        if (turns, answers) == (example.prompt, example.responses):
            return None
        split = len(example.chosen)
        return replace(
            example,
            id=f"{self.name}/{example.id}",
            prompt=turns,
            chosen=answers[:split],
            rejected=answers[split:],
            subset=self.name,
        )


def _rewritten_turn(
    turns: tuple[Message, ...], rewrite: Rewrite, dice: Dice
) -> tuple[Message, ...] | None:
    """The prompt with the user's last turn rewritten; ``None`` if that cannot be."""
    at = max((i for i, turn in enumerate(turns) if turn.role == "user"), default=None)
    if at is None:
        return None
    text = rewrite(turns[at].content, dice)
    return None if text is None else (*turns[:at], Message("user", text), *turns[at + 1 :])
