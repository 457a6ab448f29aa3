"""What a measurement is written down as.

Every model is frozen, refuses unknown fields and refuses NaN: a number that is
not defined is ``None`` with a ``reason``.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCHEMA_VERSION: Literal[1] = 1
"""Version of the result file's layout; a newer file is refused."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Estimate(_Record):
    """One number of a result, with its interval and what it was computed from.

    ``value`` is ``None`` exactly where the quantity is undefined, and ``reason``
    then says why. Accuracies are fractions in [0, 1].
    """

    metric: str
    subset: str | None = Field(default=None, description="None: the whole suite")
    value: float | None
    reason: str | None = Field(default=None, description="why there is no value")
    ci_low: float | None = Field(default=None, description="lower end of the 95 % interval")
    ci_high: float | None = Field(default=None, description="upper end of the 95 % interval")
    ci_method: str | None = None
    n: int = Field(ge=0, description="examples (throughput: passes) the value rests on")
    unit: str

    @model_validator(mode="after")
    def _value_or_reason(self) -> Estimate:
        if (self.value is None) != (self.reason is not None):
            raise ValueError("an estimate has either a value or a reason, not both or neither")
        if (self.ci_low is None) != (self.ci_high is None):
            raise ValueError("an interval has both ends or none")
        return self


class SuiteRef(_Record):
    """Which suite was run, in which version."""

    name: str
    version: str
    digest: str = Field(
        description="SHA-256 of everything in the suite file that can move a number"
    )
    kind: Literal["preference", "throughput"] = "preference"
    title: str = ""
    headline: str | None = Field(default=None, description="the metric that `score` is")
    sections: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="each part that pools subsets, and these"
    )
    score_tree: dict[str, dict[str, float]] = Field(
        default_factory=dict,
        description="the whole suite (the empty name) or a section, to the parts whose "
        "weighted mean its score is",
    )


class Checkpoint(_Record):
    """Which moment of which training run a scorer is.

    Results that name the same run are points of one curve.
    """

    run: str = Field(description="folder of the training run, absolute")
    step: int = Field(ge=0, description="optimiser steps behind its weights")
    epoch: float | None = Field(default=None, description="passes over the training data")
    final: bool = Field(
        default=False, description="the model that the run ended with, not one on the way"
    )


class ScorerInfo(_Record):
    """Which scorer gave the rewards, and with which choices of its own."""

    spec: str = Field(description="as it was given on the command line, paths made absolute")
    kind: str
    name: str = Field(description="short name for tables")
    revision: str | None = None
    margins_are_logits: bool = Field(
        description="whether sigmoid(margin) claims to be a preference probability"
    )
    content_blind: bool = Field(
        default=False,
        description="a baseline that sees at most length, markup and single words of an answer",
    )
    checkpoint: Checkpoint | None = Field(
        default=None, description="where in a training run it comes from, if that is known"
    )
    options: dict[str, Any] = Field(default_factory=dict)


class Counts(_Record):
    """How many of what went in, and what happened to it."""

    examples: int = Field(ge=0)
    responses: int = Field(ge=0)
    unique_responses: int = Field(ge=0, description="distinct (prompt, response) texts")
    ties: int = Field(ge=0, description="chosen-rejected comparisons with exactly equal rewards")
    truncated: int = Field(ge=0, description="examples with any text cut off")
    failed: int = Field(ge=0, description="examples left out because a reward was missing")
    skipped: int = Field(default=0, ge=0, description="rows of the data that could not be used")


class SkippedReason(_Record):
    """One kind of unusable row and the first place it was met."""

    reason: str
    rows: int
    first: str


class DataProvenance(_Record):
    """Which data were read."""

    name: str
    source: str
    revision: str | None
    fingerprint: str
    layout: str = Field(description="loader or format the rows were read with")
    files: tuple[str, ...] = ()
    skipped: tuple[SkippedReason, ...] = ()


class EngineProvenance(_Record):
    """How a local model was run; empty for scorers that run none."""

    path: str = Field(description="padded, packed or shared")
    reason: str
    device: str
    dtype: str
    max_length: int | None
    kernels: str = Field("PyTorch", description="what multiplies and attends")
    batch_tokens: int
    batches: int
    unique_sequences: int | None = Field(None, description="different token sequences")
    cached_sequences: int = Field(0, description="of those, taken from the score cache")
    executed_tokens: int
    useful_tokens: int
    padding_tokens: int | None = None
    out_of_memory_retries: int = 0
    notes: tuple[str, ...] = ()


class Environment(_Record):
    """The machine and the software."""

    python: str
    platform: str
    cpu: str
    threads: int
    device: str | None = None
    packages: dict[str, str] = Field(default_factory=dict)


class Provenance(_Record):
    """How the numbers were made."""

    rmbench_version: str
    created_at: str = Field(description="ISO 8601, UTC")
    duration_s: float
    seed: int
    policy: dict[str, str] = Field(default_factory=dict)
    data: DataProvenance | None = None
    engine: EngineProvenance | None = None
    environment: Environment
    training: dict[str, Any] | None = Field(
        default=None, description="the scorer's rmbench_training.json, where it has one"
    )
    facts: dict[str, Any] = Field(
        default_factory=dict,
        description="throughput: the raw timings; robustness: the transformations",
    )
    notes: tuple[str, ...] = ()
    scorer_notes: tuple[str, ...] = Field(
        default=(), description="those of the notes that are the scorer's, not the suite's"
    )


class Result(_Record):
    """One scorer measured on one suite."""

    schema_version: Literal[1] = SCHEMA_VERSION
    suite: SuiteRef
    scorer: ScorerInfo
    counts: Counts
    estimates: tuple[Estimate, ...]
    partial: bool = False
    missing: tuple[str, ...] = Field(default=(), description="parts of the suite not measured")
    modified: tuple[str, ...] = Field(default=(), description="rules that differ from the suite's")
    provenance: Provenance
    scores_sha256: str | None = None

    @model_validator(mode="after")
    def _partial_names_what_is_missing(self) -> Result:
        if self.partial != bool(self.missing):
            raise ValueError("partial is true exactly when something is missing")
        return self

    def estimate(self, metric: str, subset: str | None = None) -> Estimate | None:
        """The estimate of that metric and subset, or ``None`` if there is none."""
        for e in self.estimates:
            if e.metric == metric and e.subset == subset:
                return e
        return None


class Mistake(_Record):
    """One of the comparisons a scorer got most wrong, with its texts."""

    example_id: str
    subset: str
    prompt: tuple[dict[str, str], ...]
    chosen: str
    rejected: str
    reward_chosen: float
    reward_rejected: float
    margin: float
