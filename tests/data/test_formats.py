"""Every general format, on rows shaped like those of well-known sets."""

from __future__ import annotations

from typing import Any

import pytest

from rmbench.data import load_preferences, normalised_row
from rmbench.errors import DataError
from rmbench.spec import Columns
from rmbench.types import Message

# HumanLLMs/Human-Like-DPO-Dataset
HUMAN_LIKE = {
    "prompt": "Oh, I just saw the best meme - have you seen it?",
    "chosen": "😂 Ah, no I haven't! I'm dying to know, what's the meme about?",
    "rejected": "I'm an artificial intelligence language model, I don't have personal experiences.",
}
# trl-lib/ultrafeedback_binarized
ULTRAFEEDBACK = {
    "chosen": [
        {"content": "Use the pygame library to write a version of Snake.", "role": "user"},
        {"content": "Here's an example using the Pygame library:", "role": "assistant"},
    ],
    "rejected": [
        {"content": "Use the pygame library to write a version of Snake.", "role": "user"},
        {"content": "Sure, here is some code that does nothing.", "role": "assistant"},
    ],
    "score_chosen": 8.0,
    "score_rejected": 4.5,
}
# trl-lib/hh-rlhf-helpful-base
HH_MESSAGES = {
    "prompt": [
        {"content": "What are the best tips for ironing shirts?", "role": "user"},
        {"content": "Do you want to know how to iron a shirt?", "role": "assistant"},
        {"content": "Yes", "role": "user"},
    ],
    "chosen": [{"content": "First, start with a damp shirt.", "role": "assistant"}],
    "rejected": [{"content": "I have no idea.", "role": "assistant"}],
}
NORMALISED = {
    "id": "x-1",
    "suite": "x",
    "subset": "part",
    "prompt": [{"role": "user", "content": "Why?"}],
    "chosen": ["Because.", "Since."],
    "rejected": ["No.", "Never.", "Not."],
    "meta": {"votes": {"chosen": 3, "rejected": 1}, "source": "here"},
}
TIE = {
    "id": "x-2",
    "suite": "x",
    "subset": "part",
    "prompt": [{"role": "user", "content": "Why?"}],
    "chosen": ["Because.", "Since."],
    "rejected": [],
    "meta": {"tie": True, "votes": {"a": 2, "b": 2}},
}


@pytest.mark.parametrize(
    ("row", "layout"),
    [
        (HUMAN_LIKE, "prompt-text"),
        (ULTRAFEEDBACK, "implicit-messages"),
        (HH_MESSAGES, "prompt-messages"),
        (NORMALISED, "normalised"),
        (TIE, "normalised"),
        ({"chosen": "Sky: it is blue", "rejected": "Sky: it is red"}, "implicit-text"),
        (
            {
                "chosen": "\n\nHuman: Hi\n\nAssistant: Hello",
                "rejected": "\n\nHuman: Hi\n\nAssistant: Go",
            },
            "hh-transcript",
        ),
        (
            {
                "question": "1+1?",
                "response_A": "2",
                "response_B": "3",
                "label": "A>B",
                "source": "mmlu-pro-math",
            },
            "judgebench",
        ),
        ({"input": "1+1?", "output_1": "2", "output_2": "3", "label": 1}, "llmbar"),
        (
            {
                "prompt": "p",
                "chosen": ["1", "2", "3"],
                "rejected": ["4", "5", "6"],
                "domain": "chat",
            },
            "rm-bench",
        ),
    ],
)
def test_format_is_recognised_by_the_first_row(write_rows, row: dict[str, Any], layout: str):
    assert load_preferences(str(write_rows([row]))).layout == layout


def test_explicit_prompt_as_text(write_rows):
    (example,) = load_preferences(str(write_rows([HUMAN_LIKE])))
    assert example.prompt == (Message("user", HUMAN_LIKE["prompt"]),)
    assert example.chosen == (HUMAN_LIKE["chosen"],)
    assert example.rejected == (HUMAN_LIKE["rejected"],)
    assert (example.id, example.subset, example.preference) == ("1", "all", 1.0)


def test_explicit_prompt_as_messages(write_rows):
    (example,) = load_preferences(str(write_rows([HH_MESSAGES])))
    assert [turn.role for turn in example.prompt] == ["user", "assistant", "user"]
    assert example.prompt[-1].content == "Yes"
    assert example.responses == ("First, start with a damp shirt.", "I have no idea.")


def test_answers_may_repeat_the_prompt_as_messages(write_rows):
    prompt = HH_MESSAGES["prompt"]
    row = {
        "prompt": prompt,
        "chosen": [*prompt, *HH_MESSAGES["chosen"]],
        "rejected": [*prompt, *HH_MESSAGES["rejected"]],
    }
    whole = load_preferences(str(write_rows([row])), loader="prompt-messages")
    alone = load_preferences(str(write_rows([HH_MESSAGES])))
    assert whole.fingerprint == alone.fingerprint


def test_several_answers_may_each_be_messages(write_rows):
    row = HH_MESSAGES | {
        "chosen": [HH_MESSAGES["chosen"], [{"role": "assistant", "content": "Damp it."}]]
    }
    (example,) = load_preferences(str(write_rows([row])))
    assert example.chosen == ("First, start with a damp shirt.", "Damp it.")


def test_implicit_prompt_as_messages(write_rows):
    (example,) = load_preferences(str(write_rows([ULTRAFEEDBACK])))
    assert example.prompt == (Message("user", ULTRAFEEDBACK["chosen"][0]["content"]),)
    assert example.responses == (
        "Here's an example using the Pygame library:",
        "Sure, here is some code that does nothing.",
    )
    assert example.meta == {"score_chosen": 8.0, "score_rejected": 4.5}


