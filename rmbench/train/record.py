"""What a training run is written down as: ``rmbench_training.json`` beside the weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rmbench.result import Environment
from rmbench.train.config import TrainConfig
from rmbench.train.output import RECORD_NAME
from rmbench.train.pairs import PairSet
from rmbench.types import PreferenceSet


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class BaseModelRecord(_Record):
    """The model that training started from."""

    name: str = Field(description="folder or Hub id, as it was given")
    revision: str | None = Field(description="Hub commit that was read; None for a folder")
    model_type: str
    parameters: int = Field(ge=0)
    newly_initialised: tuple[str, ...] = Field(description="weights the base did not hold")


class TrainingSource(_Record):
    """One source of pairs, and what became of its rows."""

    source: str
    revision: str | None
    fingerprint: str = Field(description="SHA-256 of the examples in order")
    layout: str
    examples: int = Field(ge=0)
    skipped_rows: int = Field(ge=0)
    ties: int = Field(ge=0, description="examples left out: neither side was preferred")
    reversed: int = Field(ge=0, description="examples whose votes were for the rejected side")
    pairs: int = Field(ge=0)
    truncated_pairs: int = Field(ge=0)
    identical_pairs: int = Field(ge=0, description="both texts encode alike: no gradient")


class TrainMetrics(_Record):
    """Metrics of the training pairs. ``loss`` and so on are of the last line logged."""

    steps: int = Field(ge=1)
    epochs: float
    mean_loss: float = Field(description="over all steps")
    loss: float | None = None
    accuracy: float | None = Field(default=None, description="share of r_chosen > r_rejected")
    margin: float | None = Field(default=None, description="mean r_chosen - r_rejected")
    duration_s: float
    pairs_per_s: float


class EvalMetrics(_Record):
    """Metrics over all held-out pairs, after the last step."""

    pairs: int = Field(ge=1)
    loss: float
    accuracy: float = Field(description="share of r_chosen > r_rejected; ties count as wrong")
    margin: float


class TrainingRecord(_Record):
    """Everything needed to know how a checkpoint came to be."""

    schema_version: Literal[1] = 1
    rmbench_version: str
    created_at: str = Field(description="ISO 8601, UTC")
    objective: Literal["bradley-terry"] = "bradley-terry"
    base: BaseModelRecord
    data: tuple[TrainingSource, ...]
    eval_data: TrainingSource | None
    seed: int
    max_length: int | None = Field(description="tokens of one conversation, in effect")
    learning_rate: float = Field(description="peak, in effect")
    bf16_autocast: bool = Field(description="in effect")
    pairs_per_step: int
    micro_batch_pairs: int
    encoding: dict[str, Any] = Field(description="how texts became tokens")
    arguments: dict[str, Any] = Field(description="every argument as it was given")
    train: TrainMetrics
    eval: EvalMetrics | None
    environment: Environment
    duration_s: float = Field(description="the whole run, loading and evaluation included")

    @property
    def truncated_pairs(self) -> int:
        """Training pairs of which a text was cut off to fit."""
        return sum(s.truncated_pairs for s in self.data)

    @property
    def pairs(self) -> int:
        """Training pairs."""
        return sum(s.pairs for s in self.data)

    @property
    def ties(self) -> int:
        """Training examples left out because neither side was preferred."""
        return sum(s.ties for s in self.data)

    def write(self, folder: Path) -> None:
        """Write the record into a model's folder."""
        text = self.model_dump_json(indent=2)
        (folder / RECORD_NAME).write_text(text + "\n", encoding="utf-8")


@dataclass(frozen=True)
class TrainReport:
    """A finished training run: where the model is, and its record."""

    out: Path
    record: TrainingRecord


def describe_source(data: PreferenceSet, pairs: PairSet) -> TrainingSource:
    """The record of one source."""
    return TrainingSource(
        source=data.source or data.name,
        revision=data.revision,
        fingerprint=data.fingerprint,
        layout=data.layout,
        examples=pairs.examples,
        skipped_rows=len(data.skipped),
        ties=pairs.ties,
        reversed=pairs.reversed,
        pairs=len(pairs.pairs),
        truncated_pairs=pairs.truncated,
        identical_pairs=pairs.identical,
    )


def describe_arguments(config: TrainConfig) -> dict[str, Any]:
    """A configuration as JSON values."""
    arguments = asdict(config)
    for name, value in arguments.items():
        if isinstance(value, Path):
            arguments[name] = str(value)
        elif isinstance(value, tuple):
            arguments[name] = list(value)
    return arguments
