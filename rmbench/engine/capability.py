"""Which path a model can take through the engine, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from rmbench.errors import UsageError

Attention = Literal["auto", "shared", "packed", "padded"]


@dataclass(frozen=True, slots=True)
class Capability:
    """The path chosen for a model.

    Attributes:
        path: ``padded``: sequences of similar length share a batch and are padded to
            its longest.
        reads_last_token: Whether the score is read off one token of a causal decoder,
            so that the head can be applied apart from the base model.
        reason: Why this path.
    """

    path: Literal["padded"]
    reads_last_token: bool
    reason: str


def choose_path(model: Any, attention: Attention) -> Capability:
    """Decide how a model's batches are made.

    Raises:
        UsageError: If ``attention`` asks for a path that this version does not have.
    """
    if attention in ("shared", "packed"):
        raise UsageError(
            f"--attention {attention} is not available in this version: use auto or padded"
        )
    reads_last_token = reads_score_off_last_token(model)
    return Capability(
        path="padded",
        reads_last_token=reads_last_token,
        reason=(
            "length-sorted padded batches; "
            + (
                "head in float32 on the scored token"
                if reads_last_token
                else "the model's own classification head"
            )
        ),
    )


def reads_score_off_last_token(model: Any) -> bool:
    """Whether the model is a decoder whose linear ``score`` head reads one token."""
    head = getattr(model, "score", None)
    prefix = getattr(model, "base_model_prefix", "")
    return (
        head is not None
        and type(head).__name__ == "Linear"
        and bool(prefix)
        and getattr(model, prefix, None) is not None
    )
