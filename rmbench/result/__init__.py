"""Result records: the typed models, and how they are kept on disk."""

from rmbench.result.models import (
    SCHEMA_VERSION,
    Checkpoint,
    Counts,
    DataProvenance,
    EngineProvenance,
    Environment,
    Estimate,
    Mistake,
    Provenance,
    Result,
    ScorerInfo,
    SuiteRef,
)
from rmbench.result.store import (
    StoredRun,
    find_runs,
    read_run,
    read_scores,
    result_schema,
    scorer_slug,
    write_run,
)

__all__ = [
    "SCHEMA_VERSION",
    "Checkpoint",
    "Counts",
    "DataProvenance",
    "EngineProvenance",
    "Environment",
    "Estimate",
    "Mistake",
    "Provenance",
    "Result",
    "ScorerInfo",
    "StoredRun",
    "SuiteRef",
    "find_runs",
    "read_run",
    "read_scores",
    "result_schema",
    "scorer_slug",
    "write_run",
]
