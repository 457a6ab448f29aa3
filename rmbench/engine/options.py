"""How a model is run: device, dtype, batch size, path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from rmbench.engine.batch import ScorePosition
from rmbench.engine.capability import Attention
from rmbench.errors import UsageError

Dtype = Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How a model is run.

    Attributes:
        device: ``auto`` is CUDA where there is one, otherwise the CPU.
        dtype: ``auto`` is float32 on the CPU and the checkpoint's own on CUDA.
        batch_tokens: Most tokens computed in a batch; ``None``: 16,384 on CUDA, 2,048 on
            the CPU, where larger batches gain nothing.
        attention: Path through the engine; ``auto`` lets the engine decide.
        position: Which token a decoder's score is read from.
        compiled: Whether packed batches have one fixed shape and the base model runs
            through ``torch.compile``: slow to start, faster after about a minute.
        progress: Whether a progress bar is shown on standard error.
    """

    device: str = "auto"
    dtype: Dtype = "auto"
    batch_tokens: int | None = None
    attention: Attention = "auto"
    position: ScorePosition = "hf"
    compiled: bool = False
    progress: bool = True


def resolve_device(name: str) -> torch.device:
    """The device a name stands for.

    Raises:
        UsageError: If there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = (str(error).splitlines() or ["not available"])[0]
        raise UsageError(f"--device {name}: {reason}") from None
    return device


def resolve_dtype(name: Dtype, device: torch.device) -> torch.dtype | None:
    """The weights' dtype; ``None`` keeps the checkpoint's own."""
    if name == "auto":
        return torch.float32 if device.type == "cpu" else None
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
