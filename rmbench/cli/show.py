"""``rmbench show``."""

from __future__ import annotations

import click

from rmbench.cli.options import json_option


@click.command(
    "show", epilog="\b\nExamples:\n  rmbench show rm-bench\n  rmbench show ./my-suite.toml --json\n"
)
@click.argument("suite", metavar="SUITE")
@json_option
def command(suite: str, as_json: bool) -> None:
    """Show what a suite measures, under which rules, and where its data come from."""
    from rmbench.runner.catalogue import describe_suite
    from rmbench.runner.suites import find_suite

    found = find_suite(suite)
    click.echo(found.model_dump_json(indent=2) if as_json else describe_suite(found))
