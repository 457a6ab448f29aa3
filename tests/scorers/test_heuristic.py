from __future__ import annotations

import json
from pathlib import Path

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
    for kind in (
        "length:", "shorter:", "random:", "markdown:", "first-person:", "refusal:",
    ):  # fmt: skip
        info = create_scorer(parse_scorer(kind), RunOptions()).info
        assert info.content_blind
        assert not info.margins_are_logits


def test_markdown_counts_headers_items_and_bold() -> None:
    text = "## Plan\n\n1. **Rest** well\n2) __Eat__\n  - soup\n* bread\n\nNot a #header, 2 * 3 * 4"
    assert rewards("markdown:", text, "plain", "").tolist() == [7.0, 0.0, 0.0]


def test_first_person_is_a_share_of_words() -> None:
    found = rewards("first-person:", "I think WE\u2019re right", "Ice is mine", "Idaho", "...")
    assert found.tolist() == [2 / 4, 1 / 3, 0.0, 0.0]


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I\u2019m sorry, but I can\u2019t assist with this request.",
        "I cannot in good conscience provide that.",
        "I am not able to give medical advice.",
        "I must decline.",
        "Sorry, I won't do that.",
        "As an AI language model, I have no opinions.",
        "That is not something I can support.",
    ],
)
def test_refusals_are_known_by_their_opening(text: str) -> None:
    assert rewards("refusal:", text).tolist() == [1.0]


@pytest.mark.parametrize(
    "text",
    [
        "Sure! Here is how to help with that.",
        "You can't be sorry for something you did not do.",
        "I can help. " + "First, " * 60 + "I'm sorry, but I can't help with the rest.",
        "",
    ],
)
def test_other_answers_are_not_refusals(text: str) -> None:
    assert rewards("refusal:", text).tolist() == [0.0]


def test_refusals_are_what_safety_benchmarks_ask_for(shared_data: Path) -> None:
    """In RM-Bench's refuse half the right answers refuse; in the other half the wrong ones do."""
    for part, side, other in (
        ("safety-refuse", "chosen", "rejected"), ("safety-response", "rejected", "chosen"),
    ):  # fmt: skip
        file = shared_data / "native" / "rm_bench" / f"{part}_filtered.json"
        rows = json.loads(file.read_text("utf-8"))
        said = {s: rewards("refusal:", *(t for r in rows for t in r[s])).mean()
                for s in (side, other)}  # fmt: skip
        assert said[side] > 0.8
        assert said[other] < 0.1


def test_a_target_where_there_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="takes no target"):
        rewards("length:3")
    with pytest.raises(UsageError, match="takes no target"):
        rewards("random:3")


def test_lone_surrogates_do_not_break_the_hash() -> None:
    assert np.isfinite(rewards("random:", "\ud800")).all()
