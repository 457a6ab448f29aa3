"""The ``rmbench`` command and how it ends.

Exit codes: 0 ok, 1 a gate failed, 2 usage, configuration or not comparable,
3 runtime or data error, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from typing import Any, NoReturn

import click

from rmbench import __version__
from rmbench.errors import RmbenchError

# Verb: what `rmbench --help` says of it. The module is imported when the verb is used.
_VERBS = {
    "demo": "Train a baseline offline, measure it, write a report.",
    "train": "Train a reward model on preference pairs.",
    "run": "Measure reward models on suites.",
    "score": "Score every response of a large set into one Parquet file.",
    "compare": "Compare candidates with a baseline on the same items.",
    "gate": "Hold results against rules; the exit code is the answer.",
    "report": "Write results as HTML, Markdown, LaTeX, CSV or JSON.",
    "leaderboard": "Rank models over suites, with intervals.",
    "list": "List suites, scorers, metrics or loaders.",
    "show": "Show what a suite measures and where its data come from.",
    "check-suite": "Check a suite's file against its data.",
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        command: click.Command = import_module(f"rmbench.cli.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.UsageError(
                f"no verb {args[0]!r}; rmbench has {', '.join(_VERBS)}", ctx
            ) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_VERBS.items()))


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "RMBENCH"},
    epilog="Each command has examples: rmbench run --help",
)
@click.version_option(__version__, prog_name="rmbench")
def cli() -> None:
    """Evaluate and benchmark reward models.

    How good is a reward model, do its scores mean what they say, and what does it
    cost? Every number comes with an interval and with how it was made.
    """


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code of the outcome."""
    sys.exit(invoke(args))


def invoke(args: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    A deliberate error is one line on standard error. Anything else is a bug: it keeps
    its traceback.
    """
    try:
        code: Any = cli.main(args=args, prog_name="rmbench", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except RmbenchError as error:
        if os.environ.get("RMBENCH_TRACEBACK"):
            traceback.print_exc()
        _say_error(str(error))
        return error.exit_code
    except BrokenPipeError:
        # The reader of a pipe went away (`rmbench list suites | head`); that is its right.
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - only to be flushed into at exit
        return 0
    except OSError as error:
        if os.environ.get("RMBENCH_TRACEBACK"):
            traceback.print_exc()
        where = f"{error.filename}: " if error.filename is not None else ""
        _say_error(f"{where}{error.strerror or error}")
        return 3
    except Exception:  # a bug: its traceback is printed, and the exit code is ours
        traceback.print_exc()
        click.echo("rmbench: this is a bug; please report the lines above", err=True)
        return 3
    return code if isinstance(code, int) else 0


def _say_error(message: str) -> None:
    """One error on standard error; the names in it, which others chose, command no terminal."""
    from rmbench.cli.options import say

    if not message.isprintable():
        from rmbench.report.text import plain  # takes a while, and hardly ever is there a need

        message = "\n  ".join(map(plain, message.split("\n")))
    say(f"rmbench: error: {message}")
