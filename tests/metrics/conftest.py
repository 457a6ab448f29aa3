"""A builder of scores by hand, and a reader of the score files that real models left."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from rmbench.types import Scores

Pair = tuple[Sequence[float], Sequence[float]]


def _build(
    examples: Sequence[Pair],
    *,
    ids: Sequence[str] | None = None,
    subset: Sequence[str] | None = None,
    group: Sequence[str] | None = None,
    preference: Sequence[float] | None = None,
    chars: Sequence[tuple[Sequence[int], Sequence[int]]] | None = None,
    truncated: Sequence[bool] | None = None,
    markdown: Sequence[Sequence[tuple[int, int, int]]] | None = None,
) -> Scores:
    n = len(examples)
    ids = [f"e{i}" for i in range(n)] if ids is None else ids
    subset = ["all"] * n if subset is None else subset
    group = [""] * n if group is None else group
    preference = [1.0] * n if preference is None else preference
    truncated = [False] * n if truncated is None else truncated
    sizes = [len(c) + len(r) for c, r in examples]
    lengths = [0] * sum(sizes) if chars is None else [k for c, r in chars for k in (*c, *r)]
    counts: dict[str, np.ndarray] = {}
    if markdown is not None:
        rows = np.array([count for example in markdown for count in example], dtype=np.int64)
        counts = dict(zip(("n_headers", "n_list_items", "n_bold"), rows.T, strict=True))
    return Scores(
        **counts,
        example_id=np.repeat(np.array(ids, dtype=np.str_), sizes),
        subset=np.repeat(np.array(subset, dtype=np.str_), sizes),
        group=np.repeat(np.array(group, dtype=np.str_), sizes),
        preference=np.repeat(np.array(preference, dtype=np.float64), sizes),
        response_index=np.array([i for s in sizes for i in range(s)], dtype=np.int64),
        is_chosen=np.array(
            [i < len(c) for c, r in examples for i in range(len(c) + len(r))], dtype=np.bool_
        ),
        reward=np.array([x for c, r in examples for x in (*c, *r)], dtype=np.float64),
        n_tokens=np.zeros(sum(sizes), dtype=np.int64),
        n_chars=np.array(lengths, dtype=np.int64),
        truncated=np.repeat(np.array(truncated, dtype=np.bool_), sizes),
    )


@pytest.fixture(scope="session")
def build() -> Callable[..., Scores]:
    """``build([((chosen rewards), (rejected rewards)), ...], ...) -> Scores``."""
    return _build


@pytest.fixture(scope="session")
def from_margins() -> Callable[..., Scores]:
    """``from_margins(margins, ...) -> Scores`` of one pair per margin."""

    def make(margins: Sequence[float], **given: object) -> Scores:
        return _build([((float(m),), (0.0,)) for m in margins], **given)

    return make


@pytest.fixture(scope="session")
def read_scores() -> Callable[..., Scores]:
    """``read_scores(path, subset_of=...) -> Scores`` of a file of replayed rewards.

    Rewards that are lists of samples are averaged, missing samples left out.
    """

    def one(value: float | list[float | None]) -> float:
        if not isinstance(value, list):
            return value
        kept = [x for x in value if x is not None]
        return sum(kept) / len(kept)

    def read(path: Path, subset_of: Callable[[dict[str, str]], str] | None = None) -> Scores:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        return _build(
            [
                ([one(x) for x in r["scores_chosen"]], [one(x) for x in r["scores_rejected"]])
                for r in rows
            ],
            # RewardBench 2 numbers some examples of different subsets alike.
            ids=[f"{r.get('subset', '')}/{r['id']}" for r in rows],
            subset=[subset_of(r) if subset_of else r.get("subset", "all") for r in rows],
        )

    return read


@pytest.fixture(scope="session")
def hand_margins() -> np.ndarray:
    """Eight margins whose statistics were worked out by hand."""
    return np.array([2.0, 1.0, 0.5, -0.5, 3.0, -1.0, 0.0, 1.5])