def test_prompt_column_beside_whole_conversations_is_only_checked(write_rows):
    """HuggingFaceH4/ultrafeedback_binarized repeats the prompt as text."""
    said = ULTRAFEEDBACK["chosen"][0]["content"]
    with_prompt = load_preferences(str(write_rows([{"prompt": said} | ULTRAFEEDBACK])))
    assert with_prompt.layout == "implicit-messages"
    assert with_prompt.fingerprint == load_preferences(str(write_rows([ULTRAFEEDBACK]))).fingerprint
    with pytest.raises(DataError, match="no turn of the conversation"):
        load_preferences(str(write_rows([{"prompt": "Answer as a pirate."} | ULTRAFEEDBACK])))


def test_system_and_tool_turns_are_kept(write_rows):
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather in Oslo?"},
        {"role": "assistant", "content": "get_weather('Oslo')"},
        {"role": "tool", "content": "rain, 4 °C", "name": "get_weather"},
    ]
    row = {"prompt": turns, "chosen": "Rain, 4 °C.", "rejected": "Sun."}
    (example,) = load_preferences(str(write_rows([row])))
    assert [turn.role for turn in example.prompt] == ["system", "user", "assistant", "tool"]
    assert example.prompt[3].content == "rain, 4 °C"


def test_many_chosen_and_many_rejected(write_rows):
    row = {"prompt": "Name a prime.", "chosen": ["2", "3", "5"], "rejected": ["4", "6"]}
    (example,) = load_preferences(str(write_rows([row])))
    assert example.chosen == ("2", "3", "5")
    assert example.rejected == ("4", "6")


def test_normalised_rows(write_rows):
    tie_free, tie = load_preferences(str(write_rows([NORMALISED, TIE])))
    assert (tie_free.id, tie_free.subset, tie_free.preference) == ("x-1", "part", 1.0)
    assert tie_free.meta["source"] == "here"
    assert (tie.chosen, tie.rejected, tie.preference) == (("Because.",), ("Since.",), 0.5)
    assert tie_free.group == tie.group


@pytest.mark.parametrize(
    "broken",
    [
        TIE | {"meta": {}},
        TIE | {"meta": {"tie": False}},
        TIE | {"chosen": ["Because."]},
        TIE | {"chosen": ["Because.", "Since.", "As."]},
    ],
)
def test_only_a_declared_tie_of_two_may_lack_rejected_answers(write_rows, broken: dict[str, Any]):
    with pytest.raises(DataError, match=r"row 1, field 'rejected': no answer"):
        load_preferences(str(write_rows([broken])))


def test_preference_column_is_read_where_there_is_one(write_rows):
    rows = [HUMAN_LIKE | {"preference": value} for value in (0.5, 0.75, {"a": 1, "b": 3}, None)]
    path = str(write_rows(rows))
    assert [e.preference for e in load_preferences(path)] == [0.5, 0.75, 0.75, 1.0]


def test_votes_in_a_nested_column_and_a_tie_beside_them(write_rows):
    oriented_tie = TIE | {"meta": {"tie": True, "votes": {"1": 1, "2": 0, "tie": 2}}}
    path = write_rows([NORMALISED, oriented_tie])
    found = load_preferences(str(path), columns=Columns(preference="meta.votes"))
    assert [e.preference for e in found] == [0.75, 0.5]


def test_columns_can_be_renamed(write_rows):
    row = {
        "uid": 7,
        "q": {"text": "Why?"},
        "good.answer": "Because.",
        "bad": "No.",
        "kind": "chat",
        "meta": {"agreement": 0.9},
    }
    columns = Columns(
        id="uid",
        prompt="q.text",
        chosen="good.answer",
        rejected="bad",
        subset="kind",
        preference="meta.agreement",
    )
    found = load_preferences(str(write_rows([row])), columns=columns)
    (example,) = found
    assert found.layout == "prompt-text"
    assert example.id == "7"
    assert example.prompt[0].content == "Why?"
    assert example.responses == ("Because.", "No.")
    assert (example.subset, example.preference) == ("chat", 0.9)


@pytest.mark.parametrize("role", ["id", "subset", "preference"])
def test_a_renamed_column_has_to_be_there(write_rows, role: str):
    with pytest.raises(DataError, match="row 1: missing column 'nowhere'"):
        load_preferences(str(write_rows([HUMAN_LIKE])), columns=Columns(**{role: "nowhere"}))
    with pytest.raises(DataError, match="column 'nowhere' is null"):
        load_preferences(
            str(write_rows([HUMAN_LIKE | {"nowhere": None}])), columns=Columns(**{role: "nowhere"})
        )


def test_normalised_row_is_read_back(write_rows):
    before = load_preferences(str(write_rows([NORMALISED, TIE])))
    again = load_preferences(str(write_rows([normalised_row(e) for e in before], "again.jsonl")))
    assert again.fingerprint == before.fingerprint


def test_plain_texts_do_not_swallow_a_prompt_that_comes_later(tmp_path):
    path = tmp_path / "mixed.jsonl"
    path.write_text(
        '{"chosen": "I think yes", "rejected": "I think no"}\n'
        '{"prompt": "q", "chosen": "I think yes", "rejected": "I think no"}\n'
    )
    with pytest.raises(DataError, match="row 2: has a prompt column"):
        load_preferences(str(path))
