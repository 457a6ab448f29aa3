"""What ``rmbench run`` is asked, and what it has come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rmbench.result import StoredRun
from rmbench.runner.suites import LeftOut
from rmbench.scorers.spec import RunOptions
from rmbench.types import TiePolicy

DEFAULT_OUT = Path("results/runs")


@dataclass(frozen=True)
class RunRequest:
    """What ``rmbench run`` was asked to do.

    Attributes:
        scorers: SCORER arguments.
        suites: SUITE arguments; may be empty where every scorer is a replayed file.
        data_dirs: ``--data`` arguments, in order.
        out: Folder the results are written below.
        allow_partial: Measure what is there where parts are missing.
        ties: Tie policy in place of the suite's own.
        limit: Only the first so many examples of each suite.
        skip_bad_rows: Skip and count rows that cannot be used.
        overrides: Fields of ``ScorerSpec`` for the scorers that run a model.
        options: Device, dtype, batch size, seed.
        report: Told one line at a time what is going on.
        all_checkpoints: Measure every checkpoint of the training runs that ``scorers`` name.
    """

    scorers: tuple[str, ...]
    suites: tuple[str, ...]
    data_dirs: tuple[str, ...] = ()
    out: Path = DEFAULT_OUT
    allow_partial: bool = False
    ties: TiePolicy | None = None
    limit: int | None = None
    skip_bad_rows: bool = False
    overrides: dict[str, Any] = field(default_factory=dict)
    options: RunOptions = field(default_factory=RunOptions)
    report: Callable[[str], None] = lambda line: None
    all_checkpoints: bool = False


@dataclass
class Measured:
    """What a run has come to so far, for whoever has to show it even if the rest fails.

    Attributes:
        runs: The results that are on disk.
        left_out: Suites that were asked for and not measured, for want of data.
    """

    runs: list[StoredRun] = field(default_factory=list)
    left_out: tuple[LeftOut, ...] = ()
