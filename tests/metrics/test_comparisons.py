from __future__ import annotations

import numpy as np
import pytest

from rmbench.metrics.comparisons import Comparisons
from rmbench.types import Message, PreferenceExample, ScoredBatch, Scores

MIXED = [((3.0,), (1.0,)), ((5.0, 4.0), (4.0, 0.0, 9.0)), ((1.0, 2.0, 3.0), (2.0,))]


def test_every_chosen_meets_every_rejected(build):
    c = Comparisons.from_scores(build(MIXED))
    assert c.margin.tolist() == [2, 1, 5, -4, 0, 4, -5, -1, 0, 1]
    assert c.example.tolist() == [0, 1, 1, 1, 1, 1, 1, 2, 2, 2]
    assert c.index_chosen.tolist() == [0, 0, 0, 0, 1, 1, 1, 0, 1, 2]
    assert c.index_rejected.tolist() == [0, 0, 1, 2, 0, 1, 2, 0, 0, 0]
    assert (c.n_examples, len(c)) == (3, 10)


def test_weights_give_every_example_the_same_say(build):
    c = Comparisons.from_scores(build(MIXED))
    np.testing.assert_allclose(np.bincount(c.example, weights=c.weight), 1.0, rtol=1e-15)


def test_matches_a_plain_loop_on_random_shapes(build):
    rng = np.random.default_rng(0)
    examples = [
        (rng.normal(size=rng.integers(1, 5)).tolist(), rng.normal(size=rng.integers(1, 5)).tolist())
        for _ in range(200)
    ]
    c = Comparisons.from_scores(build(examples))
    looped = [a - b for chosen, rejected in examples for a in chosen for b in rejected]
    np.testing.assert_array_equal(c.margin, looped)
    means = [np.mean([a - b for a in ch for b in re]) for ch, re in examples]
    np.testing.assert_allclose(c.example_mean(c.margin), means, rtol=1e-12)


def test_mean_of_outcomes_that_are_all_one_is_exactly_one(build):
    c = Comparisons.from_scores(build([((1.0,) * 3, (0.0,) * k) for k in range(1, 60)]))
    assert (c.example_mean(np.ones(len(c))) == 1.0).all()


def test_lengths_and_truncation_follow_their_responses(build):
    scores = build(
        [((1.0,), (2.0, 3.0)), ((1.0,), (2.0,))],
        chars=[((10,), (20, 30)), ((1,), (2,))],
        truncated=[True, False],
    )
    c = Comparisons.from_scores(scores)
    assert c.chars_chosen.tolist() == [10, 10, 1]
    assert c.chars_rejected.tolist() == [20, 30, 2]
    assert c.truncated.tolist() == [True, False]


def test_one_truncated_response_marks_its_example(build):
    scores = build([((1.0,), (2.0, 3.0)), ((1.0,), (2.0,))])
    scores.truncated[2] = True
    assert Comparisons.from_scores(scores).truncated.tolist() == [True, False]


def test_groups_are_shared_by_name_and_an_empty_name_is_a_cluster_of_its_own(build):
    scores = build([((1.0,), (0.0,))] * 5, group=["a", "", "b", "a", ""])
    group = Comparisons.from_scores(scores).group.tolist()
    assert group[0] == group[3]
    assert len(set(group)) == 4


def test_where_keeps_whole_examples(build):
    c = Comparisons.from_scores(build(MIXED, ids=["x", "y", "z"]))
    kept = c.where(np.array([True, False, True]))
    assert kept.id.tolist() == ["x", "z"]
    assert kept.example.tolist() == [0, 1, 1, 1]
    assert kept.margin.tolist() == [2, -1, 0, 1]
    assert kept.example_mean(kept.margin).tolist() == [2, 0]
    assert c.where(np.ones(3, dtype=bool)) is c


def test_decided_drops_ties_and_turns_the_minority_round(build):
    scores = build(
        [((3.0,), (1.0,)), ((5.0,), (0.0,)), ((1.0, 2.0), (7.0,))],
        preference=[1.0, 0.5, 0.25],
        chars=[((1,), (2,)), ((3,), (4,)), ((5, 6), (7,))],
    )
    decided = Comparisons.from_scores(scores).decided
    assert decided.id.tolist() == ["e0", "e2"]
    assert decided.margin.tolist() == [2, 6, 5]
    assert decided.preference.tolist() == [1.0, 0.75]
    assert decided.chars_chosen.tolist() == [1, 7, 7]
    assert decided.chars_rejected.tolist() == [2, 5, 6]
    assert decided.n_chosen.tolist() == [1, 1]
    assert decided.n_rejected.tolist() == [1, 2]
    assert decided.decided is decided


@pytest.mark.parametrize(("votes", "margin"), [(0.51, [2.0]), (0.49, [-2.0]), (0.5, [])])
def test_the_majority_decides_however_small(build, votes, margin):
    c = Comparisons.from_scores(build([((3.0,), (1.0,))], preference=[votes]))
    assert c.decided.margin.tolist() == margin


def test_no_scores_are_no_comparisons(build):
    c = Comparisons.from_scores(build([]))
    assert (c.n_examples, len(c), len(c.decided)) == (0, 0, 0)
    assert c.example_mean(c.margin).shape == (0,)


def test_joins_what_a_scorer_returned():
    examples = [
        PreferenceExample("a", (Message("user", "?"),), ("x", "yy"), ("zzz",), group="g"),
        PreferenceExample("b", (Message("user", "!"),), ("x",), ("",), subset="s"),
    ]
    reward = np.array([1.0, 2.0, 0.5, 0.0, 4.0])
    batch = ScoredBatch(reward, np.zeros(5, np.int64), np.zeros(5, np.bool_))
    c = Comparisons.from_scores(Scores.from_batch(examples, batch))
    assert c.margin.tolist() == [0.5, 1.5, -4.0]
    assert c.subset.tolist() == ["all", "s"]
    assert c.chars_chosen.tolist() == [1, 2, 1]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e100])
def test_a_reward_that_is_not_finite_names_its_example(build, bad):
    scores = build([((1.0,), (0.0,)), ((1.0,), (bad,)), ((bad,), (0.0,))], ids=["p", "q", "r"])
    with pytest.raises(ValueError, match=r"example 'q': the reward of response 1 is"):
        Comparisons.from_scores(scores)


def test_rows_that_are_not_contiguous_are_refused(build):
    scores = build([((1.0,), (0.0,))] * 3, ids=["p", "q", "p"])
    with pytest.raises(ValueError, match="'p' are not contiguous"):
        Comparisons.from_scores(scores)


def test_an_example_without_one_side_is_refused(build):
    scores = build([((1.0,), (0.0,)), ((1.0,), (0.0,))])
    with pytest.raises(ValueError, match="'e1' has no rejected response"):
        Comparisons.from_scores(scores.where(np.array([True, True, True, False])))
    with pytest.raises(ValueError, match="'e0' has no chosen response"):
        Comparisons.from_scores(scores.where(np.array([False, True, True, True])))


def test_rejected_before_chosen_is_refused(build):
    scores = build([((1.0,), (0.0,)), ((1.0,), (0.0,))])
    scores.is_chosen[2:] = [False, True]
    with pytest.raises(ValueError, match="'e1': chosen responses must stand before"):
        Comparisons.from_scores(scores)
