"""What a scorer's accuracy would be if length and markdown did not differ.

A logistic regression explains who wins each comparison by how the two answers differ in
style; its intercept is the log-odds of the right answer between two of the same style.

    log-odds(chosen wins) = alpha + sum_j beta_j z_j

z_j is the difference of a feature divided by its root mean square (not centred: 0 must go on
meaning no difference). Without regularisation a scorer of length alone sends beta to
infinity and leaves alpha arbitrary, so (1/2) sum beta_j^2 is added to the negative
log-likelihood, in which every example weighs 1; alpha is not penalised. For the same reason
comparisons in which the right answer is longer and those in which it is shorter get the same
total weight (``balanced_weight``): right answers that are mostly longer, also where the
difference is tiny, would otherwise pass for quality.

Sources: Dubois et al. 2024, "Length-Controlled AlpacaEval" (a logistic model with the length
term set to 0); Li et al. 2024, "Does style matter?" (the features and their normalisation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from rmbench.metrics.arrays import FloatArray
from rmbench.metrics.base import Undefined

MIN_STRATUM = 30
"""Examples needed in which the chosen answer has more of a feature, and in which less."""

PENALTY = 1.0
"""Ridge penalty: the weight of (1/2) beta^2 against one example's log-likelihood."""

_MAX_STEPS = 100


@dataclass(frozen=True, eq=False)
class StyleFit:
    """A penalised logistic regression.

    Attributes:
        intercept: alpha; sigmoid of it is the controlled accuracy.
        effects: float64, shape (k,); beta, in log-odds per root mean square of a feature's
            difference. Exactly 0 for a feature that never differs.
        influence: float64, shape (n, k + 1); what each comparison contributes to the error
            of the intercept (column 0) and the effects; columns sum to 0.
    """

    intercept: float
    effects: FloatArray
    influence: FloatArray


def relative_difference(chosen: FloatArray, rejected: FloatArray) -> FloatArray:
    """(a - b) / (a + b) of two amounts, 0 where both are 0; in [-1, 1].

    >>> relative_difference(np.array([300.0, 0.0]), np.array([100.0, 0.0])).tolist()
    [0.5, 0.0]
    """
    total = chosen + rejected
    difference: FloatArray = (chosen - rejected) / np.where(total > 0, total, 1.0)
    return difference


def density_difference(chosen: FloatArray, rejected: FloatArray) -> FloatArray:
    """(a - b) / (a + b + 1) of two densities, each a count per 1,000 characters.

    >>> density_difference(np.array([2.0]), np.array([1.0])).tolist()
    [0.25]
    """
    difference: FloatArray = (chosen - rejected) / (chosen + rejected + 1.0)
    return difference


def balanced_weight(difference: FloatArray, weight: FloatArray) -> FloatArray:
    """Weights under which positive and negative differences weigh the same in total.

    Their common total is kept, and so is the weight of differences of 0. Where the model
    holds, weights that depend on the differences alone leave its estimates consistent.

    Args:
        difference: float64, shape (n,); some positive and some negative.
        weight: float64, shape (n,).

    >>> balanced_weight(np.array([3.0, 1.0, 2.0, -1.0, 0.0]), np.ones(5)).round(3).tolist()
    [0.667, 0.667, 0.667, 2.0, 1.0]
    """
    more, less = difference > 0, difference < 0
    of_more, of_less = float(weight[more].sum()), float(weight[less].sum())
    half = (of_more + of_less) / 2
    return weight * np.where(more, half / of_more, np.where(less, half / of_less, 1.0))


def fit_style(
    outcome: FloatArray, features: FloatArray, weight: FloatArray
) -> StyleFit | Undefined:
    """Fit the regression by Newton's method.

    Args:
        outcome: float64, shape (n,); 1 where the chosen answer won, 0.5 for a tie.
        features: float64, shape (n, k); differences chosen - rejected.
        weight: float64, shape (n,); sums to the number of examples.

    Returns:
        The fit, or a reason where no comparison is lost or none is won: then the intercept
        has no maximum.
    """
    won = float(weight @ outcome)
    if won <= 0:
        return Undefined("no comparison is won: the intercept has no maximum")
    if won >= float(weight.sum()) * (1 - 1e-15) and (outcome == 1).all():
        return Undefined("no comparison is lost: the intercept has no maximum")
    size = np.sqrt(weight @ features**2 / weight.sum())
    x = np.column_stack([np.ones(len(outcome)), features / np.where(size > 0, size, 1.0)])
    ridge = np.append(0.0, np.full(features.shape[1], PENALTY))

    def loss(theta: FloatArray) -> float:
        eta = x @ theta
        fit = weight @ (np.logaddexp(0.0, eta) - outcome * eta)
        return float(fit + ridge @ theta**2 / 2)

    theta = np.zeros(x.shape[1])
    at = loss(theta)
    for _ in range(_MAX_STEPS):
        hessian, residual = _derivatives(x, theta, outcome, weight, ridge)
        gradient = residual.sum(axis=0) - ridge * theta
        step = np.linalg.solve(hessian, gradient)
        # Half the decrement is what a full step promises to gain.
        if float(gradient @ step) <= 1e-20 * (1 + abs(at)):
            break
        while (reached := loss(theta + step)) > at and np.abs(step).max() > 1e-12:
            step = step / 2
        if reached >= at:
            break
        theta, at = theta + step, reached
    hessian, residual = _derivatives(x, theta, outcome, weight, ridge)
    # The penalty's pull is shared out, so that the contributions sum to 0.
    centred = residual - np.outer(weight / weight.sum(), residual.sum(axis=0))
    influence = np.asarray(np.linalg.solve(hessian, centred.T).T, dtype=np.float64)
    return StyleFit(float(theta[0]), theta[1:], influence)


def _derivatives(
    x: FloatArray, theta: FloatArray, outcome: FloatArray, weight: FloatArray, ridge: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Penalised Hessian, and each comparison's score (shape (n, k + 1))."""
    p = expit(x @ theta)
    hessian = (x * (weight * p * (1 - p))[:, None]).T @ x + np.diag(ridge)
    return hessian, x * (weight * (outcome - p))[:, None]
