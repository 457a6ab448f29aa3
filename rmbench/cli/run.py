"""``rmbench run``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from rmbench.cli.options import (
    cache_folder,
    cache_options,
    json_option,
    say,
    scorer_options,
    show,
    show_json,
)

_EPILOG = """\b
Examples:
  rmbench run length: random: --suite controlled
  rmbench run ./my-rm --suite pairs --data heldout.jsonl
  rmbench run org/rm@main ./checkpoint-500 --suite rm-bench --suite judgebench
  rmbench run ./my-rm --suite rm-bench --data ~/benchmarks --allow-partial
  rmbench run ./my-rm --suite robustness:llmbar --data ~/benchmarks
  rmbench run ./my-rm --suite throughput
  rmbench run runs/my-rm length: --all-checkpoints --suite judgebench
  rmbench run replay:scores.jsonl

\b
SCORER is a model folder or Hub id (optionally id@revision), kind:target
(length:, random:, bow:FILE, replay:FILE, ...; rmbench list scorers), or a .toml file.
Such a file holds one scorer: kind, target and, under the options' names, its choices,
so that two of one model stand side by side. What has no option is set there:
  name = "my-rm"               what reports call it
  margins_are_logits = true    whether sigmoid(margin) is meant as a probability
  failed_scores = "lowest"     kind "replay": $ERROR$ counts below the others of its
                               row, in place of "missing", which stops the run
Results: OUT/<scorer>/<suite>/result.json and scores.parquet. A result takes the
place of the one that is there; one on other data, or on more or fewer examples,
does so with a line that says what it replaces.
"""


@click.command("run", epilog=_EPILOG)
@click.argument("scorers", metavar="SCORER...", nargs=-1, required=True)
@click.option(
    "--suite",
    "suites",
    multiple=True,
    metavar="SUITE",
    help="Suite by name or TOML path; repeatable. See `rmbench list suites`. robustness:SUITE is that suite on rewritten texts.",
)
@click.option(
    "--all-checkpoints",
    is_flag=True,
    help="SCORER is the folder of a training run: measure its checkpoint-N folders by step, then its final model.",
)
@click.option(
    "--data",
    "data",
    multiple=True,
    metavar="DIR",
    help="Folder with the suites' data, searched in order; for the suite `pairs` a source of pairs. Repeatable. Without it: the Hub.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results/runs"),
    show_default=True,
    help="Folder for results.",
)
@click.option(
    "--allow-partial",
    is_flag=True,
    help="Measure what is there where suites, or parts of one, are missing; results and tables say so.",
)
@click.option(
    "--ties",
    type=click.Choice(["half", "wrong"]),
    help="What equal rewards count, in place of the suite's rule.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only the first N examples of each suite.",
)
@click.option("--skip-bad-rows", is_flag=True, help="Leave unusable rows out and count them.")
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
@cache_options
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of random: and of resampling.",
)
@scorer_options
@json_option
def command(as_json: bool, **given: Any) -> None:
    """Measure reward models on suites of human preferences."""
    from rmbench.errors import RmbenchError
    from rmbench.report import render_terminal
    from rmbench.runner.run import Measured, RunRequest, run
    from rmbench.scorers.spec import RunOptions

    overrides = {
        name: given[name]
        for name in ("head", "chat_template", "system_prompt", "max_length", "score_position",
                     "allow_untrained", "trust_remote_code", "allow_pickle")
    }  # fmt: skip
    request = RunRequest(
        scorers=given["scorers"],
        suites=given["suites"],
        all_checkpoints=given["all_checkpoints"],
        data_dirs=given["data"],
        out=given["out"],
        allow_partial=given["allow_partial"],
        ties=given["ties"],
        limit=given["limit"],
        skip_bad_rows=given["skip_bad_rows"],
        overrides=overrides,
        options=RunOptions(
            device=given["device"],
            dtype=given["dtype"],
            batch_tokens=given["batch_tokens"],
            attention=given["attention"],
            compiled=given["compiled"],
            cache=cache_folder(given["cache"], given["no_cache"]),
            report=say,
            seed=given["seed"],
        ),
        report=say,
    )
    measured = Measured()

    def table() -> str:
        left_out = [(one.suite, one.reason) for one in measured.left_out]
        return render_terminal([r.result for r in measured.runs], left_out=left_out)

    try:
        run(request, measured)
    except RmbenchError:
        if measured.runs and not as_json:
            show(table())
        raise
    if as_json:
        bodies = ", ".join(r.result.model_dump_json() for r in measured.runs)
        left_out = json.dumps({one.suite: one.reason for one in measured.left_out})
        show_json(f'{{"results": [{bodies}], "left_out": {left_out}}}')
    else:
        show(table())
        say(f"\nNext: rmbench report {given['out']} -o report.html")
