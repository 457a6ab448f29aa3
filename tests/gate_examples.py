"""Comparisons and results made by hand, for tests of what judges and shows them."""

from __future__ import annotations

from math import sqrt
from typing import Any

from rmbench.result import (
    Comparison,
    Counts,
    Environment,
    Estimate,
    PairedEstimate,
    PairedTable,
    Provenance,
    Result,
    ScorerInfo,
    Side,
    SpeedEstimate,
    SuiteRef,
)


def scorer(name: str, **more: Any) -> ScorerInfo:
    return ScorerInfo(
        spec=f"hf:/models/{name}", kind="hf", name=name, margins_are_logits=True, **more
    )


def side(name: str) -> Side:
    return Side(
        path=f"runs/{name}", scorer=scorer(name), rmbench_version="0",
        created_at="2026-01-01T00:00:00Z",
    )  # fmt: skip


def suite_ref(name: str, kind: Any = "preference") -> SuiteRef:
    return SuiteRef(name=name, version="1", digest="a" * 64, kind=kind)


def binary(
    only_candidate: int,
    only_baseline: int,
    n: int = 1000,
    *,
    metric: str = "accuracy",
    subset: str | None = None,
    **more: Any,
) -> PairedEstimate:
    """An accuracy of single pairs; 60 % are right for both."""
    both = min(round(0.6 * n), n - only_candidate - only_baseline)
    difference = (only_candidate - only_baseline) / n
    discordant = only_candidate + only_baseline
    error = sqrt((discordant / n - difference**2) / n)
    return PairedEstimate(
        **{
            "metric": metric, "subset": subset, "unit": "fraction", "higher_is_better": True,
            "baseline": (both + only_baseline) / n, "candidate": (both + only_candidate) / n,
            "difference": difference, "standard_error": error, "n": n, "n_clusters": n,
            "ci_low": difference - 2 * error, "ci_high": difference + 2 * error,
            "ci_method": "by hand",
            "table": PairedTable(
                both=both, only_candidate=only_candidate, only_baseline=only_baseline,
                neither=n - both - discordant,
            ),
            "verdict": "inconclusive",
            **more,
        }
    )  # fmt: skip


def continuous(
    difference: float | None,
    error: float | None,
    *,
    metric: str = "nll",
    baseline: float = 0.6,
    clusters: int = 400,
    **more: Any,
) -> PairedEstimate:
    """A loss, with a clustered standard error."""
    known = difference is not None
    return PairedEstimate(
        **{
            "metric": metric, "unit": "nat", "higher_is_better": False, "baseline": baseline,
            "candidate": baseline + difference if difference is not None else None,
            "difference": difference, "standard_error": error,
            "n": clusters, "n_clusters": clusters,
            "verdict": "inconclusive" if known else "not_comparable",
            "reason": None if known else "the scorer's margins are not logits",
            **more,
        }
    )  # fmt: skip


def speed(
    ratio: float, p: float | None, *, metric: str = "tokens_per_s", **more: Any
) -> SpeedEstimate:
    return SpeedEstimate(
        **{
            "metric": metric, "unit": "tokens/s", "higher_is_better": True, "baseline": 1000.0,
            "candidate": 1000.0 * ratio, "ratio": ratio, "p": p, "repeats_baseline": 7,
            "repeats_candidate": 7, "verdict": "inconclusive",
            **more,
        }
    )  # fmt: skip


def comparison(
    *estimates: PairedEstimate,
    suite: str = "pairs",
    candidate: str | None = "new",
    speeds: tuple[SpeedEstimate, ...] = (),
    **more: Any,
) -> Comparison:
    kind = "throughput" if speeds else "preference"
    return Comparison(
        suite=suite_ref(suite, kind), baseline=side("old"),
        candidate=side(candidate) if candidate is not None else None,
        estimates=estimates, speeds=speeds, **more,
    )  # fmt: skip


def estimate(metric: str, value: float | None, **more: Any) -> Estimate:
    reason = None if value is not None else "every example is a tie"
    return Estimate(
        **{"metric": metric, "value": value, "reason": reason, "unit": "fraction", "n": 100, **more}
    )


def result(
    *estimates: Estimate,
    suite: str = "pairs",
    name: str = "new",
    kind: Any = "preference",
    **more: Any,
) -> Result:
    environment = Environment(python="3.11", platform="test", cpu="test", threads=1)
    provenance = Provenance(
        rmbench_version="0", created_at="2026-01-01T00:00:00Z", duration_s=1.0, seed=0,
        environment=environment,
    )  # fmt: skip
    counts = Counts(
        examples=100, responses=200, unique_responses=200, ties=0, truncated=0, failed=0
    )
    return Result(
        **{
            "suite": suite_ref(suite, kind), "scorer": scorer(name), "counts": counts,
            "estimates": estimates, "provenance": provenance,
            **more,
        }
    )  # fmt: skip
