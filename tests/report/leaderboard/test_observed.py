"""What a page shows beside the headline, against the report's own slower functions."""

from __future__ import annotations

from base64 import b64decode

import numpy as np
import pytest

from rmbench.metrics.base import MeasureContext
from rmbench.metrics.calibration import confidence
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import proportion_interval
from rmbench.metrics.reliability import equal_mass_bins
from rmbench.report.curves import reliability
from rmbench.report.leaderboard.observed import observe, reliability_bins
from rmbench.report.leaderboard.payload import (
    FRACTION_STEPS,
    MISSING,
    fractions,
    pairwise,
    script_json,
)

from .conftest import margins, pair_scores


@pytest.mark.parametrize("cluster", [1, 4])
def test_bins_are_those_of_the_report(cluster: int) -> None:
    c = Comparisons.from_scores(pair_scores(margins(0.8, 800, 1), cluster=cluster))
    expected = reliability(c)
    found, counts = reliability_bins(c)
    assert counts == tuple(b.n for b in expected)
    rows = np.array(found, dtype=float).reshape(-1, 4)
    np.testing.assert_allclose(rows[:, 0], [b.x for b in expected])
    np.testing.assert_allclose(rows[:, 1], [b.accuracy for b in expected])
    for row, b in zip(rows, expected, strict=True):
        assert b.interval is not None
        assert row[2] == pytest.approx(b.interval.low)
        assert row[3] == pytest.approx(b.interval.high)
        assert 0 <= row[2] <= row[1] <= row[3] <= 1


@pytest.mark.parametrize("cluster", [1, 4])
def test_intervals_of_bins_are_those_of_accuracies(cluster: int) -> None:
    """Each bin's pairs by themselves, with the interval that every accuracy has."""
    c = Comparisons.from_scores(pair_scores(margins(0.8, 400, 1), cluster=cluster))
    bins = equal_mass_bins(confidence(c.margin))
    rows = np.array(reliability_bins(c)[0], dtype=float).reshape(-1, 4)
    for b, row in enumerate(rows):
        inside = bins == b
        expected = proportion_interval((c.margin[inside] > 0) * 1.0, c.group[inside])
        assert expected is not None
        assert row[2] == pytest.approx(expected.low)
        assert row[3] == pytest.approx(expected.high)


def test_a_bin_where_all_are_right_has_an_interval() -> None:
    c = Comparisons.from_scores(pair_scores(np.linspace(1, 9, 100)))
    rows = np.array(reliability_bins(c)[0], dtype=float).reshape(-1, 4)
    assert (rows[:, 1] == 1).all()
    assert (rows[:, 2] < 0.75).all()


def test_nothing_is_binned_where_margins_are_not_logits() -> None:
    c = Comparisons.from_scores(pair_scores(margins(0.8, 50, 1)))
    assert observe(c, MeasureContext(margins_are_logits=False)).bins == ()
    assert observe(c, MeasureContext()).matrix == ()


def test_fractions_keep_four_digits() -> None:
    values = [0.0, 0.12345, 1.0, 1.01, None]
    raw = np.frombuffer(b64decode(fractions(values)), dtype="<u2")
    assert raw[-1] == MISSING
    np.testing.assert_allclose(raw[:-1] / FRACTION_STEPS, values[:-1], atol=1e-5)


def test_pairwise_gives_every_difference() -> None:
    """The page's arithmetic, against the paired difference by its definition."""
    rng = np.random.default_rng(3)
    right = (rng.random((120, 5)) < 0.7).astype(float)
    right[:, 4] = right[:, 1]
    sums = (right - right.mean(axis=0)) / 120
    found = pairwise(sums, right)
    se = np.frombuffer(b64decode(found["se"]), dtype="<f4")
    corr = np.frombuffer(b64decode(found["corr"]), dtype="<i2") / 32767
    better = np.frombuffer(b64decode(found["better"]), dtype="<u2").reshape(5, 5)
    for i in range(5):
        for j in range(i + 1, 5):
            rho = corr[i * 5 - i * (i + 1) // 2 + (j - i - 1)]
            variance = se[i] ** 2 + se[j] ** 2 - 2 * rho * se[i] * se[j]
            expected = (right[:, i] - right[:, j]).var(ddof=1) / 120
            assert variance == pytest.approx(expected, abs=1e-6)
            assert better[i, j] == (right[:, i] > right[:, j]).sum()
            assert better[j, i] == (right[:, j] > right[:, i]).sum()


def test_json_cannot_leave_its_element() -> None:
    text = script_json({"x": "</script><!--\u2028\u2029&"})
    assert not set("<>&\u2028\u2029") & set(text)
