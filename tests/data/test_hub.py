"""Hub data sets, from a cache laid out by hand and with the network switched off.

The libraries read their environment when they are imported, so the loading is done once
in a process of its own, and the tests look at what it reported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import errors as hub_errors

from rmbench.data import load_preferences
from rmbench.errors import DataError

MAIN, OLD, MULTI, ONE, EMPTY, BROKEN = (letter * 40 for letter in "abcde0")

REPORT = """
import json, sys
from rmbench.data import load_preferences, load_suite_data
from rmbench.errors import RmbenchError
from rmbench.spec import DataSpec

def report(load):
    try:
        found = load()
    except RmbenchError as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {
        "name": found.name, "revision": found.revision, "files": found.files,
        "layout": found.layout, "chosen": [e.chosen[0] for e in found],
        "ids": [e.id for e in found], "missing": found.missing, "source": found.source,
    }

asked = json.load(sys.stdin)
answers = {source: report(lambda: load_preferences(source)) for source in asked["sources"]}
for name, spec in asked["suites"].items():
    answers[name] = report(
        lambda: load_suite_data(DataSpec(**spec), name, [], allow_partial=False)
    )
print(json.dumps(answers))
"""

SOURCES = [
    "org/name:train",
    "hf:org/name:test",
    f"org/name@{OLD}:train",
    "org/name",
    "org/name:val",
    "org/one",
    "org/multi",
    "org/multi#two",
    "org/multi#three",
    "org/empty",
    "org/broken",
    "org/absent",
    "hf:org/absent",
    f"org/name@{'f' * 40}",
]
SUITES = {
    "pinned": {"loader": "prompt-text", "hub_id": "org/name", "revision": OLD, "split": "train"},
    "short": {"loader": "prompt-text", "hub_id": "org/one", "examples": 5},
    "parts": {
        "loader": "prompt-text",
        "hub_id": "org/name",
        "revision": OLD,
        "split": "train",
        "hub_parts": [
            {"subset": "first"},
            {"revision": MAIN, "split": "test"},
            {"hub_id": "org/one"},
        ],
        "examples": 7,
    },
}


def _rows(mark: str, n: int = 2) -> list[dict[str, Any]]:
    return [{"prompt": f"p{i}", "chosen": f"{mark} {i}", "rejected": "r"} for i in range(n)]


def _jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _repository(cache: Path, name: str, commit: str, *, main: bool = True) -> Path:
    folder = cache / f"datasets--org--{name}"
    if main:
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "main").write_text(commit)
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    return snapshot


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("hf")
    cache = home / "hub"
    new = _repository(cache, "name", MAIN)
    (new / "data").mkdir()
    for split in ("train", "test"):
        table = pa.Table.from_pylist(_rows(f"new {split}"))
        pq.write_table(table, new / "data" / f"{split}-00000-of-00001.parquet")
    _jsonl(_repository(cache, "name", OLD, main=False) / "train.jsonl", _rows("old", 3))
    _jsonl(_repository(cache, "one", ONE) / "train.jsonl", _rows("one"))
    multi = _repository(cache, "multi", MULTI)
    (multi / "README.md").write_text(
        "---\nconfigs:\n"
        "- config_name: one\n  data_files:\n  - split: train\n    path: one.jsonl\n"
        "- config_name: two\n  data_files:\n  - split: test\n    path: two.jsonl\n---\n"
    )
    _jsonl(multi / "one.jsonl", _rows("first"))
    _jsonl(multi / "two.jsonl", _rows("second"))
    (_repository(cache, "empty", EMPTY) / "README.md").write_text("nothing here")
    (_repository(cache, "broken", BROKEN) / "train.jsonl").write_text('{"prompt": 1}\n{"pro')
    done = subprocess.run(
        [sys.executable, "-c", REPORT],
        input=json.dumps({"sources": SOURCES, "suites": SUITES}),
        env=os.environ
        | {
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(home),
            "HF_HUB_CACHE": str(cache),
            "HF_DATASETS_CACHE": str(home / "datasets"),
        },
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_split_and_commit_of_the_default_branch(answers: dict[str, Any]):
    found = answers["org/name:train"]
    assert found["chosen"] == ["new train 0", "new train 1"]
    assert found["revision"] == MAIN
    assert found["files"] == ["org/name:train"]
    assert (found["name"], found["layout"]) == ("org/name", "prompt-text")
    assert found["ids"] == ["1", "2"]
    assert answers["hf:org/name:test"]["chosen"] == ["new test 0", "new test 1"]


def test_an_older_revision_is_honoured_offline(answers: dict[str, Any]):
    found = answers[f"org/name@{OLD}:train"]
    assert found["chosen"] == ["old 0", "old 1", "old 2"]
    assert found["revision"] == OLD
    suite = answers["pinned"]
    assert (suite["chosen"], suite["revision"]) == (found["chosen"], OLD)
    assert suite["source"] == f"org/name@{OLD}:train"


def test_a_suite_in_several_parts(answers: dict[str, Any]):
    found = answers["parts"]
    chosen = ["old 0", "old 1", "old 2", "new test 0", "new test 1", "one 0", "one 1"]
    assert found["chosen"] == chosen
    assert found["ids"][0] == "first/1"
    assert len(set(found["ids"])) == 7
    assert found["revision"] == f"{OLD}, {MAIN}, {ONE}"
    assert found["source"] == f"org/name@{OLD}:train, org/name@{MAIN}:test, org/one:train"


def test_the_only_split_need_not_be_named(answers: dict[str, Any]):
    assert answers["org/one"]["chosen"] == ["one 0", "one 1"]
    assert answers["org/one"]["files"] == ["org/one:train"]
    assert answers["org/multi#two"]["chosen"] == ["second 0", "second 1"]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("org/name", "has several splits and none is named (splits: train, test; write org/name:"),
        ("org/name:val", "has no split 'val' (splits: train, test)"),
        ("org/multi", "Please pick one among the available configs: ['one', 'two']"),
        ("org/multi#three", "BuilderConfig 'three' not found"),
        ("org/empty", "doesn't contain any data files"),
        ("org/broken", "cannot be loaded: JSON parse error"),
        ("org/absent", "is no local file or folder, and the Hub data set is not in the cache"),
        ("hf:org/absent", "HF_HUB_OFFLINE is set (fetch it where there is a network"),
        (f"org/name@{'f' * 40}", "is not in the cache"),
    ],
)
def test_what_cannot_be_had_is_one_line(answers: dict[str, Any], source: str, says: str):
    message = answers[source]["error"]
    assert message.startswith(f"DataError: {source.removeprefix('hf:')}: ")
    assert says in message
    assert "\n" not in message


def test_fewer_rows_than_the_suite_has_are_not_passed_over(answers: dict[str, Any]):
    assert "all but 2 of 5 examples" in answers["short"]["error"]


def _http_error(kind: type[Exception]) -> Exception:
    """An error as the library raises it, whichever HTTP client it is built on."""
    response = SimpleNamespace(headers={}, request=None, status_code=404)
    return kind("long\nstory", response=response)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (hub_errors.LocalEntryNotFoundError("no"), "is not in the cache"),
        (_http_error(hub_errors.RepositoryNotFoundError), "no such data set, or it is private"),
        (_http_error(hub_errors.RevisionNotFoundError), "no such revision"),
        (_http_error(hub_errors.GatedRepoError), "is gated (accept its terms"),
        (_http_error(hub_errors.HfHubHTTPError), "cannot be fetched: long"),
        (hub_errors.HFValidationError("bad id"), "cannot be fetched: bad id"),
        (ConnectionError("refused"), "cannot be fetched: refused"),
    ],
)
def test_every_refusal_of_the_hub_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception, says: str
):
    def refuse(*_: object, **__: object) -> str:
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(DataError) as caught:
        load_preferences("org/absent")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
