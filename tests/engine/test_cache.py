from __future__ import annotations

import json
import signal
import sqlite3
import struct
import time
from dataclasses import fields, replace
from hashlib import sha256
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_caches import CONTEXT, key, open_quietly, start

from rmbench.engine.cache import ScoreCache, ScoreContext, default_cache_folder


def bits(value: float) -> bytes:
    return struct.pack(">d", value)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> ScoreCache:
    return open_quietly(tmp_path_factory.mktemp("lasting"))


@given(
    st.dictionaries(
        st.integers().map(key),
        st.floats(allow_nan=False, allow_infinity=False),
        max_size=20,
    )
)
def test_any_finite_float_comes_back_bit_by_bit(
    lasting: ScoreCache, rewards: dict[bytes, float]
) -> None:
    bound = lasting.bound(CONTEXT)
    bound.put(rewards)
    read = bound.get(list(rewards))
    assert {k: bits(v) for k, v in read.items()} == {k: bits(v) for k, v in rewards.items()}


@pytest.mark.parametrize(
    "reward", [-0.0, 0.0, 5e-324, -2.2250738585072009e-308, 1.7976931348623157e308, 3.0]
)
def test_odd_floats_survive_closing(tmp_path: Path, reward: float) -> None:
    with open_quietly(tmp_path) as cache:
        cache.bound(CONTEXT).put({key(0): reward})
    with open_quietly(tmp_path) as cache:
        assert bits(cache.bound(CONTEXT).get([key(0)])[key(0)]) == bits(reward)


def test_what_is_not_finite_is_not_kept(tmp_path: Path) -> None:
    with open_quietly(tmp_path) as cache:
        bound = cache.bound(CONTEXT)
        bound.put({key(0): nan, key(1): inf, key(2): -inf, key(3): 0.5})
        assert bound.get([key(i) for i in range(4)]) == {key(3): 0.5}


def test_more_keys_than_a_statement_takes_variables(tmp_path: Path) -> None:
    rewards = {key(i): float(i) for i in range(5000)}
    with open_quietly(tmp_path) as cache:
        # What SQLite was built with before 3.32.
        cache._file.run(lambda db: db.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999), None)
        bound = cache.bound(CONTEXT)
        assert bound.get([]) == {}
        bound.put({k: v for k, v in rewards.items() if v % 2})
        assert bound.get(list(rewards)) == {k: v for k, v in rewards.items() if v % 2}


def test_a_later_reward_replaces_an_earlier_one(tmp_path: Path) -> None:
    with open_quietly(tmp_path) as cache:
        bound = cache.bound(CONTEXT)
        bound.put({key(0): 1.0, key(1): 2.0})
        bound.put({key(1): 3.0})
        assert bound.get([key(0), key(1), key(1)]) == {key(0): 1.0, key(1): 3.0}


@pytest.mark.parametrize("field", [f.name for f in fields(ScoreContext)])
def test_contexts_that_differ_in_anything_share_no_reward(tmp_path: Path, field: str) -> None:
    other = replace(CONTEXT, **{field: "other"})
    assert other.digest != CONTEXT.digest
    with open_quietly(tmp_path) as cache:
        cache.bound(CONTEXT).put({key(0): 1.0})
        assert cache.bound(other).get([key(0)]) == {}
        cache.bound(other).put({key(0): 2.0})
        assert cache.bound(CONTEXT).get([key(0)]) == {key(0): 1.0}


def test_fields_do_not_run_into_each_other() -> None:
    one = replace(CONTEXT, head='a", "score_position": "b', score_position="c")
    two = replace(CONTEXT, head="a", score_position='b", "score_position": "c')
    assert one.digest != two.digest


def test_the_file_says_in_plain_words_what_its_contexts_are(tmp_path: Path) -> None:
    with open_quietly(tmp_path) as cache:
        cache.bound(CONTEXT).put({key(0): 1.0})
        db = sqlite3.connect(cache.path)
        [(digest, description, created)] = db.execute(
            "SELECT digest, description, created FROM context"
        )
        db.close()
    assert json.loads(description) == {f.name: getattr(CONTEXT, f.name) for f in fields(CONTEXT)}
    assert sha256(description.encode()).digest() == digest == bytes.fromhex(CONTEXT.digest)
    assert created.endswith("+00:00")


