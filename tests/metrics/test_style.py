from __future__ import annotations

import numpy as np
import pytest

from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.style import style_accuracy, style_matrix, style_outcomes

# FsfairX-LLaMA3-RM on RM-Bench's chat domain, in percent.
FSFAIRX_CHAT = np.array([[83.61, 3.83, 2.19], [99.45, 66.12, 49.73], [100.0, 80.33, 66.67]])


def test_published_matrix():
    assert style_accuracy(FSFAIRX_CHAT, "hard") == pytest.approx(18.583, abs=5e-4)
    assert style_accuracy(FSFAIRX_CHAT, "normal") == pytest.approx(72.133, abs=5e-4)
    assert style_accuracy(FSFAIRX_CHAT, "easy") == pytest.approx(93.260, abs=5e-4)


def test_rows_are_chosen_styles_and_columns_rejected_ones(build):
    # The scorer adds 0, 10, 20 for the style and 1 for the right answer.
    c = Comparisons.from_scores(build([((1.0, 11.0, 21.0), (0.0, 10.0, 20.0))]))
    assert style_matrix(c, "half").tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]


def test_ties_follow_the_policy(build):
    c = Comparisons.from_scores(build([((0.0,) * 3, (0.0,) * 3), ((1.0,) * 3, (0.0,) * 3)]))
    assert (style_matrix(c, "half") == 0.75).all()
    assert (style_matrix(c, "wrong") == 0.5).all()


def test_difficulties_of_examples_average_to_those_of_the_matrix(build):
    rng = np.random.default_rng(1)
    examples = [(rng.normal(size=3).tolist(), rng.normal(size=3).tolist()) for _ in range(50)]
    c = Comparisons.from_scores(build(examples))
    matrix, each = style_matrix(c, "half"), style_outcomes(c, "half")
    for difficulty in ("easy", "normal", "hard"):
        mean = style_accuracy(each, difficulty).mean()
        assert mean == pytest.approx(float(style_accuracy(matrix, difficulty)), rel=1e-12)
    assert matrix.mean() == pytest.approx(
        np.mean([style_accuracy(matrix, d) for d in ("easy", "normal", "hard")]), rel=1e-12
    )


def test_a_preference_for_the_other_side_turns_the_matrix_round(build):
    there = Comparisons.from_scores(build([((1.0, 11.0, 21.0), (0.0, 10.0, 20.0))]))
    back = Comparisons.from_scores(
        build([((0.0, 10.0, 20.0), (1.0, 11.0, 21.0))], preference=[0.0])
    )
    assert style_matrix(back.decided, "half").tolist() == style_matrix(there, "half").tolist()


def test_other_shapes_are_refused(build):
    c = Comparisons.from_scores(build([((1.0,) * 3, (0.0,) * 3), ((1.0,), (0.0, 0.0))]))
    with pytest.raises(ValueError, match="example 'e1' has 1 and 2"):
        style_matrix(c, "half")
    with pytest.raises(ValueError, match="at least one example"):
        style_matrix(Comparisons.from_scores(build([])), "half")
