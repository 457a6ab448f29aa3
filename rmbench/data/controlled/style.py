"""How an answer is dressed: opening, closing, tone and markdown, never its content.

A style is drawn for each answer without looking at which side it will stand on;
that better and worse answers wear each style equally often comes from mirroring.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from rmbench.data.controlled.dice import Dice
from rmbench.data.controlled.mirrored import Split

Voice = Literal["answer", "message", "decision"]
Tone = Literal["plain", "confident", "hedged"]
Markdown = Literal["none", "bold", "bullets", "heading"]

_MARKUP = re.compile(r"(^|\n)#{1,6} |(^|\n)[-*] |(^|\n)\d+\. |\*\*\S|`")


@dataclass(frozen=True)
class Phrases:
    """Stock sentences of one voice in one split.

    Attributes:
        plain: Openings that say nothing.
        confident: Openings that sound sure.
        hedged: Openings that sound unsure.
        closings: Last sentences that say nothing.
        headings: Headings that say nothing.
    """

    plain: tuple[str, ...]
    confident: tuple[str, ...]
    hedged: tuple[str, ...]
    closings: tuple[str, ...]
    headings: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Every phrase."""
        return self.plain + self.confident + self.hedged + self.closings + self.headings


@dataclass(frozen=True)
class Style:
    """What is put around an answer's sentences.

    ``opening`` and ``closing`` may be empty; ``heading`` is used by that markdown only.
    """

    tone: Tone = "plain"
    opening: str = ""
    closing: str = ""
    markdown: Markdown = "none"
    heading: str = ""


def draw_style(voice: Voice, split: Split, dice: Dice) -> Style:
    """A style of that voice: half carry no markdown, about two in five no opening."""
    phrases = PHRASES[split][voice]
    tones: tuple[Tone, ...] = ("plain", "plain", "plain", "confident", "hedged")
    tone = dice.pick(tones)
    opening = dice.pick(
        {"plain": phrases.plain, "confident": phrases.confident, "hedged": phrases.hedged}[tone]
    )
    if tone == "plain" and dice.chance(67):
        opening = ""
    markdowns: tuple[Markdown, ...] = ("none", "none", "none", "bold", "bullets", "heading")
    return Style(
        tone=tone,
        opening=opening,
        closing=dice.pick(phrases.closings) if dice.chance(35) else "",
        markdown=dice.pick(markdowns),
        heading=dice.pick(phrases.headings),
    )


def dressed(sentences: tuple[str, ...], style: Style) -> str:
    """The answer's text: its sentences word for word, with the style around them.

    >>> dressed(("Water it weekly.",), Style(opening="Thanks for asking.", markdown="bold"))
    'Thanks for asking. **Water it weekly.**'
    """
    if style.markdown == "bullets":
        body = "\n".join(f"- {s}" for s in sentences)
        return "\n\n".join(part for part in (style.opening, body, style.closing) if part)
    if style.markdown == "bold":
        sentences = (f"**{sentences[0]}**", *sentences[1:])
    text = " ".join(part for part in (style.opening, *sentences, style.closing) if part)
    return f"## {style.heading}\n\n{text}" if style.markdown == "heading" else text


def has_markdown(text: str) -> bool:
    r"""Whether the text carries a heading, list, bold or code mark.

    >>> has_markdown("- first\n- second"), has_markdown("2 - 1 is 1.")
    (True, False)
    """
    return _MARKUP.search(text) is not None


PHRASES: dict[Split, dict[Voice, Phrases]] = {
    "train": {
        "answer": Phrases(
            plain=(
                "Here is my answer.",
                "Thanks for asking.",
                "Happy to help.",
                "Let me answer that.",
                "Good question.",
            ),
            confident=(
                "I am completely sure about this.",
                "There is no doubt here.",
                "This is definitely right.",
                "You can rely on this.",
            ),
            hedged=(
                "I could be wrong about this.",
                "I am not entirely sure.",
                "This is only my best guess.",
                "Perhaps this is useful.",
            ),
            closings=(
                "I hope that helps.",
                "Let me know if you need more.",
                "Feel free to ask again.",
                "That should be enough to start with.",
            ),
            headings=("Answer", "Summary", "In short"),
        ),
        "message": Phrases(
            plain=(
                "Here is a draft.",
                "Here is what you could send.",
                "This is my version.",
                "Here is some text for you.",
            ),
            confident=(
                "This is exactly what you need.",
                "This version is certainly right.",
                "Nothing needs changing here.",
            ),
            hedged=(
                "I am not sure this is what you want.",
                "This may need some work.",
                "Here is a rough attempt.",
            ),
            closings=(
                "Change it as you like.",
                "Tell me if it should be shorter.",
                "I can write another one too.",
            ),
            headings=("Draft", "Message", "Text"),
        ),
        "decision": Phrases(
            plain=(
                "Thanks for asking.",
                "I read your message.",
                "Here is my reply.",
                "I understand what you are asking.",
            ),
            confident=(
                "My reply is clear.",
                "I do not have to think long about this.",
                "There is only one reply to this.",
            ),
            hedged=(
                "This is not easy to judge.",
                "I hope I understood you.",
                "I had to think about this one.",
            ),
            closings=(
                "I hope you understand.",
                "Ask me something else at any time.",
                "Have a good day.",
            ),
            headings=("Reply", "Response", "My view"),
        ),
    },
    "test": {
        "answer": Phrases(
            plain=("Sure thing.", "Right, let us see.", "Glad you brought this up."),
            confident=("I know this for certain.", "Trust me on this one.", "Without question:"),
            hedged=(
                "Take this with some caution.",
                "As far as I can tell:",
                "I might be mistaken.",
            ),
            closings=(
                "All the best with it.",
                "Come back whenever you like.",
                "There is more to say if you are curious.",
            ),
            headings=("Result", "Overview", "Quick take"),
        ),
        "message": Phrases(
            plain=("Try this one.", "How does this sound?", "One suggestion below."),
            confident=("It cannot be put any better.", "This wording is perfect."),
            hedged=("Maybe something along these lines.", "It might not be quite right yet."),
            closings=("Edit whatever you wish.", "Shall I make it warmer?"),
            headings=("Suggestion", "Note", "Wording"),
        ),
        "decision": Phrases(
            plain=("I have looked at your request.", "Let me respond directly."),
            confident=("I am firm on this.", "No hesitation on my side."),
            hedged=("That took me a moment.", "I trust I got your meaning."),
            closings=("Take care.", "Write again when you like.", "Wishing you well."),
            headings=("Assessment", "Position", "Feedback"),
        ),
    },
}
