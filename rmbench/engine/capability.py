"""Which path a model can take through the engine, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from rmbench.engine.heads import Reads, head_reads, is_stock
from rmbench.errors import UsageError

Attention = Literal["auto", "shared", "packed", "padded"]
Path = Literal["shared", "packed", "padded"]

SHARING_DECODERS = frozenset(
    {"llama", "qwen2", "qwen3", "mistral", "gemma", "gemma2", "gemma3_text", "phi3", "gpt_neox"}
)
"""Model types whose packed, prompt-sharing scores are tested against the unbatched forward."""

PACKED_ENCODERS = frozenset(
    {"bert", "roberta", "xlm-roberta", "electra", "distilbert", "modernbert"}
)
"""Model types whose packed scores are tested against the unbatched forward."""

# What a layer may attend to; anything else (chunks, linear attention, state spaces) needs
# more than packed attention does.
_LAYER_TYPES = frozenset({"full_attention", "sliding_attention"})


@dataclass(frozen=True, slots=True)
class Capability:
    """The path chosen for a model.

    Attributes:
        path: ``shared``: packed, and every prompt computed once; ``packed``: sequences laid
            end to end without padding; ``padded``: sequences of similar length share a
            batch and are padded to its longest.
        reads: Which hidden states the head reads; ``None`` where the model's own head has
            to be called.
        needs_mask: Whether padded batches need an attention mask. A decoder's padding
            stands to the right of all it scores, so it needs none.
        reason: Why this path.
        length_break: Sequences of more tokens than this are computed otherwise than shorter
            ones, so that no batch may hold both; ``None`` for all models but a few.
        longest: Sequences of more tokens than this have no score of their own: it would
            depend on what the model scored before. ``None`` for all models but a few.
    """

    path: Path
    reads: Reads | None
    needs_mask: bool
    reason: str
    length_break: int | None = None
    longest: int | None = None


def choose_path(model: Any, attention: Attention) -> Capability:
    """Decide how a model's batches are made.

    Args:
        model: A sequence classifier.
        attention: What was asked for; ``auto`` takes the fastest exact path.

    Raises:
        UsageError: If ``attention`` asks for a path the model cannot take.
    """
    breaks = _length_breaks(model.config)
    if len(breaks) > 1:
        raise UsageError(
            "this model's rotary frequencies change at several lengths of a sequence "
            f"({', '.join(map(str, sorted(breaks)))} tokens), layer by layer (LongRoPE): no "
            "batches are known that keep its scores what they are"
        )
    path, reason = _path_and_reason(model, attention)
    kind = str(model.config.model_type)
    return Capability(
        path,
        head_reads(model),
        needs_mask=not (kind in SHARING_DECODERS and packing_obstacle(model) is None),
        reason=reason,
        length_break=min(breaks, default=None),
        longest=_longest(model.config),
    )


def _path_and_reason(model: Any, attention: Attention) -> tuple[Path, str]:
    kind = str(model.config.model_type)
    if attention == "padded":
        return "padded", "length-sorted padded batches, as asked"
    if attention == "auto":
        obstacle = packing_obstacle(model)
        if obstacle is not None:
            return "padded", f"length-sorted padded batches: {obstacle}"
        if sharing_obstacle(model) is not None:
            return "packed", f"{kind} encoder: packed without padding"
        return "shared", f"{kind} decoder: packed, every prompt computed once"
    obstacle = path_obstacle(model, attention)
    if obstacle is not None:
        raise UsageError(f"--attention {attention} is impossible for this model: {obstacle}")
    if attention == "shared":
        return "shared", f"{kind} decoder: packed, every prompt computed once"
    if kind in PACKED_ENCODERS:
        return "packed", f"{kind} encoder: packed without padding"
    return "packed", "packed without sharing, as asked"


def path_obstacle(model: Any, path: Path) -> str | None:
    """Why a model cannot take a path; ``None`` if it can."""
    if path == "padded":
        return None
    obstacle = packing_obstacle(model)
    return obstacle if obstacle is not None or path == "packed" else sharing_obstacle(model)


def sharing_obstacle(model: Any) -> str | None:
    """Why the responses of a model that can be packed cannot share their prompt."""
    kind = str(model.config.model_type)
    if kind in SHARING_DECODERS:
        return None
    return (
        f"in an encoder such as {kind} every prompt token attends to the response, so no two "
        "responses have a prompt in common"
    )


def packing_obstacle(model: Any) -> str | None:
    """Why a model cannot run in packed batches; ``None`` if it can."""
    config = model.config
    kind = str(config.model_type)
    if not is_stock(model):
        return "its code is not that of the transformers library"
    text = _text_config(config)
    if getattr(text, "attn_logit_softcapping", None) is not None:
        return "its attention scores are soft-capped"
    if kind not in SHARING_DECODERS | PACKED_ENCODERS:
        return f"{kind} is not among the families whose packed scores are known to be exact"
    if head_reads(model) is None:
        return "its head is not one that can be applied apart from the model"
    layers = set(getattr(text, "layer_types", None) or ())
    if not layers <= _LAYER_TYPES:
        return f"it has layers of type {', '.join(sorted(layers - _LAYER_TYPES))}"
    if _length_breaks(config):
        return "its rotary frequencies depend on a sequence's length (LongRoPE)"
    if getattr(text, "use_bidirectional_attention", None):
        return "its decoder attends in both directions"
    if kind in PACKED_ENCODERS and getattr(config, "is_decoder", False):
        return "it is an encoder configured as a decoder"
    if getattr(config, "position_embedding_type", "absolute") not in (None, "absolute", "rotary"):
        return f"its positions are {config.position_embedding_type}"
    return None


def _length_breaks(config: Any) -> set[int]:
    """Longest sequences that LongRoPE computes with its short factors.

    ``transformers`` chooses the factors by the longest sequence of a batch, for all of it.
    """
    # Models with code of their own may have it beside the settings, not among them.
    beside = getattr(_text_config(config), "original_max_position_embeddings", None)
    found = {
        rope.get("original_max_position_embeddings", beside)
        for rope in _rotary_settings(config)
        if _rope_type(rope) == "longrope"
    }
    return {int(n) for n in found if n is not None}


def _longest(config: Any) -> int | None:
    """Longest sequence whose dynamic rotary frequencies are those of training.

    Beyond it ``transformers`` computes them anew from the longest sequence it has met, and
    keeps them for shorter ones: even unbatched scores then depend on what came before.
    """
    if not any("dynamic" in _rope_type(rope) for rope in _rotary_settings(config)):
        return None
    return int(_text_config(config).max_position_embeddings)


def _rotary_settings(config: Any) -> list[dict[str, Any]]:
    """Settings of the rotary positions: one for all layers, or one for each type of layer."""
    text = _text_config(config)
    # The second is the older name, which code of a model's own may still go by.
    rope = getattr(text, "rope_parameters", None) or getattr(text, "rope_scaling", None) or {}
    return [r for r in rope.values() if isinstance(r, dict)] or [rope]


def _rope_type(rope: dict[str, Any]) -> str:
    return str(rope.get("rope_type") or rope.get("type") or "default")


def _text_config(config: Any) -> Any:
    return config.get_text_config() if hasattr(config, "get_text_config") else config
