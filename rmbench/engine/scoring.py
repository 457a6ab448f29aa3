"""The engine: many conversations to rewards, in input order."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from rmbench.engine.capability import Attention, Capability, choose_path
from rmbench.engine.device import DeviceFacts, device_facts
from rmbench.engine.encode import Encoded, Encoder
from rmbench.engine.forward import Head, ScorePosition, forward_padded, score_index
from rmbench.engine.plan import plan_padded
from rmbench.errors import ScorerError, UsageError
from rmbench.result import EngineProvenance
from rmbench.types import Conversation, ScoredBatch

Dtype = Literal["auto", "float32", "bfloat16", "float16"]

# Encoded ids of this many conversations are held at once: enough to sort by length
# well, little enough that a million rows do not fill the memory.
_WINDOW = 8192

_MOST_RETRIES = 12


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How a model is run.

    Attributes:
        device: ``auto`` is CUDA where there is one, otherwise the CPU.
        dtype: ``auto`` is float32 on the CPU and the checkpoint's own on CUDA.
        batch_tokens: Most padded tokens in a batch; ``None``: 16,384 on CUDA, 4,096 on
            the CPU, where larger batches gain nothing.
        attention: Path through the engine; ``auto`` lets the engine decide.
        position: Which token a decoder's score is read from.
        progress: Whether a progress bar is shown on standard error.
    """

    device: str = "auto"
    dtype: Dtype = "auto"
    batch_tokens: int | None = None
    attention: Attention = "auto"
    position: ScorePosition = "hf"
    progress: bool = True


