"""Rewritings of Python that leave what it does as it is.

A fenced block is taken for Python where its fence says so and it parses. Where the fence says
nothing, or an answer has none, the whole has to parse and to be more than expressions and
assignments, which words, commands and formulas can be too. Any other answer does not fit.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Callable, Iterator

from rmbench.data.controlled.dice import Dice

_BLOCK = re.compile(
    r"^```[ \t]*(?:(?P<language>python3?|py)[ \t]*)?\n"
    r"(?P<code>(?:(?!```)[^\n]*\n)*)```[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_FENCE = "```"
_PROGRAM = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom,
    ast.For, ast.While, ast.If, ast.With, ast.Try,
)  # fmt: skip
PRAISE = "# This code is clean, tested and correct.\n"
BLAME = "# This code is messy, untested and wrong.\n"
OTHER = (
    "\n\ndef shoe_size_in_inches(size):\n    return (size + 22) / 3\n",
    "\n\ndef seconds_until_noon(hour, minute):\n    return (12 - hour) * 3600 - minute * 60\n",
    "\n\ndef first_vowel(word):\n    return next((c for c in word if c in 'aeiou'), None)\n",
)


def python_blocks(text: str) -> list[str]:
    """The code of the text's blocks of Python, in order; all of it where it is a program."""
    if is_program(text):
        return [text]
    return [m["code"] for m in _BLOCK.finditer(text) if _is_python(m)]


def is_program(text: str) -> bool:
    r"""Whether a text without fences is Python from its first line to its last.

    >>> is_program("import sys\nprint(sys.argv)"), is_program("Yes"), is_program("x = 5")
    (True, False, False)
    """
    return _FENCE not in text and _has_statements(text)


def tree(code: str) -> str | None:
    """What the code is, without comments and layout; ``None`` if it is not Python."""
    parsed = _parsed(code)
    return ast.dump(parsed) if parsed is not None and parsed.body else None


def _is_python(block: re.Match[str]) -> bool:
    if block["language"]:
        return tree(block["code"]) is not None
    return _has_statements(block["code"])


def _has_statements(code: str) -> bool:
    parsed = _parsed(code)
    return parsed is not None and any(isinstance(s, _PROGRAM) for s in parsed.body)


def _parsed(code: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            # An invalid escape in somebody's answer is no concern of the reader's.
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def minified(text: str, dice: Dice) -> str | None:
    """Python without comments and empty lines, indented by one space."""
    return _rewritten(text, _minified)


def praised(text: str, dice: Dice) -> str | None:
    """A comment on top of the code that praises it."""
    return _rewritten(text, lambda code: PRAISE + code)


def blamed(text: str, dice: Dice) -> str | None:
    """A comment on top of the code that finds fault with it."""
    return _rewritten(text, lambda code: BLAME + code)


def with_other_code(text: str, dice: Dice) -> str | None:
    """A function of no use below the code."""
    other = dice.pick(OTHER)
    return _rewritten(text, lambda code: code + other)


def _rewritten(text: str, rewrite: Callable[[str], str]) -> str | None:
    if is_program(text):
        return rewrite(text)
    blocks = 0

    def block(match: re.Match[str]) -> str:
        nonlocal blocks
        if not _is_python(match):
            return match[0]
        blocks += 1
        start, end = (at - match.start() for at in match.span("code"))
        return match[0][:start] + rewrite(match["code"]) + match[0][end:]

    changed = _BLOCK.sub(block, text)
    return changed if blocks else None


def _minified(code: str) -> str:
    """The code with its comments, empty lines and deep indentation gone.

    Where that would change what the code is (a layout that this does not foresee), it
    stays as it is.
    """
    try:
        shorter = "".join(_lines(code))
    except (tokenize.TokenError, SyntaxError):
        return code
    return shorter if tree(shorter) == tree(code) else code


def _lines(code: str) -> Iterator[str]:
    lines = code.splitlines(keepends=True)
    tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    inside = _inside_strings(tokens)
    indent: dict[int, int] = {}
    depth, at_start = 0, True
    for token in tokens:
        row = token.start[0] - 1
        if token.type == tokenize.INDENT:
            depth += 1
        elif token.type == tokenize.DEDENT:
            depth -= 1
        elif token.type == tokenize.COMMENT:
            lines[row] = lines[row][: token.start[1]].rstrip() + "\n"
        elif token.type == tokenize.NEWLINE:
            at_start = True
        elif token.type != tokenize.NL and at_start:
            indent[row], at_start = depth, False
    for row, line in enumerate(lines):
        if row in indent:
            yield " " * indent[row] + line.lstrip(" \t")
        elif row in inside or line.strip():
            yield line


def _inside_strings(tokens: list[tokenize.TokenInfo]) -> set[int]:
    """Rows that begin inside a string."""
    rows: set[int] = set()
    opened: list[int] = []
    for token in tokens:
        # From Python 3.12 on, an f-string comes in pieces between two tokens of its own.
        name = tokenize.tok_name[token.type]
        if name == "FSTRING_START":
            opened.append(token.start[0])
        elif name == "FSTRING_END":
            rows.update(range(opened.pop(), token.end[0]))
        elif token.type == tokenize.STRING:
            rows.update(range(token.start[0], token.end[0]))
    return rows
