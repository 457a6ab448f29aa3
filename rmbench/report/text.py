"""Other people's text made safe for each format.

Names of models, subsets and files come from outside, and so do reasons and
texts. Whatever a format gives a meaning to is escaped here; the rest of the
report marks its own markup as `Safe` and lets everything else through `join`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

# CSI, OSC and two-character sequences, in their 7-bit and 8-bit forms.
_ANSI = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]"
)
# Joiners carry meaning in Persian, Indic scripts and emoji, and reorder nothing.
_HARMLESS_FORMAT = {"\u200c", "\u200d"}
_HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}

_MARKDOWN = re.compile(r"([\\`*{}\[\]#|~!$]|(?<![^\W_])_|_(?![^\W_]))")
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    # Directly after a row's \\ these three would be read as its arguments.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "\ufffd": "?",  # in no font that LaTeX takes by default
}
_FORMULA_START = tuple("=+-@\uff1d\uff0b\uff0d\uff20")


class Safe(str):
    """Text that is already right for its format and is not escaped again."""

    __slots__ = ()


Text = str | tuple[str, ...]
"""One string or its pieces; pieces that are not `Safe` are escaped."""


def join(text: Text, escape: Callable[[str], str]) -> str:
    r"""The pieces in one string, each escaped unless it is `Safe`.

    >>> join((Safe("**"), "a|b", Safe("**")), markdown)
    '**a\\|b**'
    """
    pieces = (text,) if isinstance(text, str) else text
    return "".join(piece if isinstance(piece, Safe) else escape(piece) for piece in pieces)


def plain(text: str) -> str:
    r"""One line that a terminal cannot take for a command.

    Escape sequences go, white space becomes single blanks, and what would still
    be invisible or turn the writing direction becomes U+FFFD.

    >>> plain("\x1b[31mred\x1b[0m\nteam")
    'red team'
    """
    words = " ".join(_ANSI.sub("", text).split())
    return "".join("\ufffd" if _hidden(c) else c for c in words)


def visible(text: str) -> str:
    r"""Running text for a web page: lines and tabs stay, hidden characters are shown.

    >>> visible("a\x00b\u202e")
    'a␀b⟨U+202E⟩'
    """
    lines = text.replace("\r\n", "\n")
    # Nearly every text is plain, and asking once is much faster than once per character.
    if lines.replace("\n", "").replace("\t", "").isprintable():
        return lines
    return "".join(_shown(c) for c in lines)


def markdown(text: str) -> str:
    r"""Text that stays text in a cell or a list item of GitHub's Markdown.

    >>> markdown("<b>|`x`")
    '&lt;b&gt;\\|\\`x\\`'
    """
    escaped = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = _MARKDOWN.sub(r"\\\1", escaped)
    # Whoever is named behind @ would be told of it wherever the text is posted; a space of no
    # width keeps it a name.
    escaped = re.sub(r"(?<!\w)@(?=\w)", "@&#8203;", escaped)
    # Bare addresses become links without any markup.
    return escaped.replace("://", ":&#47;&#47;").replace("www.", "www&#46;")


def latex(text: str) -> str:
    r"""Text that stays text in a LaTeX document.

    >>> latex("a_b & 50%")
    'a\\_b \\& 50\\%'
    """
    escaped = "".join(_LATEX.get(c, c) for c in plain(text))
    return re.sub("-(?=-)", "-{}", escaped)  # two in a row would become a dash


def csv_text(text: str) -> str:
    """A text cell that no spreadsheet runs as a formula.

    >>> csv_text("=cmd()")
    "'=cmd()"
    """
    line = plain(text)
    return f"'{line}" if line.startswith(_FORMULA_START) else line


def _hidden(char: str) -> bool:
    return unicodedata.category(char) in _HIDDEN_CATEGORIES and char not in _HARMLESS_FORMAT


def _shown(char: str) -> str:
    if char in "\n\t" or not _hidden(char):
        return char
    if ord(char) < 0x20:
        return chr(0x2400 + ord(char))
    return f"⟨U+{ord(char):04X}⟩"
