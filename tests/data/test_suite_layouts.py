"""Suites read from folders laid out as their publishers have them, a few rows each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from publisher_rows import BENCHMARKS, LABELLED

from rmbench.data import load_suite_data
from rmbench.resources import builtin_suites
from rmbench.spec import DataFile, DataSpec, PreferenceSuite, load_suite

# As implicit-messages has them, which other sets are read by, too.
ULTRAFEEDBACK = {
    "source": "sharegpt",
    "prompt": "Hi.",
    "chosen": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello!"}],
    "chosen-rating": 5.0,
    "chosen-model": "gpt-4",
    "rejected": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "No."}],
    "rejected-rating": 1.0,
    "rejected-model": "llama-2-7b-chat",
}
ROWS = LABELLED | BENCHMARKS | {"implicit-messages": ULTRAFEEDBACK}
SUITES = [
    "gsm8k-solutions", "helpsteer2", "helpsteer3", "hhh-alignment", "pandalm", "ppe-best-of-k",
    "ppe-correctness", "ppe-preference", "prmbench", "processbench", "rmb", "rmb-bon", "shp",
    "summarize-from-feedback", "truthfulqa", "ultrafeedback-cleaned", "webgpt",
]  # fmt: skip


def _spec(name: str) -> DataSpec:
    suite = load_suite(builtin_suites()[name])
    assert isinstance(suite, PreferenceSuite)
    return suite.data


def _paths(file: DataFile) -> list[str]:
    """One file, or as many as a pattern has to find, here in folders of their own."""
    if not file.is_pattern:
        return [file.path]
    stars = file.path.replace("**", "{0}").replace("*", "{1}")
    return [stars.format(f"Part {i}", f"part{i}") for i in range(file.count or 1)]


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_in_its_publishers_folders(tmp_path: Path, name: str):
    spec = _spec(name)
    row = ROWS[spec.loader]
    files = [(file, path) for file in spec.files for path in _paths(file)]
    for number, (_, path) in enumerate(files):
        fresh = {key: f"{number}" for key in ("pair_uid", "question_id") if key in row}
        if name == "processbench":
            fresh["id"] = f"{Path(path).stem}-0"
        _write(tmp_path / str(spec.local_name) / path, [row | fresh])
    found = load_suite_data(spec, name, [tmp_path], allow_partial=True)
    assert found.layout == spec.loader
    assert not found.skipped
    assert len(found.files) == len(files)
    assert len(found) == len(files) * (3 if name == "ppe-correctness" else 1)
    # Nothing but the number of rows is missing.
    assert all(lack.startswith("all but") and "examples" in lack for lack in found.missing)
    declared = {file.subset for file in spec.files}
    if None not in declared:
        assert {e.subset for e in found} == declared


def test_the_49_files_of_rmb_are_asked_for(tmp_path: Path):
    spec = _spec("rmb")
    _write(tmp_path / "rmb/Pairwise_set/Harmlessness/S8.json", [BENCHMARKS["rmb"]])
    found = load_suite_data(spec, "rmb", [tmp_path], allow_partial=True)
    assert found.missing == ("Pairwise_set/**/*.json: all but 1 of 49 files",)
    assert [e.subset for e in found] == ["Helpfulness/Open QA/Factual"]


def test_identical_answers_of_rmb_stay_in_the_count(tmp_path: Path):
    row = BENCHMARKS["rmb"]
    _write(
        tmp_path / "rmb/Pairwise_set/Harmlessness/S8.json",
        [row, row | {"pair_uid": "2", "reject": row["chosen"]}],
    )
    assert len(load_suite_data(_spec("rmb"), "rmb", [tmp_path], allow_partial=True)) == 2


def test_only_the_validation_rows_of_helpsteer2_are_read(tmp_path: Path):
    row = LABELLED["helpsteer2"]
    rows = [row | {"split": "train"}, row, row | {"split": "train"}]
    _write(tmp_path / "helpsteer2/preference/preference.jsonl", rows)
    found = load_suite_data(_spec("helpsteer2"), "helpsteer2", [tmp_path], allow_partial=True)
    assert [e.id for e in found] == ["preference/preference/2"]
    assert found.missing == ("all but 1 of 352 examples",)
