"""How much markdown a text holds: headers, list items, bold spans.

The features by which Chatbot Arena and Arena-Hard control for style (Li et al. 2024, "Does
style matter?"), counted outside of fenced code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rmbench.types import PreferenceExample, Scores

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


def with_markdown(scores: Scores, examples: Iterable[PreferenceExample]) -> Scores:
    """The same scores with the markdown counts of every response.

    Args:
        scores: One row per response of ``examples``, in their order.
        examples: Where the texts are.

    Raises:
        ValueError: If there are not as many responses as rows.
    """
    texts = [response for e in examples for response in e.responses]
    if len(texts) != len(scores):
        raise ValueError(f"expected {len(scores)} responses, got {len(texts)}")
    counts = np.array([markdown_counts(text) for text in texts], np.int64).reshape(-1, 3)
    headers, list_items, bold = counts.T
    return replace(scores, n_headers=headers, n_list_items=list_items, n_bold=bold)
