"""Facts about the machine and the device a model runs on. Costs no torch to import."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from rmbench.result.models import Environment

if TYPE_CHECKING:
    import torch

_PACKAGES = (
    "rmbench", "numpy", "scipy", "pandas", "torch", "transformers", "tokenizers", "datasets",
    "accelerate", "trl", "safetensors",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A device a model can run on.

    Attributes:
        name: As its maker gives it.
        kind: ``cpu``, ``cuda``, ...
        threads: CPU threads torch uses.
        memory_bytes: Of the device itself; ``None`` for a CPU.
        driver: CUDA version torch was built for; ``None`` for a CPU.
    """

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


def multiplies_bfloat16() -> bool:
    """Whether this processor has instructions for bfloat16 products.

    Without them bfloat16 is emulated and slower than float32.
    """
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False  # not Linux: float32 works everywhere
    return "avx512_bf16" in flags or "amx_bf16" in flags


def describe_environment(facts: DeviceFacts | None = None) -> Environment:
    """Python, installed packages and machine, for the record.

    Args:
        facts: The device a model ran on; ``None`` where none did.
    """
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    cores = os.cpu_count() or 1
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        cpu=f"{cpu_name()}, {cores} cores",
        threads=facts.threads if facts else cores,
        device=facts.name if facts else None,
        packages=packages,
    )
