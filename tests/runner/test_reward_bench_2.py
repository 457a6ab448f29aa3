"""RewardBench 2 from rows and scores in its publisher's layouts to the result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rmbench.errors import DataError
from rmbench.result import Result
from rmbench.runner.run import RunRequest, run
from rmbench.scorers.spec import RunOptions

SIZES = {"Factuality": 475, "Precise IF": 160, "Math": 183, "Safety": 450, "Focus": 495}
PAIRS = 51


def data(rng: np.random.Generator) -> tuple[list[dict[str, Any]], list[list[float]]]:
    """Rows as on the Hub, ids recurring in Factuality, and coarse rewards with many ties."""
    rows: list[dict[str, Any]] = []

    def add(key: str, subset: str, n_right: int, n_wrong: int) -> None:
        name = f"{subset} {len(rows)}"
        rows.append(
            {
                "id": key,
                "prompt": name,
                "chosen": [f"{name} right {i}" for i in range(n_right)],
                "rejected": [f"{name} wrong {i}" for i in range(n_wrong)],
                "num_correct": n_right,
                "num_incorrect": n_wrong,
                "total_completions": n_right + n_wrong,
                "models": ["m"] * (n_right + n_wrong),
                "subset": subset,
                "additional_metadata": {"index": 1.0, "label": None},
            }
        )

    for subset, n in SIZES.items():
        for i in range(n):
            add(str(i % 435), subset, 1, 3)
    for half in ("ref", "tied"):
        for i in range(PAIRS):
            add(f"{half}:{i}", "Ties", 1 if half == "ref" else int(rng.integers(2, 20)), 5)
    rewards = []
    for row in rows:
        right, wrong = row["num_correct"], row["num_incorrect"]
        drawn = np.r_[rng.normal(2.2, 0.7, right), rng.normal(0.0, 0.9, wrong)]
        rewards.append(np.round(drawn * 2).tolist())
    return rows, rewards


def replay(tmp_path: Path, rows: list[dict[str, Any]], body: dict[str, Any]) -> Result:
    folder = tmp_path / "data/reward_bench_2/data"
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "test-00000-of-00001.parquet")
    file = tmp_path / "m.json"
    file.write_text(json.dumps(body, indent=4, sort_keys=True), "utf-8")
    request = RunRequest(
        (f"replay:{file}",),
        ("reward-bench-2",),
        (str(tmp_path / "data"),),
        out=tmp_path / "out",
        options=RunOptions(device="cpu", progress=False),
    )
    return run(request)[0].result


def scores_file(rows: list[dict[str, Any]], rewards: list[list[float]]) -> dict[str, Any]:
    """As the publisher's program leaves it."""
    return {
        "model": "m",
        "model_type": "Seq. Classifier",
        "chat_template": "tokenizer",
        "id": [r["id"] for r in rows],
        "subset": [r["subset"] for r in rows],
        "num_correct": [r["num_correct"] for r in rows],
        "results": [0.0] * len(rows),
        "scores": [[[x] for x in row] for row in rewards],
        "text": [[*r["chosen"], *r["rejected"]] for r in rows],
    }


def published_score(rows: list[dict[str, Any]], rewards: list[list[float]]) -> dict[str, float]:
    """The published rules in numpy, which makes of x / 0 what the publisher's program does."""
    found = {}
    for subset in SIZES:
        results = [
            1 / s.count(max(s)) if s[0] == max(s) else 0.0
            for r, s in zip(rows, rewards, strict=True)
            if r["subset"] == subset
        ]
        found[subset] = float(np.mean(results))
    gap = np.zeros((2, PAIRS))
    spread = np.zeros(PAIRS)
    for r, s in zip(rows, rewards, strict=True):
        if r["subset"] == "Ties":
            half, number = r["id"].split(":")
            k = r["num_correct"]
            gap[("ref", "tied").index(half), int(number)] = min(s[:k]) - max(s[k:])
            if half == "tied":
                spread[int(number)] = max(s[:k]) - min(s[:k])
    lower = gap.min(axis=0)
    with np.errstate(all="ignore"):
        margin = np.nan_to_num(np.tanh(lower / spread - 1), nan=0.0)
    found["Ties"] = float(
        0.30 * (gap[1] > 0).mean()
        + 0.30 * (gap[0] > 0).mean()
        + 0.20 * (gap[1] > spread).mean()
        + 0.20 * (lower > spread).mean()
        + 0.01 * margin.mean()
    )
    return found


@pytest.mark.parametrize("seed", [0, 1])
def test_a_published_scores_file_gives_the_published_rules_figures(tmp_path: Path, seed: int):
    rows, rewards = data(np.random.default_rng(seed))
    expected = published_score(rows, rewards)
    assert 0.1 < expected["Ties"] < 1
    result = replay(tmp_path, rows, scores_file(rows, rewards))
    for subset, value in expected.items():
        found = result.estimate("reward_bench_2_score", subset)
        assert found is not None
        assert found.value == pytest.approx(value, abs=1e-12)
    score = result.estimate("score")
    assert score is not None
    assert score.value == pytest.approx(np.mean(list(expected.values())), abs=1e-12)
    assert score.n == 1865
    assert score.ci_low is not None
    ties = result.estimate("ties_score")
    assert ties is not None
    assert (ties.value, ties.n) == (pytest.approx(expected["Ties"], abs=1e-12), 102)


def test_wrong_ids_of_a_published_file_do_not_matter(tmp_path: Path):
    """In published files ids 30 to 39 stand where 0 to 9 belong: the order decides."""
    rows, rewards = data(np.random.default_rng(0))
    body = scores_file(rows, rewards)
    before = replay(tmp_path, rows, body).estimate("score")
    body["id"] = [str(i + 30) if i < 10 else key for i, key in enumerate(body["id"])]
    result = replay(tmp_path, rows, body)
    assert result.estimate("score") == before
    assert any("by their order" in note for note in result.provenance.notes)


def test_rows_in_another_order_are_refused(tmp_path: Path):
    rows, rewards = data(np.random.default_rng(0))
    body = scores_file(rows, rewards)
    with pytest.raises(DataError, match=r"another order|other answers"):
        replay(tmp_path, rows[::-1], body)
