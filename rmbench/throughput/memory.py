"""The most memory in use during a pass, where it can be known."""

from __future__ import annotations

import ctypes
import gc
import re
import resource
import sys
from contextlib import suppress
from pathlib import Path

import torch

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_RESET_PEAK = "5"  # see proc_pid_clear_refs(5)


class PeakMemory:
    """Reads the peak between ``reset`` and ``read``.

    On CUDA that is what was allocated on the device, weights included. On Linux it is the
    resident set of the process, whose high-water mark can be put back; freed memory is given
    back to the system before, so that one pass does not count what an earlier one left.
    Elsewhere only the peak since the process began is known.

    Attributes:
        by_pass: Whether a pass's own peak can be told from what was before it.
        meaning: What is read, in words.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device if device.type == "cuda" else None
        self.by_pass = self._cuda is not None or _put_back()
        self.meaning = (
            "allocated on the device during a pass"
            if self._cuda is not None
            else "resident set of the process during a pass"
            if self.by_pass
            else "resident set of the whole process since its start"
        )

    def reset(self) -> None:
        """Start anew; collects garbage first."""
        gc.collect()
        if self._cuda is not None:
            torch.cuda.reset_peak_memory_stats(self._cuda)
        elif self.by_pass:
            _trim()
            _put_back()

    def read(self) -> int:
        """Bytes at the peak since ``reset``."""
        if self._cuda is not None:
            return int(torch.cuda.max_memory_allocated(self._cuda))
        if self.by_pass:
            return _high_water_bytes()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        # Linux counts in kibibytes, macOS in bytes.
        return peak if sys.platform == "darwin" else peak * 1024


def _put_back() -> bool:
    """Set the high-water mark to what is in use now; whether that was possible."""
    try:
        _CLEAR.write_text(_RESET_PEAK, encoding="ascii")
        return _high_water_bytes() > 0
    except (OSError, ValueError):
        return False  # not Linux, or not allowed in this container


def _high_water_bytes() -> int:
    found = re.search(r"^VmHWM:\s+(\d+) kB$", _STATUS.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError(f"{_STATUS} holds no VmHWM")
    return int(found[1]) * 1024


def _trim() -> None:
    """Have the C library give freed memory back; without it the mark starts too high."""
    # Other C libraries have nothing to call, and keep less.
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
