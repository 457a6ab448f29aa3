"""The built-in metrics of accuracy and best of N by name, with unit, direction and range.

Those of bias and of calibration stand in ``catalogue_bias`` and ``catalogue_calibration``. The
names and variables here are the entry points that ``pyproject.toml`` declares.
"""

from __future__ import annotations

from functools import partial
from math import inf

from rmbench.metrics import (
    accuracy_metrics,
    best_of_n_metrics,
    gold_metrics,
    group_metrics,
    ppe_metrics,
    ties,
)
from rmbench.metrics.comparison_metric import ComparisonMetric

ACCURACY = ComparisonMetric(
    name="accuracy",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=True,
    summary="share of chosen x rejected comparisons won, averaged over examples",
    compute=accuracy_metrics.accuracy,
    needs_answer=True,
)
MACRO_ACCURACY = ComparisonMetric(
    name="macro_accuracy",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=False,
    summary="unweighted mean of the subsets' accuracies",
    compute=accuracy_metrics.macro_accuracy,
    needs_answer=True,
)
SECTION_MEAN_ACCURACY = ComparisonMetric(
    name="section_mean_accuracy",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=False,
    summary="unweighted mean of the sections' accuracies",
    compute=accuracy_metrics.section_mean_accuracy,
    needs_answer=True,
)
SECTION_SCORE = ComparisonMetric(
    name="section_score",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=False,
    summary="weighted mean of sections, a section being that of its subsets' accuracies",
    compute=accuracy_metrics.section_score,
    needs_answer=True,
    per_section=True,
)
WORST_SUBSET_ACCURACY = ComparisonMetric(
    name="worst_subset_accuracy",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=False,
    summary="smallest accuracy of any subset, with that subset's interval",
    compute=accuracy_metrics.worst_subset_accuracy,
    needs_answer=True,
)
WORST_SUBSET_ACCURACY_CHANCE = ComparisonMetric(
    name="worst_subset_accuracy_chance",
    unit="fraction",
    higher_is_better=None,
    range=(0.0, 1.0),
    per_subset=False,
    summary="worst subset to expect by chance if all subsets had the suite's accuracy",
    compute=accuracy_metrics.worst_subset_accuracy_chance,
    needs_answer=True,
)
UNTRUNCATED_ACCURACY = ComparisonMetric(
    name="untruncated_accuracy",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=False,
    summary="accuracy on the examples of which no text was cut off",
    compute=accuracy_metrics.untruncated_accuracy,
    needs_answer=True,
)
BEST_OF_N_ACCURACY = ComparisonMetric(
    name="best_of_n_accuracy",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=True,
    summary="share of examples whose highest reward goes to a chosen response",
    compute=accuracy_metrics.best_of_n_accuracy,
    needs_answer=True,
)
GROUP_MEAN_ACCURACY = ComparisonMetric(
    name="group_mean_accuracy",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=True,
    summary="accuracy over the examples of a group (mostly a prompt), averaged over groups",
    compute=group_metrics.group_mean_accuracy,
    needs_answer=True,
)
MACRO_GROUP_MEAN_ACCURACY = ComparisonMetric(
    name="macro_group_mean_accuracy",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=False,
    summary="unweighted mean of the subsets' group_mean_accuracy",
    compute=group_metrics.macro_group_mean_accuracy,
    needs_answer=True,
)
SECTION_MEAN_BEST_OF_N_ACCURACY = ComparisonMetric(
    name="section_mean_best_of_n_accuracy",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=False,
    summary="unweighted mean of the sections' best-of-N accuracies",
    compute=group_metrics.section_mean_best_of_n_accuracy,
    needs_answer=True,
)
MACRO_BEST_OF_N_ACCURACY = ComparisonMetric(
    name="macro_best_of_n_accuracy",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=False,
    summary="unweighted mean of the subsets' best-of-N accuracies",
    compute=accuracy_metrics.macro_best_of_n_accuracy,
    needs_answer=True,
)
BEST_OF_1_ACCURACY = best_of_n_metrics.accuracy_at(1)
BEST_OF_2_ACCURACY = best_of_n_metrics.accuracy_at(2)
BEST_OF_4_ACCURACY = best_of_n_metrics.accuracy_at(4)
BEST_OF_8_ACCURACY = best_of_n_metrics.accuracy_at(8)
BEST_OF_16_ACCURACY = best_of_n_metrics.accuracy_at(16)
BEST_OF_32_ACCURACY = best_of_n_metrics.accuracy_at(32)
BEST_OF_2_REGRET = best_of_n_metrics.regret_at(2)
BEST_OF_4_REGRET = best_of_n_metrics.regret_at(4)
BEST_OF_8_REGRET = best_of_n_metrics.regret_at(8)
BEST_OF_16_REGRET = best_of_n_metrics.regret_at(16)
BEST_OF_32_REGRET = best_of_n_metrics.regret_at(32)
BEST_OF_1_GOLD = gold_metrics.gold_at(1)
BEST_OF_2_GOLD = gold_metrics.gold_at(2)
BEST_OF_4_GOLD = gold_metrics.gold_at(4)
BEST_OF_8_GOLD = gold_metrics.gold_at(8)
BEST_OF_16_GOLD = gold_metrics.gold_at(16)
BEST_OF_32_GOLD = gold_metrics.gold_at(32)
BEST_OF_2_GOLD_REGRET = gold_metrics.regret_at(2)
BEST_OF_4_GOLD_REGRET = gold_metrics.regret_at(4)
BEST_OF_8_GOLD_REGRET = gold_metrics.regret_at(8)
BEST_OF_16_GOLD_REGRET = gold_metrics.regret_at(16)
BEST_OF_32_GOLD_REGRET = gold_metrics.regret_at(32)
BEST_OF_N_GOLD = gold_metrics.GOLD_AT_LAST
BEST_OF_N_GOLD_BEST = gold_metrics.BEST_AT_LAST
BEST_OF_N_GOLD_REGRET = gold_metrics.REGRET_AT_LAST
GOLD_PEAK_N = gold_metrics.PEAK_N
GOLD_PEAK = gold_metrics.PEAK
GOLD_FALL = gold_metrics.FALL
PPE_MAX_SCORE = ComparisonMetric(
    name="ppe_max_score",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=True,
    summary="PPE: highest point of the best-of-K curve, mean over 100 orders, then over sets",
    compute=ppe_metrics.ppe_max_score,
    needs_answer=True,
)
PPE_LOSS = ComparisonMetric(
    name="ppe_loss",
    unit="fraction²",
    higher_is_better=False,
    range=(0.0, 1.0),
    per_subset=True,
    summary="PPE: squared distance from the best possible best-of-K curve, mean over K, 100 orders "
    "and sets",
    compute=ppe_metrics.ppe_loss,
    needs_answer=True,
)
PPE_AUC = ComparisonMetric(
    name="ppe_auc",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=True,
    summary="PPE: ROC AUC of rewards scaled to each prompt's range, mean over sets",
    compute=ppe_metrics.ppe_auc,
    needs_answer=True,
)
TIES_SCORE = ComparisonMetric(
    name="ties_score",
    unit="fraction",
    higher_is_better=True,
    range=(ties.LOWEST, ties.HIGHEST),
    per_subset=False,
    summary="RewardBench 2: many right answers above the wrong ones and close together; up to 1.01",
    compute=ties.ties,
    needs_answer=True,
)
REWARD_BENCH_2_SCORE = ComparisonMetric(
    name="reward_bench_2_score",
    unit="fraction",
    higher_is_better=True,
    range=(ties.LOWEST, ties.HIGHEST),
    per_subset=True,
    summary="RewardBench 2: best of N in each subset, ties_score in Ties, and their mean",
    compute=ties.reward_bench_2,
    needs_answer=True,
)
EASY_ACCURACY = ComparisonMetric(
    name="easy_accuracy",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=True,
    summary="RM-Bench: the chosen response has the more elaborate style",
    compute=partial(accuracy_metrics.matrix_accuracy, difficulty="easy"),
    needs_answer=True,
)
NORMAL_ACCURACY = ComparisonMetric(
    name="normal_accuracy",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=True,
    summary="RM-Bench: both responses have the same style",
    compute=partial(accuracy_metrics.matrix_accuracy, difficulty="normal"),
    needs_answer=True,
)
HARD_ACCURACY = ComparisonMetric(
    name="hard_accuracy",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=True,
    summary="RM-Bench: the rejected response has the more elaborate style",
    compute=partial(accuracy_metrics.matrix_accuracy, difficulty="hard"),
    needs_answer=True,
)
TIE_RATE = ComparisonMetric(
    name="tie_rate",
    unit="fraction",
    higher_is_better=False,
    range=(0.0, 1.0),
    per_subset=True,
    summary="share of comparisons with exactly equal rewards",
    compute=accuracy_metrics.tie_rate,
)
CONFOUNDER_SHIFT = ComparisonMetric(
    name="confounder_shift",
    unit="sd of plain rewards",
    higher_is_better=None,
    range=(-inf, inf),
    per_subset=True,
    summary="how far a confounder alone moves the reward; 0 is unbiased",
    compute=accuracy_metrics.confounder_shift,
)
CONFOUNDER_WIN_RATE = ComparisonMetric(
    name="confounder_win_rate",
    unit="fraction",
    higher_is_better=None,
    range=(0.0, 1.0),
    per_subset=True,
    summary="how often the response with the confounder is preferred; 0.5 is unbiased",
    compute=accuracy_metrics.confounder_win_rate,
)
