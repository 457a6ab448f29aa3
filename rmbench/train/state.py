"""What a checkpoint says of its run, so that no other run goes on from it; knows no torch."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rmbench import __version__
from rmbench.errors import TrainingError, UsageError, shorten
from rmbench.spec import TrainConfig
from rmbench.train.output import RunFolder

if TYPE_CHECKING:
    from rmbench.train.pairs import EncodedExample

STATE_NAME = "rmbench_run.json"

# A run may go on with other values of these: they do not touch the weights. Sources, base
# and template are compared by what is in them, and what has a value by default by its value
# in effect.
_FREE = {
    "out", "resume", "overwrite", "logging_steps", "save_steps", "save_total_limit", "report_to",
    "micro_batch_tokens", "device", "trust_remote_code", "allow_pickle", "bad_rows",
    "base", "data", "eval_data", "chat_template",
    "epochs", "lr", "pairs_per_step", "max_length", "bf16", "lora_alpha", "lora_targets",
}  # fmt: skip


class Settings(BaseModel):
    """What was decided where nothing was asked for, and what was asked for otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    learning_rate: float = Field(description="peak")
    pairs_per_step: int
    epochs: float
    max_length: int | None = Field(description="tokens of one conversation; None: no limit")
    bf16_autocast: bool
    lora_alpha: int | None = None
    lora_layers: int = Field(default=0, description="layers with an adapter")


class RunState(BaseModel):
    """``rmbench_run.json`` of a checkpoint."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: Literal[1] = 1
    rmbench_version: str = __version__
    config: dict[str, Any] = Field(description="fields of the run's TrainConfig that were given")
    settings: Settings
    base_digest: str = Field(description="SHA-256 over the base model's weights")
    data: tuple[tuple[str, str], ...] = Field(
        description="each source, and the SHA-256 of its examples"
    )
    selection: tuple[tuple[str, str], ...] = Field(
        description="the same of held-out sources, where evaluations on them choose"
    )
    tokens: str = Field(description="SHA-256 of the training examples as they are encoded")
    trained_s: float = Field(default=0.0, ge=0, description="training before this checkpoint")
    resumed_at: tuple[int, ...] = Field(default=(), description="steps the run was resumed at")

    @classmethod
    def read(cls, checkpoint: Path) -> RunState:
        """The state of a checkpoint.

        Raises:
            TrainingError: If it has none, or one that cannot be read.
        """
        path = checkpoint / STATE_NAME
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise TrainingError(
                f"{checkpoint}: has no {STATE_NAME}, so `rmbench train` did not make it and "
                "cannot go on from it"
            ) from None
        except (OSError, ValidationError, UnicodeDecodeError) as error:
            raise TrainingError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None

    def differences(self, now: RunState) -> list[str]:
        """How a run that would go on differs from the one that began; empty if it does not."""
        then_config, now_config = (TrainConfig(**_placed(s.config)) for s in (self, now))
        found = _changes(
            then_config.model_dump(exclude=_FREE), now_config.model_dump(exclude=_FREE)
        )
        found += _changes(self.settings.model_dump(), now.settings.model_dump())
        if self.base_digest != now.base_digest:
            found.append("the base model has other weights")
        for kind, then_data, now_data in (
            ("data", self.data, now.data),
            ("held-out data", self.selection, now.selection),
        ):
            if [d for _, d in then_data] != [d for _, d in now_data]:
                found.append(f"{kind}: {_data_change(then_data, now_data)}")
        if not found and self.tokens != now.tokens:
            found.append("the examples encode to other tokens: tokenizer or template changed")
        return found


@dataclass
class RunStateWriter:
    """Writes the state of a run beside each of its checkpoints.

    Attributes:
        state: As the run began, or went on.
        trained_s: Tells how long this process has trained.
    """

    state: RunState
    trained_s: Callable[[], float]

    def write(self, checkpoint: Path) -> None:
        """Write it into a checkpoint's folder."""
        now = self.state.model_copy(
            update={"trained_s": round(self.state.trained_s + self.trained_s(), 3)}
        )
        text = now.model_dump_json(indent=2)
        (checkpoint / STATE_NAME).write_text(text + "\n", encoding="utf-8")


def recorded_config(out: Path) -> dict[str, Any]:
    """What the unfinished run in a folder was started with; empty if there is none."""
    latest = RunFolder(out).latest()
    return RunState.read(latest).config if latest else {}


def check_same_run(then: RunState, now: RunState, checkpoint: Path) -> None:
    """See that a run may go on from a checkpoint.

    Raises:
        UsageError: If it is another run's, naming what is different.
    """
    differences = then.differences(now)
    if differences:
        raise UsageError(
            f"{checkpoint}: is of another run: {shorten(differences, 3)}; to go on with it, give "
            "--resume and --out alone"
        )


def given_fields(config: TrainConfig) -> dict[str, Any]:
    """The fields that were given, as JSON values that mean the same from any folder."""
    given = config.model_dump(
        mode="json", exclude_unset=True, exclude={"out", "resume", "overwrite"}
    )
    for name in ("base", "chat_template"):
        if given.get(name) is not None:
            given[name] = _absolute(given[name])
    for name in ("data", "eval_data"):
        if name in given:
            given[name] = [_absolute(source) for source in given[name]]
    return given


def examples_digest(examples: Iterable[EncodedExample]) -> str:
    """SHA-256 (hex) of encoded examples: ids, tokens, vote shares and margins, in order."""
    digest = sha256()
    for example in examples:
        digest.update(example.id.encode())
        digest.update(struct.pack("<d", example.preference))
        if example.margin is not None:
            digest.update(struct.pack("<d", example.margin))
        for side in (example.chosen, example.rejected):
            digest.update(b"\n%d" % len(side))
            for text in side:
                digest.update(b"\n%d" % len(text))
                digest.update(text.input_ids.tobytes())
                if text.token_type_ids is not None:
                    digest.update(text.token_type_ids.tobytes())
    return digest.hexdigest()


def _placed(config: Mapping[str, Any]) -> dict[str, Any]:
    return {"out": ".", **config}


def _absolute(source: str) -> str:
    path = Path(source).expanduser()
    return str(path.absolute()) if path.exists() else source


def _changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} was {then[name]!r} and is {now[name]!r}"
        for name in then
        if then[name] != now.get(name)
    ]


def _data_change(then: Sequence[tuple[str, str]], now: Sequence[tuple[str, str]]) -> str:
    if len(then) != len(now):
        return f"{len(then)} sources then, {len(now)} now"
    changed = [name for (_, old), (name, new) in zip(then, now, strict=True) if old != new]
    return f"{shorten(changed, 2)} holds other examples than then"
