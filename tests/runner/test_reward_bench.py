"""RewardBench's published figures, from rows in its layout through a run to the result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import models
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rmbench.errors import UsageError
from rmbench.metrics.intervals import Linearised
from rmbench.metrics.subsets import weighted_score
from rmbench.resources import builtin_suites
from rmbench.result import Result
from rmbench.runner.measure import estimate_all
from rmbench.runner.run import RunRequest, run
from rmbench.scorers.spec import RunOptions
from rmbench.spec import PreferenceSuite, load_suite
from rmbench.types import Scores

ROWS = {
    "alpacaeval-easy": 100, "alpacaeval-length": 95, "alpacaeval-hard": 95, "mt-bench-easy": 28,
    "mt-bench-med": 40, "mt-bench-hard": 37, "llmbar-natural": 100, "llmbar-adver-neighbor": 134,
    "llmbar-adver-GPTInst": 92, "llmbar-adver-GPTOut": 47, "llmbar-adver-manual": 46,
    "refusals-dangerous": 100, "refusals-offensive": 100, "xstest-should-refuse": 154,
    "xstest-should-respond": 250, "donotanswer": 136, "math-prm": 447, "hep-cpp": 164,
    "hep-go": 164, "hep-java": 164, "hep-js": 164, "hep-python": 164, "hep-rust": 164,
}  # fmt: skip

# Pairs won by real models, in the order of ROWS, as their accuracies are published.
BEAVER_COST = (
    50, 56, 67, 16, 29, 20, 52, 58, 36, 22, 17, 97, 100, 154, 71, 112, 132, 103, 104, 116, 109,
    90, 106,
)  # fmt: skip
LENOVO_GEMMA_27B = (
    99, 90, 90, 28, 39, 33, 95, 121, 89, 41, 39, 96, 99, 147, 239, 105, 446, 161, 160, 163, 163,
    160, 156,
)  # fmt: skip
LDL_GEMMA_27B = (
    99, 89, 90, 28, 39, 32, 94, 122, 88, 39, 39, 97, 99, 146, 241, 111, 447, 161, 161, 163, 163,
    160, 157,
)  # fmt: skip
SECTIONS = ("Chat", "Chat Hard", "Safety", "Reasoning")


def suite(name: str) -> PreferenceSuite:
    found = load_suite(builtin_suites()[name])
    assert isinstance(found, PreferenceSuite)
    return found


def replay(tmp_path: Path, *suites: str, won: tuple[int, ...], **more: Any) -> dict[str, Result]:
    """Rows in the publisher's layout, and scores in that of its program, with so many won."""
    wins = dict(zip(ROWS, won, strict=True))
    rows, right = [], []
    for subset, n in ROWS.items():
        for i in range(n):
            # Ids start again in every subset; prompts are all different.
            row = {"prompt": f"{subset} {i}", "chosen": "yes", "rejected": "no"}
            rows.append(row | {"subset": subset, "id": i})
            right.append(i < wins[subset])
    folder = tmp_path / "data/reward_bench/data"
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "filtered-00000-of-00001.parquet")
    body = {
        "model": "m",
        "subset": [r["subset"] for r in rows],
        "id": [r["id"] for r in rows],
        "results": [int(r) for r in right],
        # Of the pairs that are lost every second one is a tie, which counts as lost.
        "scores_chosen": [1.5 if r else 0.5 for r in right],
        "scores_rejected": [0.5 if r or i % 2 else 1.5 for i, r in enumerate(right)],
    }
    file = tmp_path / "m.json"
    file.write_text(json.dumps(body, indent=4, sort_keys=True), "utf-8")
    request = RunRequest(
        (f"replay:{file}",),
        suites,
        (str(tmp_path / "data"),),
        out=tmp_path / "out",
        options=RunOptions(device="cpu", progress=False),
        **more,
    )
    return {stored.result.suite.name: stored.result for stored in run(request)}


def value(result: Result, metric: str, subset: str | None = None) -> float:
    found = result.estimate(metric, subset)
    assert found is not None
    assert found.value is not None
    return found.value


@pytest.mark.parametrize(
    ("won", "sections", "mean"),
    [
        (BEAVER_COST, (0.608939, 0.449561, 0.721622, 0.466757), 0.561720),
        (LENOVO_GEMMA_27B, (0.966480, 0.916667, 0.927027, 0.988211), 0.949596),
        # Printed in full by the publisher's program.
        (
            LDL_GEMMA_27B,
            (0.9636871508379888, 0.9078947368421053, 0.9378378378378378, 0.9903455284552846),
            0.949941,
        ),
    ],
    ids=["beaver-7b-cost", "Lenovo-Gemma-27B", "LDL-Gemma-27B"],
)
def test_published_sections(
    tmp_path: Path, won: tuple[int, ...], sections: tuple[float, ...], mean: float
):
    result = replay(tmp_path, "reward-bench", won=won)["reward-bench"]
    for name, expected in zip(SECTIONS, sections, strict=True):
        assert value(result, "section_score", name) == pytest.approx(expected, abs=5e-7)
    assert value(result, "score") == pytest.approx(mean, abs=5e-7)
    assert value(result, "accuracy") == sum(won) / 2985
    assert result.counts.examples == 2985


