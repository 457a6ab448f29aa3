"""Labels of the metrics of bias, votes, calibration and the rewards' scale, in reading order."""

from __future__ import annotations

from rmbench.report.metric_label import (
    CALIBRATION,
    SCALE,
    SELECTIVE,
    SENSITIVITY,
    VOTES,
    MetricLabel,
)

BIAS_LABELS = (
    MetricLabel(
        "length_balanced_accuracy",
        "length-balanced",
        SENSITIVITY,
        "mean of the accuracies where the chosen answer is longer and where it is shorter, so that "
        "preferring length earns nothing",
        interval=True,
    ),
    MetricLabel(
        "chosen_longer_accuracy",
        "chosen longer",
        SENSITIVITY,
        "accuracy where the chosen answer has more characters",
        main=False,
    ),
    MetricLabel(
        "chosen_shorter_accuracy",
        "chosen shorter",
        SENSITIVITY,
        "accuracy where the chosen answer has fewer characters",
        main=False,
    ),
    MetricLabel(
        "length_correlation",
        "correlation with length",
        SENSITIVITY,
        "rank correlation of the margin with the difference in characters",
        signed=True,
        main=False,
    ),
    MetricLabel(
        "length_controlled_accuracy",
        "length-controlled",
        SENSITIVITY,
        "accuracy between two answers of one length, by a logistic model",
        main=False,
    ),
    MetricLabel(
        "length_effect",
        "effect of length",
        SENSITIVITY,
        "log-odds that a typical difference in length adds; 0 is unbiased",
        signed=True,
        main=False,
    ),
    MetricLabel(
        "style_controlled_accuracy",
        "style-controlled",
        SENSITIVITY,
        "accuracy between two answers of one length and as much markdown",
        main=False,
    ),
    *(
        MetricLabel(
            f"style_{feature}_effect",
            f"effect of {name}",
            SENSITIVITY,
            f"log-odds that a typical difference in {what} adds, the other style held equal",
            signed=True,
            main=False,
        )
        for feature, name, what in (
            ("length", "length, style held equal", "characters"),
            ("header", "headers", "headers"),
            ("list", "lists", "list items"),
            ("bold", "bold", "bold spans"),
        )
    ),
)
VOTE_LABELS = (
    MetricLabel(
        "vote_agreement",
        "vote agreement",
        VOTES,
        "chance of agreeing with one annotator; no scorer can pass the next one on these votes",
        interval=True,
    ),
    MetricLabel(
        "vote_agreement_ceiling",
        "highest vote agreement",
        VOTES,
        "chance that the majority of these votes agrees with one of them; with others less often",
    ),
    MetricLabel(
        "nll_floor",
        "lowest NLL",
        VOTES,
        "entropy of the shares of votes: the NLL of a scorer that knows them",
        main=False,
    ),
    MetricLabel(
        "nll_excess",
        "NLL above the lowest",
        VOTES,
        "divergence of sigmoid(margin) from the shares of votes",
        main=False,
    ),
)
CALIBRATION_LABELS = (
    MetricLabel("nll", "NLL", CALIBRATION, "mean −log sigmoid(margin); a coin flip gets 0.693"),
    MetricLabel("brier", "Brier", CALIBRATION, "mean squared error of sigmoid(margin)", main=False),
    MetricLabel(
        "brier_skill",
        "Brier skill",
        CALIBRATION,
        "1 is perfect, 0 is a coin flip, below 0 is worse than one",
        signed=True,
    ),
    MetricLabel(
        "brier_reliability",
        "Brier: reliability",
        CALIBRATION,
        "what recalibration would save of it",
        main=False,
    ),
    MetricLabel(
        "brier_resolution",
        "Brier: resolution",
        CALIBRATION,
        "what telling sure comparisons from unsure ones takes off it",
        main=False,
    ),
    MetricLabel(
        "brier_uncertainty",
        "Brier: uncertainty",
        CALIBRATION,
        "Brier score of always saying one half",
        main=False,
    ),
    MetricLabel(
        "ece", "ECE", CALIBRATION, "mean gap between confidence and accuracy, in bins of equal mass"
    ),
    MetricLabel(
        "ece_null",
        "ECE if calibrated",
        CALIBRATION,
        "the ECE a perfectly calibrated scorer would show on as many examples",
    ),
    MetricLabel(
        "ece_p",
        "ECE p-value",
        CALIBRATION,
        "chance of so large an ECE if perfectly calibrated",
        main=False,
    ),
    MetricLabel(
        "ece_equal_width",
        "ECE, equal width",
        CALIBRATION,
        "the same in bins of equal width",
        main=False,
    ),
    MetricLabel(
        "overconfidence",
        "overconfidence",
        CALIBRATION,
        "mean confidence minus accuracy",
        signed=True,
        main=False,
    ),
    MetricLabel(
        "temperature",
        "temperature",
        CALIBRATION,
        "what margins must be divided by; above 1 is over-confident",
    ),
    *(
        MetricLabel(
            f"scaled_{metric}",
            f"{name} after scaling",
            CALIBRATION,
            "margins divided by a temperature fitted on other prompts",
            main=False,
        )
        for metric, name in (("nll", "NLL"), ("brier", "Brier"), ("ece", "ECE"))
    ),
    MetricLabel(
        "saturation",
        "saturation",
        CALIBRATION,
        "share of comparisons with |margin| above 10",
        main=False,
    ),
    *(
        MetricLabel(
            f"selective_accuracy_{percent}",
            f"accuracy of {percent} %",
            SELECTIVE,
            f"accuracy of the {percent} % of comparisons with the largest margins",
            main=False,
        )
        for percent in (25, 50, 75)
    ),
    MetricLabel(
        "selective_accuracy_area",
        "area under the curve",
        SELECTIVE,
        "mean of that accuracy over all shares",
        main=False,
    ),
)
SCALE_LABELS = (
    MetricLabel("reward_mean", "mean", SCALE, "mean reward of all answers", main=False),
    MetricLabel(
        "reward_sd", "standard deviation", SCALE, "of the rewards of all answers", main=False
    ),
    MetricLabel(
        "reward_within_prompt_sd",
        "SD within a prompt",
        SCALE,
        "of the rewards of one prompt's answers, pooled",
        main=False,
    ),
    *(
        MetricLabel(
            f"reward_q{percent:02}",
            f"{percent} % quantile",
            SCALE,
            f"{percent} % of all answers have a lower reward",
            main=False,
        )
        for percent in (5, 50, 95)
    ),
)
