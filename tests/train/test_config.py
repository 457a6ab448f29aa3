from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmbench.errors import UsageError
from rmbench.train.config import TrainConfig, default_learning_rate, micro_batch_pairs


def config(**changes: object) -> TrainConfig:
    return TrainConfig(**{"base": "m", "data": ("d",), "out": Path("o")} | changes)  # type: ignore[arg-type]


def test_importing_it_loads_no_torch() -> None:
    code = "import sys, rmbench.train.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": ()}, "no training data"),
        ({"max_steps": 0}, "max_steps is 0"),
        ({"pairs_per_step": 0}, "pairs_per_step is 0"),
        ({"epochs": 0.0}, "epochs is 0.0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"center_coefficient": -1.0}, "center_coefficient is -1.0"),
        ({"seed": -1}, "seed is -1"),
        ({"warmup_ratio": 1.0}, "warmup_ratio is 1.0"),
        ({"max_length": 4}, "max_length is 4"),
        ({"pairs_per_step": 10, "micro_batch_pairs": 4}, "does not divide"),
        ({"device": "tpu"}, "not one of auto, cpu"),
        ({"eval_steps": 5}, "no --eval-data"),
    ],
)
def test_impossible_values_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        config(**changes)


@given(st.integers(1, 200), st.integers(1, 300))
def test_micro_batches_divide_the_step_and_fit(step: int, most: int) -> None:
    size = micro_batch_pairs(step, max_pairs=most)
    assert step % size == 0
    assert size <= most
    assert not any(step % d == 0 for d in range(size + 1, min(step, most) + 1))


def test_larger_models_take_smaller_steps() -> None:
    sizes = [10**7, 10**8, 10**9, 10**10, 10**11]
    rates = [default_learning_rate(n) for n in sizes]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > rates[-1] > 0
