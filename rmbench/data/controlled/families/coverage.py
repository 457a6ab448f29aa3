"""Answering every part of a question against answering one part and something else."""

from __future__ import annotations

from rmbench.data.controlled.dice import Dice
from rmbench.data.controlled.families.coverage_bank import BANKS
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
    """Two prompts that share one part and differ in the other."""
    bank, words = BANKS[split], WORDS[split]
    situation = dice.pick(bank.situations)
    intro_template = dice.pick(situation.introductions)
    intro = intro_template.format(
        name=dice.pick(words.names),
        city=dice.pick(words.cities),
        month=dice.pick(words.months),
        day=dice.pick(words.days),
    )
    frame = dice.pick(bank.questions)
    shared, *others = dice.sample(list(situation.parts), 3)
    questions = []
    for other in others:
        parts = [shared, other]
        if dice.chance(50):
            parts.reverse()
        prompt = frame.format(intro=intro, first=parts[0], second=parts[1])
        sentences = dice.sample([dice.pick(situation.parts[p]) for p in parts], 2)
        template = frame.replace("{intro}", intro_template)
        questions.append(Question(sentence_case(prompt), sentences, template, " ".join(sentences)))
    return MirroredPair(*questions)


def holdout(split: Split) -> Holdout:
    """What a split's questions and answers are made of."""
    bank, words = BANKS[split], WORDS[split]
    return Holdout(
        templates=frozenset(
            [
                *bank.questions,
                *(i for s in bank.situations for i in s.introductions),
                *(a for s in bank.situations for answers in s.parts.values() for a in answers),
            ]
        ),
        vocabulary=frozenset(p for s in bank.situations for p in s.parts)
        | frozenset(words.names)
        | frozenset(words.cities)
        | frozenset(words.months)
        | frozenset(words.days),
    )


FAMILY = Family("coverage", "both parts answered against one part only", "answer", draw, holdout)
