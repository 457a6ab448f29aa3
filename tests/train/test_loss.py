from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rmbench.errors import UsageError
from rmbench.train.loss import Objective

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


def softplus(x: float) -> float:
    """-log(sigmoid(-x)) in Python's own floats, which cannot overflow here."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def by_hand(rc: float, rr: float, preference: float, margin: float, objective: Objective) -> float:
    """Cross-entropy between the votes, some of them flipped, and the model's own probability."""
    z = rc - rr - margin
    flipped = objective.label_smoothing
    for_chosen = preference * (1 - flipped) + (1 - preference) * flipped
    for_rejected = (1 - preference) * (1 - flipped) + preference * flipped
    cross_entropy = for_chosen * softplus(-z) + for_rejected * softplus(z)
    return cross_entropy + objective.center_coefficient * (rc + rr) ** 2


numbers = st.floats(-50, 50, width=32)
shares = st.floats(0, 1, width=32)
objectives = st.builds(
    Objective,
    center_coefficient=st.sampled_from([0.0, 0.01, 1.0]),
    label_smoothing=st.sampled_from([0.0, 0.1, 0.4]),
)


@given(
    st.lists(st.tuples(numbers, numbers, shares, numbers), min_size=1, max_size=8),
    objectives,
    st.booleans(),
    st.booleans(),
)
def test_every_combination_equals_the_formula_written_out(
    rows: list[tuple[float, float, float, float]], objective: Objective, votes: bool, margins: bool
) -> None:
    chosen, rejected, preference, margin = (
        torch.tensor(column) for column in zip(*rows, strict=True)
    )
    losses = objective.pair_losses(
        chosen,
        rejected,
        preference=preference if votes else None,
        margin=margin if margins else None,
    )
    expected = [
        by_hand(rc, rr, p if votes else 1.0, m if margins else 0.0, objective)
        for rc, rr, p, m in rows
    ]
    assert losses.dtype == torch.float32
    assert losses.tolist() == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_soft_labels_are_torchs_cross_entropy_with_logits() -> None:
    rng = torch.Generator().manual_seed(0)
    chosen, rejected, votes = torch.randn(3, 20, generator=rng).unbind()
    votes = votes.sigmoid()
    ours = Objective().pair_losses(chosen, rejected, preference=votes)
    theirs = torch.nn.functional.binary_cross_entropy_with_logits(
        chosen - rejected, votes, reduction="none"
    )
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("share", "smoothing", "probability"), [(0.7, 0.0, 0.7), (1.0, 0.1, 0.9), (0.75, 0.2, 0.65)]
)
def test_the_loss_is_least_where_the_model_says_the_votes(
    share: float, smoothing: float, probability: float
) -> None:
    # 0.75 * 0.8 + 0.25 * 0.2 = 0.65
    difference = torch.linspace(-4, 4, 8001)
    losses = Objective(label_smoothing=smoothing).pair_losses(
        difference, torch.zeros_like(difference), preference=torch.full_like(difference, share)
    )
    best = difference[losses.argmin()]
    assert best.sigmoid().item() == pytest.approx(probability, abs=1e-3)


def test_a_margin_moves_what_is_enough() -> None:
    # At r_chosen - r_rejected = 1.5 with margin 1.5 the model is as good as undecided.
    losses = Objective().pair_losses(
        torch.tensor([2.0]), torch.tensor([0.5]), margin=torch.tensor([1.5])
    )
    assert losses.item() == pytest.approx(math.log(2))


@DTYPES
def test_far_wrong_pair_costs_its_distance_where_the_textbook_form_is_infinite(
    dtype: torch.dtype,
) -> None:
    chosen = torch.tensor([-100.0], dtype=dtype, requires_grad=True)
    rejected = torch.tensor([100.0], dtype=dtype, requires_grad=True)
    losses = Objective().pair_losses(chosen, rejected)
    losses.sum().backward()
    assert losses.dtype == torch.float32
    assert losses.item() == 200.0
    assert chosen.grad is not None
    assert rejected.grad is not None
    assert chosen.grad.item() == -1.0
    assert rejected.grad.item() == 1.0
    assert torch.isinf(-torch.log(torch.sigmoid((chosen - rejected).detach()))).all()


@DTYPES
def test_far_right_pair_costs_nothing_and_pulls_nowhere(dtype: torch.dtype) -> None:
    chosen = torch.tensor([100.0], dtype=dtype, requires_grad=True)
    losses = Objective().pair_losses(chosen, torch.tensor([-100.0], dtype=dtype))
    losses.sum().backward()
    assert losses.item() == 0.0
    assert chosen.grad is not None
    assert chosen.grad.item() == 0.0


def test_smoothed_labels_pull_a_pair_that_is_too_sure_back() -> None:
    chosen = torch.tensor([100.0], requires_grad=True)
    Objective(label_smoothing=0.1).pair_losses(chosen, torch.tensor([0.0])).sum().backward()
    assert chosen.grad is not None
    assert chosen.grad.item() == pytest.approx(0.1)


