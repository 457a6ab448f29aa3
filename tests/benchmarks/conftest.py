"""What the benchmark file says of the machine."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pytest


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Add processor, threads, accelerator and package versions."""
    # Here: this file is read whenever tests are collected.
    import torch

    from rmbench.engine.device import describe_environment, device_facts

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found = describe_environment(device_facts(device)).model_dump(mode="json")
    found["packages"]["sentence-transformers"] = version("sentence-transformers")
    # The processor's clock changes from run to run, and pytest-benchmark would warn that
    # the machine is another one.
    machine_info.pop("cpu", None)
    machine_info["rmbench"] = found
