from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit
from scipy.stats import entropy
from sklearn.metrics import log_loss

from rmbench.data.votes import vote_share
from rmbench.metrics import catalogue_calibration as depth
from rmbench.metrics import votes
from rmbench.metrics.base import MeasureContext

HALF = MeasureContext(ties="half")
SHARES = st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.5, 2 / 3, 0.8, 1.0]), min_size=1, max_size=20)


@given(SHARES)
def test_entropy_is_scipys(shares):
    y = np.array(shares)
    expected = [entropy([p, 1 - p]) for p in shares]
    assert votes.label_entropy(y) == pytest.approx(expected, abs=1e-12)


@given(SHARES, st.integers(0, 2**32 - 1))
def test_no_scorer_is_better_than_the_floor_and_the_ceiling(from_margins, shares, seed):
    margin = np.random.default_rng(seed).normal(0, 2, len(shares))
    scores = from_margins(margin, preference=shares)
    if set(shares) <= {0.0, 1.0}:
        assert depth.NLL_FLOOR(scores, HALF).reason == (
            "every label is a plain preference, not a share of votes"
        )
        return
    floor, loss = depth.NLL_FLOOR(scores, HALF).value, depth.NLL(scores, HALF).value
    assert loss >= floor
    assert depth.NLL_EXCESS(scores, HALF).value == pytest.approx(loss - floor, abs=1e-12)
    agreement = depth.VOTE_AGREEMENT(scores, HALF).value
    assert agreement <= depth.VOTE_AGREEMENT_CEILING(scores, HALF).value + 1e-12


def test_a_scorer_that_knows_the_shares_reaches_both(from_margins):
    y = np.array([0.9, 0.6, 0.25, 0.5, 0.8])
    scores = from_margins(logit(y), preference=y)
    assert depth.NLL_EXCESS(scores, HALF).value == pytest.approx(0.0, abs=1e-12)
    assert depth.NLL(scores, HALF).value == pytest.approx(entropy([y, 1 - y]).mean())
    ceiling = depth.VOTE_AGREEMENT_CEILING(scores, HALF).value
    assert ceiling == pytest.approx((0.9 + 0.6 + 0.75 + 0.5 + 0.8) / 5)
    assert depth.VOTE_AGREEMENT(scores, HALF).value == pytest.approx(ceiling)


def test_cross_entropy_is_the_mean_over_single_votes(from_margins):
    """Each vote as a row of its own, by scikit-learn."""
    margin = np.array([1.0, -0.5, 2.0])
    won, lost = [3, 1, 4], [1, 3, 1]
    y = np.array(won) / np.add(won, lost)
    found = depth.NLL(from_margins(margin, preference=y), HALF).value
    labels = np.array([1, 0] * 3)
    weight = np.stack([y, 1 - y], axis=1).ravel()
    p = 1 / (1 + np.exp(-margin.repeat(2)))
    assert found == pytest.approx(log_loss(labels, p, sample_weight=weight))


def read(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.mark.parametrize("name", ["ukp_convarg1/test", "pandalm/test", "humour_pairs/all"])
def test_real_votes_counted_one_by_one(shared_data, from_margins, name):
    rows = read(shared_data / f"{name}.jsonl.gz")
    margin = np.array([len(r["chosen"][0]) - len(r["rejected"][0]) for r in rows]) / 100
    scores = from_margins(margin, preference=[vote_share(r["meta"]["votes"]) for r in rows])
    agreed, best, shares = [], [], []
    for m, r in zip(margin.tolist(), rows, strict=True):
        given = dict(r["meta"]["votes"])
        undecided = given.pop("equal", given.pop("tie", 0))
        chosen = given["chosen"] if "chosen" in given else max(given.values())
        rejected = sum(given.values()) - chosen
        total = chosen + rejected + undecided
        picked = chosen if m > 0 else rejected if m < 0 else (chosen + rejected) / 2
        agreed.append((picked + undecided / 2) / total)
        best.append((max(chosen, rejected) + undecided / 2) / total)
        # A vote for neither side is half a vote for each.
        shares.append((chosen + undecided / 2) / total)
    found = depth.VOTE_AGREEMENT(scores, HALF)
    assert found.value == pytest.approx(np.mean(agreed), abs=1e-12)
    ceiling = depth.VOTE_AGREEMENT_CEILING(scores, HALF)
    assert ceiling.value == pytest.approx(np.mean(best), abs=1e-12)
    assert found.ci_high < ceiling.ci_low < 1
    surprise = entropy([shares, np.subtract(1, shares)])
    floor = depth.NLL_FLOOR(scores, HALF)
    assert floor.value == pytest.approx(surprise.mean(), abs=1e-12)
    assert depth.NLL_EXCESS(scores, HALF).ci_low > 0
