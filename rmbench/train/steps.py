"""Which examples make an optimiser step, and how a step is cut; knows no torch."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of one optimiser step that one process computes.

    Attributes:
        examples: Positions of all examples of the step, those of other processes included.
        micro_batches: Positions of the examples of each forward; as many forwards in every
            process, as sharded weights are gathered by all at once.
        spare: Whether the micro-batches only keep the other processes company: there are
            fewer examples than processes, and those of this one do not count.
    """

    examples: tuple[int, ...]
    micro_batches: tuple[tuple[int, ...], ...]
    spare: bool = False


def cut_step(
    examples: Sequence[int],
    costs: Sequence[int],
    *,
    budget: int | None,
    processes: int,
    process: int,
    alike: bool = False,
) -> Cut:
    """Spread the examples of a step over processes and forwards, evenly by cost.

    Every process makes the same cut of the whole step and takes its own part of it.

    Args:
        examples: Positions of the examples, at least one.
        costs: Tokens each of them takes to compute.
        budget: Most tokens of a forward, as far as it has more than one example; ``None``
            makes one forward in every process.
        processes: How many there are.
        process: Which of them this is.
        alike: Whether a forward costs as much for each example as for its costliest, as it
            does where they are padded; examples of similar cost are then put together.

    >>> cut_step([7, 8, 9], [30, 20, 10], budget=40, processes=1, process=0).micro_batches
    ((7,), (8, 9))
    """
    if not examples or len(examples) != len(costs):
        raise ValueError(f"{len(examples)} examples and {len(costs)} costs")
    if len(examples) < processes:
        if process < len(examples):
            return Cut(tuple(examples), ((examples[process],),))
        cheapest = examples[min(range(len(costs)), key=lambda i: costs[i])]
        return Cut(tuple(examples), ((cheapest,),), spare=True)
    bins = _neighbours(costs, budget, processes) if alike else _spread(costs, budget, processes)
    mine = bins[process::processes]
    return Cut(tuple(examples), tuple(tuple(examples[i] for i in sorted(b)) for b in mine))


def _spread(costs: Sequence[int], budget: int | None, processes: int) -> list[list[int]]:
    """Positions into ``costs`` in bins of nearly equal sums, as few as the budget allows."""
    most = len(costs) // processes
    forwards = 1 if budget is None else min(most, -(-sum(costs) // (processes * budget)))
    while True:
        bins = _longest_first(costs, forwards * processes)
        if budget is None or forwards == most:
            return bins
        if all(len(b) == 1 or sum(costs[i] for i in b) <= budget for b in bins):
            return bins
        forwards += 1


def _longest_first(costs: Sequence[int], n_bins: int) -> list[list[int]]:
    """Positions into ``costs`` in bins of nearly equal sums, the fullest bin first.

    The costliest go first, each to the bin with the least so far (Graham 1969, longest
    processing time first), so that no process waits long for another.
    """
    bins: list[list[int]] = [[] for _ in range(n_bins)]
    least = [(0, b) for b in range(n_bins)]
    for i in _costliest_first(costs):
        filled, b = heapq.heappop(least)
        bins[b].append(i)
        heapq.heappush(least, (filled + costs[i], b))
    bins.sort(key=lambda b: (-sum(costs[i] for i in b), b))
    return bins


def _neighbours(costs: Sequence[int], budget: int | None, processes: int) -> list[list[int]]:
    """Positions into ``costs`` in bins of similar costs, each taken for its largest."""
    bins: list[list[int]] = []
    for i in _costliest_first(costs):
        if bins and (budget is None or costs[bins[-1][0]] * (len(bins[-1]) + 1) <= budget):
            bins[-1].append(i)
        else:
            bins.append([i])
    wanted = -(-len(bins) // processes) * processes
    while len(bins) < min(wanted, len(costs)):
        most = max((b for b in bins if len(b) > 1), key=lambda b: costs[b[0]] * len(b))
        at = bins.index(most)
        bins[at : at + 1] = [most[: len(most) // 2], most[len(most) // 2 :]]
    if over := len(bins) % processes:
        # Nothing is left to be parted, so the cheapest go together in twos.
        cheapest = bins[-2 * over :]
        bins[-2 * over :] = [cheapest[i] + cheapest[-1 - i] for i in range(over)]
    bins.sort(key=lambda b: (-costs[b[0]] * len(b), b))
    return bins


def _costliest_first(costs: Sequence[int]) -> list[int]:
    return sorted(range(len(costs)), key=lambda i: (-costs[i], i))


def chunks(n: int, size: int, *, drop_last: bool = False) -> Iterator[range]:
    """Neighbouring positions, ``size`` at a time; the last may be fewer.

    >>> list(chunks(5, 2))
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    for start in range(0, n, size):
        if start + size > n and drop_last:
            return
        yield range(start, min(n, start + size))
