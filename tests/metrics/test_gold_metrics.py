"""Best of n over graded answers: hand-worked, against every subset, and on real grades."""

from __future__ import annotations

import gzip
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from rmbench.metrics.base import MeasureContext
from rmbench.metrics.best_of_n import best_of_n_curve
from rmbench.metrics.catalogue import (
    BEST_OF_2_GOLD,
    BEST_OF_2_GOLD_REGRET,
    BEST_OF_4_GOLD,
    BEST_OF_N_GOLD,
    BEST_OF_N_GOLD_BEST,
    GOLD_FALL,
    GOLD_PEAK,
    GOLD_PEAK_N,
)
from rmbench.metrics.gold_metrics import gold_at
from rmbench.result import Result, read_scores
from rmbench.runner.run import RunRequest, run
from rmbench.scorers.spec import RunOptions
from rmbench.types import Message, PreferenceExample, ScoredBatch, Scores, fingerprint


def scores_of(rewards: list[list[float]], gold: list[list[float] | None]) -> Scores:
    examples = [
        PreferenceExample(
            f"e{i}", (Message("user", f"q{i}"),), ("a",), ("b",) * (len(r) - 1), group=f"g{i}",
            gold=None if g is None else tuple(g),
        )
        for i, (r, g) in enumerate(zip(rewards, gold, strict=True))
    ]  # fmt: skip
    flat = np.concatenate([np.array(r, float) for r in rewards])
    n = len(flat)
    return Scores.from_batch(examples, ScoredBatch(flat, np.zeros(n, int), np.zeros(n, bool)))


def test_hand_worked():
    """Gold 1, 2, 3, 4 of which the reward likes the 3 best: 2.5, 19/6, 3.25, 3."""
    scores = scores_of([[0.1, 0.2, 0.4, 0.3]] * 2, [[1, 2, 3, 4]] * 2)
    c = MeasureContext()
    assert BEST_OF_2_GOLD(scores, c).value == pytest.approx(19 / 6)
    assert BEST_OF_N_GOLD(scores, c).value == BEST_OF_4_GOLD(scores, c).value == pytest.approx(3)
    # The best of two of 1, 2, 3, 4 is worth (2 + 3 + 4 + 3 + 4 + 4) / 6.
    assert BEST_OF_2_GOLD_REGRET(scores, c).value == pytest.approx(20 / 6 - 19 / 6)
    assert BEST_OF_N_GOLD_BEST(scores, c).value == 4
    assert GOLD_PEAK_N(scores, c).value == 3
    assert GOLD_PEAK(scores, c).value == pytest.approx(3.25)
    assert GOLD_FALL(scores, c).value == pytest.approx(0.25)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_every_subset_written_out(n: int):
    draw = np.random.default_rng(n)
    rewards = draw.integers(0, 4, (6, 5)).astype(float)  # with ties
    gold = draw.normal(size=(6, 5))
    means = []
    for reward, worth in zip(rewards, gold, strict=True):
        picks = []
        for subset in combinations(range(5), n):
            top = max(reward[i] for i in subset)
            picks.append(np.mean([worth[i] for i in subset if reward[i] == top]))
        means.append(np.mean(picks))
    found = gold_at(n)(scores_of(rewards.tolist(), gold.tolist()), MeasureContext())
    assert found.value == pytest.approx(np.mean(means))
    assert found.ci_low < found.value < found.ci_high


def test_without_gold_or_answers_there_is_no_value():
    plain = scores_of([[1, 2], [2, 1]], [None, None])
    assert plain.gold is None
    assert "do not say" in BEST_OF_N_GOLD(plain, MeasureContext()).reason
    some = scores_of([[1, 2], [2, 1]], [[0, 1], None])
    reason = BEST_OF_N_GOLD(some, MeasureContext()).reason
    assert reason == "of 1 of 2 examples no gold is known"
    few = scores_of([[1, 2], [2, 1, 0, 3]], [[0, 1], [0, 1, 2, 3]])
    assert (
        BEST_OF_4_GOLD(few, MeasureContext()).reason == "1 of 2 examples have fewer than 4 answers"
    )
    assert GOLD_PEAK_N(few, MeasureContext()).value in (1, 2)


