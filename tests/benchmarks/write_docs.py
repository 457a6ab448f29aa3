"""Turns a benchmark file into the tables of ``docs/performance.md``.

``python tests/benchmarks/write_docs.py FILE.json``; ``make bench`` and ``make bench-train`` do it
after the run.
Only what stands between the markers of a device that the file has results for is replaced.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs/performance.md"
PACKAGES = ("torch", "transformers", "trl", "sentence-transformers")

_TRAINING_NOTE = (
    "Each trainer in a process of its own, one step at a time in turns, all on the same pairs from "
    "the same weights. A ratio is that of all timed steps; in brackets the least and the most of "
    "a step. Memory is the most that the process held resident from the first step on (allocated "
    "on the device, on CUDA)."
)


def main() -> None:
    """Print the tables and put them into the page."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: write_docs.py FILE.json")
    report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    found = sections(report)
    for body in found.values():
        sys.stdout.write(f"{body}\n")
    if any(b["extra_info"]["small"] for b in report["benchmarks"]):
        sys.stdout.write(f"a small run, too short to time: {PAGE.name} is left as it is\n")
        return
    text = PAGE.read_text(encoding="utf-8")
    for device, body in found.items():
        text = put_between(text, device, body)
    unfinished = PAGE.with_suffix(".md.tmp")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(PAGE)


def sections(report: dict[str, Any]) -> dict[str, str]:
    """Markdown by device, from what pytest-benchmark wrote."""
    by_device: dict[str, list[dict[str, Any]]] = {}
    for b in report["benchmarks"]:
        by_device.setdefault(b["extra_info"]["device"], []).append(b)
    found = {}
    for device, benchmarks in by_device.items():
        training = device.startswith("train-")
        passes = len(benchmarks[0]["stats"]["data"])
        how = (
            _TRAINING_NOTE
            if training
            else (f"Median of {passes} interleaved passes; in brackets the range of the passes.")
        )
        table = _training_table if training else _table
        groups = groupby(benchmarks, key=lambda b: b["group"])
        tables = [table([b["extra_info"] for b in group]) for _, group in groups]
        machine = f"{_machine(report, device.removeprefix('train-'))} {how}"
        found[device] = "\n\n".join([machine, *tables])
    return found


def put_between(text: str, name: str, body: str) -> str:
    """Replace what stands between two markers.

    >>> put_between("a <!-- bench:cpu -->old<!-- /bench:cpu --> z", "cpu", "new")
    'a <!-- bench:cpu -->\\nnew\\n<!-- /bench:cpu --> z'
    """
    begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"expected {begin} and {end} once each")
    return pattern.sub(lambda _: f"{begin}\n{body}\n{end}", text)


def _machine(report: dict[str, Any], device: str) -> str:
    machine = report["machine_info"]["rmbench"]
    where = machine["cpu"] if device == "cpu" else machine["device"]
    versions = ", ".join(f"{name} {machine['packages'][name]}" for name in PACKAGES)
    commit = report["commit_info"]["id"][:9] + (
        " and uncommitted changes" if report["commit_info"]["dirty"] else ""
    )
    return (
        f"{where}, {machine['threads']} threads; {versions}; {report['datetime'][:10]}, commit "
        f"{commit}."
    )


