"""Everything that is settled before the first step: data, base model, settings."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import torch
from transformers import set_seed

from rmbench.data.load import load_preferences
from rmbench.engine.digest import model_folder, weights_digest
from rmbench.engine.encode import Encoder, build_encoder
from rmbench.engine.loading import LoadedModel, load_sequence_classifier
from rmbench.errors import TrainingError, UsageError
from rmbench.scorers.spec import parse_scorer
from rmbench.spec import ScorerSpec, TrainConfig
from rmbench.train.arguments import autocasts
from rmbench.train.config import LORA_ALPHA, Preset, preset_for
from rmbench.train.lora import Adapters, add_adapters, trained_parameters
from rmbench.train.model import (
    count_parameters,
    disable_dropout,
    ensure_pad_token,
    initialise_new_weights,
)
from rmbench.train.pairs import EncodedExample, ExampleSet, build_examples
from rmbench.train.record import BaseModelRecord, DevSplit, TrainingSource, describe_source
from rmbench.train.split import split_by_prompt
from rmbench.train.state import RunState, Settings, examples_digest, given_fields
from rmbench.types import Message, PreferenceExample, PreferenceSet


@dataclass(frozen=True)
class HeldOut:
    """One held-out source."""

    record: TrainingSource
    examples: tuple[EncodedExample, ...]


@dataclass(frozen=True)
class Prepared:
    """A run up to its trainer.

    Attributes:
        base: The model to train, on the CPU, adapters in it where there are any.
        base_record: What it is.
        encoder: How its texts become tokens.
        preset: What was taken where nothing was asked for.
        settings: What is in effect.
        state: What the run's checkpoints say of it.
        examples: What is trained on.
        pairs: Chosen x rejected pairs of ``examples``.
        sources: Where they come from.
        dev: The split that is selected by; ``None`` without one.
        selection: What evaluations choose by and show; ``None`` if nothing is held out.
        held_out: Measured at the end.
        adapters: LoRA's; ``None`` where all weights are trained.
    """

    base: LoadedModel
    base_record: BaseModelRecord
    encoder: Encoder
    preset: Preset
    settings: Settings
    state: RunState
    examples: tuple[EncodedExample, ...]
    pairs: int
    sources: tuple[TrainingSource, ...]
    dev: DevSplit | None
    selection: tuple[EncodedExample, ...] | None
    held_out: tuple[HeldOut, ...]
    adapters: Adapters | None


def prepare(config: TrainConfig, device: torch.device) -> Prepared:
    """Read data and base model, and settle everything that was left open.

    Raises:
        DataError: If a source cannot be read.
        ScorerError: If the base model cannot be loaded.
        UsageError: If what is asked for does not fit the data or the model.
        TrainingError: If there is nothing to learn from.
    """
    # Data first: its mistakes are the cheapest to find.
    data = [load_preferences(source, bad_rows=config.bad_rows) for source in config.data]
    eval_data = [load_preferences(source, bad_rows=config.bad_rows) for source in config.eval_data]
    split = (
        split_by_prompt(data, config.dev_fraction, seed=config.seed)
        if config.dev_fraction is not None
        else None
    )
    set_seed(config.seed)
    base, base_record = _load_base(config)
    preset = preset_for(base_record.parameters, lora=config.lora_rank is not None)
    encoder = _build_encoder(config, base, preset.max_length)
    adapters = _add_adapters(config, base)
    base_record = _with_trained(base_record, base)

    to_train = [_chosen(d, split.train[i] if split else None) for i, d in enumerate(data)]
    built = [_build(config, encoder, part) for part in to_train]
    _check_learnable(built, config.data)
    examples = tuple(example for part in built for example in part.examples)
    dev_examples: tuple[EncodedExample, ...] = ()
    if split is not None:
        held_back = [e for i, d in enumerate(data) for e in _chosen(d, split.dev[i])]
        dev_examples = _build(config, encoder, held_back).examples
        if not dev_examples:
            raise TrainingError("the dev split has only ties or over-long examples: hold back more")
    prompts = {e.prompt for part in to_train for e in part}
    held_out = tuple(_held_out(config, encoder, d, prompts) for d in eval_data)
    settings = Settings(
        learning_rate=config.lr if config.lr is not None else preset.lr,
        pairs_per_step=config.pairs_per_step or preset.pairs_per_step,
        epochs=config.epochs if config.epochs is not None else preset.epochs,
        max_length=encoder.max_length,
        bf16_autocast=autocasts(config, device),
        lora_alpha=adapters.config.lora_alpha if adapters else None,
        lora_layers=len(adapters.layers) if adapters else 0,
    )
    sources = tuple(
        describe_source(d, b, held_back=len(split.dev[i]) if split else 0)
        for i, (d, b) in enumerate(zip(data, built, strict=True))
    )
    pooled = tuple(example for part in held_out for example in part.examples)
    return Prepared(
        base=base,
        base_record=base_record,
        encoder=encoder,
        preset=preset,
        settings=settings,
        state=RunState(
            config=given_fields(config),
            settings=settings,
            base_digest=base_record.digest,
            data=tuple((s.source, s.fingerprint) for s in sources),
            selection=tuple((h.record.source, h.record.fingerprint) for h in held_out)
            if config.selects and split is None
            else (),
            tokens=examples_digest(examples),
        ),
        examples=examples,
        pairs=sum(b.pairs for b in built),
        sources=sources,
        dev=DevSplit(
            fraction=config.dev_fraction,
            seed=config.seed,
            groups=split.groups,
            examples=len(dev_examples),
        )
        if split is not None and config.dev_fraction is not None
        else None,
        selection=dev_examples or pooled or None,
        held_out=held_out,
        adapters=adapters,
    )


def _with_trained(record: BaseModelRecord, base: LoadedModel) -> BaseModelRecord:
    """The record with how many parameters are trained."""
    return record.model_copy(update={"trained_parameters": trained_parameters(base.model)})


def _load_base(config: TrainConfig) -> tuple[LoadedModel, BaseModelRecord]:
    spec = parse_scorer(config.base)
    if spec.kind != "hf":
        raise UsageError(f"--base {config.base}: training starts from a model folder or a Hub id")
    base = load_sequence_classifier(
        spec.target,
        revision=spec.revision,
        num_labels=1,
        allow_untrained=True,
        trust_remote_code=config.trust_remote_code,
        allow_pickle=config.allow_pickle,
        # The optimiser's steps are smaller than what bfloat16 weights can represent.
        dtype=torch.float32,
    )
    digest = _digest(spec, base)
    parameters = count_parameters(base.model)
    initialise_new_weights(base.model, base.newly_initialised, seed=config.seed)
    disable_dropout(base.model)
    had_pad = base.tokenizer.pad_token_id is not None
    ensure_pad_token(base.model, base.tokenizer)
    record = BaseModelRecord(
        name=spec.target,
        revision=base.revision,
        digest=digest,
        model_type=base.model.config.model_type,
        parameters=parameters,
        trained_parameters=parameters,
        newly_initialised=base.newly_initialised,
        pad_token_added=None if had_pad else base.tokenizer.pad_token,
    )
    return base, record


def _digest(spec: ScorerSpec, base: LoadedModel) -> str:
    folder = model_folder(spec.target, base.revision or spec.revision)
    if folder is None:
        raise TrainingError(f"{spec.target}: was loaded, but its files are in no local folder")
    return weights_digest(folder, None)


def _build_encoder(config: TrainConfig, base: LoadedModel, default_length: int) -> Encoder:
    if config.chat_template is not None:
        try:
            # Set on the tokenizer, so that it is saved with the model and scoring finds it.
            base.tokenizer.chat_template = config.chat_template.read_text(encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"--chat-template {config.chat_template}: {error.strerror or error}"
            ) from None
    encoder = build_encoder(base.tokenizer, base.model.config, max_length=config.max_length)
    if config.max_length is None and (
        encoder.max_length is None or encoder.max_length > default_length
    ):
        return build_encoder(base.tokenizer, base.model.config, max_length=default_length)
    return encoder


def _add_adapters(config: TrainConfig, base: LoadedModel) -> Adapters | None:
    if config.lora_rank is None:
        return None
    return add_adapters(
        base.model,
        base=config.base,
        rank=config.lora_rank,
        alpha=config.lora_alpha or LORA_ALPHA,
        targets=config.lora_targets,
        new=base.newly_initialised,
    )


def _chosen(data: PreferenceSet, positions: Sequence[int] | None) -> Sequence[PreferenceExample]:
    return data if positions is None else [data[i] for i in positions]


def _build(
    config: TrainConfig, encoder: Encoder, examples: Sequence[PreferenceExample]
) -> ExampleSet:
    return build_examples(
        examples,
        encoder,
        margin_from=config.margin_from,
        soft_labels=config.soft_labels,
        over_long=config.over_long,
    )


def _held_out(
    config: TrainConfig,
    encoder: Encoder,
    data: PreferenceSet,
    trained_prompts: Set[tuple[Message, ...]],
) -> HeldOut:
    built = _build(config, encoder, data)
    if not built.examples:
        raise TrainingError(f"{data.source or data.name}: {_nothing_left([built])}")
    record = describe_source(data, built)
    shared = sum(e.prompt in trained_prompts for e in data)
    return HeldOut(record.model_copy(update={"trained_prompts": shared}), built.examples)


def _check_learnable(parts: Sequence[ExampleSet], sources: Sequence[str]) -> None:
    names = ", ".join(sources)
    pairs = sum(p.pairs for p in parts)
    if not pairs:
        raise TrainingError(f"{names}: {_nothing_left(parts)}")
    if sum(p.identical for p in parts) == pairs:
        raise TrainingError(
            f"{names}: in every pair both answers encode to the same tokens, so there is nothing "
            "to learn; are prompts longer than --max-length, or answers alike?"
        )
    if pairs == 1:
        raise TrainingError(f"{names}: 1 pair is nothing to train on: at least 2 are needed")


def _nothing_left(parts: Sequence[ExampleSet]) -> str:
    left_out = {
        "ties, which decide nothing": sum(p.ties for p in parts),
        "dropped as over-long": sum(p.dropped for p in parts),
    }
    reasons = [f"{n:,} {what}" for what, n in left_out.items() if n]
    read = sum(p.read for p in parts)
    return f"no pairs to use: {read:,} examples read" + "".join(f", {r}" for r in reasons)
