"""Prompts that stand inside the answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmbench.data import load_preferences
from rmbench.data.conversation import shared_prompt_length
from rmbench.errors import DataError


def _hh(write_rows, chosen: str, rejected: str, **more: str):
    path = write_rows([{"chosen": chosen, "rejected": rejected, **more}])
    return load_preferences(str(path), loader="hh-transcript")


def test_transcript_is_split_at_its_markers_only(write_rows):
    start = (
        "\n\nHuman: Write a dialogue.\nHuman: like this"
        "\n\nAssistant: Assistant: ok\n\nSo\n\nHuman: Go on"
    )
    (example,) = _hh(
        write_rows, f"{start}\n\nAssistant: Once\n\nupon", f"{start}\n\nAssistant: No."
    )
    assert [(turn.role, turn.content) for turn in example.prompt] == [
        ("user", "Write a dialogue.\nHuman: like this"),
        ("assistant", "Assistant: ok\n\nSo"),
        ("user", "Go on"),
    ]
    assert example.responses == ("Once\n\nupon", "No.")


def test_marker_at_the_start_and_before_a_line_break(write_rows):
    (example,) = _hh(
        write_rows, "Human: Hi\n\nAssistant:\nHello", "Human: Hi\n\nAssistant: Go away"
    )
    assert example.prompt[0].content == "Hi"
    assert example.responses == ("\nHello", "Go away")


def test_prompt_column_that_ends_in_an_open_turn(write_rows):
    """Dahoas/full-hh-rlhf keeps the transcript up to the answer in a column of its own."""
    row = {
        "prompt": "\n\nHuman: Hi\n\nAssistant:",
        "chosen": " Hello",
        "rejected": "Go away",
        "response": " Hello",
    }
    path = write_rows([row])
    found = load_preferences(str(path))
    assert found.layout == "hh-transcript"
    assert found[0].prompt[0].content == "Hi"
    assert found[0].responses == ("Hello", "Go away")


@pytest.mark.parametrize(
    ("chosen", "rejected", "reason"),
    [
        ("\n\nHuman: Hi\n\nAssistant: A", "\n\nHuman: Ho\n\nAssistant: B", "prompt differs"),
        (
            "\n\nHuman: Hi\n\nAssistant: A\n\nHuman: more\n\nAssistant: B",
            "\n\nHuman: Hi\n\nAssistant: B",
            "prompt differs",
        ),
        ("\n\nHuman: Hi\n\nAssistant: ", "\n\nHuman: Hi\n\nAssistant: B", "empty response"),
        ("\n\nHuman: Hi\n\nAssistant:", "\n\nHuman: Hi\n\nAssistant: B", "empty response"),
        ("\n\nHuman: \n\nAssistant: A", "\n\nHuman: \n\nAssistant: B", "empty prompt"),
        ("\n\nAssistant: A", "\n\nAssistant: B", "empty prompt"),
        (
            "\n\nHuman: Hi\n\nAssistant: A\n\nHuman: more",
            "\n\nHuman: Hi\n\nAssistant: B",
            "does not end with an assistant turn",
        ),
        ("Hi\n\nAssistant: A", "Hi\n\nAssistant: B", "does not begin with a marked turn"),
        ("plain", "text", "does not begin with a marked turn"),
        (
            "\n\nHuman: Hi\n\nAssistant: A\n\nAssistant: B",
            "\n\nHuman: Hi\n\nAssistant: A\n\nAssistant: C",
            "ends with an assistant turn",
        ),
        ("\n\nHuman: Hi\n\nAssistant: A", "\n\nHuman: Hi\n\nAssistant: A", "identical"),
    ],
)
def test_transcripts_that_cannot_be_used(write_rows, chosen: str, rejected: str, reason: str):
    with pytest.raises(DataError, match=reason) as caught:
        _hh(write_rows, chosen, rejected)
    assert caught.value.row == 1


def test_implicit_text_is_cut_between_words(write_rows):
    row = {
        "chosen": "Q: What colour is the sky?\nA: blue",
        "rejected": "Q: What colour is the sky?\nA: black",
    }
    found = load_preferences(str(write_rows([row])))
    assert found.layout == "implicit-text"
    assert found[0].prompt[0].content == "Q: What colour is the sky?\nA:"
    assert found[0].responses == (" blue", " black")


@pytest.mark.parametrize(
    ("first", "second", "prompt"),
    [
        ("The sky is blue.", "The sky is green.", "The sky is"),
        ("a  b", "a  c", "a"),
        ("a b", "a b c", "a"),
        ("same words", "same words", "same"),
        ("Yes", "Yesterday", ""),
        ("no", "yes", ""),
        ("", "x", ""),
        ("  x", "  y", ""),
    ],
)
def test_shared_prompt(first: str, second: str, prompt: str):
    assert first[: shared_prompt_length(first, second)] == prompt


@given(st.text("ab \n", max_size=30), st.text("ab \n", max_size=30))
def test_shared_prompt_against_a_plain_definition(first: str, second: str):
    common = 0
    while common < min(len(first), len(second)) and first[common] == second[common]:
        common += 1
    cuts = [
        i for i in range(common) if first[i].isspace() and (i == 0 or not first[i - 1].isspace())
    ]
    assert shared_prompt_length(first, second) == (cuts[-1] if cuts else 0)


def test_implicit_text_without_a_common_prompt(write_rows):
    with pytest.raises(DataError, match="no common prompt"):
        load_preferences(str(write_rows([{"chosen": "yes", "rejected": "no"}])))


def _turns(*contents: str) -> list[dict[str, str]]:
    roles = ["user", "assistant"] * len(contents)
    return [{"role": role, "content": text} for role, text in zip(roles, contents, strict=False)]


@pytest.mark.parametrize(
    ("chosen", "rejected", "reason"),
    [
        (_turns("q", "a"), _turns("other", "b"), "prompt differs"),
        (_turns("q", "a", "q2", "a2"), _turns("q", "b"), "prompt differs"),
        (_turns("q", "a", "q2"), _turns("q", "b", "q2"), "does not end with an assistant turn"),
        (_turns("q", ""), _turns("q", "b"), "empty response"),
        (_turns("q", "a"), _turns("q", "a"), "identical"),
        ([{"role": "assistant", "content": "a"}] * 1, _turns("q", "a")[1:], "empty prompt"),
        ([{"role": "user", "content": None}, *_turns("q", "a")[1:]], _turns("q", "b"), "not text"),
        (_turns("q", "a"), [*_turns("q"), {"role": "bot", "content": "b"}], "unknown role"),
    ],
)
def test_conversations_that_cannot_be_used(write_rows, chosen, rejected, reason: str):
    path = write_rows([{"chosen": chosen, "rejected": rejected}])
    with pytest.raises(DataError, match=reason) as caught:
        load_preferences(str(path), loader="implicit-messages")
    assert caught.value.row == 1
