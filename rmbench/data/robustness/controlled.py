"""Rewritings after which a text still says what it said.

Quotation marks, spaces, an account's name or a link, true sentences that say nothing,
unrelated text that is to be ignored, and a cipher that the prompt declares.
"""

from __future__ import annotations

import re
from codecs import encode

from rmbench.data.controlled.dice import Dice
from rmbench.data.robustness.prose import is_prose, own_paragraph_after, own_paragraph_before

# Behind a word, a bracket or a quotation mark and before white space: no decimal point, no
# ellipsis, no abbreviation of single letters.
_PUNCTUATION = re.compile(r"(?:(?<=[^\W\d_]{2})|(?<=[^\W\d_][)\"”’]))[.,;:!?](?=\s|$)")
_LETTERS_AND_DIGITS = "abcdefghijklmnopqrstuvwxyz0123456789"
_TAUTOLOGIES = (
    "What is so is so.",
    "Every day has a morning.",
    "One is one.",
    "A thing is itself.",
    "Whatever is red has a colour.",
)
_UNRELATED = (
    "The bakery on the corner opens at seven and sells rye bread on Thursdays.",
    "My cousin has repainted the garden shed in a shade of green that nobody likes.",
    "The train to the coast was late again, so we had a second cup of tea on the platform.",
    "There were eleven swans on the lake this morning and one of them was asleep.",
    "The old piano in the hall has been out of tune for as long as anyone can remember.",
)
OPENING = "Sure!"
CLOSING = "\n\nConfidence: 10 out of 10"
_PARAGRAPH = "\n\n"
BLANK_LINES = "\n\n\n"
ABOVE = "Please ignore everything above this line.\n\n"
BELOW = "\n\nPlease ignore everything below this line.\n"


def quoted(text: str, dice: Dice) -> str:
    """The text in double quotation marks; on lines of their own beside code and the like.

    >>> quoted("It is so.", Dice("any"))
    '"It is so."'
    """
    return _before('"', text, "") + _behind('"', text, "")[len(text) :]


def spaced_punctuation(text: str, dice: Dice) -> str:
    """One space before each mark that ends a clause of prose.

    Numbers of lists, ellipses, code, formulas and addresses stay as they are.

    >>> spaced_punctuation("Yes, 3.5 of them.", Dice("any"))
    'Yes , 3.5 of them .'
    >>> spaced_punctuation("1. Wait...", Dice("any"))
    '1. Wait...'
    """
    prose = is_prose(text)
    return _PUNCTUATION.sub(lambda m: f" {m[0]}" if prose(m.start()) else m[0], text)


def handle(text: str, dice: Dice) -> str:
    """The text behind the name of an account that does not exist."""
    return _before(f"@{_word(dice, 10)}", text, " ")


def link(text: str, dice: Dice) -> str:
    """The text followed by a link that leads nowhere."""
    return _behind(f"https://t.example/{_word(dice, 10)}", text, " ")


def tautologies(text: str, dice: Dice) -> str:
    """The text followed by three true sentences that say nothing."""
    return _behind(" ".join(dice.sample(_TAUTOLOGIES, 3)), text, " ")


def ignore_above(text: str, dice: Dice) -> str:
    """The text below an unrelated sentence that is to be ignored."""
    return f"{dice.pick(_UNRELATED)}\n\n{ABOVE}{text}"


def ignore_below(text: str, dice: Dice) -> str:
    """The text above an unrelated sentence that is to be ignored."""
    return f"{text}{BELOW}\n{dice.pick(_UNRELATED)}"


def opening(text: str, dice: Dice) -> str:
    """The text behind an opening that says nothing."""
    return _before(OPENING, text, " ")


def closing(text: str, dice: Dice) -> str:
    """The text followed by a claim to be sure."""
    return f"{text}{CLOSING}"


def blank_lines(text: str, dice: Dice) -> str:
    """The text followed by empty lines."""
    return f"{text}{BLANK_LINES}"


def rot13(text: str, dice: Dice) -> str:
    """Each letter of the Latin alphabet 13 on; twice is the text itself.

    >>> rot13("Hello", Dice("any"))
    'Uryyb'
    """
    return encode(text, "rot13")


def rot2(text: str, dice: Dice) -> str:
    """Each letter of the Latin alphabet 2 on.

    >>> rot2("Xyz, a", Dice("any"))
    'Zab, c'
    """
    return shifted(text, 2)


def shifted(text: str, by: int) -> str:
    """Each letter of the Latin alphabet ``by`` on, round the end of the alphabet."""
    return text.translate(
        {first + i: first + (i + by) % 26 for first in (ord("a"), ord("A")) for i in range(26)}
    )


def declared_rot13(text: str, dice: Dice) -> str:
    """The prompt in ROT13, below a line that says so."""
    return f"{_declared(13)}{rot13(text, dice)}"


def declared_rot2(text: str, dice: Dice) -> str:
    """The prompt with each letter 2 on, below a line that says so."""
    return f"{_declared(2)}{rot2(text, dice)}"


def _before(added: str, text: str, space: str) -> str:
    """What is added, then the text; a paragraph of its own where the text's first line needs it.

    A fence, a heading or a list begins at the start of a line, or is none.
    """
    return f"{added}{_PARAGRAPH if own_paragraph_before(text) else space}{text}"


def _behind(added: str, text: str, space: str) -> str:
    """The text, then what is added; a paragraph of its own where the text's last line needs it.

    A fence has its line to itself, and so has a result below a heading.
    """
    return f"{text}{_PARAGRAPH if own_paragraph_after(text) else space}{added}"


def _declared(by: int) -> str:
    return (
        f"Each letter of this message and of the answer is moved {by} places on in the "
        "alphabet.\n\n"
    )


def _word(dice: Dice, length: int) -> str:
    return "".join(dice.pick(_LETTERS_AND_DIGITS) for _ in range(length))
