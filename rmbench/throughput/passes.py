"""Passes over a workload, timed: the engine's own and those of the arms, by turns.

One pass of each, then the next pass of each: a machine that slows down for a while slows down
all of them, and an arm is compared with the engine's own pass of the same turn.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmbench.engine.scoring import Engine
from rmbench.engine.tally import BatchShape
from rmbench.errors import ScorerError
from rmbench.spec import Arm, ThroughputSuite
from rmbench.throughput.arms import Score, arm_obstacle, arranged, own_arm
from rmbench.throughput.flops import synchronise
from rmbench.throughput.memory import PeakMemory
from rmbench.types import Conversation, ScoredBatch

# An arm's first pass makes what its kernels keep; a part of the workload does for that.
_WARM_UP_SHARE = 4


@dataclass
class Passes:
    """What the timed passes of one way of scoring took and gave.

    Attributes:
        seconds: By turn.
        peaks: Most memory in use during each pass, bytes.
        reward: float64, shape (responses,).
        n_tokens: int64, shape (responses,).
        shapes: The batches of a pass.
        read_rows_only: Weights that met the scored tokens alone; see ``ForwardCost.executed``.
    """

    seconds: dict[int, float] = field(default_factory=dict)
    peaks: list[int] = field(default_factory=list)
    reward: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    n_tokens: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    shapes: tuple[BatchShape, ...] = ()
    read_rows_only: int = 0

    @property
    def pass_s(self) -> list[float]:
        """Seconds of each pass, in the order they ran."""
        return list(self.seconds.values())

    def times(self, other: Passes) -> list[float]:
        """Each pass's time over that of the other in the same turn.

        >>> Passes({0: 3.0, 2: 8.0}).times(Passes({0: 1.0, 1: 9.0, 2: 2.0}))
        [3.0, 4.0]
        """
        return [s / other.seconds[turn] for turn, s in self.seconds.items()]


@dataclass
class Turns:
    """All timed passes.

    Attributes:
        own: The engine's own path.
        own_arm: What that is called among the arms.
        arms: The other arms that could be timed.
        obstacles: Why the others could not.
        latency_s: How long each batch of the engine's own path took.
    """

    own: Passes
    own_arm: Arm
    arms: dict[Arm, Passes]
    obstacles: dict[Arm, str]
    latency_s: list[float]


def take_turns(
    engine: Engine,
    suite: ThroughputSuite,
    items: Sequence[Conversation],
    memory: PeakMemory,
    bar: Any,
) -> Turns:
    """Time an engine's own path and the suite's arms on one workload.

    Every turn has a pass of the engine's own path. An arm takes part in as many turns as its
    share of the suite's time for arms lasts, and in no fewer than the suite says. Warm-up
    passes are thrown away. What the engine says of its last call is that of its own path.

    Args:
        engine: Without a cache.
        suite: Passes and arms.
        items: The workload, chosen and rejected answers by turns.
        memory: Reads the peak of each pass.
        bar: A progress bar, told of every pass.
    """
    own = own_arm(engine)
    found = {arm: arm_obstacle(engine, arm) for arm in suite.arms if arm != own}
    turns = Turns(
        own=Passes(),
        own_arm=own,
        arms={arm: Passes() for arm, obstacle in found.items() if obstacle is None},
        obstacles={arm: obstacle for arm, obstacle in found.items() if obstacle is not None},
        latency_s=[],
    )
    share_s = suite.arms_s / max(1, len(turns.arms))
    for _ in range(suite.warmup_passes):
        engine.score(items)
        bar.update()
    if suite.warmup_passes:
        _warm_up(engine, turns, items)
    tally = engine.executor.tally
    for turn in range(suite.passes):
        _timed(engine, engine.score, items, memory, turns.own, turn, turns.latency_s)
        tally = engine.executor.tally
        bar.update()
        for arm, passes in list(turns.arms.items()):
            if turn < suite.arm_passes or sum(passes.pass_s) + passes.pass_s[-1] <= share_s:
                with _dropped_if_it_fails(engine, turns, arm), arranged(engine, arm) as score:
                    _timed(engine, score, items, memory, passes, turn)
                bar.update()
    if engine.device.type == "cuda":
        for _ in range(suite.passes):
            _with_latencies(engine, engine.score, items, turns.latency_s)
            bar.update()
    engine.executor.tally = tally
    return turns


def _warm_up(engine: Engine, turns: Turns, items: Sequence[Conversation]) -> None:
    # What is compiled is compiled for a shape, and a device starts slowly: there it takes all.
    whole = engine.options.compiled or engine.device.type == "cuda"
    part = items if whole else items[: 2 * max(1, len(items) // 2 // _WARM_UP_SHARE)]
    for arm in list(turns.arms):
        with _dropped_if_it_fails(engine, turns, arm), arranged(engine, arm) as score:
            score(part)


@contextmanager
def _dropped_if_it_fails(engine: Engine, turns: Turns, arm: Arm) -> Iterator[None]:
    """An arm that fails says why and is not timed any more.

    The engine's own path is what was asked for: another's trouble is not its end.
    """
    try:
        yield
        failed = "memory ran out" if engine.executor.tally.retries else None
    except ScorerError as error:
        failed = str(error)
    if failed is not None:
        del turns.arms[arm]
        turns.obstacles[arm] = failed


def _timed(
    engine: Engine,
    score: Score,
    items: Sequence[Conversation],
    memory: PeakMemory,
    passes: Passes,
    turn: int,
    latency_s: list[float] | None = None,
) -> None:
    """One pass from an idle device to an idle device."""
    memory.reset()
    # On a CPU a batch is done when it comes back, so telling when costs nothing.
    on_cpu = engine.device.type != "cuda"
    synchronise(engine.device)
    began = time.perf_counter()
    if latency_s is not None and on_cpu:
        batch = _with_latencies(engine, score, items, latency_s)
    else:
        batch = score(items)
    synchronise(engine.device)
    passes.seconds[turn] = time.perf_counter() - began
    passes.peaks.append(memory.read())
    passes.reward, passes.n_tokens = batch.reward, batch.n_tokens
    passes.shapes = engine.shapes
    passes.read_rows_only = engine.executor.read_rows_only


def _with_latencies(
    engine: Engine, score: Score, items: Sequence[Conversation], latency_s: list[float]
) -> ScoredBatch:
    def note(began: float) -> None:
        synchronise(engine.device)
        latency_s.append(time.perf_counter() - began)

    engine.executor.on_batch = note
    try:
        return score(items)
    finally:
        engine.executor.on_batch = None
