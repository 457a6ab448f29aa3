from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from rmbench.metrics import catalogue_bias
from rmbench.metrics.base import MeasureContext, Undefined
from rmbench.metrics.intervals import clustered_standard_error
from rmbench.metrics.style_control import density_difference, fit_style, relative_difference

HALF = MeasureContext(ties="half")


def reference(outcome, features, weight):
    """The same fit by scikit-learn: a half win is half a win and half a loss."""
    x = features / np.sqrt(np.average(features**2, axis=0, weights=weight))
    both = np.concatenate([x, x])
    label = np.repeat([1, 0], len(x))
    mass = np.concatenate([weight * outcome, weight * (1 - outcome)])
    fit = LogisticRegression(C=1.0, tol=1e-12, max_iter=10_000, solver="newton-cg")
    fit.fit(both, label, sample_weight=mass)
    return float(fit.intercept_[0]), fit.coef_[0]


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_fit_is_scikit_learns(seed, k):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(80, k)) * rng.uniform(0.1, 10, k)
    outcome = rng.choice([0.0, 0.5, 1.0], 80)
    weight = rng.uniform(0.1, 1, 80)
    found = fit_style(outcome, features, weight)
    intercept, effects = reference(outcome, features, weight)
    assert found.intercept == pytest.approx(intercept, abs=1e-5)
    assert found.effects == pytest.approx(effects, abs=1e-5)
    assert found.influence.sum(axis=0) == pytest.approx(np.zeros(k + 1), abs=1e-9)


def test_units_of_a_feature_do_not_matter():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(60, 2))
    outcome = (rng.random(60) < expit(features[:, 0])).astype(float)
    there = fit_style(outcome, features, np.ones(60))
    back = fit_style(outcome, features * [1e-3, 1e4], np.ones(60))
    assert back.intercept == pytest.approx(there.intercept, rel=1e-9)
    assert back.effects == pytest.approx(there.effects, rel=1e-9)


def test_a_feature_that_never_differs_has_no_effect():
    outcome = np.array([1.0, 1, 0, 1])
    found = fit_style(outcome, np.zeros((4, 1)), np.ones(4))
    assert found.effects.tolist() == [0.0]
    assert expit(found.intercept) == pytest.approx(0.75, rel=1e-12)


def test_error_is_that_of_the_cluster_bootstrap():
    rng = np.random.default_rng(2)
    groups = np.arange(400).repeat(2)
    feature = rng.normal(0.5, 1, 800)[:, None]
    noise = rng.normal(0, 1, 400).repeat(2)
    outcome = (rng.random(800) < expit(0.6 + 0.8 * feature[:, 0] + noise)).astype(float)
    found = fit_style(outcome, feature, np.ones(800))
    draws = []
    for _ in range(400):
        times = np.bincount(rng.integers(0, 400, 400), minlength=400)[groups].astype(float)
        again = fit_style(outcome, feature, times)
        draws.append([again.intercept, *again.effects])
    for column, spread in enumerate(np.std(draws, axis=0)):
        error = clustered_standard_error(found.influence[:, column], groups)
        assert error == pytest.approx(spread, rel=0.12)


def test_without_a_loss_or_a_win_there_is_no_intercept():
    feature = np.array([[1.0], [-1.0]])
    lost = fit_style(np.zeros(2), feature, np.ones(2))
    won = fit_style(np.ones(2), feature, np.ones(2))
    assert isinstance(lost, Undefined)
    assert "no comparison is won" in lost.reason
    assert isinstance(won, Undefined)
    assert "no comparison is lost" in won.reason


def test_differences_are_bounded_and_turn_with_the_sides():
    a, b = np.array([0.0, 3.0, 1000.0]), np.array([0.0, 1.0, 0.0])
    assert relative_difference(a, b).tolist() == [0.0, 0.5, 1.0]
    assert density_difference(a, b).tolist() == [0.0, 0.4, 1000 / 1001]
    assert relative_difference(b, a).tolist() == [-x for x in relative_difference(a, b)]


def lengths(rng, n, share_longer):
    """Characters of n pairs, of which the chosen answer is the longer in a given share."""
    short, more = rng.integers(50, 500, n), rng.integers(1, 500, n)
    longer = rng.random(n) < share_longer
    return [
        ((int(s + m),), (int(s),)) if up else ((int(s),), (int(s + m),))
        for s, m, up in zip(short, more, longer, strict=True)
    ]


