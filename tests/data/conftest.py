"""Writing small data files, and a Hub cache laid out by hand."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

WriteRows = Callable[..., Path]


@pytest.fixture
def write_rows(tmp_path: Path) -> WriteRows:
    """Write rows as JSON Lines (gzipped if the name says so) and return the path."""

    def write(rows: Iterable[Mapping[str, Any]], name: str = "rows.jsonl") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        body = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(body) if name.endswith(".gz") else body)
        return path

    return write
