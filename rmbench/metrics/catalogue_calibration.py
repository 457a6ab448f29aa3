"""The built-in metrics of calibration, of votes and of the rewards' scale, by name.

The names and variables here are entry points that ``pyproject.toml`` declares.
"""

from __future__ import annotations

from functools import partial
from math import inf, log

from rmbench.metrics import calibration_metrics, scale_metrics, selective_metrics, vote_metrics
from rmbench.metrics.comparison_metric import ComparisonMetric

NLL = ComparisonMetric(
    name="nll",
    unit="nat",
    higher_is_better=False,
    range=(0.0, inf),
    per_subset=True,
    summary="Bradley-Terry loss of the margins; ln 2 = 0.693 for a scorer that knows nothing",
    compute=calibration_metrics.nll,
    needs_logits=True,
)
BRIER = ComparisonMetric(
    name="brier",
    unit="1",
    higher_is_better=False,
    range=(0.0, 1.0),
    per_subset=True,
    summary="squared error of sigmoid(margin); 0.25 for always saying one half",
    compute=calibration_metrics.brier,
    needs_logits=True,
)
BRIER_SKILL = ComparisonMetric(
    name="brier_skill",
    unit="1",
    higher_is_better=True,
    range=(-3.0, 1.0),
    per_subset=True,
    summary="1 - brier / 0.25",
    compute=calibration_metrics.brier_skill,
    needs_logits=True,
)
ECE = ComparisonMetric(
    name="ece",
    unit="fraction",
    higher_is_better=False,
    range=(0.0, 1.0),
    per_subset=True,
    summary="expected calibration error, 10 bins of equal mass; read it beside ece_null",
    compute=calibration_metrics.ece,
    needs_logits=True,
)
ECE_NULL = ComparisonMetric(
    name="ece_null",
    unit="fraction",
    higher_is_better=None,
    range=(0.0, 1.0),
    per_subset=True,
    summary="mean ECE that a perfectly calibrated scorer would have on these data",
    compute=calibration_metrics.ece_null,
    needs_logits=True,
)
ECE_P = ComparisonMetric(
    name="ece_p",
    unit="1",
    higher_is_better=None,
    range=(0.0, 1.0),
    per_subset=True,
    summary="chance of an ECE this large under perfect calibration",
    compute=calibration_metrics.ece_p,
    needs_logits=True,
)
OVERCONFIDENCE = ComparisonMetric(
    name="overconfidence",
    unit="fraction",
    higher_is_better=None,
    range=(-1.0, 1.0),
    per_subset=True,
    summary="mean confidence less accuracy; above 0 is over-confident",
    compute=calibration_metrics.overconfidence,
    needs_logits=True,
)
TEMPERATURE = ComparisonMetric(
    name="temperature",
    unit="1",
    higher_is_better=None,
    range=(0.0, inf),
    per_subset=True,
    summary="what to divide margins by to make them calibrated; above 1 is over-confident",
    compute=calibration_metrics.temperature,
    needs_logits=True,
)
ECE_EQUAL_WIDTH = ComparisonMetric(
    name="ece_equal_width",
    unit="fraction",
    higher_is_better=False,
    range=(0.0, 1.0),
    per_subset=False,
    per_section=True,
    summary="expected calibration error, 10 bins of equal width on [0.5, 1]",
    compute=calibration_metrics.ece_equal_width,
    needs_logits=True,
)
BRIER_RELIABILITY = ComparisonMetric(
    name="brier_reliability",
    unit="1",
    higher_is_better=False,
    range=(0.0, 1.0),
    per_subset=False,
    per_section=True,
    summary="part of the Brier score that recalibration would save",
    compute=partial(calibration_metrics.brier_part, part="reliability"),
    needs_logits=True,
)
BRIER_RESOLUTION = ComparisonMetric(
    name="brier_resolution",
    unit="1",
    higher_is_better=True,
    range=(0.0, 0.25),
    per_subset=False,
    per_section=True,
    summary="part of the Brier score that recalibrated margins gain over one half",
    compute=partial(calibration_metrics.brier_part, part="resolution"),
    needs_logits=True,
)
BRIER_UNCERTAINTY = ComparisonMetric(
    name="brier_uncertainty",
    unit="1",
    higher_is_better=None,
    range=(0.0, 0.25),
    per_subset=False,
    per_section=True,
    summary="Brier score of always saying one half; 0.25 for plain preferences",
    compute=partial(calibration_metrics.brier_part, part="uncertainty"),
    needs_logits=True,
)
SCALED_NLL = ComparisonMetric(
    name="scaled_nll",
    unit="nat",
    higher_is_better=False,
    range=(0.0, inf),
    per_subset=False,
    per_section=True,
    summary="nll after a temperature fitted on the other four fifths of the prompts",
    compute=calibration_metrics.scaled_nll,
    needs_logits=True,
)
SCALED_BRIER = ComparisonMetric(
    name="scaled_brier",
    unit="1",
    higher_is_better=False,
    range=(0.0, 1.0),
    per_subset=False,
    per_section=True,
    summary="brier after a temperature fitted on the other four fifths of the prompts",
    compute=calibration_metrics.scaled_brier,
    needs_logits=True,
)
SCALED_ECE = ComparisonMetric(
    name="scaled_ece",
    unit="fraction",
    higher_is_better=False,
    range=(0.0, 1.0),
    per_subset=False,
    per_section=True,
    summary="ece after a temperature fitted on the other four fifths of the prompts",
    compute=calibration_metrics.scaled_ece,
    needs_logits=True,
)
SATURATION = ComparisonMetric(
    name="saturation",
    unit="fraction",
    higher_is_better=None,
    range=(0.0, 1.0),
    per_subset=False,
    per_section=True,
    summary="share of comparisons with |margin| > 10, where sigmoid is 0 or 1 to within 5e-5",
    compute=calibration_metrics.saturation,
    needs_logits=True,
)


