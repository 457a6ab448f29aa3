"""Low-rank adapters: what is trained in place of all weights, and what is saved of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from rmbench.errors import MissingDependencyError, UsageError, shorten

_WEIGHTS = "adapter_model.safetensors"
# How PEFT names an adapter's weights where it wraps the model, as it does on loading.
_PREFIX = "base_model.model."
_LORA = re.compile(r"(.+)\.lora_([AB])\.default\.weight")


@dataclass(frozen=True)
class Adapters:
    r"""The adapters of one model, trained with its head while everything else is frozen.

    A layer with weights :math:`W` computes with :math:`W + \frac{\alpha}{r} B A` (Hu et al.
    2021, section 4.1), :math:`A` of shape (r, in) and :math:`B` of shape (out, r).

    Attributes:
        config: PEFT's ``LoraConfig``, as it is saved.
        layers: Names of the layers with an adapter.
        transposed: Those whose weights are stored as (in, out).
        scaling: alpha / r.
    """

    config: Any
    layers: tuple[str, ...]
    transposed: frozenset[str]
    scaling: float

    def merged(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a plain model that computes the same, from those with adapters."""
        plain: dict[str, Tensor] = {}
        low_rank: dict[str, dict[str, Tensor]] = {}
        for name, value in weights.items():
            match = _LORA.fullmatch(name)
            if match:
                low_rank.setdefault(match[1], {})[match[2]] = value
            else:
                plain[name.replace(".base_layer.", ".")] = value
        for layer, parts in low_rank.items():
            delta = self.scaling * (parts["B"].float() @ parts["A"].float())
            weight = plain[f"{layer}.weight"]
            if layer in self.transposed:
                delta = delta.T
            plain[f"{layer}.weight"] = (weight.float() + delta).to(weight.dtype)
        return plain

    def save(self, weights: dict[str, Tensor], folder: Path) -> None:
        """Write adapters and head as a folder that ``peft.PeftModel.from_pretrained`` loads."""
        folder.mkdir(parents=True, exist_ok=True)
        heads = tuple(self.config.modules_to_save)
        own = {
            _PREFIX + name.replace(".default.", "."): value.detach().contiguous().cpu()
            for name, value in weights.items()
            if _LORA.fullmatch(name) or _within(name, heads)
        }
        save_file(own, folder / _WEIGHTS, metadata={"format": "pt"})
        self.config.save_pretrained(str(folder))

    def load(self, model: nn.Module, folder: Path) -> None:
        """Read what ``save`` wrote into a model that has the adapters already."""
        saved = load_file(folder / _WEIGHTS)
        own = {
            re.sub(r"\.lora_([AB])\.weight$", r".lora_\1.default.weight", name): value
            for name, value in ((n.removeprefix(_PREFIX), v) for n, v in saved.items())
        }
        trained = {n for n, p in model.named_parameters() if p.requires_grad}
        if set(own) != trained:
            odd = sorted(set(own) ^ trained)
            raise UsageError(f"{folder}: holds other adapters than this run's ({shorten(odd, 2)})")
        model.load_state_dict(own, strict=False)


def add_adapters(
    model: Any,
    *,
    base: str,
    rank: int,
    alpha: int,
    targets: tuple[str, ...] = (),
    new: tuple[str, ...] = (),
) -> Adapters:
    """Freeze a sequence classifier and give its layers adapters, in place.

    The classifier stays one of its own class. Its head is trained as a whole, and so is
    whatever else is new.

    Args:
        model: The classifier.
        base: Where its weights come from, for the record.
        rank: Of the adapters.
        alpha: They are scaled by alpha / rank.
        targets: Last parts of the names of layers to adapt; none stand for all linear layers.
        new: Names of parameters that the base did not hold.

    Raises:
        MissingDependencyError: If PEFT is not installed.
        UsageError: If no layer has such a name.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise MissingDependencyError.for_package("peft", "peft", "--lora-rank") from None
    heads = _trained_whole(model, new)
    linear = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D) and not _within(name, heads)
    }
    layers = tuple(n for n in linear if not targets or _ends_in(n, targets))
    if not layers:
        names = sorted({n.rpartition(".")[2] for n in linear})
        raise UsageError(f"no layer is called {shorten(targets)}: there are {', '.join(names)}")
    # Conv1D (GPT-2) keeps its weights as (in, out).
    transposed = frozenset(n for n in layers if isinstance(linear[n], Conv1D))
    config = LoraConfig(
        task_type="SEQ_CLS",
        r=rank,
        lora_alpha=alpha,
        lora_dropout=0.0,
        bias="none",
        target_modules=list(layers),
        fan_in_fan_out=bool(transposed),
        base_model_name_or_path=base,
        inference_mode=False,
    )
    inject_adapter_in_model(config, model)
    # Told only now: PEFT would train a copy of the head, under another name.
    config.modules_to_save = list(heads)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(bool(_LORA.fullmatch(name)) or _within(name, heads))
    return Adapters(config, layers, transposed, alpha / rank)


def _trained_whole(model: Any, new: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the modules beside the base model, and of new ones within it."""
    heads = [
        name
        for name, module in model.named_children()
        if name != model.base_model_prefix and any(True for _ in module.parameters())
    ]
    heads += [n.rpartition(".")[0] for n in new if n.startswith(f"{model.base_model_prefix}.")]
    return tuple(dict.fromkeys(heads))


def _within(name: str, modules: tuple[str, ...]) -> bool:
    return any(name == m or name.startswith(f"{m}.") for m in modules)


def _ends_in(name: str, targets: tuple[str, ...]) -> bool:
    return any(name == t or name.endswith(f".{t}") for t in targets)


def trained_parameters(model: nn.Module) -> int:
    """How many parameters are trained."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
