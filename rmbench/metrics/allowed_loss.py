"""Whether a candidate loses no more than it may: non-inferiority on paired items.

The *gain* is the candidate's value less the baseline's, turned so that more is better; the
*allowed loss* is a number >= 0 in the same unit. Two one-sided tests share one bound each: a low
p of "the gain is at most -loss" lets a candidate pass, a low p of "the gain is at least -loss"
shows that it lost more.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from scipy.special import ndtr, ndtri, stdtr, stdtrit

from rmbench.metrics.paired import PairedCounts, restricted_error, tango_error

_POWER = 0.8


@dataclass(frozen=True)
class LossTest:
    """What the data say of a loss.

    Attributes:
        bound: Lower confidence bound of the gain, one-sided at ``1 - alpha``; the candidate is
            shown to lose less than ``loss`` exactly where ``bound > -loss``.
        p: One-sided, that the true loss is at most ``loss``; small where it is larger.
        detectable: The true loss that is shown to be too large with 80 % power.
        method: How the bound and p were found.
    """

    bound: float
    p: float
    detectable: float
    method: str


def loss_from_table(counts: PairedCounts, loss: float, alpha: float) -> LossTest:
    """Test a loss of accuracy on items that are right or wrong, one item a cluster.

    Tango's score test with a correction of half an item. Without it, the test's true size lies
    above ``alpha`` where few items differ: at 100 items of which 5 % differ and a loss of 2
    points allowed, .072 in place of .05.

    Args:
        counts: ``only_first`` are the items that the candidate alone has right.
        loss: Allowed, a fraction in [0, 1).
        alpha: Size of each of the two one-sided tests, in (0, .5).

    Source: Tango 1998, "Equivalence test and confidence interval for the difference in
    proportions for the paired-sample design".

    >>> test = loss_from_table(PairedCounts(600, 20, 25, 355), 0.02, 0.05)
    >>> round(test.bound, 4), test.bound > -0.02, round(test.p, 3)
    (-0.017, True, 0.986)
    """
    half = 0.5 / counts.n
    z = (counts.difference + loss + half) / _positive(tango_error(counts, -loss))
    return LossTest(
        bound=_lower_bound(counts, alpha),
        p=float(ndtr(z)),
        detectable=_detectable(counts, loss, alpha),
        method="Tango's score, half an item corrected",
    )


def loss_from_error(
    gain: float,
    standard_error: float,
    df: float,
    loss: float,
    alpha: float,
    *,
    correction: float = 0.0,
) -> LossTest:
    """Test a loss from a mean paired difference and its clustered standard error.

    Student's t.

    Args:
        gain: The candidate's value less the baseline's, turned so that more is better.
        standard_error: Of the gain.
        df: Degrees of freedom of the standard error.
        loss: Allowed, at least 0.
        alpha: Size of each of the two one-sided tests, in (0, .5).
        correction: What either claim must clear on top, for a gain that moves in steps: half
            an item. Without it, up to 5.5 % of candidates that lose just what they may are
            failed at alpha = 5 % (docs/statistics.md).

    Raises:
        ValueError: If the error or the degrees of freedom are not positive.

    >>> test = loss_from_error(-0.005, 0.0067, 999, 0.02, 0.05)
    >>> round(test.bound, 4), test.bound > -0.02
    (-0.016, True)
    """
    if standard_error <= 0 or df <= 0:
        raise ValueError(f"no t test with an error of {standard_error} and {df} df")
    critical = float(stdtrit(df, 1 - alpha))
    return LossTest(
        bound=gain - correction - critical * standard_error,
        p=float(stdtr(df, (gain + loss + correction) / standard_error)),
        detectable=loss + correction + (critical + float(stdtrit(df, _POWER))) * standard_error,
        method=f"clustered t, {df:.0f} df" + (", half an item corrected" if correction else ""),
    )


def _lower_bound(counts: PairedCounts, alpha: float) -> float:
    """The gain at which the corrected score test turns."""
    from scipy.optimize import brentq

    z, seen = -float(ndtri(alpha)), counts.difference - 0.5 / counts.n

    def excess(gain: float) -> float:
        return seen - gain - z * tango_error(counts, gain)

    # At -1 the error is 0, and at what was seen there is none left to exceed.
    if excess(-1.0) <= 0:
        return -1.0
    return float(brentq(excess, -1.0, max(seen, -1.0) + 1e-12, xtol=1e-14))


def _detectable(counts: PairedCounts, loss: float, alpha: float) -> float:
    """The loss at which the test's expected statistic leaves 80 % power; 1 at most."""
    from scipy.optimize import brentq

    n = counts.n
    observed = (counts.only_first + counts.only_second) / n
    z_alpha, z_beta = -float(ndtri(alpha)), float(ndtri(_POWER))

    def spare(true: float) -> float:
        discordance = max(observed, true)
        gained, lost = (discordance - true) / 2 * n, (discordance + true) / 2 * n
        under_limit = restricted_error(n, gained, lost, -loss)
        error = sqrt(max(0.0, discordance - true**2) / n)
        return true - loss - 0.5 / n - z_alpha * under_limit - z_beta * error

    if spare(1.0) <= 0:
        return 1.0
    return float(brentq(spare, loss, 1.0, xtol=1e-12))


def _positive(error: float) -> float:
    return max(error, 1e-300)
