"""``rmbench train``: from a configuration to a reward model in a folder."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import PrinterCallback, TrainingArguments, set_seed

from rmbench import __version__
from rmbench.data.load import load_preferences
from rmbench.engine.device import describe_environment, device_facts, multiplies_bfloat16
from rmbench.engine.encode import Encoder, build_encoder
from rmbench.engine.loading import LoadedModel, load_sequence_classifier
from rmbench.engine.options import resolve_device
from rmbench.errors import TrainingError, UsageError
from rmbench.scorers.spec import parse_scorer
from rmbench.train.collate import EncodedPair, PairCollator
from rmbench.train.config import (
    DEFAULT_MAX_LENGTH,
    TrainConfig,
    default_learning_rate,
    micro_batch_pairs,
)
from rmbench.train.model import (
    count_parameters,
    disable_dropout,
    ensure_pad_token,
    initialise_new_weights,
    pairs_in_memory,
)
from rmbench.train.output import staged_folder
from rmbench.train.pairs import PairSet, build_pairs
from rmbench.train.progress import ProgressLines, library_bars_hidden, say
from rmbench.train.record import (
    BaseModelRecord,
    EvalMetrics,
    TrainingRecord,
    TrainingSource,
    TrainMetrics,
    TrainReport,
    describe_arguments,
    describe_source,
)
from rmbench.train.trainer import PairwiseTrainer

_CHECKPOINTS = "checkpoint-*"


def train(config: TrainConfig, *, progress: bool = True) -> TrainReport:
    """Train a reward model and save it as a plain sequence-classification checkpoint.

    ``config.out`` then holds weights, configuration, tokenizer, chat template and
    ``rmbench_training.json``; until everything is written it is as it was.

    Args:
        config: What to train on what.
        progress: Whether to show a bar and lines of metrics on standard error.

    Raises:
        UsageError: If the call is impossible, for instance as ``out`` already holds a model.
        DataError: If a source cannot be read.
        ScorerError: If the base model cannot be loaded.
        TrainingError: If there is nothing to learn from, or training cannot go on.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError("training runs in one process: start it without a distributed launcher")
    with staged_folder(
        config.out, overwrite=config.overwrite, keep_on_failure=_CHECKPOINTS
    ) as folder:
        try:
            record = _train_into(folder, config, progress=progress)
        except BaseException:
            if progress and any(folder.glob(_CHECKPOINTS)):
                say(f"the checkpoints made until now are kept in {folder}")
            raise
    return TrainReport(config.out, record)


def _train_into(folder: Path, config: TrainConfig, *, progress: bool) -> TrainingRecord:
    started = time.perf_counter()
    run = _prepare(config, resolve_device(config.device))
    trainer = _make_trainer(config, run, folder, progress=progress)
    if progress:
        _announce(run, trainer)
    with library_bars_hidden():
        train_metrics = _train(trainer, run)
        eval_metrics = _evaluate(trainer, run)
        _save(trainer, folder)
    record = TrainingRecord(
        rmbench_version=__version__,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        base=run.base_record,
        data=run.sources,
        eval_data=run.eval_source,
        seed=config.seed,
        max_length=run.encoder.max_length,
        learning_rate=run.learning_rate,
        bf16_autocast=bool(trainer.args.bf16),
        pairs_per_step=config.pairs_per_step,
        micro_batch_pairs=run.micro_batch_pairs,
        encoding=run.encoder.record,
        arguments=describe_arguments(config),
        train=train_metrics,
        eval=eval_metrics,
        environment=describe_environment(device_facts(trainer.args.device)),
        duration_s=time.perf_counter() - started,
    )
    record.write(folder)
    return record


@dataclass(frozen=True)
class _Run:
    """Everything that is settled before the first step."""

    base: LoadedModel
    base_record: BaseModelRecord
    encoder: Encoder
    pairs: tuple[EncodedPair, ...]
    sources: tuple[TrainingSource, ...]
    eval_pairs: tuple[EncodedPair, ...] | None
    eval_source: TrainingSource | None
    learning_rate: float
    micro_batch_pairs: int
    device: torch.device