def test_a_scorer_of_length_alone_is_near_one_half_where_its_accuracy_is_high(from_margins):
    rng = np.random.default_rng(3)
    chars = lengths(rng, 2000, 0.8)
    scores = from_margins([c[0] - r[0] for c, r in chars], chars=chars)
    controlled = catalogue_bias.LENGTH_CONTROLLED_ACCURACY(scores, HALF)
    assert controlled.value == pytest.approx(0.5, abs=0.06)
    effect = catalogue_bias.LENGTH_EFFECT(scores, HALF)
    assert effect.ci_low > 3


def test_a_scorer_that_does_not_see_length_keeps_its_accuracy(from_margins):
    rng = np.random.default_rng(4)
    chars = lengths(rng, 3000, 0.7)
    scores = from_margins(rng.choice([1.0, -1.0], 3000, p=[0.8, 0.2]), chars=chars)
    controlled = catalogue_bias.LENGTH_CONTROLLED_ACCURACY(scores, HALF)
    assert controlled.value == pytest.approx(0.8, abs=0.03)
    assert (controlled.ci_method, controlled.n) == ("clustered sandwich", 3000)
    effect = catalogue_bias.LENGTH_EFFECT(scores, HALF)
    assert effect.ci_low < 0 < effect.ci_high


def test_controlled_accuracy_is_recovered_and_covered(from_margins):
    rng = np.random.default_rng(5)
    truth, hits = expit(0.8), 0
    for _ in range(60):
        chars = lengths(rng, 800, 0.7)
        z = np.array([(c[0] - r[0]) / (c[0] + r[0]) for c, r in chars])
        won = rng.random(800) < expit(0.8 + 2.0 * z)
        scores = from_margins(np.where(won, 1.0, -1.0), chars=chars)
        found = catalogue_bias.LENGTH_CONTROLLED_ACCURACY(scores, HALF)
        hits += found.ci_low <= truth <= found.ci_high
    assert hits >= 52


def test_control_is_refused_where_one_direction_is_rare(from_margins):
    rng = np.random.default_rng(6)
    chars = lengths(rng, 200, 1.0)[:171] + lengths(rng, 29, 0.0)
    scores = from_margins(rng.normal(size=200), chars=chars)
    for metric in (catalogue_bias.LENGTH_CONTROLLED_ACCURACY, catalogue_bias.LENGTH_EFFECT):
        assert metric(scores, HALF).reason == (
            "the chosen response has fewer characters in 29 examples, control needs 30"
        )


# --- with markdown


def styled(rng, n):
    """Characters and markdown counts of n pairs; the chosen answer has somewhat more of both."""
    chars = lengths(rng, n, 0.6)
    counts = rng.poisson([[1, 3, 2], [0.8, 2, 2]], (n, 2, 3))
    return chars, [[tuple(map(int, row)) for row in pair] for pair in counts]


def differences(chars, markdown):
    """The features, written out."""
    rows = []
    for ((a,), (b,)), (x, y) in zip(chars, markdown, strict=True):
        dense = [(1000 * p / a, 1000 * q / b) for p, q in zip(x, y, strict=True)]
        rows.append([(a - b) / (a + b), *((p - q) / (p + q + 1) for p, q in dense)])
    return np.array(rows)


def test_style_control_is_scikit_learns_on_features_written_out(from_margins):
    rng = np.random.default_rng(7)
    chars, markdown = styled(rng, 600)
    z = differences(chars, markdown)
    won = rng.random(600) < expit(0.5 + z @ [1.0, 2.0, 0.0, -1.0])
    scores = from_margins(np.where(won, 1.0, -1.0), chars=chars, markdown=markdown)
    longer = z[:, 0] > 0
    weight = np.where(longer, 300 / longer.sum(), 300 / (~longer).sum())
    intercept, effects = reference(won.astype(float), z, weight)
    found = catalogue_bias.STYLE_CONTROLLED_ACCURACY(scores, HALF)
    assert found.value == pytest.approx(expit(intercept), abs=1e-6)
    metrics = (
        catalogue_bias.STYLE_LENGTH_EFFECT,
        catalogue_bias.STYLE_HEADER_EFFECT,
        catalogue_bias.STYLE_LIST_EFFECT,
        catalogue_bias.STYLE_BOLD_EFFECT,
    )
    for metric, effect in zip(metrics, effects, strict=True):
        estimate = metric(scores, HALF)
        assert estimate.value == pytest.approx(effect, abs=1e-5)
        assert estimate.ci_low < effect < estimate.ci_high
    assert catalogue_bias.STYLE_HEADER_EFFECT(scores, HALF).ci_low > 0
    assert catalogue_bias.STYLE_BOLD_EFFECT(scores, HALF).ci_high < 0


