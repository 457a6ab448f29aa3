"""Scorers and their choices, as they are written down."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from rmbench.errors import SpecError
from rmbench.spec.base import Spec, in_one_line, read_toml


class ScorerSpec(Spec):
    """A scorer and its choices: from the command line, or a small TOML file.

    ``max_length`` is in tokens, special tokens included. Fields that a kind of
    scorer has no use for must be left out.
    """

    kind: str
    target: str = ""
    name: str | None = None
    revision: str | None = None
    head: str | None = Field(default=None, description="'difference' or an index of the logits")
    chat_template: str | None = Field(default=None, description="path of a Jinja file")
    system_prompt: str | None = None
    max_length: int | None = Field(default=None, ge=8)
    score_position: Literal["hf", "last"] | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] | None = None
    allow_untrained: bool = False
    trust_remote_code: bool = False
    allow_pickle: bool = Field(default=False, description="load weights that are not safetensors")
    margins_are_logits: bool | None = Field(default=None, description="overrides the scorer's own")
    seed: int | None = None
    failed_scores: Literal["missing", "lowest"] | None = Field(
        default=None,
        description="replay: what '$ERROR$' in place of a score is: a missing reward, or one below "
        "the others of its row",
    )


def load_scorer(path: Path) -> ScorerSpec:
    """Read and check one scorer file.

    A relative ``target`` or ``chat_template`` that exists beside the file is meant there.

    Raises:
        SpecError: If the file is not TOML, or a field is unknown, missing or impossible.
    """
    try:
        spec = ScorerSpec.model_validate(read_toml(path))
    except ValidationError as error:
        raise SpecError(f"{path}: {in_one_line(error)}") from None
    beside = {
        field: str((path.parent / value).resolve())
        for field, value in (("target", spec.target), ("chat_template", spec.chat_template))
        if value and (path.parent / value).exists()
    }
    return spec.model_copy(update=beside)
