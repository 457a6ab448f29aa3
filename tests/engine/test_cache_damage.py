from __future__ import annotations

import os
import re
import sqlite3
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score_caches import CONTEXT, REWARDS, key, open_quietly, set_aside, start

from rmbench.engine import cache_file
from rmbench.engine.cache import ScoreCache


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite_pages(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 3)
        file.write(np.random.default_rng(0).bytes(size // 3))


def flip_a_byte_of_a_reward(path: Path) -> None:
    body = path.read_bytes()
    at = body.index(struct.pack("<d", 1234 / 7))
    with path.open("r+b") as file:
        file.seek(at + 3)
        file.write(bytes([body[at + 3] ^ 1]))


def alter_the_keys(path: Path) -> None:
    """The index stays whole to SQLite and finds keys that were not asked for."""
    body = path.read_bytes()
    for stored in REWARDS:
        body = body.replace(stored[:16], stored[:1] + b"\0" + stored[2:16])
    path.write_bytes(body)


def give_a_reward_to_another_key(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("DELETE FROM reward WHERE key = ?", (key(5)[:16],))
    db.execute("UPDATE reward SET key = ? WHERE key = ?", (key(5)[:16], key(6)[:16]))
    db.commit()
    db.close()


def text_in_its_place(path: Path) -> None:
    path.write_text("not a database\n")


def other_version(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()


def other_tables(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("ALTER TABLE reward RENAME COLUMN checksum TO crc")
    db.commit()
    db.close()


def another_database(path: Path) -> None:
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE recipes (name TEXT)")
    db.close()


def text_that_is_no_text(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("UPDATE reward SET reward = CAST(x'ff' AS TEXT)")
    db.commit()
    db.close()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (truncate, "malformed"),
        (overwrite_pages, "malformed|checksum"),
        (flip_a_byte_of_a_reward, "checksum"),
        (alter_the_keys, "checksum"),
        (give_a_reward_to_another_key, "checksum"),
        (text_in_its_place, "not a database"),
        (other_version, "schema version 99"),
        (other_tables, "other tables"),
        (another_database, "another SQLite file"),
        (text_that_is_no_text, "decode"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_set_aside(
    tmp_path: Path, damage: Callable[[Path], None], told: str
) -> None:
    with open_quietly(tmp_path) as cache:
        cache.bound(CONTEXT).put(REWARDS)
    damage(cache.path)
    damaged = cache.path.read_bytes()

    messages: list[str] = []
    with ScoreCache.open(tmp_path, messages.append) as cache:
        bound = cache.bound(CONTEXT)
        assert bound.get(list(REWARDS)) == {}
        bound.put(REWARDS)
        assert bound.get(list(REWARDS)) == REWARDS
    [message] = messages
    [aside] = set_aside(tmp_path)
    assert aside.read_bytes() == damaged
    assert re.search(told, message), message
    assert str(aside) in message
    assert str(cache.path) in message
    assert "scoring goes on" in message
    assert "\n" not in message

    with open_quietly(tmp_path) as cache:
        assert cache.bound(CONTEXT).get(list(REWARDS)) == REWARDS


def test_a_context_never_gets_the_rewards_of_another(tmp_path: Path) -> None:
    other = replace(CONTEXT, head="1")
    with open_quietly(tmp_path) as cache:
        cache.bound(CONTEXT).put({key(0): 1.0})
        cache.bound(other).put({key(0): 2.0})
    db = sqlite3.connect(cache.path)
    for old, new in ((1, 0), (2, 1), (0, 2)):
        db.execute("UPDATE context SET id = ? WHERE id = ?", (new, old))
    db.commit()
    db.close()
    messages: list[str] = []
    with ScoreCache.open(tmp_path, messages.append) as cache:
        assert cache.bound(CONTEXT).get([key(0)]) == {}
    assert len(messages) == len(set_aside(tmp_path)) == 1


@pytest.fixture(scope="module")
def database_and_wal(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """The files as a killed process leaves them: half of the rewards are only in the WAL."""
    folder = tmp_path_factory.mktemp("whole")
    rewards = list(REWARDS.items())
    with open_quietly(folder) as cache:
        cache.bound(CONTEXT).put(dict(rewards[:1500]))
    with open_quietly(folder) as cache:
        cache.bound(CONTEXT).put(dict(rewards[1500:]))
        wal = Path(f"{cache.path}-wal")
        return cache.path.read_bytes(), wal.read_bytes()


# Headers decide the most, so they are hit as often as all the rest.
@settings(max_examples=60, deadline=None)
@given(
    in_wal=st.booleans(),
    at=st.one_of(st.integers(0, 120), st.integers(0, 10**6)),
    put=st.one_of(st.none(), st.binary(min_size=1, max_size=5000)),
)
def test_no_damage_ends_a_run_or_changes_a_reward(
    tmp_path_factory: pytest.TempPathFactory,
    database_and_wal: tuple[bytes, bytes],
    in_wal: bool,
    at: int,
    put: bytes | None,
) -> None:
    files = [bytearray(body) for body in database_and_wal]
    damaged = files[in_wal]
    at %= len(damaged)
    if put is None:
        del damaged[at:]
    else:
        damaged[at : at + len(put)] = put
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "scores.sqlite3").write_bytes(files[0])
    (folder / "scores.sqlite3-wal").write_bytes(files[1])

    messages: list[str] = []
    with ScoreCache.open(folder, messages.append) as cache:
        bound = cache.bound(CONTEXT)
        for _ in range(2):
            # An index can be damaged so that it misses a reward, which is then only lost.
            assert bound.get(list(REWARDS)).items() <= REWARDS.items()
            bound.put(REWARDS)
        without = any("without" in message for message in messages)
        if messages:
            assert bound.get(list(REWARDS)) == ({} if without else REWARDS)
    assert len(messages) <= 1
    assert len(set_aside(folder)) == len(messages) - without


def test_what_lies_beside_the_file_goes_with_it(tmp_path: Path) -> None:
    first = open_quietly(tmp_path)
    first.bound(CONTEXT).put(REWARDS)
    body, wal = (Path(f"{first.path}{suffix}").read_bytes() for suffix in ("", "-wal"))
    messages: list[str] = []
    second = ScoreCache.open(tmp_path, messages.append)
    Path(f"{first.path}-journal").write_text("left behind")

    def find_damage(db: sqlite3.Connection) -> None:
        if not messages:
            raise cache_file.UnfitError("seen to be wrong")

    second._file.run(find_damage, None)
    [aside] = set_aside(tmp_path)
    assert aside.read_bytes() == body
    assert Path(f"{aside}-wal").read_bytes() == wal
    assert Path(f"{aside}-journal").read_text() == "left behind"
    assert not Path(f"{first.path}-journal").exists()
    second.bound(CONTEXT).put({key("new"): 1.0})
    # Whoever still has the old file open leaves what belongs to the new one alone.
    first.close()
    assert second.bound(CONTEXT).get([key("new"), *REWARDS]) == {key("new"): 1.0}
    second.close()
    assert Path(f"{aside}-wal").exists()
    db = sqlite3.connect(aside)
    assert db.execute("SELECT count(*) FROM reward").fetchone() == (len(REWARDS),)
    db.close()
    with open_quietly(tmp_path) as cache:
        assert cache.bound(CONTEXT).get([key("new"), *REWARDS]) == {key("new"): 1.0}


def test_files_set_aside_within_a_second_keep_names_of_their_own(tmp_path: Path) -> None:
    messages: list[str] = []
    for _ in range(3):
        text_in_its_place(tmp_path / "scores.sqlite3")
        ScoreCache.open(tmp_path, messages.append).close()
    assert len(messages) == len(set_aside(tmp_path)) == 3


OPEN_AT_ONCE = """
print("ready", flush=True)
wait_for(folder / "go")
cache = ScoreCache.open(folder, told.append)
bound = cache.bound(CONTEXT)
bound.put({key(sys.argv[2]): 1.0})
print("put", flush=True)
wait_for(folder / "look")
print(len(bound.get([key(str(i)) for i in range(6)])), len(told))
"""


def test_processes_that_find_the_damage_at_once_set_the_file_aside_once(tmp_path: Path) -> None:
    with open_quietly(tmp_path) as cache:
        cache.bound(CONTEXT).put(REWARDS)
    text_in_its_place(cache.path)
    processes = [start(OPEN_AT_ONCE, tmp_path, i) for i in range(6)]
    for step, word in (("go", "ready\n"), ("look", "put\n")):
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == word
        (tmp_path / step).touch()
    said = [process.communicate(timeout=60)[0].split() for process in processes]
    assert [found for found, _ in said] == ["6"] * 6
    assert sorted(told for _, told in said) == ["0"] * 5 + ["1"]
    assert len(set_aside(tmp_path)) == 1


def test_a_cache_in_use_follows_when_another_sets_the_file_aside(tmp_path: Path) -> None:
    told_a: list[str] = []
    told_b: list[str] = []
    a, b = (ScoreCache.open(tmp_path, told.append) for told in (told_a, told_b))
    a.bound(CONTEXT).put(REWARDS)
    assert b.bound(CONTEXT).get([key(0)])
    db = sqlite3.connect(a.path)
    db.execute("UPDATE reward SET checksum = checksum + 1")
    db.commit()
    db.close()

    assert a.bound(CONTEXT).get(list(REWARDS)) == {}
    b.bound(CONTEXT).put({key("b"): 1.0})
    a.bound(CONTEXT).put({key("a"): 2.0})
    assert a.bound(CONTEXT).get([key("a"), key("b")]) == {key("a"): 2.0, key("b"): 1.0}
    b.close()
    assert a.bound(CONTEXT).get([key("a"), key("b")]) == {key("a"): 2.0, key("b"): 1.0}
    a.close()
    assert len(set_aside(tmp_path)) == len(told_a) == len(told_b) == 1
    assert "checksum" in told_a[0]
    assert "another process" in told_b[0]
    with open_quietly(tmp_path) as cache:
        assert len(cache.bound(CONTEXT).get([key("a"), key("b")])) == 2


def test_damage_that_another_has_seen_to_meanwhile_costs_no_second_file(tmp_path: Path) -> None:
    told: list[str] = []
    a, b = (cache_file.CacheFile(tmp_path / "scores.sqlite3", told.append) for _ in range(2))

    def find_damage(db: sqlite3.Connection) -> str:
        if not told:
            raise cache_file.UnfitError("seen by a")
        return "done"

    def find_damage_too_late(db: sqlite3.Connection) -> str:
        if not told:
            assert a.run(find_damage, "otherwise") == "done"
            raise cache_file.UnfitError("seen by b")
        return "done"

    assert b.run(find_damage_too_late, "otherwise") == "done"
    assert len(set_aside(tmp_path)) == 1
    by_a, by_b = told
    assert "seen by a; moved to" in by_a
    assert "seen by b; another process moved or deleted it" in by_b
    a.close()
    b.close()


def test_a_file_that_is_damaged_again_at_once_is_done_without(tmp_path: Path) -> None:
    told: list[str] = []
    file = cache_file.CacheFile(tmp_path / "scores.sqlite3", told.append)

    def find_damage(db: sqlite3.Connection) -> str:
        raise cache_file.UnfitError("seen to be wrong")

    assert file.run(find_damage, "otherwise") == "otherwise"
    assert file.run(find_damage, "otherwise") == "otherwise"
    assert ["without" in message for message in told] == [False, False, True]
    assert len(set_aside(tmp_path)) == 2


def test_a_cache_deleted_while_in_use_is_started_anew(tmp_path: Path) -> None:
    messages: list[str] = []
    with ScoreCache.open(tmp_path / "cache", messages.append) as cache:
        bound = cache.bound(CONTEXT)
        bound.put({key(0): 1.0})
        for path in (tmp_path / "cache").iterdir():
            path.unlink()
        (tmp_path / "cache").rmdir()
        bound.put({key(1): 2.0})
        assert bound.get([key(0), key(1)]) == {key(1): 2.0}
    [message] = messages
    assert "is not where it was" in message
