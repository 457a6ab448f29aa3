"""Runs the cells of a Markdown page in order, and compares what they print with what it shows.

A cell is a fenced block of ``python`` or ``console`` (lines after ``$``, of the command
``rmbench``). What a Python cell prints stands in the block of ``text`` after it, what a command
prints below it. The info string says how the two are compared:

- nothing more: to the letter, runs of spaces and dashes apart;
- ``about``: likewise, but numbers may differ by 0.1 or a tenth;
- ``varies``: not at all.

``...`` stands for any text, on a line of its own for any lines. A comment ``<!-- check`` holds
Python that readers do not see: what the prose claims of the cells before.

Run as a program it takes a page and writes a JSON list, an object for each cell.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"^```(?P<language>\w+)(?: (?P<how>\w+))?\n(?P<body>.*?)^```$"
    r"|^<!-- check\n(?P<check>.*?)^-->$",
    re.MULTILINE | re.DOTALL,
)
_NUMBER = re.compile(r"(?<![\w.])[-−+]?(?:\d[\d,]*\.?\d*|\.\d+)")


@dataclass
class Cell:
    """A block that is run.

    ``shown`` is the output on the page; ``None`` where it shows none.
    """

    line: int
    language: str
    code: str
    shown: str | None = None
    how: str = "exact"


@dataclass
class Outcome:
    """What became of a cell; ``error`` is a traceback."""

    line: int
    printed: str
    error: str
    seconds: float


def read_cells(page: str) -> list[Cell]:
    """The cells of a page, in order.

    Raises:
        ValueError: If a block is none that is run or compared.
    """
    cells: list[Cell] = []
    for block in _BLOCK.finditer(page):
        line = page.count("\n", 0, block.start()) + 1
        language, how = block["language"] or "check", block["how"] or "exact"
        if language in ("python", "check"):
            cells.append(Cell(line, language, block["body"] or block["check"]))
        elif language == "console":
            cells += _commands(line, block["body"], how)
        elif language == "text" and cells and cells[-1].language == "python":
            cells[-1].shown, cells[-1].how = block["body"], how
        else:
            raise ValueError(f"line {line}: a block of {language!r} that belongs to no cell")
    return cells


def _commands(line: int, body: str, how: str) -> list[Cell]:
    found: list[Cell] = []
    lines = iter(body.splitlines())
    for text in lines:
        if not text.startswith("$ "):
            found[-1].shown = (found[-1].shown or "") + text + "\n"
            continue
        while text.endswith("\\"):
            text = text[:-1] + next(lines)
        found.append(Cell(line, "console", text[2:], how=how))
    return found


def difference(cell: Cell, printed: str) -> str | None:
    """What is wrong with what a cell printed; ``None`` if nothing is."""
    if cell.shown is None or cell.how == "varies":
        return None
    expected, got = _plain(cell.shown), _plain(printed)
    numbers = [float(_value(n)) for n in _NUMBER.findall(expected)] if cell.how == "about" else []
    found = re.fullmatch(_pattern(expected, loose=cell.how == "about"), got, re.DOTALL)
    if found is None:
        return f"the page shows\n{cell.shown}\nand it prints\n{printed}"
    for shown, value in zip(numbers, map(_value, found.groups()), strict=True):
        if abs(shown - value) > max(0.1, 0.1 * abs(shown)):
            return f"the page shows {shown:g}, and it prints {value:g}, in\n{printed}"
    return None


def _plain(text: str) -> str:
    lines = (re.sub(r"-{3,}", "---", re.sub(r" +", " ", x)).strip() for x in text.splitlines())
    return "".join(f"{line}\n" for line in lines)


def _pattern(expected: str, *, loose: bool) -> str:
    lines = []
    for line in expected.splitlines():
        if line == "...":
            lines.append(r"(?:[^\n]*\n)*?")
            continue
        parts = _NUMBER.split(line) if loose else [line]
        escaped = [re.escape(part).replace(re.escape("..."), r"[^\n]*?") for part in parts]
        lines.append(rf"({_NUMBER.pattern})".join(escaped) + r"\n")
    return "".join(lines)


def _value(number: str) -> float:
    return float(number.replace(",", "").replace("−", "-"))


def run(cells: list[Cell]) -> list[Outcome]:
    """Run cells in the working directory, one after the other, up to the first that fails."""
    names: dict[str, object] = {"__name__": "page"}
    outcomes: list[Outcome] = []
    for cell in cells:
        began, error, output = time.perf_counter(), "", io.StringIO()
        try:
            with contextlib.redirect_stdout(output):
                if cell.language == "console":
                    _invoke(cell.code)
                else:
                    exec(compile(cell.code, f"cell of line {cell.line}", "exec"), names)  # noqa: S102 - what this is for
        except BaseException:  # whatever ends a cell is what is wrong with it
            error = traceback.format_exc()
        seconds = time.perf_counter() - began
        outcomes.append(Outcome(cell.line, output.getvalue(), error, seconds))
        if error:
            break
    return outcomes


def _invoke(command: str) -> None:
    from rmbench.cli.main import invoke

    name, *arguments = shlex.split(command)
    if name != "rmbench":
        raise ValueError(f"{name}: only rmbench is run")
    code = invoke(arguments)
    if code:
        raise SystemExit(f"{command}: exit code {code}")


if __name__ == "__main__":
    page, results = map(Path, sys.argv[1:])
    done = run(read_cells(page.read_text(encoding="utf-8")))
    results.write_text(json.dumps([asdict(outcome) for outcome in done]), encoding="utf-8")
