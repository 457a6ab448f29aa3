"""What of a text is prose: words that a slip, or a space more, leaves what they were.

Code, formulas, addresses, tables of keys and values and the numbers of lists are none: there
a space or a letter is part of the sense. Where it is not sure that a line is prose, it counts
as none, since leaving it alone can do no harm. Every pattern here takes time in proportion to
the text, whatever the text is.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator

from rmbench.data.robustness.code import is_program

# Fenced and inline code, tags, formulas in TeX. An opening mark that nothing closes ends at
# the next one of its kind, so that no text is gone through more than once.
_SPANS = re.compile(
    r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`|</?[A-Za-z][^<>\n]*>"
    r"|\$\$.*?\$\$|\$[^$\n]*\$|\\\((?:(?!\\\().)*?\\\)|\\\[(?:(?!\\\[).)*?\\\]"
    r"|\\[a-zA-Z]+(?:\{[^{}]*\})*",
    re.DOTALL,
)
_INSIDE = re.compile(r"[^\n]")
_TOKEN = re.compile(r"\S+")
_ADDRESS = re.compile(r"://|^www\.|@|^~?/\w|^[A-Za-z]:\\")
# A line of code outside a fence: how it starts, how it ends, or an operator or a call in it.
_CODE_LINE = re.compile(
    r"^(?: {4}|\t)[ \t]*(?![-*+•\s]|\d+[.)])"
    r"|^[ \t]*(?:import|from \w+ import|def|class \w+[(:{]|return\b|elif\b|else:|try:|except\b"
    r"|#include|#!|using \w+;|print\b|public\b|private\b|static\b|const\b|let \w+ =|var\b"
    r"|function \w*\(|SELECT\b|INSERT\b|UPDATE\b|CREATE\b|DELETE\b|FROM\b|WHERE\b|\"[^\"\n]*\":"
    r"|[$>#%] ?(?:sudo|pip|npm|git|cd|ls|python)\b|@\w+$|//|/\*|>>>)"
    r"|[;{}\\][ \t]*$"
    r"|(?:^|(?<=\s))(?:=|==|===|!=|<=|>=|[-+*/|&]=|=>|->|<-|:=|&&|\|\||<<|>>)(?=\s|$)"
    r"|[A-Za-z_]\((?!e?s\)|ies\))|\w\[['\"A-Za-z_]",
    re.MULTILINE,
)
_LIST_MARKER = re.compile(r"^[ \t>]*\(?(?:\d+|[A-Za-z]|[ivxlcIVXLC]+)[.):](?=\s|$)", re.MULTILINE)
# What a line must start with a line of its own for: fences, headings, lists, quotes, tables.
_BLOCK_START = re.compile(
    r"[ \t]*(?:```|~~~|#|[-*+•] |\(?(?:\d+|[A-Za-z])[.)] |>|\||\$\$|\\\[|\\begin)"
)
_BLOCK_END = re.compile(r"^(?:[ \t]*(?:```|~~~|#|\||\$\$|\\end)|.*(?:\$\$|\\\])[ \t]*$)")


def is_prose(text: str) -> Callable[[int], bool]:
    """Whether the character at a place of the text belongs to prose.

    >>> inside = is_prose("See `f(x)` there")
    >>> inside(0), inside(5), inside(11)
    (True, False, True)
    """
    if is_program(text):
        return lambda at: False
    spans = sorted(_not_prose(text))
    starts = [start for start, _ in spans]
    # The furthest end so far: spans of different kinds may overlap.
    ends: list[int] = []
    for _, end in spans:
        ends.append(max(end, ends[-1] if ends else 0))

    def inside(at: int) -> bool:
        before = bisect_right(starts, at)
        return before == 0 or ends[before - 1] <= at

    return inside


def own_paragraph_before(text: str) -> bool:
    """Whether something put before the text must not stand on its first line.

    >>> own_paragraph_before("1. Wake up"), own_paragraph_before("Wake up")
    (True, False)
    """
    first = _SPANS.sub("", text.split("\n", 1)[0])
    return _BLOCK_START.match(text) is not None or _is_code(first) or is_program(text)


def own_paragraph_after(text: str) -> bool:
    r"""Whether something put after the text must not stand on its last line.

    >>> own_paragraph_after("So it is.\n#### 42"), own_paragraph_after("So it is 42.")
    (True, False)
    """
    lines = [line for line in text.split("\n") if line.strip()][-2:]
    if not lines:
        return False
    headed = lines[0].startswith("#") or _BLOCK_END.match(lines[-1]) is not None
    return headed or _is_code(_SPANS.sub("", lines[-1])) or is_program(text)


def _is_code(line: str) -> bool:
    return _CODE_LINE.search(line) is not None


def _not_prose(text: str) -> Iterator[tuple[int, int]]:
    yield from (m.span() for m in _SPANS.finditer(text))
    yield from (m.span() for m in _LIST_MARKER.finditer(text))
    yield from (m.span() for m in _TOKEN.finditer(text) if _ADDRESS.search(m[0]))
    at = 0
    # A call in inline code makes no code of the sentence around it.
    for line in _SPANS.sub(lambda m: _INSIDE.sub("\0", m[0]), text).split("\n"):
        if _is_code(line):
            yield at, at + len(line)
        at += len(line) + 1
