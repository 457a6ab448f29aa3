"""What is scored: fixed samples of real preferences, and made-up rows where there are no texts."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from rmbench.data import load_preferences, load_suite_data
from rmbench.engine.encode import Encoded, Encoder
from rmbench.engine.plan import plan_groups
from rmbench.resources import builtin_suites
from rmbench.spec import PreferenceSuite, load_suite
from rmbench.types import Conversation, PreferenceExample, conversations

SMALL = os.environ.get("RMBENCH_BENCH_SMALL") == "1"
"""Whether only to see that everything runs: samples too small to time."""

T = TypeVar("T")

SEED = 0
DECODER_MAX_LENGTH = 1024
ENCODER_MAX_LENGTH = 512

HH_PAIRS = 2 if SMALL else 24
RM_BENCH_PROMPTS = 1 if SMALL else 4
BEST_OF_N_ROWS = 1 if SMALL else 6
ENCODER_PAIRS = 2 if SMALL else 32
CUDA_PAIRS = 4 if SMALL else 256
CUDA_PROMPTS = 2 if SMALL else 64


@dataclass(frozen=True)
class Workload:
    """Responses to score.

    Attributes:
        name: Short name.
        about: What it is, for the table's heading.
        rows: Each response as token ids, its prompt before it.
        prompts: What each response's prompt is known by; responses to one are neighbours.
        pairs: Positions of a chosen and a rejected response each, for peers that score
            pairs; every response is in one at least.
        conversations: The responses as texts; empty where they are made up.
    """

    name: str
    about: str
    rows: tuple[Encoded, ...]
    prompts: tuple[Hashable, ...]
    pairs: tuple[tuple[int, int], ...]
    conversations: tuple[Conversation, ...] = ()

    @property
    def tokens(self) -> int:
        """Tokens of all sequences, a prompt counted for every response to it."""
        return sum(len(r) for r in self.rows)

    @property
    def unshared_tokens(self) -> int:
        """Tokens left when every prompt is counted once."""
        groups = plan_groups([r.input_ids for r in self.rows], self.prompts, self.tokens)
        return sum(g.tokens for g in groups)

    def take(self, prompts: Iterable[Hashable]) -> Workload:
        """The responses to some of the prompts, in the order of ``prompts``."""
        old = [i for wanted in prompts for i, p in enumerate(self.prompts) if p == wanted]
        new = {i: position for position, i in enumerate(old)}
        return Workload(
            name=self.name,
            about=self.about,
            rows=tuple(self.rows[i] for i in old),
            prompts=tuple(self.prompts[i] for i in old),
            pairs=tuple(sorted((new[c], new[r]) for c, r in self.pairs if c in new)),
            conversations=tuple(self.conversations[i] for i in old) if self.conversations else (),
        )

    @property
    def distinct_prompts(self) -> list[Hashable]:
        """The prompts, each once, in order."""
        return list(dict.fromkeys(self.prompts))

    @property
    def in_one_pair_each(self) -> bool:
        """Whether no response is in two pairs."""
        return 2 * len(self.pairs) == len(self.rows)


def hh_rlhf(data: Path, encoder: Encoder) -> Workload:
    """Pairs of multi-turn dialogues: short responses to longer prompts."""
    examples = _sample(load_preferences(str(data / "hh_rlhf/heldout.jsonl.gz")), HH_PAIRS)
    return _workload("hh-rlhf", "HH-RLHF held-out, 1 chosen and 1 rejected", examples, encoder)


def rm_bench(data: Path, encoder: Encoder) -> Workload:
    """Six responses to each short prompt; pairs as the publisher's own script forms them."""
    suite = load_suite(builtin_suites()["rm-bench"])
    assert isinstance(suite, PreferenceSuite)
    found = load_suite_data(suite.data, "rm-bench", [data / "native"], allow_partial=True)
    chat = _one_per_group(e for e in found if e.subset == "chat")
    examples = _sample(chat, RM_BENCH_PROMPTS)
    workload = _workload("rm-bench", "RM-Bench chat, 3 chosen and 3 rejected", examples, encoder)
    # The first chosen of every prompt with the first rejected, then the second, the third.
    matched = tuple((6 * i + k, 6 * i + 3 + k) for k in range(3) for i in range(len(examples)))
    return Workload(workload.name, workload.about, workload.rows, workload.prompts, matched)


def best_of_n(data: Path, encoder: Encoder) -> Workload:
    """One chosen and several rejected responses; some conversations are cut to the length."""
    found = load_preferences(str(data / "rmb/bon_heldout.jsonl.gz"))
    examples = _sample(_one_per_group(found), BEST_OF_N_ROWS)
    return _workload(
        "rmb-best-of-n", "RMB best-of-N held-out, 1 chosen and 2 to 6 rejected", examples, encoder
    )


def rmb_pairs(data: Path, encoder: Encoder) -> Workload:
    """Pairs that all differ, for encoders."""
    found = load_preferences(str(data / "rmb/heldout.jsonl.gz"))
    examples = _sample(_one_per_group(_fitting(found, encoder)), ENCODER_PAIRS)
    return _workload(
        "rmb-pairs", "RMB held-out pairs of at most 512 tokens, all different", examples, encoder
    )


