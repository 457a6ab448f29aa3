"""The processes of a training run: who writes, and how an error in one ends them all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from rmbench.errors import RmbenchError, TrainingError

_T = TypeVar("_T")


def is_main_process() -> bool:
    """Whether this process speaks for the run, by the environment a launcher sets.

    Needs no torch. ``torchrun`` and ``accelerate launch`` set ``RANK``; without a launcher
    there is one process, and it does.
    """
    return os.environ.get("RANK", "0") == "0"


@dataclass(frozen=True)
class Processes:
    """One or more processes that run the same program in step.

    Attributes:
        size: How many there are.
        rank: Which of them this is; 0 writes and prints.
    """

    size: int = 1
    rank: int = 0

    @property
    def is_main(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    @classmethod
    def join(cls, *, cpu: bool) -> Processes:
        """Find the others, if a launcher started any.

        Args:
            cpu: Whether to compute on the CPU although there may be an accelerator.
        """
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        from accelerate import PartialState

        state = PartialState(cpu=cpu)
        return cls(state.num_processes, state.process_index)

    @contextmanager
    def together(self) -> Iterator[None]:
        """End the block in all processes at once, with an error if it was one in any.

        Raises:
            TrainingError: In processes whose own block went well, what went wrong elsewhere.
        """
        if self.size == 1:
            yield
            return
        try:
            yield
        except Exception as error:  # told to the others, then raised on
            told = isinstance(error, RmbenchError | OSError)
            self._all_errors(str(error) if told else repr(error))
            raise
        others = [e for e in self._all_errors(None) if e is not None]
        if others:
            raise TrainingError(f"another process: {others[0]}")

    def of_main(self, value: _T) -> _T:
        """The value that the first process has, in every process."""
        if self.size == 1:
            return value
        from accelerate.utils import broadcast_object_list

        values = [value]
        broadcast_object_list(values)
        return values[0]

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        if self.size == 1:
            return flag
        from accelerate.utils import gather_object

        return any(gather_object([flag]))

    def _all_errors(self, own: str | None) -> list[str | None]:
        from accelerate.utils import gather_object

        errors: list[str | None] = gather_object([own])
        return errors
