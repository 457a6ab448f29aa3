"""Keeping to a stated condition against breaking it."""

from __future__ import annotations

from rmbench.data.controlled.dice import Dice
from rmbench.data.controlled.families.constraint_bank import BANKS
from rmbench.data.controlled.mirrored import (
    Family,
    Holdout,
    MirroredPair,
    Question,
    Split,
    capitalised,
)
from rmbench.data.controlled.words import WORDS


def draw(split: Split, dice: Dice) -> MirroredPair:
    """The same wish under two conditions; each answer keeps to one and breaks the other."""
    bank, words = BANKS[split], WORDS[split]
    choice = dice.pick(bank.choices)
    prompt_template = dice.pick(bank.prompts)
    values = {
        "name": dice.pick(words.names),
        "city": dice.pick(words.cities),
        "day": dice.pick(words.days),
    }
    questions = []
    for condition in (choice.first, choice.second):
        answer_template = dice.pick(bank.answers)
        option = dice.pick(condition.options)
        prompt = prompt_template.format(
            wish=choice.wish, condition=dice.pick(condition.statements), **values
        )
        answer = answer_template.format(option=option, Option=capitalised(option))
        questions.append(Question(prompt, (answer,), prompt_template, answer_template))
    return MirroredPair(*questions)


def holdout(split: Split) -> Holdout:
    """What a split's wishes and options are made of."""
    bank, words = BANKS[split], WORDS[split]
    conditions = [c for choice in bank.choices for c in (choice.first, choice.second)]
    return Holdout(
        templates=frozenset(bank.prompts + bank.answers),
        vocabulary=frozenset(choice.wish for choice in bank.choices)
        | frozenset(text for c in conditions for text in c.statements + c.options)
        | frozenset(words.names)
        | frozenset(words.cities)
        | frozenset(words.days),
    )


FAMILY = Family("constraint", "a stated condition kept or broken", "answer", draw, holdout)
