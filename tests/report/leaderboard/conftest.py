"""Stored results of several models on several suites, for boards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rmbench.metrics.base import MeasureContext
from rmbench.metrics.catalogue import ACCURACY
from rmbench.metrics.catalogue_calibration import ECE, ECE_NULL, NLL
from rmbench.metrics.measure import measure
from rmbench.result import (
    Counts,
    DataProvenance,
    Environment,
    Mistake,
    Provenance,
    Result,
    ScorerInfo,
    StoredRun,
    SuiteRef,
    write_run,
)
from rmbench.types import Scores, TiePolicy

Store = Callable[..., StoredRun]


def pair_scores(margin: NDArray[np.float64], *, cluster: int = 1, prefix: str = "e") -> Scores:
    """Pairs with these margins; ``cluster`` neighbours share a prompt."""
    n = len(margin)
    ids = np.repeat(np.array([f"{prefix}{i}" for i in range(n)]), 2)
    groups = np.repeat(np.array([f"g{i // cluster}" for i in range(n)]), 2)
    first = np.tile([True, False], n)
    return Scores(
        example_id=ids,
        subset=np.repeat(np.array(["chat", "code", "math"])[np.arange(n) % 3], 2),
        group=groups,
        preference=np.ones(2 * n),
        response_index=np.tile(np.array([0, 1]), n),
        is_chosen=first,
        reward=np.stack([margin, np.zeros(n)], axis=1).ravel(),
        n_tokens=np.full(2 * n, 5),
        n_chars=np.where(first, 30, 20).astype(np.int64),
        truncated=np.zeros(2 * n, dtype=np.bool_),
    )


def margins(accuracy: float, n: int, seed: int, *, items: int = 0) -> NDArray[np.float64]:
    """Margins of a model; models with the same ``items`` find the same pairs hard."""
    common = np.random.default_rng(items).normal(size=n)
    own = np.random.default_rng(10_000 + seed).normal(size=n)
    latent = 0.8 * common + 0.6 * own
    level = np.quantile(latent, 1 - accuracy)
    found: NDArray[np.float64] = 2 * (latent - level)
    return found


def store_pairs(
    out: Path,
    name: str,
    margin: NDArray[np.float64],
    *,
    suite: str = "pairs",
    digest: str = "a" * 64,
    version: str = "1",
    blind: bool = False,
    ties: TiePolicy = "half",
    fingerprint: str | None = None,
    created_at: str = "2031-02-03T04:05:06+00:00",
    cluster: int = 1,
    prefix: str = "e",
    mistakes: Sequence[Mistake] = (),
    title: str = "",
    spec: str | None = None,
    **more: Any,
) -> StoredRun:
    """Measure these margins as a suite would and store the result."""
    scores = pair_scores(margin, cluster=cluster, prefix=prefix)
    context = MeasureContext(ties=ties, margins_are_logits=not blind)
    estimates = measure([ACCURACY, NLL, ECE, ECE_NULL], scores, context)
    n = len(margin)
    result = Result(
        **{
            "suite": SuiteRef(
                name=suite, version=version, digest=digest, title=title or suite.title(),
                headline="accuracy",
            ),
            "scorer": ScorerInfo(
                spec=spec or f"hf:{name}", kind="length" if blind else "hf", name=name,
                margins_are_logits=not blind, content_blind=blind,
            ),
            "counts": Counts(
                examples=n, responses=2 * n, unique_responses=2 * n, ties=0, truncated=0, failed=0
            ),
            "estimates": tuple(estimates),
            "provenance": Provenance(
                rmbench_version="0.1.0", created_at=created_at, duration_s=1.0, seed=0,
                policy={"ties": ties},
                data=DataProvenance(
                    name=suite, source="/data/x", revision=None,
                    fingerprint=fingerprint or f"{suite}{n}".ljust(64, "0"), layout="normalised",
                ),
                environment=Environment(python="3.11", platform="Linux", cpu="CPU", threads=2),
            ),
            **more,
        }
    )  # fmt: skip
    return write_run(out, result, scores, mistakes)


@pytest.fixture(scope="session")
def store() -> Store:
    """``store(out, name, margins, suite=..., ...)`` writes one result."""
    return store_pairs


def some_mistakes(name: str, n: int) -> list[Mistake]:
    return [
        Mistake(
            example_id=f"e{i}", subset="chat",
            prompt=({"role": "user", "content": f"Question {i} put to {name}"},),
            chosen=f"Right answer {i}", rejected=f"Wrong answer {i}",
            reward_chosen=-float(n - i), reward_rejected=1.0, margin=-float(n - i) - 1,
        )
        for i in range(n)
    ]  # fmt: skip


@pytest.fixture(scope="session")
def board_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four models and two baselines on three suites; one model lacks a suite, one is partial."""
    out = tmp_path_factory.mktemp("board")
    strengths = {"alpha-rm": 0.86, "beta-rm": 0.84, "gamma-rm": 0.7, "delta-rm": 0.55}
    for s, suite in enumerate(("arena", "bench", "chat")):
        for m, (name, accuracy) in enumerate(strengths.items()):
            if name == "delta-rm" and suite == "chat":
                continue
            partial = name == "gamma-rm" and suite == "chat"
            margin = margins(accuracy - 0.03 * s, 300, 10 * s + m, items=s)
            more: dict[str, Any] = {}
            if partial:
                margin = margin[:100]
                more = {"partial": True, "missing": ("the rest",)}
            store_pairs(
                out, name, margin, suite=suite, digest=suite[0] * 64,
                mistakes=some_mistakes(name, 12 if suite == "arena" else 0),
                created_at=f"2031-02-{3 + m:02d}T04:05:06+00:00", **more,
            )  # fmt: skip
        for b, name in enumerate(("length", "random")):
            accuracy = 0.58 if name == "length" else 0.5
            store_pairs(
                out, name, margins(accuracy, 300, 50 + 10 * s + b, items=90 + s),
                suite=suite, digest=suite[0] * 64, blind=True, spec=f"{name}:",
            )  # fmt: skip
    return out
