"""RM-Bench's style matrix: 3 chosen x 3 rejected answers of matched style.

Both sides hold the same three styles in the same order (concise, detailed, detailed with
markdown). Rows are the chosen answer's style, columns the rejected one's, so above the
diagonal the wrong answer has the more elaborate style (hard), on it the styles are equal
(normal), and below it the right answer has the more elaborate one (easy).

Source: Liu et al., "RM-Bench: Benchmarking Reward Models of Language Models with Subtlety
and Style", ICLR 2025.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from rmbench.metrics.accuracy import outcomes
from rmbench.metrics.arrays import FloatArray
from rmbench.metrics.comparisons import Comparisons
from rmbench.types import TiePolicy

STYLES = 3
"""Answers on each side."""

Difficulty = Literal["easy", "normal", "hard"]

_CELLS = {
    "easy": np.tril_indices(STYLES, k=-1),
    "normal": np.diag_indices(STYLES),
    "hard": np.triu_indices(STYLES, k=1),
}


def first_unstyled(comparisons: Comparisons) -> int | None:
    """Index of the first example that is not 3 x 3, or ``None`` if all are."""
    other = (comparisons.n_chosen != STYLES) | (comparisons.n_rejected != STYLES)
    return int(np.argmax(other)) if other.any() else None


def style_outcomes(comparisons: Comparisons, ties: TiePolicy) -> FloatArray:
    """Outcome of each style's chosen answer against each style's rejected one.

    Args:
        comparisons: Every example has exactly 3 chosen and 3 rejected answers.
        ties: What equal rewards count.

    Returns:
        float64, shape (n_examples, 3, 3); [e, i, j] is chosen i against rejected j.

    Raises:
        ValueError: If an example is not 3 x 3.
    """
    other = first_unstyled(comparisons)
    if other is not None:
        raise ValueError(
            f"expected 3 chosen and 3 rejected answers, example {str(comparisons.id[other])!r} has "
            f"{comparisons.n_chosen[other]} and {comparisons.n_rejected[other]}"
        )
    won = np.empty((comparisons.n_examples, STYLES, STYLES))
    cell = (comparisons.example, comparisons.index_chosen, comparisons.index_rejected)
    won[cell] = outcomes(comparisons.margin, ties)
    return won


def style_matrix(comparisons: Comparisons, ties: TiePolicy) -> FloatArray:
    """Mean of ``style_outcomes`` over the examples; shape (3, 3), in [0, 1].

    Raises:
        ValueError: If an example is not 3 x 3, or there is none.
    """
    if comparisons.n_examples == 0:
        raise ValueError("a style matrix needs at least one example")
    matrix: FloatArray = style_outcomes(comparisons, ties).mean(axis=0)
    return matrix


def style_accuracy(matrix: FloatArray, difficulty: Difficulty) -> FloatArray:
    """Mean over the cells of one difficulty.

    Args:
        matrix: float64, shape (..., 3, 3).
        difficulty: ``hard``: strict upper triangle; ``normal``: diagonal; ``easy``:
            strict lower triangle.

    Returns:
        float64, shape (...,).

    >>> float(style_accuracy(np.array([[6.0, 3, 3], [9, 6, 3], [9, 9, 6]]), "hard"))
    3.0
    """
    rows, columns = _CELLS[difficulty]
    mean: FloatArray = matrix[..., rows, columns].mean(axis=-1)
    return mean