def rmb_duplicates(data: Path, encoder: Encoder) -> Workload:
    """Pairs as they stand in RMB, which shows the same response in several of them."""
    found = _fitting(load_preferences(str(data / "rmb/heldout.jsonl.gz")), encoder)
    by_group: dict[str, list[PreferenceExample]] = {}
    for e in found:
        by_group.setdefault(e.group, []).append(e)
    examples: list[PreferenceExample] = []
    for group in _sample(sorted(by_group), len(by_group)):
        if len(examples) >= ENCODER_PAIRS:
            break
        examples.extend(by_group[group])
    return _workload(
        "rmb-duplicates",
        "RMB held-out pairs of at most 512 tokens, whole prompts with their repeated responses",
        examples[:ENCODER_PAIRS],
        encoder,
        distinct=False,
    )


WORKLOADS: dict[str, Callable[[Path, Encoder], Workload]] = {
    "hh-rlhf": hh_rlhf,
    "rm-bench": rm_bench,
    "rmb-best-of-n": best_of_n,
    "rmb-pairs": rmb_pairs,
    "rmb-duplicates": rmb_duplicates,
}


def hh_like(vocabulary: int) -> Workload:
    """Random ids, lengths distributed as in HH-RLHF's held-out pairs.

    Log-normal, with the mean and standard deviation of the logarithms of SmolLM2's token
    counts: prompts 4.80 and 0.73, responses 3.57 and 0.88.
    """
    rng = np.random.default_rng(SEED)
    prompts = _lengths(rng.normal(4.80, 0.73, CUDA_PAIRS))
    responses = _lengths(rng.normal(3.57, 0.88, (CUDA_PAIRS, 2)))
    return _random_rows(
        "hh-like", f"{CUDA_PAIRS} random pairs, HH-RLHF's lengths", prompts, responses, vocabulary
    )


def rm_bench_like(vocabulary: int) -> Workload:
    """Random ids, lengths distributed as in RM-Bench's chat file.

    Log-normal as above: prompts 4.05 and 0.38; of three responses a side one is concise
    (3.9 and 0.3), two are detailed (6.1 and 0.15).
    """
    rng = np.random.default_rng(SEED)
    prompts = _lengths(rng.normal(4.05, 0.38, CUDA_PROMPTS))
    mean = np.array([3.9, 6.1, 6.1, 3.9, 6.1, 6.1])
    std = np.array([0.3, 0.15, 0.15, 0.3, 0.15, 0.15])
    responses = _lengths(rng.normal(mean, std, (CUDA_PROMPTS, 6)))
    return _random_rows(
        "rm-bench-like",
        f"{CUDA_PROMPTS} random prompts with 6 responses, RM-Bench's lengths",
        prompts,
        responses,
        vocabulary,
    )


CUDA_WORKLOADS = {"hh-like": hh_like, "rm-bench-like": rm_bench_like}


def _workload(
    name: str,
    about: str,
    examples: Sequence[PreferenceExample],
    encoder: Encoder,
    *,
    distinct: bool = True,
) -> Workload:
    items = conversations(examples)
    rows = encoder.encode(items)
    if distinct and len({r.key for r in rows}) < len(rows):
        raise ValueError(f"{name}: responses repeat, so skipping repeats would count as speed")
    pairs: list[tuple[int, int]] = []
    start = 0
    for e in examples:
        chosen = range(start, start + len(e.chosen))
        rejected = range(chosen.stop, chosen.stop + len(e.rejected))
        pairs.extend((c, r) for c in chosen for r in rejected)
        start = rejected.stop
    prompts = tuple(c.example_id for c in items)
    return Workload(name, about, tuple(rows), prompts, tuple(pairs), tuple(items))


def _sample(items: Iterable[T], n: int) -> list[T]:
    return random.Random(SEED).sample(list(items), n)  # noqa: S311 - a sample, not a secret


def _one_per_group(examples: Iterable[PreferenceExample]) -> list[PreferenceExample]:
    first: dict[str, PreferenceExample] = {}
    for e in examples:
        if len(set(e.responses)) == len(e.responses):
            first.setdefault(e.group, e)
    return list(first.values())


def _fitting(examples: Iterable[PreferenceExample], encoder: Encoder) -> list[PreferenceExample]:
    """Examples no response of which has to be cut: peers would cut it elsewhere."""
    items = list(examples)
    cut = {
        c.example_id
        for c, row in zip(conversations(items), encoder.encode(conversations(items)), strict=True)
        if row.truncated
    }
    return [e for e in items if e.id not in cut]


def _lengths(log_lengths: np.ndarray) -> np.ndarray:
    # 8,192 positions are enough for every prompt with its response.
    return np.clip(np.exp(log_lengths), 4, 4000).astype(np.int64)


def _random_rows(
    name: str, about: str, prompts: np.ndarray, responses: np.ndarray, vocabulary: int
) -> Workload:
    rng = np.random.default_rng(SEED)
    rows: list[Encoded] = []
    known_by: list[int] = []
    pairs: list[tuple[int, int]] = []
    sides = responses.shape[1] // 2

    def ids(n: int) -> tuple[int, ...]:
        return tuple(rng.integers(16, vocabulary, n).tolist())  # none of the special tokens

    for i, (prompt_length, lengths) in enumerate(zip(prompts, responses, strict=True)):
        prompt = ids(int(prompt_length))
        first = len(rows)
        rows.extend(Encoded(prompt + ids(int(n))) for n in lengths)
        known_by.extend([i] * len(lengths))
        pairs.extend((first + k, first + sides + k) for k in range(sides))
    return Workload(name, about, tuple(rows), tuple(known_by), tuple(pairs))
