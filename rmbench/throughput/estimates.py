"""Timed passes to estimates."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rmbench.result import Estimate
from rmbench.spec import Arm
from rmbench.throughput.flops import ForwardCost
from rmbench.throughput.memory import PeakMemory
from rmbench.throughput.passes import Passes, Turns


@dataclass(frozen=True)
class Yardsticks:
    """What the passes are measured against.

    Attributes:
        pairs: In a pass.
        cost: Of the model's forward pass, or why it is not known.
        matmul_flops_per_s: Rate of a large matrix product in this run.
        peak_flops_per_s: The data sheet's rate, or why it is not known.
        memory: What was read of the memory.
    """

    pairs: int
    cost: ForwardCost | str
    matmul_flops_per_s: float
    peak_flops_per_s: float | str
    memory: PeakMemory


def own_estimates(turns: Turns, by: Yardsticks) -> Iterator[Estimate]:
    """Everything about the engine's own path; the whole suite's numbers."""
    own = turns.own
    yield from _rates(own, by, None)
    n = len(turns.latency_s)
    for q in (50, 95, 99):
        yield Estimate(
            metric=f"latency_p{q}_s",
            value=float(np.percentile(turns.latency_s, q)),
            n=n,
            unit="s",
        )
    yield Estimate(
        metric="peak_memory_bytes", value=float(max(own.peaks)), n=len(own.peaks), unit="bytes"
    )
    yield _padding(own, None)
    yield Estimate(metric="matmul_flops_per_s", value=by.matmul_flops_per_s, n=1, unit="FLOP/s")
    yield from _arithmetic(own, by, None)


def arm_estimates(turns: Turns, arm: Arm, by: Yardsticks) -> Iterator[Estimate]:
    """One arm's numbers, as those of a subset of its name.

    ``relative_time`` is the median over the turns of an arm's time divided by that of the
    engine's own path in the same turn, its interval the least and the most of them;
    ``score_difference_sd`` the largest difference of a reward from the own path's, in standard
    deviations of the own path's.
    """
    if arm in turns.obstacles:
        yield from (
            Estimate(metric=m, subset=arm, value=None, reason=turns.obstacles[arm], n=0, unit=u)
            for m, u in (("pairs_per_s", "pairs/s"), ("relative_time", "1"))
        )
        return
    is_own = arm == turns.own_arm
    passes = turns.own if is_own else turns.arms[arm]
    n = len(passes.seconds)
    yield from _rates(passes, by, arm)
    if is_own:
        yield Estimate(metric="relative_time", subset=arm, value=1.0, n=n, unit="1")
    else:
        times = passes.times(turns.own)
        yield Estimate(
            metric="relative_time",
            subset=arm,
            value=statistics.median(times),
            ci_low=min(times),
            ci_high=max(times),
            ci_method=_range_of(n),
            n=n,
            unit="1",
        )
    known = by.memory.by_pass
    yield Estimate(
        metric="peak_memory_bytes",
        subset=arm,
        value=float(max(passes.peaks)) if known else None,
        reason=None if known else "this system does not tell one pass's memory from another's",
        n=n,
        unit="bytes",
    )
    yield _padding(passes, arm)
    yield from _arithmetic(passes, by, arm)
    yield _difference(passes, turns.own, arm)


def executed_flops(passes: Passes, by: Yardsticks) -> float | None:
    """FLOPs of one pass as it ran; ``None`` where they are not known."""
    if isinstance(by.cost, str):
        return None
    return by.cost.executed(passes.shapes, read_rows_only=passes.read_rows_only)


def _rates(passes: Passes, by: Yardsticks, subset: str | None) -> Iterator[Estimate]:
    executed_tokens = sum(s.tokens for s in passes.shapes)
    for metric, amount, unit in (
        ("pairs_per_s", by.pairs, "pairs/s"),
        ("tokens_per_s", int(passes.n_tokens.sum()), "tokens/s"),
        ("executed_tokens_per_s", executed_tokens, "tokens/s"),
    ):
        yield _rate(passes, metric, amount, unit, subset)


def _padding(passes: Passes, subset: str | None) -> Estimate:
    padding = sum(s.padding_tokens for s in passes.shapes)
    return Estimate(
        metric="padding_fraction",
        subset=subset,
        value=padding / sum(s.tokens for s in passes.shapes),
        n=len(passes.shapes),
        unit="fraction",
    )


def _arithmetic(passes: Passes, by: Yardsticks, subset: str | None) -> Iterator[Estimate]:
    """FLOPs per second, executed and useful, and as shares of what the device can do."""
    executed = executed_flops(passes, by)
    useful = None if isinstance(by.cost, str) else by.cost.useful(passes.n_tokens)
    for prefix, flops, share, of_peak in (
        ("model", executed, "matmul_fraction", "mfu"),
        ("useful", useful, "effective_matmul_fraction", "effective_mfu"),
    ):
        limits: tuple[tuple[str, float | str, str], ...] = (
            (f"{prefix}_flops_per_s", 1.0, "FLOP/s"),
            (share, by.matmul_flops_per_s, "fraction"),
            (of_peak, by.peak_flops_per_s, "fraction"),
        )
        for metric, limit, unit in limits:
            if flops is not None and not isinstance(limit, str):
                yield _rate(passes, metric, flops / limit, unit, subset)
            elif subset is None:
                yield Estimate(
                    metric=metric,
                    value=None,
                    reason=by.cost if isinstance(by.cost, str) else str(limit),
                    n=len(passes.seconds),
                    unit=unit,
                )


def _rate(passes: Passes, metric: str, amount: float, unit: str, subset: str | None) -> Estimate:
    pass_s = passes.pass_s
    return Estimate(
        metric=metric,
        subset=subset,
        value=amount / statistics.median(pass_s),
        ci_low=amount / max(pass_s),
        ci_high=amount / min(pass_s),
        ci_method=_range_of(len(pass_s)),
        n=len(pass_s),
        unit=unit,
    )


def _difference(passes: Passes, own: Passes, subset: str) -> Estimate:
    spread = float(np.std(own.reward))
    off = float(np.abs(passes.reward - own.reward).max())
    reason = (
        "some rewards are not numbers"
        if not math.isfinite(spread + off)
        else "all rewards are equal"
        if spread == 0
        else None
    )
    return Estimate(
        metric="score_difference_sd",
        subset=subset,
        value=None if reason is not None else off / spread,
        reason=reason,
        n=len(passes.reward),
        unit="sd of rewards",
    )


def _range_of(passes: int) -> str:
    return f"range of {passes} passes"
