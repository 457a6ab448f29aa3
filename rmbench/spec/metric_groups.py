"""Named groups of metrics: a suite writes ``@calibration`` and means its members.

Names only: what each metric is stands in ``rmbench.metrics``.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

MARK = "@"
"""What a group's name begins with among a suite's metrics."""

_LENGTH = (
    "length_balanced_accuracy",
    "chosen_longer_accuracy",
    "chosen_shorter_accuracy",
    "length_correlation",
    "length_controlled_accuracy",
    "length_effect",
)

METRIC_GROUPS: dict[str, tuple[str, ...]] = {
    "subsets": ("macro_accuracy", "worst_subset_accuracy", "worst_subset_accuracy_chance"),
    # For answers without markdown; where there is some, `bias` holds it equal as well.
    "length": _LENGTH,
    "bias": (
        *_LENGTH,
        "style_controlled_accuracy",
        "style_length_effect",
        "style_header_effect",
        "style_list_effect",
        "style_bold_effect",
    ),
    "calibration": (
        "nll",
        "brier",
        "brier_skill",
        "brier_reliability",
        "brier_resolution",
        "brier_uncertainty",
        "ece",
        "ece_null",
        "ece_p",
        "ece_equal_width",
        "overconfidence",
        "saturation",
        "temperature",
        "scaled_nll",
        "scaled_brier",
        "scaled_ece",
        "selective_accuracy_25",
        "selective_accuracy_50",
        "selective_accuracy_75",
        "selective_accuracy_area",
    ),
    "votes": ("vote_agreement", "vote_agreement_ceiling", "nll_floor", "nll_excess"),
    "scale": (
        "reward_mean",
        "reward_sd",
        "reward_within_prompt_sd",
        "reward_q05",
        "reward_q50",
        "reward_q95",
    ),
}
"""Members of each group, in the order in which they are measured."""


def expand(names: Sequence[str]) -> tuple[str, ...]:
    """The metrics that a suite's names stand for.

    A metric that is named by itself, or by an earlier group, is not repeated.

    Raises:
        ValueError: If there is no group of a name.

    >>> expand(["accuracy", "nll_floor", "@votes"])
    ('accuracy', 'nll_floor', 'vote_agreement', 'vote_agreement_ceiling', 'nll_excess')
    """
    there = {name for name in names if not name.startswith(MARK)}
    metrics: list[str] = []
    for name in names:
        if not name.startswith(MARK):
            metrics.append(name)
            continue
        members = [m for m in _members(name) if m not in there]
        there.update(members)
        metrics += members
    return tuple(metrics)


def contract(metrics: Sequence[str]) -> tuple[str, ...]:
    """The same metrics with each group that is there as a whole by its name.

    The larger group is named where one holds another.

    >>> contract(["accuracy", "nll_floor", "vote_agreement", "vote_agreement_ceiling",
    ...           "nll_excess"])
    ('accuracy', '@votes')
    """
    left = list(metrics)
    for group, members in sorted(METRIC_GROUPS.items(), key=lambda item: -len(item[1])):
        if set(members) <= set(left):
            place = min(left.index(m) for m in members)
            left[place] = f"{MARK}{group}"
            left = [m for m in left if m not in members]
    return tuple(left)


def _members(name: str) -> tuple[str, ...]:
    group = name.removeprefix(MARK)
    if group not in METRIC_GROUPS:
        near = get_close_matches(group, METRIC_GROUPS, n=1, cutoff=0.5)
        hint = f" did you mean '{MARK}{near[0]}'?" if near else ""
        known = ", ".join(f"{MARK}{g}" for g in METRIC_GROUPS)
        raise ValueError(f"unknown group {name!r}:{hint} Known: {known}")
    return METRIC_GROUPS[group]
