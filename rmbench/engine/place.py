"""Whether a model can be where somebody says; known without loading anything."""

from __future__ import annotations

from pathlib import Path

from rmbench.errors import ScorerError


def check_model_place(path_or_id: str) -> Path | None:
    """The local folder of a model, or ``None`` where it is a Hub id.

    Args:
        path_or_id: A local folder, or a Hub id (``org/name``).

    Raises:
        ScorerError: If it is a folder without a model, a file, or neither folder nor Hub id.

    >>> check_model_place("org/name") is None
    True
    """
    local = Path(path_or_id).expanduser()
    if local.is_dir():
        if not (local / "config.json").exists():
            raise ScorerError(f"{path_or_id}: holds no config.json, so it is not a model folder")
        return local
    if local.exists():
        raise ScorerError(f"{path_or_id}: is a file; a model is a folder or a Hub id")
    if path_or_id.count("/") != 1 or path_or_id.startswith(("/", ".", "~")):
        raise ScorerError(f"{path_or_id}: no such folder, and not a Hub id (org/name)")
    return None
