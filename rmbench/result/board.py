"""What a leaderboard is written down as."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rmbench.result.models import Checkpoint, _Record

BOARD_SCHEMA_VERSION: Literal[1] = 1
"""Version of the leaderboard file's layout."""


class BoardModel(_Record):
    """One row: a scorer that has at least one result."""

    key: str = Field(description="unique on the board")
    name: str = Field(description="unique on the board; for reading")
    kind: str
    spec: str
    revision: str | None
    dtypes: tuple[str, ...] = Field(description="of its results; empty where no model was run")
    margins_are_logits: bool
    content_blind: bool = Field(description="a baseline, which has no rank")
    checkpoint: Checkpoint | None = None


class BoardSuite(_Record):
    """One column: results that were measured alike and can be ranked together."""

    key: str = Field(description="unique on the board")
    label: str = Field(description="the suite's name, with what sets it apart from namesakes")
    name: str
    version: str
    digest: str
    title: str
    metric: str = Field(description="whose values stand in the column")
    unit: str
    ties: str
    modified: tuple[str, ...] = ()
    fingerprint: str | None = Field(description="of the data that the ranked results share")
    n_examples: int = Field(ge=0, description="examples that all ranked results share")
    n_clusters: int = Field(ge=0, description="clusters that the metric rests on")
    n_ranked: int = Field(ge=0)
    reason: str | None = Field(default=None, description="why nothing is ranked")
    best_baseline: str | None = Field(default=None, description="key of the best baseline")
    older_than: str | None = Field(
        default=None, description="version of the same suite that newer results were measured on"
    )
    notes: tuple[str, ...] = ()


class BoardCell(_Record):
    """One model on one suite; a cell that is not there was never measured."""

    model: str
    suite: str
    path: str = Field(description="folder of the result, relative to the board's")
    value: float | None
    reason: str | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    n: int = Field(ge=0)
    partial: bool
    missing: tuple[str, ...] = ()
    flags: tuple[str, ...] = Field(default=(), description="why the number is to be read with care")
    rank: int | None = Field(default=None, description="1 + the number of better models")
    rank_low: int | None = Field(default=None, description="best rank of the 95 % interval")
    rank_high: int | None = Field(default=None, description="worst rank of the 95 % interval")
    set_p: float | None = Field(default=None, description="p in the model confidence set")
    in_best_set: bool | None = Field(
        default=None, description="whether it cannot be told apart from the best, at 10 %"
    )
    above_baseline: bool | None = Field(
        default=None, description="whether the best baseline is surely worse, two-sided at 5 %"
    )
    created_at: str
    days_behind: int = Field(ge=0, description="whole days before the newest result of the board")
    rmbench_version: str
    revision: str | None
    dtype: str | None


class BoardMean(_Record):
    """One model's mean over the suites that all models of the mean have."""

    model: str
    value: float
    ci_low: float | None
    ci_high: float | None
    rank: int | None = Field(description="None for a content-blind baseline")
    rank_low: int | None
    rank_high: int | None
    in_best_set: bool | None


class BoardCost(_Record):
    """What one model costs on one device."""

    model: str
    suite: str
    path: str
    device: str
    dtype: str | None
    pairs_per_s: float | None = None
    tokens_per_s: float | None = None
    peak_memory_bytes: float | None = None
    created_at: str


class LeftOut(_Record):
    """A result that stands in no column."""

    path: str
    model: str
    suite: str
    reason: str


class Board(_Record):
    """A whole leaderboard."""

    schema_version: Literal[1] = BOARD_SCHEMA_VERSION
    models: tuple[BoardModel, ...] = Field(description="in the order of the board")
    order: str = Field(description="what the order of the models is by")
    suites: tuple[BoardSuite, ...]
    cells: tuple[BoardCell, ...]
    mean_suites: tuple[str, ...] = Field(
        default=(), description="keys of the suites that the means are over"
    )
    mean_reason: str | None = Field(default=None, description="why there is no mean")
    means: tuple[BoardMean, ...] = ()
    costs: tuple[BoardCost, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    draws: int = Field(description="bootstrap resamples behind rank intervals and sets")
    seed: int
