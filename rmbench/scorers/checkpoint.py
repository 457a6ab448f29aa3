"""Where in a training run a model folder comes from, by what the trainer wrote beside it.

``transformers.Trainer``, and every trainer built on it, leaves ``trainer_state.json`` in each
``checkpoint-N``; ``rmbench train`` leaves ``rmbench_training.json`` in the folder of the run,
which is also that of the model it ended with.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from pathlib import Path
from typing import Any

from rmbench.errors import ScorerError
from rmbench.result import Checkpoint

RECORD_NAME = "rmbench_training.json"
STATE_NAME = "trainer_state.json"

_CHECKPOINT = re.compile(r"checkpoint-\d+")


def is_checkpoint_name(name: str) -> bool:
    """Whether a folder's name is one that ``transformers.Trainer`` gives to checkpoints.

    >>> is_checkpoint_name("checkpoint-500"), is_checkpoint_name("checkpoint-best")
    (True, False)
    """
    return _CHECKPOINT.fullmatch(name) is not None


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """Which step of which run a model folder holds; ``None`` if nothing in it says so.

    Raises:
        ScorerError: If what the trainer wrote is no JSON.
    """
    folder = folder.expanduser().resolve()
    if is_checkpoint_name(folder.name):
        state = _read(folder / STATE_NAME)
        return _checkpoint(folder.parent, state.get("global_step"), state.get("epoch"), final=False)
    record = _read(folder / RECORD_NAME)
    trained = record.get("train")
    if isinstance(trained, dict):
        last = trained.get("steps")
        # A run that keeps its best weights may end with those of an earlier step.
        step = record.get("final_step", last)
        return _checkpoint(
            folder, step, trained.get("epochs") if step == last else None, final=True
        )
    state = _read(folder / STATE_NAME)
    return _checkpoint(folder, state.get("global_step"), state.get("epoch"), final=True)


def training_record(folder: Path) -> dict[str, Any] | None:
    """What ``rmbench train`` wrote of the run that a model folder comes from, if it did.

    A checkpoint on the way was trained on what the whole run was trained on, so the record
    in the run's folder speaks for it too.

    Raises:
        ScorerError: If the record is no JSON.
    """
    folder = folder.expanduser()
    places = [folder]
    if is_checkpoint_name(folder.resolve().name):
        places.append(folder.resolve().parent)
    for place in places:
        record = _read(place / RECORD_NAME)
        if record:
            return record
    return None


def _checkpoint(run: Path, step: Any, epoch: Any, *, final: bool) -> Checkpoint | None:
    """Other programs write these files too, so nothing in them is taken for granted."""
    if isinstance(step, bool) or not isinstance(step, int) or step < 0:
        return None
    known = isinstance(epoch, int | float) and not isinstance(epoch, bool) and isfinite(epoch)
    return Checkpoint(run=str(run), step=step, epoch=epoch if known else None, final=final)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ScorerError(f"{path}: cannot be read: {error}") from None
    return body if isinstance(body, dict) else {}
