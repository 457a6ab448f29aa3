import csv
import io
import json
from collections.abc import Callable

from rmbench.report.delimited import COLUMNS, render_csv, render_json
from rmbench.result import Result, StoredRun


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_golden(runs: list[StoredRun], check_golden: Callable[[str, str], None]) -> None:
    check_golden("estimates.csv", render_csv([r.result for r in runs]))


def test_csv_has_a_row_per_estimate_with_every_digit(runs: list[StoredRun]) -> None:
    results = [r.result for r in runs]
    rows = _rows(render_csv(results))
    assert len(rows) == sum(len(r.estimates) for r in results)
    assert list(rows[0]) == list(COLUMNS)
    estimates = {
        (r.scorer.name, r.suite.name, e.metric, e.subset or ""): e
        for r in results
        for e in r.estimates
    }
    for row in rows:
        e = estimates[row["scorer"], row["suite"], row["metric"], row["subset"]]
        for column, value in (("value", e.value), ("ci_low", e.ci_low), ("ci_high", e.ci_high)):
            assert (float(row[column]) if row[column] else None) == value
        assert int(row["n"]) == e.n
        assert row["reason"] == (e.reason or "")


def test_negative_numbers_stay_numbers(runs: list[StoredRun]) -> None:
    rows = _rows(render_csv([r.result for r in runs]))
    values = [row["value"] for row in rows if row["metric"] == "overconfidence" and row["value"]]
    assert values
    assert all(float(v) == -0.04 for v in values)


def test_no_text_cell_is_a_formula(hostile_runs: list[StoredRun]) -> None:
    rows = _rows(render_csv([r.result for r in hostile_runs]))
    for row in rows:
        for column in ("scorer", "suite", "metric", "subset", "ci_method", "unit", "reason"):
            assert not row[column].startswith(("=", "+", "-", "@"))
    assert {row["subset"] for row in rows} >= {"'=cmd()"}
    assert any(row["scorer"].startswith("'=HYPERLINK") for row in rows)


def test_json_reads_back_as_the_same_results(
    runs: list[StoredRun], hostile_runs: list[StoredRun]
) -> None:
    for stored in (runs, hostile_runs):
        results = [r.result for r in stored]
        body = json.loads(render_json(results))
        assert list(body) == ["results"]
        assert [Result.model_validate(r) for r in body["results"]] == results
