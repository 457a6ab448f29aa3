"""What is kept of a timed arm, beside its times: enough to write the tables from."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.interleave import Agreement, Comparison, Ratio, Timing
from benchmarks.workloads import SMALL, Workload
from rmbench.throughput.flops import ForwardCost


def facts(
    comparison: Comparison, timing: Timing, agreement: Agreement, model: Any, *, ours: str
) -> dict[str, Any]:
    """Everything about one arm that is written to the file.

    Args:
        comparison: What it was timed with.
        timing: The arm's.
        agreement: Of its scores with the reference.
        model: The model, for its operations.
        ours: Name of the engine's arm that reads token ids; that of texts is ``ours-text``.
    """
    arm = timing.arm
    # What reads texts is held against what reads texts, where that was timed.
    timed = {name for name, _ in comparison.timings}
    yardstick = "ours-text" if arm.reads == "text" and "ours-text" in timed else ours
    rates = comparison.rates[arm.dtype]
    found: dict[str, Any] = {
        "small": SMALL,
        "model": model.config.model_type,
        **workload_facts(comparison.workload),
        "arm": arm.name,
        "about": arm.about,
        "reads": arm.reads,
        "dtype": dtype_name(arm.dtype),
        "tokens_per_s": comparison.workload.tokens / timing.median_s,
        "matmul_flops_per_s_before": rates.before,
        "matmul_flops_per_s_after": rates.after,
        "score_error_largest_sd": agreement.largest,
        "score_error_rms_sd": agreement.rms,
        "peak_memory_bytes": timing.peak_memory_bytes,
        "computed_tokens": None,
        "matmul_fraction": None,
    }
    if timing.shapes is not None:
        found["computed_tokens"] = sum(s.tokens for s in timing.shapes)
        cost = ForwardCost.of(model)
        flops = cost.executed(timing.shapes, read_rows_only=arm.read_rows_only)
        found["matmul_fraction"] = flops / timing.median_s / max(rates.before, rates.after)
    for dtype in (arm.dtype, torch.bfloat16):
        other = comparison.timings.get((yardstick, dtype))
        if other is not None:
            ratio = Ratio.of(timing, other)
            key = "ours" if dtype is arm.dtype else "ours_bfloat16"
            found[f"times_{key}"] = [ratio.median, ratio.low, ratio.high]
    return found


def workload_facts(workload: Workload) -> dict[str, Any]:
    """What was scored."""
    return {
        "workload": workload.name,
        "workload_about": workload.about,
        "prompts": len(set(workload.prompts)),
        "responses": len(workload.rows),
        "different_responses": len({r.key for r in workload.rows}),
        "truncated": sum(r.truncated for r in workload.rows),
        "tokens": workload.tokens,
        "unshared_tokens": workload.unshared_tokens,
    }


def dtype_name(dtype: torch.dtype) -> str:
    """``float32`` or ``bfloat16``."""
    return str(dtype).removeprefix("torch.")
