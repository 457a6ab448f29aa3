"""The two generators as loaders, with their options checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rmbench.data.controlled.confounders import generate_confounders
from rmbench.data.controlled.generate import generate_controlled
from rmbench.data.controlled.mirrored import SPLITS
from rmbench.errors import UnknownNameError, UsageError
from rmbench.types import PreferenceExample

Options = Mapping[str, str | int | float | bool]


@dataclass(frozen=True)
class ControlledLoader:
    """Generates controlled preferences; options ``split``, ``prompts_per_family``, ``seed``."""

    name: str = "controlled"
    summary: str = "generated preferences whose better answer is certain"

    def generate(self, options: Options) -> tuple[PreferenceExample, ...]:
        """Make the examples that the options describe.

        Raises:
            UsageError: If an option is unknown, missing, of another type or impossible.
        """
        _check_names(self.name, options, ("split", "prompts_per_family", "seed"))
        split = options["split"]
        if split not in SPLITS:
            raise UsageError(
                f"loader {self.name!r}: option 'split' must be train or test, got {split!r}"
            )
        return generate_controlled(
            split,
            prompts_per_family=_whole(self.name, options, "prompts_per_family"),
            seed=_whole(self.name, options, "seed"),
        )


@dataclass(frozen=True)
class ConfoundersLoader:
    """Generates confounder toggles; options ``prompts``, ``seed``."""

    name: str = "confounders"
    summary: str = "generated answers with one confounder added at a time"

    def generate(self, options: Options) -> tuple[PreferenceExample, ...]:
        """Make the examples that the options describe.

        Raises:
            UsageError: If an option is unknown, missing, of another type or impossible.
        """
        _check_names(self.name, options, ("prompts", "seed"))
        return generate_confounders(
            prompts=_whole(self.name, options, "prompts"),
            seed=_whole(self.name, options, "seed"),
        )


def _check_names(loader: str, options: Options, known: tuple[str, ...]) -> None:
    for name in options:
        if name not in known:
            raise UnknownNameError.for_name(f"option of the loader {loader!r}:", name, known)
    for name in known:
        if name not in options:
            raise UsageError(f"loader {loader!r}: option {name!r} is required and not there")


def _whole(loader: str, options: Options, name: str) -> int:
    value = options[name]
    # bool is an int to isinstance; `seed = true` is a slip, not a seed.
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(
            f"loader {loader!r}: option {name!r} must be a whole number, got {value!r}"
        )
    return value
