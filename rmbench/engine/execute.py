"""Encoded sequences to rewards: batches planned, run, and made smaller where memory ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import psutil
import torch

from rmbench.engine.attention import PACKED
from rmbench.engine.batch import Positions, fill_up, pack, score_index
from rmbench.engine.capability import Attention, Capability, choose_path
from rmbench.engine.encode import Encoded, first_position
from rmbench.engine.forward import Head, forward_packed, forward_padded
from rmbench.engine.last_layer import LastLayer
from rmbench.engine.linear import PackedLinear
from rmbench.engine.options import EngineOptions, resolve_device
from rmbench.engine.plan import Group, plan_groups, plan_packed, plan_padded
from rmbench.engine.tally import BatchShape, Tally
from rmbench.errors import ScorerError, UsageError

_MOST_RETRIES = 12

# Batches that pass the cores' own caches less often; larger ones gain nothing on a CPU.
_CPU_BATCH_TOKENS = 2048
# Enough for a small model's many short kernels to be hidden behind each other.
_CUDA_BATCH_TOKENS = 16384

Batch = tuple[Group, ...]


class Executor:
    """Runs a model over encoded sequences.

    Args:
        model: A sequence classifier in evaluation mode.
        head: Which logit is the reward.
        options: Device, batch size and path.

    Attributes:
        model: The model, on ``device``.
        device: Where it runs.
        capability: The path taken, and why.
        batch_tokens: Most tokens computed in a batch; halved when memory runs out.
        tally: What was done since it was last replaced.
        on_batch: Called after each batch with the moment it began
            (``time.perf_counter``), for timing.
    """

    def __init__(self, model: Any, head: Head, options: EngineOptions) -> None:
        self.device = resolve_device(options.device)
        self.model = model.to(self.device)
        self.tally = Tally()
        self.on_batch: Callable[[float], None] | None = None
        on_cpu = self.device.type == "cpu"
        self.batch_tokens = options.batch_tokens or (
            _CPU_BATCH_TOKENS if on_cpu else _CUDA_BATCH_TOKENS
        )
        self._head = head
        self._position = options.position
        config = model.config
        text_config = config.get_text_config() if hasattr(config, "get_text_config") else config
        self.pad_token_id: int | None = getattr(text_config, "pad_token_id", None)
        first = first_position(text_config)
        self._positions = Positions(first, self.pad_token_id if first else None)
        self._own_attention = config._attn_implementation
        self._linear = None if options.compiled or not on_cpu else _reordered_linear(self.model)
        self._compiled: Any = None
        self._wants_compiled = options.compiled
        self.take_path(options.attention)

    def take_path(self, attention: Attention) -> None:
        """Choose another path through the engine.

        Raises:
            UsageError: If the model cannot take it.
        """
        self.capability: Capability = choose_path(self.model, attention)
        packed = self.capability.path != "padded"
        wanted = PACKED if packed else self._own_attention
        if self.model.config._attn_implementation != wanted:
            self.model.set_attn_implementation(wanted)
        if self.model.config._attn_implementation != wanted:
            raise ScorerError(
                f"the model does not take the attention {wanted!r}: use --attention padded"
            )
        if self._wants_compiled and not packed:
            raise UsageError(
                f"--compile needs packed batches, which this model does not run in: "
                f"{self.capability.reason}"
            )
        cut = packed and not self._wants_compiled and self.capability.reads != "mean"
        self._last_layer = LastLayer(self.model) if cut else None
        if self._wants_compiled and self._compiled is None:
            base = getattr(self.model, self.model.base_model_prefix)
            # CUDA graphs save the launches; a CPU has none to save.
            mode = "reduce-overhead" if self.device.type == "cuda" else "default"
            self._compiled = torch.compile(base, dynamic=False, mode=mode)

    @property
    def read_rows_only(self) -> int:
        """Weights of the last layer that meet the rows the head reads, and no others."""
        return self._last_layer.parameters if self._last_layer is not None else 0

    @property
    def kernels(self) -> str:
        """What multiplies and attends, as far as it changes the last bits of a score."""
        if self._compiled is not None:
            return "compiled"
        return "oneDNN reordered" if self._linear is not None else "PyTorch"

    @torch.inference_mode()
    def run(
        self,
        rows: Sequence[Encoded],
        prompts: Sequence[Hashable],
        skip: frozenset[int] = frozenset(),
    ) -> Iterator[tuple[list[int], list[float]]]:
        """Score sequences in batches of the executor's choosing.

        The plan is made of all rows and only then are those to ``skip`` left out: so a run
        that was interrupted goes on with the very batches it had not reached, and ends
        with the same rewards to the last bit.

        Args:
            rows: The sequences, no two of them equal.
            prompts: What each sequence's prompt is known by.
            skip: Positions of rows whose reward is known.

        Yields:
            Positions into ``rows``, and their rewards.

        Raises:
            ScorerError: If the model fails, or memory does not suffice for one sequence.
        """
        self._count_positions(rows)
        pending = self._plan(range(len(rows)), rows, prompts)[::-1]
        done: list[tuple[list[int], torch.Tensor]] = []
        while pending:
            batch = _without(pending.pop(), skip, rows)
            if not batch:
                continue
            members = [i for group in batch for i in group.rows]
            began = time.perf_counter()
            try:
                values, shape = self._forward(batch, members, rows)
            except torch.OutOfMemoryError:
                self._retry_smaller(len(members))
                left = members + [i for b in pending[::-1] for g in b for i in g.rows]
                pending = self._plan(left, rows, prompts)[::-1]
                continue
            self.tally.shapes.append(shape)
            if self.on_batch is not None:
                self.on_batch(began)
            done.append((members, values))
            # Reading a reward waits for the device, so it is done one batch late.
            if len(done) > 1:
                ready, tensor = done.pop(0)
                yield ready, tensor.tolist()
        for ready, tensor in done:
            yield ready, tensor.tolist()

    def _plan(
        self, members: Sequence[int], rows: Sequence[Encoded], prompts: Sequence[Hashable]
    ) -> list[Batch]:
        """Batches of the rows at ``members``."""
        if self.capability.path == "padded":
            lengths = np.array([len(rows[i]) for i in members], np.int64)
            return [
                tuple(Group((members[i],), 0, int(lengths[i])) for i in batch)
                for batch in plan_padded(lengths, self.batch_tokens)
            ]
        groups = plan_groups(
            [rows[i].input_ids for i in members],
            [prompts[i] for i in members],
            self.batch_tokens,
            share=self.capability.path == "shared",
        )
        named = [Group(tuple(members[i] for i in g.rows), g.shared, g.tokens) for g in groups]
        return list(plan_packed(named, self.batch_tokens))

    def _forward(
        self, batch: Batch, members: Sequence[int], rows: Sequence[Encoded]
    ) -> tuple[torch.Tensor, BatchShape]:
        try:
            with self._linear.active() if self._linear is not None else nullcontext():
                if self.capability.path == "padded":
                    return self._forward_padded([rows[i] for i in members])
                return self._forward_packed(batch, rows)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, IndexError, ValueError) as error:
            if "can't allocate memory" in str(error):
                raise torch.OutOfMemoryError(str(error)) from None
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ScorerError(
                f"the model failed on a batch of {len(members)} sequences of up to "
                f"{max(len(rows[i]) for i in members)} tokens: {reason}"
            ) from error

    def _forward_padded(self, rows: Sequence[Encoded]) -> tuple[torch.Tensor, BatchShape]:
        values = forward_padded(
            self.model,
            rows,
            capability=self.capability,
            head=self._head,
            position=self._position,
            pad_token_id=self.pad_token_id,
            device=self.device,
        )
        return values, BatchShape.of_padded(len(r) for r in rows)

    def _forward_packed(
        self, batch: Batch, rows: Sequence[Encoded]
    ) -> tuple[torch.Tensor, BatchShape]:
        assert self.capability.reads is not None  # noqa: S101 - choose_path saw to it
        packed = pack(
            batch,
            rows,
            positions=self._positions,
            pad_token_id=self.pad_token_id,
            position=self._position,
        )
        if self._compiled is not None:
            packed = fill_up(packed, self.batch_tokens)
        values = forward_packed(
            self.model,
            packed,
            reads=self.capability.reads,
            head=self._head,
            device=self.device,
            compiled=self._compiled,
            last_layer=self._last_layer,
        )
        return values, BatchShape.of_packed(packed)

    def _retry_smaller(self, rows: int) -> None:
        self.tally.retries += 1
        if rows == 1 or self.tally.retries > _MOST_RETRIES:
            raise ScorerError(
                "out of memory on a single sequence: lower --max-length, or use another --device"
            )
        self.batch_tokens = max(1, self.batch_tokens // 2)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _count_positions(self, rows: Sequence[Encoded]) -> None:
        if self.capability.reads == "scored token":
            self.tally.positions_differ += sum(
                score_index(r, self.pad_token_id, "hf") != len(r) - 1 for r in rows
            )


def _reordered_linear(model: Any) -> PackedLinear | None:
    """Reordered weights, where PyTorch has them and memory holds a second copy with ease."""
    linear = PackedLinear(model)
    roomy = 2 * linear.size_bytes < psutil.virtual_memory().available
    return linear if roomy and PackedLinear.is_available() else None


def _without(batch: Batch, skip: frozenset[int], rows: Sequence[Encoded]) -> Batch:
    """The batch without the rows to skip; the plan's order stays."""
    if not any(i in skip for group in batch for i in group.rows):
        return batch
    left = []
    for group in batch:
        members = tuple(i for i in group.rows if i not in skip)
        if members:
            shared = group.shared if len(members) > 1 else 0
            tokens = sum(len(rows[i]) for i in members) - shared * (len(members) - 1)
            left.append(Group(members, shared, tokens))
    return tuple(left)