def _prepare(config: TrainConfig, device: torch.device) -> _Run:
    # Data first: its mistakes are the cheapest to find.
    data = [load_preferences(source, bad_rows=config.bad_rows) for source in config.data]
    eval_data = (
        load_preferences(config.eval_data, bad_rows=config.bad_rows) if config.eval_data else None
    )
    set_seed(config.seed)
    base, base_record = _load_base(config)
    encoder = _build_encoder(config, base)
    encoded = [build_pairs(d, encoder, margin_from=config.margin_from) for d in data]
    pairs = tuple(pair for part in encoded for pair in part.pairs)
    _check_pairs(pairs, encoded, config.data)
    eval_pairs, eval_source = None, None
    if eval_data is not None:
        held_out = build_pairs(eval_data, encoder, margin_from=config.margin_from)
        _check_pairs(held_out.pairs, [held_out], [str(config.eval_data)])
        # Neighbours of one length share batches with little padding; no metric depends on order.
        eval_pairs = tuple(sorted(held_out.pairs, key=len, reverse=True))
        eval_source = describe_source(eval_data, held_out)
    return _Run(
        base=base,
        base_record=base_record,
        encoder=encoder,
        pairs=pairs,
        sources=tuple(describe_source(d, p) for d, p in zip(data, encoded, strict=True)),
        eval_pairs=eval_pairs,
        eval_source=eval_source,
        learning_rate=config.lr or default_learning_rate(base_record.parameters),
        micro_batch_pairs=config.micro_batch_pairs
        or micro_batch_pairs(
            config.pairs_per_step,
            pairs_in_memory(base.model, max(len(p) for p in pairs), device),
        ),
        device=device,
    )


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
    initialise_new_weights(base.model, base.newly_initialised, seed=config.seed)
    disable_dropout(base.model)
    ensure_pad_token(base.model, base.tokenizer)
    record = BaseModelRecord(
        name=spec.target,
        revision=base.revision,
        model_type=base.model.config.model_type,
        parameters=count_parameters(base.model),
        newly_initialised=base.newly_initialised,
    )
    return base, record


def _build_encoder(config: TrainConfig, base: LoadedModel) -> Encoder:
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
        encoder.max_length is None or encoder.max_length > DEFAULT_MAX_LENGTH
    ):
        return build_encoder(base.tokenizer, base.model.config, max_length=DEFAULT_MAX_LENGTH)
    return encoder


def _check_pairs(
    pairs: Sequence[EncodedPair], parts: Sequence[PairSet], sources: Sequence[str]
) -> None:
    names = ", ".join(sources)
    if not pairs:
        ties = sum(p.ties for p in parts)
        raise TrainingError(f"{names}: no pairs to use ({ties} ties, which decide nothing)")
    if sum(p.identical for p in parts) == len(pairs):
        raise TrainingError(
            f"{names}: in every pair both answers encode to the same tokens, so there is nothing "
            "to learn; are prompts longer than --max-length, or answers alike?"
        )


def _make_trainer(
    config: TrainConfig, run: _Run, folder: Path, *, progress: bool
) -> PairwiseTrainer:
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=run.micro_batch_pairs,
        per_device_eval_batch_size=run.micro_batch_pairs,
        gradient_accumulation_steps=config.pairs_per_step // run.micro_batch_pairs,
        num_train_epochs=config.epochs,
        max_steps=config.max_steps or -1,
        learning_rate=run.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=config.warmup_ratio,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        bf16=_autocasts(config, run.device),
        seed=config.seed,
        data_seed=config.seed,
        logging_steps=config.logging_steps,
        eval_strategy="steps" if config.eval_steps else "no",
        eval_steps=config.eval_steps,
        save_strategy="steps" if config.save_steps else "no",
        save_steps=config.save_steps or 500,
        use_cpu=run.device.type == "cpu",
        dataloader_pin_memory=run.device.type == "cuda",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
    )
    # Several visible GPUs would be driven by DataParallel, which multiplies the batch.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    trainer = PairwiseTrainer(
        run.base.model,
        arguments,
        center_coefficient=config.center_coefficient,
        train_dataset=run.pairs,
        eval_dataset=run.eval_pairs,
        data_collator=PairCollator(run.base.tokenizer.pad_token_id),
        processing_class=run.base.tokenizer,
    )
    trainer.remove_callback(PrinterCallback)
    if progress:
        trainer.add_callback(ProgressLines())
    return trainer


