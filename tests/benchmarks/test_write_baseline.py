"""The table of a trained baseline, against numbers worked by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import write_baseline
from rmbench.cli.main import invoke
from rmbench.result.store import find_runs

# Chosen longer in the first, shorter in the rest, and as long in the last.
PAIRS = [
    ("a", "long answer", "short"),
    ("a", "short", "long answer"),
    ("b", "no", "yes, of course"),
    ("c", "one", "two"),
]
REWARDS = [(1.0, 0.0), (1.0, 0.0), (1.0, 0.0), (0.0, 1.0)]


def _run(folder: Path, *scorers: str) -> Path:
    rows = [
        {"id": str(i), "prompt": p, "chosen": c, "rejected": r} for i, (p, c, r) in enumerate(PAIRS)
    ]
    scores = [
        {"id": str(i), "scores_chosen": [c], "scores_rejected": [r]}
        for i, (c, r) in enumerate(REWARDS)
    ]
    for name, lines in (("pairs", rows), ("model", scores)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    model, pairs = folder / "model.jsonl", folder / "pairs.jsonl"
    where = ["--suite", "pairs", "--data", str(pairs), "--out", str(folder / "runs")]
    assert invoke(["run", f"replay:{model}", *scorers, *where]) == 0
    return folder / "runs"


def test_the_model_is_compared_with_the_best_blind_scorer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On four pairs, chance may be the best.
    monkeypatch.setattr(write_baseline, "BLIND", ("length", "shorter"))
    runs = find_runs([_run(tmp_path, "length:", "shorter:")])
    (name,) = {r.result.scorer.name for r in runs if r.result.scorer.kind == "replay"}
    (row,) = write_baseline.compare(runs, name)
    assert row.model.value == 0.75
    # Lengths that are equal count one half, to both.
    assert row.blind == (0.375, 0.625)
    # Right pair by pair: 1, 1, 1, 0 less 0, 1, 1, 1/2. The differences of each prompt, less
    # as many times their mean: 1 - 2/8, -1/8 and -1/2 - 1/8.
    assert row.best == "shorter"
    assert row.difference.value == 0.125
    error = (3 / 2 * (0.75**2 + 0.125**2 + 0.625**2)) ** 0.5 / 4
    assert row.difference.standard_error == pytest.approx(error)
    table = write_baseline.as_table([row])
    assert f"**{max(row.blind):.3f}**" in table
    assert "| pairs" in table


def test_a_scorer_that_is_missing_is_named(tmp_path: Path) -> None:
    runs = find_runs([_run(tmp_path, "length:", "random:")])
    (name,) = {r.result.scorer.name for r in runs if r.result.scorer.kind == "replay"}
    with pytest.raises(ValueError, match="pairs: no result of shorter"):
        write_baseline.compare(runs, name)


def test_what_is_kept_has_no_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = find_runs([_run(tmp_path, "length:")])
    monkeypatch.setattr(write_baseline, "REFERENCE", tmp_path / "reference")
    write_baseline.keep(runs)
    kept = [p for p in (tmp_path / "reference").rglob("*") if p.is_file()]
    assert {p.name for p in kept} == {"result.json", "scores.parquet"}
    assert not any(b"of course" in p.read_bytes() for p in kept)


def test_every_training_set_is_marked_where_it_is_measured() -> None:
    assert set(write_baseline.IN_DISTRIBUTION) == {
        "rmb-heldout",
        "hh-rlhf-heldout",
        "prmbench-test",
        "ukp-convarg1-test",
    }
