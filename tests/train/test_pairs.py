from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from rmbench.engine.encode import Encoded
from rmbench.errors import TrainingError
from rmbench.train.pairs import EncodedText, ExampleSet, build_examples
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


def spelled(texts: Sequence[EncodedText]) -> list[str]:
    return ["".join(map(chr, t.input_ids)) for t in texts]


def sides(built: ExampleSet) -> list[tuple[str, list[str], list[str]]]:
    return [(e.id, spelled(e.chosen), spelled(e.rejected)) for e in built.examples]


def example(id_: str, chosen: Sequence[str], rejected: Sequence[str], **kw: object):
    return PreferenceExample(id_, PROMPT, tuple(chosen), tuple(rejected), **kw)


def build(*examples: PreferenceExample, **options: Any) -> ExampleSet:
    return build_examples(examples, CharacterEncoder(), **options)


VOTES = [
    example("tie", ["a"], ["b"], preference=0.5),
    example("for", ["c"], ["d"], preference=0.6),
    example("against", ["e"], ["f"], preference=0.2),
    example("all", ["g"], ["h"]),
]


def test_all_answers_of_an_example_stay_together() -> None:
    built = build(example("x", ["a", "b"], ["c", "d", "e"]), example("y", ["f"], ["g"]))
    assert sides(built) == [("x", ["a", "b"], ["c", "d", "e"]), ("y", ["f"], ["g"])]
    assert (built.read, built.pairs) == (2, 7)
    assert [e.pairs for e in built.examples] == [6, 1]
    assert spelled(built.examples[0].texts) == ["a", "b", "c", "d", "e"]


def test_hard_labels_leave_ties_out_and_follow_the_majority() -> None:
    built = build(*VOTES)
    assert sides(built) == [
        ("for", ["c"], ["d"]), ("against", ["f"], ["e"]), ("all", ["g"], ["h"]),
    ]  # fmt: skip
    assert [e.preference for e in built.examples] == [1.0, 1.0, 1.0]
    assert (built.read, built.ties, built.reversed, built.soft) == (4, 1, 1, 0)


def test_soft_labels_keep_every_vote() -> None:
    built = build(*VOTES, soft_labels=True)
    assert sides(built) == [
        ("tie", ["a"], ["b"]),
        ("for", ["c"], ["d"]),
        ("against", ["f"], ["e"]),
        ("all", ["g"], ["h"]),
    ]
    assert [e.preference for e in built.examples] == [0.5, 0.6, 0.8, 1.0]
    assert (built.read, built.ties, built.reversed, built.soft) == (4, 0, 1, 3)


def test_texts_that_are_too_long_are_cut_or_dropped_and_counted() -> None:
    rows = [
        example("long", ["abcdefgh", "a"], ["b", "uvwxyz"]),
        example("short", ["a"], ["bc"]),
        example("against", ["abcdefg"], ["b"], preference=0.0),
    ]
    cut = build(*rows)
    assert sides(cut)[0] == ("long", ["abcde", "a"], ["b", "uvwxy"])
    assert (cut.truncated, cut.dropped, cut.reversed, cut.longest) == (2, 0, 1, 5)
    assert cut.tokens == (5 + 1 + 1 + 5) + (1 + 2) + (5 + 1)
    dropped = build(*rows, over_long="drop")
    assert sides(dropped) == [("short", ["a"], ["bc"])]
    assert (dropped.read, dropped.truncated, dropped.dropped, dropped.reversed) == (3, 0, 2, 0)
    assert (dropped.pairs, dropped.tokens, dropped.longest) == (1, 3, 2)


def test_pairs_that_encode_alike_are_counted() -> None:
    built = build(
        example("cut", ["same!1", "other"], ["same!2", "more"]), example("ok", ["a"], ["b"])
    )
    assert (built.pairs, built.identical) == (5, 1)


def test_texts_that_differ_only_in_where_the_prompt_ends_are_not_alike() -> None:
    class Typed:
        def encode(self, conversations: Sequence[Conversation]) -> list[Encoded]:
            return [Encoded((1, 2, 3), (0, int(c.response), 1)) for c in conversations]

    built = build_examples([example("x", ["0"], ["1"]), example("y", ["1"], ["1"])], Typed())
    assert (built.pairs, built.identical) == (2, 1)


def test_nothing_gives_nothing() -> None:
    built = build(VOTES[0])
    assert built.examples == ()
    assert (built.read, built.ties, built.pairs, built.tokens, built.longest) == (1, 1, 0, 0, 0)


def test_many_examples_keep_their_order() -> None:
    examples = [example(str(i), [f"c{i}"], [f"r{i}"]) for i in range(2300)]
    assert sides(build(*examples)) == [(str(i), [f"c{i}"], [f"r{i}"]) for i in range(2300)]


def test_margins_come_from_meta() -> None:
    row = example("x", ["a"], ["b"], meta={"gap": 2}, preference=0.1)
    (built,) = build(row, margin_from="gap").examples
    assert built.margin == 2.0
    assert spelled(built.chosen) == ["b"]
    assert build(row).examples[0].margin is None


@pytest.mark.parametrize("value", [None, "2", True, float("nan")])
def test_a_margin_that_is_no_number_is_an_error(value: object) -> None:
    with pytest.raises(TrainingError, match=r"example 'x': meta has no finite number 'gap'"):
        build(example("x", ["a"], ["b"], meta={"gap": value}), margin_from="gap")
