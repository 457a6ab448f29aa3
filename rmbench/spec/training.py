"""A training run: what is asked for, on the command line, in a TOML file, or in Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from rmbench.errors import SpecError, UsageError
from rmbench.spec.base import Spec, read_toml

Device = Literal["auto", "cpu", "cuda", "mps"]
TrainerName = Literal["packed", "trl"]
Attention = Literal["auto", "shared", "packed", "padded"]
OverLong = Literal["truncate", "drop"]
Scheduler = Literal["linear", "cosine", "constant", "constant_with_warmup"]
ReportTo = Literal["none", "tensorboard", "wandb"]

# A source alone is a list of one: `data = "train.jsonl"`.
_Sources = Annotated[tuple[str, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)]


class TrainConfig(Spec):
    """One training run of a reward model. What is ``None`` is decided by ``rmbench.train``.

    Raises:
        UsageError: If a value is impossible, unknown or missing; it is named.
    """

    base: str = Field(
        description="folder or Hub id (`id@revision` pins a commit) of the model to start from"
    )
    data: _Sources = Field(description="preference sources, joined in order")
    out: Path = Field(
        description="folder of the run: `checkpoint-N` while it trains, the model when it has ended"
    )
    eval_data: _Sources = Field(
        default=(), description="held-out sources, each measured by itself at the end"
    )
    dev_fraction: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="share of the training examples held back to select by; no prompt is on "
        "both sides",
    )

    epochs: float | None = Field(default=None, gt=0, description="passes over the data")
    max_steps: int | None = Field(
        default=None, ge=1, description="optimiser steps; where given, it decides, not `epochs`"
    )
    lr: float | None = Field(default=None, gt=0, description="peak learning rate")
    pairs_per_step: int | None = Field(
        default=None,
        ge=1,
        description="examples per optimiser step, over all processes and micro-batches",
    )
    micro_batch_tokens: int | None = Field(
        default=None,
        ge=1,
        description="most tokens of a forward; changes memory and speed, not the loss",
    )
    max_length: int | None = Field(
        default=None, ge=8, description="tokens of one encoded conversation"
    )
    over_long: OverLong = Field(
        default="truncate",
        description="what becomes of longer ones: the oldest prompt tokens go, or the example does",
    )
    seed: int = Field(default=0, ge=0, description="of the head, the order and the dev split")
    scheduler: Scheduler = "linear"
    warmup_ratio: float = Field(
        default=0.1, ge=0, lt=1, description="share of the steps in which the learning rate rises"
    )
    weight_decay: float = Field(
        default=0.0, ge=0, description="AdamW's, on everything but biases and norms"
    )
    max_grad_norm: float = Field(
        default=1.0, ge=0, description="gradients are clipped to this norm; 0 turns clipping off"
    )

    margin_from: str | None = Field(
        default=None, description="key of an example's `meta` with its target margin, a logit"
    )
    center_coefficient: float = Field(
        default=0.0, ge=0, description="weight of mean((r_chosen + r_rejected) ** 2)"
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=0.5, description="probability that a vote is wrong"
    )
    soft_labels: bool = Field(
        default=False, description="whether vote shares are the targets, ties included"
    )

    trainer: TrainerName = Field(default="packed", description="rmbench's trainer, or TRL's own")
    attention: Attention = Field(
        default="auto", description="how the packed trainer batches; `auto` takes the fastest"
    )
    bf16: bool | None = Field(
        default=None,
        description="bfloat16 autocast, weights and optimiser in float32; by default where the "
        "device multiplies bfloat16 natively",
    )
    gradient_checkpointing: bool = Field(
        default=False, description="recompute activations: less memory, a third more time"
    )
    lora_rank: int | None = Field(default=None, ge=1, description="train low-rank adapters only")
    lora_alpha: int | None = Field(
        default=None, ge=1, description="adapters are scaled by alpha / rank; 32 by default"
    )
    lora_targets: _Sources = Field(
        default=(), description="names of the layers with adapters; by default all linear ones"
    )
    device: Device = Field(
        default="auto", description="`auto` takes an accelerator where there is one"
    )

    logging_steps: int = Field(default=10, ge=1, description="steps between two lines of metrics")
    eval_steps: int | None = Field(
        default=None, ge=1, description="steps between two evaluations; by default only at the end"
    )
    save_steps: int | None = Field(
        default=None, ge=1, description="steps between two resumable checkpoints"
    )
    save_total_limit: int | None = Field(
        default=None, ge=1, description="checkpoints kept: the newest, and the best beside them"
    )
    keep_best: bool = Field(
        default=False, description="end with the weights of the lowest loss on the selection set"
    )
    early_stopping: int | None = Field(
        default=None, ge=1, description="evaluations without a lower loss after which to stop"
    )
    report_to: ReportTo = Field(default="none", description="where metrics go besides the screen")
    trainer_args: dict[str, Any] = Field(
        default_factory=dict, description="handed to transformers.TrainingArguments as they are"
    )

    bad_rows: Literal["error", "skip"] = Field(
        default="error", description="what a row that cannot be used does"
    )
    chat_template: Path | None = Field(
        default=None, description="Jinja file for a base without one; saved with the model"
    )
    resume: bool = Field(default=False, description="go on from the newest checkpoint in `out`")
    overwrite: bool = Field(default=False, description="replace what an earlier run left in `out`")
    trust_remote_code: bool = Field(default=False, description="run code that comes with the base")
    allow_pickle: bool = Field(default=False, description="load weights that are not safetensors")

    @property
    def selects(self) -> bool:
        """Whether what is kept, or when to stop, depends on evaluations."""
        return self.keep_best or self.early_stopping is not None

    @model_validator(mode="wrap")
    @classmethod
    def _explain(
        cls, values: Any, handler: ModelWrapValidatorHandler[TrainConfig], info: ValidationInfo
    ) -> TrainConfig:
        # Not only for readers of TOML: whoever calls from Python meets one family of errors.
        try:
            return handler(values)
        except ValidationError as error:
            raise _explained(error, info.context or {}) from None

    @model_validator(mode="after")
    def _fits_together(self) -> TrainConfig:
        if not self.data:
            raise UsageError("no training data: give at least one source with --data")
        held_out = bool(self.eval_data) or self.dev_fraction is not None
        if self.eval_steps is not None and not held_out:
            raise UsageError(
                "eval_steps is given but there is nothing to evaluate on: "
                "give --eval-data or --dev-fraction"
            )
        if self.selects and self.eval_steps is None:
            raise UsageError(
                f"{'keep_best' if self.keep_best else 'early_stopping'} chooses between "
                "evaluations: give --eval-steps, and --dev-fraction or --eval-data"
            )
        if self.lora_rank is None and (self.lora_alpha is not None or self.lora_targets):
            raise UsageError("lora_alpha and lora_targets need lora_rank")
        if self.resume and self.overwrite:
            raise UsageError("resume and overwrite exclude each other")
        return self


def load_training(
    path: Path | None, given: Mapping[str, Any], *, recorded: Mapping[str, Any] | None = None
) -> TrainConfig:
    """Join what a file, the command line and an earlier start say of a training run.

    The command line decides over the file, and the file over what is recorded. Sources,
    ``base`` and ``chat_template`` that exist beside the file are meant there; ``out`` is
    relative to the working directory, as on the command line.

    Args:
        path: The TOML file; ``None`` for none.
        given: Fields of the command line, without those that were not given.
        recorded: Fields as the run that is resumed was started with.

    Raises:
        SpecError: If the file is not TOML, or a field of it is unknown or impossible.
        UsageError: If an option is impossible, or a field is missing everywhere.
    """
    body = read_toml(path) if path is not None else {}
    if path is not None:
        body = {name: _beside(path.parent, name, value) for name, value in body.items()}
    return TrainConfig.model_validate(
        {**(recorded or {}), **body, **given},
        context={"file": path, "in_file": set(body) - set(given), "options": set(given)},
    )


def _beside(folder: Path, name: str, value: Any) -> Any:
    if name not in ("base", "data", "eval_data", "chat_template"):
        return value
    if isinstance(value, list):
        return [_beside(folder, name, part) for part in value]
    if isinstance(value, str) and value and (folder / value).exists():
        return str(folder / value)
    return value


def _explained(error: ValidationError, context: Mapping[str, Any]) -> UsageError:
    first, *rest = error.errors()
    more = f" (and {len(rest)} more)" if rest else ""
    field, *inner = [str(part) for part in first["loc"]]
    file = context.get("file")
    option = f"--{field.replace('_', '-')}"
    if first["type"] == "missing":
        where = f", nor {field!r} in {file}" if file else ""
        return UsageError(f"no {option} is given{where}")
    in_file = field in context.get("in_file", ())
    name = option if field in context.get("options", ()) else ".".join([field, *inner])
    where = f"{file}: field {name!r}" if in_file else name
    kind = SpecError if in_file else UsageError
    if first["type"] == "extra_forbidden":
        return kind(f"{where}: unknown field{more}")
    return kind(f"{where} is {first['input']!r}: {_expectation(first)}{more}")


def _expectation(error: Any) -> str:
    bounds = error.get("ctx", {})
    match error["type"]:
        case "greater_than_equal":
            return f"it must be at least {bounds['ge']}"
        case "greater_than":
            return f"it must be above {bounds['gt']}"
        case "less_than":
            return f"it must be below {bounds['lt']}"
        case "finite_number":
            return "it must be a finite number"
        case "literal_error":
            return f"it must be {bounds['expected']}"
        case _:
            message = str(error["msg"]).removeprefix("Value error, ")
            return message[:1].lower() + message[1:]
