"""What is compared with what, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_pairs import pair_scores, store

from rmbench.compare import (
    CompareRequest,
    compare,
    raise_if_not_comparable,
)
from rmbench.errors import NotComparableError, UsageError
from rmbench.gate import exit_code, judge
from rmbench.metrics.base import MeasureContext
from rmbench.result import Comparison, Mistake, StoredRun, SuiteRef, write_run
from rmbench.types import Scores

RNG = np.random.default_rng(0)
MARGINS = RNG.normal(0.5, 1.0, size=200)
OTHERS = MARGINS + RNG.normal(0.1, 0.8, size=200)


def one(baseline: StoredRun, candidate: StoredRun, **options: object) -> Comparison:
    request = CompareRequest(baseline.path, (candidate.path,), **options)
    [found] = compare(request).comparisons
    return found


def refusal(tmp_path: Path, scores: Scores, **changes: object) -> str:
    a = store(tmp_path / "a", "old", pair_scores(MARGINS))
    b = store(tmp_path / "b", "new", scores, **changes)
    report = compare(CompareRequest(a.path, (b.path,)))
    with pytest.raises(NotComparableError) as caught:
        raise_if_not_comparable(report)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    assert report.comparisons[0].estimates == ()
    return str(caught.value)


def test_what_makes_both_less_than_the_suites_number_is_a_caution(tmp_path: Path) -> None:
    """An earlier build compared two partial results without a word."""
    limited = ("limit 200",)
    a = store(tmp_path / "a", "old", pair_scores(MARGINS), modified=limited)
    b = store(tmp_path / "b", "new", pair_scores(OTHERS), modified=limited)
    cut = b.result.model_copy(update={"partial": True, "missing": ("all but 200 of 900 examples",)})
    write_run(tmp_path / "b", cut, b.scores())
    found = one(a, b)
    assert found.cautions == (
        "both: run with limit 200",
        "new: partial: measured on 200 of 900 examples",
    )
    assert set(found.cautions) <= set(found.notes)


def test_other_items_are_named(tmp_path: Path) -> None:
    ids = [f"i{k:06d}" for k in range(1, 201)]
    text = refusal(tmp_path, pair_scores(OTHERS, ids=ids))
    assert "1 only in old ('i000000')" in text
    assert "1 only in new ('i000200')" in text
    assert "--allow-partial compares the 199 shared ones" in text


def test_other_labels_are_named(tmp_path: Path) -> None:
    scores = pair_scores(OTHERS)
    subset = np.where(scores.example_id == "i000007", "odd", "all")
    text = refusal(tmp_path, Scores(**{**scores.columns(), "subset": subset}))
    assert "the subset of 1 items" in text
    assert "'i000007'" in text


def test_another_number_of_answers_is_named(tmp_path: Path) -> None:
    scores = pair_scores(OTHERS)
    keep = np.arange(len(scores))
    keep = np.insert(keep, 2, 1)  # a second rejected answer of the first example
    more = scores.where(keep)
    index = more.response_index.copy()
    index[2] = 2
    text = refusal(tmp_path, Scores(**{**more.columns(), "response_index": index}))
    assert "the number of answers of 1 items" in text
    assert "'i000000'" in text


def test_texts_of_another_length_are_named(tmp_path: Path) -> None:
    assert "the texts (other lengths) of 200 items" in refusal(
        tmp_path, pair_scores(OTHERS, n_chars=11)
    )


def test_other_texts_of_the_same_length_are_told_by_the_fingerprint(tmp_path: Path) -> None:
    assert "same ids, other texts" in refusal(tmp_path, pair_scores(OTHERS), fingerprint="e" * 64)


def test_another_digest_another_tie_rule_and_other_rules(tmp_path: Path) -> None:
    ref = SuiteRef(name="made", version="2", digest="e" * 64, headline="accuracy")
    text = refusal(tmp_path / "1", pair_scores(OTHERS), suite=ref)
    assert "version 1, digest dddddddddddd" in text
    assert "version 2, digest eeeeeeeeeeee" in text
    text = refusal(tmp_path / "2", pair_scores(OTHERS), ties="wrong")
    assert "old has ties = half, new has ties = wrong" in text
    text = refusal(tmp_path / "3", pair_scores(OTHERS), modified=("max_length=64",))
    assert "old was run with the suite's own rules, new with max_length=64" in text


def test_results_of_a_limit_compare_with_each_other(tmp_path: Path) -> None:
    a = store(tmp_path, "old", pair_scores(MARGINS), modified=("limit=200",))
    b = store(tmp_path, "new", pair_scores(OTHERS), modified=("limit=200",))
    found = one(a, b)
    assert found.reason is None
    assert "limit=200" in found.notes[0]
    assert found.headline is None
    assert found.estimate("score") is None


def test_the_score_is_the_headline(tmp_path: Path) -> None:
    a, b = (store(tmp_path, n, pair_scores(m)) for n, m in (("old", MARGINS), ("new", OTHERS)))
    found = one(a, b)
    assert found.headline == "accuracy"
    assert found.estimate("score") == found.estimate("accuracy")
    assert all(e.metric != "score" for e in found.estimates)


def test_rows_in_another_order_are_the_same_items(tmp_path: Path) -> None:
    a = store(tmp_path, "old", pair_scores(MARGINS))
    b = store(tmp_path, "new", pair_scores(OTHERS))
    scores = pair_scores(OTHERS)
    order = np.random.default_rng(1).permutation(200)
    rows = (2 * order[:, None] + np.array([0, 1])).ravel()
    c = store(tmp_path, "shuffled", scores.where(rows))
    first, second = one(a, b), one(a, c)
    assert second.estimates == first.estimates
    assert [f.example_id for f in second.flips] == [f.example_id for f in first.flips]


def test_shared_items_are_those_of_a_comparison_by_themselves(tmp_path: Path) -> None:
    ids = [f"i{k:06d}" for k in range(200)]
    a = store(tmp_path / "all", "old", pair_scores(MARGINS, ids=ids))
    b = store(tmp_path / "all", "new", pair_scores(OTHERS[20:], ids=ids[20:]), fingerprint="e" * 64)
    found = one(a, b, allow_partial=True)
    assert found.coverage is not None
    assert (found.coverage.shared, found.coverage.only_baseline) == (180, 20)
    assert found.coverage.fraction == pytest.approx(0.9)
    assert found.coverage.first_only_baseline == tuple(ids[:5])
    c = store(tmp_path / "some", "old", pair_scores(MARGINS[20:], ids=ids[20:]))
    d = store(tmp_path / "some", "new", pair_scores(OTHERS[20:], ids=ids[20:]))
    assert found.estimate("accuracy") == one(c, d).estimate("accuracy")
    assert found.headline is None
    assert "the texts could not be checked" in found.notes[0]


def test_too_little_coverage_fails(tmp_path: Path) -> None:
    a = store(tmp_path, "old", pair_scores(MARGINS))
    b = store(tmp_path, "new", pair_scores(OTHERS[:150]))
    report = compare(CompareRequest(a.path, (b.path,), allow_partial=True))
    assert judge((), report.comparisons, strict=False, min_coverage=0.75).outcomes == ()
    found = judge((), report.comparisons, strict=False, min_coverage=1.0)
    assert exit_code(found) == 1
    [short] = found.outcomes
    assert (short.status, short.value, short.limit, short.n) == ("fail", 0.75, 1.0, 150)
    assert short.message.startswith("150 items are shared, 75.0 % of all")


def test_no_shared_item_cannot_be_compared(tmp_path: Path) -> None:
    a = store(tmp_path, "old", pair_scores(MARGINS))
    b = store(tmp_path, "new", pair_scores(OTHERS, ids=[f"x{k}" for k in range(200)]))
    assert one(a, b, allow_partial=True).reason == "old and new have no item in common"


def test_model_folders_are_joined_by_suite(tmp_path: Path) -> None:
    refs = {
        name: SuiteRef(name=name, version="1", digest=name[0] * 64, headline="accuracy")
        for name in ("first", "second", "third")
    }
    for name in ("first", "second"):
        a = store(tmp_path, "old", pair_scores(MARGINS), suite=refs[name])
    for name in ("second", "third"):
        b = store(tmp_path, "new", pair_scores(OTHERS), suite=refs[name])
    report = compare(CompareRequest(a.path.parent, (b.path.parent,)))
    assert [(c.suite.name, c.candidate is not None) for c in report.comparisons] == [
        ("first", False),
        ("second", True),
    ]
    assert [u.suite for u in report.unmatched] == ["third"]
    raise_if_not_comparable(report)


def test_no_shared_suite_cannot_be_compared(tmp_path: Path) -> None:
    a = store(tmp_path, "old", pair_scores(MARGINS))
    ref = SuiteRef(name="other", version="1", digest="a" * 64)
    b = store(tmp_path, "new", pair_scores(OTHERS), suite=ref)
    with pytest.raises(NotComparableError, match="measured on made, the candidate on other"):
        raise_if_not_comparable(compare(CompareRequest(a.path, (b.path,))))


def test_a_folder_of_several_scorers_is_no_side(tmp_path: Path) -> None:
    a = store(tmp_path, "old", pair_scores(MARGINS))
    store(tmp_path, "new", pair_scores(OTHERS))
    with pytest.raises(UsageError, match="holds results of 2 scorers"):
        compare(CompareRequest(tmp_path, (a.path,)))


def test_metrics_without_influences_stand_side_by_side(tmp_path: Path) -> None:
    a, b = (store(tmp_path, n, pair_scores(m)) for n, m in (("old", MARGINS), ("new", OTHERS)))
    e = one(a, b).estimate("ece")
    assert e is not None
    stored = a.result.estimate("ece"), b.result.estimate("ece")
    assert (e.baseline, e.candidate) == tuple(s.value for s in stored if s is not None)
    assert (e.p, e.verdict) == (None, "not_comparable")
    assert e.reason == "no paired test: compare nll or brier"


def test_margins_that_are_no_logits_have_no_loss_to_compare(tmp_path: Path) -> None:
    a = store(tmp_path, "old", pair_scores(MARGINS))
    b = store(tmp_path, "new", pair_scores(OTHERS), logits=False)
    e = one(a, b).estimate("nll")
    assert e is not None
    assert e.difference is None
    assert e.baseline is not None
    assert e.reason == "candidate: the scorer's margins are not logits"


def test_results_that_do_not_hold_their_sections_say_so(tmp_path: Path) -> None:
    full = SuiteRef(
        name="made", version="1", digest="d" * 64, headline="section_mean_accuracy",
        sections={"both": ("a", "b"), "last": ("c",)},
    )  # fmt: skip
    bare = full.model_copy(update={"sections": {}, "headline": None})
    context = MeasureContext(sections=full.sections)
    subset = np.repeat(["a", "b", "c"], [50, 50, 100])
    runs = [
        store(
            tmp_path / which, name, pair_scores(margin, subset=subset), suite=ref, context=context,
            metrics=("accuracy", "section_mean_accuracy"),
        )
        for which, ref in (("bare", bare), ("full", full))
        for name, margin in (("old", MARGINS), ("new", OTHERS))
    ]  # fmt: skip
    for metric, part in (("section_mean_accuracy", None), ("accuracy", "both")):
        e = one(runs[0], runs[1]).estimate(metric, part)
        assert e is not None
        assert e.verdict == "not_comparable"
        assert e.reason is not None
        assert "written by an older rmbench" in e.reason
        # One result that holds them is enough: the digest is the same.
        tested = one(runs[0], runs[3]).estimate(metric, part)
        assert tested is not None
        assert tested.p is not None


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 60),
    n_groups=st.integers(1, 60),
    discrete=st.booleans(),
)
@settings(max_examples=25)
def test_swapping_the_sides_turns_the_difference_round(
    tmp_path_factory: pytest.TempPathFactory, seed: int, n: int, n_groups: int, discrete: bool
) -> None:
    rng = np.random.default_rng(seed)
    margins = rng.integers(-1, 2, (2, n)) if discrete else rng.normal(0.2, 1, (2, n))
    group = [f"g{g}" for g in rng.integers(0, n_groups, n)]
    out = tmp_path_factory.mktemp("swap")
    a, b = (
        store(out, name, pair_scores(m.astype(float), group=group))
        for name, m in zip(("a", "b"), margins, strict=True)
    )
    there, back = one(a, b), one(b, a)
    for e in there.estimates:
        r = back.estimate(e.metric, e.subset)
        assert r is not None
        assert (r.baseline, r.candidate) == (e.candidate, e.baseline)
        assert r.p == (None if e.p is None else pytest.approx(e.p, rel=1e-9))
        assert (r.wins, r.losses) == (e.losses, e.wins)
        assert r.standard_error == (
            None if e.standard_error is None else pytest.approx(e.standard_error, abs=1e-12)
        )
        if e.ci_low is not None and e.ci_high is not None:
            assert r.ci_low == pytest.approx(-e.ci_high, abs=1e-9)
            assert r.ci_high == pytest.approx(-e.ci_low, abs=1e-9)
    assert (there.better, there.worse) == (back.worse, back.better)


# ---- flips


def test_flips_are_sorted_by_how_far_the_margin_fell(tmp_path: Path) -> None:
    baseline = np.array([1.0, 3.0, 2.0, -1.0, -2.0, 0.5])
    candidate = np.array([-1.0, -3.0, 2.0, 4.0, 1.0, 0.0])
    a, b = (store(tmp_path, n, pair_scores(m)) for n, m in (("old", baseline), ("new", candidate)))
    found = one(a, b)
    assert [f.example_id for f in found.flips] == ["i000001", "i000000", "i000003", "i000004"]
    assert (found.better, found.worse) == (2, 2)
    lost = found.flips[0]
    assert (lost.margin_baseline, lost.margin_candidate) == (3.0, -3.0)
    assert (lost.outcome_baseline, lost.outcome_candidate) == (1.0, 0.0)
    short = one(a, b, flips=1)
    assert [f.example_id for f in short.flips] == ["i000001", "i000003"]
    assert (short.better, short.worse) == (2, 2)
    assert len(one(a, b, flips=None).flips) == 4


def test_a_tie_counts_as_wrong_where_the_suite_says_so(tmp_path: Path) -> None:
    a = store(tmp_path, "old", pair_scores(np.array([1.0, 1.0])), ties="wrong")
    b = store(tmp_path, "new", pair_scores(np.array([0.0, 1.0])), ties="wrong")
    assert one(a, b).worse == 1


def test_texts_come_from_the_worst_mistakes(tmp_path: Path) -> None:
    a = store(tmp_path, "old", pair_scores(np.array([1.0, 1.0, 1.0])))
    b = store(tmp_path, "new", pair_scores(np.array([-1.0, -2.0, 1.0])))
    mistake = Mistake(
        example_id="i000001", subset="all", prompt=({"role": "user", "content": "Why?"},),
        chosen="Because.", rejected="No.", reward_chosen=-2.0, reward_rejected=0.0, margin=-2.0,
    )  # fmt: skip
    scores = b.scores()
    b = write_run(tmp_path, b.result, scores, [mistake])
    first, second = one(a, b).flips
    assert (first.prompt, first.chosen, first.rejected) == ("Why?", "Because.", "No.")
    assert second.prompt is None
