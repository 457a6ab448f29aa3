"""The folder of a training run: whatever stands in it is whole, whenever the run is killed.

::

    OUT/checkpoint-20/        a plain model folder, with what is needed to go on from it
    OUT/checkpoint-40/
    OUT/config.json, ...      the model, once the run has ended well
    OUT/rmbench_training.json its record
    OUT/tensorboard/          what was logged, with ``--report-to tensorboard``

Everything is written under a hidden name in the same folder and renamed when it is whole. Of
the model's files ``config.json`` comes last: without it a folder is no model, to transformers
as to rmbench. Hidden names that a killed process left are dealt with by the next one:

=================  ================================================================
``.unfinished``    a checkpoint or model that was being written: removed
``.whole``         a model that only had to be moved into place: moved into place
``.setting-aside`` an earlier model on its way out: moved back
``.replaced``      an earlier model, kept until its successor is whole: moved back if
                   there is no successor to come, removed if it has come
=================  ================================================================
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rmbench.errors import TrainingError, UsageError
from rmbench.train.processes import Processes

RECORD_NAME = "rmbench_training.json"
LOGS_NAME = "tensorboard"

_CONFIG = "config.json"
_UNFINISHED = ".unfinished"
_WHOLE = ".whole"
_SETTING_ASIDE = ".setting-aside"
_REPLACED = ".replaced"
_HIDDEN = {_UNFINISHED, _WHOLE, _SETTING_ASIDE, _REPLACED}
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")


def checkpoint_step(folder: Path) -> int | None:
    """Step of a folder named ``checkpoint-N``; ``None`` for any other name.

    >>> checkpoint_step(Path("runs/rm/checkpoint-40")), checkpoint_step(Path("checkpoint-best"))
    (40, None)
    """
    match = _CHECKPOINT.fullmatch(folder.name)
    return int(match[1]) if match else None


class RunFolder:
    """Where a run writes; see the module for what it holds when.

    With several processes, all call every method; the first one alone makes, renames and
    removes, and an error in one of them ends the call in all.

    Args:
        out: The folder; it is made when there is something to put into it.
        processes: Those of the run.
    """

    def __init__(self, out: Path, processes: Processes | None = None) -> None:
        self.path = out.expanduser().absolute()
        self._processes = processes or Processes()
        self._replaces = False

    # ---- before the run ----

    def open(self, *, overwrite: bool = False, resume: bool = False) -> None:
        """Repair what a killed run left, and see that the folder can be used.

        Args:
            overwrite: Whether what an earlier run left may be replaced. A folder that holds
                something else is never touched.
            resume: Whether the run goes on from the newest checkpoint in it.

        Raises:
            UsageError: If it is a file, holds what must not be replaced, or nothing to resume.
            TrainingError: If it cannot be written.
        """
        with self._processes.together():
            if self._processes.is_main:
                self._open(overwrite=overwrite, resume=resume)
        self._replaces = self._processes.of_main(self._replaces)

    def _open(self, *, overwrite: bool, resume: bool) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"{self.path}: is a file; --out names a folder")
        with _as_training_error(self.path, "cannot be written"):
            self._repair()
        steps = [checkpoint_step(p) for p in self.checkpoints()]
        if resume:
            if self._holds_model():
                raise UsageError(
                    f"{self.path}: the run has ended and its model is there; nothing to resume"
                )
            if not steps:
                raise UsageError(
                    f"{self.path}: holds no checkpoint to resume from: start without --resume"
                )
            return
        content = self._content()
        if not content:
            return
        if not self._holds_model() and not steps:
            raise UsageError(f"{self.path}: is not empty and holds no model; choose another --out")
        if not overwrite:
            raise UsageError(
                f"{self.path}: already holds a model; choose another --out, or pass --overwrite"
                if self._holds_model()
                else f"{self.path}: holds an unfinished run at step {steps[-1]}: pass --resume to "
                "go on with it, or --overwrite to start again"
            )
        if (self.path / _REPLACED).exists():
            # An unfinished run that was to replace a model: the model is what is replaced now.
            for entry in content:
                _remove(entry)
            self._move_back(_REPLACED)
        self._replaces = True

    def _repair(self) -> None:
        if not self.path.exists():
            return
        _remove(self.path / _UNFINISHED)
        if (self.path / _WHOLE).exists():
            self._move_in()
        if (self.path / _SETTING_ASIDE).exists():
            self._move_back(_SETTING_ASIDE)
        if (self.path / _REPLACED).exists():
            if self._holds_model():
                _remove(self.path / _REPLACED)
            elif not self.checkpoints():
                self._move_back(_REPLACED)

    # ---- what it holds ----

    def checkpoints(self) -> list[Path]:
        """Folders ``checkpoint-N``, the oldest step first."""
        if not self.path.is_dir():
            return []
        steps = {p: checkpoint_step(p) for p in self.path.iterdir() if p.is_dir()}
        found = [(step, path) for path, step in steps.items() if step is not None]
        return [path for _, path in sorted(found)]

    def latest(self) -> Path | None:
        """The newest checkpoint of this run; ``None`` if it has made none."""
        # What is to be replaced belongs to an earlier run.
        return None if self._replaces or not (found := self.checkpoints()) else found[-1]

    @property
    def replaced(self) -> Path | None:
        """Where an earlier model is kept until this run's is whole; ``None`` if there is none."""
        path = self.path / _REPLACED
        return path if path.exists() else None

    def _holds_model(self) -> bool:
        return (self.path / RECORD_NAME).exists() or (self.path / _CONFIG).exists()

    def _content(self) -> list[Path]:
        if not self.path.exists():
            return []
        return sorted(p for p in self.path.iterdir() if p.name not in (*_HIDDEN, LOGS_NAME))

    # ---- writing ----

    @contextmanager
    def checkpoint(self, step: int) -> Iterator[Path]:
        """Give a folder to write ``checkpoint-<step>`` into; it appears when the block ends.

        When the block raises, what it wrote is removed and the checkpoints are what they were.

        Raises:
            TrainingError: If the folder cannot be written.
        """
        name = f"checkpoint-{step}"
        with self._written() as unfinished:
            with self._processes.together():
                yield unfinished
            with self._processes.together():
                if self._processes.is_main:
                    with _as_training_error(self.path / name, "cannot be saved"):
                        _flush(unfinished / name)
                        self._set_aside()
                        if (self.path / name).exists():
                            (self.path / name).rename(unfinished / "earlier")
                        (unfinished / name).rename(self.path / name)
        self._replaces = False

    @contextmanager
    def model(self) -> Iterator[Path]:
        """Give a folder to write the model into; its files appear when the block ends.

        When the block raises, what it wrote is removed and everything else is as it was.

        Raises:
            TrainingError: If the folder cannot be written.
        """
        with self._written() as unfinished:
            folder = unfinished / "model"
            with self._processes.together():
                if self._processes.is_main:
                    folder.mkdir()
            with self._processes.together():
                yield folder
            with self._processes.together():
                if self._processes.is_main:
                    with _as_training_error(self.path, "the model cannot be saved"):
                        _flush(folder)
                        self._set_aside()
                        folder.rename(self.path / _WHOLE)
                        self._move_in()
                        _remove(self.path / _REPLACED)
        self._replaces = False

    def keep(self, limit: int, best: int | None = None) -> None:
        """Remove the oldest checkpoints beyond the limit, but never the newest or the best.

        Args:
            limit: Checkpoints to keep, at least 1; the best one counts.
            best: Step of the best one so far; ``None`` if none is better than others.
        """
        if not self._processes.is_main:
            return
        *older, _ = found = self.checkpoints()
        spare = [p for p in older if checkpoint_step(p) != best]
        for path in spare[: max(0, len(found) - limit)]:
            # Renamed first: half a checkpoint must not look like one.
            gone = self.path / _UNFINISHED
            gone.mkdir(exist_ok=True)
            path.rename(gone / path.name)
            _remove(gone)

    def abandon(self) -> None:
        """After a failure: leave checkpoints and what was there before, and nothing else."""
        if not self._processes.is_main or not self.path.is_dir():
            return
        self._repair()
        if not any(self.path.iterdir()):
            self.path.rmdir()

    @contextmanager
    def _written(self) -> Iterator[Path]:
        unfinished = self.path / _UNFINISHED
        with self._processes.together():
            if self._processes.is_main:
                with _as_training_error(self.path, "cannot be written"):
                    self.path.mkdir(parents=True, exist_ok=True)
                    _remove(unfinished)
                    unfinished.mkdir()
        try:
            yield unfinished
        finally:
            if self._processes.is_main:
                shutil.rmtree(unfinished, ignore_errors=True)

    def _set_aside(self) -> None:
        if not self._replaces:
            return
        aside = self.path / _SETTING_ASIDE
        aside.mkdir()
        for entry in self._content():
            entry.rename(aside / entry.name)
        aside.rename(self.path / _REPLACED)

    def _move_back(self, name: str) -> None:
        for entry in (self.path / name).iterdir():
            entry.rename(self.path / entry.name)
        (self.path / name).rmdir()

    def _move_in(self) -> None:
        whole = self.path / _WHOLE
        for entry in sorted(whole.iterdir(), key=lambda p: (p.name == _CONFIG, p.name)):
            target = self.path / entry.name
            if target.is_dir():
                _remove(target)
            entry.replace(target)
        whole.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _flush(folder: Path) -> None:
    """Have the disk hold what was written, so that a rename never comes before its contents."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _as_training_error(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TrainingError(f"{path}: {what}: {error.strerror or error}") from None
