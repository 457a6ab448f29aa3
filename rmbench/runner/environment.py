"""The machine and the software a result was made with."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol, runtime_checkable

from rmbench.engine.device import cpu_name
from rmbench.result import EngineProvenance, Environment, ScorerInfo

_PACKAGES = (
    "rmbench", "numpy", "scipy", "pandas", "torch", "transformers", "tokenizers", "datasets",
    "accelerate", "trl", "safetensors",
)  # fmt: skip


class DeviceFactsLike(Protocol):
    """What a scorer that runs a model says of its device."""

    @property
    def name(self) -> str:
        """Of the device, as its maker gives it."""
        ...

    @property
    def threads(self) -> int:
        """CPU threads the model may use."""
        ...


@runtime_checkable
class RunsModel(Protocol):
    """A scorer with a model behind it: it can say how it ran and where."""

    @property
    def info(self) -> ScorerInfo:
        """What the scorer is."""
        ...

    def provenance(self) -> EngineProvenance:
        """How the last call of ``score`` was carried out."""
        ...

    def facts(self) -> DeviceFactsLike:
        """The device the model runs on."""
        ...

    def training(self) -> dict[str, Any] | None:
        """The record of its training, where there is one."""
        ...

    def use_max_length(self, suite_max_length: int | None) -> None:
        """Cut conversations at a suite's length unless the scorer has one of its own."""
        ...


@runtime_checkable
class HasNotes(Protocol):
    """A scorer with something to add to the record after it has scored."""

    def notes(self) -> tuple[str, ...]:
        """One line each."""
        ...


def describe_environment(scorer: object) -> Environment:
    """Python, packages and machine; the device is the scorer's where it runs a model."""
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    facts = scorer.facts() if isinstance(scorer, RunsModel) else None
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        cpu=cpu_name(),
        threads=facts.threads if facts else os.cpu_count() or 1,
        device=facts.name if facts else None,
        packages=packages,
    )
