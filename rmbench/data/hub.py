"""Rows of a Hugging Face Hub data set at a commit that is known afterwards.

``load_dataset("org/name", revision=...)`` is not used: offline it does not look into
the Hub cache, and its own cache ignores the revision. A snapshot honours it, resolves
offline, and its path ends in the commit that was read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from rmbench.data.files import Row
from rmbench.errors import DataError, MissingDependencyError, shorten

_BATCH_ROWS = 512


@dataclass(frozen=True, slots=True)
class HubSource:
    """A data set on the Hub, as far as the caller named it.

    Attributes:
        repo_id: ``org/name``.
        revision: A commit, tag or branch; ``None`` is the default branch.
        config: Configuration (the Hub also calls it subset).
        split: Split; ``None`` is the only one there is.
    """

    repo_id: str
    revision: str | None = None
    config: str | None = None
    split: str | None = None

    def __str__(self) -> str:
        """The way it is written as a SRC."""
        parts = ((self.revision, "@"), (self.config, "#"), (self.split, ":"))
        return self.repo_id + "".join(mark + part for part, mark in parts if part)


@dataclass(frozen=True)
class HubTable:
    """One split that has been loaded.

    Attributes:
        source: What was read, its split filled in.
        revision: The commit that was read, 40 hexadecimal digits.
        dataset: The ``datasets.Dataset``.
    """

    source: HubSource
    revision: str
    dataset: Any

    def rows(self) -> Iterator[Row]:
        """Every row, in order, numbered from 1."""
        numbers = count(1)
        for batch in self.dataset.iter(batch_size=_BATCH_ROWS):
            columns = list(batch)
            for values in zip(*batch.values(), strict=True):
                yield Row(next(numbers), dict(zip(columns, values, strict=True)))


def load_hub(source: HubSource) -> HubTable:
    """Fetch a data set, or find it in the Hub cache, and load the split that was named.

    Raises:
        DataError: If it is neither cached nor reachable, is no data set, or the
            configuration or split is not there or not named where there are several.
        MissingDependencyError: If ``datasets`` is not installed.
    """
    try:
        import datasets
    except ImportError:
        raise MissingDependencyError.for_package("datasets", "hf", "reading a Hub set") from None

    folder = _snapshot(source)
    commit = folder.name
    try:
        splits = datasets.load_dataset(str(folder), name=source.config)
    except (ValueError, OSError, datasets.exceptions.DatasetsError) as error:
        # A failure while reading says only that there was one; its cause says which.
        failed = isinstance(error, datasets.exceptions.DatasetGenerationError)
        told = str(error.__cause__ if failed and error.__cause__ else error)
        reason = " ".join(told.split("\nExample")[0].split())
        raise DataError(
            f"cannot be loaded: {reason}",
            file=str(source),
            hint=None if failed else "a configuration is named as org/name#CONFIG",
        ) from None
    split = _the_split(source, [str(name) for name in splits])
    return HubTable(
        HubSource(source.repo_id, source.revision, source.config, split), commit, splits[split]
    )


def _snapshot(source: HubSource) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(
            snapshot_download(source.repo_id, repo_type="dataset", revision=source.revision)
        )
    except LocalEntryNotFoundError:
        why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else "the Hub cannot be reached"
        reason = f"the Hub data set is not in the cache {constants.HF_HUB_CACHE} and {why}"
        hint = "fetch it where there is a network, or give local files"
    except GatedRepoError:
        reason, hint = (
            "the Hub data set is gated",
            "accept its terms on the Hub and run `hf auth login`",
        )
    except RepositoryNotFoundError:
        reason, hint = "the Hub has no such data set, or it is private", "check the spelling"
    except RevisionNotFoundError:
        reason, hint = "the Hub data set has no such revision", "check the spelling"
    except (HFValidationError, HfHubHTTPError, OSError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        reason, hint = f"the Hub data set cannot be fetched: {first}", "try again later"
    raise DataError(reason, file=str(source), hint=hint)


def _the_split(source: HubSource, there: list[str]) -> str:
    if source.split in there:
        return str(source.split)
    if source.split is not None:
        raise DataError(f"has no split {source.split!r}", file=str(source), hint=_listing(there))
    if len(there) != 1:
        raise DataError(
            "has several splits and none is named",
            file=str(source),
            hint=f"{_listing(there)}; write {source}:{there[0]}" if there else "it has none",
        )
    return there[0]


def _listing(there: list[str]) -> str:
    return f"splits: {shorten(there, 12)}"
