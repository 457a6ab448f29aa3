r"""Two ways to mark the result of a calculation: ``\boxed{...}`` and a line of its own."""

from __future__ import annotations

import re

from rmbench.data.controlled.dice import Dice

HEADING = "# Answer"
_BOXED = "\\boxed{"
_OWN_LINE = re.compile(
    r"^(?:####[ \t]*|# Answer[ \t]*\n+)(?P<answer>[^\s](?:[^\n]*\S)?)[ \t]*$", re.MULTILINE
)


def answer_of(text: str) -> str | None:
    r"""The marked result: in the last ``\boxed{...}``, else after the last heading or ``####``.

    >>> answer_of(r"So \boxed{\frac{1}{2}}."), answer_of("So it is.\n#### 42")
    ('\\frac{1}{2}', '42')
    """
    span = _last_box(text)
    if span is not None:
        return text[span[0] + len(_BOXED) : span[1] - 1]
    found = list(_OWN_LINE.finditer(text))
    return found[-1]["answer"] if found else None


def boxed_to_heading(text: str, dice: Dice) -> str | None:
    r"""The result of the last ``\boxed{...}`` unboxed and repeated below a heading.

    >>> print(boxed_to_heading(r"It is \boxed{42}.", Dice("any")))
    It is 42.
    <BLANKLINE>
    # Answer
    <BLANKLINE>
    42
    """
    span = _last_box(text)
    if span is None:
        return None
    start, end = span
    answer = text[start + len(_BOXED) : end - 1]
    if not answer.strip() or "\n" in answer or _BOXED in text[:start]:
        return None  # several boxes, or one that holds no answer on a line
    return f"{text[:start]}{answer}{text[end:]}\n\n{HEADING}\n\n{answer}"


def heading_to_boxed(text: str, dice: Dice) -> str | None:
    r"""The result below the last heading, or after ``####``, in ``\boxed{...}`` in its place.

    It has to end the text: ``####`` further up is a heading as any other.

    >>> heading_to_boxed("6 * 7 = 42\n#### 42", Dice("any"))
    '6 * 7 = 42\n\\boxed{42}'
    """
    found = list(_OWN_LINE.finditer(text))
    if not found or _BOXED in text:
        return None
    last = found[-1]
    if text[last.end() :].strip() or not _balanced(last["answer"]):
        return None
    return f"{text[: last.start()]}{_BOXED}{last['answer']}}}{text[last.end() :]}"


def asks_for_heading(text: str, dice: Dice) -> str:
    r"""A prompt that asks for ``\boxed`` asks for the heading in its stead."""
    if "\\boxed" not in text:
        return text
    return f'{text}\n\nInstead of \\boxed, give the final answer below a line "{HEADING}".'


def asks_for_boxed(text: str, dice: Dice) -> str:
    r"""A prompt that asks for the heading or ``####`` asks for ``\boxed`` in its stead."""
    if HEADING not in text and "####" not in text:
        return text
    return f"{text}\n\nGive the final answer in \\boxed{{}} instead."


def _balanced(answer: str) -> bool:
    """Whether a box around the answer would close where the answer ends."""
    return _last_box(f"{_BOXED}{answer}}}") == (0, len(_BOXED) + len(answer) + 1)


def _last_box(text: str) -> tuple[int, int] | None:
    """Where the last closed box starts and ends, braces counted."""
    start = text.rfind(_BOXED)
    if start < 0:
        return None
    depth, at = 1, start + len(_BOXED)
    while at < len(text) and depth:
        if text[at] == "\\":
            at += 1  # an escaped brace is none
        elif text[at] in "{}":
            depth += 1 if text[at] == "{" else -1
        at += 1
    return (start, at) if depth == 0 else None
