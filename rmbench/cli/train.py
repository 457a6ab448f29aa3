"""``rmbench train``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from rmbench.cli.options import json_option, say

_EPILOG = """\b
Examples:
  rmbench train --base org/encoder --data train.jsonl --out runs/my-rm
  rmbench train --base ./base --data a.jsonl.gz --data org/prefs:train \\
      --eval-data heldout.jsonl --pairs-per-step 16 --max-steps 500 --out runs/rm
  rmbench train --config rm.toml --dev-fraction 0.05 --eval-steps 50 --keep-best
  rmbench train --resume --out runs/rm
  torchrun --nproc-per-node 8 -m rmbench train --config rm.toml

\b
SRC is a file (json, jsonl, csv, parquet, .gz), a folder of them, or a Hub data
set: org/name[@revision][#config][:split]. FILE.toml holds the same options as
fields, `pairs_per_step = 16`; an option given here decides over the file.
"""


def _number(name: str, kind: type, metavar: str, text: str) -> Any:
    return click.option(name, type=kind, metavar=metavar, help=text)


def _flag(name: str, text: str) -> Any:
    return click.option(name, is_flag=True, default=None, help=text)


_OPTIONS = [
    click.option("--config", "file", type=click.Path(path_type=Path), metavar="FILE.toml", help="Read options from a file."),
    click.option("--base", metavar="MODEL", help="Model to start from: folder or Hub id; a reward model goes on from its head."),
    click.option("--data", multiple=True, metavar="SRC", help="Preference pairs; repeatable."),
    click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Folder for the trained model and its checkpoints."),
    click.option("--eval-data", multiple=True, metavar="SRC", help="Held-out pairs to evaluate on; repeatable."),
    _number("--dev-fraction", float, "X", "Hold back this share of the prompts to select by."),
    _number("--epochs", float, "N", "Passes over the data. Default: 1."),
    _number("--max-steps", int, "N", "Stop after N optimiser steps; overrides --epochs."),
    _number("--lr", float, "X", "Peak learning rate. Default: by the size of the model."),
    _number("--pairs-per-step", int, "N", "Pairs per optimiser step, over all processes. Default: by size, 32 or 64."),
    _number("--max-length", int, "N", "Most tokens of a conversation. Default: by size, 1024 or 2048, as far as the model goes."),
    click.option("--over-long", metavar="truncate|drop", help="What longer ones lose: their oldest prompt tokens, or their place. Default: truncate."),
    _number("--seed", int, "N", "Seed of head, order and dev split. Default: 0."),
    click.option("--trainer", metavar="packed|trl", help="rmbench's trainer, or TRL's own. Default: packed."),
    click.option("--attention", metavar="auto|shared|packed|padded", help="How the packed trainer batches. Default: auto, the fastest."),
    click.option("--scheduler", metavar="NAME", help="linear, cosine, constant or constant_with_warmup. Default: linear."),
    _number("--warmup-ratio", float, "X", "Share of the steps in which the learning rate rises. Default: 0.1."),
    _number("--weight-decay", float, "X", "AdamW's weight decay. Default: 0."),
    _number("--max-grad-norm", float, "X", "Clip gradients to this norm; 0 does not. Default: 1."),
    click.option("--margin-from", metavar="KEY", help="Field of each row's meta with its target margin."),
    _number("--center-coefficient", float, "X", "Weight of the term that keeps rewards around 0. Default: 0."),
    _number("--label-smoothing", float, "X", "Probability that a vote is wrong. Default: 0."),
    _flag("--soft-labels", "Train towards vote shares, ties included."),
    _number("--lora-rank", int, "N", "Train low-rank adapters and the head only."),
    _number("--lora-alpha", int, "N", "Adapters are scaled by alpha / rank. Default: 32."),
    click.option("--lora-targets", metavar="NAME,...", help="Layers with adapters, q_proj,v_proj. Default: all linear ones."),
    click.option("--bf16/--no-bf16", default=None, help="bfloat16 autocast; weights stay float32. Default: where the device multiplies bfloat16 natively."),
    _flag("--gradient-checkpointing", "Recompute activations: less memory, more time."),
    _number("--micro-batch-tokens", int, "N", "Most tokens of a forward pass. Default: what memory allows."),
    click.option("--device", metavar="D", help="auto, cpu, cuda or mps. Default: auto."),
    _number("--logging-steps", int, "N", "Steps between two lines of metrics. Default: 10."),
    _number("--eval-steps", int, "N", "Evaluate every N steps, not only at the end."),
    _number("--save-steps", int, "N", "Save a checkpoint every N steps, to resume from or measure."),
    _number("--save-total-limit", int, "N", "Keep the N newest checkpoints, and the best."),
    _flag("--keep-best", "End with the weights of the lowest loss on the dev split (or the held-out pairs)."),
    _number("--early-stopping", int, "N", "Stop after N evaluations without a lower loss."),
    click.option("--report-to", metavar="NAME", help="tensorboard, wandb or none. Default: none."),
    click.option("--trainer-arg", "trainer_args", multiple=True, metavar="KEY=VALUE", help="Hand to transformers.TrainingArguments, such as fsdp=full_shard; repeatable."),
    click.option("--chat-template", type=click.Path(path_type=Path), metavar="FILE", help="Jinja chat template for a base without one."),
    _flag("--skip-bad-rows", "Leave unusable rows out and count them."),
    _flag("--resume", "Go on from the newest checkpoint in DIR; needs no other option."),
    _flag("--overwrite", "Replace a model or an unfinished run that is already in DIR."),
    _flag("--trust-remote-code", "Run code from the base's repository."),
    _flag("--allow-pickle", "Load base weights that are not safetensors."),
]  # fmt: skip


def _options(command: Any) -> Any:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command("train", epilog=_EPILOG)
@_options
@json_option
def command(as_json: bool, file: Path | None, **options: Any) -> None:
    """Train a reward model on preference pairs with the Bradley-Terry loss."""
    from rmbench.train.config import load_config

    config = load_config(file, _given(options))
    from rmbench.train.processes import is_main_process
    from rmbench.train.run import train
    from rmbench.train.summary import summarise

    report = train(config)
    if not is_main_process():
        return
    if as_json:
        click.echo(report.record.model_dump_json())
    else:
        click.echo(summarise(report))
        say(f"\nNext: rmbench run {config.out} length: --suite pairs --data FILE")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The fields of a configuration that were given on the command line."""
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    if given.pop("skip_bad_rows", False):
        given["bad_rows"] = "skip"
    if "lora_targets" in given:
        given["lora_targets"] = tuple(given["lora_targets"].split(","))
    if "trainer_args" in given:
        given["trainer_args"] = dict(map(_key_and_value, given["trainer_args"]))
    return given


def _key_and_value(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--trainer-arg")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
