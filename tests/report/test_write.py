import json
from pathlib import Path

import pytest

from rmbench.errors import ResultError, UsageError
from rmbench.report import RENDERERS, render_markdown, write_report
from rmbench.result import StoredRun


@pytest.mark.parametrize("suffix", sorted(RENDERERS))
def test_each_suffix_writes_its_format(runs: list[StoredRun], tmp_path: Path, suffix: str) -> None:
    out = tmp_path / "new" / f"report{suffix}"
    write_report(runs[-1:], out, "Title")
    text = out.read_text(encoding="utf-8")
    starts = {
        ".html": "<!doctype html>",
        ".md": "# Title",
        ".tex": "% needs",
        ".csv": "scorer,suite,metric",
        ".json": '{\n  "results"',
    }
    assert text.startswith(starts[suffix])
    assert [p.name for p in out.parent.iterdir()] == [out.name]


def test_the_suffix_may_be_in_capitals(runs: list[StoredRun], tmp_path: Path) -> None:
    write_report(runs, tmp_path / "R.MD")
    assert (tmp_path / "R.MD").read_text(encoding="utf-8") == render_markdown(runs)


@pytest.mark.parametrize("name", ["report.pdf", "report", "report.html.gz"])
def test_an_unknown_suffix_names_the_known_ones(
    runs: list[StoredRun], tmp_path: Path, name: str
) -> None:
    with pytest.raises(UsageError, match=r"\.html, \.md, \.tex, \.csv, \.json"):
        write_report(runs, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_no_result_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no result"):
        write_report([], tmp_path / "r.html")


def test_a_failure_leaves_the_old_report(
    runs: list[StoredRun], tmp_path: Path, pairs_result: object
) -> None:
    out = tmp_path / "r.html"
    out.write_text("old", encoding="utf-8")
    broken = StoredRun(tmp_path / "gone", runs[0].result)
    with pytest.raises(ResultError, match=r"scores\.parquet"):
        write_report([broken], out)
    assert out.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_that_cannot_be_made_is_one_line(runs: list[StoredRun], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ResultError, match="cannot be written"):
        write_report(runs, tmp_path / "file" / "r.md")


def test_half_a_surrogate_pair_is_written_as_something(
    runs: list[StoredRun], tmp_path: Path
) -> None:
    scorer = runs[1].result.scorer.model_copy(update={"name": "half \ud800"})
    run = StoredRun(runs[1].path, runs[1].result.model_copy(update={"scorer": scorer}))
    for suffix in RENDERERS:
        out = tmp_path / f"r{suffix}"
        write_report([run], out)
        assert "half " in out.read_text(encoding="utf-8")
    json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
