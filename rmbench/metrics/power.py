"""How many items a difference between two scorers needs, and what so many items can find.

Pure functions of counts. The formulas and their sources stand at each function.
"""

from __future__ import annotations

from math import ceil, sqrt

from scipy.special import nctdtr, ndtri, stdtrit


def required_n_paired(
    difference: float, discordance: float, *, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Items needed to find an accuracy difference between two scorers (two-sided).

    n = (z_{alpha/2} sqrt(psi) + z_beta sqrt(psi - delta^2))^2 / delta^2.

    Args:
        difference: delta, the difference to find; not 0, at most ``discordance``.
        discordance: psi, share of items that exactly one scorer has right, in (0, 1].
        alpha: Size of the test.
        power: Chance of finding the difference.

    Raises:
        ValueError: If the difference is 0 or larger than the discordance.

    Source: Connor 1987, "Sample size for testing differences in proportions for the
    paired-sample design".

    >>> required_n_paired(0.02, 0.1), required_n_paired(0.05, 0.2)
    (1960, 626)
    """
    if not 0 < abs(difference) <= discordance <= 1:
        raise ValueError(
            f"expected 0 < |difference| <= discordance <= 1, got {difference} and {discordance}"
        )
    return ceil(_connor(abs(difference), discordance, alpha, power))


def detectable_difference(
    n: int, discordance: float, *, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """Smallest accuracy difference that n paired items find: the inverse of Connor's n.

    Returns:
        The difference, or ``None`` where n items find none that large a discordance
        allows.

    Raises:
        ValueError: If n < 1 or the discordance is not in (0, 1].
    """
    from scipy.optimize import brentq

    if n < 1 or not 0 < discordance <= 1:
        raise ValueError(f"expected n >= 1 and discordance in (0, 1], got {n} and {discordance}")

    def missing(difference: float) -> float:
        return _connor(difference, discordance, alpha, power) - n

    if missing(discordance) > 0:
        return None
    return float(brentq(missing, 1e-9 * discordance, discordance, xtol=1e-12))


def detectable_from_error(
    standard_error: float, *, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Smallest true difference found with this standard error: (z_{alpha/2} + z_beta) SE.

    >>> round(detectable_from_error(1.0), 2)
    2.8
    """
    return (_upper_z(alpha / 2) + _upper_z(1 - power)) * standard_error


def required_n_mean(
    difference: float,
    variance: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    student: bool = False,
) -> int:
    """Items needed to find a mean paired difference of given variance (two-sided).

    (z_{alpha/2} + z_beta)^2 * variance / difference^2, or with ``student`` the smallest n
    at which the paired t test has that power.

    Raises:
        ValueError: If the difference is 0 or the variance not positive.

    Source: Miller 2024, "Adding Error Bars to Evals".

    >>> required_n_mean(0.03, 1 / 9), required_n_mean(0.03, 1 / 9, student=True)
    (969, 971)
    """
    if difference == 0 or variance <= 0:
        raise ValueError(f"expected a difference and a variance, got {difference} and {variance}")
    effect = abs(difference) / sqrt(variance)
    n = max(2, ceil((_upper_z(alpha / 2) + _upper_z(1 - power)) ** 2 / effect**2))
    if not student:
        return n
    # The normal figure is always too small for t, by about two.
    while _t_power(effect, n, alpha) < power:
        n += 1
    return n


def detectable_mean(
    n: int, variance: float, *, alpha: float = 0.05, power: float = 0.8, student: bool = False
) -> float:
    """Smallest mean paired difference that n items find: the inverse of ``required_n_mean``.

    With right-or-wrong items, ``variance`` is at most the discordance psi, which gives
    the rule of thumb 2.80 sqrt(psi / n).

    Raises:
        ValueError: If n < 2 or the variance is not positive.

    >>> round(detectable_mean(456, 0.1, student=True), 3)
    0.042
    """
    if n < 2 or variance <= 0:
        raise ValueError(f"expected n >= 2 and a variance, got {n} and {variance}")
    normal = detectable_from_error(1.0, alpha=alpha, power=power) / sqrt(n)
    if not student:
        return normal * sqrt(variance)
    from scipy.optimize import brentq

    high = normal
    while _t_power(high, n, alpha) < power:
        high *= 2
    # Student's t is never better than the normal, so the normal's effect lies below.
    effect = brentq(lambda e: _t_power(e, n, alpha) - power, 0.5 * normal, high)
    return float(effect) * sqrt(variance)


def _connor(difference: float, discordance: float, alpha: float, power: float) -> float:
    root = _upper_z(alpha / 2) * sqrt(discordance)
    root += _upper_z(1 - power) * sqrt(discordance - difference**2)
    return (root / difference) ** 2


def _upper_z(tail: float) -> float:
    return -float(ndtri(tail))


def _t_power(effect: float, n: int, alpha: float) -> float:
    """Power of the two-sided paired t test; effect in standard deviations, positive."""
    critical = float(stdtrit(n - 1, 1 - alpha / 2))
    shift = effect * sqrt(n)
    right = 1 - float(nctdtr(n - 1, shift, critical))
    # Rejecting in the wrong direction has at most the chance that a normal variate is
    # below -shift; scipy gives NaN where that is tiny.
    wrong = float(nctdtr(n - 1, shift, -critical)) if shift < 6 else 0.0
    return right + wrong
