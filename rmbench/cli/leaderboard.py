"""``rmbench leaderboard``."""

from __future__ import annotations

from pathlib import Path

import click

from rmbench.cli.options import json_option, say, show, show_json

_EPILOG = """\b
Examples:
  rmbench leaderboard results/runs
  rmbench leaderboard results/runs -o board.html
  rmbench leaderboard results/runs -o board.md -o board.csv -o board.json
  rmbench leaderboard results/reference -o board.html --data ~/benchmarks

\b
DIR is a folder of results as `rmbench run` writes them. Models are ranked
suite by suite on the items they share; ranks come with intervals, and the
models that cannot be told apart from the best are marked. Partial results
and content-blind baselines are shown and not ranked. The page (.html) works
without a network; it holds the texts of the mistakes that were kept beside
the results, or with --data those of the suites' own data.
"""


@click.command("leaderboard", epilog=_EPILOG)
@click.argument(
    "folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="File to write; its ending decides: .html .md .csv .tex .json. Repeatable.",
)
@click.option("--title", help="Heading of the leaderboard.")
@click.option(
    "--examples",
    type=click.IntRange(min=0),
    default=5000,
    show_default=True,
    metavar="N",
    help="Most mistakes, with their texts, that the page holds; 0 for a page without texts.",
)
@click.option(
    "--data",
    "data",
    multiple=True,
    metavar="DIR",
    help="Folder with the suites' data, as for `rmbench run`: the page takes the mistakes' texts from there. Repeatable.",
)
@click.option(
    "--suite",
    "suites",
    multiple=True,
    metavar="SUITE",
    help="With --data: TOML path of a suite that is not built in. Repeatable.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of the resamples behind ranks."
)
@json_option
def command(
    folders: tuple[Path, ...],
    outputs: tuple[Path, ...],
    title: str | None,
    examples: int,
    data: tuple[str, ...],
    suites: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> None:
    """Rank models over suites, with intervals."""
    from rmbench.report.leaderboard import Request, make_board, render_terminal, renderer_of
    from rmbench.report.leaderboard.files import render_json
    from rmbench.result import find_runs

    if (data or suites) and ".html" not in map(renderer_of, outputs):
        raise click.UsageError("--data and --suite are for a page's mistakes: give -o FILE.html")
    if suites and not data:
        raise click.UsageError("--suite says what --data holds: give --data DIR")
    for output in outputs:
        renderer_of(output)
    runs = find_runs(folders)
    root = folders[0] if len(folders) == 1 else Path()
    request = Request(runs, root, title, examples, seed, data, suites, say)
    board = make_board(request, outputs)
    for output in outputs:
        say(f"wrote {output}")
    if as_json:
        show_json(render_json(board).rstrip("\n"))
    elif not outputs:
        show(render_terminal(board, title).rstrip("\n"))
