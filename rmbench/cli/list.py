"""``rmbench list``."""

from __future__ import annotations

import json
from textwrap import fill

import click

from rmbench.cli.options import json_option


@click.command(
    "list", epilog="\b\nExamples:\n  rmbench list suites\n  rmbench list metrics --json\n"
)
@click.argument("what", type=click.Choice(["suites", "scorers", "metrics", "loaders"]))
@json_option
def command(what: str, as_json: bool) -> None:
    """List suites, scorers, metrics or loaders, built in and from plug-ins.

    A metric's groups are what a suite's file may name in place of their members.
    """
    from rmbench.report.terminal import terminal_width
    from rmbench.runner.catalogue import list_entries, list_prefixes, render_entries

    entries, prefixes = list_entries(what), list_prefixes(what)
    if as_json:
        body = {what: entries} | ({"prefixes": prefixes} if prefixes else {})
        click.echo(json.dumps(body, indent=2))
        return
    width = terminal_width()
    click.echo(render_entries(entries, width))
    for prefix in prefixes:
        click.echo("\n" + fill(f"{prefix['name']}: {prefix['what']}", width))
