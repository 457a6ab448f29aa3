"""Facts about the device a model runs on."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """Device name, number of CPU threads torch uses, and the device's memory."""

    name: str
    kind: str
    threads: int
    memory_bytes: int | None
    driver: str | None


def cpu_name() -> str:
    """The processor's model name, as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux: the platform module's word has to do
    return platform.processor() or platform.machine()


def device_facts(device: torch.device) -> DeviceFacts:
    """Read the facts of one device."""
    # Here, so that the processor's name can be had without torch.
    import torch

    threads = torch.get_num_threads()
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return DeviceFacts(
            properties.name, "cuda", threads, int(properties.total_memory), torch.version.cuda
        )
    return DeviceFacts(cpu_name(), device.type, threads, None, None)
