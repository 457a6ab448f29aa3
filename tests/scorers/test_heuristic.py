from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rmbench.errors import UsageError
from rmbench.scorers.spec import RunOptions, create_scorer, parse_scorer
from rmbench.types import Conversation, Message


def conversations(*responses: str) -> list[Conversation]:
    return [Conversation((Message("user", "q"),), r, "e", i) for i, r in enumerate(responses)]


def rewards(scorer: str, *responses: str, seed: int = 0) -> np.ndarray:
    return (
        create_scorer(parse_scorer(scorer), RunOptions(seed=seed))
        .score(conversations(*responses))
        .reward
    )


def test_length_counts_characters_not_bytes() -> None:
    assert rewards("length:", "abc", "äöü", "", "日本").tolist() == [3.0, 3.0, 0.0, 2.0]
    assert rewards("shorter:", "abc", "").tolist() == [-3.0, 0.0]


def test_random_is_a_function_of_text_and_seed_alone() -> None:
    first = rewards("random:", "a", "b", "c")
    again = rewards("random:", "c", "b", "a")
    np.testing.assert_array_equal(first, again[::-1])
    assert not np.array_equal(first, rewards("random:", "a", "b", "c", seed=1))
    # Written down once: a change of the hash would silently change everybody's baseline.
    assert first[0] == pytest.approx(0.5463013551349488)


def test_random_is_uniform() -> None:
    values = rewards("random:", *(str(i) for i in range(2000)))
    assert values.min() >= 0
    assert values.max() < 1
    assert stats.kstest(values, "uniform").pvalue > 0.001


def test_heuristics_are_marked_content_blind_and_not_logits() -> None:
    for kind in ("length:", "shorter:", "random:"):
        info = create_scorer(parse_scorer(kind), RunOptions()).info
        assert info.content_blind
        assert not info.margins_are_logits


def test_a_target_where_there_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="takes no target"):
        rewards("length:3")
    with pytest.raises(UsageError, match="takes no target"):
        rewards("random:3")


def test_lone_surrogates_do_not_break_the_hash() -> None:
    assert np.isfinite(rewards("random:", "\ud800")).all()