def resolve_device(name: str) -> torch.device:
    """The device a name stands for.

    Raises:
        UsageError: If there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = (str(error).splitlines() or ["not available"])[0]
        raise UsageError(f"--device {name}: {reason}") from None
    return device


def resolve_dtype(name: Dtype, device: torch.device) -> torch.dtype | None:
    """The weights' dtype; ``None`` keeps the checkpoint's own."""
    if name == "auto":
        return torch.float32 if device.type == "cpu" else None
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]


class BatchShape(NamedTuple):
    """One executed batch: its rows, its longest row, and the tokens that are not padding."""

    rows: int
    longest: int
    useful_tokens: int


@dataclass
class _Tally:
    shapes: list[BatchShape] = field(default_factory=list)
    retries: int = 0
    positions_differ: int = 0
    notes: list[str] = field(default_factory=list)


class Engine:
    """Scores conversations with one model.

    Equal token sequences are run once, sequences of similar length share a padded
    batch, and rewards come back in input order.

    Args:
        model: A sequence classifier in evaluation mode.
        encoder: How its conversations become token ids.
        head: Which logit is the reward.
        options: Device, dtype, batch size and path.

    Attributes:
        on_batch: Called after each batch with the moment it began
            (``time.perf_counter``), for timing.
        device: Where the model runs.
        capability: The path taken, and why.
    """

    def __init__(
        self,
        model: Any,
        encoder: Encoder,
        head: Head,
        options: EngineOptions,
    ) -> None:
        self.device = resolve_device(options.device)
        self.capability: Capability = choose_path(model, options.attention)
        self.model = model.to(self.device)
        self.encoder = encoder
        self.head = head
        self.options = options
        self.batch_tokens = options.batch_tokens or (4096 if self.device.type == "cpu" else 16384)
        config = model.config
        text_config = config.get_text_config() if hasattr(config, "get_text_config") else config
        self.pad_token_id: int | None = getattr(text_config, "pad_token_id", None)
        self.on_batch: Callable[[float], None] | None = None
        self._tally = _Tally()

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the base model's weights."""
        dtype: torch.dtype = next(self.model.parameters()).dtype
        return dtype

    def score(self, conversations: Sequence[Conversation]) -> ScoredBatch:
        """One reward per conversation, in input order.

        Raises:
            ScorerError: If the model fails on a batch, or memory does not suffice for
                a single sequence.
        """
        self._tally = _Tally()
        n = len(conversations)
        reward = np.full(n, np.nan)
        n_tokens = np.zeros(n, np.int64)
        truncated = np.zeros(n, np.bool_)
        known: dict[bytes, float] = {}
        with tqdm(
            total=n,
            desc="scoring",
            unit=" responses",
            file=sys.stderr,
            disable=None if self.options.progress else True,
            leave=False,
        ) as bar:
            for start, window in _windows(conversations):
                encoded = self.encoder.encode(window)
                keys = [e.key for e in encoded]
                fresh: dict[bytes, Encoded] = {}
                waiting: dict[bytes, int] = {}
                for key, row in zip(keys, encoded, strict=True):
                    if key not in known:
                        fresh.setdefault(key, row)
                        waiting[key] = waiting.get(key, 0) + 1
                bar.update(len(window) - sum(waiting.values()))
                unique = list(fresh)
                for batch, values in self._run([fresh[k] for k in unique]):
                    for i, value in zip(batch, values, strict=True):
                        known[unique[i]] = value
                        bar.update(waiting[unique[i]])
                stop = start + len(window)
                reward[start:stop] = [known[k] for k in keys]
                n_tokens[start:stop] = [len(e) for e in encoded]
                truncated[start:stop] = [e.truncated for e in encoded]
        return ScoredBatch(reward, n_tokens, truncated)

    @torch.inference_mode()
    def _run(self, rows: Sequence[Encoded]) -> Iterator[tuple[list[int], list[float]]]:
        lengths = np.array([len(r) for r in rows], np.int64)
        self._count_positions(rows)
        pending = [b.tolist() for b in plan_padded(lengths, self.batch_tokens)]
        done: list[tuple[list[int], torch.Tensor]] = []
        pending.reverse()
        while pending:
            batch = pending.pop()
            began = time.perf_counter()
            try:
                values = self._forward([rows[i] for i in batch])
            except torch.OutOfMemoryError:
                self._retry_smaller(len(batch))
                left = np.array([*batch, *(i for b in pending for i in b)], np.int64)
                again = [left[b].tolist() for b in plan_padded(lengths[left], self.batch_tokens)]
                pending = again[::-1]
                continue
            self._tally.shapes.append(
                BatchShape(len(batch), int(lengths[batch].max()), int(lengths[batch].sum()))
            )
            if self.on_batch is not None:
                self.on_batch(began)
            done.append((batch, values))
            # Reading a reward waits for the device, so it is done one batch late.
            if len(done) > 1:
                ready, tensor = done.pop(0)
                yield ready, tensor.tolist()
        for ready, tensor in done:
            yield ready, tensor.tolist()

    def _forward(self, rows: Sequence[Encoded]) -> torch.Tensor:
        try:
            return forward_padded(
                self.model,
                rows,
                capability=self.capability,
                head=self.head,
                position=self.options.position,
                pad_token_id=self.pad_token_id,
                device=self.device,
            )
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, IndexError, ValueError) as error:
            if "can't allocate memory" in str(error):
                raise torch.OutOfMemoryError(str(error)) from None
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ScorerError(
                f"the model failed on a batch of {len(rows)} sequences of up to "
                f"{max(len(r) for r in rows)} tokens: {reason}"
            ) from error

    def _retry_smaller(self, rows: int) -> None:
        self._tally.retries += 1
        if rows == 1 or self._tally.retries > _MOST_RETRIES:
            raise ScorerError(
                "out of memory on a single sequence: lower --max-length, or use another --device"
            )
        self.batch_tokens = max(1, self.batch_tokens // 2)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _count_positions(self, rows: Sequence[Encoded]) -> None:
        if self.capability.reads_last_token:
            self._tally.positions_differ += sum(
                score_index(r, self.pad_token_id, "hf") != len(r) - 1 for r in rows
            )

    @property
    def shapes(self) -> tuple[BatchShape, ...]:
        """The batches of the last call of ``score``, in the order they ran."""
        return tuple(self._tally.shapes)

    def facts(self) -> DeviceFacts:
        """The device and the threads this engine runs on."""
        return device_facts(self.device)

    def provenance(self) -> EngineProvenance:
        """How the last call of ``score`` was carried out."""
        tally = self._tally
        notes = list(tally.notes)
        if tally.positions_differ:
            other = "last" if self.options.position == "hf" else "hf"
            notes.append(
                f"in {tally.positions_differ} sequences the last token is the pad token, so "
                f"--score-position {other} would read another token than "
                f"{self.options.position}, which was used"
            )
        return EngineProvenance(
            path=self.capability.path,
            reason=self.capability.reason,
            device=str(self.device),
            dtype=str(self.dtype).removeprefix("torch."),
            max_length=self.encoder.max_length,
            batch_tokens=self.batch_tokens,
            batches=len(tally.shapes),
            executed_tokens=sum(s.rows * s.longest for s in tally.shapes),
            useful_tokens=sum(s.useful_tokens for s in tally.shapes),
            out_of_memory_retries=tally.retries,
            notes=tuple(notes),
        )


def _windows(
    conversations: Sequence[Conversation],
) -> Iterator[tuple[int, Sequence[Conversation]]]:
    """Slices of about ``_WINDOW`` conversations that never part one example."""
    start = stop = 0
    for _, items in groupby(conversations, key=lambda c: c.example_id):
        stop += sum(1 for _ in items)
        if stop - start >= _WINDOW:
            yield start, conversations[start:stop]
            start = stop
    if stop > start:
        yield start, conversations[start:stop]
