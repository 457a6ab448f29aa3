"""Rewards kept by content, so that what was scored once is never run again.

A reward is found again by its *context*, everything besides the tokens that decides a
score (``ScoreContext``), and by the digest of the token ids (``Encoded.key``). Suites,
runs and processes share one SQLite file.

What is written holds. The rewards of one ``put`` are one transaction: a process killed at
any moment, by SIGKILL too, leaves all of them or none, and all of them once ``put`` has
returned. A power cut may cost the last batches, never part of one, because the write-ahead
log is not flushed to the disk at every commit (WAL with ``synchronous=NORMAL``; where the
file system allows no WAL, SQLite's default journal, which is flushed).

What is read is checked. Every reward carries a checksum over its context, its key and its
bits. A file that is damaged is moved aside and a new one is started; one that cannot be
used is done without (see ``cache_file``). Neither ends a run, and neither gives a wrong
reward: the worst that a cache can be is empty.

Processes that share the file must be on one machine, as SQLite's WAL demands: on a network
file system give each machine a folder of its own. A cache belongs to the thread that
opened it.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from zlib import crc32

from rmbench.engine.cache_file import CacheFile, UnfitError
from rmbench.engine.digest import FileState, hash_file
from rmbench.errors import ScorerError, UsageError

FILE_NAME = "scores.sqlite3"
"""The cache's file in its folder."""

_LOOKUP = (
    "SELECT key, reward, checksum FROM reward "
    "WHERE context_id = (SELECT id FROM context WHERE digest = ?) AND key IN"
)
# SQLite before 3.32 takes 999 variables in a statement.
_KEYS_PER_LOOKUP = 900

# Half of a SHA-256 tells 10^12 token sequences apart but for odds of 1 in 10^15, and halves
# the index. Were two to meet all the same, the checksum covers the whole key.
_STORED_KEY_BYTES = 16

# A file changed twice within one tick of its file system's clock (2 s on FAT) can keep its
# modification time, so a file this young may yet change unseen.
_RACY_NS = 2_000_000_000

_DOUBLE = struct.Struct("<d")


