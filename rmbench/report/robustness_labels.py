"""How the metrics of robustness suites are presented."""

from __future__ import annotations

from rmbench.report.metric_label import MetricLabel

ROBUSTNESS = "Robustness"

ROBUSTNESS_LABELS = (
    MetricLabel(
        "flip_rate",
        "flip rate",
        ROBUSTNESS,
        "share of comparisons whose winner rewriting changes; a tie that comes or goes counts "
        "one half; lower is better",
        interval=True,
    ),
    MetricLabel(
        "accuracy_before",
        "accuracy before",
        ROBUSTNESS,
        "on the examples that are rewritten, as they were, once for each rewriting",
    ),
    MetricLabel("accuracy_after", "accuracy after", ROBUSTNESS, "on the same examples, rewritten"),
    MetricLabel(
        "accuracy_drop",
        "accuracy drop",
        ROBUSTNESS,
        "before less after, on the same examples; lower is better",
        signed=True,
        interval=True,
    ),
    MetricLabel(
        "accuracy_drop_p",
        "p of the drop",
        ROBUSTNESS,
        "chance of so large a change of accuracy if rewriting changed nothing",
        main=False,
    ),
    MetricLabel(
        "accuracy_drop_q",
        "q of the drop",
        ROBUSTNESS,
        "that p adjusted over the transformations (Benjamini-Hochberg)",
        main=False,
    ),
    MetricLabel(
        "score_shift",
        "score shift",
        ROBUSTNESS,
        "mean size of a reward's change, in standard deviations of the originals' margins",
    ),
    MetricLabel(
        "margin_shift",
        "margin shift",
        ROBUSTNESS,
        "mean change of the margin, in the same unit",
        signed=True,
        main=False,
    ),
    MetricLabel(
        "margin_sd_ratio",
        "spread of margins",
        ROBUSTNESS,
        "standard deviation of the margins after over before; 1 is unchanged",
        main=False,
    ),
    MetricLabel(
        "ties_changed",
        "ties changed",
        ROBUSTNESS,
        "share of comparisons in which a tie came or went",
        main=False,
    ),
)
