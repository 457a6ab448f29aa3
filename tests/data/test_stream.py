"""Rows as a stream: the same rows as ``load_preferences`` reads, and single responses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rmbench.data import load_preferences
from rmbench.data.files import Row
from rmbench.data.responses import PromptResponse
from rmbench.data.source import Opened, Part, open_source
from rmbench.data.stream import IdSet, RowStream
from rmbench.errors import DataError, UsageError
from rmbench.types import Message, PreferenceExample

USER = {"role": "user", "content": "p"}
ASSISTANT = {"role": "assistant", "content": "a"}
PAIR = {"prompt": "p", "chosen": "c", "rejected": "r"}
SINGLE = {"prompt": "p", "response": "a"}


def stream(path: Path | str, **rules: Any) -> RowStream:
    return RowStream(open_source(str(path)), **rules)


@pytest.mark.parametrize(
    ("row", "layout"),
    [
        (PAIR, "prompt-text"),
        (PAIR | {"messages": [USER, ASSISTANT], "response": "x"}, "prompt-text"),
        ({"prompt": [USER], "chosen": ["c", "d"], "rejected": ["r"]}, "prompt-messages"),
        ({"id": "x", "prompt": [USER], "chosen": ["c"], "rejected": ["r"]}, "normalised"),
        ({"chosen": "\n\nHuman: p\n\nAssistant: c", "rejected": "\n\nHuman: p\n\nAssistant: r"},
         "hh-transcript"),
        ({"chosen": [USER, ASSISTANT], "rejected": [USER, ASSISTANT | {"content": "b"}]},
         "implicit-messages"),
        ({"chosen": "the sky is blue", "rejected": "the sky is red"}, "implicit-text"),
        ({"input": "p", "output_1": "a", "output_2": "b", "label": 2}, "llmbar"),
    ],
)  # fmt: skip
def test_preferences_of_every_format_are_those_that_are_loaded(
    write_rows, row: dict[str, Any], layout: str
):
    path = write_rows([row])
    rows = stream(path)
    assert list(rows) == list(load_preferences(str(path)))
    assert rows.layout == layout


@pytest.mark.parametrize(
    ("row", "layout", "prompt"),
    [
        (SINGLE, "prompt-response", (Message("user", "p"),)),
        (
            {"prompt": [{"role": "system", "content": "s"}, USER], "response": "a"},
            "prompt-response",
            (Message("system", "s"), Message("user", "p")),
        ),
        ({"messages": [USER, ASSISTANT]}, "messages", (Message("user", "p"),)),
        (
            {"messages": [USER, ASSISTANT, USER | {"content": "q"}, ASSISTANT]},
            "messages",
            (Message("user", "p"), Message("assistant", "a"), Message("user", "q")),
        ),
    ],
)
def test_single_responses(write_rows, row: dict[str, Any], layout: str, prompt: tuple[Message]):
    rows = stream(write_rows([row, row | {"id": "own"}]))
    assert list(rows) == [PromptResponse("1", prompt, "a"), PromptResponse("own", prompt, "a")]
    assert rows.layout == layout
    assert rows.rows_read == 2


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"prompt": "p"}, "row 2: missing column 'response'"),
        (SINGLE | {"response": " \n"}, "row 2, field 'response': empty response"),
        (SINGLE | {"response": None}, "row 2: response is not text"),
        (SINGLE | {"response": ["a"]}, "row 2: response is not text"),
        (SINGLE | {"prompt": ""}, "row 2: empty prompt"),
        (SINGLE | {"prompt": None}, "row 2: prompt is not a list of messages"),
        (SINGLE | {"prompt": [USER, ASSISTANT]}, "row 2: the prompt ends with an assistant turn"),
    ],
)
def test_a_bad_response_row_is_named_or_skipped(write_rows, row: dict[str, Any], says: str):
    path = write_rows([SINGLE, row])
    with pytest.raises(DataError) as caught:
        list(stream(path))
    assert f"{path}, {says}" in str(caught.value)
    assert "\n" not in str(caught.value)
    skipping = stream(path, bad_rows="skip")
    assert [r.id for r in skipping] == ["1"]
    (reason,) = skipping.skipped
    assert (reason.rows, reason.first) == (1, f"{path}, row 2")


@pytest.mark.parametrize(
    ("turns", "says"),
    [
        ([USER], "does not end with an assistant turn"),
        ([], "does not end with an assistant turn"),
        ([ASSISTANT], "empty prompt"),
        ([USER, ASSISTANT | {"content": ""}], "empty response"),
        ([USER, ASSISTANT, ASSISTANT], "the prompt ends with an assistant turn"),
        ("text", "messages is not a list of messages"),
    ],
)
def test_a_conversation_without_one_response_at_its_end(write_rows, turns: Any, says: str):
    with pytest.raises(DataError, match=says):
        list(stream(write_rows([{"messages": turns}])))


def test_responses_may_share_an_id_and_preferences_may_not(write_rows):
    assert [r.id for r in stream(write_rows([SINGLE | {"id": "1"}] * 2))] == ["1", "1"]
    with pytest.raises(DataError, match="row 2: duplicate id"):
        list(stream(write_rows([PAIR | {"id": "1"}] * 2)))


def test_an_unknown_format_says_what_is_expected(write_rows):
    with pytest.raises(DataError, match=r"no known format \(it has text; expected preferences"):
        list(stream(write_rows([{"text": "x"}])))


def test_rows_have_to_be_of_the_first_rows_kind(write_rows):
    with pytest.raises(DataError, match="row 2: missing column 'response'"):
        list(stream(write_rows([SINGLE, PAIR])))
    with pytest.raises(DataError, match="row 2: missing column 'chosen'"):
        list(stream(write_rows([PAIR, SINGLE])))


def test_nothing_usable(write_rows):
    with pytest.raises(DataError, match="holds no rows"):
        list(stream(write_rows([])))
    bad = write_rows([PAIR | {"chosen": ""}] * 3)
    with pytest.raises(DataError, match=r"none of its 3 rows can be used; the first: .*row 1"):
        list(stream(bad, bad_rows="skip"))


def test_reasons_are_counted_with_their_first_place(write_rows):
    path = write_rows(
        [SINGLE, SINGLE | {"prompt": ""}, SINGLE | {"response": ""}, SINGLE | {"response": " "}]
    )
    rows = stream(path, bad_rows="skip")
    assert rows.skipped == ()
    list(rows)
    assert [(s.reason, s.rows, s.first) for s in rows.skipped] == [
        ("empty response", 2, f"{path}, row 3"),
        ("empty prompt", 1, f"{path}, row 2"),
    ]


def _counted(values: list[dict[str, Any]], produced: list[int]) -> Iterator[Row]:
    for number, row in enumerate(values, start=1):
        produced.append(number)
        yield Row(number, row)


def test_no_row_is_read_before_it_is_wanted():
    produced: list[int] = []
    rows = iter(RowStream(Opened("x", (Part("x", _counted([SINGLE] * 9, produced)),))))
    assert not produced
    for n in (1, 2, 3):
        next(rows)
        assert produced == list(range(1, n + 1))


def test_the_limit_counts_usable_rows_and_reads_no_further():
    produced: list[int] = []
    values = [SINGLE, SINGLE | {"response": ""}, SINGLE, {"broken": 1}]
    opened = Opened("x", (Part("x", _counted(values, produced)),))
    rows = RowStream(opened, bad_rows="skip", limit=2)
    assert [r.id for r in rows] == ["1", "3"]
    assert produced == [1, 2, 3]
    with pytest.raises(UsageError, match="limit is 0"):
        RowStream(opened, limit=0)


@pytest.mark.parametrize(
    "name",
    [
        "webgpt/test.jsonl.gz",
        "rmb/bon_heldout.jsonl.gz",
        "native/judgebench/gpt.jsonl",
        "native/hh_rlhf/harmless-base_sample.jsonl.gz",
        "native/rm_bench/chat_filtered.json",
    ],
)
def test_real_sets_are_read_alike(shared_data: Path, name: str):
    path = shared_data / name
    expected = load_preferences(str(path), limit=300, bad_rows="skip")
    assert list(stream(path, limit=300, bad_rows="skip")) == list(expected)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([PAIR, PAIR | {"chosen": ""}, PAIR | {"id": "x"}, {}])))
def test_skipping_leaves_the_same_rows_as_loading(write_rows, rows: list[dict[str, Any]]):
    path = write_rows([PAIR, *rows])
    expected = load_preferences(str(path), bad_rows="skip")
    found = stream(path, bad_rows="skip")
    examples = list(found)
    assert examples == list(expected)
    assert all(isinstance(e, PreferenceExample) for e in examples)
    assert sum(s.rows for s in found.skipped) == len(expected.skipped)
    assert found.rows_read == len(rows) + 1


@given(st.lists(st.text(max_size=2), max_size=200))
def test_an_id_set_is_a_set(ids: list[str]):
    found, known = IdSet(), set()
    found._RECENT = 4  # so that sorted runs are merged many times
    for identifier in ids:
        assert found.add(identifier) == (identifier not in known)
        known.add(identifier)
