"""Fingerprints against ``sha256sum``, row counts against reading the rows."""

from __future__ import annotations

import gzip
import json
import subprocess
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rmbench.data.files import read_rows
from rmbench.data.identity import SourceIdentity, identify
from rmbench.data.source import Opened, Part, open_source

LINES = [json.dumps({"prompt": f"p{i}", "response": "a"}) for i in range(5)]


def of(path: Path) -> SourceIdentity:
    return identify(str(path), open_source(str(path)))


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("a.jsonl", "\n".join(LINES) + "\n"),
        ("no-line-end.jsonl", "\n".join(LINES)),
        ("bom.jsonl", "\ufeff" + "\n".join(LINES)),
        ("lines.json", "\n".join(LINES)),
        ("empty.jsonl", ""),
    ],
)
def test_lines_are_counted(tmp_path: Path, name: str, body: str):
    path = tmp_path / name
    path.write_text(body, encoding="utf-8")
    assert of(path).rows == len(list(read_rows(path)))
    assert of(path).fingerprint == f"sha256:{sha256(path.read_bytes()).hexdigest()}"
    assert of(path).source == str(path.resolve())


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("list.json", f" \n[{','.join(LINES)}]".encode()),
        ("bom-list.jsonl", f"\ufeff[{','.join(LINES)}]".encode()),
        ("a.jsonl.gz", gzip.compress("\n".join(LINES).encode(), mtime=0)),
        ("a.csv", b'prompt,response\n"two\nlines",a\n'),
    ],
)
def test_what_is_not_cheap_to_count_is_not_counted(tmp_path: Path, name: str, body: bytes):
    path = tmp_path / name
    path.write_bytes(body)
    assert of(path).rows is None
    assert of(path).fingerprint == f"sha256:{sha256(body).hexdigest()}"


def test_parquet_knows_its_rows(tmp_path: Path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"prompt": ["p"] * 7, "response": ["a"] * 7}), path)
    assert of(path).rows == 7
    path.write_bytes(b"PAR1 and no more")
    assert of(path).rows is None


def test_a_folder_is_the_digest_of_what_sha256sum_prints(tmp_path: Path):
    folder = tmp_path / "set"
    (folder / "sub").mkdir(parents=True)
    (folder / "b.jsonl").write_text("\n".join(LINES))
    (folder / "sub" / "a.jsonl").write_text(LINES[0])
    printed = subprocess.run(
        ["sha256sum", "b.jsonl", "sub/a.jsonl"], cwd=folder, capture_output=True, check=True
    ).stdout
    found = of(folder)
    assert found.fingerprint == f"sha256:{sha256(printed).hexdigest()}"
    assert found.rows == 6
    (folder / "sub" / "a.jsonl").rename(folder / "sub" / "c.jsonl")
    assert of(folder).fingerprint != found.fingerprint  # ids are made of file names


def test_a_hub_set_is_its_commit():
    opened = Opened("org/name", (Part("org/name:train", ()),), revision="c" * 40)
    assert identify("org/name", opened) == SourceIdentity(
        "org/name:train", f"commit:{'c' * 40}", None
    )
