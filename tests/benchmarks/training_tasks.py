"""What the trainers are timed on: batches that stand for a whole set, after short ones."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.shapes import SHAPES
from benchmarks.training import WARM_UP_STEPS, TrainingTask
from benchmarks.workloads import SEED, hh_like
from rmbench.data import load_preferences
from rmbench.engine.encode import Encoder, build_encoder
from rmbench.engine.loading import load_sequence_classifier
from rmbench.train.pairs import EncodedExample, EncodedText, build_examples

PAIRS_PER_STEP = 8
DRAWN_BATCHES = 100


def drawn_batches(
    examples: Sequence[EncodedExample], n: int, *, pairs: int = PAIRS_PER_STEP
) -> list[list[EncodedExample]]:
    """Batches that stand for all of a set, where there is time for a few only.

    The time of a padded batch goes with its longest text, which varies much from batch to
    batch. So many batches are drawn, put in the order of their longest text and cut into ``n``
    parts of one size; the middle one of each part is taken, in random order.

    Args:
        examples: At least ``pairs`` times ``DRAWN_BATCHES``.
        n: How many to take.
        pairs: Pairs of a batch.
    """
    rng = random.Random(SEED)  # noqa: S311 - a sample, not a secret
    drawn = rng.sample(list(examples), pairs * DRAWN_BATCHES)
    batches = [drawn[i : i + pairs] for i in range(0, len(drawn), pairs)]
    batches.sort(key=lambda batch: max(e.longest for e in batch))
    taken = [batches[int((part + 0.5) * DRAWN_BATCHES / n)] for part in range(n)]
    rng.shuffle(taken)
    return taken


def with_warm_up(
    batches: Sequence[Sequence[EncodedExample]], examples: Sequence[EncodedExample]
) -> tuple[EncodedExample, ...]:
    """The batches, and before them the steps of the warm-up, from the shortest pairs of a set."""
    needed = WARM_UP_STEPS * len(batches[0])
    short = sorted(examples, key=lambda e: e.longest)[:needed]
    return (*short, *(e for batch in batches for e in batch))


@dataclass(frozen=True)
class Source:
    """A model and the set it is trained on.

    Attributes:
        name: Short name.
        about: For the table's heading.
        data: File of the set, below the folder of the preference sets.
        max_length: Tokens a conversation is cut to.
    """

    name: str
    about: str
    data: str
    max_length: int

    def task(
        self,
        folder: Path,
        data: Path,
        *,
        timed_steps: int,
        bf16: bool,
        pairs_per_step: int = PAIRS_PER_STEP,
    ) -> TrainingTask:
        """The model on batches that stand for the set."""
        loaded = load_sequence_classifier(str(folder))
        encoder = build_encoder(loaded.tokenizer, loaded.model.config, max_length=self.max_length)
        examples = self._examples(data, encoder)
        return TrainingTask(
            name=self.name,
            about=self.about,
            model=str(folder),
            examples=with_warm_up(
                drawn_batches(examples, timed_steps, pairs=pairs_per_step), examples
            ),
            pairs_per_step=pairs_per_step,
            bf16=bf16,
        )

    def _examples(self, data: Path, encoder: Encoder) -> list[EncodedExample]:
        # Encoding all of it would take longer than needed.
        found = list(load_preferences(str(data / self.data)))
        sample = random.Random(SEED).sample(found, 2 * PAIRS_PER_STEP * DRAWN_BATCHES)  # noqa: S311 - a sample, not a secret
        built = build_examples(sample, encoder)
        return [_untyped(e) for e in built.examples if e.pairs == 1]


SMOLLM2 = Source("smollm2", "SmolLM2-135M-Instruct on HH-RLHF train", "hh_rlhf/train.jsonl.gz", 512)
MINILM = Source("minilm", "MiniLM (22 M) on RMB train", "rmb/train.jsonl.gz", 512)


CUDA_PAIRS_PER_STEP = 32


def random_task(shape: str, *, about: str, timed_steps: int, lora_rank: int | None) -> TrainingTask:
    """A model of a real shape with random weights, on random ids of HH-RLHF's lengths."""
    workload = hh_like(SHAPES[shape].vocab_size)
    examples = [
        EncodedExample(f"e{i}", (_text(workload.rows[c]),), (_text(workload.rows[r]),))
        for i, (c, r) in enumerate(workload.pairs)
    ]
    needed = (WARM_UP_STEPS + timed_steps) * CUDA_PAIRS_PER_STEP
    repeated = [examples[i % len(examples)] for i in range(needed)]
    return TrainingTask(
        name=shape,
        about=about,
        model=shape,
        examples=tuple(repeated),
        pairs_per_step=CUDA_PAIRS_PER_STEP,
        bf16=True,
        device="cuda",
        lora_rank=lora_rank,
    )


def _untyped(example: EncodedExample) -> EncodedExample:
    """TRL gives encoders no token types, which they take for zeros: all arms get those."""

    def zeros(texts: tuple[EncodedText, ...]) -> tuple[EncodedText, ...]:
        return tuple(
            t if t.token_type_ids is None else EncodedText(t.input_ids, np.zeros(len(t), np.int8))
            for t in texts
        )

    return EncodedExample(example.id, zeros(example.chosen), zeros(example.rejected))


def _text(row: Any) -> EncodedText:
    return EncodedText(np.asarray(row.input_ids, np.int32))
