"""Best-of-n curves: against the estimator of one prompt, and on real models' picks."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmbench.metrics import catalogue
from rmbench.metrics.base import MeasureContext
from rmbench.metrics.best_of_n import RankedAnswers, best_of_n_curve
from rmbench.metrics.ranking import best_of_n_gold, best_of_n_kl

answer = st.tuples(st.integers(-2, 2), st.integers(-3, 3))


@given(st.lists(st.lists(answer, min_size=1, max_size=6), min_size=1, max_size=4), st.randoms())
def test_a_curve_is_the_mean_of_every_prompts_own(prompts, random):
    rows = [(i, p / 2, g / 4) for i, answers in enumerate(prompts) for p, g in answers]
    random.shuffle(rows)
    prompt, proxy, gold = (np.array(column) for column in zip(*rows, strict=True))
    curve = best_of_n_curve(prompt, proxy, gold)
    assert curve.n.tolist() == list(range(1, min(map(len, prompts)) + 1))
    for k, n in enumerate(curve.n.tolist()):
        own = [[np.array(column) for column in zip(*a, strict=True)] for a in prompts]
        expected = np.mean([best_of_n_gold(p / 2, g / 4, n) for p, g in own])
        best = np.mean([best_of_n_gold(g / 4, g / 4, n) for _, g in own])
        assert curve.gold[k] == pytest.approx(expected, abs=1e-12)
        assert curve.oracle[k] == pytest.approx(best, abs=1e-12)
        assert curve.kl[k] == best_of_n_kl(n)
    assert (curve.regret >= -1e-12).all()
    assert (np.diff(curve.oracle) >= -1e-12).all()


def test_impossible_calls_are_refused():
    none = np.empty(0)
    with pytest.raises(ValueError, match="there are no answers"):
        best_of_n_curve(none.astype(int), none, none)
    with pytest.raises(ValueError, match="of one shape"):
        best_of_n_curve(np.zeros(2, int), np.zeros(2), np.zeros(3))
    ranked = RankedAnswers.of(np.array([0, 0, 1]), np.arange(3.0), np.arange(3.0))
    for n in (0, 2):
        with pytest.raises(ValueError, match=rf"n in \[1, 1\], got {n}"):
            ranked.expected_gold(n)


# --- as metrics: right answers are worth 1, the others 0

rewards = st.lists(st.integers(-2, 2).map(float), min_size=1, max_size=5)


@given(st.lists(st.tuples(rewards, rewards), min_size=1, max_size=4))
def test_the_metrics_are_the_estimator_of_each_example(build, examples):
    scores = build(examples)
    for n in (1, 2, 4, 8):
        accuracy = getattr(catalogue, f"BEST_OF_{n}_ACCURACY")(scores, MeasureContext())
        short = [i for i, (c, r) in enumerate(examples) if len(c) + len(r) < n]
        if short:
            assert accuracy.value is None
            assert accuracy.reason.startswith(f"{len(short)} of {len(examples)} examples have")
            continue
        truth = [np.array([1.0] * len(c) + [0.0] * len(r)) for c, r in examples]
        by_reward = [
            best_of_n_gold(np.array(c + r), t, n) for (c, r), t in zip(examples, truth, strict=True)
        ]
        assert accuracy.value == pytest.approx(np.mean(by_reward), abs=1e-12)
        if n > 1:
            regret = getattr(catalogue, f"BEST_OF_{n}_REGRET")(scores, MeasureContext())
            by_truth = [best_of_n_gold(t, t, n) for t in truth]
            assert regret.value == pytest.approx(np.mean(by_truth) - np.mean(by_reward), abs=1e-12)


def test_all_answers_of_four_are_the_best_of_n_accuracy(build):
    scores = build([((3.0,), (1.0, 2.0, 3.0)), ((0.0,), (1.0, 2.0, 3.0)), ((5.0,), (1, 2, 3))])
    found = catalogue.BEST_OF_4_ACCURACY(scores, MeasureContext())
    whole = catalogue.BEST_OF_N_ACCURACY(scores, MeasureContext())
    assert (found.value, found.ci_low, found.ci_high) == pytest.approx(
        (whole.value, whole.ci_low, whole.ci_high)
    )
    assert found.value == 0.5
    assert catalogue.BEST_OF_1_ACCURACY(scores, MeasureContext()).value == 0.25
    assert catalogue.BEST_OF_8_REGRET(scores, MeasureContext()).reason == (
        "3 of 3 examples have fewer than 8 answers"
    )


# --- 805 AlpacaEval prompts with 16 answers each, of which GPT-4 has judged the first 11


@pytest.fixture(scope="module")
def bon16(shared_data: Path) -> list[dict]:
    file = shared_data / "scores" / "alpacaeval_bon16" / "bon16.jsonl.gz"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


JUDGED = 11


@pytest.fixture(scope="module")
def gold(bon16) -> np.ndarray:
    """Preference over the baseline; shape (805, 11), [0, 1]."""
    assert all(row["gpt4_pref_vs_gpt35"][JUDGED:] == [None] * 5 for row in bon16)
    return np.array([row["gpt4_pref_vs_gpt35"][:JUDGED] for row in bon16], float)


def curve_of(proxy: np.ndarray, gold: np.ndarray):
    prompts, n = gold.shape
    return best_of_n_curve(np.repeat(np.arange(prompts), n), proxy.ravel(), gold.ravel())


def test_the_published_column_means(gold):
    assert gold.shape == (805, 11)
    means = [f"{100 * m:.2f}" for m in gold.mean(axis=0)]
    assert (means[0], means[3], means[10]) == ("27.31", "31.25", "35.45")


def test_one_answer_is_worth_the_mean_whatever_it_is_chosen_by(gold):
    rng = np.random.default_rng(0)
    for proxy in (rng.normal(size=gold.shape), gold, -gold, np.zeros_like(gold)):
        curve = curve_of(proxy, gold)
        assert curve.gold[0] == pytest.approx(gold.mean(), rel=1e-12)
        assert curve.kl[-1] == pytest.approx(np.log(11) - 10 / 11)
    # Random choice stays there at every n; choice by gold ends at the mean of the best.
    np.testing.assert_allclose(curve.gold, gold.mean(), rtol=1e-12)
    best = curve_of(gold, gold)
    assert best.gold[-1] == pytest.approx(gold.max(axis=1).mean(), rel=1e-12)
    np.testing.assert_allclose(best.regret, 0, atol=1e-12)


def test_answers_ordered_by_length_gain_with_length_and_lose_without(bon16, gold):
    length = np.array([[len(r) for r in row["responses"][:JUDGED]] for row in bon16], float)
    longer, shorter = curve_of(length, gold), curve_of(-length, gold)
    assert (np.diff(longer.gold) > 0).all()
    assert (np.diff(shorter.gold) < 0).all()
    assert shorter.best_n == 1
    assert shorter.overoptimisation == pytest.approx(shorter.gold[0] - shorter.gold[-1])


@pytest.mark.parametrize(
    ("model", "judged", "worth"),
    [
        ("OpenAssistant/oasst-rm-2.1-pythia-1.4b-epoch-2.5", 469, "32.10"),
        ("OpenAssistant/reward-model-deberta-v3-large-v2", 491, "30.12"),
        ("PKU-Alignment/beaver-7b-v1.0-cost", 418, "32.46"),
        ("PKU-Alignment/beaver-7b-v1.0-reward", 285, "27.64"),
        ("openbmb/UltraRM-13b", 314, "44.45"),
        ("weqweasdas/hh_rlhf_rm_open_llama_3b", 333, "35.17"),
    ],
)
def test_the_curve_of_a_real_models_pick(bon16, gold, model, judged, worth):
    """Only the pick of each model is known, so all other answers are equal to it.

    Then best-of-n finds the pick with chance n / N, and any other answer otherwise.
    """
    picks = np.array([row["rm_pick"][model] for row in bon16])
    inside = picks < JUDGED
    assert inside.sum() == judged
    picks, gold = picks[inside], gold[inside]
    rows = np.arange(judged)
    picked = gold[rows, picks]
    assert f"{100 * picked.mean():.2f}" == worth
    proxy = np.zeros_like(gold)
    proxy[rows, picks] = 1.0
    curve = curve_of(proxy, gold)
    others = (gold.sum(axis=1) - picked) / (JUDGED - 1)
    for n, value in zip(curve.n, curve.gold, strict=True):
        found = n / JUDGED
        assert value == pytest.approx(np.mean(found * picked + (1 - found) * others), rel=1e-12)
    assert curve.gold[-1] == pytest.approx(picked.mean(), rel=1e-12)
