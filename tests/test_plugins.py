"""Plug-ins as users write them: a distribution of their own with entry points."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
from pathlib import Path
import numpy as np
from rmbench.result import Estimate, ScorerInfo
from rmbench.types import ScoredBatch


class Vowels:
    info = ScorerInfo(spec="vowels:", kind="vowels", name="vowels", margins_are_logits=False)

    def score(self, conversations):
        reward = np.array([sum(c.response.count(v) for v in "aeiou") for c in conversations], float)
        return ScoredBatch(reward, np.zeros(len(reward), np.int64), np.zeros(len(reward), bool))


def create(spec, options):
    return Vowels()


class Biggest:
    name, unit, summary = "biggest_reward", "reward", "the largest reward"
    higher_is_better, range, per_subset = None, (float("-inf"), float("inf")), False

    def __call__(self, scores, context, *, subset=None):
        top = float(scores.reward.max())
        return Estimate(metric=self.name, value=top, n=len(scores), unit="reward")


BIGGEST = Biggest()


def suite():
    return Path(__file__).parent / "vowel-suite.toml"
"""

SUITE = """
name = "vowel-suite"
version = "1"
title = "Vowels"
description = "A plug-in's suite."
ties = "half"
metrics = ["accuracy", "biggest_reward"]
[data]
loader = "auto"
"""


def run(site: Path, *args: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, "-m", "rmbench", *args], capture_output=True, text=True, env=environment
    )


def install(site: Path, name: str, entry_points: str) -> None:
    info = site / f"{name}-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(entry_points)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    install(
        site,
        "vowels",
        "[rmbench.scorers]\nvowels = vowel_plugin:create\n"
        "[rmbench.metrics]\nbiggest_reward = vowel_plugin:BIGGEST\n"
        "[rmbench.suites]\nvowel-suite = vowel_plugin:suite\n",
    )
    (site / "vowel_plugin.py").write_text(MODULE)
    (site / "vowel-suite.toml").write_text(SUITE)
    return site


def test_a_plug_ins_scorer_metric_and_suite_work_together(site: Path, tmp_path: Path) -> None:
    data = tmp_path / "d.jsonl"
    rows = [
        {"prompt": "p", "chosen": "aeio", "rejected": "xyz"},
        {"prompt": "q", "chosen": "b", "rejected": "a"},
    ]
    data.write_text("".join(json.dumps(r) + "\n" for r in rows))
    done = run(
        site, "run", "vowels:", "--suite", "vowel-suite", "--data", str(data),
        "--out", str(tmp_path / "out"), "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    values = {e["metric"]: e["value"] for e in result["estimates"]}
    assert values["accuracy"] == 0.5
    assert values["biggest_reward"] == 4.0
    for what, name in (
        ("scorers", "vowels:"),
        ("metrics", "biggest_reward"),
        ("suites", "vowel-suite"),
    ):
        assert name in run(site, "list", what).stdout


def test_two_packages_that_offer_one_name_are_an_error(site: Path) -> None:
    install(site, "impostor", "[rmbench.scorers]\nlength = vowel_plugin:create\n")
    done = run(site, "list", "scorers")
    assert done.returncode == 2
    assert "two packages offer the scorer 'length'" in done.stderr


def test_a_plug_in_that_cannot_be_imported_is_named(site: Path, tmp_path: Path) -> None:
    install(site, "broken", "[rmbench.scorers]\nbroken = no_such_module:create\n")
    data = tmp_path / "d.jsonl"
    data.write_text('{"prompt": "p", "chosen": "a", "rejected": "b"}\n')
    done = run(site, "run", "broken:", "--suite", "pairs", "--data", str(data))
    assert done.returncode == 2
    assert "scorer 'broken' (no_such_module:create) cannot be imported" in done.stderr
    assert "Traceback" not in done.stderr
