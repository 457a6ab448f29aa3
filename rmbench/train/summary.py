"""A training run in a few lines for a person: before it begins, and when it has ended."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from tabulate import tabulate

if TYPE_CHECKING:
    from rmbench.spec import TrainConfig
    from rmbench.train.prepare import Prepared
    from rmbench.train.record import EvalMetrics, TrainingSource, TrainReport


def resume_command(out: Path) -> str:
    """What goes on with the run in a folder.

    >>> resume_command(Path("runs/my rm"))
    "rmbench train --resume --out 'runs/my rm'"
    """
    return f"rmbench train --resume --out {shlex.quote(str(out))}"


def announce(config: TrainConfig, run: Prepared, *, device: str) -> list[str]:
    """What is about to be done, and with which settings."""
    base, settings = run.base_record, run.settings
    head = "new head" if base.newly_initialised else "a reward model: goes on from its own head"
    lines = [f"base {base.name}: {base.parameters / 1e6:.1f} M parameters, {head}"]
    if base.pad_token_added is not None:
        lines.append(f"base has no padding token: {base.pad_token_added!r} pads")
    if run.adapters is not None:
        lines.append(
            f"LoRA of rank {config.lora_rank}, alpha {settings.lora_alpha}, on "
            f"{settings.lora_layers} layers: {base.trained_parameters / 1e6:.2f} M parameters "
            "trained, the head whole"
        )
    lines += [_source_line("training", s, settings.max_length) for s in run.sources]
    if run.dev is not None:
        lines.append(
            f"dev split: {run.dev.examples:,} examples in {run.dev.groups:,} groups held back"
        )
    lines += [_source_line("held-out", h.record, settings.max_length) for h in run.held_out]
    lines.append(_settings_line(config, run, device))
    return lines


def _source_line(kind: str, source: TrainingSource, max_length: int | None) -> str:
    left_out = {"ties": source.ties, "unusable rows": source.skipped_rows}
    notes = [f"{n:,} {what} left out" for what, n in left_out.items() if n]
    if source.dropped:
        notes.append(f"{source.dropped:,} over {max_length} tokens left out")
    if source.truncated:
        notes.append(f"{source.truncated:,} cut to {max_length} tokens")
    if source.trained_prompts:
        notes.append(f"prompts of {source.trained_prompts:,} are also trained on")
    return f"{kind} {source.source}: " + ", ".join([f"{source.pairs:,} pairs", *notes])


def _settings_line(config: TrainConfig, run: Prepared, device: str) -> str:
    settings = run.settings
    length = f"{settings.max_length} tokens" if settings.max_length else "no limit of length"
    asked = {
        f"learning rate {settings.learning_rate:.1e}": config.lr,
        f"{settings.pairs_per_step} pairs per step": config.pairs_per_step,
        length: config.max_length,
        f"{config.max_steps} steps"
        if config.max_steps
        else f"{settings.epochs:g} epoch{'s' * (settings.epochs != 1)}": config.max_steps
        or config.epochs,
    }
    by_size = [what for what, given in asked.items() if given is None]
    line = ", ".join(asked) + f", on {device}"
    if settings.bf16_autocast:
        line += " in bfloat16 autocast"
    if by_size:
        line += f" (by the size of the model: {', '.join(by_size)})"
    return line


def summarise(report: TrainReport) -> str:
    """What was trained on, what came out, and what was left out on the way."""
    record = report.record
    rows = [
        ("model", str(report.out)),
        ("base", f"{record.base.name} ({record.base.parameters / 1e6:.1f} M parameters)"),
        (
            "pairs",
            f"{record.pairs:,} ({record.train.epochs:.2f} epochs, {record.train.steps} steps)",
        ),
        ("speed", f"{record.train.pairs_per_s:.1f} pairs/s, {record.duration_s:.0f} s in all"),
        ("mean loss", f"{record.train.mean_loss:.4f}"),
    ]
    if record.selected_on is not None:
        early = ", stopped early" if record.train.stopped_early else ""
        rows.append(
            ("weights", f"of step {record.final_step}, best on the {record.selected_on}{early}")
        )
    elif record.train.stopped_early:
        rows.append(("weights", f"of step {record.final_step}, stopped early"))
    if record.dev is not None:
        rows.append(("dev split", _metrics(record.dev)))
    if record.eval is not None:
        several = len(record.eval_by_source) > 1
        if several:
            rows += [(f"held-out {n}", _metrics(m)) for n, m in record.eval_by_source.items()]
        rows.append(("held-out, all" if several else "held-out", _metrics(record.eval)))
    left_out = {
        "examples truncated": record.truncated,
        "over-long left out": sum(s.dropped for s in record.data),
        "ties left out": record.ties,
        "rows skipped": sum(s.skipped_rows for s in record.data),
    }
    rows += [(name, f"{n:,}") for name, n in left_out.items() if n]
    return tabulate(rows, tablefmt="plain")


def _metrics(metrics: EvalMetrics) -> str:
    accuracy = "undefined" if metrics.accuracy is None else f"{metrics.accuracy:.4f}"
    return (
        f"accuracy {accuracy}, loss {metrics.loss:.4f}, "
        f"margin {metrics.margin:.3f} on {metrics.pairs:,} pairs"
    )
