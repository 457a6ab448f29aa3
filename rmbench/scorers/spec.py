"""From what people write on the command line to a scorer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rmbench import plugins
from rmbench.engine.place import check_model_place
from rmbench.errors import UsageError
from rmbench.spec import ScorerSpec, load_scorer
from rmbench.types import Scorer


@dataclass(frozen=True)
class RunOptions:
    """Choices of one run that are not part of what the scorer is.

    The engine's own defaults stand where a field is ``None``.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda``, ...
        dtype: ``auto``, ``float32``, ``bfloat16``, ``float16``, or ``fastest``: float32 or
            bfloat16, whichever is measured to be faster.
        batch_tokens: Most tokens computed in a batch.
        attention: Path through the engine.
        compiled: Whether the model runs through ``torch.compile``.
        cache: Folder of the score cache; ``None`` for no cache.
        progress: Whether progress bars are shown.
        seed: Of ``random:`` and of resampling.
        report: Told one line at a time what a user should know.
    """

    device: str = "auto"
    dtype: str = "auto"
    batch_tokens: int | None = None
    attention: str = "auto"
    compiled: bool = False
    cache: Path | None = None
    progress: bool = True
    seed: int = 0
    report: Callable[[str], None] = field(default=lambda line: None, compare=False)


def parse_scorer(text: str, overrides: dict[str, Any] | None = None) -> ScorerSpec:
    """Read a SCORER argument.

    ``kind:target`` names a plug-in (``length:``, ``replay:FILE``); a ``.toml`` file
    describes a scorer with options; anything else is a model, ``hf:`` understood:
    a folder, or a Hub id with an optional ``@revision``.

    Args:
        text: The argument.
        overrides: Fields of ``ScorerSpec`` given as options; ``None`` values are ignored.

    Raises:
        UnknownNameError: If there is no scorer of that kind.
        UsageError: If the argument is empty.

    >>> parse_scorer("org/name@main").revision
    'main'
    >>> parse_scorer("length:").kind
    'length'
    """
    if not text.strip():
        raise UsageError("an empty SCORER: give a model folder, a Hub id, or kind:target")
    if text.endswith(".toml") and Path(text).is_file():
        spec = load_scorer(Path(text))
    else:
        kind, colon, target = text.partition(":")
        if not colon or Path(text).exists():
            kind, target = "hf", text
        spec = ScorerSpec(kind=kind, target=target)
    if spec.kind == "hf" and "@" in spec.target and not Path(spec.target).exists():
        target, _, revision = spec.target.rpartition("@")
        spec = spec.model_copy(update={"target": target, "revision": revision})
    given = {k: v for k, v in (overrides or {}).items() if v is not None and v is not False}
    if given:
        spec = ScorerSpec.model_validate(spec.model_dump() | given)
    return spec


def create_scorer(spec: ScorerSpec, options: RunOptions) -> Scorer:
    """Make the scorer a spec describes, through its plug-in.

    Raises:
        UnknownNameError: If there is no such kind.
        ScorerError: If it cannot be loaded.
        UsageError: If its options do not go together.
    """
    if spec.kind == "hf":
        # Importing what runs models takes seconds.
        check_place(spec)
    factory = plugins.load(plugins.SCORERS, spec.kind)
    scorer: Scorer = factory(spec, options)
    return scorer


def check_place(spec: ScorerSpec) -> None:
    """Refuse a model that is neither a folder nor a Hub id; nothing is imported for it.

    Raises:
        UsageError: If no model is named.
        ScorerError: If there is no model there.
    """
    if not spec.target:
        raise UsageError("'hf:' needs a model: a folder or a Hub id")
    check_model_place(spec.target)


def applicable(overrides: dict[str, Any], kind: str) -> dict[str, Any]:
    """Leave out the options meant for models where the scorer is none.

    One command line may score a model and a ruler side by side.
    """
    return overrides if kind == "hf" else {}


def with_dtype(options: RunOptions, spec: ScorerSpec) -> RunOptions:
    """A scorer file may pin its dtype; it wins over ``auto`` only."""
    if spec.dtype is not None and options.dtype == "auto":
        return replace(options, dtype=spec.dtype)
    return options


def absolute(target: str) -> str:
    """A local path made absolute, so that a record does not depend on where it was made."""
    path = Path(target).expanduser()
    return str(path.resolve()) if path.exists() else target


def unsupported_options(spec: ScorerSpec, allowed: set[str]) -> None:
    """Refuse fields that this kind of scorer has no use for.

    Raises:
        UsageError: Naming the first such field.
    """
    always = {"kind", "target", "name", "margins_are_logits"}
    for name in sorted(spec.model_fields_set - always - allowed):
        if getattr(spec, name) not in (None, False):
            raise UsageError(f"a scorer of kind {spec.kind!r} has no option {name!r}")
