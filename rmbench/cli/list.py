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

    from rmbench.runner.catalogue import list_entries, list_prefixes

    entries, prefixes = list_entries(what), list_prefixes(what)
    if as_json:
        body = {what: entries} | ({"prefixes": prefixes} if prefixes else {})
        click.echo(json.dumps(body, indent=2))
        return
    click.echo(tabulate(entries, headers="keys", tablefmt="simple", maxcolwidths=[None, 70]))
    for prefix in prefixes:
        click.echo(f"\n{prefix['name']}: {prefix['what']}")
