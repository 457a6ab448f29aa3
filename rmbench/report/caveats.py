"""What a reader must know before trusting a number.

Parts left out, rules changed, training data too close to the test data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from rmbench.errors import shorten
from rmbench.report.text import Safe
from rmbench.result import DataProvenance, Result

# Folders that say nothing about where data come from.
_GENERIC_FOLDERS = frozenset({"", ".", "..", "data", "datasets", "native", "tmp"})


def caveats(result: Result) -> list[tuple[str, ...]]:
    """Why a result is not the suite's own number, as pieces of text; usually empty."""
    found: list[tuple[str, ...]] = []
    if result.partial:
        found.append((Safe("partial: measured without "), shorten(result.missing, 8)))
    if result.modified:
        found.append((Safe("changed rules: "), shorten(result.modified, 8)))
    return found


def training_caveats(result: Result) -> list[tuple[str, ...]]:
    """Training data that are the suite's own, or come from the same place."""
    data = result.provenance.data
    if data is None:
        return []
    found: list[tuple[str, ...]] = []
    for source, fingerprint in _training_sources(result.provenance.training):
        if fingerprint and fingerprint == data.fingerprint:
            found.append((Safe("trained on these very examples ("), source, Safe(")")))
        elif _same_origin(source, data):
            found.append(
                (
                    Safe("in-distribution: trained on other rows from the same place ("),
                    source,
                    Safe(")"),
                )
            )
    return found


def _training_sources(training: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Source and fingerprint of each set a checkpoint was trained on.

    The record may come from another version of rmbench, so nothing is taken for granted.
    """
    sources = (training or {}).get("data")
    for body in sources if isinstance(sources, list | tuple) else ():
        if isinstance(body, dict) and isinstance(body.get("source"), str):
            yield body["source"], str(body.get("fingerprint", ""))


def _same_origin(source: str, data: DataProvenance) -> bool:
    measured = {_origin(place) for place in (data.source, *data.files)} - _GENERIC_FOLDERS
    return _origin(source) in measured


def _origin(place: str) -> str:
    """The folder that holds a file, or a Hub id without revision, config and split."""
    path = re.split(r"[:@]", place, maxsplit=1)[0] or place
    if PurePath(path).suffix in {".json", ".jsonl", ".csv", ".parquet", ".gz"}:
        return PurePath(path).parent.name
    return path
