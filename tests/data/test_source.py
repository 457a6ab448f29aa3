"""What a SRC names."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmbench.data import load_preferences
from rmbench.data.hub import HubSource
from rmbench.data.source import parse_source
from rmbench.errors import DataError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("org/name", HubSource("org/name")),
        ("hf:org/name", HubSource("org/name")),
        ("hf:squad", HubSource("squad")),
        ("org/name:test", HubSource("org/name", split="test")),
        ("org/name:train[:10%]", HubSource("org/name", split="train[:10%]")),
        ("org/name#config", HubSource("org/name", config="config")),
        (f"org/name@{COMMIT}", HubSource("org/name", revision=COMMIT)),
        ("org/name@refs/pr/1:test", HubSource("org/name", revision="refs/pr/1", split="test")),
        (
            f"hf:org/na.me-2@{COMMIT}#arb_Arab:test",
            HubSource("org/na.me-2", COMMIT, "arb_Arab", "test"),
        ),
        ("hf:org/name.json", HubSource("org/name.json")),
    ],
)
def test_hub_ids(source: str, expected: HubSource):
    assert parse_source(source) == expected
    assert str(expected) == source.removeprefix("hf:")


@pytest.mark.parametrize(
    "source",
    [
        "",
        "nowhere",
        "nowhere.jsonl",
        "data/nowhere.jsonl",
        "data/nowhere.csv.gz",
        "a/b/c",
        "./nowhere",
        "../nowhere",
        "/nowhere",
        "~/nowhere/really",
        "two words/x",
        "org/name:",
    ],
)
def test_paths_at_which_there_is_nothing(source: str):
    with pytest.raises(DataError, match="no such file or folder"):
        parse_source(source)


def test_what_exists_is_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "org" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert parse_source("org/name") == Path("org/name")
    with pytest.raises(DataError, match=r"org/name: holds no data file"):
        load_preferences("org/name")


def test_unreadable_file(tmp_path: Path):
    path = tmp_path / "link.jsonl"
    path.symlink_to(path)
    with pytest.raises(DataError, match="no such file or folder"):
        load_preferences(str(path))
