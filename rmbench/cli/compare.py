"""``rmbench compare``."""

from __future__ import annotations

from pathlib import Path

import click

from rmbench.cli.judging import Judging
from rmbench.cli.options import (
    command_runner,
    gate_options,
    json_option,
    say,
    says_colour,
    show,
    show_json,
    write_all,
)

_EPILOG = """\b
Examples:
  rmbench compare results/runs/length-1a2b3c4d results/runs/my-rm-5e6f7a8b
  rmbench compare runs/old/rm-bench runs/new/rm-bench -o compare.html
  rmbench compare runs/baseline runs/seed-* --replicates
  rmbench compare runs/old runs/new --fail-if "accuracy:1pp" --strict
  rmbench compare runs/old runs/new --data ~/benchmarks -o compare.html

\b
BASELINE and CANDIDATE are result folders (one suite) or a scorer's folder
(all its suites). Exit code 0: compared; 1: a gate failed or too few items
are shared; 2: the two must not be compared.
"""


def _flips(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int | None, int | None]:
    """How many flipped items are kept for files, and how many a terminal shows."""
    if value is None:
        from rmbench.compare import FLIPS_SHOWN
        from rmbench.report.compare_text import FLIPS_SHOWN as ON_TERMINAL

        return FLIPS_SHOWN, ON_TERMINAL
    if value == "all":
        return None, None
    if value.isdecimal():
        return int(value), int(value)
    raise click.BadParameter("expected a number or 'all'", ctx, param)


@click.command("compare", cls=Judging, epilog=_EPILOG)
@click.argument("baseline", metavar="BASELINE", type=click.Path(path_type=Path))
@click.argument(
    "candidates", metavar="CANDIDATE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--allow-partial",
    is_flag=True,
    help="Compare the items that both have where they differ; see --min-coverage.",
)
@click.option(
    "--min-coverage",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    metavar="X",
    help="Share of all items that must be shared; below it the exit code is 1.",
)
@click.option(
    "--replicates",
    is_flag=True,
    help="The candidates are seeds of one recipe: compare their mean, with the error from items and from seeds.",
)
@click.option(
    "--flips",
    callback=_flips,
    metavar="N|all",
    help="Most lost and most gained items that are listed.  [default: 20, on a terminal 5]",
)
@click.option(
    "--speed-factor",
    type=click.FloatRange(1, min_open=True),
    default=1.05,
    show_default=True,
    metavar="X",
    help="Smallest ratio of two speeds that counts.",
)
@click.option(
    "--data",
    "data",
    multiple=True,
    metavar="DIR",
    help="Folder with the suites' data, as for `rmbench run`: the flipped items' texts are taken from there. Repeatable.",
)
@click.option(
    "--suite",
    "suites",
    multiple=True,
    metavar="SUITE",
    help="With --data: TOML path of a suite that is not built in. Repeatable.",
)
@gate_options
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="File to write; its ending decides: .html .md .json, with rules also .junit.xml. Repeatable.",
)
@json_option
@click.pass_context
def command(
    context: click.Context,
    baseline: Path,
    candidates: tuple[Path, ...],
    allow_partial: bool,
    min_coverage: float,
    replicates: bool,
    flips: tuple[int | None, int | None],
    speed_factor: float,
    data: tuple[str, ...],
    suites: tuple[str, ...],
    fail_if: tuple[str, ...],
    gates: Path | None,
    strict: bool,
    outputs: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Compare candidates with a baseline on the same items."""
    from rmbench.compare import CompareRequest, compare, raise_if_not_comparable
    from rmbench.gate import exit_code, judge, read_rules
    from rmbench.report.compare_text import render_comparisons
    from rmbench.report.compare_write import comparison_renderer, job_lines, write_comparison

    rules = read_rules(fail_if, gates)
    if strict and not rules:
        raise click.UsageError("--strict judges rules: --fail-if RULE or --gates FILE")
    if suites and not data:
        raise click.UsageError("--suite says what --data holds: give --data DIR")
    for output in outputs:
        comparison_renderer(output, gated=bool(rules))
    report = compare(
        CompareRequest(
            baseline=baseline,
            candidates=candidates,
            allow_partial=allow_partial,
            replicates=replicates,
            flips=flips[0],
            speed_factor=speed_factor,
        )
    )
    if data:
        from rmbench.report.compare_texts import with_texts_of_data

        report = with_texts_of_data(report, data, suites=suites, say=say)
    gate = judge(
        rules,
        report.comparisons,
        strict=strict,
        unmatched=report.unmatched,
        min_coverage=min_coverage,
    )
    if gate.outcomes:
        report = report.model_copy(update={"gate": gate})
    if as_json:
        show_json(report.model_dump_json())
    else:
        show(render_comparisons(report, flips=flips[1], colour=says_colour()))
    write_all(outputs, lambda output: write_comparison(report, output), failed=not gate.passed)
    for line in job_lines(report):
        command_runner(line)
    if report.gate is None or gate.passed:
        raise_if_not_comparable(report)
    context.exit(exit_code(gate))
