"""The tables of bias and calibration, and the curve of the most confident comparisons."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from rmbench.metrics.comparisons import Comparisons
from rmbench.report.curves import selective
from rmbench.report.depth import bias_rows, calibration_rows
from rmbench.result import Estimate, Result, StoredRun
from rmbench.types import Scores


def with_estimates(run: StoredRun, *estimates: Estimate, logits: bool = True) -> Result:
    scorer = run.result.scorer.model_copy(update={"margins_are_logits": logits})
    return run.result.model_copy(update={"estimates": estimates, "scorer": scorer})


def estimate(metric: str, value: float | None, **more: object) -> Estimate:
    body = {"metric": metric, "value": value, "n": 40, "unit": "1"} | more
    return Estimate.model_validate(body)


def test_each_share_holds_the_largest_margins(pair_scores: Callable[..., Scores]) -> None:
    scores = pair_scores(40)
    # Distinct sizes, so that no share cuts through comparisons of one size.
    margin = scores.reward[::2] + np.linspace(0.001, 0.04, 40)
    reward = scores.reward.copy()
    reward[::2] = margin
    c = Comparisons.from_scores(Scores(**(scores.columns() | {"reward": reward}))).decided
    order = np.argsort(-np.abs(margin))
    points = selective(c, "half")
    assert [p.n for p in points] == list(range(4, 41, 4))
    for p in points:
        assert p.accuracy == pytest.approx((margin[order[: p.n]] > 0).mean())
        assert p.interval is not None
        assert p.interval.low <= p.accuracy <= p.interval.high


def test_losses_stand_beside_what_scaling_makes_of_them(runs: list[StoredRun]) -> None:
    result = with_estimates(
        runs[0],
        estimate("ece", 0.08, unit="fraction", ci_low=0.05, ci_high=0.1),
        estimate("scaled_ece", 0.02, unit="fraction"),
        estimate("nll", 0.61, unit="nat"),
        estimate("scaled_nll", None, reason="the slope is -0.1"),
        estimate("temperature", None, reason="no comparison is wrong"),
    )
    rows = {row.label: row for row in calibration_rows(result)}
    assert list(rows) == ["NLL", "ECE", "temperature"]
    assert (rows["ECE"].value, rows["ECE"].interval) == (".080", "[.050, .100]")
    assert rows["ECE"].scaled == ".020"
    assert (rows["NLL"].scaled, rows["NLL"].scaled_reason) == ("–", "the slope is -0.1")
    assert (rows["temperature"].scaled, rows["temperature"].reason) == (
        "",
        "no comparison is wrong",
    )
    assert calibration_rows(with_estimates(runs[0], logits=False)) == ()


def test_both_strata_stand_first_and_effects_have_signs(runs: list[StoredRun]) -> None:
    result = with_estimates(
        runs[0],
        estimate("style_bold_effect", None, reason="no comparison differs in bold spans"),
        estimate("length_correlation", 0.2, ci_low=0.1, ci_high=0.3),
        estimate("chosen_shorter_accuracy", 0.5, unit="fraction"),
        estimate("chosen_longer_accuracy", 0.8, unit="fraction"),
    )
    rows = bias_rows(result)
    assert [r.label for r in rows] == [
        "chosen longer",
        "chosen shorter",
        "correlation with length",
        "effect of bold",
    ]
    assert (rows[2].value, rows[2].interval) == ("+0.200", "[+0.100, +0.300]")
    assert (rows[3].value, rows[3].reason) == ("–", "no comparison differs in bold spans")


def test_a_reason_that_several_rows_share_is_said_once(runs: list[StoredRun]) -> None:
    few = "control needs 30"
    result = with_estimates(
        runs[0],
        estimate("style_header_effect", None, reason=few),
        estimate("style_bold_effect", None, reason=few),
        estimate("scaled_nll", None, reason="no slope"),
        estimate("nll", 0.6),
        estimate("scaled_brier", None, reason="no slope"),
        estimate("brier", 0.2),
    )
    assert [r.reason for r in bias_rows(result)] == [few, None]
    assert [r.scaled_reason for r in calibration_rows(result)] == ["no slope", None]
