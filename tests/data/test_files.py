"""Local files of every ending, sound and broken."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rmbench.data import load_preferences
from rmbench.data.files import data_files, read_rows
from rmbench.errors import DataError

ROWS = [
    {"prompt": f"p {i}", "chosen": f"line one\nline two {i}", "rejected": 'say "no", ok'}
    for i in range(3)
]


def _write(path: Path, body: bytes) -> Path:
    path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
    return path


def _lines(rows=ROWS) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _csv(path: Path) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)
    return path


def _parquet(path: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    return path


def test_all_endings_read_the_same(tmp_path: Path):
    table = _parquet(tmp_path / "a.parquet")
    sheet = _csv(tmp_path / "a.csv")
    paths = [
        _write(tmp_path / "a.jsonl", _lines()),
        _write(tmp_path / "b.jsonl.gz", _lines()),
        _write(tmp_path / "lines.json", _lines()),
        _write(tmp_path / "list.json", json.dumps(ROWS, indent=2).encode()),
        _write(tmp_path / "list.jsonl", b"\n\n" + json.dumps(ROWS).encode()),
        _write(tmp_path / "list.json.gz", json.dumps(ROWS).encode()),
        _write(tmp_path / "UPPER.JSONL", _lines()),
        _write(tmp_path / "bom.jsonl", b"\xef\xbb\xbf" + _lines()),
        sheet,
        _write(tmp_path / "a.csv.gz", sheet.read_bytes()),
        table,
        _write(tmp_path / "a.parquet.gz", table.read_bytes()),
    ]
    sets = [load_preferences(str(path)) for path in paths]
    assert {found.fingerprint for found in sets} == {sets[0].fingerprint}
    assert [e.chosen[0] for e in sets[0]] == [row["chosen"] for row in ROWS]
    assert [e.id for e in sets[0]] == ["1", "2", "3"]
    assert sets[1].name == "b"
    assert sets[1].files == (str(tmp_path / "b.jsonl.gz"),)


def test_only_a_line_feed_ends_a_line(tmp_path: Path):
    odd = [ROWS[0] | {"chosen": "a\u2028b\u0085c\x0bd"}]
    path = _write(tmp_path / "odd.jsonl", _lines(odd).replace(b"\n", b"\r\n"))
    assert load_preferences(str(path))[0].chosen == (odd[0]["chosen"],)


def test_row_number_is_the_line_in_json_lines(tmp_path: Path):
    body = _lines(ROWS[:1]) + b"\n   \n" + _lines([ROWS[1] | {"chosen": ""}])
    with pytest.raises(DataError, match="row 4, field 'chosen': empty response"):
        load_preferences(str(_write(tmp_path / "gaps.jsonl", body)))


def test_folder_is_read_in_sorted_order_without_other_files(tmp_path: Path):
    (tmp_path / "sub").mkdir()
    (tmp_path / ".cache").mkdir()
    _write(tmp_path / "sub" / "a.jsonl", _lines())
    _write(tmp_path / "b.jsonl.gz", _lines())
    _write(tmp_path / "README.md", b"# no data")
    _write(tmp_path / ".cache" / "x.jsonl", _lines())
    _write(tmp_path / ".hidden.jsonl", _lines())
    found = load_preferences(str(tmp_path))
    assert found.files == (str(tmp_path / "b.jsonl.gz"), str(tmp_path / "sub" / "a.jsonl"))
    assert [e.id for e in found] == ["b/1", "b/2", "b/3", "sub/a/1", "sub/a/2", "sub/a/3"]
    assert found.name == tmp_path.name


def test_folder_without_data_files(tmp_path: Path):
    _write(tmp_path / "README.md", b"# no data")
    with pytest.raises(DataError, match="holds no data file"):
        data_files(tmp_path)


def test_long_csv_fields(tmp_path: Path):
    path = tmp_path / "long.csv"
    path.write_text("prompt,chosen,rejected\np," + "x" * 200_000 + ",r\n")
    assert len(load_preferences(str(path))[0].chosen[0]) == 200_000


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("a.jsonl", _lines() + b'{"prompt": "p", \n', "line 4 is not JSON"),
        ("a.jsonl", _lines() + b"[1, 2]\n", "row 4: is not an object with columns"),
        ("a.json", b'[{"a": 1},\n {"b": }]', "is not JSON: Expecting value at line 2, column 8"),
        ("a.json", b"\n\n[{]", "is not JSON: .* at line 3"),
        ("a.json", b'[{"a": 1}, "b"]', "row 2: is not an object with columns"),
        ("a.json", b'{\n "a": 1\n}', "line 1 is not JSON.*one object a line"),
        ("a.jsonl", b'{"a": "\xff"}\n', "is not UTF-8"),
        ("a.csv", b"a,b\n1,2\n1,2,3\n", "row 2: has 3 fields under 2 columns"),
        ("a.csv", b"a,b\n1\n", "row 1: has 1 fields under 2 columns"),
        ("a.csv", b"a,a\n1,2\n", "two columns have the same name"),
        ("a.csv", b'a,b\n1,"2\n', "is not CSV"),
        ("a.parquet", b"PAR1 and no more", "is not Parquet"),
        ("a.parquet", b"", "is not Parquet"),
        ("a.txt", b"text", "is no data file"),
        ("a.jsonl", b"", "holds no rows"),
        ("a.csv", b"", "holds no rows"),
        ("a.csv", b"prompt,chosen,rejected\n", "holds no rows"),
        ("a.json", b"[]", "holds no rows"),
    ],
)
def test_broken_files_are_errors_that_name_the_place(
    tmp_path: Path, name: str, body: bytes, says: str
):
    path = _write(tmp_path / name, body)
    for bad_rows in ("error", "skip"):
        with pytest.raises(DataError, match=says) as caught:
            list(read_rows(path)) or load_preferences(str(path), bad_rows=bad_rows)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"not gzip at all", "cannot be read: Not a gzipped file"),
        (gzip.compress(_lines(), mtime=0)[:-12], "is not complete gzip data"),
        (gzip.compress(b"", mtime=0)[:10] + b"\xff" * 30, "is not complete gzip data"),
    ],
    ids=["other bytes", "cut off", "damaged"],
)
def test_broken_gzip(tmp_path: Path, body: bytes, says: str):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(body)
    with pytest.raises(DataError, match=says):
        load_preferences(str(path))
