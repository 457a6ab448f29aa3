"""Reward models of Hugging Face: any sequence classifier, by folder or Hub id."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from rmbench.engine.cache import ScoreCache
from rmbench.engine.device import DeviceFacts
from rmbench.engine.digest import model_folder, weights_digest
from rmbench.engine.encode import build_encoder, position_limit
from rmbench.engine.fastest import tokens_per_s
from rmbench.engine.forward import Head
from rmbench.engine.loading import LoadedModel, load_sequence_classifier
from rmbench.engine.options import EngineOptions, resolve_device, resolve_dtype
from rmbench.engine.scoring import Engine
from rmbench.errors import ScorerError, UsageError
from rmbench.result import Checkpoint, EngineProvenance, ScorerInfo
from rmbench.scorers.checkpoint import read_checkpoint, training_record
from rmbench.scorers.spec import RunOptions, absolute, unsupported_options, with_dtype
from rmbench.spec import ScorerSpec
from rmbench.types import Conversation, ScoredBatch

_OPTIONS = {
    "revision", "head", "chat_template", "system_prompt", "max_length", "score_position",
    "dtype", "allow_untrained", "trust_remote_code", "allow_pickle",
}  # fmt: skip


class HFScorer:
    """A sequence classifier behind the scoring engine.

    Args:
        loaded: The model and its tokenizer.
        spec: What was asked for.
        options: How to run it.
        cache: Where its rewards are kept between runs.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        spec: ScorerSpec,
        options: RunOptions,
        cache: ScoreCache | None = None,
    ) -> None:
        self._loaded = loaded
        self._spec = spec
        self._template = _read_template(spec.chat_template)
        head = choose_head(loaded.model.config.num_labels, spec.head)
        self.engine = Engine(
            loaded.model,
            self._encoder(spec.max_length),
            head,
            EngineOptions(
                device=options.device,
                batch_tokens=options.batch_tokens,
                attention=options.attention,  # type: ignore[arg-type]  # likewise
                position=spec.score_position or "hf",
                compiled=options.compiled,
                progress=options.progress,
            ),
            cache=cache,
            weights=self._weights(cache) if cache is not None else "",
        )
        self._checkpoint = read_checkpoint(Path(spec.target))
        self._notes: tuple[str, ...] = ()
        self._own_max_length = self.engine.encoder.max_length
        self._logits = spec.margins_are_logits
        if self._logits is None:
            # One logit of several is some attribute's rating; its differences need not
            # be log-odds of preference.
            self._logits = loaded.model.config.num_labels == 1 or head.index is None

    def _weights(self, cache: ScoreCache) -> str:
        folder = model_folder(self._spec.target, self._loaded.revision or self._spec.revision)
        if folder is None:
            raise ScorerError(f"{self._spec.target}: its files are not where they were read from")
        return weights_digest(folder, cache)

    def _encoder(self, max_length: int | None) -> Any:
        return build_encoder(
            self._loaded.tokenizer,
            self._loaded.model.config,
            max_length=max_length,
            chat_template=self._template,
            system_prompt=self._spec.system_prompt,
        )

    @property
    def info(self) -> ScorerInfo:
        """What this scorer is, for the record."""
        target = absolute(self._spec.target)
        options: dict[str, Any] = {
            "head": self._spec.head or "single logit",
            "score_position": self.engine.options.position,
            **self.engine.encoder.record,
            # A length that a suite imposes is the run's, not the scorer's.
            "max_length": self._own_max_length,
        }
        if self._loaded.newly_initialised:
            options["untrained"] = list(self._loaded.newly_initialised)
        asked = f"@{self._spec.revision}" if self._spec.revision else ""
        return ScorerInfo(
            spec=target + asked,
            kind="hf",
            name=self._spec.name or _readable(target, self._checkpoint),
            revision=self._loaded.revision,
            margins_are_logits=bool(self._logits),
            checkpoint=self._checkpoint,
            options=options,
        )

    def score(self, conversations: Sequence[Conversation]) -> ScoredBatch:
        """Run the model; see ``Engine.score``."""
        return self.engine.score(conversations)

    def use_max_length(self, suite_max_length: int | None) -> None:
        """Cut at the suite's length, unless the scorer was given one of its own."""
        if self._spec.max_length is None:
            limit = position_limit(self._loaded.tokenizer, self._loaded.model.config)
            if suite_max_length is not None and limit is not None:
                suite_max_length = min(suite_max_length, limit)
            self.engine.encoder = self._encoder(suite_max_length)

    @property
    def max_length_given(self) -> int | None:
        """The length the scorer was asked to cut at, if any."""
        return self._spec.max_length

    def provenance(self) -> EngineProvenance:
        """How the last call of ``score`` was carried out."""
        record = self.engine.provenance()
        return record.model_copy(update={"notes": (*record.notes, *self._notes)})

    def add_note(self, note: str) -> None:
        """Have something said in the record of every run of this scorer."""
        self._notes = (*self._notes, note)

    def facts(self) -> DeviceFacts:
        """The device the model runs on."""
        return self.engine.facts()

    def training(self) -> dict[str, Any] | None:
        """What ``rmbench train`` wrote of the run that the model comes from, if it did."""
        return training_record(Path(self._spec.target))


