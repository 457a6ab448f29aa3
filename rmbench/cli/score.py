"""``rmbench score``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rmbench.cli.options import json_option, say, scorer_options

_EPILOG = """\b
Examples:
  rmbench score org/rm --data org/prefs:train --out scores.parquet
  rmbench score ./my-rm --data samples.jsonl.gz --out samples.parquet --device cuda
  rmbench score ./my-rm --data prefs/ --out prefs.parquet --skip-bad-rows --json

\b
SRC is a file (json, jsonl, csv, parquet, .gz), a folder of them, or a Hub data
set: org/name[@revision][#config][:split]. It is read as a stream, but for a .json
list and a .parquet.gz, which are read whole.

\b
Rows are preferences (prompt, chosen, rejected, and the other formats that
`rmbench run --suite pairs` reads) or single responses: prompt and response, or
messages that end in the assistant's turn. FILE gets a row for each, in order:
  preferences  id, subset, scores_chosen, scores_rejected, n_tokens_chosen,
               n_tokens_rejected, truncated, preference
  responses    id, reward, n_tokens, truncated
A reward that is not finite is null.

\b
A run that was killed goes on when the same command is given again: what it has
scored lies in .FILE.parts beside FILE until FILE is complete.
"""


@click.command("score", epilog=_EPILOG)
@click.argument("scorer", metavar="SCORER")
@click.option("--data", "source", required=True, metavar="SRC", help="The rows to be scored.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Parquet file to write.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N usable rows."
)
@click.option("--skip-bad-rows", is_flag=True, help="Leave unusable rows out and count them.")
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@click.option("--restart", is_flag=True, help="Discard what an interrupted run has scored.")
@click.option(
    "--chunk-responses",
    type=click.IntRange(min=1),
    default=4096,
    show_default=True,
    metavar="N",
    help="Responses that are held in memory, scored and kept together.",
)
@click.option(
    "--device", default="auto", show_default=True, metavar="D", help="auto, cpu, cuda, cuda:1, ..."
)
@click.option(
    "--dtype",
    type=click.Choice(["auto", "float32", "bfloat16", "float16", "fastest"]),
    default="auto",
    show_default=True,
    help="auto: float32 on the CPU, the checkpoint's own on CUDA; fastest: float32 or bfloat16, as measured on two batches.",
)
@click.option(
    "--attention",
    type=click.Choice(["auto", "shared", "packed", "padded"]),
    default="auto",
    show_default=True,
    help="Path through the engine; auto takes the fastest exact one.",
)
@click.option(
    "--batch-tokens",
    type=click.IntRange(min=1),
    metavar="N",
    help="Most tokens computed in a batch. Default: 2048 on the CPU, 16384 on CUDA.",
)
@click.option(
    "--compile",
    "compiled",
    is_flag=True,
    help="Run the model through torch.compile; pays for jobs of many minutes.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Seed of random:.",
)
@scorer_options
@json_option
def command(as_json: bool, **given: Any) -> None:
    """Score every response of a large set into one Parquet file."""
    from rmbench.runner.bulk import BulkRequest, score_in_bulk, summarise
    from rmbench.scorers.spec import RunOptions

    options = RunOptions(
        device=given.pop("device"),
        dtype=given.pop("dtype"),
        batch_tokens=given.pop("batch_tokens"),
        attention=given.pop("attention"),
        compiled=given.pop("compiled"),
        seed=given.pop("seed"),
        report=say,
    )
    overrides = {
        name: given.pop(name)
        for name in ("head", "chat_template", "system_prompt", "max_length", "score_position",
                     "allow_untrained", "trust_remote_code", "allow_pickle")
    }  # fmt: skip
    summary = score_in_bulk(BulkRequest(overrides=overrides, options=options, report=say, **given))
    click.echo(summary.model_dump_json() if as_json else summarise(summary))
