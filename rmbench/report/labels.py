"""What a reader calls each metric, and where it stands in a report.

A metric that is not listed here, such as a plug-in's, is shown under its own
name after the others.
"""

from __future__ import annotations

from rmbench.metrics.ranking import best_of_n_kl
from rmbench.report.depth_labels import (
    BIAS_LABELS,
    CALIBRATION_LABELS,
    SCALE_LABELS,
    VOTE_LABELS,
)
from rmbench.report.metric_label import (
    ACCURACY,
    BEST_OF_N,
    CALIBRATION,
    OTHER,
    SCALE,
    SELECTIVE,
    SENSITIVITY,
    THROUGHPUT,
    VOTES,
    MetricLabel,
)
from rmbench.report.robustness_labels import ROBUSTNESS_LABELS

__all__ = [
    "ACCURACY",
    "BEST_OF_N",
    "CALIBRATION",
    "OTHER",
    "SCALE",
    "SELECTIVE",
    "SENSITIVITY",
    "THROUGHPUT",
    "VOTES",
    "MetricLabel",
    "label_of",
    "position_of",
]

_CURVE = tuple((n, f"{best_of_n_kl(n):.2f}") for n in (1, 2, 4, 8, 16, 32))
_LABELS = (
    MetricLabel("score", "score", ACCURACY, "the benchmark's own headline number", interval=True),
    MetricLabel(
        "accuracy",
        "accuracy",
        ACCURACY,
        "share of comparisons where the chosen answer gets the higher reward",
        interval=True,
    ),
    MetricLabel(
        "macro_accuracy",
        "macro accuracy",
        ACCURACY,
        "mean of the subsets' accuracies",
        interval=True,
        main=False,
    ),
    MetricLabel(
        "section_mean_accuracy",
        "section mean",
        ACCURACY,
        "mean of the sections' accuracies",
        interval=True,
    ),
    MetricLabel(
        "section_score",
        "section score",
        ACCURACY,
        "weighted mean of the sections; of a section, weighted mean of its subsets' accuracies",
        interval=True,
    ),
    MetricLabel(
        "reward_bench_2_score",
        "RewardBench 2 score",
        ACCURACY,
        "mean of the subsets: best of N, in Ties the Ties score",
        interval=True,
    ),
    MetricLabel(
        "ties_score",
        "Ties score",
        ACCURACY,
        "many right answers above the wrong ones and close together; at best 1.01",
        interval=True,
    ),
    MetricLabel(
        "best_of_n_accuracy",
        "best of N",
        ACCURACY,
        "share of prompts whose highest reward is on a chosen answer",
        interval=True,
    ),
    MetricLabel(
        "macro_best_of_n_accuracy",
        "macro best of N",
        ACCURACY,
        "mean of the subsets' best of N",
        interval=True,
        main=False,
    ),
    MetricLabel(
        "worst_subset_accuracy", "worst subset", ACCURACY, "the lowest accuracy of any subset"
    ),
    MetricLabel(
        "worst_subset_accuracy_chance",
        "worst subset by chance",
        ACCURACY,
        "where the lowest subset would be expected if all subsets were equally hard",
    ),
    MetricLabel(
        "untruncated_accuracy",
        "untruncated",
        ACCURACY,
        "accuracy on the examples of which no text was cut off",
        interval=True,
        main=False,
    ),
    MetricLabel(
        "group_mean_accuracy",
        "mean by prompt",
        ACCURACY,
        "accuracy over a prompt's pairs, averaged over prompts",
        interval=True,
        main=False,
    ),
    MetricLabel(
        "macro_group_mean_accuracy",
        "macro mean by prompt",
        ACCURACY,
        "mean of the subsets' means by prompt",
        interval=True,
        main=False,
    ),
    MetricLabel(
        "section_mean_best_of_n_accuracy",
        "section mean best of N",
        ACCURACY,
        "mean of the sections' best of N",
        interval=True,
        main=False,
    ),
    MetricLabel(
        "tie_rate", "tie rate", ACCURACY, "share of comparisons with equal rewards", main=False
    ),
    MetricLabel(
        "easy_accuracy",
        "easy",
        SENSITIVITY,
        "the chosen answer has the richer style",
        interval=True,
    ),
    MetricLabel(
        "normal_accuracy", "normal", SENSITIVITY, "both answers have the same style", interval=True
    ),
    MetricLabel(
        "hard_accuracy",
        "hard",
        SENSITIVITY,
        "the rejected answer has the richer style",
        interval=True,
    ),
    *BIAS_LABELS,
    *ROBUSTNESS_LABELS,
    MetricLabel(
        "confounder_shift",
        "shift",
        SENSITIVITY,
        "how much the toggle alone moves the reward",
        signed=True,
        interval=True,
    ),
    MetricLabel(
        "confounder_win_rate",
        "win rate",
        SENSITIVITY,
        "how often the toggled answer beats the same answer without it",
        interval=True,
    ),
    *(
        MetricLabel(
            f"best_of_{n}_accuracy",
            f"best of {n}",
            BEST_OF_N,
            f"right choices among {n} of the answers; a KL of {kl} nats"
            if n > 1
            else "right answers without a reward model; a KL of 0",
            interval=True,
            main=False,
        )
        for n, kl in _CURVE
    ),
    *(
        MetricLabel(
            f"best_of_{n}_regret",
            f"regret at {n}",
            BEST_OF_N,
            f"right choices among {n} that the truth would have made and the reward did not",
            main=False,
        )
        for n, _ in _CURVE[1:]
    ),
    *(
        MetricLabel(
            f"best_of_{n}_gold",
            f"gold, best of {n}",
            BEST_OF_N,
            f"expected gold of the choice among {n} answers; a KL of {kl} nats"
            if n > 1
            else "gold of an answer without a reward model; a KL of 0",
            interval=True,
            main=False,
        )
        for n, kl in _CURVE
    ),
    *(
        MetricLabel(
            f"best_of_{n}_gold_regret",
            f"gold regret at {n}",
            BEST_OF_N,
            f"gold that the choice among {n} answers lacks of the best of the same {n}",
            main=False,
        )
        for n, _ in _CURVE[1:]
    ),
    MetricLabel(
        "best_of_n_gold",
        "gold, best of all",
        BEST_OF_N,
        "expected gold of the choice among all answers",
        interval=True,
    ),
    MetricLabel(
        "best_of_n_gold_best",
        "best possible",
        BEST_OF_N,
        "gold of the best of all answers, which no scorer can pass",
    ),
    MetricLabel(
        "best_of_n_gold_regret",
        "gold regret",
        BEST_OF_N,
        "gold that the choice among all answers lacks of the best",
        interval=True,
    ),
    MetricLabel(
        "gold_peak_n",
        "peak n",
        BEST_OF_N,
        "the n at which best of n has the highest expected gold",
    ),
    MetricLabel("gold_peak", "gold at peak", BEST_OF_N, "expected gold at that n", main=False),
    MetricLabel(
        "gold_fall",
        "fall after peak",
        BEST_OF_N,
        "expected gold lost from the peak to choosing among all answers: over-optimisation",
        interval=True,
    ),
    MetricLabel(
        "ppe_max_score",
        "PPE maximum",
        BEST_OF_N,
        "highest point of the best-of-K curve, as PPE computes it",
        main=False,
    ),
    MetricLabel(
        "ppe_loss",
        "PPE loss",
        BEST_OF_N,
        "mean squared distance from the best possible best-of-K curve, as PPE computes it",
        main=False,
    ),
    MetricLabel(
        "ppe_auc",
        "PPE AUC",
        BEST_OF_N,
        "ROC AUC of the rewards, each prompt's scaled to its range",
        main=False,
    ),
    *VOTE_LABELS,
    *CALIBRATION_LABELS,
    *SCALE_LABELS,
    MetricLabel("pairs_per_s", "pairs/s", THROUGHPUT, "preference pairs scored per second"),
    MetricLabel("tokens_per_s", "tokens/s", THROUGHPUT, "useful tokens per second"),
    MetricLabel(
        "executed_tokens_per_s",
        "executed tokens/s",
        THROUGHPUT,
        "tokens the model really ran, padding included",
        main=False,
    ),
    MetricLabel(
        "relative_time",
        "time, own path = 1",
        THROUGHPUT,
        "time of a pass over that of the model's own path in the same turn",
        interval=True,
    ),
    MetricLabel("latency_p50_s", "latency p50", THROUGHPUT, "median time of a batch"),
    MetricLabel("latency_p95_s", "latency p95", THROUGHPUT, "time that 95 % of batches stay below"),
    MetricLabel("latency_p99_s", "latency p99", THROUGHPUT, "time that 99 % of batches stay below"),
    MetricLabel("peak_memory_bytes", "peak memory", THROUGHPUT, "most memory in use at once"),
    MetricLabel(
        "padding_fraction", "padding", THROUGHPUT, "share of executed tokens that were padding"
    ),
    MetricLabel(
        "matmul_fraction",
        "of matmul rate",
        THROUGHPUT,
        "arithmetic done, as a share of this device's own measured matmul rate",
    ),
    MetricLabel(
        "effective_matmul_fraction",
        "effective, of matmul rate",
        THROUGHPUT,
        "useful arithmetic, as a share of that rate: padding earns nothing, and what is shared "
        "counts for each who shares it, so it can pass 1",
        main=False,
    ),
    MetricLabel(
        "model_flops_per_s",
        "executed arithmetic",
        THROUGHPUT,
        "arithmetic done per second: padding included, a shared prompt once",
        main=False,
    ),
    MetricLabel(
        "useful_flops_per_s",
        "useful arithmetic",
        THROUGHPUT,
        "what every answer by itself would take, per second",
        main=False,
    ),
    MetricLabel(
        "matmul_flops_per_s",
        "device matmul",
        THROUGHPUT,
        "matmul rate measured on this device in the same run",
        main=False,
    ),
    MetricLabel(
        "mfu", "MFU", THROUGHPUT, "arithmetic done, as a share of the device's published peak"
    ),
    MetricLabel(
        "effective_mfu",
        "effective MFU",
        THROUGHPUT,
        "useful arithmetic, as a share of that peak; it can pass 1",
        main=False,
    ),
    MetricLabel(
        "score_difference_sd",
        "score difference (sd)",
        THROUGHPUT,
        "the largest from the rewards of the model's own path, in standard deviations of them",
    ),
)
_BY_NAME = {entry.metric: entry for entry in _LABELS}
_POSITION = {entry.metric: i for i, entry in enumerate(_LABELS)}


def label_of(metric: str) -> MetricLabel:
    """How to present a metric, known or not.

    >>> label_of("nll").label, label_of("my_metric").label
    ('NLL', 'my metric')
    """
    return _BY_NAME.get(metric) or MetricLabel(metric, metric.replace("_", " "), OTHER)


def position_of(metric: str) -> tuple[int, str]:
    """Sort key: the order of this module, then unknown metrics by name."""
    return (_POSITION.get(metric, len(_POSITION)), metric)
