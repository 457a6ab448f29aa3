"""Boards from stored results: what stands in a column, and how it is ranked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rmbench.errors import ResultError, UsageError
from rmbench.metrics.ranks import bootstrap_errors, confidence_set_p, rank_intervals
from rmbench.report.leaderboard import BoardBuilder, build_board
from rmbench.result import StoredRun, find_runs, write_run
from rmbench.result.board import Board, BoardCell

from .conftest import margins, pair_scores

Store = Callable[..., StoredRun]


@pytest.fixture(scope="module")
def board(board_folder: Path) -> Board:
    return build_board(find_runs([board_folder]), board_folder)


def cell(board: Board, model: str, suite: str) -> BoardCell | None:
    models = {m.name: m.key for m in board.models}
    suites = {s.label: s.key for s in board.suites}
    found = [c for c in board.cells if c.model == models[model] and c.suite == suites[suite]]
    return found[0] if found else None


def there(board: Board, model: str, suite: str) -> BoardCell:
    found = cell(board, model, suite)
    assert found is not None
    return found


def test_values_are_those_of_the_results(board: Board, board_folder: Path) -> None:
    runs = {(r.result.scorer.name, r.result.suite.name): r for r in find_runs([board_folder])}
    assert len(board.cells) == len(runs)
    for (model, suite), run in runs.items():
        own = run.result.estimate("accuracy")
        shown = there(board, model, suite)
        assert own is not None
        assert (shown.value, shown.ci_low, shown.ci_high, shown.n) == (
            own.value, own.ci_low, own.ci_high, own.n,
        )  # fmt: skip
        assert (board_folder / shown.path) == run.path


def test_replayed_files_of_other_ids_have_columns_of_their_own(
    store: Store, tmp_path: Path
) -> None:
    """Rewards measured by themselves have no data's fingerprint: their ids tell them apart."""
    provenance = store(tmp_path / "x", "x", margins(0.8, 40, 0)).result.provenance
    alone = provenance.model_copy(update={"data": None})
    for i, (n, prefix) in enumerate([(60, "a"), (60, "a"), (50, "b")]):
        store(
            tmp_path / "runs", f"m{i}", margins(0.8, n, i), suite="replay", prefix=prefix,
            provenance=alone,
        )  # fmt: skip
    board = build_board(find_runs([tmp_path / "runs"]), tmp_path)
    assert sorted(s.n_ranked for s in board.suites) == [1, 2]
    assert len({s.label for s in board.suites}) == 2
    assert not any(c.flags for c in board.cells)


def test_ranks_are_those_of_the_plain_outcomes(board_folder: Path) -> None:
    """Rank, interval and set from 0/1 outcomes put together by hand."""
    builder = BoardBuilder(find_runs([board_folder]), board_folder, draws=4000)
    board = builder.build()
    names = ["alpha-rm", "beta-rm", "gamma-rm", "delta-rm"]
    right = np.stack(
        [margins(a, 300, m, items=0) > 0 for m, a in enumerate((0.86, 0.84, 0.7, 0.55))], axis=1
    ).astype(float)
    values = right.mean(axis=0)
    sums = (right - values) / 300
    errors = bootstrap_errors(sums, np.random.default_rng(5), 4000)
    ranks, p = rank_intervals(values, sums, errors), confidence_set_p(values, sums, errors)
    for i, name in enumerate(names):
        c = there(board, name, "arena")
        assert c.rank == ranks.rank[i]
        assert (c.rank_low, c.rank_high) == (ranks.low[i], ranks.high[i])
        assert c.set_p == pytest.approx(p[i], abs=0.04)
        assert c.in_best_set == (p[i] >= 0.1)
    assert there(board, "alpha-rm", "arena").rank == 1
    assert there(board, "delta-rm", "arena").rank_low == 4


def test_baselines_are_shown_and_never_ranked(board: Board) -> None:
    for name in ("length", "random"):
        c = there(board, name, "arena")
        assert c.value is not None
        assert c.rank is c.in_best_set is c.above_baseline is None
    suite = board.suites[0]
    best = next(m for m in board.models if m.key == suite.best_baseline)
    assert best.name == "length"
    assert there(board, "alpha-rm", "arena").above_baseline is True
    assert there(board, "delta-rm", "arena").above_baseline is False
    assert [m.name for m in board.models][-2:] == ["length", "random"]


