"""Slips of the pen: at most one character in twenty is changed.

Only letters in words of prose are touched. Digits, code, formulas and names are left alone,
because a slip there can turn a right answer into a wrong one; so are the first and the last
letter of a word, by which readers go. A word gets one slip at most, and none where one slip
would make another word of it ("angels", "angles"): a slip is to be seen to be one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources

from rmbench.data.controlled.dice import Dice
from rmbench.data.robustness.prose import is_prose

RATE = 0.05
"""Most characters changed, as a share of the text's."""

_LETTERS = re.compile(r"(?<![\w\\./:@=#])[A-Za-z]{4,}(?![\w/@=]|[.:]\w)")
# A word by itself: no part of a name, of a compound or of a contraction. Short words are too
# near to one another.
_WORD = re.compile(r"(?<!\S)[\"'(*_“‘]*(?P<word>[a-z]{6,})(?=[.,;:!?\"')*_”’]*(?:\s|\Z))")
_NUMBERS_AND_NEGATIONS = frozenset(
    "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty "
    "eighty ninety hundred hundreds thousand thousands million millions billion billions "
    "trillion second fourth seventh eighth double triple quarter neither nothing nobody nowhere "
    "without cannot hardly barely rarely seldom scarcely unless except".split()
)
_NEIGHBOURS = dict(
    zip(
        "qwertyuiopasdfghjklzxcvbnm",
        (
            "wa qes wrd etf ryg tuh yij uok ipl ol "
            "qsz awd sef drg fth gyj huk jil kop "
            "asx zdc xfv cgb vhn bjm nk"
        ).split(),
        strict=True,
    )
)
HOMOGLYPHS = str.maketrans("aceiopxyACEHIKMOPTX", "асеіорхуАСЕНІКМОРТХ")


def edits_allowed(text: str) -> int:
    """Characters of the text that may be changed: one in twenty, rounded down."""
    return int(len(text) * RATE)


def homoglyphs(text: str, dice: Dice) -> str:
    """Latin letters replaced by Cyrillic ones that look the same."""
    prose = is_prose(text)
    places = [
        i
        for word in _LETTERS.finditer(text)
        if prose(word.start())
        for i in range(word.start() + 1, word.end() - 1)
        if ord(text[i]) in HOMOGLYPHS
    ]
    letters = list(text)
    for i in dice.sample(places, min(edits_allowed(text), len(places))):
        letters[i] = letters[i].translate(HOMOGLYPHS)
    return "".join(letters)


def neighbour_swap(text: str, dice: Dice) -> str:
    """Two neighbouring letters of a word change places; a swap counts as two changes."""

    def swap(word: str) -> str | None:
        places = [i for i in range(1, len(word) - 2) if word[i] != word[i + 1]]
        if not places:
            return None
        i = dice.pick(places)
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]

    return _slipped(text, dice, edits_allowed(text) // 2, swap)


def substitution(text: str, dice: Dice) -> str:
    """A letter of a word replaced by one that lies beside it on a keyboard."""
    return _edited(text, dice, lambda letter: _beside(letter, dice))


def insertion(text: str, dice: Dice) -> str:
    """A letter of a word typed together with one that lies beside it on a keyboard."""
    return _edited(text, dice, lambda letter: letter + _beside(letter, dice))


def deletion(text: str, dice: Dice) -> str:
    """A letter of a word left out."""
    return _edited(text, dice, lambda letter: "")


@cache
def lookalikes() -> frozenset[str]:
    """Words of six letters and more that one slip turns into another word.

    Of the words common in the answers of public preference sets.
    """
    file = resources.files("rmbench.data.robustness") / "lookalikes.txt"
    return frozenset(file.read_text(encoding="utf-8").split())


def _edited(text: str, dice: Dice, edit: Callable[[str], str]) -> str:
    """The text with ``edit`` applied to one inner letter of as many words as the rate allows."""

    def slip(word: str) -> str:
        i = 1 + dice.below(len(word) - 2)
        return word[:i] + edit(word[i]) + word[i + 1 :]

    return _slipped(text, dice, edits_allowed(text), slip)


def _slipped(text: str, dice: Dice, most: int, slip: Callable[[str], str | None]) -> str:
    """The text with a slip in up to ``most`` of its words, each drawn alike."""
    words = list(_words(text))
    drawn = sorted(dice.sample(words, min(most, len(words))))
    kept: list[str] = []
    at = 0
    for start, end in drawn:
        word = text[start:end]
        kept += (text[at:start], slip(word) or word)
        at = end
    return "".join((*kept, text[at:]))


def _words(text: str) -> Iterator[tuple[int, int]]:
    """Where the words stand that a slip leaves recognisable."""
    prose, spared = is_prose(text), lookalikes() | _NUMBERS_AND_NEGATIONS
    for found in _WORD.finditer(text):
        if found["word"] not in spared and prose(found.start("word")):
            yield found.span("word")


def _beside(letter: str, dice: Dice) -> str:
    return dice.pick(_NEIGHBOURS[letter])