def _autocasts(config: TrainConfig, device: torch.device) -> bool:
    if config.bf16 is not None:
        return config.bf16
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and multiplies_bfloat16()


def _announce(run: _Run, trainer: PairwiseTrainer) -> None:
    base = run.base_record
    head = "new head" if base.newly_initialised else "its own head"
    say(f"base {base.name}: {base.parameters / 1e6:.1f} M parameters, {head}")
    for kind, source in [("training", s) for s in run.sources] + (
        [("held-out", run.eval_source)] if run.eval_source else []
    ):
        left_out = {
            "ties": source.ties,
            "unusable rows": source.skipped_rows,
        }
        notes = [f"{n:,} {what} left out" for what, n in left_out.items() if n]
        if source.truncated_pairs:
            notes.append(f"{source.truncated_pairs:,} cut to {run.encoder.max_length} tokens")
        say(f"{kind} {source.source}: " + ", ".join([f"{source.pairs:,} pairs", *notes]))
    accumulation = trainer.args.gradient_accumulation_steps
    say(
        f"{run.micro_batch_pairs * accumulation} pairs per step"
        f" in {accumulation} forward{'s' if accumulation > 1 else ''},"
        f" learning rate {run.learning_rate:.1e}, on {trainer.args.device}"
        f"{' in bfloat16 autocast' if trainer.args.bf16 else ''}"
    )


def _train(trainer: PairwiseTrainer, run: _Run) -> TrainMetrics:
    try:
        result = trainer.train()
    except torch.OutOfMemoryError:
        raise TrainingError(
            f"out of memory with {run.micro_batch_pairs} pairs of up to "
            f"{max(len(p) for p in run.pairs)} tokens in one forward: "
            "lower --pairs-per-step or --max-length"
        ) from None
    if not all(p.isfinite().all() for p in run.base.model.parameters()):
        raise TrainingError(
            f"weights are not finite after step {trainer.state.global_step}: "
            "try a lower learning rate, or training without bf16"
        )
    last: dict[str, Any] = next(
        (entry for entry in reversed(trainer.state.log_history) if "loss" in entry), {}
    )
    return TrainMetrics(
        steps=trainer.state.global_step,
        epochs=trainer.state.epoch or 0.0,
        mean_loss=result.training_loss,
        loss=last.get("loss"),
        accuracy=last.get("accuracy"),
        margin=last.get("margin"),
        duration_s=result.metrics["train_runtime"],
        pairs_per_s=result.metrics["train_samples_per_second"],
    )


def _evaluate(trainer: PairwiseTrainer, run: _Run) -> EvalMetrics | None:
    if run.eval_pairs is None:
        return None
    step = trainer.state.global_step
    done = [e for e in trainer.state.log_history if e["step"] == step and "eval_loss" in e]
    metrics = done[-1] if done else trainer.evaluate()
    return EvalMetrics(
        pairs=len(run.eval_pairs),
        loss=metrics["eval_loss"],
        accuracy=metrics["eval_accuracy"],
        margin=metrics["eval_margin"],
    )


def _save(trainer: PairwiseTrainer, folder: Path) -> None:
    try:
        trainer.save_model(str(folder))
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"the model cannot be saved: {error}") from None
    # A pickle of the Trainer's arguments, which the record holds as text.
    (folder / "training_args.bin").unlink(missing_ok=True)
