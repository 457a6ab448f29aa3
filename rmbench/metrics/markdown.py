"""How much markdown a text holds: headers, list items, bold spans.

The features by which Chatbot Arena and Arena-Hard control for style (Li et al. 2024, "Does
style matter?"), counted outside of fenced code.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_FENCED = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_HEADER = re.compile(r"^ {0,3}#{1,6}[ \t]+\S", re.MULTILINE)
_LIST_ITEM = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+\S", re.MULTILINE)
_BOLD = re.compile(r"\*\*(?=\S)[^*\n]+?(?<=\S)\*\*|(?<!\w)__(?=\S)[^_\n]+?(?<=\S)__(?!\w)")


class MarkdownCounts(NamedTuple):
    """What a text holds, each a number of occurrences."""

    headers: int
    list_items: int
    bold: int


def markdown_counts(text: str) -> MarkdownCounts:
    r"""Count headers, items of lists (bulleted or numbered) and bold spans.

    >>> markdown_counts("# Plan\n1. **Rest**\n2. Eat\n```\n# a comment\n```")
    MarkdownCounts(headers=1, list_items=2, bold=1)
    """
    # Most texts hold none of the characters that any of it begins with.
    outside = _FENCED.sub("", text) if "```" in text or "~~~" in text else text
    return MarkdownCounts(
        headers=len(_HEADER.findall(outside)),
        list_items=len(_LIST_ITEM.findall(outside)),
        bold=len(_BOLD.findall(outside)),
    )
