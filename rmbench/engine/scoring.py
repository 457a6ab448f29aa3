"""The engine: many conversations to rewards, in input order."""

from __future__ import annotations

import json
import sys
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import groupby
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from tqdm import tqdm

from rmbench.engine.cache import BoundCache, ScoreCache, ScoreContext
from rmbench.engine.capability import Capability
from rmbench.engine.device import DeviceFacts, device_facts
from rmbench.engine.encode import Encoded, Encoder
from rmbench.engine.execute import Executor
from rmbench.engine.forward import Head
from rmbench.engine.options import EngineOptions
from rmbench.engine.tally import BatchShape, Tally
from rmbench.errors import ScorerError
from rmbench.result import EngineProvenance
from rmbench.types import Conversation, ScoredBatch

ENGINE_VERSION = "2"
"""Raised when the same inputs may get other scores than before; cached ones are then not used."""

# Encoded ids of this many conversations, or of texts of this many characters, are held at
# once: enough to sort by length well, little enough that a million rows do not fill the
# memory.
_WINDOW = 8192
_WINDOW_CHARS = 8_000_000


class Engine:
    """Scores conversations with one model.

    Equal token sequences are run once, a prompt that several responses share is computed
    once where the model allows it, nothing is padded where it allows that, and rewards come
    back in input order.

    Args:
        model: A sequence classifier in evaluation mode.
        encoder: How its conversations become token ids.
        head: Which logit is the reward.
        options: Device, dtype, batch size and path.
        cache: Where rewards are kept between runs; needs ``weights``.
        weights: Digest of the model's weights, what cached rewards are known by.

    Attributes:
        executor: What runs the batches.
        cache: See above; ``None`` for no cache.
    """

    def __init__(
        self,
        model: Any,
        encoder: Encoder,
        head: Head,
        options: EngineOptions,
        *,
        cache: ScoreCache | None = None,
        weights: str = "",
    ) -> None:
        if cache is not None and not weights:
            raise ValueError("a cache needs the digest of the weights")
        self.executor = Executor(model, head, options)
        self.encoder = encoder
        self.head = head
        self.options = options
        self.cache = cache
        self._weights = weights

    @property
    def model(self) -> Any:
        """The model, on its device."""
        return self.executor.model

    @property
    def device(self) -> torch.device:
        """Where the model runs."""
        return self.executor.device

    @property
    def capability(self) -> Capability:
        """The path taken, and why."""
        return self.executor.capability

    @property
    def batch_tokens(self) -> int:
        """Most tokens computed in a batch; less than asked for once memory ran out."""
        return self.executor.batch_tokens

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
        self.executor.tally = Tally()
        n = len(conversations)
        reward = np.full(n, np.nan)
        n_tokens = np.zeros(n, np.int64)
        truncated = np.zeros(n, np.bool_)
        known: dict[bytes, float] = {}
        with self._progress(n) as bar:
            for start, window in _windows(conversations):
                encoded = self.encoder.encode(window)
                stop = start + len(window)
                reward[start:stop] = self._score_window(
                    encoded, [c.prompt for c in window], known, bar
                )
                n_tokens[start:stop] = [len(e) for e in encoded]
                truncated[start:stop] = [e.truncated for e in encoded]
        return ScoredBatch(reward, n_tokens, truncated)

    def score_rows(
        self, rows: Sequence[Encoded], prompts: Sequence[Hashable]
    ) -> NDArray[np.float64]:
        """One reward per encoded sequence, in input order.

        Args:
            rows: The sequences; all their token ids are held at once.
            prompts: What each sequence's prompt is known by; sequences with equal entries
                may share its computation.

        Returns:
            float64, shape (len(rows),).

        Raises:
            ScorerError: As ``score``.
        """
        self.executor.tally = Tally()
        with self._progress(len(rows)) as bar:
            return np.array(self._score_window(rows, prompts, {}, bar), np.float64)

    @contextmanager
    def _progress(self, total: int) -> Iterator[Any]:
        with tqdm(
            total=total,
            desc="scoring",
            unit=" responses",
            file=sys.stderr,
            disable=None if self.options.progress else True,
            leave=False,
        ) as bar:
            yield bar

    def _score_window(
        self,
        rows: Sequence[Encoded],
        prompts: Sequence[Hashable],
        known: dict[bytes, float],
        bar: Any,
    ) -> list[float]:
        """Rewards of sequences held at once; what is new is added to ``known``."""
        self._refuse_too_long(rows)
        keys = [r.key for r in rows]
        first: dict[bytes, int] = {}
        waiting: dict[bytes, int] = {}
        for i, key in enumerate(keys):
            if key not in known:
                first.setdefault(key, i)
                waiting[key] = waiting.get(key, 0) + 1
        bar.update(len(rows) - sum(waiting.values()))
        unique = list(first)
        at = list(first.values())
        self.executor.tally.unique += len(unique)
        cache = self._bound_cache()
        cached = cache.get(unique) if cache is not None else {}
        self.executor.tally.from_cache += len(cached)
        known.update(cached)
        bar.update(sum(waiting[key] for key in cached))
        scored = self.executor.run(
            [rows[i] for i in at],
            [prompts[i] for i in at],
            frozenset(i for i, key in enumerate(unique) if key in cached),
        )
        for batch, values in scored:
            rewards = {unique[i]: value for i, value in zip(batch, values, strict=True)}
            known.update(rewards)
            if cache is not None:
                cache.put(rewards)
            bar.update(sum(waiting[key] for key in rewards))
        return [known[key] for key in keys]

    def _refuse_too_long(self, rows: Sequence[Encoded]) -> None:
        limit = self.capability.longest
        longest = max((len(r) for r in rows), default=0)
        if limit is not None and longest > limit:
            raise ScorerError(
                f"a sequence has {longest} tokens, more than the {limit} positions of this model, "
                "whose dynamic rotary frequencies would then depend on what it scored before: "
                f"cut at {limit} tokens"
            )

    def _bound_cache(self) -> BoundCache | None:
        if self.cache is None:
            return None
        template = {k: v for k, v in self.encoder.record.items() if k != "max_length"}
        return self.cache.bound(
            ScoreContext(
                weights=self._weights,
                head=str(self.head),
                score_position=self.options.position,
                template=sha256(json.dumps(template, sort_keys=True).encode()).hexdigest(),
                dtype=str(self.dtype),
                attention=f"{self.capability.path}, {self.executor.kernels}",
                device=self.device.type,
                engine=f"{ENGINE_VERSION}, torch {torch.__version__}, "
                f"transformers {transformers.__version__}",
            )
        )

    @property
    def shapes(self) -> tuple[BatchShape, ...]:
        """The batches of the last call of ``score``, in the order they ran."""
        return tuple(self.executor.tally.shapes)

    def facts(self) -> DeviceFacts:
        """The device and the threads this engine runs on."""
        return device_facts(self.device)

    def provenance(self) -> EngineProvenance:
        """How the last call of ``score`` was carried out."""
        tally = self.executor.tally
        notes = []
        if tally.positions_differ:
            other = "last" if self.options.position == "hf" else "hf"
            notes.append(
                f"in {tally.positions_differ} sequences the last token is the pad token, so "
                f"--score-position {other} would read another token than "
                f"{self.options.position}, which was used"
            )
        if tally.retries:
            notes.append(
                f"memory ran out {tally.retries} times; batches were made smaller, down to "
                f"{self.batch_tokens} tokens"
            )
        return EngineProvenance(
            path=self.capability.path,
            reason=self.capability.reason,
            device=str(self.device),
            dtype=str(self.dtype).removeprefix("torch."),
            kernels=self.executor.kernels,
            max_length=self.encoder.max_length,
            batch_tokens=self.batch_tokens,
            batches=len(tally.shapes),
            unique_sequences=tally.unique,
            cached_sequences=tally.from_cache,
            executed_tokens=sum(s.tokens for s in tally.shapes),
            useful_tokens=sum(s.useful_tokens for s in tally.shapes),
            padding_tokens=sum(s.padding_tokens for s in tally.shapes),
            out_of_memory_retries=tally.retries,
            notes=tuple(notes),
        )


def _windows(
    conversations: Sequence[Conversation],
) -> Iterator[tuple[int, Sequence[Conversation]]]:
    """Slices that are not too large to be held encoded, and never part one example."""
    start = stop = chars = 0
    for _, items in groupby(conversations, key=lambda c: c.example_id):
        for c in items:
            stop += 1
            chars += len(c.response) + sum(len(m.content) for m in c.prompt)
        if stop - start >= _WINDOW or chars >= _WINDOW_CHARS:
            yield start, conversations[start:stop]
            start, chars = stop, 0
    if stop > start:
        yield start, conversations[start:stop]