def test_rewards_are_subtracted_in_float32() -> None:
    # Near 200 bfloat16 numbers are 1 apart: 200 - 0.5 would round to 200.
    losses = Objective().pair_losses(
        torch.tensor([0.5], dtype=torch.bfloat16), torch.tensor([200.0], dtype=torch.bfloat16)
    )
    assert losses.item() == 199.5


def test_adding_a_number_to_all_rewards_moves_the_centring_term_only() -> None:
    chosen, rejected = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 0.0])
    plain = Objective().pair_losses(chosen, rejected)
    torch.testing.assert_close(Objective().pair_losses(chosen + 3, rejected + 3), plain)
    centred = Objective(center_coefficient=0.1).pair_losses(chosen + 3, rejected + 3)
    # (1.5 + 6)^2 = 56.25 and (-2 + 6)^2 = 16.
    torch.testing.assert_close(centred - plain, torch.tensor([5.625, 1.6]))


def test_gradients_are_those_of_the_formula() -> None:
    objective = Objective(center_coefficient=0.3, label_smoothing=0.2)
    rewards = torch.tensor([[0.3, -1.2], [2.0, 0.1]], dtype=torch.float64)
    votes, margin = [0.9, 0.6], [0.5, -0.25]
    leaf = rewards.float().requires_grad_()
    objective.pair_losses(
        leaf[:, 0], leaf[:, 1], preference=torch.tensor(votes), margin=torch.tensor(margin)
    ).sum().backward()
    step = 1e-5

    def total(r: np.ndarray) -> float:
        return sum(by_hand(r[i, 0], r[i, 1], votes[i], margin[i], objective) for i in range(2))

    expected = np.zeros((2, 2))
    for i, j in np.ndindex(2, 2):
        nudge = np.zeros((2, 2))
        nudge[i, j] = step
        expected[i, j] = (total(rewards.numpy() + nudge) - total(rewards.numpy() - nudge)) / (
            2 * step
        )
    assert leaf.grad is not None
    np.testing.assert_allclose(leaf.grad.numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("chosen", "rejected", "margin"),
    [
        (torch.zeros(2), torch.zeros(3), None),
        (torch.zeros(2, 1), torch.zeros(2, 1), None),
        (torch.zeros(2), torch.zeros(2), torch.zeros(1)),
    ],
)
def test_shapes_that_would_broadcast_are_refused(
    chosen: Tensor, rejected: Tensor, margin: Tensor | None
) -> None:
    with pytest.raises(ValueError, match="one shape"):
        Objective().pair_losses(chosen, rejected, margin=margin)
    with pytest.raises(ValueError, match="one shape"):
        Objective().pair_losses(chosen, chosen, preference=torch.zeros(1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"center_coefficient": -0.1}, "center_coefficient is -0.1"),
        ({"center_coefficient": math.nan}, "center_coefficient is nan"),
        ({"label_smoothing": 0.5}, "label_smoothing is 0.5"),
        ({"label_smoothing": -0.1}, "label_smoothing is -0.1"),
    ],
)
def test_impossible_objectives_are_named(changes: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Objective(**changes)


class _FixedModel(torch.nn.Module):
    """Gives the logits it was made with, whatever it reads."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, **_: object) -> SimpleNamespace:
        return SimpleNamespace(logits=self.logits)


@pytest.mark.parametrize("margin", [None, [0.5, 0.0, 1.5]])
@pytest.mark.parametrize("coefficient", [None, 0.01])
def test_equals_the_loss_of_trl(margin: list[float] | None, coefficient: float | None) -> None:
    trl = pytest.importorskip("trl")
    logits = torch.tensor([[1.3], [-0.2], [4.0], [0.1], [2.2], [-3.0]])
    model = _FixedModel(logits)
    accelerator = SimpleNamespace(gather=lambda t: t, gather_for_metrics=lambda t: t)
    host = SimpleNamespace(
        model=model.eval(),
        args=SimpleNamespace(center_rewards_coefficient=coefficient),
        accelerator=accelerator,
        _metrics={"eval": {k: [] for k in _TRL_METRICS}},
        _total_train_tokens=0,
    )
    inputs: dict[str, object] = {"attention_mask": torch.ones(6, 1)}
    if margin is not None:
        inputs["margin"] = torch.tensor(margin)
    theirs = trl.RewardTrainer.compute_loss(host, model, inputs)
    ours = Objective(center_coefficient=coefficient or 0.0).pair_losses(
        logits[:3, 0], logits[3:, 0], margin=None if margin is None else torch.tensor(margin)
    )
    torch.testing.assert_close(ours.mean(), theirs)


_TRL_METRICS = ("num_tokens", "min_reward", "mean_reward", "max_reward", "accuracy", "margin")
