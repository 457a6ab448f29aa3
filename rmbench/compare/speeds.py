"""Two timings of the throughput suite, repeat against repeat, on the same hardware."""

from __future__ import annotations

from statistics import median
from typing import Any, NamedTuple

from rmbench.compare.verdicts import ALPHA
from rmbench.result import Result, SpeedEstimate, Verdict

MIN_REPEATS = 7
"""Fewer timed passes on either side are no basis for a verdict."""

DEFAULT_FACTOR = 1.05
"""Two medians nearer than this are not called different, however small p is."""

_MACHINE_DRIFT = 1.05
"""Matmul rates further apart than this mean that the machine itself ran at another speed."""


class _Rate(NamedTuple):
    """A rate: its name, its unit, and where the amount of a pass stands."""

    metric: str
    unit: str
    amount: str | None


_RATES = (
    _Rate("pairs_per_s", "pairs/s", None),
    _Rate("tokens_per_s", "tokens/s", "useful_tokens_per_pass"),
    _Rate("executed_tokens_per_s", "tokens/s", "executed_tokens_per_pass"),
)
_ONE_READING = {
    "latency_p50_s": "one percentile of all batches a run is no basis for one",
    "latency_p95_s": "one percentile of all batches a run is no basis for one",
    "latency_p99_s": "one percentile of all batches a run is no basis for one",
    "peak_memory_bytes": "one reading a run is no basis for one",
}


def compare_speeds(
    baseline: Result, candidate: Result, *, factor: float = DEFAULT_FACTOR
) -> tuple[SpeedEstimate, ...]:
    """Rates, latencies and memory of two runs of the throughput suite.

    A rate is better or worse only if the medians differ by ``factor`` and the Mann-Whitney
    test of the passes has p < .05 (as ``asv`` asks of both). Within the factor it passes;
    beyond it without significance it is inconclusive. What was read only once is shown side
    by side and not judged.

    Args:
        baseline: Of a throughput suite.
        candidate: Of the same suite (one digest: one workload).
        factor: Smallest ratio that counts, above 1.

    Source: Mann and Whitney 1947; Airspeed Velocity's ``is_different``.
    """
    obstacle = hardware_difference(baseline, candidate)
    estimates = [_rate(rate, baseline, candidate, factor, obstacle) for rate in _RATES]
    for metric, why in _ONE_READING.items():
        found = baseline.estimate(metric), candidate.estimate(metric)
        if found[0] is None or found[1] is None:
            continue
        a, b = found[0].value, found[1].value
        estimates.append(
            SpeedEstimate(
                metric=metric,
                unit=found[0].unit,
                higher_is_better=False,
                baseline=a,
                candidate=b,
                ratio=b / a if a and b is not None else None,
                repeats_baseline=1,
                repeats_candidate=1,
                reason=obstacle or f"no test: {why}",
                verdict="not_comparable",
            )
        )
    return tuple(estimates)


def hardware_difference(baseline: Result, candidate: Result) -> str | None:
    """What differs between the machines, in one line; ``None`` where nothing does.

    The processor, its threads, the accelerator and the device used are the fingerprint.
    Software, number format and batches may differ: they may be what is compared.
    """
    sides = [_fingerprint(result) for result in (baseline, candidate)]
    unlike = [
        f"{name} {sides[0][name]!r} against {sides[1][name]!r}"
        for name in sides[0]
        if sides[0][name] != sides[1][name]
    ]
    return f"measured on different hardware: {'; '.join(unlike)}" if unlike else None


def machine_drift(baseline: Result, candidate: Result) -> tuple[str, ...]:
    """Whether the machine itself ran at another speed; empty where it did not, or is not known."""
    rates = [_machine_rate(result) for result in (baseline, candidate)]
    a, b = baseline.provenance.engine, candidate.provenance.engine
    # The matmul rate is of the number format that was timed.
    if not (rates[0] and rates[1]) or (a and a.dtype) != (b and b.dtype):
        return ()
    ratio = rates[1] / rates[0]
    if max(ratio, 1 / ratio) <= _MACHINE_DRIFT:
        return ()
    return (
        f"the machine itself ran at {ratio:.2f} times the speed while the candidate was "
        "timed (its matmul rate): time both again, by turns",
    )


def speed_notes(baseline: Result, candidate: Result) -> tuple[str, ...]:
    """What may explain a difference of speed besides the scorer."""
    notes = [*machine_drift(baseline, candidate)]
    a, b = baseline.provenance.engine, candidate.provenance.engine
    if a is not None and b is not None:
        for name in ("dtype", "path", "kernels", "batch_tokens", "max_length"):
            values = getattr(a, name), getattr(b, name)
            if values[0] != values[1]:
                notes.append(f"{name.replace('_', ' ')}: {values[0]} against {values[1]}")
    packages = [r.provenance.environment.packages for r in (baseline, candidate)]
    for name in sorted({*packages[0], *packages[1]} & {"torch", "transformers", "rmbench"}):
        if packages[0].get(name) != packages[1].get(name):
            notes.append(f"{name} {packages[0].get(name)} against {packages[1].get(name)}")
    return tuple(notes)


def _rate(
    rate: _Rate, baseline: Result, candidate: Result, factor: float, obstacle: str | None
) -> SpeedEstimate:
    from scipy.stats import mannwhitneyu  # half a second that preferences need not wait for

    passes = [_pass_s(result) for result in (baseline, candidate)]
    values = [
        _amount(rate, result) / median(seconds) if seconds else None
        for result, seconds in zip((baseline, candidate), passes, strict=True)
    ]
    ratio = values[1] / values[0] if values[0] and values[1] else None
    few = min(len(seconds) for seconds in passes)
    reason, p = obstacle, None
    verdict: Verdict = "not_comparable"
    if reason is None and few < MIN_REPEATS:
        reason = f"{few} repeats on one side; a comparison needs {MIN_REPEATS} on each"
    if reason is None and ratio is None:
        reason = "the result holds no timings of it"
    elif reason is None and ratio is not None:
        samples = [
            [_amount(rate, result) / s for s in seconds]
            for result, seconds in zip((baseline, candidate), passes, strict=True)
        ]
        p = float(mannwhitneyu(samples[0], samples[1], alternative="two-sided").pvalue)
        verdict = _verdict(ratio, p, factor)
    return SpeedEstimate(
        metric=rate.metric,
        unit=rate.unit,
        higher_is_better=True,
        baseline=values[0],
        candidate=values[1],
        ratio=ratio,
        p=p,
        repeats_baseline=len(passes[0]),
        repeats_candidate=len(passes[1]),
        reason=reason,
        verdict=verdict,
    )


def _verdict(ratio: float, p: float, factor: float) -> Verdict:
    if 1 / factor < ratio < factor:
        return "pass"
    if ratio <= 1 / factor:
        return "regression" if p < ALPHA else "inconclusive"
    return "improved" if p < ALPHA else "pass"


def _pass_s(result: Result) -> list[float]:
    return list(result.provenance.facts.get("pass_s", ()))


def _amount(rate: _Rate, result: Result) -> float:
    if rate.amount is None:
        return float(result.counts.examples)
    return float(result.provenance.facts.get(rate.amount, 0))


def _machine_rate(result: Result) -> float | None:
    found = result.provenance.facts.get("matmul_flops_per_s")
    return max(found.values()) if isinstance(found, dict) and found else None


def _fingerprint(result: Result) -> dict[str, Any]:
    environment, engine = result.provenance.environment, result.provenance.engine
    return {
        "processor": environment.cpu,
        "threads": environment.threads,
        "accelerator": environment.device,
        "device": engine.device if engine else None,
    }
