"""The Bradley-Terry loss of a reward model."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def bradley_terry_loss(
    reward_chosen: Tensor,
    reward_rejected: Tensor,
    *,
    margin: Tensor | None = None,
    center_coefficient: float = 0.0,
) -> Tensor:
    r"""Mean negative log-likelihood that every chosen answer is preferred.

    .. math::

        L = \frac{1}{n} \sum_i -\log \sigma(r^c_i - r^r_i - m_i)
            + \frac{c}{n} \sum_i (r^c_i + r^r_i)^2

    The first term is the model of Bradley and Terry (1952) as a loss of reward models
    (Ouyang et al. 2022, equation 1) with the margin of Touvron et al. (2023, equation 2).
    The likelihood does not change when one number is added to all rewards of a prompt; the
    second term (Eisenstein et al. 2023; ``center_rewards_coefficient`` in TRL) settles it at
    a mean of zero.

    Computed in float32 whatever comes in, and as ``logsigmoid``: the textbook
    ``-log(sigmoid(x))`` is infinite once ``sigmoid(x)`` underflows, while this is ``-x`` there.

    Args:
        reward_chosen: Rewards of the chosen answers, shape (n,), any floating dtype.
        reward_rejected: Rewards of the rejected answers, shape (n,).
        margin: How far apart each pair's rewards ought to be, shape (n,); a logit.
        center_coefficient: Weight c of the centring term, at least 0.

    Returns:
        Scalar, float32; not below 0.

    Raises:
        ValueError: If the shapes differ, are not (n,), or n is 0.

    >>> loss = bradley_terry_loss(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.0]))
    >>> round(loss.item(), 4)  # (log(1 + exp(-1)) + log(2)) / 2
    0.5032
    """
    chosen, rejected = reward_chosen.float(), reward_rejected.float()
    shapes = [tuple(t.shape) for t in (chosen, rejected, margin) if t is not None]
    if len(set(shapes)) != 1 or chosen.ndim != 1 or len(chosen) == 0:
        raise ValueError(f"expected rewards and margin of one shape (n,) with n > 0, got {shapes}")
    difference = chosen - rejected
    if margin is not None:
        difference = difference - margin.float()
    loss = -logsigmoid(difference).mean()
    if center_coefficient:
        loss = loss + center_coefficient * torch.square(chosen + rejected).mean()
    return loss
