"""A finished training run in a few lines for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabulate import tabulate

if TYPE_CHECKING:
    from rmbench.train.record import TrainReport


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
    if record.eval is not None:
        rows.append(
            (
                "held-out",
                f"accuracy {record.eval.accuracy:.4f}, loss {record.eval.loss:.4f}, "
                f"margin {record.eval.margin:.3f} on {record.eval.pairs:,} pairs",
            )
        )
    left_out = {
        "pairs truncated": record.truncated_pairs,
        "ties left out": record.ties,
        "rows skipped": sum(s.skipped_rows for s in record.data),
    }
    rows += [(name, f"{n:,}") for name, n in left_out.items() if n]
    return tabulate(rows, tablefmt="plain")
