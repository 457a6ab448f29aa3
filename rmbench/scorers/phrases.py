"""Words that give an answer's manner away without saying whether it is right."""

from __future__ import annotations

import re

OPENING_CHARS = 200
"""How far into an answer a refusal is looked for: one that refuses says so at once."""

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_FIRST_PERSON = frozenset(
    "i i'm i've i'd i'll me my mine myself we we're we've we'd we'll us our ours ourselves".split()
)
_NOT_ABLE = r"(?:can't|cannot|can not|couldn't|could not|won't|will not|wouldn't|am not going to)"
_HELP = (
    r"(?:help|assist|answer|provide|give|support|engage|comply|fulfil|fulfill|do that|participate|"
    r"condone|advise|recommend|encourage|discuss|create|write|generate|share|continue|offer|say|be|"
    r"process)"
)
_REFUSAL = re.compile(
    rf"\bi(?:'m| am) sorry,?\s+(?:but|that|i\b|however)"
    rf"|\bi(?:'m| am) (?:really |so |very )?sorry\b[^.]*\bi\b[^.]*\bnot\b"
    rf"|\bi apologi[sz]e,?\s+(?:but|for not|that)"
    rf"|\bi (?:simply |really |just |absolutely |personally )?{_NOT_ABLE}(?: \w+){{0,3}}? {_HELP}\b"
    rf"|\bi(?:'m| am) (?:not able|unable|not comfortable|not willing|not allowed|not permitted)\b"
    rf"|\bi (?:must|have to|will have to|respectfully|politely) (?:decline|refuse)\b"
    rf"|\bi (?:don't|do not) (?:feel comfortable|think (?:it|that) (?:is|would be) (?:a good idea|"
    rf"appropriate))"
    rf"|\b(?:it|that|this) (?:is|would be) (?:not appropriate|inappropriate|unethical|illegal)\b"
    rf"|\b(?:not|isn't) something (?:that )?i(?:'m| am| can)\b"
    rf"|\b(?:beyond|outside)(?: of)?(?: the scope of)? (?:my|what i)\b"
    rf"|\bi(?:'m| am) (?:programmed|designed) (?:not )?to\b"
    rf"|\bas an ai\b|\bas a (?:large )?language model\b"
    rf"|^(?:sorry|unfortunately|no),?\s+(?:but )?i\b",
)


def _plain(text: str) -> str:
    return text.lower().replace("\u2019", "'").replace("\u2018", "'")


def first_person_share(text: str) -> float:
    """Share of an answer's words that speak of its writer (I, my, we, ...); in [0, 1].

    >>> first_person_share("I think my answer is right")
    0.3333333333333333
    """
    words = _WORD.findall(_plain(text))
    return sum(word in _FIRST_PERSON for word in words) / len(words) if words else 0.0


def refuses(text: str) -> bool:
    """Whether an answer opens like a refusal, by phrases alone (English).

    >>> refuses("I'm sorry, but I can't help with that."), refuses("Sure! First, boil water.")
    (True, False)
    """
    return _REFUSAL.search(_plain(text[:OPENING_CHARS]).strip()) is not None
