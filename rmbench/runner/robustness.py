"""``robustness:SUITE``: a suite measured again on rewritten texts."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from rmbench.data.robustness import TRANSFORMATIONS, VERSION, derive
from rmbench.errors import UsageError
from rmbench.metrics.base import Undefined
from rmbench.metrics.catalogue_robustness import METRICS
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.robustness import accuracy_before, join
from rmbench.spec import PreferenceSuite, RobustnessSuite, SuiteSpec
from rmbench.spec.robustness import ORIGINAL
from rmbench.types import PreferenceSet, Scores

PREFIX = "robustness:"
"""What stands before the base suite's name in ``--suite``."""

SUMMARY = (
    f"any suite of preferences, as it is and rewritten in {len(TRANSFORMATIONS)} ways that leave "
    "it unchanged which answer is better"
)
"""One line for ``rmbench list suites``."""

_BY_NAME = {t.name: t for t in TRANSFORMATIONS}


def derive_suite(base: SuiteSpec) -> RobustnessSuite:
    """The robustness suite of a base suite.

    Its name has a hyphen where the argument has a colon, because results lie in folders of
    that name. Sections, weights and the base suite's own metrics and headline stay out: they
    speak of the base suite's subsets, and the transformations take their place.

    Raises:
        UsageError: If the base suite measures no preferences, or is derived itself.
    """
    if isinstance(base, RobustnessSuite):
        raise UsageError(
            f"{PREFIX}{PREFIX}{base.base.name}: a suite is rewritten once: name "
            f"{PREFIX}{base.base.name}"
        )
    if not isinstance(base, PreferenceSuite):
        raise UsageError(
            f"{PREFIX}{base.name}: {base.name} measures speed and has no preferences to rewrite: "
            "name a suite of preferences (`rmbench list suites`)"
        )
    return RobustnessSuite(
        name=f"robustness-{base.name}",
        version=f"{base.version}.{VERSION}",
        title=f"{base.title}, rewritten",
        description=(
            f"The examples of {base.name} as they are, and rewritten in {len(TRANSFORMATIONS)} "
            "ways that leave it unchanged which answer is better: the prompt, or all answers "
            "alike. A reward model that goes by what is said keeps its choice; so does one that "
            "ignores it, which is why flips are read beside the accuracy."
        ),
        licence=base.licence,
        citation=base.citation,
        source=base.source,
        data=base.data,
        ties=base.ties,
        metrics=tuple(metric.name for metric in METRICS),
        max_length=base.max_length,
        notes=base.notes,
        base=base,
        transformations=tuple(t.name for t in TRANSFORMATIONS),
        transformations_version=VERSION,
    )


def derive_data(suite: RobustnessSuite, base: PreferenceSet) -> PreferenceSet:
    """The suite's examples, from those of its base suite."""
    chosen = [_BY_NAME[name] for name in suite.transformations]
    return derive(base, chosen, name=suite.name, seed=suite.transformation_seed).data


def facts(suite: RobustnessSuite, data: PreferenceSet) -> dict[str, Any]:
    """What a result has to say of its texts: the transformations, and what they do not fit.

    Args:
        suite: The suite.
        data: Its examples, rewritten ones included.

    Returns:
        Plain values, for the result's ``provenance.facts``.
    """
    counts = Counter(example.subset for example in data)
    return {
        "base": {"suite": suite.base.name, "digest": suite.base.digest},
        "examples": counts[ORIGINAL],
        "transformations": {
            name: {
                "family": _BY_NAME[name].family,
                "what": _BY_NAME[name].summary,
                "keeps": _BY_NAME[name].keeps,
                "examples": counts[name],
                "left_out": counts[ORIGINAL] - counts[name],
            }
            for name in suite.transformations
        },
    }


def turned(scores: Scores) -> Scores:
    """Those of the rewritten examples that were right as they were and are now wrong.

    Of one example that turns in several ways, the one with the lowest margin, so that a
    list of the worst is not one example many times over.

    Args:
        scores: Of the whole suite, all rewards finite.
    """
    joined = join(Comparisons.from_scores(scores).decided)
    worst: dict[int, tuple[float, str]] = {}
    if not isinstance(joined, Undefined):
        for pair in joined.values():
            lowest = np.minimum.reduceat(pair.after.margin, pair.after.first_comparison)
            for i in np.flatnonzero((accuracy_before(pair, "wrong") == 1) & (lowest < 0)):
                now = (float(lowest[i]), str(pair.after.id[i]))
                original = int(pair.at[i])
                worst[original] = min(worst.get(original, now), now)
    return scores.where(np.isin(scores.example_id, [key for _, key in worst.values()]))


def describe(suite: RobustnessSuite, data: PreferenceSet | None) -> str:
    """The transformations as a table, with the examples that each fits where they are at hand.

    Args:
        suite: The suite.
        data: Its examples, rewritten ones included, if they were read.
    """
    from tabulate import tabulate

    counts = Counter(example.subset for example in data or ())
    rows = []
    for name in suite.transformations:
        t = _BY_NAME[name]
        row = {"transformation": name, "family": t.family, "what": t.summary, "keeps": t.keeps}
        rows.append(row if data is None else {**row, "fits": f"{counts[name]:,}"})
    table = tabulate(
        rows,
        headers="keys",
        tablefmt="simple",
        maxcolwidths=[None, None, 34, 24, None],
        disable_numparse=True,
        colalign=("left", "left", "left", "left", *(() if data is None else ("right",))),
    )
    if data is None:
        return f"{table}\n\nWith --data DIR: how many of the examples each one fits."
    n, rewritten = counts[ORIGINAL], len(data) - counts[ORIGINAL]
    return f"{table}\n\n{n:,} examples as they are, {rewritten:,} rewritten ones."
