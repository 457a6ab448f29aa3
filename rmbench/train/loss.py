"""What a reward model is trained for: the losses of pairs of rewards."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from rmbench.errors import UsageError


@dataclass(frozen=True)
class Objective:
    r"""The loss of one chosen and one rejected reward.

    .. math::

        z &= r^c - r^r - m \\
        L &= -q \log \sigma(z) - (1 - q) \log \sigma(-z) + c\,(r^c + r^r)^2, \qquad
        q = (1 - \varepsilon)\,p + \varepsilon\,(1 - p)

    With vote share p = 1 and nothing else set this is the model of Bradley and Terry (1952)
    as a loss of reward models (Ouyang et al. 2022, equation 1). The margin m is that of
    Touvron et al. (2023, equation 2). A vote share p below 1 makes the loss the cross-entropy
    between the votes and the model's preference probability, which is least where
    :math:`\sigma(z) = p`; label smoothing :math:`\varepsilon` is the same for votes that are
    wrong with that probability (Wang et al. 2024, "Secrets of RLHF in Large Language Models,
    Part II"). The likelihood does not change when one number is added to all rewards of a
    prompt; the centring term (Eisenstein et al. 2023; ``center_rewards_coefficient`` in TRL)
    settles that number at a mean reward of zero.

    Attributes:
        center_coefficient: Weight c of the centring term, at least 0.
        label_smoothing: Probability that a vote is wrong, in [0, 0.5).

    Raises:
        UsageError: If a number is out of its range.
    """

    center_coefficient: float = 0.0
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not (isfinite(self.center_coefficient) and self.center_coefficient >= 0):
            raise UsageError(
                f"center_coefficient is {self.center_coefficient}: it must be a number of at "
                "least 0"
            )
        if not 0 <= self.label_smoothing < 0.5:
            raise UsageError(
                f"label_smoothing is {self.label_smoothing}: it must be in [0, 0.5), as half of "
                "the labels wrong leave nothing to learn"
            )

    def pair_losses(
        self,
        reward_chosen: Tensor,
        reward_rejected: Tensor,
        *,
        preference: Tensor | None = None,
        margin: Tensor | None = None,
    ) -> Tensor:
        """The loss of every pair.

        Computed in float32 whatever comes in, and with ``logsigmoid``: the textbook
        ``-log(sigmoid(z))`` is infinite once ``sigmoid(z)`` underflows, where this is ``-z``.

        Args:
            reward_chosen: Rewards of the chosen answers, shape (n,), any floating dtype.
            reward_rejected: Rewards of the rejected answers, shape (n,).
            preference: Share of votes for each chosen answer, shape (n,), in [0, 1]; 1
                unless given.
            margin: How far apart each pair's rewards ought to be, shape (n,), a logit; 0
                unless given.

        Returns:
            float32, shape (n,); not below 0.

        Raises:
            ValueError: If the shapes differ or are not (n,).

        >>> losses = Objective().pair_losses(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.0]))
        >>> [round(x, 4) for x in losses.tolist()]  # log(1 + exp(-1)) and log(2)
        [0.3133, 0.6931]
        """
        given = [t for t in (reward_chosen, reward_rejected, preference, margin) if t is not None]
        shapes = [tuple(t.shape) for t in given]
        if len(set(shapes)) != 1 or len(shapes[0]) != 1:
            raise ValueError(f"expected rewards and targets of one shape (n,), got {shapes}")
        chosen, rejected = reward_chosen.float(), reward_rejected.float()
        logit = chosen - rejected
        if margin is not None:
            logit = logit - margin.float()
        smoothing = self.label_smoothing
        if preference is None and not smoothing:
            losses = -logsigmoid(logit)
        else:
            share = torch.ones_like(logit) if preference is None else preference.float()
            target = share + smoothing * (1 - 2 * share)
            losses = -target * logsigmoid(logit) - (1 - target) * logsigmoid(-logit)
        if self.center_coefficient:
            losses = losses + self.center_coefficient * torch.square(chosen + rejected)
        return losses
