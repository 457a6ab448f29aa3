"""From a difference, its interval and its p-value to a word."""

from __future__ import annotations

from rmbench.result import Verdict

ALPHA = 0.05
"""Two-sided size of the tests behind ``improved`` and ``regression``."""

ALLOWED_LOSS_BY_UNIT = {"fraction": 0.01, "nat": 0.01}
"""Largest loss that ``pass`` still allows where no gate says otherwise."""

ALLOWED_LOSS_BY_METRIC = {"brier": 0.0025, "scaled_brier": 0.0025, "brier_skill": 0.01}
"""The same for metrics without a unit; 0.0025 of the Brier score is .01 of its skill."""


def allowed_loss(metric: str, unit: str) -> float | None:
    """Loss up to which a difference may pass; ``None`` where there is no such convention.

    >>> allowed_loss("accuracy", "fraction"), allowed_loss("reward_mean", "reward")
    (0.01, None)
    """
    return ALLOWED_LOSS_BY_METRIC.get(metric, ALLOWED_LOSS_BY_UNIT.get(unit))


def verdict(
    difference: float,
    interval: tuple[float, float] | None,
    p: float | None,
    *,
    higher_is_better: bool,
    allowed: float | None,
) -> Verdict:
    """What the data allow to say of a paired difference.

    Args:
        difference: Candidate less baseline.
        interval: Its 95 % interval.
        p: Two-sided p-value that decides; adjusted where it is one of several.
        higher_is_better: The metric's direction.
        allowed: Loss that may pass; ``None`` where nothing does but a significant gain.

    >>> verdict(0.08, (0.04, 0.12), 0.001, higher_is_better=True, allowed=0.01)
    'improved'
    >>> verdict(0.001, (-0.004, 0.006), 0.7, higher_is_better=True, allowed=0.01)
    'pass'
    """
    gain = difference if higher_is_better else -difference
    if p is not None and p < ALPHA and gain != 0:
        return "improved" if gain > 0 else "regression"
    if interval is None or allowed is None:
        return "inconclusive"
    worst = interval[0] if higher_is_better else -interval[1]
    return "pass" if worst > -allowed else "inconclusive"
