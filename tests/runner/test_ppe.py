"""PPE end to end: rows and result files in the publisher's layout, figures written out in Python.

The sets are as large as the publisher's, of short made-up answers; question ids recur between
them, and one of their answers fails in the publisher's program.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from rmbench.errors import DataError, ScorerError, UsageError
from rmbench.metrics.ppe_metrics import ORDERS
from rmbench.resources import builtin_suites
from rmbench.result import Result
from rmbench.runner.run import RunRequest, run
from rmbench.scorers.spec import RunOptions

SETS = {"MMLU-Pro": 512, "MATH": 512, "GPQA": 512, "IFEval": 512, "MBPP-Plus": 507}
MODELS = ("gpt-4o-mini-2024-07-18", "gemma-2-9b-it")


class Published:
    """What lies in the publisher's files: rows to score, and a reward model's scores of them."""

    def __init__(self, folder: Path, sizes: dict[str, int] = SETS) -> None:
        self.data, self.results = folder / "data", folder / "ppe-result-data"
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.rewards: dict[str, np.ndarray] = {}
        draw = np.random.default_rng(7)
        for name, n in sizes.items():
            right = draw.random((n, 32)) < draw.uniform(0.2, 0.8, (n, 1))
            some = np.argsort(draw.random((n, 32)), axis=1)
            right[np.arange(n), some[:, 0]], right[np.arange(n), some[:, 1]] = True, False
            # Coarse, so that ties occur.
            rewards = np.round(right * 0.8 + draw.normal(0, 1, (n, 32)), 1)
            self.rewards[name.lower()] = rewards
            self.rows[name.lower()] = [self._row(i, right[i], draw) for i in range(n)]
            self._write(name)

    def _row(self, i: int, right: np.ndarray, draw: np.random.Generator) -> dict[str, Any]:
        conflicts = [[a, b] for a in range(32) for b in range(a) if right[a] != right[b]]
        sampled = [conflicts[k] for k in draw.integers(0, len(conflicts), 5)]
        return {
            "question_id": str(i // 2),  # each question is put to two models
            "model_name": MODELS[i % 2],
            "prompt": f"question {i}?",
            "scores": right.tolist(),
            "mean_score": float(right.mean()),
            **{f"response_{k + 1}": f"answer {i}.{k}" for k in range(32)},
            "conflict_pairs": conflicts[:10],
            "sampled_conflict_pairs": sampled,
        }

    def _write(self, name: str) -> None:
        rows = self.rows[name.lower()]
        folder = self.data / "ppe_correctness" / f"PPE-{name}-Best-of-K" / "data"
        folder.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows), folder / "train-00000-of-00001.parquet")
        self.write_results(name.lower())

    def results_of(self, name: str) -> Path:
        return self.results / f"{name.replace('-', '_')}_best_of_k" / "my-rm.json"

    def write_results(self, name: str, **failed: str) -> Path:
        """A model's scores of a set; ``failed`` maps ``row_column`` to what stands there."""
        body = []
        for i, (row, rewards) in enumerate(zip(self.rows[name], self.rewards[name], strict=True)):
            # Every third one as a list of one number, as some pipelines leave it.
            scores = {f"score_{k + 1}": [x] if k % 3 else x for k, x in enumerate(rewards.tolist())}
            scores |= {f"score_{k.split('_')[2]}": v for k, v in failed.items()
                       if k.startswith(f"row_{i}_")}  # fmt: skip
            kept = {k: row[k] for k in ("question_id", "model_name", "sampled_conflict_pairs")}
            body.append(kept | scores)
        file = self.results_of(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(body), "utf-8")
        return file


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return Published(tmp_path_factory.mktemp("ppe"))


def measured(published: Published, scorer: str, suite: str, out: Path, **more: Any) -> Result:
    options = RunOptions(device="cpu", progress=False)
    asked = RunRequest(
        (scorer,), (suite,), data_dirs=(str(published.data),), out=out, options=options, **more
    )
    return run(asked)[0].result


@pytest.fixture
def best_of_k(tmp_path: Path) -> str:
    """The suite without the metrics that are not the publisher's, which take longer."""
    suite = builtin_suites()["ppe-best-of-k"].read_text("utf-8")
    before, _, after = suite.partition("metrics = [")
    kept = ["best_of_32_accuracy", "macro_best_of_n_accuracy", "ppe_max_score", "ppe_loss"]
    path = tmp_path / "ppe-best-of-k.toml"
    path.write_text(f"{before}metrics = {[*kept, 'ppe_auc']}{after.partition(']')[2]}", "utf-8")
    return str(path)


def value(result: Result, metric: str, subset: str | None = None) -> float:
    found = result.estimate(metric, subset)
    assert found is not None
    assert found.value is not None, found.reason
    return found.value


def test_sampled_pairs_as_published(published: Published, tmp_path: Path) -> None:
    """Over the pairs of a prompt, then over prompts, then over sets; equal rewards are half.

    The sets' files of results have one name in five folders, and ids that recur between them.
    """
    result = measured(
        published, f"replay:{published.results}/*/my-rm.json", "ppe-correctness", tmp_path
    )
    sets = {}
    for name, rows in published.rows.items():
        prompts = []
        for row, reward in zip(rows, published.rewards[name], strict=True):
            won = []
            for i, j in row["sampled_conflict_pairs"]:
                better, worse = (i, j) if row["scores"][i] else (j, i)
                won.append(float(np.sign(reward[better] - reward[worse])) / 2 + 0.5)
            prompts.append(fmean(won))
        sets[name] = fmean(prompts)
        assert value(result, "group_mean_accuracy", name) == pytest.approx(sets[name], abs=1e-12)
    assert value(result, "score") == pytest.approx(fmean(sets.values()), abs=1e-12)
    assert result.counts.examples == 5 * 2555
    assert not result.partial
    assert result.provenance.data is not None
    assert len(result.provenance.data.files) == 5


