"""RM-Bench: its published figures, from rows and results in its layouts through a whole run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmbench.errors import DataError, UsageError
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.style import style_matrix
from rmbench.metrics.subsets import mean_over_sections
from rmbench.resources import builtin_suites
from rmbench.result import Result
from rmbench.result.store import find_runs
from rmbench.runner.run import RunRequest, run
from rmbench.scorers.spec import RunOptions
from rmbench.spec import PreferenceSuite, load_suite

# Prompts of each file: all, and those in which the right answer wins where it has the fancier
# style, where both have the same, and where it has the plainer one. Each is among the ones before.
# Domains and difficulties are those published for Skywork-Reward-Llama-3.1-8B, to the last digit.
PROMPTS = {
    "chat": (129, 121, 113, 35),
    "code": (228, 154, 126, 93),
    "math": (529, 516, 312, 134),
    "safety-refuse": (284, 271, 270, 254),
    "safety-response": (157, 157, 157, 157),
}
DOMAINS = {"chat": "69.5", "math": "60.6", "code": "54.5", "safety": "95.7"}
DIFFICULTIES = {"easy_accuracy": "89.0", "normal_accuracy": "74.7", "hard_accuracy": "46.6"}
SAFETY = ("safety-refuse", "safety-response")

# Right and wrong answers' rewards by style. Where nothing is won everything is a tie; where only
# the fancier right answer wins, answers of the same style tie. Both count as wrong.
NOTHING = ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0])
EASY = ([0.0, 1.0, 2.0], [0.0, 1.0, 2.0])
NORMAL = ([0.5, 1.5, 2.5], [0.0, 1.0, 2.0])
HARD = ([3.0, 3.0, 3.0], [0.0, 1.0, 2.0])


class Published:
    """The publisher's files, and a model's results in those its program leaves."""

    def __init__(self, folder: Path) -> None:
        self.data, self.results = folder / "data", folder / "results"
        for name in PROMPTS:
            self.write(self.data / "rm_bench" / f"{name}_filtered.json", self.rows(name, False))
            self.write(self.result_of(name), self.rows(name, True))

    def result_of(self, name: str) -> Path:
        return self.results / f"{name}_filtered_m_REWORD_MODEL_20250101.json"

    def rows(self, name: str, scored: bool) -> list[dict[str, Any]]:
        n, easy, normal, hard = PROMPTS[name]
        found = []
        for i in range(n):
            won = HARD if i < hard else NORMAL if i < normal else EASY if i < easy else NOTHING
            row: dict[str, Any] = {"id": i, "prompt": f"{name} {i}", "subset": "not the domain"}
            for side, rewards in zip(("chosen", "rejected"), won, strict=True):
                row[side] = [f"{side} {style}" for style in ("short", "long", "**long**")]
                if scored:
                    row[f"score_{side}"] = rewards
            found.append(row)
        return found

    @staticmethod
    def write(path: Path, rows: list[dict[str, Any]]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rows), "utf-8")

    def measured(self, out: Path, **more: Any) -> Result:
        options = RunOptions(device="cpu", progress=False)
        scorer, dirs = f"replay:{self.results}", (str(self.data),)
        asked = RunRequest((scorer,), ("rm-bench",), dirs, out=out, options=options, **more)
        return run(asked)[0].result


@pytest.fixture
def published(tmp_path: Path) -> Published:
    return Published(tmp_path)


def percent(result: Result, metric: str, subset: str | None = None) -> str:
    found = result.estimate(metric, subset)
    assert found is not None
    assert found.value is not None, found.reason
    return f"{100 * found.value:.1f}"


def suite() -> PreferenceSuite:
    found = load_suite(builtin_suites()["rm-bench"])
    assert isinstance(found, PreferenceSuite)
    return found


def test_published_domains_difficulties_and_mean(published: Published, tmp_path: Path) -> None:
    result = published.measured(tmp_path / "out")
    assert result.counts.examples == 1327
    assert {d: percent(result, "accuracy", d) for d in DOMAINS} == DOMAINS
    assert {m: percent(result, m) for m in DIFFICULTIES} == DIFFICULTIES
    assert percent(result, "score") == "70.1"
    # The two files of safety are pooled, so what they count follows from their prompts.
    pooled = sum(sum(PROMPTS[name][1:]) for name in SAFETY)
    safety = result.estimate("accuracy", "safety")
    assert safety is not None
    assert safety.value == pytest.approx(pooled / (3 * 441), abs=1e-12)
    levels = [result.estimate(m) for m in DIFFICULTIES]
    score = result.estimate("score")
    assert score is not None
    assert np.mean([e.value for e in levels if e]) == pytest.approx(score.value, abs=1e-12)


def test_published_mean_of_published_domains() -> None:
    """Skywork-Reward-Llama-3.1-8B: 69.5, 60.6, 54.5, 95.7 give 70.075; ArmoRM: 67.7."""
    for domains, mean in (
        ((69.5, 60.6, 54.5, 95.7), "70.075"),
        ((67.8, 57.5, 53.1, 92.4), "67.700"),
    ):
        names = ["chat", "math", "code", "safety-refuse"]
        found = mean_over_sections(
            np.array(domains), np.array(names), suite().pools, require_all=True
        )
        assert f"{found.value:.3f}" == mean
    assert f"{np.mean([89.0, 74.7, 46.6]):.1f}" == "70.1"


def test_the_matrix_of_a_run_is_that_of_the_publishers_formula(
    published: Published, tmp_path: Path
) -> None:
    """``M[i][j]`` is the share of prompts whose chosen i is strictly above rejected j."""
    published.measured(tmp_path / "out")
    (stored,) = find_runs([tmp_path / "out"])
    scores = stored.scores()
    chat = scores.where(scores.subset == "chat")
    found = style_matrix(Comparisons.from_scores(chat), "wrong")
    expected = np.zeros((3, 3))
    for row in published.rows("chat", True):
        for i, right in enumerate(row["score_chosen"]):
            for j, wrong in enumerate(row["score_rejected"]):
                expected[i, j] += (right > wrong) / 129
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_a_missing_domain_is_named_and_gives_no_score(published: Published, tmp_path: Path) -> None:
    (published.data / "rm_bench/math_filtered.json").unlink()
    with pytest.raises(UsageError, match=r"missing: math_filtered\.json "):
        published.measured(tmp_path / "out")
    published.result_of("math").unlink()
    result = published.measured(tmp_path / "out", allow_partial=True)
    assert result.estimate("score") is None
    mean = result.estimate("section_mean_accuracy")
    assert mean is not None
    assert (mean.value, mean.reason) == (None, "no example in section 'math'")
    assert percent(result, "accuracy", "chat") == DOMAINS["chat"]


def test_a_domain_without_results_is_named(published: Published, tmp_path: Path) -> None:
    published.result_of("math").unlink()
    with pytest.raises(DataError, match=r": 529 of 1327 .*, among them all of subset 'math' "):
        published.measured(tmp_path / "out")
