"""Optimiser steps as a data loader hands them out: examples drawn, cut and collated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from rmbench.train.collate import MicroBatch, PairCollator
from rmbench.train.pairs import EncodedExample
from rmbench.train.steps import Cut, chunks, cut_step

Order = Literal["random", "sequential"]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What one process computes of a step.

    Attributes:
        micro_batches: One for each forward.
        ids: Of all examples of the step, those of other processes included.
    """

    micro_batches: tuple[MicroBatch, ...]
    ids: tuple[str, ...]

    def pin_memory(self) -> Self:
        """The same in page-locked memory."""
        return replace(self, micro_batches=tuple(m.pin_memory() for m in self.micro_batches))


class StepSampler(Sampler[list[Cut]]):
    """Draws the examples of every step and cuts it for one process.

    A random order depends on seed and epoch alone, so that a run that goes on in the middle
    meets the same steps; it is the order in which ``transformers.Trainer`` draws examples
    from the same seed.

    Args:
        examples: The data set.
        collator: Knows what an example costs.
        step_examples: Examples of a step, over all processes.
        budget: Tokens of a forward; see ``cut_step``.
        order: Of the examples.
        seed: Of the order, where it is random.
        drop_last: Whether a last step with fewer examples is left out.
        processes: How many there are.
        process: Which of them this is.
    """

    def __init__(
        self,
        examples: Sequence[EncodedExample],
        collator: PairCollator,
        step_examples: int,
        *,
        budget: int | None,
        order: Order = "sequential",
        seed: int = 0,
        drop_last: bool = False,
        processes: int = 1,
        process: int = 0,
    ) -> None:
        self._examples = examples
        self._cost = collator.cost
        self._step_examples = step_examples
        self._order = order
        self._seed = seed
        self._epoch = 0
        self._drop_last = drop_last
        self._cut: dict[str, Any] = {
            "budget": budget,
            "alike": collator.capability.path == "padded",
            "processes": processes,
            "process": process,
        }

    def set_epoch(self, epoch: int) -> None:
        """Choose which epoch's order comes next."""
        self._epoch = epoch

    def __len__(self) -> int:
        whole, rest = divmod(len(self._examples), self._step_examples)
        return whole + bool(rest and not self._drop_last)

    def __iter__(self) -> Iterator[list[Cut]]:
        n = len(self._examples)
        if self._order == "random":
            generator = torch.Generator().manual_seed(self._seed + self._epoch)
            order = torch.randperm(n, generator=generator).tolist()
        else:
            order = list(range(n))
        for chunk in chunks(n, self._step_examples, drop_last=self._drop_last):
            members = [order[i] for i in chunk]
            costs = [self._cost(self._examples[i]) for i in members]
            yield [cut_step(members, costs, **self._cut)]


class StepDataset(Dataset[Step]):
    """Collates the cuts of a data set, in whichever process a worker runs."""

    def __init__(self, examples: Sequence[EncodedExample], collator: PairCollator) -> None:
        self._examples = examples
        self._collator = collator

    def __len__(self) -> int:
        """Examples, as the Trainer reports them."""
        return len(self._examples)

    def __getitem__(self, cut: Cut) -> Step:
        return Step(
            micro_batches=tuple(
                self._collator([self._examples[i] for i in members], members, spare=cut.spare)
                for members in cut.micro_batches
            ),
            ids=tuple(self._examples[i].id for i in cut.examples),
        )


class StepLoader(DataLoader[Step]):
    """A data loader of steps.

    It shards by itself and is not to be prepared by accelerate, which would deal the steps
    out to the processes once more, and fill up the last one with examples of the first.

    Attributes:
        examples: The data set.
    """

    def __init__(
        self,
        examples: Sequence[EncodedExample],
        collator: PairCollator,
        sampler: StepSampler,
        **options: Any,
    ) -> None:
        self.examples = examples
        self._steps = sampler
        super().__init__(
            StepDataset(examples, collator), batch_sampler=sampler, collate_fn=_only, **options
        )

    def set_epoch(self, epoch: int) -> None:
        """Choose which epoch's order comes next; the Trainer calls it."""
        self._steps.set_epoch(epoch)


def _only(steps: list[Step]) -> Step:
    (step,) = steps
    return step
