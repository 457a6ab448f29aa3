"""The bag of words: what it learns, that it is the same every time, and what it says of itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from rmbench.data.load import load_preferences
from rmbench.errors import DataError, ScorerError, TrainingError, UsageError
from rmbench.metrics import catalogue
from rmbench.metrics.base import MeasureContext
from rmbench.scorers.bow import BagOfWords, is_bow_file
from rmbench.scorers.spec import RunOptions, create_scorer, parse_scorer
from rmbench.train.bow import fit_bow
from rmbench.types import (
    Message,
    PreferenceExample,
    PreferenceSet,
    ScoredBatch,
    Scores,
    conversations,
)


def example(
    key: int, chosen: Sequence[str], rejected: Sequence[str], preference: float = 1.0
) -> PreferenceExample:
    prompt = (Message("user", f"q{key}"),)
    return PreferenceExample(
        str(key), prompt, tuple(chosen), tuple(rejected), preference=preference
    )


def as_set(*examples: PreferenceExample) -> PreferenceSet:
    return PreferenceSet("mine", examples, source="mine")


TOY = as_set(
    example(0, ["yes good day"], ["no bad day"]),
    example(1, ["good yes"], ["bad no night", "no good"]),
    example(2, ["no bad"], ["yes good night"], preference=0.25),
    example(3, ["day"], ["night"], preference=0.5),
    example(4, ["good night", "good day"], ["bad"], preference=0.75),
)


def features(texts: Sequence[str], model: BagOfWords) -> np.ndarray:
    """Tf-idf written out: damped counts times idf, to length 1; then ln(1 + characters)."""
    rows = []
    for text in texts:
        words = text.lower().split()
        grams = words + [" ".join(pair) for pair in pairwise(words)]
        counts = np.array([grams.count(t) for t in model.terms], float)
        damped = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0) * np.array(model.idf)
        norm = np.linalg.norm(damped)
        rows.append([*(damped / norm if norm else damped), np.log1p(len(text))])
    return np.array(rows)


def test_the_weights_minimise_the_penalised_bradley_terry_loss() -> None:
    model = fit_bow([TOY], rare=1, regularisation=2.0)
    # The same loss, every comparison and vote share by hand, given to another minimiser.
    rows, weights, votes = [], [], []
    for e in TOY:
        if e.preference == 0.5:
            continue
        x, y = features(e.chosen, model), features(e.rejected, model)
        for a in x:
            for b in y:
                rows.append(a - b)
                weights.append(1 / (len(x) * len(y)))
                votes.append(e.preference)
    d, w, p = np.array(rows), np.array(weights), np.array(votes)

    def loss(b: np.ndarray) -> float:
        z = d @ b
        each = p * np.logaddexp(0, -z) + (1 - p) * np.logaddexp(0, z)
        return float(w @ each + b @ b / (2 * 2.0))

    best = minimize(loss, np.zeros(d.shape[1]), method="BFGS", options={"gtol": 1e-8})
    found = np.array([*model.weights, model.length_weight])
    np.testing.assert_allclose(found, best.x, atol=2e-4)
    assert loss(found) == pytest.approx(best.fun, rel=1e-7)


def test_rewards_are_what_the_formula_says() -> None:
    model = fit_bow([TOY], rare=1)
    texts = ["good good day", "unheard of", "", "Yes BAD", "yes, bad"]
    by_hand = features([t.replace(",", " ") for t in texts], model)[:, :-1] @ model.weights
    lengths = np.log1p([len(t) for t in texts]) * model.length_weight
    np.testing.assert_allclose(model.rewards(texts), by_hand + lengths, rtol=1e-12, atol=1e-12)
    assert model.rewards([]).shape == (0,)


def test_what_is_fitted_twice_is_the_same_and_survives_its_file(tmp_path: Path) -> None:
    first, second = fit_bow([TOY], rare=1), fit_bow([TOY], rare=1)
    assert first == second
    first.save(tmp_path / "model.json")
    assert is_bow_file(tmp_path / "model.json")
    assert [p.name for p in tmp_path.iterdir()] == ["model.json"]
    assert BagOfWords.load(tmp_path / "model.json") == first


def test_terms_that_are_rare_or_too_many_are_left_out() -> None:
    model = fit_bow([TOY], rare=3)
    answers = {t for e in TOY if e.preference != 0.5 for t in e.responses}
    for word in ("good", "no", "unseen"):
        frequent = sum(word in t.split() for t in answers) >= 3
        assert (word in model.terms) == frequent
    assert len(fit_bow([TOY], rare=1, most_terms=4).terms) == 4


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(TrainingError, match="every example is a tie"):
        fit_bow([as_set(example(0, ["a"], ["b"], preference=0.5))])
    with pytest.raises(TrainingError, match="no word stands in 3 of 2 different answers"):
        fit_bow([as_set(example(0, ["a"], ["b"]))], rare=3)
    with pytest.raises(TrainingError, match="no word stands"):
        fit_bow([as_set(example(0, ["?"], ["!"]))], rare=1)


# --- as a scorer


def write(path: Path, n: int) -> Path:
    rows = [
        {"id": str(i), "prompt": f"q{i}", "chosen": f"surely {i}", "rejected": f"perhaps {i % 3}"}
        for i in range(n)
    ]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def test_it_is_fitted_to_what_it_names_and_says_so(tmp_path: Path) -> None:
    file = write(tmp_path / "train.jsonl", 12)
    said: list[str] = []
    scorer = create_scorer(parse_scorer(f"bow:{file}"), RunOptions(report=said.append))
    info = scorer.info
    assert (info.kind, info.name, info.spec) == (
        "bow",
        f"bow ({tmp_path.name}/train)",
        f"bow:{file}",
    )
    assert info.content_blind
    assert info.margins_are_logits
    data = load_preferences(str(file))
    assert info.options["trained_on"] == [
        {"source": str(file), "fingerprint": data.fingerprint, "examples": 12}
    ]
    assert set(info.options["strongest_terms"]) >= {"surely", "perhaps"}
    assert len(said) == 1
    assert "fitted to 12 examples" in said[0]
    asked = [example(1, ["surely"], ["perhaps"]), example(99, ["x"], ["y"])]
    reward = scorer.score(conversations(asked)).reward
    assert reward[0] > reward[1]
    assert scorer.notes() == (f"{info.name} was fitted on 1 of these 2 prompts, too",)
    scorer.score(conversations(asked[1:]))
    assert scorer.notes() == ()


def test_a_saved_one_scores_alike(tmp_path: Path) -> None:
    file = write(tmp_path / "train.jsonl", 12)
    fit_bow([load_preferences(str(file))]).save(tmp_path / "bow.json")
    fitted, saved = (
        create_scorer(parse_scorer(f"bow:{source}"), RunOptions())
        for source in (file, tmp_path / "bow.json")
    )
    asked = conversations([example(1, ["surely so"], ["perhaps not"])])
    np.testing.assert_array_equal(fitted.score(asked).reward, saved.score(asked).reward)
    assert fitted.info.options["trained_on"] == saved.info.options["trained_on"]


def test_bad_targets_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs preferences to learn from"):
        create_scorer(parse_scorer("bow:"), RunOptions())
    with pytest.raises(DataError, match="no such file or folder"):
        create_scorer(parse_scorer(f"bow:{tmp_path}/none.jsonl"), RunOptions())
    model = fit_bow([TOY], rare=1)
    model.save(tmp_path / "bow.json")
    whole = (tmp_path / "bow.json").read_text()
    for damaged, message in (
        (whole[:-9], "is no bag of words"),
        (whole.replace('"length_weight":', '"length_weight":"x",".":'), "length_weight"),
        (whole.replace('"weights":[', '"weights":[0.5,'), "terms, .* idf and .* weights"),
        (whole.replace('"weights":[', '"weights":[1e999,'), "weights"),
    ):
        (tmp_path / "bow.json").write_text(damaged)
        with pytest.raises(ScorerError, match=message) as caught:
            create_scorer(parse_scorer(f"bow:{tmp_path}/bow.json"), RunOptions())
        assert "\n" not in str(caught.value)


def test_word_counts_alone_tell_real_solutions_with_an_injected_error(shared_data: Path) -> None:
    folder = shared_data / "prmbench"
    train = load_preferences(str(folder / "train.jsonl.gz"), limit=1500, identical="keep")
    test = load_preferences(str(folder / "test.jsonl.gz"), limit=600, identical="keep")
    assert not {e.prompt for e in train} & {e.prompt for e in test}
    model = fit_bow([train])
    rewards = model.rewards([c.response for c in conversations(test)])
    n = len(rewards)
    scores = Scores.from_batch(
        test, ScoredBatch(rewards, np.zeros(n, np.int64), np.zeros(n, np.bool_))
    )
    accuracy = catalogue.ACCURACY(scores, MeasureContext())
    assert accuracy.ci_low is not None
    assert accuracy.ci_low > 0.8
