from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rmbench.data.overlap import find_overlap, normalised_text
from rmbench.types import Message, PreferenceExample


def example(name, prompt, chosen, rejected):
    turns = tuple(Message("user" if i % 2 == 0 else "assistant", t) for i, t in enumerate(prompt))
    return PreferenceExample(name, turns, (chosen,), (rejected,))


def test_prompt_answer_and_row():
    suite = [
        example("all", ["Why?"], "Because.", "No."),
        example("one", ["How?"], "So.", "Never."),
        example("prompt", ["When?"], "Now.", "Then."),
        example("nothing", ["Who?"], "Me.", "You."),
    ]
    other = [
        example("1", ["  why? "], "NO.", "because."),
        example("2", ["how?"], "so.", "Always."),
        example("3", ["When?"], "Later.", "Soon."),
        # The answers of "nothing", to another prompt.
        example("4", ["Whose?"], "Me.", "You."),
    ]
    found = find_overlap(suite, other)
    assert found.prompt == ("all", "one", "prompt")
    assert found.answer == ("all", "one")
    assert found.row == ("all",)


def test_turns_do_not_run_into_each_other():
    suite = [example("a", ["one\nassistant\ntwo"], "x", "y")]
    other = [example("b", ["one", "two", ""], "x", "y")]
    assert find_overlap(suite, other).prompt == ()


@given(st.text(max_size=20))
def test_normalised_text_is_one_line_of_single_spaces(text):
    once = normalised_text(text)
    assert "\n" not in once
    assert "  " not in once
    assert once == once.strip()
    assert normalised_text(f" {text}\n") == once


@given(
    st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3), st.text(max_size=3)), max_size=8)
)
def test_a_set_holds_itself(rows):
    examples = [example(str(i), [p], c, r) for i, (p, c, r) in enumerate(rows)]
    ids = tuple(e.id for e in examples)
    found = find_overlap(examples, examples)
    assert found.prompt == found.answer == found.row == ids
    assert find_overlap(examples, []).prompt == ()
