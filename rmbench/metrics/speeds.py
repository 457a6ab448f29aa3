"""The metrics of throughput: their units and directions.

They are measured by ``rmbench.throughput``, not computed from rewards, so they are no plug-ins;
what reads them, and must not import torch, finds here what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Speed:
    """One metric of throughput.

    Attributes:
        name: As in results.
        unit: Unit of the value.
        higher_is_better: ``None`` where neither direction is better.
    """

    name: str
    unit: str
    higher_is_better: bool | None


SPEEDS = {
    speed.name: speed
    for speed in (
        Speed("pairs_per_s", "pairs/s", True),
        Speed("tokens_per_s", "tokens/s", True),
        Speed("executed_tokens_per_s", "tokens/s", True),
        Speed("latency_p50_s", "s", False),
        Speed("latency_p95_s", "s", False),
        Speed("latency_p99_s", "s", False),
        Speed("peak_memory_bytes", "bytes", False),
        Speed("padding_fraction", "fraction", False),
        Speed("matmul_flops_per_s", "FLOP/s", None),  # the device's, not the model's
        Speed("model_flops_per_s", "FLOP/s", True),
        Speed("matmul_fraction", "fraction", True),
        Speed("mfu", "fraction", True),
        Speed("useful_flops_per_s", "FLOP/s", True),
        Speed("effective_matmul_fraction", "fraction", True),
        Speed("effective_mfu", "fraction", True),
        Speed("relative_time", "1", False),
        Speed("score_difference_sd", "sd of rewards", False),
    )
}
"""By name."""
