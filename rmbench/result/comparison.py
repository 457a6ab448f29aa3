"""What a comparison of two results, and a gate's answer, are written down as."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from rmbench.result.models import Checkpoint, ScorerInfo, SuiteRef, _Record

COMPARISON_SCHEMA_VERSION: Literal[1] = 1
"""Version of the comparison file's layout."""

Verdict = Literal["pass", "improved", "regression", "inconclusive", "not_comparable"]
"""What the data allow to say of a candidate.

``improved`` and ``regression``: the difference is significant. ``pass``: it is not, and the
interval excludes a loss larger than the one that is allowed. ``inconclusive``: the data could
not have told. ``not_comparable``: there is no paired difference to speak of.
"""


class PairedTable(_Record):
    """How often two scorers were right on the same items, one item a cluster."""

    both: int = Field(ge=0)
    only_baseline: int = Field(ge=0)
    only_candidate: int = Field(ge=0)
    neither: int = Field(ge=0)


class PairedEstimate(_Record):
    """One metric of one part of a suite, of both scorers on the same items.

    The difference is candidate less baseline, in the metric's own unit, whichever direction
    is better.
    """

    metric: str
    subset: str | None = Field(default=None, description="None: the whole suite")
    unit: str
    higher_is_better: bool | None
    baseline: float | None
    candidate: float | None
    difference: float | None = Field(description="candidate less baseline")
    reason: str | None = Field(default=None, description="why there is no difference or no test")
    ci_low: float | None = Field(default=None, description="lower end of the 95 % interval")
    ci_high: float | None = Field(default=None, description="upper end of the 95 % interval")
    ci_method: str | None = None
    standard_error: float | None = Field(
        default=None, ge=0, description="of the difference, items of one cluster together"
    )
    degrees_of_freedom: float | None = Field(
        default=None, gt=0, description="of the t distribution that goes with the standard error"
    )
    seed_values: tuple[float, ...] = Field(
        default=(), description="the metric of each seed, where the candidate is several"
    )
    standard_error_items: float | None = Field(
        default=None, ge=0, description="its part that comes from the items; seeds only"
    )
    standard_error_seeds: float | None = Field(
        default=None, ge=0, description="its part that comes from the seeds; seeds only"
    )
    p: float | None = Field(default=None, description="two-sided, that the difference is 0")
    p_method: str | None = None
    n: int = Field(ge=0, description="examples")
    n_clusters: int = Field(ge=0)
    wins: int | None = Field(default=None, description="examples where the candidate is better")
    losses: int | None = Field(default=None, description="examples where it is worse")
    table: PairedTable | None = Field(
        default=None, description="where each example is right or wrong and a cluster of its own"
    )
    detectable: float | None = Field(
        default=None,
        description="smallest true difference found with 80 % power, two-sided at 5 %",
    )
    candidate_ci_low: float | None = Field(
        default=None, description="of the candidate's own value, 95 %; for rules without a baseline"
    )
    candidate_ci_high: float | None = None
    q: float | None = Field(
        default=None, description="p of a subset after Benjamini and Hochberg over the subsets"
    )
    verdict: Verdict

    @model_validator(mode="after")
    def _verdict_rests_on_a_difference(self) -> PairedEstimate:
        if self.difference is None and self.verdict != "not_comparable":
            raise ValueError("without a difference the verdict is not_comparable")
        if (self.difference is None or self.verdict == "not_comparable") and self.reason is None:
            raise ValueError("a comparison without a difference or a test says why")
        if (self.ci_low is None) != (self.ci_high is None):
            raise ValueError("an interval has both ends or none")
        return self


class SpeedEstimate(_Record):
    """One speed of both scorers, from repeats on the same hardware."""

    metric: str
    unit: str
    higher_is_better: bool
    baseline: float | None
    candidate: float | None
    ratio: float | None = Field(description="median of the candidate over that of the baseline")
    p: float | None = Field(default=None, description="Mann-Whitney, two-sided")
    repeats_baseline: int = Field(ge=0)
    repeats_candidate: int = Field(ge=0)
    reason: str | None = None
    verdict: Verdict


class Flip(_Record):
    """An example that one scorer has right and the other wrong."""

    example_id: str
    subset: str
    margin_baseline: float = Field(description="smallest margin among the example's comparisons")
    margin_candidate: float
    outcome_baseline: float = Field(description="share of its comparisons won, in [0, 1]")
    outcome_candidate: float
    chosen_index: int | None = Field(
        default=None,
        ge=0,
        description="response_index of the right answer in the comparison that the side that "
        "has the example wrong loses by most",
    )
    rejected_index: int | None = Field(default=None, ge=0, description="of the wrong one in it")
    prompt: str | None = Field(default=None, description="where the data are at hand")
    chosen: str | None = None
    rejected: str | None = None


class Side(_Record):
    """One of the two things compared."""

    path: str
    scorer: ScorerInfo
    rmbench_version: str
    created_at: str
    replicates: tuple[str, ...] = Field(
        default=(), description="folders of the seeds of one recipe, where they are one side"
    )

    @property
    def checkpoint(self) -> Checkpoint | None:
        """Its place in a training run, if known."""
        return self.scorer.checkpoint


