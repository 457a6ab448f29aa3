"""Suites, as their files say what is measured on which data."""

from __future__ import annotations

from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from rmbench.errors import SpecError
from rmbench.spec.base import Spec, in_one_line, problems, read_toml
from rmbench.spec.metric_groups import expand
from rmbench.spec.sections import ScoreTree, check_weights, pooled_subsets, score_tree
from rmbench.types import TiePolicy


def checked_commit(value: str | None) -> str | None:
    """A Hub commit, or ``None``.

    Raises:
        ValueError: If it is anything but 40 hexadecimal digits.
    """
    if value is not None and not (len(value) == 40 and all(c in "0123456789abcdef" for c in value)):
        raise ValueError(
            f"{value!r} is not a commit: give its 40 hexadecimal digits, "
            "or leave the field out to record what was read"
        )
    return value


class Columns(Spec):
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
    responses: str | None = Field(
        default=None, description="where a row lists responses that are chosen from by `gold`"
    )
    gold: str | None = Field(default=None, description="what each response is worth, in numbers")


class DataFile(Spec):
    """One of the publisher's own files, or several of one layout, in the suite's local folder.

    A path with ``*`` is a pattern (``**`` goes through folders), whose files are read in the
    order of their paths. Their name is their path without the ending, from the first part of
    the pattern that holds a ``*``; with the ``subset`` ``*`` it is also that of their rows.
    """

    path: str
    also: tuple[str, ...] = Field(
        default=(), description="other paths it is looked for under, after `path`"
    )
    subset: str | None = Field(
        default=None, description="subset of every row of this file; '*' is a pattern's file's name"
    )
    required: bool = True
    count: int | None = Field(default=None, ge=1, description="files that a pattern has to find")

    @property
    def is_pattern(self) -> bool:
        """Whether ``path`` stands for several files."""
        return "*" in self.path


class HubPart(Spec):
    """One of several Hub data sets, configurations or splits that make up a suite.

    What is left out is that of the suite's ``[data]``.
    """

    hub_id: str | None = None
    revision: str | None = Field(default=None, description="40 hexadecimal digits, never a branch")
    config: str | None = None
    split: str | None = None
    subset: str | None = Field(default=None, description="subset of every row of this part")

    @field_validator("revision")
    @classmethod
    def _revision_is_a_commit(cls, value: str | None) -> str | None:
        return checked_commit(value)


