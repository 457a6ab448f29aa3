from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from rmbench.metrics import catalogue, catalogue_bias
from rmbench.metrics import catalogue_calibration as depth
from rmbench.metrics.base import MeasureContext
from rmbench.metrics.measure import measure
from rmbench.result.models import Estimate


@dataclass(frozen=True)
class MeanReward:
    """A metric of somebody else's, which knows nothing but the protocol."""

    name: str = "mean_reward"
    unit: str = "reward"
    higher_is_better: bool | None = None
    range: tuple[float, float] = (-np.inf, np.inf)
    per_subset: bool = True
    summary: str = "mean reward of all responses"

    def __call__(self, scores, context, *, subset=None):
        value = float(scores.reward.mean())
        return Estimate(metric=self.name, subset=subset, value=value, n=len(scores), unit=self.unit)


@pytest.fixture
def scores(from_margins):
    return from_margins([1.0, -1.0, 1.0, 1.0, -1.0], subset=["b", "a", "b", "c", "c"])


def rows(estimates):
    return [(e.metric, e.subset, e.value) for e in estimates]


def test_the_whole_then_sorted_subsets_then_sections(scores):
    context = MeasureContext(sections={"z": ("c", "a"), "b": ("b",), "absent": ("m",)})
    assert rows(measure([catalogue.ACCURACY, catalogue.MACRO_ACCURACY], scores, context)) == [
        ("accuracy", None, 0.6),
        ("accuracy", "a", 0.0),
        ("accuracy", "b", 1.0),
        ("accuracy", "c", 0.5),
        ("accuracy", "z", pytest.approx(1 / 3)),
        ("macro_accuracy", None, 0.5),
    ]


def test_a_section_may_not_hide_behind_a_subset(scores):
    context = MeasureContext(sections={"a": ("a", "b")})
    with pytest.raises(ValueError, match="section 'a' has the name of a subset"):
        measure([catalogue.ACCURACY], scores, context)


def test_metrics_of_others_get_the_rows_of_their_part(scores):
    context = MeasureContext(sections={"ab": ("a", "b")})
    found = measure([MeanReward(), catalogue.TIE_RATE], scores, context)
    assert rows(found)[:5] == [
        ("mean_reward", None, pytest.approx(0.1)),
        ("mean_reward", "a", -0.5),
        ("mean_reward", "b", 0.5),
        ("mean_reward", "c", 0.0),
        ("mean_reward", "ab", pytest.approx(1 / 6)),
    ]
    assert [e.metric for e in found[5:]] == ["tie_rate"] * 5


def test_agrees_with_calling_each_metric_on_filtered_scores(build):
    rng = np.random.default_rng(0)
    scores = build(
        [(rng.normal(size=3).tolist(), rng.normal(size=3).tolist()) for _ in range(60)],
        subset=rng.choice(["s", "t", "u"], 60).tolist(),
        group=rng.choice([f"g{i}" for i in range(20)], 60).tolist(),
        chars=[(rng.integers(1, 9, 3).tolist(), rng.integers(1, 9, 3).tolist()) for _ in range(60)],
    )
    context = MeasureContext(sections={"st": ("s", "t"), "u": ("u",)}, seed=7)
    metrics = [catalogue.ACCURACY, catalogue.HARD_ACCURACY, catalogue_bias.LENGTH_BALANCED_ACCURACY,
               depth.NLL, depth.ECE, depth.ECE_NULL, depth.ECE_P,
               depth.TEMPERATURE]  # fmt: skip
    pools = {None: ("s", "t", "u"), "st": ("s", "t")}
    for estimate in measure(metrics, scores, context):
        metric = next(m for m in metrics if m.name == estimate.metric)
        inside = np.isin(scores.subset, pools.get(estimate.subset, (estimate.subset,)))
        alone = metric(scores.where(inside), context, subset=estimate.subset)
        assert alone.value == pytest.approx(estimate.value, rel=1e-12)
        assert alone.n == estimate.n
        if estimate.ci_low is not None:
            assert alone.ci_low == pytest.approx(estimate.ci_low, rel=1e-9)


def test_the_seed_decides_the_draws(from_margins):
    scores = from_margins(np.random.default_rng(1).normal(1, 1, 100))
    metrics = [depth.ECE_NULL, depth.ECE_P]
    first, again = (measure(metrics, scores, MeasureContext(seed=1)) for _ in range(2))
    assert first == again
    assert measure(metrics, scores, MeasureContext(seed=2)) != first


def test_nothing_to_measure(scores, build):
    assert measure([], scores, MeasureContext()) == []
    (found,) = measure([catalogue.ACCURACY], build([]), MeasureContext())
    assert found.reason == "there are no examples"
