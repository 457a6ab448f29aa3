"""Making a base model ready to be trained as a reward model."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from rmbench.errors import TrainingError

# Bytes of activations that one token keeps per layer and hidden unit until the backward
# pass: 34 in 16 bits for a plain transformer layer with an unstored attention matrix
# (Korthikanti et al. 2022, section 4.1), twice that in 32 bits, and half as much again for
# gated and wider feed-forward layers.
_BYTES_PER_UNIT = 100
# What a checkpointed layer keeps of each: its input, in 32 bits.
_BYTES_PER_CHECKPOINTED_UNIT = 4
_CPU_TOKENS = 2048
_DEVICE_BUDGET_SHARE = 0.25
# Far more than it takes to keep a device busy.
_MOST_DEVICE_TOKENS = 65536


def disable_dropout(model: nn.Module) -> None:
    """Set every dropout of a model to zero, in its modules and in its configuration.

    The two sides of a pair must be compared by one and the same function: with dropout each
    row meets another random subnetwork. Besides ``nn.Dropout`` modules this covers the plain
    numbers that many transformers layers keep and pass to functional dropout, layer dropping
    included.
    """
    for module in model.modules():
        if isinstance(module, _DropoutNd):
            module.p = 0.0
        for name, value in vars(module).items():
            if _is_dropout(name, value):
                setattr(module, name, 0.0)
    config = getattr(model, "config", None)
    if config is None:
        return
    for part in {id(c): c for c in (config, config.get_text_config())}.values():
        for name, value in part.to_dict().items():
            if _is_dropout(name, value):
                setattr(part, name, 0.0)


def _is_dropout(name: str, value: object) -> bool:
    return isinstance(value, float) and any(s in name for s in ("drop", "stochastic_depth"))


def initialise_new_weights(model: nn.Module, names: Collection[str], *, seed: int) -> None:
    """Draw the weights that a checkpoint did not hold, the head's above all.

    Matrices are normal with the configuration's ``initializer_range`` (0.02 where it has
    none), biases 0, norm scales 1: what transformers itself means to do, but in float32, from
    one seeded generator, and in the order of the parameters, so that the same seed gives the
    same head whatever ran before and whichever version of the library loads it.

    Args:
        model: With float32 parameters.
        names: Parameters to draw, as in ``model.named_parameters()``.
        seed: Seed of the generator.

    Raises:
        TrainingError: If a name is not a parameter of the model.
    """
    generator = torch.Generator().manual_seed(seed)
    std = float(getattr(getattr(model, "config", None), "initializer_range", None) or 0.02)
    parameters = dict(model.named_parameters())
    unknown = sorted(set(names) - set(parameters))
    if unknown:
        raise TrainingError(f"the model has no parameter {unknown[0]!r} to initialise")
    with torch.no_grad():
        for name, parameter in parameters.items():
            if name not in names:
                continue
            if parameter.ndim >= 2:
                drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float32)
                parameter.copy_(drawn * std)
            else:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)


def ensure_pad_token(model: nn.Module, tokenizer: Any) -> None:
    """Give tokenizer and configuration one padding token, and the same one.

    A tokenizer without one (most decoders) pads with its end-of-sequence token. Decoders need
    the id in their configuration: they read the reward at the last token that is not padding.

    Raises:
        TrainingError: If the tokenizer has neither.
    """
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token_id is None:
            raise TrainingError(
                "the base model's tokenizer has neither a padding nor an end-of-sequence token: "
                "set one in its tokenizer_config.json"
            )
        tokenizer.pad_token = tokenizer.eos_token
    config: Any = model.config
    config.pad_token_id = tokenizer.pad_token_id
    config.get_text_config().pad_token_id = tokenizer.pad_token_id


def count_parameters(model: nn.Module) -> int:
    """Parameters of a model, each shared one counted once."""
    return sum(p.numel() for p in model.parameters())


def default_micro_batch_tokens(
    model: nn.Module, device: torch.device, *, checkpointing: bool = False
) -> int:
    """How many tokens one forward and backward may hold.

    On the CPU 2,048, beyond which nothing is gained. On a GPU what fills a quarter of its
    memory with activations in float32, by an estimate on the safe side (weights, gradients
    and the optimiser's two moments need the rest), at most 65,536.

    Args:
        model: With a ``config`` that tells its width and depth.
        device: Where it is trained.
        checkpointing: Whether layers keep only their inputs and are computed again.

    Returns:
        At least 1.
    """
    if device.type != "cuda":
        return _CPU_TOKENS
    memory = torch.cuda.get_device_properties(device).total_memory
    return tokens_in_memory(model, _DEVICE_BUDGET_SHARE * memory, checkpointing=checkpointing)


def tokens_in_memory(model: nn.Module, budget_bytes: float, *, checkpointing: bool = False) -> int:
    """How many tokens' activations fit in so many bytes, by an estimate on the safe side."""
    model_config: Any = model.config
    config = model_config.get_text_config()
    width, layers = int(config.hidden_size), int(config.num_hidden_layers)
    per_token = _BYTES_PER_UNIT * width * layers
    if checkpointing:
        # One layer at a time is whole.
        per_token = _BYTES_PER_CHECKPOINTED_UNIT * width * layers + _BYTES_PER_UNIT * width
    return min(_MOST_DEVICE_TOKENS, max(1, int(budget_bytes // per_token)))