class DataSpec(Spec):
    """Where a suite's rows come from and how they are read."""

    loader: str = Field(description="name of a loader; `rmbench list loaders`")
    hub_id: str | None = None
    revision: str | None = Field(default=None, description="40 hexadecimal digits, never a branch")
    config: str | None = None
    split: str | None = None
    hub_parts: tuple[HubPart, ...] = Field(
        default=(), description="read one after the other, where the Hub keeps the suite in parts"
    )
    local_name: str | None = Field(default=None, description="folder looked for under --data DIR")
    files: tuple[DataFile, ...] = Field(default=(), description="the publisher's own files")
    normalised: tuple[str | tuple[str, ...], ...] = Field(
        default=(),
        description="files of normalised rows; the first one present is read, "
        "a list of names as files that belong together",
    )
    normalised_examples: int | None = Field(
        default=None,
        ge=1,
        description="examples of the whole suite in normalised rows, where they leave out what "
        "is unusable or have other rows than the publisher's files",
    )
    normalised_columns: Columns = Field(
        default=Columns(), description="columns of normalised rows, as `columns` for the others"
    )
    examples: int | None = Field(
        default=None, ge=1, description="examples in the whole suite, where it is known"
    )
    where: dict[str, str | int | bool] = Field(
        default_factory=dict,
        description="column and value: of the publisher's rows, only those that have it are read",
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
    layout: Literal["verified", "unverified"] = Field(
        default="verified",
        description="whether the publisher's layout was checked against real rows or source",
    )

    @field_validator("revision")
    @classmethod
    def _revision_is_a_commit(cls, value: str | None) -> str | None:
        return checked_commit(value)


UNVERIFIED_LAYOUT = (
    "The publisher's layout is unverified: it is read as documented, and was checked against "
    "neither real rows nor the publisher's source."
)
"""What is shown with every result of a suite whose data say ``layout = "unverified"``."""


_MOVES_NO_NUMBER: dict[str, Any] = {
    **dict.fromkeys(("title", "description", "licence", "citation", "source", "notes"), True),
    # One metric more is one number more: the others stay what they are.
    "metrics": True,
    "data": {"layout": True, "files": {"__all__": {"also"}}},
}
"""What a suite's digest leaves out: prose, and which numbers are asked for."""


class _SuiteBase(Spec):
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
        """SHA-256 (hex) of every field that can move a number.

        Prose does not enter, nor does the list of metrics; the headline, by which ``score`` is
        chosen, does. A field at its default does not either, so that one which comes later
        leaves the digests of suites that do without it: a default therefore never changes.
        """
        body = self.model_dump(mode="json", exclude=_MOVES_NO_NUMBER, exclude_defaults=True)
        return sha256(dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class PreferenceSuite(_SuiteBase):
    """Held-out preferences, how ties count, and what is measured on them."""

    kind: Literal["preference"] = "preference"
    data: DataSpec
    ties: TiePolicy
    metrics: tuple[str, ...] = Field(
        min_length=1, description="names of metrics; '@name' in a file is a group of them"
    )
    headline: str | None = Field(
        default=None, description="the metric whose whole-suite value is the published `score`"
    )
    sections: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="section name to the subsets it pools"
    )
    subset_weights: dict[str, float] = Field(
        default_factory=dict, description="a subset's weight in its section's score"
    )
    section_weights: dict[str, float] = Field(
        default_factory=dict, description="a section's weight in the whole score"
    )
    editions: tuple[str, ...] = Field(
        default=(),
        description="translations of one set: sections and weights hold within each, subsets "
        "are '<edition>/<subset>', and the score is the mean over them",
    )
    max_length: int | None = Field(default=None, ge=8)
    notes: tuple[str, ...] = Field(default=(), description="shown with every result")

    @field_validator("metrics")
    @classmethod
    def _groups_are_expanded(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return expand(value)

    @model_validator(mode="after")
    def _weights_fit(self) -> PreferenceSuite:
        check_weights(self.sections, self.subset_weights, self.section_weights, self.editions)
        return self

    @property
    def pools(self) -> dict[str, tuple[str, ...]]:
        """Every part that pools subsets of the data (sections, editions), to these."""
        return pooled_subsets(self.sections, self.editions)

    @property
    def score_tree(self) -> ScoreTree:
        """What the score of each part is the weighted mean of; see ``rmbench.spec.sections``."""
        return score_tree(self.sections, self.subset_weights, self.section_weights, self.editions)

    @property
    def caveats(self) -> tuple[str, ...]:
        """The notes, and what else every result has to say of its suite."""
        return self.notes if self.data.layout == "verified" else (*self.notes, UNVERIFIED_LAYOUT)


Arm = Literal["unbatched", "unsorted padded", "sorted padded", "packed", "packed + shared"]
"""A way of making batches, to be timed beside the others.

``unbatched``: one sequence a call; ``unsorted padded``: 16 a batch in the order of the data,
chosen and rejected answers apart; ``sorted padded``: sequences of similar length, to a budget of
tokens; ``packed``: end to end without padding; ``packed + shared``: and every prompt once.
"""


class ThroughputSuite(_SuiteBase):
    """A fixed workload to time a model on."""

    kind: Literal["throughput"]
    prompts: int = Field(ge=1, description="prompts in the workload, two answers each")
    prompt_words: tuple[int, int] = Field(description="fewest and most words of a prompt")
    response_words: tuple[int, int]
    warmup_passes: int = Field(ge=0)
    passes: int = Field(ge=1)
    arms: tuple[Arm, ...] = Field(default=(), description="ways of making batches to compare")
    arm_passes: int = Field(
        default=3, ge=1, description="passes that even a slow arm is timed for, as far as there are"
    )
    arms_s: float = Field(
        default=60.0, ge=0, description="while their parts of it last, arms are timed for more"
    )
    seed: int = 0
    notes: tuple[str, ...] = ()

    @field_validator("arms")
    @classmethod
    def _arms_differ(cls, value: tuple[Arm, ...]) -> tuple[Arm, ...]:
        twice = [arm for i, arm in enumerate(value) if arm in value[:i]]
        if twice:
            raise ValueError(f"{twice[0]!r} is named twice")
        return value


SuiteSpec = PreferenceSuite | ThroughputSuite
_SUITE: TypeAdapter[SuiteSpec] = TypeAdapter(
    Annotated[PreferenceSuite | ThroughputSuite, Field(discriminator="kind")]
)


def load_suite(path: Path) -> SuiteSpec:
    """Read and check one suite file.

    Raises:
        SpecError: If the file is not TOML, or a field is unknown, missing or impossible.
    """
    try:
        return _SUITE.validate_python(_body(path))
    except ValidationError as error:
        raise SpecError(f"{path}: {in_one_line(error)}") from None


def suite_problems(path: Path) -> list[str]:
    """What is wrong with each field of a suite file; nothing where it is one.

    Raises:
        SpecError: If the file is not TOML.
    """
    try:
        _SUITE.validate_python(_body(path))
    except ValidationError as error:
        return problems(error)
    return []


def _body(path: Path) -> dict[str, Any]:
    body = read_toml(path)
    body.setdefault("kind", "preference")
    return body
