from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmbench.errors import UsageError
from rmbench.train.split import Split, split_by_prompt
from rmbench.types import Message, PreferenceExample, PreferenceSet

# For each set, prompt and group of each example; an empty group is none.
_EXAMPLE = st.tuples(st.integers(0, 9), st.sampled_from(["", "a", "b", "c", "d", "e", "f"]))
_SETS = st.lists(st.lists(_EXAMPLE, min_size=1, max_size=12), min_size=1, max_size=3)


def make(examples: list[tuple[int, str]], name: str = "set") -> PreferenceSet:
    return PreferenceSet(
        name,
        tuple(
            PreferenceExample(
                f"{name}-{i}", (Message("user", f"prompt {p}"),), ("yes",), ("no",), group=group
            )
            for i, (p, group) in enumerate(examples)
        ),
    )


Side = list[tuple[int, PreferenceExample]]


def sides(sets: list[PreferenceSet], split: Split) -> tuple[Side, Side]:
    train, dev = (
        [(s, sets[s][i]) for s, positions in enumerate(side) for i in positions]
        for side in (split.train, split.dev)
    )
    return train, dev


@given(_SETS, st.floats(0.05, 0.95), st.integers(0, 5))
def test_no_prompt_and_no_group_is_on_both_sides_and_none_is_lost(
    described: list[list[tuple[int, str]]], fraction: float, seed: int
) -> None:
    sets = [make(examples, f"s{n}") for n, examples in enumerate(described)]
    try:
        split = split_by_prompt(sets, fraction, seed=seed)
    except UsageError as error:
        assert "leaves nothing" in str(error)  # noqa: PT017 - one of two right answers
        return
    train, dev = sides(sets, split)
    assert train
    assert dev
    assert not {e.prompt for _, e in train} & {e.prompt for _, e in dev}
    named = [{(s, e.group) for s, e in side if e.group} for side in (train, dev)]
    assert not named[0] & named[1]
    everyone = sorted(e.id for _, e in train + dev)
    assert everyone == sorted(e.id for data in sets for e in data)
    assert split == split_by_prompt(sets, fraction, seed=seed)


def test_the_share_is_met_where_prompts_allow() -> None:
    data = make([(i, "") for i in range(200)])
    split = split_by_prompt([data], 0.1, seed=0)
    assert len(split.dev[0]) == split.groups == 20
    assert split.dev != split_by_prompt([data], 0.1, seed=1).dev


def test_a_prompt_in_two_sources_stays_in_one_piece() -> None:
    first, second = make([(i, "") for i in range(10)], "a"), make([(i, "") for i in range(10)], "b")
    split = split_by_prompt([first, second], 0.3, seed=0)
    assert split.dev[0] == split.dev[1]
    assert split.groups == 3


def test_prompts_that_share_a_group_are_one_piece() -> None:
    # 0 and 1 by the group, 1 and 2 by the prompt.
    data = make([(0, "g"), (1, "g"), (1, "h"), (5, ""), (6, ""), (7, "")])
    for seed in range(8):
        held = set(split_by_prompt([data], 0.5, seed=seed).dev[0])
        assert held >= {0, 1, 2} or not held & {0, 1, 2}


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_a_side_without_examples_is_an_error(fraction: float) -> None:
    data = make([(0, ""), (1, "")])
    with pytest.raises(UsageError, match="the data have 2 groups"):
        split_by_prompt([data], fraction, seed=0)
