"""One digest for everything in a model folder that decides its scores.

Rewards kept from an earlier run are only right for the very weights that gave them, and a
path or a branch name says nothing about weights: checkpoints are overwritten in place.
Contents are hashed instead, each file once. A file in the Hub's cache is not even read,
since its name there is its SHA-256 already; what other files hashed to can be remembered
(see ``Memo``).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from os import fstat, stat_result
from pathlib import Path
from typing import Protocol

from rmbench.errors import ScorerError

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "adapter_model*.bin")
_WHAT_ELSE_DECIDES = (
    "config.json",
    "adapter_config.json",
    "*.safetensors.index*.json",
    "pytorch_model*.bin.index*.json",
    "*.py",  # a model's own code, run where --trust-remote-code allows it
)

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Memo(Protocol):
    """Remembers what files hashed to; ``ScoreCache`` is one."""

    def file_digest(self, path: Path) -> str:
        """SHA-256 of a file's contents, in hexadecimal digits.

        Raises:
            ScorerError: If it cannot be read, or changes meanwhile.
        """


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells that a file is still the one that was hashed, without reading it.

    Attributes:
        size_bytes: Its size.
        mtime_ns: Time of its last modification, nanoseconds since 1970.
        inode: Its number in the file system: a file renamed into place has another.
    """

    size_bytes: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, stat: stat_result) -> FileState:
        """Take the state from what ``os.stat`` says."""
        return cls(stat.st_size, stat.st_mtime_ns, stat.st_ino)


def weights_digest(folder: Path, memo: Memo | None) -> str:
    """Digest of a model folder's weights and of what decides how they are read.

    It covers names and contents of ``config.json``, of every weight file (safetensors,
    ``pytorch_model*.bin``, adapters), of their indices and of the model's own code.
    Other files, the tokenizer's among them, and folders within do not count. An adapter's
    base model lies in another folder: who loads one has to add that folder's digest.

    Args:
        folder: The model folder; in the Hub's cache, the snapshot's.
        memo: Remembers what files hashed to; ``None`` reads every file.

    Returns:
        64 hexadecimal digits.

    Raises:
        ScorerError: If the folder holds no weights, or a file cannot be read or changes
            meanwhile.
    """
    try:
        names = sorted(path.name for path in folder.iterdir() if not path.is_dir())
    except OSError as error:
        raise _unreadable(folder, error) from None
    if not any(_matches(name, _WEIGHTS) for name in names):
        raise ScorerError(
            f"{folder}: holds no weights (*.safetensors, pytorch_model*.bin or an adapter's), "
            "so it is not a checkpoint"
        )
    digests = {
        name: _file_digest(folder / name, memo)
        for name in names
        if _matches(name, _WEIGHTS + _WHAT_ELSE_DECIDES)
    }
    listing = json.dumps(digests, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(listing.encode()).hexdigest()


def model_folder(path_or_id: str, revision: str | None) -> Path | None:
    """The local folder a model is read from, ``None`` if there is none.

    Args:
        path_or_id: A local folder, or a Hub id.
        revision: Branch, tag or commit of a Hub id; by default its branch ``main``, as the
            Hub's cache knows it.
    """
    local = Path(path_or_id).expanduser()
    if local.is_dir():
        return local
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(path_or_id, "config.json", revision=revision)
    except HFValidationError:
        return None
    return Path(cached).parent if isinstance(cached, str) else None


def hash_file(path: Path) -> tuple[str, FileState]:
    """SHA-256 of a file's contents, in hexadecimal digits, and the state it was in.

    Raises:
        ScorerError: If it cannot be read, or changes meanwhile.
    """
    try:
        with path.open("rb") as file:
            state = FileState.of(fstat(file.fileno()))
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            changed = FileState.of(fstat(file.fileno())) != state
    except OSError as error:
        raise _unreadable(path, error) from None
    if changed:
        raise ScorerError(f"{path}: changed while it was read: wait until it is written")
    return digest, state


def _file_digest(path: Path, memo: Memo | None) -> str:
    try:
        known = _blob_sha256(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    if known is not None:
        return known
    return memo.file_digest(path) if memo is not None else hash_file(path)[0]


def _blob_sha256(path: Path) -> str | None:
    """The SHA-256 that a large file of the Hub's cache has for its name.

    ``snapshots/<commit>/<file>`` links to ``models--<org>--<name>/blobs/<etag>``, and the
    etag of a file in large-file storage is the SHA-256 of its contents; small files have a
    git digest of 40 digits. Links are followed one at a time, because a blob may itself
    link to a store that several repositories share, whose names are another kind of digest.
    """
    # Links that lead nowhere, or in a circle, fail here and not below.
    path.stat()
    while path.is_symlink():
        path = path.parent.resolve() / path.readlink()
        blobs = path.parent.resolve()
        if blobs.name == "blobs" and blobs.parent.name.startswith("models--"):
            return path.name if _SHA256.fullmatch(path.name) else None
    return None


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _unreadable(path: Path, error: OSError) -> ScorerError:
    return ScorerError(f"{path}: cannot be read: {error.strerror or error}")