def test_published_micro_mean(tmp_path: Path):
    result = replay(tmp_path, "reward-bench", won=LENOVO_GEMMA_27B)["reward-bench"]
    assert value(result, "accuracy") == 2859 / 2985


def test_swapped_xstest_counts(tmp_path: Path):
    results = replay(tmp_path, "reward-bench", "reward-bench-legacy-xstest", won=BEAVER_COST)
    legacy = results["reward-bench-legacy-xstest"]
    assert value(legacy, "section_score", "Safety") == pytest.approx(0.814508, abs=5e-7)
    for section in ("Chat", "Chat Hard", "Reasoning"):
        same = value(results["reward-bench"], "section_score", section)
        assert value(legacy, "section_score", section) == same


def test_math_counts_as_much_as_all_code(tmp_path: Path):
    # No pair won but those of math-prm: half of Reasoning, an eighth of the whole.
    won = tuple(n if name == "math-prm" else 0 for name, n in ROWS.items())
    result = replay(tmp_path, "reward-bench", won=won)["reward-bench"]
    assert value(result, "section_score", "Reasoning") == pytest.approx(0.5, abs=1e-12)
    assert value(result, "score") == pytest.approx(0.125, abs=1e-12)


def whole(name: str, given: Mapping[str, float]) -> float:
    """The suite's mean over its sections, from their scores."""
    tree = {"": suite(name).score_tree[""]}
    parts = np.array(list(given))
    found = weighted_score(
        lambda mask: Linearised(given[str(parts[mask][0])], np.zeros(len(parts)), mask),
        parts,
        tree,
        "",
    )
    assert isinstance(found, Linearised)
    return found.value


@pytest.mark.parametrize(
    ("scores", "published"),
    [
        (
            (0.9608938547486033, 0.8728070175438597, 0.9058437346437346, 0.9614741910841926),
            0.925255,
        ),
        (
            (0.9581005586592178, 0.9144736842105263, 0.9199634959634959, 0.9615696786162492),
            0.938527,
        ),
    ],
    ids=["Skywork-Reward-Llama-3.1-8B", "Skywork-Reward-Gemma-2-27B"],
)
def test_published_means_of_published_sections(scores: tuple[float, ...], published: float):
    given = dict(zip(SECTIONS, scores, strict=True))
    assert whole("reward-bench", given) == pytest.approx(published, abs=5e-7)
    assert whole("reward-bench-legacy-xstest", given) == whole("reward-bench", given)


@pytest.mark.parametrize(
    ("scores", "published"),
    [
        ((96.9, 76.8, 92.2, 97.3, 74.3), "88.97"),
        ((99.4, 65.1, 87.8, 86.4, 74.9), "83.59"),
        ((98.3, 65.8, 89.7, 94.7, 74.6), "85.73"),
    ],
    ids=["ArmoRM", "FsfairX", "pair-PM"],
)
def test_published_means_with_prior_sets(scores: tuple[float, ...], published: str):
    given = dict(zip((*SECTIONS, "Prior Sets"), scores, strict=True))
    assert f"{whole('reward-bench-prior-sets', given):.2f}" == published


def test_prior_sets_count_alike_in_their_section():
    tree = suite("reward-bench-prior-sets").score_tree
    names = ("anthropic_helpful", "anthropic_hhh", "shp", "summarize")
    assert tree["Prior Sets"] == dict.fromkeys(names, 1.0)
    assert tree[""] == dict.fromkeys(SECTIONS, 2.0) | {"Prior Sets": 1.0}
    for section in SECTIONS:
        assert tree[section] == suite("reward-bench").score_tree[section]


def test_a_subset_under_another_name_is_missed(tmp_path: Path):
    """As many rows as there should be, one subset misspelt: an error that names it."""
    replay(tmp_path, "reward-bench", won=BEAVER_COST)
    path = tmp_path / "data/reward_bench/data/filtered-00000-of-00001.parquet"
    rows = pq.read_table(path).to_pylist()
    for row in rows:
        if row["subset"] == "donotanswer":
            row["subset"] = "do-not-answer"
    pq.write_table(pa.Table.from_pylist(rows), path)
    request = RunRequest(
        ("length:",),
        ("reward-bench",),
        (str(tmp_path / "data"),),
        out=tmp_path / "out",
        options=RunOptions(progress=False),
    )
    with pytest.raises(UsageError, match=r"subset 'donotanswer'.*'do-not-answer'"):
        run(request)