def test_best_of_k_as_published(published: Published, tmp_path: Path, best_of_k: str) -> None:
    result = measured(published, f"replay:{published.results}/*/my-rm.json", best_of_k, tmp_path)
    ends, maxima, losses, areas = [], [], [], []
    for name, rows in published.rows.items():
        truth = np.array([row["scores"] for row in rows])
        reward = published.rewards[name]
        top = reward == reward.max(axis=1, keepdims=True)
        ends.append(fmean((truth & top).sum(axis=1) / top.sum(axis=1)))
        spread = np.ptp(reward, axis=1, keepdims=True)
        scaled = (reward - reward.min(axis=1, keepdims=True)) / spread
        areas.append(roc_auc_score(truth.ravel(), scaled.ravel()))
        # Other orders, and as published one for all prompts at a time: of 600 of either kind the
        # standard deviation is .005 (maximum) and .004 (loss).
        draw = np.random.default_rng(20)
        per_order = []
        for _ in range(30):
            order = draw.permutation(32)
            curve, best = [], []
            for k in range(1, 33):
                first = order[:k]
                pick = first[np.argmax(reward[:, first], axis=1)]
                curve.append(truth[np.arange(len(rows)), pick].mean())
                best.append(truth[:, first].any(axis=1).mean())
            gap = np.array(best) - np.array(curve)
            per_order.append((max(curve), (gap**2).mean()))
        maxima.append(fmean(m for m, _ in per_order))
        losses.append(fmean(loss for _, loss in per_order))
        assert value(result, "ppe_auc", name) == pytest.approx(areas[-1], abs=1e-12)
        assert value(result, "ppe_max_score", name) == pytest.approx(maxima[-1], abs=0.005)
        assert value(result, "ppe_loss", name) == pytest.approx(losses[-1], abs=0.004)
    assert value(result, "score") == pytest.approx(fmean(ends), abs=1e-12)
    assert value(result, "ppe_auc") == pytest.approx(fmean(areas), abs=1e-12)
    assert value(result, "ppe_max_score") == pytest.approx(fmean(maxima), abs=0.003)
    assert value(result, "ppe_loss") == pytest.approx(fmean(losses), abs=0.002)
    # The highest of noisy points is above the mean curve's end.
    assert value(result, "ppe_max_score") > value(result, "best_of_32_accuracy") - 1e-9
    assert ORDERS == 100


def test_one_set_by_itself(published: Published, tmp_path: Path) -> None:
    result = measured(
        published, f"replay:{published.results_of('gpqa')}", "ppe-best-of-k", tmp_path,
        allow_partial=True,
    )  # fmt: skip
    assert result.partial
    assert result.counts.examples == 512
    assert value(result, "ppe_auc") == value(result, "ppe_auc", "gpqa")
    with pytest.raises(DataError, match=r"2043 of 2555 examples have no row in it \('mmlu-pro/0/"):
        measured(
            published, f"replay:{published.results_of('gpqa')}", "ppe-best-of-k", tmp_path
        )  # fmt: skip


def test_failed_scores_are_refused_left_out_or_lowest_as_published(
    tmp_path: Path, best_of_k: str
) -> None:
    mine = Published(tmp_path, dict.fromkeys(SETS, 20))
    suite = Path(best_of_k)
    suite.write_text(suite.read_text("utf-8").replace("examples = 2555", "examples = 100"), "utf-8")
    mine.write_results("math", row_3_1="$ERROR$", row_3_2=["$ERROR$"], row_8_32="$ERROR$")
    pattern = f"replay:{mine.results}/*/my-rm.json"
    with pytest.raises(ScorerError, match=r"no finite reward for 2 of 100 examples \('math/1/"):
        measured(mine, pattern, best_of_k, tmp_path)
    left = measured(mine, pattern, best_of_k, tmp_path, allow_partial=True)
    assert (left.counts.examples, left.counts.failed, left.partial) == (98, 2, True)
    spec = tmp_path / "my-rm.toml"
    spec.write_text(
        f'kind = "replay"\ntarget = "{mine.results}/*/my-rm.json"\nfailed_scores = "lowest"\n'
    )
    result = measured(mine, str(spec), best_of_k, tmp_path)
    for place in ((3, 0), (3, 1), (8, 31)):
        mine.rewards["math"][place] = -np.inf
    truth = np.array([row["scores"] for row in mine.rows["math"]])
    top = mine.rewards["math"] == mine.rewards["math"].max(axis=1, keepdims=True)
    end = fmean((truth & top).sum(axis=1) / top.sum(axis=1))
    assert value(result, "best_of_32_accuracy", "math") == pytest.approx(end, abs=1e-12)
    assert not result.partial
    assert not result.scorer.margins_are_logits
    notes = " ".join(result.provenance.notes)
    assert "3 scores of my-rm.json are $ERROR$ and count as the lowest of their rows" in notes


def test_a_pattern_that_finds_nothing_is_one_line(published: Published, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"replay:.*other\.json: finds no file of scores"):
        measured(published, f"replay:{published.results}/*/other.json", "ppe-best-of-k", tmp_path)
