"""Metrics of the examples that were trained or evaluated on, read from the device seldom."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rmbench.train.collate import MicroBatch

COLUMNS = ("loss", "right", "decided", "margin", "reward", "reward_chosen", "reward_rejected")
"""Of each example: mean loss of its pairs; share of them with ``r_chosen > r_rejected``, and
1, where the votes decided (else both 0); mean difference; means of the rewards."""

# Small tensors are kept until they are read; so many of them, at most.
_MOST_KEPT = 512


def measure(rewards: Tensor, losses: Tensor, batch: MicroBatch) -> Tensor:
    """One row for each example of a batch, one column for each of ``COLUMNS``.

    Args:
        rewards: float32, shape (rows,).
        losses: float32, shape (pairs,).
        batch: Which rewards are compared.

    Returns:
        float32, shape (len(batch), len(COLUMNS)), on the rewards' device; rows of examples
        that weigh nothing are 0.
    """
    rewards, losses = rewards.detach(), losses.detach()
    chosen, rejected = rewards[batch.chosen], rewards[batch.rejected]
    difference = chosen - rejected
    decided = torch.ones_like(losses)
    if batch.preference is not None:
        decided = (batch.preference != 0.5).float()
    columns = [
        losses,
        (difference > 0).float() * decided,
        decided,
        difference,
        (chosen + rejected) / 2,
        chosen,
        rejected,
    ]
    weighted = torch.stack(columns, dim=1) * batch.share.unsqueeze(1)
    out = weighted.new_zeros(len(batch), len(COLUMNS))
    return out.index_add_(0, batch.example, weighted)


def summarise(sums: NDArray[np.float64], n: float) -> dict[str, float]:
    """Means over n examples, from the sums of their columns.

    Args:
        sums: float64, shape (len(COLUMNS),).
        n: How many examples they are of, above 0.

    Returns:
        ``loss``, ``accuracy`` (over the decided examples; absent where there are none),
        ``margin`` and ``mean_reward``.

    >>> summarise(np.array([1.2, 1.0, 2.0, 0.5, 3.0, 3.25, 2.75]), 2)
    {'loss': 0.6, 'accuracy': 0.5, 'margin': 0.25, 'mean_reward': 1.5}
    """
    total = dict(zip(COLUMNS, sums.tolist(), strict=True))
    means = {"loss": total["loss"] / n}
    if total["decided"]:
        means["accuracy"] = total["right"] / total["decided"]
    return means | {"margin": total["margin"] / n, "mean_reward": total["reward"] / n}


@dataclass(frozen=True, slots=True)
class NotFinite:
    """The first step whose loss was no number, and the examples that made it so."""

    step: int
    ids: tuple[str, ...]


@dataclass
class Meter:
    """Sums of training metrics since they were last taken.

    What comes in stays on the device until somebody asks; then everything is copied at once.
    """

    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(COLUMNS) + 1))
    not_finite: NotFinite | None = None
    _kept: list[tuple[int, tuple[str, ...], Tensor]] = field(default_factory=list)

    def add(self, step: int, ids: tuple[str, ...], rows: Tensor) -> None:
        """Keep the rows that ``measure`` made of a batch of a step."""
        self._kept.append((step, ids, rows))
        if len(self._kept) >= _MOST_KEPT:
            self.read()

    def read(self) -> None:
        """Copy what was kept from the device, and see whether all losses are finite."""
        if not self._kept:
            return
        rows = torch.cat([r for _, _, r in self._kept]).cpu().double().numpy()
        finite = np.isfinite(rows[:, 0])
        if self.not_finite is None and not finite.all():
            steps = np.array([s for s, ids, _ in self._kept for _ in ids])
            names = [i for _, ids, _ in self._kept for i in ids]
            first = int(steps[~finite].min())
            bad = np.flatnonzero(~finite & (steps == first))
            self.not_finite = NotFinite(first, tuple(names[i] for i in bad))
        self.sums[:-1] += rows.sum(axis=0)
        self.sums[-1] += len(rows)
        self._kept.clear()

    def take(self) -> NDArray[np.float64]:
        """Sums of the columns and the number of examples, which start again from 0."""
        self.read()
        sums, self.sums = self.sums, np.zeros(len(COLUMNS) + 1)
        return sums