def _table(facts: Sequence[dict[str, Any]]) -> str:
    one = facts[0]
    dtypes = list(dict.fromkeys(f["dtype"] for f in facts))
    arms = list(dict.fromkeys(f["arm"] for f in facts))
    cells = {(f["arm"], f["dtype"]): f for f in facts}
    name = one["workload_about"] + (f", {one['shape']}" if "shape" in one else "")
    rates = "; ".join(
        f"{dtype} {_rate(f['matmul_flops_per_s_before'])} before, "
        f"{_rate(f['matmul_flops_per_s_after'])} after"
        for dtype, f in ((d, next(f for f in facts if f["dtype"] == d)) for d in dtypes)
    )
    heading = (
        f"### {name}\n\n"
        f"{one['responses']} responses ({one['different_responses']} different) to "
        f"{one['prompts']} prompts; {one['tokens']:,} tokens, {one['unshared_tokens']:,} with "
        f"each prompt once; {one['truncated']} cut to the length. Matrix product: {rates}."
    )
    header = ["scored by", "computed tokens"]
    for dtype in dtypes:
        header += [f"{dtype} tokens/s", f"{dtype} time / rmbench's"]
    across = "float32" in dtypes and "bfloat16" in dtypes
    if across:
        header.append("float32 time / rmbench's bfloat16")
    header += [f"error {dtype}, sd" for dtype in dtypes]
    on_cuda = one["device"] == "cuda"
    if on_cuda:
        header += ["of matrix product's rate", "peak memory", "scores unchanged to the bit"]
    rows = []
    for arm in arms:
        cell = [cells.get((arm, d)) for d in dtypes]
        found = [f for f in cell if f is not None]
        row = [found[0]["about"], _count(found[0]["computed_tokens"])]
        for f in cell:
            row += [_count(f and round(f["tokens_per_s"])), _ratio(f and f.get("times_ours"))]
        if across:
            wide = cells.get((arm, "float32"))
            row.append(_ratio(wide and wide.get("times_ours_bfloat16")))
        row += [_error(f) for f in cell]
        if on_cuda:
            f = found[0]
            row += [
                f"{f['matmul_fraction']:.0%}",
                f"{f['peak_memory_bytes'] / 1e9:.1f} GB",
                f"{f['bitwise_invariant_share']:.0%}",
            ]
        rows.append(row)
    return f"{heading}\n\n{_markdown(header, rows)}"


def _training_table(facts: Sequence[dict[str, Any]]) -> str:
    """One task's arms as a Markdown table with its heading."""
    one = facts[0]
    heading = (
        f"### {one['about']}, {one['pairs_per_step']} pairs a step, {_precision(one)}\n\n"
        f"{one['timed_pairs']} pairs in {one['timed_steps']} timed steps, after "
        f"{one['warm_up_steps']} that were not timed; {one['text_tokens']:,} tokens. Matrix "
        f"product: {one['dtype']} {one['matmul_flops_per_s_before'] / 1e9:,.0f} GFLOP/s before, "
        f"{one['matmul_flops_per_s_after'] / 1e9:,.0f} after."
    )
    header = [
        "trained by", "computed tokens", "pairs/s", "time / rmbench's", "peak memory",
        "of matrix product's rate", "largest difference of a loss from rmbench's",
    ]  # fmt: skip
    with_mfu = any(f["mfu"] is not None for f in facts)
    if with_mfu:
        header.append("MFU")
    rows = []
    for f in facts:
        total, low, high = f["times_ours"]
        row = [
            f["arm_about"],
            f"{f['computed_tokens']:,}",
            f"{f['pairs_per_s']:.2f}",
            "1" if f["arm"] == "ours" else f"{total:.2f} [{low:.2f}, {high:.2f}]",
            f"{f['peak_memory_bytes'] / 1e9:.1f} GB",
            f"{f['matmul_fraction']:.0%}",
            f"{f['loss_gap']:.0e}" if f["loss_gap"] else "–",
        ]
        if with_mfu:
            row.append("–" if f["mfu"] is None else f"{f['mfu']:.0%}")
        rows.append(row)
    return f"{heading}\n\n{_markdown(header, rows)}"


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _ratio(values: Sequence[float] | None) -> str:
    if values is None:
        return "–"
    median, low, high = values
    return f"{median:.2f} [{low:.2f}, {high:.2f}]"


def _error(f: dict[str, Any] | None) -> str:
    if f is None:
        return "–"
    if f["dtype"] == "float32":
        return f"{f['score_error_largest_sd']:.0e}"
    return f"{f['score_error_rms_sd']:.3f}"


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _rate(flops_per_s: float) -> str:
    if flops_per_s >= 1e12:
        return f"{flops_per_s / 1e12:.0f} TFLOP/s"
    return f"{flops_per_s / 1e9:.0f} GFLOP/s"


def _precision(facts: dict[str, Any]) -> str:
    return "bfloat16 autocast" if facts["dtype"] == "bfloat16" else "float32"


if __name__ == "__main__":
    main()
