from __future__ import annotations

from collections.abc import Sequence

import pytest

from rmbench.engine.encode import Encoded
from rmbench.errors import TrainingError
from rmbench.train.pairs import build_pairs
from rmbench.types import Conversation, Message, PreferenceExample

PROMPT = (Message("user", "hi"),)


class CharacterEncoder:
    """One token per character of the response, at most five, types all zero."""

    def encode(self, conversations: Sequence[Conversation]) -> list[Encoded]:
        return [
            Encoded(
                tuple(ord(c) for c in conversation.response[:5]),
                (0,) * len(conversation.response[:5]),
                truncated=len(conversation.response) > 5,
            )
            for conversation in conversations
        ]


def spelled(pair_side: object) -> str:
    return "".join(map(chr, pair_side.input_ids))  # type: ignore[attr-defined]


def example(id_: str, chosen: Sequence[str], rejected: Sequence[str], **kw: object):
    return PreferenceExample(id_, PROMPT, tuple(chosen), tuple(rejected), **kw)


def test_every_chosen_meets_every_rejected() -> None:
    built = build_pairs([example("x", ["a", "b"], ["c", "d", "e"])], CharacterEncoder())
    assert [spelled(p.chosen) + spelled(p.rejected) for p in built.pairs] == [
        "ac", "ad", "ae", "bc", "bd", "be",
    ]  # fmt: skip
    assert {p.id for p in built.pairs} == {"x"}


def test_ties_give_no_pair_and_minority_votes_turn_the_pair_round() -> None:
    built = build_pairs(
        [
            example("tie", ["a"], ["b"], preference=0.5),
            example("for", ["c"], ["d"], preference=0.6),
            example("against", ["e"], ["f"], preference=0.2),
        ],
        CharacterEncoder(),
    )
    assert [(p.id, spelled(p.chosen), spelled(p.rejected)) for p in built.pairs] == [
        ("for", "c", "d"),
        ("against", "f", "e"),
    ]
    assert (built.examples, built.ties, built.reversed) == (3, 1, 1)


def test_pairs_with_a_cut_text_are_counted_once_each() -> None:
    built = build_pairs([example("x", ["abcdefgh", "a"], ["b", "uvwxyz"])], CharacterEncoder())
    # abcdefgh-b, abcdefgh-uvwxyz, a-uvwxyz; only a-b is whole.
    assert built.truncated == 3


def test_pairs_that_encode_alike_are_counted() -> None:
    built = build_pairs(
        [example("cut", ["same!1"], ["same!2"]), example("ok", ["a"], ["b"])], CharacterEncoder()
    )
    assert (len(built.pairs), built.identical) == (2, 1)


def test_many_examples_keep_their_order() -> None:
    examples = [example(str(i), [f"c{i}"], [f"r{i}"]) for i in range(2300)]
    built = build_pairs(examples, CharacterEncoder())
    assert [spelled(p.chosen) for p in built.pairs] == [f"c{i}" for i in range(2300)]
    assert [spelled(p.rejected) for p in built.pairs] == [f"r{i}" for i in range(2300)]


def test_margins_come_from_meta() -> None:
    rows = [example("x", ["a"], ["b"], meta={"gap": 2})]
    assert build_pairs(rows, CharacterEncoder(), margin_from="gap").pairs[0].margin == 2.0
    assert build_pairs(rows, CharacterEncoder()).pairs[0].margin is None


@pytest.mark.parametrize("value", [None, "2", True, float("nan")])
def test_a_margin_that_is_no_number_is_an_error(value: object) -> None:
    rows = [example("x", ["a"], ["b"], meta={"gap": value})]
    with pytest.raises(TrainingError, match=r"example 'x': meta has no finite number 'gap'"):
        build_pairs(rows, CharacterEncoder(), margin_from="gap")
