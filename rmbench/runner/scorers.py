"""Whether scorers can be there at all, asked of all of them before the first is loaded."""

from __future__ import annotations

from collections.abc import Sequence

from rmbench import plugins
from rmbench.data.source import parse_source
from rmbench.scorers.replay import locate
from rmbench.scorers.spec import RunOptions, check_place, create_scorer
from rmbench.spec import ScorerSpec

_WITHOUT_TARGET = ("length", "shorter", "markdown", "first-person", "refusal", "random")


def check_scorers(specs: Sequence[ScorerSpec]) -> None:
    """Refuse scorers of an unknown kind, and files and folders that are not there.

    Nothing is loaded for it, so whether a model or a file can be used is known only later.

    Raises:
        UnknownNameError: If there is no scorer of some kind.
        UsageError: If a scores file does not exist, or a scorer that takes no target has one.
        ScorerError: If a model is no folder and no Hub id.
        DataError: If there are no preferences for a bag of words to learn from.
    """
    for spec in specs:
        plugins.package(plugins.SCORERS, spec.kind)
    for spec in specs:
        if spec.kind == "hf":
            check_place(spec)
        elif spec.kind == "replay":
            locate(spec)
        elif spec.kind == "bow" and spec.target:
            parse_source(spec.target)
        elif spec.kind in _WITHOUT_TARGET:
            create_scorer(spec, RunOptions())
