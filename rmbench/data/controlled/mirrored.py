"""The unit that controlled preferences are made of: two prompts that swap answers.

Each of two prompts is asked once; the right answer to the first is the wrong
answer to the second and the other way round. Whatever can be read off an answer
without its prompt (length, markdown, tone, any word in it) therefore favours the
better side in one of the two comparisons and the worse side in the other: every
scorer that does not read the prompt gets exactly half of them right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from string import Formatter
from typing import Literal, NamedTuple

from rmbench.data.controlled.dice import Dice

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")


class Question(NamedTuple):
    """A prompt and its right answer.

    Attributes:
        prompt: What the user asks.
        answer: The sentences of the right answer, before any style is put on them.
        prompt_template: The text the prompt was filled into.
        answer_template: The text the answer was filled into.
    """

    prompt: str
    answer: tuple[str, ...]
    prompt_template: str
    answer_template: str


class MirroredPair(NamedTuple):
    """Two questions; the right answer to either is wrong for the other."""

    first: Question
    second: Question


@dataclass(frozen=True)
class Holdout:
    """What one split of a family is made of, for checking that splits share nothing.

    Attributes:
        templates: Sentences with slots, and fixed sentences.
        vocabulary: What goes into the slots: names, places, objects, numbers.
    """

    templates: frozenset[str]
    vocabulary: frozenset[str]


@dataclass(frozen=True)
class Family:
    """One kind of controlled preference, reported as a subset of its own.

    Attributes:
        name: Subset name.
        summary: What makes the better answer better, in one line.
        voice: Which stock phrases fit the answers; ``None`` where the answer's form is
            what is asked for, so that no style may be added.
        draw: Makes one mirrored pair of a split.
        holdout: Templates and vocabulary of a split.
    """

    name: str
    summary: str
    voice: Literal["answer", "message", "decision"] | None
    draw: Callable[[Split, Dice], MirroredPair]
    holdout: Callable[[Split], Holdout]


def slots_of(template: str) -> tuple[str, ...]:
    """The names of a template's slots, in order.

    >>> slots_of("{name} meets you in {city}.")
    ('name', 'city')
    """
    return tuple(name for _, name, _, _ in Formatter().parse(template) if name)


def capitalised(text: str) -> str:
    """``text`` with its first letter made a capital, the rest as it is.

    >>> capitalised("the McKay house")
    'The McKay house'
    """
    return text[:1].upper() + text[1:]


def sentence_case(text: str) -> str:
    """``text`` with a capital at its start and after each full stop or question mark.

    >>> sentence_case("when? at noon, says Ida. why?")
    'When? At noon, says Ida. Why?'
    """
    words = []
    starts = True
    for word in text.split(" "):
        words.append(capitalised(word) if starts else word)
        starts = word.endswith((".", "?"))
    return " ".join(words)
