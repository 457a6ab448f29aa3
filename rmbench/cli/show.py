"""``rmbench show``."""

from __future__ import annotations

import json

import click

from rmbench.cli.options import json_option

_EPILOG = """\b
Examples:
  rmbench show rm-bench
  rmbench show ./my-suite.toml --json
  rmbench show rm-bench --overlap train.jsonl --data DIR
  rmbench show robustness:llmbar --data DIR
"""


@click.command("show", epilog=_EPILOG)
@click.argument("suite", metavar="SUITE")
@click.option(
    "--overlap",
    metavar="FILE",
    help="Which of the suite's prompts and answers this file or Hub set of training data holds: "
    "preferences, prompts with or without answers, or conversations.",
)
@click.option(
    "--data",
    multiple=True,
    metavar="DIR",
    help="Folder with the suite's data; repeatable. With --overlap (without it: the Hub), and for "
    "robustness: suites, to count the examples that each transformation fits.",
)
@json_option
def command(suite: str, overlap: str | None, data: tuple[str, ...], as_json: bool) -> None:
    """Show what a suite measures, under which rules, and where its data come from."""
    from rmbench.runner.catalogue import describe_suite, suite_as_json
    from rmbench.runner.suites import find_suite
    from rmbench.spec import RobustnessSuite

    found = find_suite(suite)
    if overlap is not None:
        from rmbench.runner.overlap import suite_overlap

        shared = suite_overlap(found, overlap, data)
        click.echo(json.dumps(shared.as_json(), indent=2) if as_json else shared.as_text())
        return
    if data and not isinstance(found, RobustnessSuite):
        raise click.UsageError("--data is for --overlap and for robustness: suites")
    click.echo(
        json.dumps(suite_as_json(found, data), indent=2) if as_json else describe_suite(found, data)
    )
