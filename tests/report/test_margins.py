import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rmbench.metrics.base import MeasureContext
from rmbench.metrics.catalogue import ACCURACY
from rmbench.report import write_report
from rmbench.report.margins import MARGINS_COLUMNS, render_margins
from rmbench.result import StoredRun, write_run
from rmbench.types import Scores


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def small() -> Scores:
    """A 2 x 1 example, a human tie and one that most votes turn round, with a tie of rewards."""
    reward = [1.5, 0.25, 0.25, 3.0, 1.0, 2.0, 0.5]
    return Scores(
        example_id=np.array(["a", "a", "a", "t", "t", "r", "r"]),
        subset=np.array(["=evil"] * 3 + ["x"] * 4),
        group=np.array(["g1", "g1", "g1", "", "", "@g2", "@g2"]),
        preference=np.array([1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25]),
        response_index=np.array([0, 1, 2, 0, 1, 0, 1]),
        is_chosen=np.array([True, True, False, True, False, True, False]),
        reward=np.array(reward),
        n_tokens=np.ones(7, dtype=np.int64),
        n_chars=np.ones(7, dtype=np.int64),
        truncated=np.zeros(7, dtype=np.bool_),
    )


@pytest.mark.parametrize("ties", ["half", "wrong"])
def test_every_comparison_is_a_row(runs: list[StoredRun], tmp_path: Path, ties: str) -> None:
    first = runs[0].result
    provenance = first.provenance.model_copy(update={"policy": {"ties": ties}})
    run = write_run(tmp_path, first.model_copy(update={"provenance": provenance}), small())
    rows = rows_of(render_margins([run]))
    shown = [
        tuple(r[k] for k in ("example_id", "chosen_index", "rejected_index", "margin", "outcome"))
        for r in rows
    ]
    tie = "0.5" if ties == "half" else "0.0"
    assert shown == [
        ("a", "0", "0", "1.25", "1.0"),
        ("a", "1", "0", "0.0", tie),
        ("t", "0", "0", "2.0", ""),
        ("r", "0", "0", "1.5", "0.0"),
    ]
    assert [r["group"] for r in rows] == ["g1", "g1", "", "'@g2"]
    assert rows[0]["subset"] == "'=evil"
    # The mean over examples of their mean outcome is the accuracy that is reported.
    accuracy = ACCURACY(small(), MeasureContext(ties="wrong" if ties == "wrong" else "half"))
    means = [np.mean([1.0, float(tie)]), 0.0]
    assert np.mean(means) == accuracy.value


def test_several_results_and_names(runs: list[StoredRun], tmp_path: Path) -> None:
    out = tmp_path / "rm.margins.csv"
    write_report(runs, out)
    text = out.read_text(encoding="utf-8")
    assert text.splitlines()[0] == ",".join(MARGINS_COLUMNS)
    rows = rows_of(text)
    assert len(rows) == 4 * 40  # the result of speed has no rewards
    assert {(r["scorer"], r["suite"]) for r in rows} == {
        ("length", "pairs"), ("tiny-rm", "pairs"), ("tiny-rm", "rm-bench"),
        ("tiny-rm", "confounders"),
    }  # fmt: skip
    plain = tmp_path / "numbers.csv"
    write_report(runs, plain)
    assert plain.read_text(encoding="utf-8").startswith("scorer,suite,metric")
    other = tmp_path / "mymargins.csv"
    write_report(runs, other)
    assert other.read_text(encoding="utf-8").startswith("scorer,suite,metric")


def test_an_example_without_a_finite_reward_has_no_row(
    runs: list[StoredRun], tmp_path: Path
) -> None:
    scores = small()
    reward = scores.reward.copy()
    reward[1] = np.nan
    run = write_run(tmp_path, runs[0].result, replace(scores, reward=reward))
    assert [r["example_id"] for r in rows_of(render_margins([run]))] == ["t", "r"]


def test_no_cell_is_a_formula(hostile_runs: list[StoredRun]) -> None:
    for row in csv.reader(io.StringIO(render_margins(hostile_runs))):
        for cell in row:
            try:
                float(cell)
            except ValueError:
                assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
                assert "\n" not in cell
