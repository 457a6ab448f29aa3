"""The engine over its planner: order kept, everything once, and never all token ids at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any
from weakref import ref

import models
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rmbench.engine import execute, scoring
from rmbench.engine.batch import PackedBatch
from rmbench.engine.encode import Encoded
from rmbench.engine.tally import Tally
from rmbench.types import Conversation, Message

TOKENS = st.lists(st.integers(0, 2), min_size=1, max_size=12).map(tuple)


def worth(ids: Sequence[int]) -> float:
    """A number that stands for a sequence and that float32 holds exactly."""
    return float(int.from_bytes(Encoded(tuple(ids)).key[:3]))


def worth_of_padded(_: Any, rows: Sequence[Encoded], **__: Any) -> torch.Tensor:
    return torch.tensor([worth(r.input_ids) for r in rows])


def worth_of_packed(_: Any, batch: PackedBatch, **__: Any) -> torch.Tensor:
    """What each sequence is, read back from where the batch says its tokens are."""
    return torch.tensor(
        [
            worth(batch.input_ids[[*range(first, last), *range(start, stop)]].tolist())
            for start, stop, first, last in batch.segments.tolist()
        ]
    )


@st.composite
def answered(draw: st.DrawFn) -> tuple[list[Encoded], list[int]]:
    """Sequences of a few prompts in any order, some of them equal."""
    prompts = draw(st.lists(st.integers(0, 3), min_size=1, max_size=20))
    starts = [draw(st.lists(st.integers(0, 2), max_size=20).map(tuple)) for _ in range(4)]
    return [Encoded(starts[p] + draw(TOKENS)) for p in prompts], prompts


@pytest.fixture(scope="module")
def engine() -> Any:
    return models.stub_engine(models.tiny_model("llama"))


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward passes give the worth of what they were given."""
    monkeypatch.setattr(execute, "forward_padded", worth_of_padded)
    monkeypatch.setattr(execute, "forward_packed", worth_of_packed)


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("path", ["shared", "packed", "padded"])
def test_rewards_come_back_in_order_and_equal_sequences_run_once(path: str, engine: Any) -> None:
    engine.executor.take_path(path)

    @given(answered(), st.integers(1, 150))
    def check(case: tuple[list[Encoded], list[int]], batch_tokens: int) -> None:
        rows, prompts = case
        engine.executor.batch_tokens = batch_tokens
        got = engine.score_rows(rows, prompts)
        assert got.tolist() == [worth(r.input_ids) for r in rows]
        different = len({r.input_ids for r in rows})
        assert engine.executor.tally.unique == different
        assert sum(s.rows for s in engine.shapes) == different
        assert all(s.tokens <= batch_tokens or s.rows == 1 for s in engine.shapes)

    check()


@pytest.mark.parametrize("path", ["shared", "packed", "padded"])
def test_running_out_of_memory_loses_and_repeats_nothing(
    path: str, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.executor.take_path(path)
    run: Counter[float] = Counter()
    room = 0

    def counted(values: torch.Tensor) -> torch.Tensor:
        if len(values) > 1 and len(values) > room:
            raise torch.OutOfMemoryError("no room")
        run.update(values.tolist())
        return values

    monkeypatch.setattr(
        execute, "forward_padded", lambda *a, **k: counted(worth_of_padded(*a, **k))
    )
    monkeypatch.setattr(
        execute, "forward_packed", lambda *a, **k: counted(worth_of_packed(*a, **k))
    )

    @given(answered(), st.integers(1, 6))
    def check(case: tuple[list[Encoded], list[int]], most: int) -> None:
        nonlocal room
        rows, prompts = case
        run.clear()
        room = most
        engine.executor.batch_tokens = 600
        expected = [worth(r.input_ids) for r in rows]
        assert engine.score_rows(rows, prompts).tolist() == expected
        assert run == Counter(set(expected))
        tally = engine.executor.tally
        assert engine.batch_tokens == 600 // 2**tally.retries
        assert sum(s.rows for s in engine.shapes) == len(run)

    check()


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 30)), max_size=30),
    st.integers(1, 12),
    st.integers(1, 80),
)
def test_windows_cover_all_and_part_no_example(
    examples: list[tuple[int, int]], window: int, chars: int
) -> None:
    items = [
        Conversation((Message("user", "p" * size),), "r", str(i), k)
        for i, (responses, size) in enumerate(examples)
        for k in range(responses)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "_WINDOW", window)
        patch.setattr(scoring, "_WINDOW_CHARS", chars)
        found = list(scoring._windows(items))
    assert [c for _, part in found for c in part] == items
    assert [start for start, _ in found] == list(
        np.cumsum([0, *(len(part) for _, part in found)])[:-1]
    )
    for _, part in found:
        assert part
        # Without its last example a window has room left, of either kind.
        last = part[-1].example_id
        before = [c for c in part if c.example_id != last]
        assert len(before) < window
        assert sum(len(c.response) + len(c.prompt[0].content) for c in before) < chars
    for (_, part), (_, following) in pairwise(found):
        assert part[-1].example_id != following[0].example_id


