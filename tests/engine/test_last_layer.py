"""The last layer runs only the rows that are read, and nothing of it stays on the model."""

from __future__ import annotations

from collections import Counter
from typing import Any

import models
import numpy as np
import pytest
import torch
from torch import nn

from rmbench.engine.encode import Encoded
from rmbench.engine.execute import Executor
from rmbench.engine.forward import Head
from rmbench.engine.last_layer import LastLayer
from rmbench.engine.options import EngineOptions

CUT = [n for n in (*models.DECODERS, *models.ENCODERS) if n != "modernbert with the mean"]


def executor(model: Any, **options: Any) -> Executor:
    return Executor(model, Head(0), EngineOptions(device="cpu", progress=False, **options))


def rows_multiplied(
    monkeypatch: pytest.MonkeyPatch, runner: Executor, rows: Any, prompts: Any
) -> Counter[str]:
    """Rows that each linear layer multiplied in one pass."""
    names = {module: name for name, module in runner.model.named_modules()}
    seen: Counter[str] = Counter()
    plain = nn.Linear.forward

    def counted(module: nn.Linear, hidden: torch.Tensor) -> torch.Tensor:
        seen[names[module]] += hidden.shape[:-1].numel()
        return plain(module, hidden)

    monkeypatch.setattr(nn.Linear, "forward", counted)
    for _ in runner.run(rows, prompts):
        pass
    return seen


@pytest.mark.parametrize("name", CUT)
def test_linear_layers_see_the_tokens_or_the_read_rows(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    model = models.tiny_model(name)
    rows, prompts = models.random_rows(model)
    runner = executor(model, batch_tokens=100_000)
    seen = rows_multiplied(monkeypatch, runner, rows, prompts)
    (shape,) = runner.tally.shapes
    base = f"{model.base_model_prefix}."
    inner = {n: count for n, count in seen.items() if n.startswith(base) and ".pooler." not in n}
    assert set(inner.values()) == {shape.tokens, len(rows)}
    cut = {n for n, count in inner.items() if count == len(rows)}
    linear = sum(p.numel() for n in cut for p in runner.model.get_submodule(n).parameters())
    assert LastLayer(model).parameters == linear > 0


def test_what_is_read_as_a_mean_needs_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    model = models.tiny_model("modernbert with the mean")
    rows, prompts = models.random_rows(model)
    runner = executor(model, batch_tokens=100_000)
    seen = rows_multiplied(monkeypatch, runner, rows, prompts)
    (shape,) = runner.tally.shapes
    assert set(seen.values()) == {shape.tokens, len(rows)}
    assert {name for name, n in seen.items() if n == len(rows)} == {"classifier", "head.dense"}


def test_the_model_is_its_own_again_afterwards() -> None:
    model = models.tiny_model("llama")
    rows, prompts = models.random_rows(model)
    runner = executor(model)
    for _ in runner.run(rows, prompts):
        pass
    assert not any("forward" in vars(m) for m in model.modules())
    with pytest.raises(KeyError), LastLayer(model).reading(torch.tensor([0])):
        raise KeyError
    assert not any("forward" in vars(m) for m in model.modules())


def test_a_prompt_row_that_several_responses_are_read_from() -> None:
    # All pad tokens: the rule of the scored token goes back into the prompt, for both.
    model = models.tiny_model("qwen3")
    pad = models.PAD
    rows = [Encoded((5, 6, 7, pad)), Encoded((5, 6, 7, pad, pad))]
    reference = models.unbatched_rewards(model, rows)
    runner = executor(model)
    got = np.full(2, np.nan)
    for members, values in runner.run(rows, [0, 0]):
        got[members] = values
    np.testing.assert_allclose(got, reference, atol=1e-5)
    assert got[0] == pytest.approx(got[1])
