"""What several verbs share: option types, and saying things on the right stream."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Machine-readable output on stdout, nothing else there."
)


def say(line: str) -> None:
    """One line of progress or information: on standard error, so that stdout stays data."""
    click.echo(_defused(line), err=True)


def show(text: str) -> None:
    """What a verb found, for a reader: on standard output."""
    click.echo(_defused(text))


def show_json(body: str) -> None:
    """What a verb found, as JSON: on standard output, and nothing else there."""
    # Between "##" and "[" there can only be text, where an escape means the same.
    click.echo(body.replace("##[", "#\\u0023[") if _runner_listens() else body)


def command_runner(line: str) -> None:
    """A command of our own to the runner of a job, which reads it on standard error too."""
    click.echo(line, err=True)


def write_all(outputs: Sequence[Path], write: Callable[[Path], None], *, failed: bool) -> None:
    """Write each file of a call that has judged; one that cannot be written keeps no other back.

    Args:
        outputs: The files.
        write: Writes one.
        failed: Whether the call's answer is no. It stays the answer, and its exit code.

    Raises:
        ResultError: If a file cannot be written and the answer was not no; the first of them.
    """
    from rmbench.errors import ResultError

    errors = []
    for output in outputs:
        try:
            write(output)
        except ResultError as error:
            errors.append(error)
        else:
            say(f"wrote {output}")
    for more in errors if failed else errors[1:]:
        say(f"rmbench: error: {more}")
    if errors and not failed:
        raise errors[0]


def _defused(text: str) -> str:
    """The text, without what a job's runner would take for a command, whoever wrote it."""
    if not _runner_listens():
        return text
    from rmbench.report.github_actions import harmless

    return harmless(text)


def _runner_listens() -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true"


def says_colour() -> bool:
    """Whether stdout is a terminal that wants colour; see https://no-color.org."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def gate_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Rules that a verb judges: ``fail_if``, ``gates`` and ``strict``."""
    options = [
        click.option("--fail-if", multiple=True, metavar="RULE", help="What counts as a failure; repeatable. Quote it: < and > are the shell's too."),
        click.option("--gates", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="TOML file of rules; of a pyproject.toml the table tool.rmbench.gates."),
        click.option("--strict", is_flag=True, help="Fail where the data could not tell (inconclusive) as well."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def cache_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where rewards are kept between runs, or that they are not."""
    folder = click.option(
        "--cache",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Folder of the score cache. Default: $RMBENCH_CACHE or ~/.cache/rmbench.",
    )
    off = click.option("--no-cache", is_flag=True, help="Neither read nor write cached scores.")
    return folder(off(command))


def cache_folder(folder: Path | None, off: bool) -> Path | None:
    """The folder that ``cache_options`` ask for; ``None`` for no cache."""
    from rmbench.engine.cache import default_cache_folder

    if off and folder is not None:
        raise click.UsageError("--cache and --no-cache exclude each other")
    return None if off else folder or default_cache_folder()


def scorer_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say how a model is read; they do not concern scorers without one."""
    options = [
        click.option("--head", metavar="difference|INDEX", help="Which of several logits is the reward."),
        click.option("--chat-template", type=click.Path(), metavar="FILE", help="Jinja chat template in place of the tokenizer's."),
        click.option("--system-prompt", metavar="TEXT", help="System turn put before every prompt."),
        click.option("--max-length", type=click.IntRange(min=8), metavar="N", help="Most tokens of a conversation; older prompt tokens go first. Default: what the model's positions allow."),
        click.option("--score-position", type=click.Choice(["hf", "last"]), help="Token a decoder is scored at: transformers' rule (rightmost non-pad id) or the last. Default: hf."),
        click.option("--allow-untrained", is_flag=True, help="Measure a model whose head is missing and thus random."),
        click.option("--trust-remote-code", is_flag=True, help="Run code from the model's repository."),
        click.option("--allow-pickle", is_flag=True, help="Load weights that are not safetensors."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command
