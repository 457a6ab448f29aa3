"""What a training run is written down as: ``rmbench_training.json`` beside the weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rmbench.result import Environment
from rmbench.spec.training import TrainerName
from rmbench.train.output import RECORD_NAME
from rmbench.train.pairs import ExampleSet
from rmbench.types import PreferenceSet


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class BaseModelRecord(_Record):
    """The model that training started from."""

    name: str = Field(description="folder or Hub id, as it was given")
    revision: str | None = Field(description="Hub commit that was read; None for a folder")
    digest: str = Field(description="SHA-256 over its weights and configuration")
    model_type: str
    parameters: int = Field(ge=0)
    trained_parameters: int = Field(ge=0, description="fewer than all with LoRA")
    newly_initialised: tuple[str, ...] = Field(description="weights the base did not hold")
    pad_token_added: str | None = Field(
        default=None, description="token that pads, where the base's tokenizer named none"
    )


class TrainingSource(_Record):
    """One source of pairs, and what became of its rows."""

    source: str
    revision: str | None
    fingerprint: str = Field(description="SHA-256 of the examples in order")
    layout: str
    examples: int = Field(ge=0, description="read from it, those held back included")
    held_back: int = Field(default=0, ge=0, description="examples in the dev split")
    skipped_rows: int = Field(ge=0)
    ties: int = Field(ge=0, description="examples left out: neither side was preferred")
    reversed: int = Field(ge=0, description="examples whose votes were for the rejected side")
    soft: int = Field(default=0, ge=0, description="examples with a vote share as their target")
    dropped: int = Field(default=0, ge=0, description="examples left out: too long")
    used: int = Field(default=0, ge=0, description="examples trained or measured on")
    pairs: int = Field(ge=0, description="chosen x rejected pairs of these")
    truncated: int = Field(default=0, ge=0, description="of these, examples cut off to fit")
    identical_pairs: int = Field(ge=0, description="both texts encode alike: no gradient")
    tokens: int = Field(default=0, ge=0, description="of all texts, a prompt with every answer")
    trained_prompts: int | None = Field(
        default=None, description="held-out examples whose prompt is also trained on"
    )


class DevSplit(_Record):
    """Training examples that were held back to select by."""

    fraction: float
    seed: int
    groups: int = Field(ge=1, description="pieces with a prompt or a group in common")
    examples: int = Field(ge=1)


class TrainMetrics(_Record):
    """Metrics of the training pairs. ``loss`` and so on are of the last line logged."""

    steps: int = Field(ge=1)
    epochs: float
    mean_loss: float = Field(description="over all steps")
    loss: float | None = None
    accuracy: float | None = Field(default=None, description="share of r_chosen > r_rejected")
    margin: float | None = Field(default=None, description="mean r_chosen - r_rejected")
    duration_s: float = Field(description="of the steps, evaluations and saving left out")
    pairs_per_s: float = Field(description="in that time")
    stopped_early: bool = Field(default=False, description="by --early-stopping")
    resumed_at: tuple[int, ...] = Field(default=(), description="steps the run was resumed at")


class EvalMetrics(_Record):
    """Metrics of the final model over held-out examples."""

    examples: int = Field(ge=1)
    decided: int = Field(ge=0, description="examples whose votes are not tied")
    pairs: int = Field(ge=1)
    loss: float
    accuracy: float | None = Field(
        description="share of r_chosen > r_rejected in decided examples, equal rewards being "
        "wrong, as in TRL; None without any"
    )
    margin: float


class TrainingRecord(_Record):
    """Everything needed to know how a checkpoint came to be."""

    schema_version: Literal[2] = 2
    rmbench_version: str
    created_at: str = Field(description="ISO 8601, UTC")
    objective: Literal["bradley-terry"] = "bradley-terry"
    trainer: TrainerName
    attention: str | None = Field(description="path through the engine; None for other trainers")
    base: BaseModelRecord
    data: tuple[TrainingSource, ...]
    dev_split: DevSplit | None
    eval_data: tuple[TrainingSource, ...]
    seed: int
    max_length: int | None = Field(description="tokens of one conversation, in effect")
    learning_rate: float = Field(description="peak, in effect")
    epochs: float = Field(description="in effect, where no number of steps was asked for")
    pairs_per_step: int = Field(description="examples, in effect")
    bf16_autocast: bool = Field(description="in effect")
    lora_alpha: int | None = Field(description="in effect; None where all weights are trained")
    lora_layers: int = Field(description="layers with an adapter")
    preset: str = Field(description="where settings come from that were not asked for")
    encoding: dict[str, Any] = Field(description="how texts became tokens")
    arguments: dict[str, Any] = Field(description="every argument, defaults included")
    processes: int = Field(ge=1)
    train: TrainMetrics
    final_step: int = Field(ge=1, description="step whose weights the model has")
    selected_on: Literal["dev split", "eval data"] | None = Field(
        description="what the step was chosen by; None for the last one"
    )
    dev: EvalMetrics | None = Field(description="of the final model, on the dev split")
    eval: EvalMetrics | None = Field(description="of the final model, on all held-out sources")
    eval_by_source: dict[str, EvalMetrics] = Field(description="the same of each")
    environment: Environment
    duration_s: float = Field(description="this process, loading and evaluation included")

    @property
    def truncated(self) -> int:
        """Training examples of which a text was cut off to fit."""
        return sum(s.truncated for s in self.data)

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


def describe_source(
    data: PreferenceSet, built: ExampleSet, *, held_back: int = 0
) -> TrainingSource:
    """The record of one source."""
    return TrainingSource(
        source=data.source or data.name,
        revision=data.revision,
        fingerprint=data.fingerprint,
        layout=data.layout,
        examples=len(data),
        held_back=held_back,
        skipped_rows=len(data.skipped),
        ties=built.ties,
        reversed=built.reversed,
        soft=built.soft,
        dropped=built.dropped,
        used=len(built.examples),
        pairs=built.pairs,
        truncated=built.truncated,
        identical_pairs=built.identical,
        tokens=built.tokens,
    )
