"""The folder of a trained model: all there or not there at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from rmbench.errors import TrainingError, UsageError

RECORD_NAME = "rmbench_training.json"


@contextmanager
def staged_folder(
    out: Path, *, overwrite: bool = False, keep_on_failure: str | None = None
) -> Iterator[Path]:
    """Give a fresh folder beside ``out`` that takes its place when the block ends well.

    When the block raises, the folder is removed and ``out`` is as it was.

    Args:
        out: The folder to make; it may exist if it is empty.
        overwrite: Whether a model that ``out`` already holds may be replaced. A folder that
            holds something else is never touched.
        keep_on_failure: Pattern of what makes the fresh folder worth keeping, where it is,
            when the block raises.

    Raises:
        UsageError: If ``out`` is a file, or holds anything that must not be replaced.
        TrainingError: If it cannot be written.
    """
    out = out.expanduser().absolute()
    _check_free(out, overwrite=overwrite)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(mkdtemp(prefix=f".{out.name}.unfinished-", dir=out.parent))
    except OSError as error:
        raise TrainingError(f"{out}: cannot be written: {error.strerror or error}") from None
    try:
        yield staging
        # Private to its maker, as all of mkdtemp's; a model is an ordinary folder.
        staging.chmod(0o755)
        _check_free(out, overwrite=overwrite)
        _replace(staging, out)
    except BaseException:
        if keep_on_failure is None or not any(staging.glob(keep_on_failure)):
            shutil.rmtree(staging, ignore_errors=True)
        raise


def _replace(staging: Path, out: Path) -> None:
    if not out.exists():
        staging.rename(out)
        return
    # Two renames, so that at every moment one whole model, old or new, is on the disk.
    old = Path(mkdtemp(prefix=f".{out.name}.replaced-", dir=out.parent))
    out.rename(old)
    try:
        staging.rename(out)
    except OSError:
        old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _check_free(out: Path, *, overwrite: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError(f"{out}: is a file; --out names a folder")
    if not any(out.iterdir()):
        return
    if not (out / RECORD_NAME).exists() and not (out / "config.json").exists():
        raise UsageError(f"{out}: is not empty and holds no model; choose another --out")
    if not overwrite:
        raise UsageError(f"{out}: already holds a model; choose another --out, or pass --overwrite")
