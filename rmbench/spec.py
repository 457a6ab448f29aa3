"""The TOML files people write, as typed models: suites and scorers.

A field that is unknown, missing or impossible is a ``SpecError`` that names the
file and the field.
"""

from __future__ import annotations

import tomllib
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from rmbench.errors import SpecError
from rmbench.types import TiePolicy


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Columns(_Spec):
    """Which column of a row holds what; a dot goes into nested objects (``meta.votes``).

    A name left out is the format's own.
    """

    id: str | None = None
    prompt: str | None = None
    chosen: str | None = None
    rejected: str | None = None
    preference: str | None = Field(
        default=None, description="share of votes for chosen, or an object of vote counts"
    )
    subset: str | None = None


class DataFile(_Spec):
    """One of the publisher's own files, relative to the suite's local folder."""

    path: str
    subset: str | None = Field(default=None, description="subset of every row of this file")
    required: bool = True


class DataSpec(_Spec):
    """Where a suite's rows come from and how they are read."""

    loader: str = Field(description="name of a loader; `rmbench list loaders`")
    hub_id: str | None = None
    revision: str | None = Field(default=None, description="40 hexadecimal digits, never a branch")
    config: str | None = None
    split: str | None = None
    local_name: str | None = Field(default=None, description="folder looked for under --data DIR")
    files: tuple[DataFile, ...] = Field(default=(), description="the publisher's own files")
    normalised: tuple[str, ...] = Field(
        default=(), description="files of normalised rows; the first one present is read"
    )
    examples: int | None = Field(
        default=None, ge=1, description="examples in the whole suite, where it is known"
    )
    columns: Columns = Columns()
    cluster: str = Field(
        default="prompt",
        description="what intervals cluster by: 'prompt', 'id' (none) or a column",
    )
    identical: Literal["error", "keep"] = Field(
        default="error", description="a chosen answer equal to a rejected one"
    )
    bad_rows: Literal["error", "skip"] = "error"
    options: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="arguments of a loader that generates its rows"
    )

    @field_validator("revision")
    @classmethod
    def _revision_is_a_commit(cls, value: str | None) -> str | None:
        if value is not None and not (
            len(value) == 40 and all(c in "0123456789abcdef" for c in value)
        ):
            raise ValueError(
                f"{value!r} is not a commit: give its 40 hexadecimal digits, "
                "or leave the field out to record what was read"
            )
        return value


class _SuiteBase(_Spec):
    schema_version: Literal[1] = 1
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    version: str
    title: str
    description: str
    licence: str = ""
    citation: str = ""
    source: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of every field that can move a number; prose does not enter."""
        body = self.model_dump(
            mode="json",
            exclude={"title", "description", "licence", "citation", "source", "notes"},
        )
        return sha256(dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class PreferenceSuite(_SuiteBase):
    """Held-out preferences, how ties count, and what is measured on them."""

    kind: Literal["preference"] = "preference"
    data: DataSpec
    ties: TiePolicy
    metrics: tuple[str, ...] = Field(min_length=1)
    headline: str | None = Field(
        default=None, description="the metric whose whole-suite value is the published `score`"
    )
    sections: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="section name to the subsets it pools"
    )
    max_length: int | None = Field(default=None, ge=8)
    notes: tuple[str, ...] = Field(default=(), description="shown with every result")


class ThroughputSuite(_SuiteBase):
    """A fixed workload to time a model on."""

    kind: Literal["throughput"]
    prompts: int = Field(ge=1, description="prompts in the workload, two answers each")
    prompt_words: tuple[int, int] = Field(description="fewest and most words of a prompt")
    response_words: tuple[int, int]
    warmup_passes: int = Field(ge=0)
    passes: int = Field(ge=1)
    seed: int = 0
    notes: tuple[str, ...] = ()


SuiteSpec = PreferenceSuite | ThroughputSuite
_SUITE: TypeAdapter[SuiteSpec] = TypeAdapter(
    Annotated[PreferenceSuite | ThroughputSuite, Field(discriminator="kind")]
)


class ScorerSpec(_Spec):
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


def load_suite(path: Path) -> SuiteSpec:
    """Read and check one suite file.

    Raises:
        SpecError: If the file is not TOML, or a field is unknown, missing or impossible.
    """
    body = _read_toml(path)
    body.setdefault("kind", "preference")
    try:
        return _SUITE.validate_python(body)
    except ValidationError as error:
        raise SpecError(f"{path}: {_first_line(error)}") from None


def load_scorer(path: Path) -> ScorerSpec:
    """Read and check one scorer file.

    A relative ``target`` or ``chat_template`` that exists beside the file is meant there.

    Raises:
        SpecError: If the file is not TOML, or a field is unknown, missing or impossible.
    """
    try:
        spec = ScorerSpec.model_validate(_read_toml(path))
    except ValidationError as error:
        raise SpecError(f"{path}: {_first_line(error)}") from None
    beside = {
        field: str((path.parent / value).resolve())
        for field, value in (("target", spec.target), ("chat_template", spec.chat_template))
        if value and (path.parent / value).exists()
    }
    return spec.model_copy(update=beside)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: is not TOML: {error}") from None


def _first_line(error: ValidationError) -> str:
    first, *rest = error.errors()
    # The discriminator's tag stands first in the location; the file has no such table.
    location = [str(p) for p in first["loc"] if p not in ("preference", "throughput")]
    message = {
        "extra_forbidden": "unknown field",
        "missing": "is required and not there",
    }.get(first["type"], first["msg"].removeprefix("Value error, "))
    more = f" (and {len(rest)} more)" if rest else ""
    return f"field '{'.'.join(location)}': {message}{more}"