def test_a_closed_cache_is_not_mistaken_for_an_empty_one(tmp_path: Path) -> None:
    with open_quietly(tmp_path) as cache:
        bound = cache.bound(CONTEXT)
    with pytest.raises(ValueError, match="closed"):
        bound.get([key(0)])
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix != ".lock") == ["scores.sqlite3"]


# --- killed, and shared -------------------------------------------------------------------

PUT_FOREVER = """
bound = ScoreCache.open(folder, told.append).bound(CONTEXT)
batch, rows = int(sys.argv[2]), int(sys.argv[3])
while True:
    rewards = {key(batch, i): batch + i / rows for i in range(rows)}
    print("begin", batch, flush=True)
    bound.put(rewards)
    print("end", batch, flush=True)
    batch += 1
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_batch_is_there_whole_or_not_at_all_after_sigkill(tmp_path: Path) -> None:
    rows, began, ended = 4000, -1, set()
    rng = np.random.default_rng(0)
    for _ in range(8):
        process = start(PUT_FOREVER, tmp_path, began + 1, rows)
        assert process.stdout is not None
        puts_before = rng.integers(3)
        while True:
            word, batch = process.stdout.readline().split()
            if word == "begin":
                began = int(batch)
                if puts_before == 0:
                    break
                puts_before -= 1
            else:
                ended.add(int(batch))
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        for line in process.stdout.read().splitlines():
            word, batch = line.split()
            if word == "end":
                ended.add(int(batch))
            else:
                began = int(batch)
        process.wait()

    with open_quietly(tmp_path) as cache:
        bound = cache.bound(CONTEXT)
        for batch in range(began + 1):
            expected = {key(batch, i): batch + i / rows for i in range(rows)}
            found = bound.get(list(expected))
            assert found in ({}, expected), f"{len(found)} of {rows} rewards"
            if batch in ended:
                assert found, "put had returned"
    assert ended, "no put came to its end, so the test shows nothing"
    assert len(ended) < began + 1, "no put was interrupted, so the test shows nothing"


PUT_SMALL_BATCHES = """
cache = ScoreCache.open(folder, told.append)
bound = cache.bound(CONTEXT)
print("ready", flush=True)
wait_for(folder / "go")
for batch in range(150):
    bound.put({key(sys.argv[2], batch, i): batch + i / 8 for i in range(8)})
    bound.put({key("both", batch): float(batch)})
cache.close()
print(told)
"""


def test_two_processes_write_at_the_same_time(tmp_path: Path) -> None:
    processes = [start(PUT_SMALL_BATCHES, tmp_path, name) for name in "ab"]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    (tmp_path / "go").touch()
    for process in processes:
        out, _ = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "[]\n")
    expected = {
        key(name, batch, i): batch + i / 8
        for name in "ab"
        for batch in range(150)
        for i in range(8)
    } | {key("both", batch): float(batch) for batch in range(150)}
    with open_quietly(tmp_path) as cache:
        assert cache.bound(CONTEXT).get(list(expected)) == expected


def test_the_folder_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for own, shared, expected in (
        ("/own", "/shared", Path("/own")),
        ("~/own", "/shared", tmp_path / "home" / "own"),
        ("", "/shared", Path("/shared/rmbench")),
        ("", "relative", tmp_path / "home" / ".cache" / "rmbench"),
        ("", "", tmp_path / "home" / ".cache" / "rmbench"),
    ):
        monkeypatch.setenv("RMBENCH_CACHE", own)
        monkeypatch.setenv("XDG_CACHE_HOME", shared)
        assert default_cache_folder() == expected
    monkeypatch.delenv("RMBENCH_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_folder() == tmp_path / "home" / ".cache" / "rmbench"


def test_caching_imports_no_torch(tmp_path: Path) -> None:
    script = "print(ScoreCache.open(folder, told.append).path, 'torch' in sys.modules)"
    process = start(script, tmp_path)
    out, _ = process.communicate(timeout=60)
    assert out.endswith(" False\n")