def _accuracy_at(percent: int) -> ComparisonMetric:
    return ComparisonMetric(
        name=f"selective_accuracy_{percent}",
        unit="fraction",
        higher_is_better=True,
        range=(0.0, 1.0),
        per_subset=False,
        per_section=True,
        summary=f"accuracy of the {percent} % of comparisons with the largest margins",
        compute=partial(selective_metrics.accuracy_at_coverage, coverage=percent / 100),
        needs_answer=True,
    )


SELECTIVE_ACCURACY_25 = _accuracy_at(25)
SELECTIVE_ACCURACY_50 = _accuracy_at(50)
SELECTIVE_ACCURACY_75 = _accuracy_at(75)
SELECTIVE_ACCURACY_AREA = ComparisonMetric(
    name="selective_accuracy_area",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=False,
    per_section=True,
    summary="mean of the selective accuracy over all coverages",
    compute=selective_metrics.area,
    needs_answer=True,
)
VOTE_AGREEMENT = ComparisonMetric(
    name="vote_agreement",
    unit="fraction",
    higher_is_better=True,
    range=(0.0, 1.0),
    per_subset=True,
    summary="chance that the scorer agrees with one annotator; read it beside its ceiling",
    compute=vote_metrics.vote_agreement,
)
VOTE_AGREEMENT_CEILING = ComparisonMetric(
    name="vote_agreement_ceiling",
    unit="fraction",
    higher_is_better=None,
    range=(0.0, 1.0),
    per_subset=True,
    summary="chance that the majority agrees with one of its own votes: the most on these votes",
    compute=vote_metrics.vote_agreement_ceiling,
)
NLL_FLOOR = ComparisonMetric(
    name="nll_floor",
    unit="nat",
    higher_is_better=None,
    range=(0.0, log(2)),
    per_subset=True,
    summary="entropy of the shares of votes: the least nll on these votes",
    compute=vote_metrics.nll_floor,
)
NLL_EXCESS = ComparisonMetric(
    name="nll_excess",
    unit="nat",
    higher_is_better=False,
    range=(0.0, inf),
    per_subset=True,
    summary="nll less nll_floor: divergence from the shares of votes",
    compute=vote_metrics.nll_excess,
    needs_logits=True,
)
REWARD_MEAN = ComparisonMetric(
    name="reward_mean",
    unit="reward",
    higher_is_better=None,
    range=(-inf, inf),
    per_subset=True,
    summary="mean reward of all responses",
    compute=scale_metrics.reward_mean,
)
REWARD_SD = ComparisonMetric(
    name="reward_sd",
    unit="reward",
    higher_is_better=None,
    range=(0.0, inf),
    per_subset=True,
    summary="standard deviation of the rewards of all responses",
    compute=scale_metrics.reward_sd,
)
REWARD_WITHIN_PROMPT_SD = ComparisonMetric(
    name="reward_within_prompt_sd",
    unit="reward",
    higher_is_better=None,
    range=(0.0, inf),
    per_subset=False,
    per_section=True,
    summary="standard deviation of the rewards of one prompt's responses, pooled",
    compute=scale_metrics.within_prompt_sd,
)


def _quantile(percent: int) -> ComparisonMetric:
    return ComparisonMetric(
        name=f"reward_q{percent:02}",
        unit="reward",
        higher_is_better=None,
        range=(-inf, inf),
        per_subset=False,
        per_section=True,
        summary=f"{percent} % quantile of the rewards of all responses",
        compute=partial(scale_metrics.reward_quantile, q=percent / 100),
    )


REWARD_Q05 = _quantile(5)
REWARD_Q50 = _quantile(50)
REWARD_Q95 = _quantile(95)
