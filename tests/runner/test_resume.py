"""A run killed in the middle goes on where it stopped, and ends with the same result."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import models
import numpy as np
import pytest

from rmbench.result import Result
from rmbench.result.store import read_scores

WORDS = "what is the time now people say no one can go long day see him two".split()
PAIRS = 400


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.tiny_llama(tmp_path_factory.mktemp("resume") / "tiny")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)

    def text(most: int) -> str:
        return " ".join(rng.choice(WORDS, size=rng.integers(3, most)))

    path = tmp_path_factory.mktemp("resume-data") / "pairs.jsonl"
    path.write_text(
        "".join(
            json.dumps({"prompt": text(20), "chosen": text(22), "rejected": text(22)}) + "\n"
            for _ in range(PAIRS)
        )
    )
    return path


def command(folder: Path, pairs: Path, out: Path, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "rmbench", "run", str(folder), "--suite", "pairs",
        "--data", str(pairs), "--out", str(out), "--batch-tokens", "128", *more,
    ]  # fmt: skip


def finish(line: list[str]) -> tuple[Result, bytes]:
    subprocess.run(line, check=True, capture_output=True)
    out = Path(line[line.index("--out") + 1])
    [path] = out.glob("*/pairs")
    return Result.model_validate_json((path / "result.json").read_text()), read_scores(
        path / "scores.parquet"
    ).reward.tobytes()


def kept(cache: Path) -> int:
    file = cache / "scores.sqlite3"
    if not file.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as db:
            return int(db.execute("SELECT count(*) FROM reward").fetchone()[0])
    except sqlite3.OperationalError:
        return 0  # the table is not there yet


def test_a_killed_run_resumes_and_ends_with_the_same_bits(
    folder: Path, pairs: Path, tmp_path: Path
) -> None:
    whole, rewards = finish(command(folder, pairs, tmp_path / "whole", "--no-cache"))
    cache = tmp_path / "cache"
    line = command(folder, pairs, tmp_path / "out", "--cache", str(cache))
    process = subprocess.Popen(
        line,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Slow enough to be caught in the act.
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    while kept(cache) < 40 and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    scored = kept(cache)
    assert 0 < scored < 2 * PAIRS
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").glob("*/pairs"))
    resumed, again = finish(line)
    assert again == rewards
    assert resumed.estimates == whole.estimates
    assert resumed.scores_sha256 == whole.scores_sha256
    assert resumed.provenance.engine is not None
    assert resumed.provenance.engine.cached_sequences == scored
    repeated, last = finish(line)
    assert last == rewards
    assert repeated.provenance.engine is not None
    assert repeated.provenance.engine.batches == 0


def test_what_one_suite_scored_another_need_not(folder: Path, pairs: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    finish(command(folder, pairs, tmp_path / "first", "--cache", cache, "--limit", "20"))
    result, _ = finish(command(folder, pairs, tmp_path / "second", "--cache", cache))
    assert result.provenance.engine is not None
    assert result.provenance.engine.cached_sequences == 40
    other, _ = finish(
        command(folder, pairs, tmp_path / "third", "--cache", cache, "--attention", "padded")
    )
    assert other.provenance.engine is not None
    assert other.provenance.engine.cached_sequences == 0
