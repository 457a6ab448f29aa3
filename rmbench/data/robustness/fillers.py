"""Articles and fillers that a hurried writer leaves out, where nothing hangs on them.

A word that can go in one place decides the sense in another: "not just", "a few", "the only",
"in the case of". What stands around it tells, and where it is not sure, the word stays.
"""

from __future__ import annotations

import re

from rmbench.data.controlled.dice import Dice
from rmbench.data.robustness.noise import edits_allowed
from rmbench.data.robustness.prose import is_prose

_LIGHT = re.compile(
    r"(?<=[a-z,] )(?P<word>the|a|an|really|very|quite|also) "
    r"(?=(?P<next>[a-z]{2,})(?P<more>(?: [a-z]+)?))"
)
_BEFORE = re.compile(r"[\w'’-]+")
_REACH = 40
"""Characters looked back over for a word that the sense of the deleted one hangs on."""

_NEGATION = re.compile(
    r"(?:\b(?:not|never|no|none|nor|neither|nobody|nothing|hardly|barely|scarcely|rarely|seldom"
    r"|cannot|without|than|instead|rather|only|beyond|unless|but|except|if|whether)|n['’]t)\b",
    re.IGNORECASE,
)
# With and without an article these count, rank or compare differently.
_COUNTS = frozenset(
    "few fewer little lot lots couple number bit hundred hundreds thousand thousands million "
    "millions billion dozen dozens score handful great good fair large small big huge single "
    "majority minority fraction part portion pair half third quarter fifth second first last "
    "next least less lesser more most better best worse worst only other others same one two "
    "three four five six seven eight nine ten once twice minimum maximum multitude variety range "
    "plethora myriad ton tonne touch tad deal many much some any all whole entire moment minute "
    "hour day night week weekend month year decade century".split()
)
# With an article these are nouns, without one something else: "a while", "the well", "in case".
_OTHER_WITHOUT = frozenset(
    "while well like kind sort way case charge possession place question event face fact course "
    "end time rule must will can may might might even just still long short then now that this "
    "so too very quite really also being human fine mean close present past rich poor dead sick "
    "old young elderly late right blind deaf living public people police men women children former "
    "latter be is are was were have has had do does did and or of in on at to for from with by "
    "as it he she they we you i".split()
)
_PER = re.compile(r"^(?:once|twice|times?|per|such|what|many|half|all|both|as|of|is|are)$")
_ARTICLES = frozenset(("the", "a", "an"))


def word_deletion(text: str, dice: Dice) -> str:
    """Words left out that carry no sense of their own where they stand, such as articles.

    The deleted characters are at most one in twenty.

    >>> text = "A few of the pages are torn. All of them lay in the red book on my desk, I hope."
    >>> word_deletion(text, Dice("any"))
    'A few of the pages are torn. All of them lay in red book on my desk, I hope.'
    """
    prose = is_prose(text)
    found = [m.span("word") for m in _LIGHT.finditer(text) if prose(m.start()) and _can_go(text, m)]
    left, gone = edits_allowed(text), []
    for start, end in dice.sample(found, len(found)):
        # The space behind the word goes with it.
        if end + 1 - start <= left:
            gone.append((start, end + 1))
            left -= end + 1 - start
    kept, at = [], 0
    for start, end in sorted(gone):
        kept.append(text[at:start])
        at = end
    return "".join((*kept, text[at:]))


def _can_go(text: str, found: re.Match[str]) -> bool:
    word, following = found["word"], found["next"]
    before = text[max(0, found.start() - _REACH) : found.start()]
    sentence = re.split(r"[.!?;:\n]", before)[-1]
    if _NEGATION.search(sentence) or following in _COUNTS or following in _OTHER_WITHOUT:
        return False
    near = _BEFORE.findall(sentence)[-2:]
    if word not in _ARTICLES:
        return near[-1:] != ["the"] and following not in _ARTICLES
    if any(w[0].isdigit() or w in _COUNTS for w in near) or _PER.search("".join(near[-1:])):
        return False
    # "The dogs" are those at hand, "dogs" are all.
    return not any(_plural(w) for w in (following, *found["more"].split()))


def _plural(word: str) -> bool:
    return word.endswith("s") and not word.endswith(("ss", "us", "is"))
