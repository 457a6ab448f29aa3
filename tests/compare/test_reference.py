"""The reference results, compared, give the figures of docs/compare.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmbench.compare import CompareRequest, compare
from rmbench.report.compare_content import change, probability
from rmbench.report.numbers import fraction
from rmbench.resources import reference_dir
from rmbench.result import Comparison, find_runs

DOCS = Path(__file__).parents[2] / "docs" / "compare.md"
GRM, SKYWORK, INTERNLM = "Ray2333_GRM", "Skywork_", "internlm_"


def on_judgebench(baseline: str, candidate: str) -> Comparison:
    found = {
        run.result.scorer.name: run.path
        for run in find_runs([reference_dir()])
        if run.result.suite.name == "judgebench"
    }
    paths = [
        next(path for name, path in found.items() if name.startswith(start))
        for start in (baseline, candidate)
    ]
    [comparison] = compare(CompareRequest(paths[0], (paths[1],))).comparisons
    return comparison


@pytest.mark.parametrize(
    ("baseline", "candidate", "row"),
    [
        (GRM, SKYWORK, "| Skywork-8B against GRM-2B | +2.9"),
        (INTERNLM, SKYWORK, "| Skywork-8B against internlm2-7b | +2.9"),
        (GRM, INTERNLM, "| internlm2-7b against GRM-2B | 0.0"),
    ],
)
def test_the_three_models_differ_in_calibration_only(
    baseline: str, candidate: str, row: str
) -> None:
    found = on_judgebench(baseline, candidate)
    accuracy, nll, scaled = (found.estimate(m) for m in ("accuracy", "nll", "scaled_nll"))
    assert accuracy is not None
    assert nll is not None
    assert scaled is not None
    assert accuracy.ci_low is not None
    assert accuracy.ci_high is not None
    assert accuracy.p is not None
    assert accuracy.detectable is not None
    [line] = [x for x in DOCS.read_text(encoding="utf-8").splitlines() if x.startswith(row)]
    ends = ", ".join(change(v, "fraction")[:-7] for v in (accuracy.ci_low, accuracy.ci_high))
    assert line == (
        f"{row} points [{ends}] | {probability(accuracy.p)[4:]} | "
        f"{accuracy.wins} / {accuracy.losses} | "
        f"{change(accuracy.detectable, 'fraction', signed=False)[:-7]} | {accuracy.verdict} |"
    )
    assert nll.verdict in ("improved", "regression")
    assert scaled.verdict == "inconclusive"


def test_only_one_of_them_is_shown_to_beat_the_shorter_answer() -> None:
    text = DOCS.read_text(encoding="utf-8")
    p_values = []
    for name in (SKYWORK, GRM, INTERNLM):
        e = on_judgebench("shorter", name).estimate("accuracy")
        assert e is not None
        assert e.p is not None
        assert f"{change(e.difference or 0.0, 'fraction')} [" in text
        assert f"| {fraction(e.p)} |" in text
        p_values.append(e.p)
    assert p_values[0] < 0.05
    assert all(p > 0.05 for p in p_values[1:])
