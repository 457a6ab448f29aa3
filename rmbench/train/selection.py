"""Which evaluation was the best, from what the Trainer logged; knows no torch.

The log is part of every checkpoint, so a run that is resumed chooses as one that never
stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation of the selection set.

    Attributes:
        step: Optimiser steps before it.
        loss: Mean over its examples.
    """

    step: int
    loss: float


def evaluations(log_history: Iterable[Mapping[str, Any]]) -> list[Evaluation]:
    """The evaluations in a Trainer's log, oldest first; of one step, the last."""
    found = {e["step"]: e["eval_loss"] for e in log_history if "eval_loss" in e}
    return [Evaluation(step, loss) for step, loss in found.items()]


def best_evaluation(log_history: Iterable[Mapping[str, Any]]) -> Evaluation | None:
    """The one with the lowest loss, the earliest of equals; ``None`` if there was none.

    >>> log = [{"step": s, "eval_loss": x} for s, x in ((10, 0.7), (20, 0.6), (30, 0.65))]
    >>> best_evaluation(log).step, evaluations_since_best(log)
    (20, 1)
    """
    return min(evaluations(log_history), key=lambda e: (e.loss, e.step), default=None)


def evaluations_since_best(log_history: Iterable[Mapping[str, Any]]) -> int:
    """How many evaluations came after the best one."""
    done = evaluations(log_history)
    best = min(done, key=lambda e: (e.loss, e.step), default=None)
    return len(done) - 1 - done.index(best) if best else 0


def mean_loss(log_history: Iterable[Mapping[str, Any]]) -> float:
    """Mean training loss over all steps, each line weighing the steps it stands for.

    >>> mean_loss([{"step": 10, "loss": 0.7}, {"step": 15, "loss": 0.4}])
    0.6
    """
    total, before = 0.0, 0
    for entry in log_history:
        if "loss" in entry:
            total += entry["loss"] * (entry["step"] - before)
            before = entry["step"]
    return total / before if before else 0.0
