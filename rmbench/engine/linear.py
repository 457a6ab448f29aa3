"""Faster matrix products on the CPU: weights laid out once for oneDNN.

PyTorch keeps linear weights row by row, as they train. oneDNN with weights reordered once
to a layout of its own runs the same products faster, in float32 above all, where PyTorch
otherwise calls MKL; a frozen model gains without any of its modules changing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

# Below this many rows a product is not bound by arithmetic, and plain weights do as well.
_FEW_ROWS = 8

_DTYPES = (torch.float32, torch.bfloat16)


class PackedLinear:
    """Reordered copies of a frozen model's linear weights, in use inside ``active()``.

    The copies cost as much memory as the weights. They are made when a layer first runs;
    weights that change afterwards are not noticed, so this is for inference only.

    Args:
        model: The model whose ``nn.Linear`` weights may be reordered.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self._weights = {
            id(m.weight): m.weight
            for m in model.modules()
            if type(m) is torch.nn.Linear
            and m.weight.device.type == "cpu"
            and m.weight.dtype in _DTYPES
            and _multiplies(m.weight.dtype)
        }
        self._reordered: dict[int, Tensor] = {}

    @property
    def size_bytes(self) -> int:
        """What the copies take once all are made."""
        return sum(w.numel() * w.element_size() for w in self._weights.values())

    @staticmethod
    def is_available() -> bool:
        """Whether this PyTorch has oneDNN's reordered linear layer.

        Weights of a dtype that this processor cannot multiply so are left alone: bfloat16
        takes AVX-512.
        """
        return any(_multiplies(dtype) for dtype in _DTYPES)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Linear layers of the model use the reordered weights while this is open."""
        with _Redirect(self._linear):
            yield

    def _linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        key = id(weight)
        if key not in self._weights or x.numel() < _FEW_ROWS * x.shape[-1]:
            return functional.linear(x, weight, bias)
        if key not in self._reordered:
            self._reordered[key] = _reorder(weight)
        return _multiply(x, self._reordered[key], bias)


@cache
def _multiplies(dtype: torch.dtype) -> bool:
    """Whether PyTorch and this processor have the reordered product.

    Tried on a small one: the operators are those PyTorch's compiler uses, and not promised
    to stay.
    """
    if not torch.backends.mkldnn.is_available():
        return False
    x, weight = torch.ones(_FEW_ROWS, 16, dtype=dtype), torch.ones(16, 16, dtype=dtype)
    try:
        with torch.inference_mode():
            return torch.equal(_multiply(x, _reorder(weight), None), x @ weight)
    except (AttributeError, RuntimeError, NotImplementedError):
        return False


def _reorder(weight: Tensor) -> Tensor:
    reordered: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.detach())
    return reordered


def _multiply(x: Tensor, reordered: Tensor, bias: Tensor | None) -> Tensor:
    out: Tensor = torch.ops.mkldnn._linear_pointwise(x, reordered, bias, "none", [], "")
    return out


class _Redirect(TorchFunctionMode):
    def __init__(self, linear: Callable[..., Tensor]) -> None:
        super().__init__()
        self._linear = linear

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is functional.linear:
            # Inside, the mode is off: the plain product does not come back here.
            return self._linear(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))