def test_a_scorer_of_markdown_is_near_one_half_where_its_accuracy_is_high(from_margins):
    rng = np.random.default_rng(8)
    chars, markdown = styled(rng, 3000)
    z = differences(chars, markdown)
    won = rng.random(3000) < expit(4 * z[:, 1] + 3 * z[:, 2])
    scores = from_margins(np.where(won, 1.0, -1.0), chars=chars, markdown=markdown)
    controlled = catalogue_bias.STYLE_CONTROLLED_ACCURACY(scores, HALF)
    assert controlled.ci_low < 0.5 < controlled.ci_high
    # Length alone does not explain it.
    assert catalogue_bias.LENGTH_CONTROLLED_ACCURACY(scores, HALF).ci_low > 0.5


def test_markdown_turns_with_the_sides(from_margins):
    rng = np.random.default_rng(9)
    chars, markdown = styled(rng, 200)
    margin = rng.normal(0.5, 1, 200)
    there = from_margins(margin, chars=chars, markdown=markdown, preference=[0.9] * 200)
    back = from_margins(
        -margin,
        chars=[(r, c) for c, r in chars],
        markdown=[pair[::-1] for pair in markdown],
        preference=[0.1] * 200,
    )
    for metric in (catalogue_bias.STYLE_CONTROLLED_ACCURACY, catalogue_bias.STYLE_LIST_EFFECT):
        assert metric(back, HALF).value == pytest.approx(metric(there, HALF).value, rel=1e-9)


def test_style_that_cannot_be_controlled_says_why(from_margins):
    rng = np.random.default_rng(10)
    chars = lengths(rng, 200, 0.6)
    margin = rng.normal(0.5, 1, 200)
    unknown = from_margins(margin, chars=chars)
    assert catalogue_bias.STYLE_CONTROLLED_ACCURACY(unknown, HALF).reason == (
        "the scores hold no markdown counts: run the suite again"
    )
    plain = from_margins(margin, chars=chars, markdown=[[(0, 0, 0)] * 2] * 200)
    assert catalogue_bias.STYLE_CONTROLLED_ACCURACY(plain, HALF).value == pytest.approx(
        catalogue_bias.LENGTH_CONTROLLED_ACCURACY(plain, HALF).value
    )
    assert catalogue_bias.STYLE_BOLD_EFFECT(plain, HALF).reason == (
        "no comparison differs in bold spans"
    )
    one_way = [[(1, 0, 0), (0, 0, 0)]] * 50 + [[(0, 0, 0)] * 2] * 150
    confounded = from_margins(margin, chars=chars, markdown=one_way)
    for metric in (catalogue_bias.STYLE_CONTROLLED_ACCURACY, catalogue_bias.STYLE_LENGTH_EFFECT):
        assert metric(confounded, HALF).reason == (
            "the chosen response has fewer headers in 0 examples, control needs 30"
        )


def test_what_hardly_ever_differs_is_held_equal_and_has_no_effect_of_its_own(from_margins):
    rng = np.random.default_rng(11)
    chars = lengths(rng, 200, 0.6)
    margin = rng.normal(0.5, 1, 200)
    rare = [[(1, 0, 0), (0, 0, 0)]] * 5 + [[(0, 0, 0)] * 2] * 195
    scores = from_margins(margin, chars=chars, markdown=rare)
    z = differences(chars, rare)[:, :2]
    longer = z[:, 0] > 0
    balanced = np.where(longer, 100 / longer.sum(), 100 / (~longer).sum())
    intercept, effects = reference((margin > 0).astype(float), z, balanced)
    assert catalogue_bias.STYLE_CONTROLLED_ACCURACY(scores, HALF).value == pytest.approx(
        expit(intercept), abs=1e-6
    )
    assert catalogue_bias.STYLE_LENGTH_EFFECT(scores, HALF).value == pytest.approx(
        effects[0], abs=1e-5
    )
    assert catalogue_bias.STYLE_HEADER_EFFECT(scores, HALF).reason == (
        "headers differ in 5 examples, their effect needs 30"
    )
