"""The metrics of robustness suites: what rewriting texts does to rewards and to who wins."""

from __future__ import annotations

from functools import partial

from rmbench.metrics import robustness
from rmbench.metrics.robustness_metric import RobustnessMetric
from rmbench.metrics.robustness_metrics import (
    drop_interval,
    drop_p,
    fraction_interval,
    mean,
    shift,
    spread_ratio,
)

FLIP_RATE = RobustnessMetric(
    name="flip_rate",
    unit="fraction",
    higher_is_better=False,
    range=(0.0, 1.0),
    per_subset=True,
    summary="share of comparisons whose winner changes when texts are rewritten; a tie that "
    "comes or goes counts one half",
    compute=partial(
        mean, values=lambda pair, _: robustness.flips(pair), interval=fraction_interval
    ),
)
TIES_CHANGED = RobustnessMetric(
    name="ties_changed",
    unit="fraction",
    higher_is_better=False,
    range=(0.0, 1.0),
    per_subset=True,
    summary="share of comparisons in which rewriting makes or breaks a tie",
    compute=partial(
        mean, values=lambda pair, _: robustness.ties_changed(pair), interval=fraction_interval
    ),
)
ACCURACY_BEFORE = RobustnessMetric(
    name="accuracy_before",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=True,
    summary="accuracy on the examples that a transformation fits, as they were",
    compute=partial(mean, values=robustness.accuracy_before, interval=fraction_interval),
    needs_answer=True,
)
ACCURACY_AFTER = RobustnessMetric(
    name="accuracy_after",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=True,
    summary="accuracy on the same examples, rewritten",
    compute=partial(mean, values=robustness.accuracy_after, interval=fraction_interval),
    needs_answer=True,
)
ACCURACY_DROP = RobustnessMetric(
    name="accuracy_drop",
    unit="fraction",
    higher_is_better=False,
    range=(-1.0, 1.0),
    per_subset=True,
    summary="accuracy lost by rewriting, on the same examples",
    compute=partial(mean, values=robustness.accuracy_drops, interval=drop_interval),
    needs_answer=True,
)
ACCURACY_DROP_P = RobustnessMetric(
    name="accuracy_drop_p",
    unit="1",
    higher_is_better=None,
    range=(0.0, 1.0),
    per_subset=True,
    summary="chance of so large a change of accuracy if rewriting changed nothing",
    compute=partial(drop_p, adjust=False),
    needs_answer=True,
    whole=False,
)
ACCURACY_DROP_Q = RobustnessMetric(
    name="accuracy_drop_q",
    unit="1",
    higher_is_better=None,
    range=(0.0, 1.0),
    per_subset=True,
    summary="accuracy_drop_p, adjusted over the transformations (Benjamini-Hochberg)",
    compute=partial(drop_p, adjust=True),
    needs_answer=True,
    whole=False,
)
SCORE_SHIFT = RobustnessMetric(
    name="score_shift",
    unit="sd of margins",
    higher_is_better=False,
    range=(0.0, float("inf")),
    per_subset=True,
    summary="mean size of the reward's change, in standard deviations of the originals' margins",
    compute=partial(shift, values=robustness.reward_moves),
)
MARGIN_SHIFT = RobustnessMetric(
    name="margin_shift",
    unit="sd of margins",
    higher_is_better=None,
    range=(float("-inf"), float("inf")),
    per_subset=True,
    summary="mean change of the margin, in standard deviations of the originals' margins",
    compute=partial(shift, values=robustness.margin_moves),
)
MARGIN_SD_RATIO = RobustnessMetric(
    name="margin_sd_ratio",
    unit="1",
    higher_is_better=None,
    range=(0.0, float("inf")),
    per_subset=True,
    summary="standard deviation of the margins after rewriting over that before; 1 is unchanged",
    compute=spread_ratio,
    whole=False,
)

METRICS = (
    FLIP_RATE, ACCURACY_DROP, ACCURACY_DROP_P, ACCURACY_DROP_Q, ACCURACY_BEFORE, ACCURACY_AFTER,
    SCORE_SHIFT, MARGIN_SHIFT, MARGIN_SD_RATIO, TIES_CHANGED,
)  # fmt: skip
"""All of them, in the order in which a robustness suite measures them."""
