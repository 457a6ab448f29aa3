"""``rmbench check-suite``."""

from __future__ import annotations

import json

import click

from rmbench.cli.options import json_option

_EPILOG = """\b
Examples:
  rmbench check-suite ./my-suite.toml --data ./benchmarks
  rmbench check-suite judgebench --data ./benchmarks --strict

Exit codes: 0 nothing is wrong, 2 the suite's file is at fault, 3 its data are.
"""


@click.command("check-suite", epilog=_EPILOG)
@click.argument("suite", metavar="FILE|NAME")
@click.option(
    "--data",
    multiple=True,
    metavar="DIR",
    help="Folder with the suite's data; repeatable. Without it: the Hub.",
)
@click.option("--strict", is_flag=True, help="Fail on warnings as well.")
@json_option
@click.pass_context
def command(
    context: click.Context, suite: str, data: tuple[str, ...], strict: bool, as_json: bool
) -> None:
    """Check a suite's file against its data, and say everything that is wrong with it."""
    from rmbench.runner.check import check_suite, describe_check

    check = check_suite(suite, data)
    click.echo(json.dumps(check.as_json(), indent=2) if as_json else describe_check(check))
    context.exit(check.exit_code(strict=strict))
