"""``rmbench gate``."""

from __future__ import annotations

from pathlib import Path

import click

from rmbench.cli.judging import Judging
from rmbench.cli.options import (
    command_runner,
    gate_options,
    json_option,
    says_colour,
    show,
    show_json,
    write_all,
)

_EPILOG = """\b
Examples:
  rmbench gate results/runs/my-rm-1a2b3c4d --fail-if "accuracy<0.80"
  rmbench gate runs/new --fail-if "rm-bench/hard_accuracy<60%" --fail-if "nll>0.6"
  rmbench gate runs/new --gates gates.toml --strict -o gate.junit.xml -o gate.md

\b
A rule states the failure: [SUITE/]METRIC[@SUBSET] then <VALUE or >VALUE. Rules
about a loss (accuracy:1pp) need a baseline: rmbench compare. A metric or suite
that is not there never passes.
Exit code 0: every rule passed; 1: one failed; 2: one could not be judged.
"""


@click.command("gate", cls=Judging, epilog=_EPILOG)
@click.argument(
    "results", metavar="RESULT...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@gate_options
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="File to write; its ending decides: .junit.xml .json .md .html. Repeatable.",
)
@json_option
@click.pass_context
def command(
    context: click.Context,
    results: tuple[Path, ...],
    fail_if: tuple[str, ...],
    gates: Path | None,
    strict: bool,
    outputs: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Hold results against rules, without a baseline."""
    from rmbench.gate import exit_code, judge_absolute, read_rules
    from rmbench.report.gate_write import gate_renderer, write_gate
    from rmbench.report.gates import gate_markdown, render_gate
    from rmbench.report.github_actions import write_job
    from rmbench.result import find_runs

    rules = read_rules(fail_if, gates)
    if not rules:
        raise click.UsageError("no rule is given: --fail-if RULE or --gates FILE")
    for output in outputs:
        gate_renderer(output)
    report = judge_absolute(rules, find_runs(results), strict=strict)
    if as_json:
        show_json(report.model_dump_json())
    else:
        show(render_gate(report, colour=says_colour()))
    write_all(outputs, lambda output: write_gate(report, output), failed=not report.passed)
    for line in write_job(report, gate_markdown(report), "gate"):
        command_runner(line)
    context.exit(exit_code(report))