class Tracked(Encoded):
    """Token ids of which can be told whether they are still held."""

    __slots__ = ("__weakref__",)


class Rows(Sequence[Conversation]):
    """Conversations, two an example, that are made when they are asked for."""

    def __init__(self, n: int) -> None:
        self._n = n

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(self._n))]
        return Conversation((Message("user", f"p{at // 2}"),), f"r{at}", f"e{at // 2}", at % 2)

    def __iter__(self) -> Iterator[Conversation]:
        return (self[i] for i in range(self._n))


class StubExecutor:
    """Gives every sequence its first token as the reward, two batches to a call."""

    def __init__(self, engine: Any) -> None:
        self.capability = engine.capability
        self.model = engine.model
        self.tally = Tally()
        self.most_rows = 0

    def run(
        self, rows: Sequence[Encoded], prompts: Sequence[Any], skip: frozenset[int]
    ) -> Iterator[tuple[list[int], list[float]]]:
        assert not skip
        assert len(rows) == len(prompts)
        self.most_rows = max(self.most_rows, len(rows))
        half = len(rows) // 2
        for part in (range(half), range(half, len(rows))):
            yield list(part), [float(rows[i].input_ids[0]) for i in part]


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(1, 400))
def test_no_more_than_two_windows_of_token_ids_are_held(window: int, n: int) -> None:
    alive: set[int] = set()
    most = made = 0

    def encode(part: Sequence[Conversation]) -> list[Encoded]:
        nonlocal most, made
        rows: list[Encoded] = []
        for c in part:
            row = Tracked((int(c.response[1:]), 7))
            known.append(ref(row, lambda _, at=made: alive.discard(at)))
            alive.add(made)
            made += 1
            rows.append(row)
        most = max(most, len(alive))
        return rows

    known: list[Any] = []
    engine = models.stub_engine(models.tiny_model("llama", num_hidden_layers=1), encode)
    engine.executor = StubExecutor(engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "_WINDOW", window)
        scored = engine.score(Rows(n))
    assert scored.reward.tolist() == list(range(n))
    assert made == n
    # A window ends with an example, which has two rows; the next one is encoded before the
    # last one is let go.
    assert engine.executor.most_rows <= window + 1
    assert most <= 2 * (window + 1)
    assert not alive


_MILLION = """
import json, resource, sys
sys.path[:0] = [{tests!r}, {here!r}]
import models
from rmbench.engine.encode import Encoded
from test_streaming import Rows, StubExecutor

def encode(part):
    return [Encoded(tuple(range(int(c.response[1:]), int(c.response[1:]) + 100))) for c in part]

engine = models.stub_engine(models.tiny_model("llama", num_hidden_layers=1), encode)
engine.executor = StubExecutor(engine)
n = {n}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rewards = engine.score(Rows(n)).reward
grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
row = encode(Rows(n)[n - 1:])[0]
one = sys.getsizeof(row.input_ids) + sum(map(sys.getsizeof, row.input_ids))
right = bool((rewards == range(n)).all())
json.dump({{"grown": grown, "all": one * n, "right": right}}, sys.stdout)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is in other units elsewhere")
def test_a_million_rows_take_a_fraction_of_the_memory_of_their_token_ids(
    record_property: Any,
) -> None:
    here = Path(__file__).parent
    script = _MILLION.format(tests=str(here.parent), here=str(here), n=1_000_000)
    found = json.loads(subprocess.check_output([sys.executable, "-c", script], text=True))
    record_property("grown_bytes", found["grown"])
    assert found["right"]
    # Rewards and the digests they are known by stay: some 200 bytes a sequence.
    assert found["grown"] < 400e6 < found["all"] / 8


def test_examples_of_the_lazy_rows_are_neighbours() -> None:
    rows = Rows(7)
    assert [len(list(g)) for _, g in groupby(rows, key=lambda c: c.example_id)] == [2, 2, 2, 1]
    assert rows[3:5] == list(rows)[3:5]
