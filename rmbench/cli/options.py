"""What several verbs share: option types, and saying things on the right stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Machine-readable output on stdout, nothing else there."
)


def say(line: str) -> None:
    """One line of progress or information: on standard error, so that stdout stays data."""
    click.echo(line, err=True)


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
