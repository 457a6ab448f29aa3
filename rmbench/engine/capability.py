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
    """

    path: Path
    reads: Reads | None
    needs_mask: bool
    reason: str
    length_break: int | None = None


def choose_path(model: Any, attention: Attention) -> Capability:
    """Decide how a model's batches are made.

    Args:
        model: A sequence classifier.
        attention: What was asked for; ``auto`` takes the fastest exact path.

    Raises:
        UsageError: If ``attention`` asks for a path the model cannot take.
    """
    kind = str(model.config.model_type)
    obstacle = packing_obstacle(model)
    decoder = kind in SHARING_DECODERS
    reads = head_reads(model)
    needs_mask = not (decoder and obstacle is None)
    if attention == "padded" or (attention == "auto" and obstacle is not None):
        reason = ", as asked" if attention == "padded" else f": {obstacle}"
        return Capability(
            "padded",
            reads,
            needs_mask,
            f"length-sorted padded batches{reason}",
            _length_break(model.config),
        )
    if obstacle is not None:
        raise UsageError(f"--attention {attention} is impossible for this model: {obstacle}")
    if not decoder:
        if attention == "shared":
            raise UsageError(
                f"--attention shared is impossible for this model: in an encoder such as {kind} "
                "every prompt token attends to the response, so no two responses have a prompt "
                "in common"
            )
        return Capability("packed", reads, needs_mask, f"{kind} encoder: packed without padding")
    if attention == "packed":
        return Capability("packed", reads, needs_mask, "packed without sharing, as asked")
    return Capability(
        "shared", reads, needs_mask, f"{kind} decoder: packed, every prompt computed once"
    )


def packing_obstacle(model: Any) -> str | None:
    """Why a model cannot run in packed batches; ``None`` if it can."""
    config = model.config
    kind = str(config.model_type)
    if not is_stock(model):
        return "its code is not that of the transformers library"
    text = config.get_text_config()
    if getattr(text, "attn_logit_softcapping", None) is not None:
        return "its attention scores are soft-capped"
    if kind not in SHARING_DECODERS | PACKED_ENCODERS:
        return f"{kind} is not among the families whose packed scores are known to be exact"
    if head_reads(model) is None:
        return "its head is not one that can be applied apart from the model"
    layers = set(getattr(text, "layer_types", None) or ())
    if not layers <= _LAYER_TYPES:
        return f"it has layers of type {', '.join(sorted(layers - _LAYER_TYPES))}"
    if _length_break(config) is not None:
        return "its rotary frequencies depend on a sequence's length (LongRoPE)"
    if getattr(text, "use_bidirectional_attention", None):
        return "its decoder attends in both directions"
    if kind in PACKED_ENCODERS and getattr(config, "is_decoder", False):
        return "it is an encoder configured as a decoder"
    if getattr(config, "position_embedding_type", "absolute") not in (None, "absolute", "rotary"):
        return f"its positions are {config.position_embedding_type}"
    return None


def _length_break(config: Any) -> int | None:
    """Longest sequence that LongRoPE computes with its short factors.

    ``transformers`` chooses the factors by the longest sequence of a batch, for all of it.
    """
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    rope = getattr(text, "rope_parameters", None) or {}
    if rope.get("rope_type") != "longrope":
        return None
    return int(rope["original_max_position_embeddings"])