def test_partial_results_are_marked_and_not_ranked(board: Board) -> None:
    c = there(board, "gamma-rm", "chat")
    assert c.partial
    assert c.missing == ("the rest",)
    assert c.value is not None
    assert c.rank is None
    chat = next(s for s in board.suites if s.label == "chat")
    assert chat.n_ranked == 2
    assert chat.n_examples == 300


def test_a_missing_cell_is_missing(board: Board) -> None:
    assert cell(board, "delta-rm", "chat") is None


def test_the_mean_is_over_suites_that_all_ranked_models_have(board: Board) -> None:
    labels = {s.key: s.label for s in board.suites}
    assert [labels[k] for k in board.mean_suites] == ["arena", "bench"]
    names = {m.key: m.name for m in board.models}
    means = {names[m.model]: m for m in board.means}
    assert set(means) == {"alpha-rm", "beta-rm", "gamma-rm", "delta-rm", "length", "random"}
    for name, mean in means.items():
        own = [there(board, name, s).value or 0.0 for s in ("arena", "bench")]
        assert mean.value == pytest.approx(sum(own) / 2)
    assert means["length"].rank is None
    assert means["delta-rm"].rank == 4
    assert board.order == "the mean"
    # The error of a mean of two independent accuracies.
    errors = [
        np.sqrt(v * (1 - v) / 299)
        for v in (there(board, "beta-rm", s).value or 0.0 for s in ("arena", "bench"))
    ]
    half = 1.96 * np.hypot(*errors) / 2
    assert means["beta-rm"].ci_high == pytest.approx(means["beta-rm"].value + half, abs=2e-4)


def test_no_mean_without_shared_suites(store: Store, tmp_path: Path) -> None:
    store(tmp_path, "a", margins(0.8, 50, 1), suite="one", digest="1" * 64)
    store(tmp_path, "b", margins(0.7, 50, 2), suite="two", digest="2" * 64)
    found = build_board(find_runs([tmp_path]), tmp_path)
    assert found.means == ()
    assert found.mean_reason == "fewer than two suites have all ranked models"


@pytest.mark.parametrize(
    ("other", "labels"),
    [
        ({"digest": "b" * 64, "version": "2"}, ["pairs (version 1)", "pairs (version 2)"]),
        (
            {"digest": "b" * 64},
            ["pairs (digest aaaaaaaa)", "pairs (digest bbbbbbbb)"],
        ),
        ({"ties": "wrong"}, ["pairs (ties half)", "pairs (ties wrong)"]),
        ({"modified": ("limit=60",)}, ["pairs", "pairs (limit=60)"]),
        ({"fingerprint": "c" * 64}, ["pairs (data cccccccc)", "pairs (data pairs600)"]),
    ],
)
def test_what_was_measured_otherwise_has_a_column_of_its_own(
    store: Store, tmp_path: Path, other: dict[str, object], labels: list[str]
) -> None:
    store(tmp_path, "a", margins(0.8, 60, 1), created_at="2031-01-01T00:00:00+00:00")
    store(tmp_path, "b", margins(0.7, 60, 2), created_at="2031-03-01T00:00:00+00:00", **other)
    found = build_board(find_runs([tmp_path]), tmp_path)
    assert [s.label for s in found.suites] == labels
    assert [s.n_ranked for s in found.suites] == [1, 1]
    stale = {s.label: s.older_than for s in found.suites}
    if "digest" in other:
        assert stale[labels[0]] == ("2" if "version" in other else "digest bbbbbbbb")
        assert stale[labels[1]] is None
    else:
        assert set(stale.values()) == {None}
    first = cell(found, "a", next(s.label for s in found.suites if _has(found, "a", s.label)))
    assert first is not None
    assert first.days_behind == 59


def _has(board: Board, model: str, suite: str) -> bool:
    return cell(board, model, suite) is not None


def test_the_newest_of_two_results_counts(store: Store, tmp_path: Path) -> None:
    store(tmp_path / "x", "a", margins(0.8, 60, 1), created_at="2031-01-01T00:00:00+00:00")
    store(tmp_path / "y", "a", margins(0.6, 60, 2), created_at="2031-02-01T00:00:00+00:00")
    found = build_board(find_runs([tmp_path]), tmp_path)
    assert [c.value for c in found.cells] == [0.6]
    assert [(left.reason, left.model) for left in found.left_out] == [
        ("there is a newer result of the same scorer", "a")
    ]
    assert found.left_out[0].path.startswith("x/")


