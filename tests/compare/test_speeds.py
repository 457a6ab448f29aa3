"""Speeds: the same hardware, enough repeats, a factor and a test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from rmbench.compare import compare_speeds
from rmbench.compare.speeds import machine_drift, speed_notes
from rmbench.result import Counts, EngineProvenance, Estimate, Provenance, Result, ScorerInfo
from rmbench.result.models import Environment, SuiteRef

RNG = np.random.default_rng(0)


def timed(pass_s: list[float], **changes: Any) -> Result:
    engine = EngineProvenance(
        path=changes.get("path", "packed"), reason="", device=changes.get("device", "cpu"),
        dtype=changes.get("dtype", "float32"), max_length=None, batch_tokens=2048, batches=1,
        executed_tokens=1, useful_tokens=1,
    )  # fmt: skip
    return Result(
        suite=SuiteRef(name="throughput", version="1", digest="t" * 64, kind="throughput"),
        scorer=ScorerInfo(spec="s", kind="hf", name="m", margins_are_logits=True),
        counts=Counts(
            examples=100, responses=200, unique_responses=200, ties=0, truncated=0, failed=0
        ),
        estimates=(
            Estimate(metric="latency_p50_s", value=0.01, n=9, unit="s"),
            Estimate(metric="peak_memory_bytes", value=2e9, n=1, unit="bytes"),
        ),
        provenance=Provenance(
            rmbench_version="0", created_at="", duration_s=1, seed=0, engine=engine,
            environment=Environment(
                python="3", platform="p", cpu=changes.get("cpu", "cpu A"), threads=2
            ),
            facts={
                "pass_s": pass_s,
                "useful_tokens_per_pass": 5000,
                "executed_tokens_per_pass": 4000,
                "matmul_flops_per_s": {"before": changes.get("rate", 1e11), "after": 1e11},
            },
        ),
    )  # fmt: skip


SLOW, FAST = (list(t * RNG.uniform(0.99, 1.01, 9)) for t in (2.0, 1.6))


def test_a_difference_takes_the_factor_and_the_test() -> None:
    pairs, tokens, executed, *rest = compare_speeds(timed(SLOW), timed(FAST))
    assert (pairs.metric, tokens.metric) == ("pairs_per_s", "tokens_per_s")
    assert executed.verdict == "improved"
    assert pairs.candidate == pytest.approx(100 / np.median(FAST))
    assert tokens.ratio == pytest.approx(np.median(SLOW) / np.median(FAST))
    assert pairs.p == pytest.approx(stats.mannwhitneyu(SLOW, FAST).pvalue)
    assert {s.verdict for s in (pairs, tokens)} == {"improved"}
    assert {s.verdict for s in rest} == {"not_comparable"}
    back = compare_speeds(timed(FAST), timed(SLOW))
    assert back[0].verdict == "regression"
    assert back[0].ratio == pytest.approx(1 / (pairs.ratio or 0))


def test_a_small_difference_passes_however_sure() -> None:
    near = [s / 1.03 for s in SLOW]
    [pairs, *_] = compare_speeds(timed(near), timed(SLOW))
    assert pairs.p is not None
    assert pairs.p < 0.05
    assert pairs.verdict == "pass"
    assert compare_speeds(timed(near), timed(SLOW), factor=1.01)[0].verdict == "regression"


def test_an_unsure_loss_is_inconclusive() -> None:
    wild = [1.0, 4.0, 1.1, 4.2, 1.2, 4.1, 4.4, 1.3, 4.3]
    calm = [2.0, 2.1, 2.2, 2.0, 2.1, 2.2, 2.0, 2.1, 2.2]
    [pairs, *_] = compare_speeds(timed(calm), timed(wild))
    assert pairs.ratio is not None
    assert pairs.ratio < 1 / 1.05
    assert pairs.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cpu": "cpu B"}, "processor 'cpu A' against 'cpu B'"),
        ({"device": "cuda:0"}, "device 'cpu' against 'cuda:0'"),
    ],
)
def test_other_hardware_is_not_compared(change: dict[str, str], words: str) -> None:
    for speed in compare_speeds(timed(SLOW), timed(FAST, **change)):
        assert speed.verdict == "not_comparable"
        assert speed.p is None
        assert words in (speed.reason or "")


def test_a_number_format_is_compared_and_noted() -> None:
    half = timed(FAST, dtype="bfloat16", rate=3e11)
    assert compare_speeds(timed(SLOW), half)[1].verdict == "improved"
    # Its matmul rate is of another format: it says nothing of the machine.
    assert speed_notes(timed(SLOW), half) == ("dtype: float32 against bfloat16",)


def test_what_was_read_once_has_a_ratio_and_no_test() -> None:
    latency, memory = compare_speeds(timed(SLOW), timed(FAST))[3:]
    assert (latency.metric, memory.metric) == ("latency_p50_s", "peak_memory_bytes")
    for speed in (latency, memory):
        assert (speed.ratio, speed.p, speed.verdict) == (1.0, None, "not_comparable")
        assert (speed.reason or "").startswith("no test: one ")


def test_few_repeats_are_not_compared() -> None:
    [pairs, *_] = compare_speeds(timed(SLOW), timed(FAST[:6]))
    assert pairs.verdict == "not_comparable"
    assert pairs.reason == "6 repeats on one side; a comparison needs 7 on each"


def test_what_may_explain_a_difference_is_noted() -> None:
    notes = speed_notes(timed(SLOW), timed(FAST, path="padded", rate=1.5e11))
    assert "the machine itself ran at 1.50 times the speed" in notes[0]
    assert machine_drift(timed(SLOW), timed(FAST, path="padded", rate=1.5e11)) == notes[:1]
    assert notes[1] == "path: packed against padded"
    assert speed_notes(timed(SLOW), timed(FAST)) == ()
