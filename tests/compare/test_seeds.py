"""Seeds of one recipe as one candidate."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from stored_pairs import pair_scores, store

from rmbench.compare import CompareRequest, compare
from rmbench.compare.difference import paired_difference
from rmbench.errors import UsageError
from rmbench.metrics.cluster_error import cluster_error
from rmbench.metrics.intervals import linearised_mean
from rmbench.metrics.views import Measured
from rmbench.report.compare_text import render_comparisons
from rmbench.report.numbers import fraction
from rmbench.result import Comparison, ComparisonReport, StoredRun, read_run
from rmbench.types import Scores


def seeds(tmp_path: Path, baseline: np.ndarray, *margins: np.ndarray) -> Comparison:
    a = store(tmp_path, "old", pair_scores(baseline))
    b = [store(tmp_path, f"seed-{k}", pair_scores(m)) for k, m in enumerate(margins)]
    request = CompareRequest(a.path, tuple(r.path for r in b), replicates=True)
    [found] = compare(request).comparisons
    return found


def test_error_of_items_and_of_seeds(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    baseline = rng.normal(0.2, 1, 150)
    margins = [baseline + rng.normal(shift, 1, 150) for shift in (0.1, 0.4, 0.2)]
    found = seeds(tmp_path, baseline, *margins)
    e = found.estimate("accuracy")
    assert e is not None
    won = np.array([m > 0 for m in margins], dtype=float)
    values = won.mean(axis=1)
    paired = won.mean(axis=0) - (baseline > 0)
    items, spread = stats.sem(paired) ** 2, values.var(ddof=1) / 3
    assert e.seed_values == pytest.approx(tuple(values))
    assert e.candidate == pytest.approx(values.mean())
    assert e.difference == pytest.approx(paired.mean())
    assert e.standard_error_items == pytest.approx(np.sqrt(items))
    assert e.standard_error_seeds == pytest.approx(np.sqrt(spread))
    assert e.standard_error == pytest.approx(np.sqrt(items + spread))
    of_items = cluster_error((paired - paired.mean()) / 150, np.arange(150)).degrees_of_freedom
    freedom = (items + spread) ** 2 / (items**2 / of_items + spread**2 / 2)
    assert e.degrees_of_freedom == pytest.approx(freedom)
    low, high = stats.t.interval(0.95, freedom, paired.mean(), np.sqrt(items + spread))
    assert (e.ci_low, e.ci_high) == pytest.approx((low, high))
    assert e.p == pytest.approx(2 * stats.t.sf(paired.mean() / np.sqrt(items + spread), freedom))
    assert found.candidate is not None
    assert len(found.candidate.replicates) == 3
    assert "the baseline is one model" in found.notes[0]
    text = " ".join(render_comparisons(ComparisonReport(comparisons=(found,))).split())
    assert f"accuracy of the seeds: {', '.join(fraction(v) for v in values)};" in text


def test_seeds_that_agree_leave_the_error_of_the_items(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    baseline = rng.normal(0.2, 1, 80)
    # Multiples of 2^-10, so that other rewards can have the very same margins.
    margins = np.round((baseline + rng.normal(0, 1, 80)) * 1024) / 1024
    a = store(tmp_path, "old", pair_scores(baseline))
    scores = pair_scores(margins)
    higher = Scores(**{**scores.columns(), "reward": scores.reward + 1})
    b = [store(tmp_path, f"seed-{k}", s).path for k, s in enumerate((scores, higher))]
    [found] = compare(CompareRequest(a.path, tuple(b), replicates=True)).comparisons
    e = found.estimate("nll")
    assert e is not None
    assert e.standard_error_seeds == 0
    assert e.standard_error == e.standard_error_items
    assert e.degrees_of_freedom is not None
    assert 10 < e.degrees_of_freedom <= 79


def copied(run: StoredRun, to: Path) -> StoredRun:
    shutil.copytree(run.path.parent, to)
    return read_run(to / run.path.name)


@pytest.mark.parametrize("replicates", [True, False])
def test_a_candidate_named_twice_is_refused(replicates: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    a, b, c = (store(tmp_path, n, pair_scores(rng.normal(size=30))) for n in ("old", "s1", "s2"))
    link = tmp_path / "link"
    link.symlink_to(b.path)
    copy = copied(b, tmp_path / "copy")
    for twice in (
        (b.path, b.path),
        (b.path, c.path, b.path),
        (b.path, b.path.parent),
        (b.path, link),
        (b.path, copy.path),
    ):
        with pytest.raises(UsageError, match="named twice"):
            compare(CompareRequest(a.path, twice, replicates=replicates))
    compare(CompareRequest(a.path, (b.path, c.path), replicates=replicates))
    compare(CompareRequest(b.path, (b.path, c.path), replicates=replicates))


def test_the_same_rewards_are_one_seed_whatever_they_are_called(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    a = store(tmp_path, "old", pair_scores(rng.normal(size=30)))
    scores = pair_scores(rng.normal(size=30))
    b, c = (store(tmp_path, name, scores) for name in ("s1", "s2"))
    with pytest.raises(UsageError, match="named twice"):
        compare(CompareRequest(a.path, (b.path, c.path), replicates=True))
    # Two models may agree.
    assert len(compare(CompareRequest(a.path, (b.path, c.path))).comparisons) == 2


def test_one_seed_is_none(tmp_path: Path) -> None:
    a = store(tmp_path, "old", pair_scores(np.ones(3)))
    with pytest.raises(UsageError, match="at least two candidates"):
        compare(CompareRequest(a.path, (a.path,), replicates=True))


def test_a_suite_that_one_seed_was_measured_on_is_not_compared(tmp_path: Path) -> None:
    a = store(tmp_path, "old", pair_scores(np.ones(3)))
    b = store(tmp_path, "seed-0", pair_scores(np.ones(3)))
    other = a.result.suite.model_copy(update={"name": "other"})
    c = store(tmp_path, "seed-1", pair_scores(np.ones(3)), suite=other)
    request = CompareRequest(a.path, (b.path, c.path), replicates=True)
    [found] = compare(request).comparisons
    assert found.reason == "only one of the seeds was measured on it: seed-0"


@pytest.mark.parametrize("n_seeds", [3, 5])
def test_the_interval_covers_the_recipe(n_seeds: int) -> None:
    """Crossed random effects of item, seed and both; the baseline's items are fixed to 0."""
    rng = np.random.default_rng(n_seeds)
    n, draws, covered = 200, 600, 0
    for _ in range(draws):
        item, seed = rng.normal(0, 1, n), rng.normal(0, 0.1, n_seeds)
        values = 0.3 + item + seed[:, None] + rng.normal(0, 1, (n_seeds, n))
        found = paired_difference(
            _measured(np.zeros(n)),
            [_measured(v) for v in values],
            np.arange(n),
            higher_is_better=True,
            bounds=(-np.inf, np.inf),
        )
        assert found is not None
        covered += found.fields["ci_low"] <= 0.3 <= found.fields["ci_high"]
    # 95 % or somewhat more; three standard errors of 600 draws below it.
    assert covered / draws >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / draws)
    assert covered / draws < 0.995


def _measured(values: np.ndarray) -> Measured:
    return Measured(float(values.mean()), len(values), None, linearised_mean(values), values)
