from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rmbench.train.loss import bradley_terry_loss

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


def by_hand(chosen: list[float], rejected: list[float], margin: list[float], c: float) -> float:
    """The formula in Python's own floats, through log1p, which cannot overflow here."""
    total = 0.0
    for rc, rr, m in zip(chosen, rejected, margin, strict=True):
        d = rc - rr - m
        total += max(-d, 0.0) + math.log1p(math.exp(-abs(d))) + c * (rc + rr) ** 2
    return total / len(chosen)


@given(
    st.lists(st.tuples(*[st.floats(-50, 50, width=32)] * 3), min_size=1, max_size=8),
    st.floats(0, 1, width=32),
)
def test_equals_the_formula_written_out(
    rows: list[tuple[float, float, float]], coefficient: float
) -> None:
    chosen, rejected, margin = (list(column) for column in zip(*rows, strict=True))
    loss = bradley_terry_loss(
        torch.tensor(chosen),
        torch.tensor(rejected),
        margin=torch.tensor(margin),
        center_coefficient=coefficient,
    )
    expected = by_hand(chosen, rejected, margin, coefficient)
    assert loss.item() == pytest.approx(expected, rel=1e-5, abs=1e-6)


@DTYPES
def test_far_wrong_pair_costs_its_distance_where_the_textbook_form_is_infinite(
    dtype: torch.dtype,
) -> None:
    chosen = torch.tensor([-100.0], dtype=dtype, requires_grad=True)
    rejected = torch.tensor([100.0], dtype=dtype, requires_grad=True)
    loss = bradley_terry_loss(chosen, rejected)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == 200.0
    assert chosen.grad is not None
    assert rejected.grad is not None
    assert chosen.grad.item() == -1.0
    assert rejected.grad.item() == 1.0
    assert torch.isinf(-torch.log(torch.sigmoid((chosen - rejected).detach()))).all()


@DTYPES
def test_far_right_pair_costs_nothing_and_pulls_nowhere(dtype: torch.dtype) -> None:
    chosen = torch.tensor([100.0], dtype=dtype, requires_grad=True)
    loss = bradley_terry_loss(chosen, torch.tensor([-100.0], dtype=dtype))
    loss.backward()
    assert loss.item() == 0.0
    assert chosen.grad is not None
    assert chosen.grad.item() == 0.0


def test_rewards_are_subtracted_in_float32() -> None:
    # Near 200 bfloat16 numbers are 1 apart: 200 - 0.5 would round to 200.
    loss = bradley_terry_loss(
        torch.tensor([0.5], dtype=torch.bfloat16), torch.tensor([200.0], dtype=torch.bfloat16)
    )
    assert loss.item() == 199.5


def test_adding_a_number_to_all_rewards_moves_the_centring_term_only() -> None:
    chosen, rejected = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 0.0])
    plain = bradley_terry_loss(chosen, rejected)
    torch.testing.assert_close(bradley_terry_loss(chosen + 3, rejected + 3), plain)
    centred = bradley_terry_loss(chosen + 3, rejected + 3, center_coefficient=0.1)
    # (1.5 + 6)^2 = 56.25 and (-2 + 6)^2 = 16 have the mean 36.125.
    assert centred.item() == pytest.approx(plain.item() + 3.6125, rel=1e-6)


@pytest.mark.parametrize(
    ("chosen", "rejected", "margin"),
    [
        (torch.zeros(2), torch.zeros(3), None),
        (torch.zeros(2, 1), torch.zeros(2, 1), None),
        (torch.zeros(0), torch.zeros(0), None),
        (torch.zeros(2), torch.zeros(2), torch.zeros(1)),
    ],
)
def test_shapes_that_would_broadcast_are_refused(
    chosen: Tensor, rejected: Tensor, margin: Tensor | None
) -> None:
    with pytest.raises(ValueError, match="one shape"):
        bradley_terry_loss(chosen, rejected, margin=margin)


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
    ours = bradley_terry_loss(
        logits[:3, 0],
        logits[3:, 0],
        margin=None if margin is None else torch.tensor(margin),
        center_coefficient=coefficient or 0.0,
    )
    torch.testing.assert_close(ours, theirs)


_TRL_METRICS = ("num_tokens", "min_reward", "mean_reward", "max_reward", "accuracy", "margin")