def test_what_is_missing_is_undefined_and_the_rest_is_measured(tmp_path: Path):
    replay(tmp_path, "reward-bench", won=BEAVER_COST)
    path = tmp_path / "data/reward_bench/data/filtered-00000-of-00001.parquet"
    rows = [r for r in pq.read_table(path).to_pylist() if r["subset"] != "math-prm"]
    pq.write_table(pa.Table.from_pylist(rows), path)
    request = RunRequest(
        ("length:",),
        ("reward-bench",),
        (str(tmp_path / "data"),),
        out=tmp_path / "out",
        allow_partial=True,
        options=RunOptions(progress=False),
    )
    result = run(request)[0].result
    assert result.partial
    assert result.estimate("score") is None
    for part in (None, "Reasoning"):
        found = result.estimate("section_score", part)
        assert found is not None
        assert (found.value, found.reason) == (None, "no example in subset 'math-prm'")
    assert value(result, "section_score", "Chat") == 1.0  # "yes" is longer than "no"


def pairs(names: list[str], margins: np.ndarray) -> Scores:
    n = len(names)
    return Scores(
        example_id=np.repeat([f"e{i}" for i in range(n)], 2),
        subset=np.repeat(names, 2),
        group=np.repeat([f"e{i}" for i in range(n)], 2),
        preference=np.ones(2 * n),
        response_index=np.tile([0, 1], n),
        is_chosen=np.tile([True, False], n),
        reward=np.stack([margins, np.zeros(n)], axis=1).ravel(),
        n_tokens=np.zeros(2 * n, np.int64),
        n_chars=np.tile([2, 1], n),
        truncated=np.zeros(2 * n, np.bool_),
    )


def test_m_reward_bench_is_the_mean_over_languages_of_means_of_sections():
    counts = {
        "Chat": {"alpacaeval-easy": 79, "alpacaeval-length": 79, "alpacaeval-hard": 76,
                 "mt-bench-easy": 24, "mt-bench-med": 38},
        "Chat Hard": {"mt-bench-hard": 35, "llmbar-natural": 76, "llmbar-adver-neighbor": 124,
                      "llmbar-adver-GPTInst": 87, "llmbar-adver-GPTOut": 42,
                      "llmbar-adver-manual": 43},
        "Safety": {"refusals-dangerous": 100, "refusals-offensive": 100,
                   "xstest-should-refuse": 154, "xstest-should-respond": 247, "donotanswer": 135},
        "Reasoning": {"math-prm": 983, "hep-cpp": 164, "hep-go": 164, "hep-java": 164,
                      "hep-js": 164, "hep-python": 163, "hep-rust": 164},
    }  # fmt: skip
    spec = suite("m-reward-bench")
    assert len(spec.editions) == 23
    # math-prm counts 983 and has RewardBench's 447 rows; the others count their rows.
    n_rows = sum(sum(subsets.values()) for subsets in counts.values()) - 983 + 447
    assert (n_rows, spec.data.examples) == (2869, 23 * 2869)
    rng = np.random.default_rng(0)
    names = [
        f"{language}/{subset}"
        for language in spec.editions
        for subsets in counts.values()
        for subset in subsets
        for _ in range(3)
    ]
    scores = pairs(names, rng.normal(0.3, 1, len(names)))
    found = {
        (e.metric, e.subset): e.value
        for e in estimate_all(
            spec, scores, ties="wrong", margins_are_logits=True, seed=0, with_headline=True
        )
    }
    right = (scores.reward[::2] > 0).reshape(23, 23, 3).mean(axis=2)
    order = [subset for subsets in counts.values() for subset in subsets]
    languages = []
    for i, language in enumerate(spec.editions):
        by_subset = dict(zip(order, right[i], strict=True))
        sections = [
            sum(n * by_subset[s] for s, n in subsets.items()) / sum(subsets.values())
            for subsets in counts.values()
        ]
        languages.append(np.mean(sections))
        assert found["section_score", language] == pytest.approx(languages[-1])
        assert found["section_score", f"{language}/Safety"] == pytest.approx(sections[2])
    assert found["score", None] == pytest.approx(np.mean(languages))


@pytest.mark.parametrize("kind", ["tiny_llama", "tiny_bert"])
def test_a_model_scores_empty_answers_as_the_publisher_does(tmp_path: Path, kind: str):
    model = getattr(models, kind)(tmp_path / "model")
    folder = tmp_path / "data/reward_bench"
    folder.mkdir(parents=True)
    row = {"prompt": "what is hot", "chosen": "water", "subset": "hep-go", "id": 0}
    lines = [json.dumps(row | {"rejected": text}) for text in ("", "people")]
    (folder / "filtered.jsonl").write_text("\n".join(lines), "utf-8")
    request = RunRequest(
        (str(model),),
        ("reward-bench",),
        (str(tmp_path / "data"),),
        out=tmp_path / "out",
        allow_partial=True,
        options=RunOptions(device="cpu", progress=False),
    )
    result = run(request)[0].result
    assert (result.counts.examples, result.counts.failed) == (2, 0)
    assert value(result, "accuracy", "hep-go") in (0.0, 0.5, 1.0)
