"""``rmbench train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rmbench.cli.options import json_option, say

_EPILOG = """\b
Examples:
  rmbench train --base org/encoder --data train.jsonl --out runs/my-rm
  rmbench train --base ./base --data a.jsonl.gz --data org/prefs:train \\
      --eval-data heldout.jsonl --pairs-per-step 16 --max-steps 500 --out runs/rm

\b
SRC is a file (json, jsonl, csv, parquet, .gz), a folder of them, or a Hub data
set: org/name[@revision][#config][:split].
"""


@click.command("train", epilog=_EPILOG)
@click.option(
    "--base", required=True, metavar="MODEL", help="Model to start from: folder or Hub id."
)
@click.option(
    "--data", required=True, multiple=True, metavar="SRC", help="Preference pairs; repeatable."
)
@click.option("--eval-data", metavar="SRC", help="Held-out pairs to evaluate on.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the trained model.",
)
@click.option(
    "--epochs",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    metavar="N",
    help="Passes over the data.",
)
@click.option(
    "--max-steps",
    type=click.IntRange(min=1),
    metavar="N",
    help="Stop after N optimiser steps; overrides --epochs.",
)
@click.option(
    "--lr",
    type=click.FloatRange(min=0, min_open=True),
    metavar="X",
    help="Peak learning rate. Default: by the size of the model.",
)
@click.option(
    "--pairs-per-step",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    metavar="N",
    help="Pairs per optimiser step.",
)
@click.option(
    "--micro-batch-pairs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Pairs per forward pass. Default: what memory allows.",
)
@click.option(
    "--max-length",
    type=click.IntRange(min=8),
    metavar="N",
    help="Most tokens of a conversation; older prompt tokens go first.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Seed of head and order.",
)
@click.option(
    "--margin-from", metavar="KEY", help="Field of each row's meta with its target margin."
)
@click.option(
    "--center-coefficient",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    metavar="X",
    help="Weight of the term that keeps rewards around 0.",
)
@click.option(
    "--bf16/--no-bf16",
    default=None,
    help="bfloat16 autocast; weights stay float32. Default: where the device multiplies bfloat16 natively.",
)
@click.option(
    "--eval-steps",
    type=click.IntRange(min=1),
    metavar="N",
    help="Evaluate every N steps, not only at the end.",
)
@click.option(
    "--logging-steps",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="Steps between two lines of metrics.",
)
@click.option(
    "--chat-template",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Jinja chat template for a base without one.",
)
@click.option(
    "--device", default="auto", show_default=True, metavar="D", help="auto, cpu, cuda or mps."
)
@click.option("--skip-bad-rows", is_flag=True, help="Leave unusable rows out and count them.")
@click.option("--overwrite", is_flag=True, help="Replace a model that is already in OUT.")
@click.option("--trust-remote-code", is_flag=True, help="Run code from the base's repository.")
@click.option("--allow-pickle", is_flag=True, help="Load base weights that are not safetensors.")
@json_option
def command(as_json: bool, skip_bad_rows: bool, **given: Any) -> None:
    """Train a reward model on preference pairs with the Bradley-Terry loss."""
    from rmbench.train.config import TrainConfig

    config = TrainConfig(bad_rows="skip" if skip_bad_rows else "error", **given)
    from rmbench.train.run import train
    from rmbench.train.summary import summarise

    report = train(config)
    if as_json:
        click.echo(report.record.model_dump_json())
    else:
        click.echo(summarise(report))
        say(f"\nNext: rmbench run {config.out} length: --suite pairs --data FILE")
