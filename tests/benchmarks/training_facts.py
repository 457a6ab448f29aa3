"""What is kept of a timed trainer: enough to write the tables from."""

from __future__ import annotations

from typing import Any

from benchmarks.training import WARM_UP_STEPS, TrainingComparison
from benchmarks.workloads import SMALL


def training_facts(comparison: TrainingComparison, name: str) -> dict[str, Any]:
    """Everything about one arm that is written to the file.

    Args:
        comparison: What it was timed with, the arm ``ours`` among them.
        name: The arm's.
    """
    task, result = comparison.task, comparison.results[name]
    ratio = result.times(comparison.results["ours"])
    lengths = [task.step_lengths(step) for step in range(WARM_UP_STEPS, task.steps)]
    rates = comparison.rates
    peak = result.plan.peak_flops_per_s
    return {
        "device": f"train-{task.device}",
        "small": SMALL,
        "task": task.name,
        "about": task.about,
        "arm": name,
        "arm_about": result.arm.about,
        "dtype": "bfloat16" if task.bf16 else "float32",
        "pairs_per_step": task.pairs_per_step,
        "warm_up_steps": WARM_UP_STEPS,
        "timed_steps": len(result.timed_s),
        "timed_pairs": task.timed_pairs,
        "text_tokens": int(sum(n.sum() for n in lengths)),
        "computed_tokens": result.timed_tokens,
        "pairs_per_s": task.timed_pairs / sum(result.timed_s),
        "times_ours": [ratio.median, ratio.low, ratio.high],
        "peak_memory_bytes": result.peak_memory_bytes,
        "loss_gap": comparison.loss_gap(name, "ours"),
        "matmul_flops_per_s_before": rates.before,
        "matmul_flops_per_s_after": rates.after,
        "matmul_fraction": result.flops_per_s / max(rates.before, rates.after),
        "mfu": None if peak is None else result.flops_per_s / peak,
    }
