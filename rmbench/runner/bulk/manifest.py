"""What a run has to have in common with the one whose parts it takes over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rmbench import __version__
from rmbench.data.identity import SourceIdentity
from rmbench.result import ScorerInfo
from rmbench.runner.bulk.tables import Tally
from rmbench.runner.capabilities import RunsModel
from rmbench.spec import ScorerSpec
from rmbench.types import Scorer

_VALUE_CHARS = 100


class Manifest(BaseModel):
    """Everything that decides which rewards stand in which part.

    What can only change the speed is left out, and so is whether bad rows are skipped: the
    first bad row ends a run that does not skip, so no part that was finished has met one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rmbench_version: str
    scorer: ScorerInfo
    engine: dict[str, str] | None = Field(
        description="path, kind of device and dtype, where a model is run"
    )
    model_files: str | None = Field(
        description="digest of names, sizes and times of a local model's files"
    )
    source: str
    source_fingerprint: str
    limit: int | None
    chunk_responses: int

    @classmethod
    def of(
        cls,
        spec: ScorerSpec,
        scorer: Scorer,
        identity: SourceIdentity,
        *,
        limit: int | None,
        chunk_responses: int,
    ) -> Manifest:
        """The manifest of a run that is about to begin."""
        engine = None
        if isinstance(scorer, RunsModel):
            ran = scorer.provenance()
            engine = {
                "path": ran.path,
                "device": ran.device.partition(":")[0],
                "dtype": ran.dtype,
            }
        return cls(
            rmbench_version=__version__,
            scorer=scorer.info,
            engine=engine,
            model_files=_model_files(spec),
            source=identity.source,
            source_fingerprint=identity.fingerprint,
            limit=limit,
            chunk_responses=chunk_responses,
        )

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """Where an earlier manifest, as it was read from its file, says something else."""
        then, now = _flat(other), _flat(self.model_dump(mode="json"))
        return [
            f"{key} was {_shown(then.get(key))}, is {_shown(now.get(key))}"
            for key in dict.fromkeys([*now, *then])
            if then.get(key) != now.get(key)
        ]

    def describes(self, metadata: Mapping[bytes, bytes]) -> bool:
        """Whether a finished file of this metadata came from such a run."""
        return all(metadata.get(key) == value for key, value in self._metadata().items())

    def file_metadata(self, counts: Tally, skipped: int) -> dict[bytes, bytes]:
        """Key-value metadata of the finished file; the same for the same rows and rewards."""
        body = asdict(counts) | {"skipped": skipped}
        return self._metadata() | {b"rmbench.counts": json.dumps(body).encode()}

    def _metadata(self) -> dict[bytes, bytes]:
        return {
            b"rmbench.version": self.rmbench_version.encode(),
            b"rmbench.scorer": self.scorer.model_dump_json().encode(),
            b"rmbench.engine": json.dumps(self.engine).encode(),
            b"rmbench.source": self.source.encode("utf-8", "surrogateescape"),
            b"rmbench.source_fingerprint": self.source_fingerprint.encode(),
            b"rmbench.limit": json.dumps(self.limit).encode(),
        }


def _model_files(spec: ScorerSpec) -> str | None:
    """A folder keeps its name when a newer checkpoint is written into it."""
    folder = Path(spec.target).expanduser()
    if spec.kind != "hf" or not folder.is_dir():
        return None
    files = sorted(path for path in folder.iterdir() if path.is_file())
    facts = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    return sha256(json.dumps(facts).encode()).hexdigest()


def _flat(body: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as one, keys joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in body.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    # Two long paths are told apart by their ends.
    return text if len(text) <= _VALUE_CHARS else f"{text[:20]}…{text[21 - _VALUE_CHARS :]}"
