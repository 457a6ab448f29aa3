"""What a finished bulk run did, for machines and in a few lines for a person."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from tabulate import tabulate

from rmbench.result import ScorerInfo
from rmbench.result.models import SkippedReason


class BulkSummary(BaseModel):
    """The outcome of one ``rmbench score``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    out: str
    kind: Literal["preferences", "responses"]
    layout: str = Field(description="format the rows were read with")
    scorer: ScorerInfo
    source: str
    source_fingerprint: str
    rows: int = Field(description="rows written, those of an interrupted earlier run included")
    rows_kept: int = Field(description="of these, rows that an earlier run had scored")
    responses: int
    tokens: int = Field(description="tokens the scorer read, 0 where it does not tokenise")
    truncated: int = Field(description="rows with any text cut off")
    failed: int = Field(description="responses without a finite reward, null in the file")
    skipped: int = Field(description="rows of the source that could not be used")
    skipped_reasons: tuple[SkippedReason, ...] = ()
    scoring_s: float = Field(description="time this run spent scoring, in seconds")
    tokens_per_s: float | None = Field(
        description="of this run's scoring; null where nothing was scored or tokenised"
    )


def summarise(summary: BulkSummary) -> str:
    """The outcome as a small table."""
    rows = [
        ("rows", f"{summary.rows:,}"),
        ("responses", f"{summary.responses:,}"),
        ("tokens", f"{summary.tokens:,}"),
    ]
    if summary.rows_kept:
        rows.insert(1, ("rows kept", f"{summary.rows_kept:,} from an earlier run"))
    if summary.tokens_per_s is not None:
        rows.append(
            ("speed", f"{summary.tokens_per_s:,.0f} tokens/s, {summary.scoring_s:.1f} s of scoring")
        )
    rows += [
        ("truncated", f"{summary.truncated:,} rows"),
        ("skipped", f"{summary.skipped:,} rows"),
        *(("", f"{s.rows:,}: {s.reason}, first {s.first}") for s in summary.skipped_reasons),
        ("failed", f"{summary.failed:,} responses without a finite reward"),
        ("out", summary.out),
    ]
    return tabulate(rows, tablefmt="plain", disable_numparse=True)
