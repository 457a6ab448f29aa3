from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest
from score_caches import CONTEXT, REWARDS, key, open_quietly

from rmbench.engine import cache_file
from rmbench.engine.cache import ScoreCache


def assert_goes_on_without(cache: ScoreCache, messages: list[str], told: str) -> None:
    bound = cache.bound(CONTEXT)
    bound.put({key(0): 1.0})
    assert bound.get([key(0)]) == {}
    bound.put({key(0): 1.0})
    [message] = messages
    assert told in message
    assert message.endswith("scoring goes on without it")
    assert "\n" not in message
    cache.close()


def test_a_folder_that_is_a_file_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    messages: list[str] = []
    cache = ScoreCache.open(tmp_path / "file", messages.append)
    assert_goes_on_without(cache, messages, "File exists")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_in_the_place_of_the_file_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "scores.sqlite3").mkdir()
    messages: list[str] = []
    cache = ScoreCache.open(tmp_path, messages.append)
    assert_goes_on_without(cache, messages, "unable to open database file")
    assert (tmp_path / "scores.sqlite3").is_dir()


def test_a_read_only_folder_is_done_without(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("permissions do not bind this user")
    messages: list[str] = []
    cache = ScoreCache.open(tmp_path, messages.append)
    assert_goes_on_without(cache, messages, "Permission denied")
    tmp_path.chmod(stat.S_IRWXU)


def test_a_full_disk_costs_the_cache_and_not_the_file(tmp_path: Path) -> None:
    messages: list[str] = []
    cache = ScoreCache.open(tmp_path, messages.append)
    bound = cache.bound(CONTEXT)
    bound.put({key("early"): 1.0})

    def fill_the_disk(db: sqlite3.Connection) -> None:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages + 2}")

    cache._file.run(fill_the_disk, None)
    bound.put(REWARDS)
    assert_goes_on_without(cache, messages, "full")
    with open_quietly(tmp_path) as cache:
        assert cache.bound(CONTEXT).get([key("early"), *REWARDS]) == {key("early"): 1.0}


def test_a_file_that_another_does_not_let_go_of_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_file, "_BUSY_TIMEOUT_S", 0.05)
    messages: list[str] = []
    cache = ScoreCache.open(tmp_path, messages.append)
    holder = sqlite3.connect(cache.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert_goes_on_without(cache, messages, "locked")
    holder.close()


def test_processes_wait_for_each_other_for_half_a_minute(tmp_path: Path) -> None:
    with open_quietly(tmp_path) as cache:
        asked = cache._file.run(lambda db: db.execute("PRAGMA busy_timeout").fetchone(), None)
    assert asked == (30_000,)


def modes(cache: ScoreCache) -> tuple[str, int]:
    def ask(db: sqlite3.Connection) -> tuple[str, int]:
        return (
            db.execute("PRAGMA journal_mode").fetchone()[0],
            db.execute("PRAGMA synchronous").fetchone()[0],
        )

    return cache._file.run(ask, ("", -1))


NORMAL, FULL = 1, 2


def test_the_journal_is_a_wal_that_is_not_flushed_at_every_commit(tmp_path: Path) -> None:
    for _ in range(2):
        with open_quietly(tmp_path) as cache:
            assert modes(cache) == ("wal", NORMAL)


def test_a_file_system_without_shared_memory_gets_the_default_journal(tmp_path: Path) -> None:
    # SQLite follows no link here, so the WAL's index can be neither opened nor made.
    (tmp_path / "scores.sqlite3-shm").symlink_to(tmp_path / "nowhere" / "shm")
    for rewards in ({}, REWARDS):
        with open_quietly(tmp_path) as cache:
            assert modes(cache) == ("delete", FULL)
            bound = cache.bound(CONTEXT)
            assert bound.get(list(REWARDS)) == rewards
            bound.put(REWARDS)


def test_an_sqlite_without_wal_leaves_the_default_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3,
        "connect",
        lambda path, **options: connect(f"file:{path}?vfs=unix-dotfile", uri=True, **options),
    )
    with open_quietly(tmp_path) as cache:
        assert modes(cache) == ("delete", FULL)
        cache.bound(CONTEXT).put(REWARDS)
        assert cache.bound(CONTEXT).get(list(REWARDS)) == REWARDS