def create(spec: ScorerSpec, options: RunOptions) -> HFScorer:
    """Load the model of a spec.

    Raises:
        ScorerError: If it cannot be loaded.
        UsageError: If its head needs a choice that was not made, or its weights are missing.
    """
    unsupported_options(spec, _OPTIONS)
    run = with_dtype(options, spec)
    if run.dtype == "fastest":
        return _fastest(spec, run)
    device = resolve_device(run.device)
    return _load(spec, run, resolve_dtype(run.dtype, device))  # type: ignore[arg-type]  # checked by the command line


def _load(spec: ScorerSpec, run: RunOptions, dtype: torch.dtype | None) -> HFScorer:
    loaded = load_sequence_classifier(
        spec.target,
        revision=spec.revision,
        allow_untrained=spec.allow_untrained,
        trust_remote_code=spec.trust_remote_code,
        allow_pickle=spec.allow_pickle,
        dtype=dtype,
    )
    # Neither code from the repository nor weights that no file holds enter the digest that
    # cached rewards are known by.
    cacheable = not (loaded.newly_initialised or spec.trust_remote_code)
    cache = ScoreCache.open(run.cache, run.report) if run.cache is not None and cacheable else None
    return HFScorer(loaded, spec, run, cache)


def _fastest(spec: ScorerSpec, run: RunOptions) -> HFScorer:
    """The scorer in float32 or in bfloat16, whichever runs faster here."""
    best: HFScorer | None = None
    speeds: dict[str, float] = {}
    for dtype in (torch.float32, torch.bfloat16):
        scorer = _load(spec, run, dtype)
        name = str(dtype).removeprefix("torch.")
        speeds[name] = tokens_per_s(scorer.engine)
        if best is None or speeds[name] == max(speeds.values()):
            best = scorer
    assert best is not None  # noqa: S101 - the loop ran
    seen = ", ".join(f"{name} {speed:,.0f} tokens/s" for name, speed in speeds.items())
    note = f"--dtype fastest: {seen}, on two batches"
    best.add_note(note)
    run.report(note)
    return best


def choose_head(num_labels: int, asked: str | None) -> Head:
    """Which logit is the reward.

    Args:
        num_labels: Logits the model gives.
        asked: ``None``, ``difference`` (``logit[1] - logit[0]``), or an index.

    Raises:
        UsageError: If several logits leave a choice that was not made, or the choice is
            impossible.

    >>> choose_head(1, None)
    Head(index=0)
    >>> choose_head(2, "difference")
    Head(index=None)
    """
    if asked is None:
        if num_labels == 1:
            return Head(0)
        if num_labels == 2:
            raise UsageError(
                "the model has two logits and does not say which is the reward: "
                "--head difference takes logit[1] - logit[0], --head 1 takes the second alone"
            )
        raise UsageError(
            f"the model has {num_labels} logits: name the reward with --head INDEX "
            f"(0 to {num_labels - 1})"
        )
    if asked == "difference":
        if num_labels != 2:
            raise UsageError(f"--head difference needs two logits; the model has {num_labels}")
        return Head(None)
    if not asked.isdecimal() or int(asked) >= num_labels:
        raise UsageError(
            f"--head {asked}: expected 'difference' or an index from 0 to {num_labels - 1}"
        )
    return Head(int(asked))


def _readable(target: str, checkpoint: Checkpoint | None) -> str:
    path = Path(target)
    if checkpoint is not None and not checkpoint.final:
        # Every run has a `checkpoint-100`.
        return f"{path.parent.name}/{path.name}"
    # A Hub id keeps its organisation; a folder is known by its last part.
    return path.name if path.is_absolute() else target


def _read_template(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--chat-template {path}: {error.strerror or error}") from None
