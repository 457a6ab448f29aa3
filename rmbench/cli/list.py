"""``rmbench list``."""

from __future__ import annotations

import json

import click

from rmbench.cli.options import json_option


@click.command(
    "list", epilog="\b\nExamples:\n  rmbench list suites\n  rmbench list metrics --json\n"
)
@click.argument("what", type=click.Choice(["suites", "scorers", "metrics", "loaders"]))
@json_option
def command(what: str, as_json: bool) -> None:
    """List suites, scorers, metrics or loaders, built in and from plug-ins."""
    from tabulate import tabulate

    from rmbench.runner.catalogue import list_entries

    entries = list_entries(what)
    if as_json:
        click.echo(json.dumps({what: entries}, indent=2))
    else:
        click.echo(tabulate(entries, headers="keys", tablefmt="simple", maxcolwidths=[None, 70]))
