"""What the tests of the score cache share: one context, some rewards, other processes."""

from __future__ import annotations

import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

from rmbench.engine.cache import ScoreCache, ScoreContext

CONTEXT = ScoreContext("weights", "0", "hf", "chat", "float32", "padded", "cpu", "1")


def key(*parts: object) -> bytes:
    """A key of 32 bytes, one for each value of ``parts``."""
    return sha256(repr(parts).encode()).digest()


REWARDS = {key(i): i / 7 for i in range(3000)}

_PREAMBLE = """
import sys
from pathlib import Path

sys.path.insert(0, sys.argv.pop(1))
from score_caches import CONTEXT, ScoreCache, key, wait_for

folder = Path(sys.argv[1])
told = []
"""


def start(script: str, folder: Path, *arguments: object) -> subprocess.Popen[str]:
    """Run ``script`` in a process of its own; ``sys.argv[2:]`` are the ``arguments``."""
    here = Path(__file__).parent
    return subprocess.Popen(
        [sys.executable, "-c", _PREAMBLE + script, *map(str, (here, folder, *arguments))],
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path) -> None:
    """Return as soon as there is such a file: what starts several processes at once."""
    while not path.exists():
        time.sleep(0.0005)


def open_quietly(folder: Path) -> ScoreCache:
    """A cache that must have nothing to report."""

    def fail(message: str) -> None:
        raise AssertionError(message)

    return ScoreCache.open(folder, fail)


def set_aside(folder: Path) -> list[Path]:
    """The databases that were moved aside."""
    return sorted(
        path
        for path in folder.glob("scores.sqlite3.corrupt-*")
        if not path.name.endswith(("-wal", "-shm", "-journal"))
    )
