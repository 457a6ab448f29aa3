"""``rmbench report``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from rmbench.cli.options import json_option, say, show, show_json

_EPILOG = """\b
Examples:
  rmbench report results/runs -o report.html
  rmbench report results/runs/my-rm-1a2b3c4d -o report.md -o numbers.csv
  rmbench report results/runs/*/rm-bench
  rmbench report results/runs/*/rm-bench -o margins.csv
  rmbench report results/runs/my-rm-1a2b3c4d --model-card README.md

\b
RUN is a result folder, a scorer's folder, or a folder of those.
Without -o the tables are printed. Two reward models or more on one suite are
joined item by item: what none of them gets right is listed. A CSV file has one
row per estimate; one that is called margins.csv or NAME.margins.csv has one row
per pair of a chosen and a rejected answer, with their rewards and the margin. A
file NAME.benchmark.json holds throughput results for pytest-benchmark compare.
--model-card is for the results of one model: of a card that is there it
replaces the model-index entries that rmbench wrote, and nothing else.
"""


@click.command("report", epilog=_EPILOG)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="File to write; its ending decides: .html .md .tex .csv .json margins.csv .benchmark.json. Repeatable.",
)
@click.option("--title", help="Heading of the report.")
@click.option(
    "--model-card",
    "card",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.md",
    help="Write a Hugging Face model card with the results as its model-index, or update one.",
)
@json_option
def command(
    runs: tuple[Path, ...],
    outputs: tuple[Path, ...],
    title: str | None,
    card: Path | None,
    as_json: bool,
) -> None:
    """Write results as HTML, Markdown, LaTeX, CSV or JSON."""
    from rmbench.report import find_consensus, render_terminal, renderer_of, write_report
    from rmbench.result import find_runs

    for output in outputs:
        renderer_of(output)
    found = find_runs(runs)
    for output in outputs:
        write_report(found, output, title=title)
        say(f"wrote {output}")
    if card is not None:
        from rmbench.report.model_card import write_model_card

        write_model_card(found, card)
        say(f"wrote {card}")
    if as_json:
        bodies = ", ".join(r.result.model_dump_json() for r in found)
        agreed = ", ".join(c.model_dump_json() for c in find_consensus(found))
        written = json.dumps([str(o) for o in (*outputs, *([card] if card else []))])
        show_json(f'{{"results": [{bodies}], "consensus": [{agreed}], "written": {written}}}')
    elif not outputs and card is None:
        show(render_terminal([r.result for r in found], find_consensus(found)))
