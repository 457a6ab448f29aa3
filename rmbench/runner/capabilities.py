"""What a scorer may offer beyond rewards; the runner asks, and records the answer."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from rmbench.engine.device import DeviceFacts
from rmbench.result import EngineProvenance, ScorerInfo


@runtime_checkable
class RunsModel(Protocol):
    """A scorer with a model behind it: it can say how it ran and where."""

    @property
    def info(self) -> ScorerInfo:
        """What the scorer is."""
        ...

    @property
    def max_length_given(self) -> int | None:
        """The length the scorer was asked to cut at, if any."""
        ...

    def provenance(self) -> EngineProvenance:
        """How the last call of ``score`` was carried out."""
        ...

    def facts(self) -> DeviceFacts:
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