def test_items_in_another_order_or_of_other_names_are_noticed(store: Store, tmp_path: Path) -> None:
    store(tmp_path, "a", margins(0.8, 60, 1))
    store(tmp_path, "b", margins(0.7, 60, 2), prefix="other")
    found = build_board(find_runs([tmp_path]), tmp_path)
    excluded = [c for c in found.cells if c.rank is None]
    assert len(excluded) == 1
    assert excluded[0].flags == ("not ranked: its items are not those of the others",)


def test_clusters_widen_ranks(store: Store, tmp_path: Path) -> None:
    """The same 100 outcomes four times over: as clusters they are 100 items, not 400."""
    for cluster, place in ((4, "clustered"), (1, "alone")):
        for m, accuracy in enumerate((0.8, 0.7)):
            margin = np.repeat(margins(accuracy, 100, m), 4)
            store(tmp_path / place, f"m{m}", margin, cluster=cluster)
    boards = {
        place: build_board(find_runs([tmp_path / place]), tmp_path / place)
        for place in ("clustered", "alone")
    }
    assert boards["clustered"].suites[0].n_clusters == 100
    assert boards["alone"].suites[0].n_clusters == 400
    assert there(boards["alone"], "m0", "pairs").rank_high == 1
    p = {place: there(b, "m1", "pairs").set_p or 0.0 for place, b in boards.items()}
    assert p["clustered"] > p["alone"]


def test_metrics_without_influences_or_plug_ins_missing_are_not_ranked(
    store: Store, tmp_path: Path
) -> None:
    run = store(tmp_path / "first", "a", margins(0.8, 60, 1))
    suite = run.result.suite.model_copy(update={"headline": "of_a_plug_in"})
    estimates = tuple(
        e.model_copy(update={"metric": "of_a_plug_in"}) if e.metric == "accuracy" else e
        for e in run.result.estimates
    )
    result = run.result.model_copy(update={"suite": suite, "estimates": estimates})
    write_run(tmp_path / "second", result, run.scores())
    found = build_board(find_runs([tmp_path / "second"]), tmp_path)
    assert found.suites[0].reason is not None
    assert "of_a_plug_in" in found.suites[0].reason
    assert found.cells[0].value == pytest.approx(0.8, abs=0.02)


def test_suites_without_a_number_to_rank_by_are_named(runs: list[StoredRun]) -> None:
    found = build_board(runs, runs[0].path.parents[1])
    assert [(left.suite, left.reason) for left in found.left_out] == [
        ("confounders", "the suite has no number by which models are ranked")
    ]
    cost = found.costs[0]
    assert (cost.pairs_per_s, cost.tokens_per_s, cost.peak_memory_bytes) == (41.2, 9012.0, 1.3e9)
    assert cost.device == "Some CPU, 2 threads"
    flagged = [c for c in found.cells if c.flags]
    assert flagged[0].flags == ("in-distribution",)


def test_two_builds_are_the_same(board_folder: Path) -> None:
    runs = find_runs([board_folder])
    first = build_board(runs, board_folder)
    assert build_board(list(reversed(runs)), board_folder) == first
    assert build_board(runs, board_folder, seed=1) != first


def test_nothing_to_show_and_torn_results_are_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no result"):
        build_board([], tmp_path)
    run = store(tmp_path, "a", margins(0.8, 60, 1))
    changed = pair_scores(margins(0.5, 60, 1))
    write_run(tmp_path / "elsewhere", run.result, changed)
    torn = next((tmp_path / "elsewhere").rglob("scores.parquet"))
    torn.replace(run.path / "scores.parquet")
    with pytest.raises(ResultError, match=r"is not the file its result\.json was measured from"):
        build_board(find_runs([run.path]), tmp_path)


def test_rewards_that_are_not_finite_belong_to_partial_results(
    store: Store, tmp_path: Path
) -> None:
    scores = pair_scores(margins(0.8, 60, 1))
    run = store(tmp_path, "a", margins(0.8, 60, 1), partial=True, missing=("example e0",))
    reward = scores.reward.copy()
    reward[0] = np.nan
    write_run(tmp_path, run.result, replace(scores, reward=reward))
    found = build_board(find_runs([tmp_path]), tmp_path)
    assert found.cells[0].partial
    assert found.suites[0].reason == "all results are partial"