@dataclass(frozen=True, slots=True)
class ScoreContext:
    """Everything besides the token ids that decides a reward.

    Attributes:
        weights: Digest of the model folder (``weights_digest``).
        head: Which logit is the reward.
        score_position: Which token a decoder's score is read from.
        template: What else decides how the model reads a row, such as the encoding.
        dtype: Of the base model's weights.
        attention: Path through the engine, and the kernel it runs on.
        device: Kind of device, as far as its arithmetic differs.
        engine: Version of the code that turns ids into rewards, its libraries included.
    """

    weights: str
    head: str
    score_position: str
    template: str
    dtype: str
    attention: str
    device: str
    engine: str

    @property
    def description(self) -> str:
        """The fields as canonical JSON: sorted, without spaces, in ASCII."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @property
    def digest(self) -> str:
        """SHA-256 of ``description``, 64 hexadecimal digits.

        >>> ScoreContext("w", "0", "hf", "t", "float32", "padded", "cpu", "1").digest[:16]
        'cd058f5282e1bd4c'
        """
        return sha256(self.description.encode()).hexdigest()


def default_cache_folder() -> Path:
    """``$RMBENCH_CACHE``, else ``rmbench`` in ``$XDG_CACHE_HOME`` or in ``~/.cache``.

    Raises:
        UsageError: If neither is set and there is no home folder.
    """
    try:
        if own := os.environ.get("RMBENCH_CACHE"):
            return Path(own).expanduser()
        shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
        # The XDG specification has relative paths ignored.
        return (shared if shared.is_absolute() else Path.home() / ".cache") / "rmbench"
    except RuntimeError:
        raise UsageError(
            "no home folder to keep the score cache in: set RMBENCH_CACHE to a folder"
        ) from None


class ScoreCache:
    """The rewards of all contexts in one file; open it with ``ScoreCache.open``.

    It also remembers what weight files hashed to (``rmbench.engine.digest.Memo``).

    Attributes:
        path: The SQLite file.
    """

    def __init__(self, file: CacheFile) -> None:
        self._file = file
        self.path = file.path

    @classmethod
    def open(cls, folder: Path, report: Callable[[str], None]) -> ScoreCache:
        """Open the cache in a folder; both are created if they are not there.

        Never fails: a cache that cannot be used is reported and stays empty.

        Args:
            folder: Where the file ``scores.sqlite3`` lies.
            report: Told, in one line each, what went wrong with the cache.
        """
        return cls(CacheFile(folder / FILE_NAME, report))

    def bound(self, context: ScoreContext) -> BoundCache:
        """The rewards of one context."""
        return BoundCache(self._file, context)

    def close(self) -> None:
        """Close the file; the cache cannot be used afterwards."""
        self._file.close()

    def __enter__(self) -> ScoreCache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def file_digest(self, path: Path) -> str:
        """SHA-256 of a file's contents, read only if it changed since it was last asked for.

        It counts as unchanged while its resolved path, size, modification time and inode
        are the same. What a file modified in the last 2 seconds hashes to is not
        remembered: it could change again under the same time.

        Returns:
            64 hexadecimal digits.

        Raises:
            ScorerError: If it cannot be read, or changes meanwhile.
        """
        asked_ns = time.time_ns()
        try:
            state = FileState.of(path.stat())
            resolved = path.resolve()
        except OSError as error:
            raise ScorerError(f"{path}: cannot be read: {error.strerror or error}") from None
        name = os.fsencode(resolved)
        known = self._file.run(lambda db: _recall(db, name, state), None)
        if known is not None:
            return known
        digest, hashed = hash_file(resolved)
        if asked_ns - hashed.mtime_ns > _RACY_NS:
            self._file.run(lambda db: _remember(db, name, hashed, digest), None)
        return digest


class BoundCache:
    """The rewards of one context; made by ``ScoreCache.bound``."""

    def __init__(self, file: CacheFile, context: ScoreContext) -> None:
        self._file = file
        self._digest = bytes.fromhex(context.digest)
        self._description = context.description

    def get(self, keys: Sequence[bytes]) -> dict[bytes, float]:
        """The rewards that are known.

        Args:
            keys: SHA-256 digests of token ids, 32 bytes each.

        Returns:
            Exactly the float64 that was put, for those of ``keys`` that have one.
        """
        return self._file.run(lambda db: dict(self._read(db, keys)), {})

    def put(self, rewards: Mapping[bytes, float]) -> None:
        """Keep rewards by key, all of them or, if the process is killed meanwhile, none.

        Non-finite ones are not kept, so that they are tried again.
        """
        rows = []
        for key, reward in rewards.items():
            if math.isfinite(reward):
                packed = _DOUBLE.pack(reward)
                rows.append((key[:_STORED_KEY_BYTES], packed, self._checksum(key, packed)))
        if rows:
            # In the order of the index, which writes the fewest pages.
            rows.sort()
            self._file.run(lambda db: self._write(db, rows), None)

    def _read(self, db: sqlite3.Connection, keys: Sequence[bytes]) -> Iterator[tuple[bytes, float]]:
        asked = {key[:_STORED_KEY_BYTES]: key for key in keys}
        stored = sorted(asked)
        for start in range(0, len(stored), _KEYS_PER_LOOKUP):
            chunk = stored[start : start + _KEYS_PER_LOOKUP]
            marks = ",".join("?" * len(chunk))
            rows = db.execute(f"{_LOOKUP} ({marks})", (self._digest, *chunk))
            for short, packed, checksum in rows:
                # A damaged index also finds what was not asked for.
                key = asked.get(short)
                if (
                    key is None
                    or not isinstance(packed, bytes)
                    or checksum != self._checksum(key, packed)
                ):
                    raise UnfitError("a stored reward does not fit its checksum")
                yield key, _DOUBLE.unpack(packed)[0]

    def _write(self, db: sqlite3.Connection, rows: list[tuple[bytes, bytes, int]]) -> None:
        with db:
            db.execute("BEGIN IMMEDIATE")
            found = db.execute(
                "SELECT id FROM context WHERE digest = ?", (self._digest,)
            ).fetchone()
            context_id = found[0] if found else self._add_context(db)
            db.executemany(
                "INSERT OR REPLACE INTO reward VALUES (?, ?, ?, ?)",
                ((context_id, *row) for row in rows),
            )

    def _add_context(self, db: sqlite3.Connection) -> int | None:
        created = datetime.now(UTC).isoformat(timespec="seconds")
        return db.execute(
            "INSERT INTO context (digest, description, created) VALUES (?, ?, ?)",
            (self._digest, self._description, created),
        ).lastrowid

    def _checksum(self, key: bytes, packed: bytes) -> int:
        return crc32(self._digest + key + packed)


def _recall(db: sqlite3.Connection, name: bytes, state: FileState) -> str | None:
    row = db.execute(
        "SELECT sha256, checksum FROM file_hash WHERE path = ? AND state = ?", (name, repr(state))
    ).fetchone()
    if row is None:
        return None
    digest, checksum = row
    if checksum != _memo_checksum(name, state, digest):
        raise UnfitError("a remembered file digest does not fit its checksum")
    return str(digest)


def _remember(db: sqlite3.Connection, name: bytes, state: FileState, digest: str) -> None:
    db.execute(
        "INSERT OR REPLACE INTO file_hash VALUES (?, ?, ?, ?)",
        (name, repr(state), digest, _memo_checksum(name, state, digest)),
    )


def _memo_checksum(name: bytes, state: FileState, digest: object) -> int:
    return crc32(name + f"\0{state!r}\0{digest}".encode())
