from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from rmbench.metrics import catalogue_calibration as catalogue
from rmbench.metrics.base import MeasureContext
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import clustered_standard_error
from rmbench.metrics.reward_scale import Rewards, reward_mean, reward_sd, within_prompt_sd

HALF = MeasureContext(ties="half")
SIDE = st.lists(st.floats(-100, 100), min_size=1, max_size=4)
EXAMPLES = st.lists(st.tuples(SIDE, SIDE), min_size=1, max_size=10)


@given(EXAMPLES)
def test_every_response_counts_once(build, examples):
    rewards = [x for c, r in examples for x in (*c, *r)]
    found = Rewards.of(Comparisons.from_scores(build(examples)))
    assert sorted(found.reward) == sorted(rewards)
    assert reward_mean(found).value == pytest.approx(np.mean(rewards), abs=1e-9)
    assert reward_sd(found).value == pytest.approx(np.std(rewards, ddof=1), abs=1e-9)
    frame = pd.DataFrame(
        [(i, x) for i, (c, r) in enumerate(examples) for x in (*c, *r)], columns=["prompt", "x"]
    )
    within = frame.x - frame.groupby("prompt").x.transform("mean")
    pooled = np.sqrt((within**2).sum() / (len(frame) - len(examples)))
    assert within_prompt_sd(found).value == pytest.approx(pooled, abs=1e-9)


def test_of_a_pair_it_is_the_difference_over_the_root_of_2(from_margins):
    found = catalogue.REWARD_WITHIN_PROMPT_SD(from_margins([4.0, -4.0]), HALF)
    assert found.value == pytest.approx(4 / np.sqrt(2))


def test_error_of_the_mean_is_statsmodels(build):
    rng = np.random.default_rng(1)
    level = rng.normal(3, 2, 400)
    examples = [((float(a + rng.normal()),), tuple(a + rng.normal(size=2))) for a in level]
    groups = np.arange(400) // 2
    scores = build(examples, group=[f"g{g}" for g in groups])
    found = catalogue.REWARD_MEAN(scores, HALF)
    fit = sm.OLS(scores.reward, np.ones(1200)).fit(
        cov_type="cluster",
        cov_kwds={"groups": groups.repeat(3), "use_correction": True},
        use_t=True,
    )
    # statsmodels also multiplies the variance by (n - 1) / (n - 1) = 1 for one parameter.
    comparisons = Comparisons.from_scores(scores)
    linear = catalogue.REWARD_MEAN.measured(comparisons, HALF).linear
    error = clustered_standard_error(linear.influence, comparisons.group)
    assert error == pytest.approx(fit.bse[0], rel=1e-6)
    # The interval corrects Student's for skewness and degrees of freedom, by little with 200
    # clusters.
    low, high = fit.conf_int()[0]
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high), abs=0.02 * (high - low))


def test_errors_are_those_of_the_bootstrap(build):
    rng = np.random.default_rng(2)
    level = rng.gamma(2, 2, 300)
    examples = [((float(a + rng.normal()),), (float(a + 2 * rng.normal()),)) for a in level]
    rewards = Rewards.of(Comparisons.from_scores(build(examples)))
    for statistic in (reward_sd, within_prompt_sd):
        draws = []
        for _ in range(300):
            again = [examples[i] for i in rng.integers(0, 300, 300)]
            draws.append(statistic(Rewards.of(Comparisons.from_scores(build(again)))).value)
        error = clustered_standard_error(statistic(rewards).influence, np.arange(300))
        assert error == pytest.approx(np.std(draws), rel=0.15)


@pytest.mark.parametrize(
    ("name", "q"), [("reward_q05", 0.05), ("reward_q50", 0.5), ("reward_q95", 0.95)]
)
def test_quantiles_are_numpys_and_their_intervals_cover(build, name, q):
    metric = next(m for m in vars(catalogue).values() if getattr(m, "name", "") == name)
    rng = np.random.default_rng(3)
    truth, hits = np.quantile(rng.standard_normal(400_000) * np.sqrt(2), q), 0
    for _ in range(150):
        level = rng.normal(size=200)
        examples = [((float(a + rng.normal()),), (float(a + rng.normal()),)) for a in level]
        scores = build(examples)
        found = metric(scores, HALF)
        assert found.value == pytest.approx(np.quantile(scores.reward, q))
        hits += found.ci_low <= truth <= found.ci_high
    assert hits >= 132


def test_constant_rewards_have_no_spread(build):
    scores = build([((1.0,), (1.0,))] * 4)
    sd = catalogue.REWARD_SD(scores, HALF)
    assert (sd.value, sd.ci_low) == (0.0, None)
    assert catalogue.REWARD_WITHIN_PROMPT_SD(scores, HALF).value == 0.0
    assert catalogue.REWARD_MEAN(scores, HALF).value == 1.0
