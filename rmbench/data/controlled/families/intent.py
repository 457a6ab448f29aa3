"""A message that says what the user wants said against one that says the opposite."""

from __future__ import annotations

from rmbench.data.controlled.dice import Dice
from rmbench.data.controlled.families.intent_bank import BANKS
from rmbench.data.controlled.mirrored import (
    Family,
    Holdout,
    MirroredPair,
    Question,
    Split,
    sentence_case,
)
from rmbench.data.controlled.words import WORDS


def draw(split: Split, dice: Dice) -> MirroredPair:
    """The same frame with two opposite purposes."""
    bank, words = BANKS[split], WORDS[split]
    frame = dice.pick(bank.frames)
    values = {
        "name": dice.pick(words.names),
        "day": dice.pick(words.days),
        "thing": dice.pick(bank.things),
    }
    questions = []
    for purpose in dice.pick(bank.opposites):
        request, message = dice.pick(purpose.requests), dice.pick(purpose.messages)
        template = sentence_case(frame.replace("{request}", request))
        questions.append(
            Question(template.format(**values), (message.format(**values),), template, message)
        )
    return MirroredPair(*questions)


def holdout(split: Split) -> Holdout:
    """What a split's requests and messages are made of."""
    bank, words = BANKS[split], WORDS[split]
    purposes = [p for opposites in bank.opposites for p in opposites]
    return Holdout(
        templates=frozenset(
            [*bank.frames, *(text for p in purposes for text in p.requests + p.messages)]
        ),
        vocabulary=frozenset(bank.things) | frozenset(words.names) | frozenset(words.days),
    )


FAMILY = Family("intent", "the intended message against its opposite", "message", draw, holdout)
