"""docs/leaderboard.md is what the reference results say, and they hold no texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmbench.report.leaderboard import build_board
from rmbench.report.leaderboard.tables import render_markdown
from rmbench.result import find_runs

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "results" / "reference"
PAGE = ROOT / "docs" / "leaderboard.md"


@pytest.fixture(scope="module")
def reference() -> Path:
    if not REFERENCE.is_dir() or not PAGE.is_file():
        pytest.skip("needs results/reference and docs, as in a checkout")
    return REFERENCE


def test_the_page_is_not_stale(reference: Path) -> None:
    board = build_board(find_runs([reference]), reference)
    expected = render_markdown(board, "Leaderboard of the reference results")
    assert PAGE.read_text(encoding="utf-8") == expected, "run `make leaderboard` and commit it"


def test_reference_results_hold_numbers_and_ids_only(reference: Path) -> None:
    files = {path.name for path in reference.rglob("*") if path.is_file()}
    assert files == {"README.md", "result.json", "scores.parquet"}


def test_replayed_models_have_their_known_accuracies(reference: Path) -> None:
    """Counted by others from the same published rewards: micro accuracy, a tie is wrong."""
    found = {
        run.result.scorer.name: run.result.estimate("accuracy")
        for run in find_runs([reference])
        if run.result.scorer.kind == "replay"
    }
    for name, right in (
        ("Ray2333_GRM-Gemma-2B-rewardmodel-ft", 208),
        ("Skywork_Skywork-Reward-Llama-3.1-8B", 218),
        ("internlm_internlm2-7b-reward", 208),
    ):
        estimate = found[name]
        assert estimate is not None
        assert estimate.value == pytest.approx(right / 350)
