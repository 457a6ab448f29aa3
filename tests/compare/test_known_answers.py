"""Published and hand-worked answers, from result folders to the estimate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from stored_pairs import pair_scores, right_and_wrong, store

from rmbench.compare import CompareRequest, compare
from rmbench.metrics.power import required_n_paired
from rmbench.result import Comparison, PairedEstimate


def compared(tmp_path: Path, baseline: object, candidate: object, **given: object) -> Comparison:
    a = store(tmp_path, "old", pair_scores(baseline, **given))
    b = store(tmp_path, "new", pair_scores(candidate, **given))
    [found] = compare(CompareRequest(a.path, (b.path,))).comparisons
    assert found.reason is None
    return found


def accuracy(found: Comparison) -> PairedEstimate:
    estimate = found.estimate("accuracy")
    assert estimate is not None
    return estimate


@pytest.mark.parametrize(
    ("gained", "lost", "p"), [(4, 3, 1.0), (30, 23, 0.410), (29, 27, 0.894), (39, 26, 0.136)]
)
def test_neighbours_on_the_reward_bench_leaderboard(
    tmp_path: Path, gained: int, lost: int, p: float
) -> None:
    candidate, baseline = right_and_wrong(300, gained, lost, 20)
    found = compared(tmp_path, baseline, candidate)
    e = accuracy(found)
    assert e.p == pytest.approx(p, abs=5e-4)
    assert (e.p_method, e.ci_method) == ("exact McNemar", "tango")
    assert (e.wins, e.losses) == (found.better, found.worse) == (gained, lost)
    assert e.verdict in ("inconclusive", "pass")


def test_mcnemar_of_a_large_table(tmp_path: Path) -> None:
    baseline, candidate = right_and_wrong(794, 86, 150, 570)
    e = accuracy(compared(tmp_path, baseline, candidate))
    assert e.p == pytest.approx(3.716e-05, rel=1e-3)
    assert e.p == pytest.approx(mcnemar([[794, 86], [150, 570]], exact=True).pvalue, rel=1e-9)
    assert e.difference == pytest.approx((150 - 86) / 1600)
    assert e.table is not None
    assert (e.table.only_baseline, e.table.only_candidate) == (86, 150)
    assert e.verdict == "improved"


def test_tango_interval(tmp_path: Path) -> None:
    # Tango 1998: 1, 1, 7, 12 with the first scorer alone right on one.
    candidate, baseline = right_and_wrong(1, 1, 7, 12)
    e = accuracy(compared(tmp_path, baseline, candidate))
    assert (e.ci_low, e.ci_high) == pytest.approx((-0.5172, -0.0260), abs=5e-5)


def test_two_scorers_that_never_differ(tmp_path: Path) -> None:
    margins, _ = right_and_wrong(400, 0, 0, 100)
    found = compared(tmp_path, margins, margins)
    e = accuracy(found)
    assert (e.ci_low, e.ci_high) == pytest.approx((-0.00762, 0.00762), abs=5e-6)
    assert (e.p, e.difference, e.verdict, e.detectable) == (1.0, 0.0, "pass", None)
    nll = found.estimate("nll")
    assert nll is not None
    assert (nll.p, nll.verdict, nll.reason) == (1.0, "pass", "the same on every example")
    assert found.flips == ()


def test_detectable_difference_is_connors(tmp_path: Path) -> None:
    candidate, baseline = right_and_wrong(700, 60, 40, 200)
    e = accuracy(compared(tmp_path, baseline, candidate))
    assert e.detectable is not None
    assert required_n_paired(e.detectable * 1.0001, 0.1) <= 1000
    assert required_n_paired(e.detectable * 0.999, 0.1) > 1000


def test_clustered_differences_against_statsmodels(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    group = np.sort(rng.integers(0, 400, 1500))
    shared = rng.normal(size=400)[group]
    baseline = 0.5 + shared + rng.normal(size=1500)
    candidate = 0.7 + shared + rng.normal(size=1500)
    found = compared(tmp_path, baseline, candidate, group=[f"g{g}" for g in group])
    loss = np.logaddexp(0, -candidate) - np.logaddexp(0, -baseline)
    fit = sm.OLS(loss, np.ones(1500)).fit(
        cov_type="cluster", cov_kwds={"groups": group}, use_t=True
    )
    e = found.estimate("nll")
    assert e is not None
    assert e.difference == pytest.approx(fit.params[0])
    assert e.standard_error == pytest.approx(fit.bse[0], rel=1e-3)  # theirs: (N - 1) / (N - k) too
    assert e.n_clusters == len(np.unique(group))
    assert e.p_method == "sign flip (10,000 draws)"
    sums = np.bincount(group, loss)
    other = stats.permutation_test(
        (sums,), np.sum, permutation_type="samples", n_resamples=9999, rng=np.random.default_rng(2)
    )
    assert e.p == pytest.approx(other.pvalue, abs=0.02)
    won = (candidate > 0).astype(float) - (baseline > 0)
    assert accuracy(found).p_method == "sign flip (10,000 draws)"
    assert accuracy(found).difference == pytest.approx(won.mean())
    assert accuracy(found).table is None


def test_many_clusters_take_the_t_test(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    baseline, candidate = rng.normal(size=(2, 2500))
    e = compared(tmp_path, baseline, candidate).estimate("nll")
    assert e is not None
    loss = np.logaddexp(0, -candidate) - np.logaddexp(0, -baseline)
    assert e.p_method == "clustered t"
    assert e.degrees_of_freedom is not None
    t = loss.mean() / stats.sem(loss)
    assert e.p == pytest.approx(2 * stats.t.sf(abs(t), e.degrees_of_freedom))
    assert e.p == pytest.approx(stats.ttest_1samp(loss, 0).pvalue, rel=1e-2)


def test_parts_are_corrected_for_their_number(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    baseline = rng.normal(size=1200)
    candidate = baseline + rng.normal(0.1, 1.0, size=1200)
    subset = np.repeat(list("abcdef"), 200)
    found = compared(tmp_path, baseline, candidate, subset=subset)
    parts = [e for e in found.estimates if e.metric == "nll" and e.subset is not None]
    expected = multipletests([e.p for e in parts], method="fdr_bh")[1]
    assert [e.q for e in parts] == pytest.approx(expected)
    whole = found.estimate("nll")
    assert whole is not None
    assert whole.q is None


def test_a_macro_mean_differs_by_the_mean_of_its_parts(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    baseline, candidate = rng.normal(0.3, 1, size=(2, 300))
    subset = np.repeat(["a", "b"], [50, 250])
    found = compared(tmp_path, baseline, candidate, subset=subset)
    e = found.estimate("macro_accuracy")
    assert e is not None
    won = (candidate > 0).astype(float) - (baseline > 0)
    halves = won[:50], won[50:]
    assert e.difference == pytest.approx(np.mean([h.mean() for h in halves]))
    error = np.sqrt(sum(np.sum((h - h.mean()) ** 2) / (2 * len(h)) ** 2 for h in halves))
    assert e.standard_error == pytest.approx(error * np.sqrt(300 / 299))