def test_a_set_without_gold_keeps_its_fingerprint():
    """That of results which are stored already."""
    example = PreferenceExample("e", (Message("user", "q"),), ("a",), ("b",))
    assert fingerprint([example]) == (
        "fb05c2e379c20a392cf748504e79646c797323326eeec1feef583ee9e0082326"
    )
    graded = PreferenceExample("e", (Message("user", "q"),), ("a",), ("b",), gold=(1.0, 0.0))
    assert fingerprint([graded]) != fingerprint([example])
    with pytest.raises(ValueError, match="gold is not one finite number a response"):
        PreferenceExample("e", (Message("user", "q"),), ("a",), ("b",), gold=(1.0,))


# --- GPT-4's preferences for 11 answers to each of 805 AlpacaEval prompts


@pytest.fixture(scope="module")
def bon16(shared_data: Path) -> list[dict]:
    file = shared_data / "scores" / "alpacaeval_bon16" / "bon16.jsonl.gz"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def measured(tmp_path: Path, scorer: str, rows: list[dict]) -> tuple[Result, Scores]:
    data = tmp_path / "graded.jsonl"
    data.write_text("".join(json.dumps(r) + "\n" for r in rows))
    options = RunOptions(progress=False)
    (stored,) = run(
        RunRequest((scorer,), ("graded",), (str(data),), tmp_path / "out", options=options)
    )
    return stored.result, read_scores(stored.path / "scores.parquet")


@pytest.mark.parametrize(("scorer", "sign"), [("length:", 1), ("shorter:", -1)])
def test_real_grades_from_the_command_line(tmp_path: Path, bon16, scorer: str, sign: int):
    rows = [
        {"id": r["id"], "prompt": r["prompt"], "responses": r["responses"][:11],
         "gold": r["gpt4_pref_vs_gpt35"][:11]}
        for r in bon16
    ]  # fmt: skip
    result, kept = measured(tmp_path, scorer, rows)
    proxy = np.array([[sign * len(text) for text in r["responses"]] for r in rows], float)
    gold = np.array([r["gold"] for r in rows])
    curve = best_of_n_curve(np.repeat(np.arange(805), 11), proxy.ravel(), gold.ravel())
    value = {e.metric: e.value for e in result.estimates if e.subset is None}
    for n in (1, 2, 4, 8):
        assert value[f"best_of_{n}_gold"] == pytest.approx(curve.gold[n - 1], rel=1e-9)
        if n > 1:
            assert value[f"best_of_{n}_gold_regret"] == pytest.approx(curve.regret[n - 1], rel=1e-9)
    assert value["best_of_16_gold"] is None
    assert value["best_of_n_gold"] == pytest.approx(curve.gold[-1], rel=1e-9)
    assert value["best_of_n_gold_best"] == pytest.approx(gold.max(axis=1).mean(), rel=1e-9)
    assert value["gold_peak_n"] == curve.best_n == (11 if sign > 0 else 1)
    assert value["gold_fall"] == pytest.approx(curve.overoptimisation, abs=1e-12)
    assert kept.gold is not None
    assert kept.gold.sum() == pytest.approx(gold.sum())


def test_a_best_of_n_file_of_reward_bench_is_joined_to_graded_rows(tmp_path: Path):
    rows = [
        {"id": str(p), "prompt": f"q{p}", "responses": [f"answer {p}.{i}" for i in range(3)],
         "gold": [0.5, p, 0.25]}
        for p in range(1, 3)
    ]  # fmt: skip
    scores = [
        {"id": [p, i], "model": "m", "prompt": f"<q>{p}", "scores": [float(i == 2)],
         "text": f"<q>{p}<a>answer {p}.{i}"}
        for p in (2, 1) for i in range(3)
    ]  # fmt: skip
    file = tmp_path / "rm.json"
    file.write_text("".join(json.dumps(s, indent=4, sort_keys=True) for s in scores))
    result, _ = measured(tmp_path, f"replay:{file}", rows)
    value = {e.metric: e.value for e in result.estimates if e.subset is None}
    assert value["best_of_n_gold"] == 0.25
    assert value["best_of_n_gold_best"] == 1.5
    assert value["best_of_1_gold"] == pytest.approx((0.5 + 1 + 0.25 + 0.5 + 2 + 0.25) / 6)
