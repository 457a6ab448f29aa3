"""The SQLite file under the score cache: opened, shared, and replaced when it is damaged.

Whatever state the file is in, nobody who works on it through ``CacheFile.run`` fails:

=====================================================  ======================================
the file is damaged, of another schema version, or     moved aside, and a new one is started
no SQLite file
another process moved it aside, or it was deleted      the new one is opened, or started
it cannot be read or written: no permission, a full    done without for the rest of the run
disk, another process that does not let go of it
=====================================================  ======================================

Each is told once, in one line.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TypeVar

SCHEMA_VERSION = 1

_BUSY_TIMEOUT_S = 30.0
# Who holds the lock may itself be waiting for a busy database.
_LOCK_TIMEOUT_S = 2 * _BUSY_TIMEOUT_S

# What SQLite keeps beside a database. A journal left behind would be replayed into the
# next file of that name.
_COMPANIONS = ("-wal", "-shm", "-journal")

# Rewards are blobs: SQLite keeps whole numbers of a REAL column as integers and so turns
# -0.0 into 0.0.
_SCHEMA = (
    "CREATE TABLE context (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, "
    "description TEXT NOT NULL, created TEXT NOT NULL)",
    "CREATE TABLE reward (context_id INTEGER NOT NULL, key BLOB NOT NULL, reward BLOB NOT NULL, "
    "checksum INTEGER NOT NULL, PRIMARY KEY (context_id, key)) WITHOUT ROWID",
    "CREATE TABLE file_hash (path BLOB PRIMARY KEY, state TEXT NOT NULL, sha256 TEXT NOT NULL, "
    "checksum INTEGER NOT NULL) WITHOUT ROWID",
)

# The errors that lie in what the file holds. ERROR is a table or column that is not there.
_DAMAGE = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_FORMAT,
     sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG}
)  # fmt: skip

# How a file system without shared memory or its locks refuses the WAL's index.
_NO_WAL = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PROTOCOL})

_T = TypeVar("_T")


class UnfitError(sqlite3.DatabaseError):
    """The file holds what the score cache did not write; the message says what."""


class CacheFile:
    """One SQLite file that can be replaced while it is in use.

    Args:
        path: The file; it and its folder are created if they are not there.
        report: Told, in one line each, what went wrong with the file.
    """

    def __init__(self, path: Path, report: Callable[[str], None]) -> None:
        self.path = path
        self._report = report
        self._db: sqlite3.Connection | None = None  # None: done without
        self._identity: tuple[int, int] | None = None
        self._closed = False
        self._start()

    def run(self, work: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        """Carry out ``work``, a second time if the file had to be replaced at the first.

        Args:
            work: Reads or writes; raises ``UnfitError`` on content that cannot be right.
            otherwise: What is returned where there is no usable file.

        Raises:
            ValueError: If the file was closed.
        """
        if self._closed:
            raise ValueError(f"{self.path}: the score cache is closed")
        if self._db is not None and _identity(self.path) != self._identity:
            self._start("is not where it was")
        for _ in range(2):
            if self._db is None:
                return otherwise
            try:
                return work(self._db)
            except sqlite3.ProgrammingError:
                raise  # a mistake of the caller, such as a use from another thread
            except sqlite3.Error as error:
                damage = _damage(error)
                if damage is None:
                    self._go_without(str(error))
                else:
                    self._start(damage)
        self._go_without("a new file was damaged at once")
        return otherwise

    def close(self) -> None:
        """Close the file for good."""
        self._closed = True
        self._disconnect()

    def _start(self, trouble: str | None = None) -> None:
        """Open the file; one that has ``trouble`` is moved aside before that.

        Processes open and move the file under a lock, so that none moves the new file of
        another, and none opens a file that is half moved.
        """
        from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]  # its exports are lazy

        # Not the database's name and ".lock", which SQLite itself may use.
        lock = self.path.with_suffix(".lock")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with WeakFileLock(lock, timeout=_LOCK_TIMEOUT_S):
                if trouble is not None:
                    # Compared while the old file is open: once closed, it may be deleted
                    # and its inode's number given to the new one.
                    still_there = _identity(self.path) == self._identity
                    self._disconnect()
                    self._replace(trouble, still_there)
                try:
                    self._db = _connect(self.path)
                except sqlite3.Error as error:
                    damage = _damage(error)
                    if damage is None:
                        raise
                    self._replace(damage, still_there=True)
                    self._db = _connect(self.path)
                self._identity = _identity(self.path)
        except (OSError, sqlite3.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            self._go_without(reason or str(error))

    def _replace(self, trouble: str, still_there: bool) -> None:
        where = "another process moved or deleted it"
        if still_there:
            aside = _free_name(self.path)
            # The database first: SQLite deletes what it finds beside an empty one, should
            # this process end before the rest is moved.
            self.path.rename(aside)
            for companion in _COMPANIONS:
                with suppress(FileNotFoundError):
                    Path(f"{self.path}{companion}").rename(f"{aside}{companion}")
            where = f"moved to {aside}"
        self._report(
            f"score cache {self.path}: {trouble}; {where}, and scoring goes on with a new one"
        )

    def _go_without(self, reason: str) -> None:
        self._disconnect()
        self._report(
            f"score cache {self.path}: cannot be used ({reason}); scoring goes on without it"
        )

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file, and set it up if it is new."""
    new = not path.exists() or path.stat().st_size == 0
    try:
        return _open_database(path, wal=new)
    except sqlite3.OperationalError as error:
        if not new or _primary_code(error) not in _NO_WAL:
            raise
        # The mode is kept in the file, which holds nothing yet, so it is made again.
        for suffix in ("", *_COMPANIONS):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        return _open_database(path, wal=False)


def _open_database(path: Path, *, wal: bool) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            if wal:
                db.execute("PRAGMA journal_mode = WAL")
            with db:
                db.execute("BEGIN IMMEDIATE")
                if _tables(db):
                    raise UnfitError("is another SQLite file than a score cache")
                for statement in _SCHEMA:
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif version != SCHEMA_VERSION:
            raise UnfitError(f"has schema version {version}, not {SCHEMA_VERSION}")
        elif _tables(db) != set(_SCHEMA):
            raise UnfitError("has other tables than a score cache")
        if db.execute("PRAGMA journal_mode").fetchone() == ("wal",):
            db.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        db.close()
        raise
    return db


def _tables(db: sqlite3.Connection) -> set[str]:
    """The statements that made the tables, in their makers' own words."""
    return {sql for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE type = 'table'")}


def _damage(error: sqlite3.Error) -> str | None:
    """What is wrong with the file's content; ``None`` if the trouble lies elsewhere."""
    if isinstance(error, UnfitError):
        return str(error)
    return str(error) if _primary_code(error) in _DAMAGE else None


def _primary_code(error: sqlite3.Error) -> int:
    """SQLite's error code without what refines it."""
    # Text that Python cannot decode it raises without a code.
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    return code & 0xFF


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _free_name(path: Path) -> Path:
    base = f"{path.name}.corrupt-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    names = (path.with_name(f"{base}-{n}" if n else base) for n in count())
    return next(name for name in names if not name.exists())
