"""Slips of the pen: at most one character in twenty is changed.

Only letters in words of prose are touched. Digits, code and formulas are left alone,
because a slip there can turn a right answer into a wrong one; so are the first and the last
letter of a word, by which readers go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from rmbench.data.controlled.dice import Dice

RATE = 0.05
"""Most characters changed, as a share of the text's."""

# Fenced and inline code, formulas in TeX, addresses.
_NOT_PROSE = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$|\\\(.*?\\\)|\\\[.*?\\\]"
    r"|\\[a-zA-Z]+(?:\{[^{}]*\})*|\S*(?:://|www\.|@)\S*",
    re.DOTALL,
)
_WORD = re.compile(r"(?<![\w\\])[A-Za-z]{4,}(?!\w)")
# Words that can go without a change of sense; no negation, no number, no quantifier.
_LIGHT = re.compile(
    r"(?<=[A-Za-z,] )(?:the|a|an|of|just|really|very|quite|also|then|that|so|well) (?=[a-z])"
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
    places = [i for i in _inner_letters(text) if ord(text[i]) in HOMOGLYPHS]
    return _edited(text, places, dice, lambda letter: letter.translate(HOMOGLYPHS))


def neighbour_swap(text: str, dice: Dice) -> str:
    """Neighbouring letters in words change places; a swap counts as two changes."""
    inner = set(_inner_letters(text))
    places = [i for i in sorted(inner) if i + 1 in inner and text[i] != text[i + 1]]
    letters = list(text)
    for i in _apart(dice, places, edits_allowed(text) // 2):
        letters[i], letters[i + 1] = letters[i + 1], letters[i]
    return "".join(letters)


def substitution(text: str, dice: Dice) -> str:
    """Letters replaced by one that lies beside them on a keyboard."""
    return _edited(text, list(_inner_letters(text)), dice, lambda letter: _slip(letter, dice))


def insertion(text: str, dice: Dice) -> str:
    """Letters typed together with one that lies beside them on a keyboard."""
    places = list(_inner_letters(text))
    return _edited(text, places, dice, lambda letter: letter + _slip(letter, dice))


def deletion(text: str, dice: Dice) -> str:
    """Letters left out."""
    return _edited(text, list(_inner_letters(text)), dice, lambda letter: "")


def word_deletion(text: str, dice: Dice) -> str:
    """Words left out that carry no sense of their own, such as articles.

    The deleted characters are at most one in twenty.
    """
    prose = _prose(text)
    found = [m.span() for m in _LIGHT.finditer(text) if prose(m.start())]
    left, gone = edits_allowed(text), []
    for start, end in dice.sample(found, len(found)):
        if end - start <= left:
            gone.append((start, end))
            left -= end - start
    kept, at = [], 0
    for start, end in sorted(gone):
        kept.append(text[at:start])
        at = end
    return "".join((*kept, text[at:]))


def _edited(text: str, places: list[int], dice: Dice, edit: Callable[[str], str]) -> str:
    """The text with ``edit`` applied to as many of the places as the rate allows."""
    letters = list(text)
    for i in _draw(dice, places, edits_allowed(text)):
        letters[i] = edit(letters[i])
    return "".join(letters)


def _draw(dice: Dice, places: list[int], most: int) -> list[int]:
    """Up to ``most`` of the places, in order."""
    return sorted(dice.sample(places, min(most, len(places))))


def _apart(dice: Dice, places: list[int], most: int) -> list[int]:
    """Up to ``most`` of the places, no two of them side by side."""
    taken: set[int] = set()
    for i in dice.sample(places, len(places)):
        if len(taken) == most:
            break
        if i - 1 not in taken and i + 1 not in taken:
            taken.add(i)
    return sorted(taken)


def _inner_letters(text: str) -> Iterator[int]:
    """Where the letters of words of prose stand that are neither first nor last in theirs."""
    prose = _prose(text)
    for word in _WORD.finditer(text):
        if prose(word.start()):
            yield from range(word.start() + 1, word.end() - 1)


def _prose(text: str) -> Callable[[int], bool]:
    spans = [m.span() for m in _NOT_PROSE.finditer(text)]
    inside = {i for start, end in spans for i in range(start, end)}
    return lambda at: at not in inside


def _slip(letter: str, dice: Dice) -> str:
    near = dice.pick(_NEIGHBOURS[letter.lower()])
    return near.upper() if letter.isupper() else near