class Coverage(_Record):
    """Which items both sides have."""

    shared: int = Field(ge=0)
    only_baseline: int = Field(ge=0)
    only_candidate: int = Field(ge=0)
    first_only_baseline: tuple[str, ...] = ()
    first_only_candidate: tuple[str, ...] = ()

    @property
    def fraction(self) -> float:
        """Shared items over all items of either side; 1 where there are none at all."""
        total = self.shared + self.only_baseline + self.only_candidate
        return self.shared / total if total else 1.0


class Comparison(_Record):
    """Two scorers on one suite."""

    schema_version: Literal[1] = COMPARISON_SCHEMA_VERSION
    suite: SuiteRef
    baseline: Side
    candidate: Side | None = Field(description="None: the candidate has no result on the suite")
    headline: str | None = Field(
        default=None,
        description="the metric that `score` is, where all of the suite's items are compared",
    )
    coverage: Coverage | None = None
    estimates: tuple[PairedEstimate, ...] = ()
    speeds: tuple[SpeedEstimate, ...] = ()
    better: int = Field(default=0, ge=0, description="examples only the candidate has right")
    worse: int = Field(default=0, ge=0, description="examples only the baseline has right")
    flips: tuple[Flip, ...] = Field(default=(), description="worst losses first, then the gains")
    reason: str | None = Field(default=None, description="why nothing is compared")
    notes: tuple[str, ...] = ()
    cautions: tuple[str, ...] = Field(
        default=(), description="the notes without which no verdict on it should be read"
    )

    def estimate(self, metric: str, subset: str | None = None) -> PairedEstimate | None:
        """The estimate of that metric and subset, or ``None`` if there is none.

        ``score`` is the headline's metric under another name.
        """
        name = self.headline if metric == "score" else metric
        for e in self.estimates:
            if e.metric == name and e.subset == subset:
                return e
        return None

    def speed(self, metric: str) -> SpeedEstimate | None:
        """The speed of that name, or ``None`` if there is none."""
        return next((s for s in self.speeds if s.metric == metric), None)


GateStatus = Literal["pass", "fail", "inconclusive", "error"]
"""``error``: the rule could not be judged (its metric, suite or baseline is missing, or the two
results must not be compared); it never passes."""


GateTest = Literal["value", "bound", "noninferiority", "superiority", "speed"]
"""How a rule is judged.

``value`` and ``bound``: the value, or the end of its interval, against a threshold.
``noninferiority``: the candidate is shown to lose less than it may. ``superiority``: no loss is
shown. ``speed``: the factor between two medians, and Mann-Whitney.
"""


class GateOutcome(_Record):
    """One rule's answer on one suite and one candidate."""

    rule: str = Field(description="as it was written")
    name: str | None = Field(default=None, description="what a file of rules calls it")
    test: GateTest | None = None
    suite: str | None
    metric: str
    subset: str | None = None
    candidate: str = Field(description="name of the scorer that is judged")
    baseline: str | None = Field(default=None, description="None for an absolute rule")
    status: GateStatus
    verdict: Verdict | None = Field(default=None, description="None for an absolute rule")
    value: float | None = None
    baseline_value: float | None = None
    difference: float | None = None
    limit: float | None = Field(default=None, description="threshold, or the allowed loss")
    bound: float | None = Field(
        default=None, description="one-sided confidence bound that is held against the limit"
    )
    alpha: float | None = None
    p: float | None = None
    p_holm: float | None = Field(default=None, description="after Holm over the call's claims")
    detectable: float | None = Field(
        default=None, description="smallest loss this rule finds with 80 % power"
    )
    unit: str | None = None
    ci_low: float | None = Field(
        default=None, description="lower end of the 95 % interval: of the difference, or of a value"
    )
    ci_high: float | None = None
    n: int | None = None
    message: str = Field(description="one line: what was found and what was asked for")


class GateReport(_Record):
    """All rules of one call."""

    schema_version: Literal[1] = COMPARISON_SCHEMA_VERSION
    outcomes: tuple[GateOutcome, ...]
    strict: bool = False
    passed: bool

    @model_validator(mode="after")
    def _passed_follows_from_the_outcomes(self) -> GateReport:
        stop = {"fail", "error"} | ({"inconclusive"} if self.strict else set())
        if self.passed != all(o.status not in stop for o in self.outcomes):
            raise ValueError("passed does not follow from the outcomes")
        return self


class Unmatched(_Record):
    """A candidate's result on a suite that the baseline has none on."""

    suite: str
    kind: Literal["preference", "throughput"] | None = Field(
        default=None, description="the suite's; None: not known"
    )
    candidate: Side


class ComparisonReport(_Record):
    """Everything that one call compared."""

    schema_version: Literal[1] = COMPARISON_SCHEMA_VERSION
    comparisons: tuple[Comparison, ...]
    unmatched: tuple[Unmatched, ...] = ()
    gate: GateReport | None = None


def comparison_schema() -> dict[str, Any]:
    """JSON Schema of what ``rmbench compare`` writes."""
    return ComparisonReport.model_json_schema()
