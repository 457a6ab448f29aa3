"""Rows that cannot be used: named by file, row and reason, or skipped and counted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rmbench.data import load_preferences
from rmbench.data.loader import prompt_group
from rmbench.errors import DataError, UsageError
from rmbench.types import Message

GOOD = {"prompt": "p", "chosen": "c", "rejected": "r"}
MESSAGES = {"prompt": [{"role": "user", "content": "p"}], "chosen": "c", "rejected": "r"}

BAD: list[tuple[str, dict[str, Any], str, str]] = [
    # loader, row, reason, what the message also says
    ("prompt-text", {"prompt": "p", "chosen": "c"}, "missing column 'rejected'", "prompt, chosen"),
    ("prompt-text", GOOD | {"chosen": ""}, "empty response", "field 'chosen'"),
    ("prompt-text", GOOD | {"rejected": " \n\t"}, "empty response", "field 'rejected'"),
    ("prompt-text", GOOD | {"rejected": ["r", " "]}, "empty response", "field 'rejected[1]'"),
    ("prompt-text", GOOD | {"rejected": []}, "no answer", "field 'rejected'"),
    ("prompt-text", GOOD | {"prompt": "  "}, "empty prompt", "row 2"),
    ("prompt-text", GOOD | {"chosen": "r"}, "identical chosen and rejected response", "row 2"),
    ("prompt-text", GOOD | {"chosen": ["c", "r"]}, "identical chosen and rejected response", ""),
    ("prompt-text", GOOD | {"chosen": None}, "chosen is not text", "null"),
    ("prompt-text", GOOD | {"chosen": 4}, "chosen is not text", "a number"),
    ("prompt-text", GOOD | {"chosen": ["c", 4]}, "chosen[1] is not text", "a number"),
    ("prompt-text", GOOD | {"chosen": {"text": "c"}}, "chosen is not text", "an object"),
    ("prompt-text", GOOD | {"prompt": ["p"]}, "prompt is not text", "a list"),
    ("prompt-text", GOOD | {"chosen": "\ud800"}, "chosen holds half of a surrogate pair", ""),
    ("prompt-text", GOOD | {"preference": 1.5}, "unusable preference", "1.5 is not in [0, 1]"),
    ("prompt-text", GOOD | {"preference": "A"}, "unusable preference", "'A' is not a number"),
    ("prompt-text", GOOD | {"id": 1.5}, "id is neither text nor a whole number", "a number"),
    ("prompt-text", GOOD | {"id": " "}, "id is empty", ""),
    ("prompt-text", GOOD | {"subset": ["x"]}, "subset is neither text nor a whole number", ""),
    (
        "prompt-text",
        GOOD | {"chosen": [{"role": "user", "content": "c"}]},
        "the conversation does not end with an assistant turn",
        "field 'chosen'",
    ),
    (
        "prompt-text",
        GOOD
        | {
            "chosen": [
                {"role": "user", "content": "other"},
                {"role": "assistant", "content": "c"},
            ]
        },
        "the conversation does not begin with the prompt",
        "field 'chosen'",
    ),
    ("prompt-messages", MESSAGES | {"prompt": []}, "empty prompt", ""),
    ("prompt-messages", MESSAGES | {"prompt": "p"}, "prompt is not a list of messages", "text"),
    ("prompt-messages", MESSAGES | {"prompt": ["p"]}, "prompt is not a list of messages", "text"),
    (
        "prompt-messages",
        MESSAGES | {"prompt": [{"role": "human", "content": "p"}]},
        "unknown role",
        "'human'; known roles: system, user, assistant, tool",
    ),
    (
        "prompt-messages",
        MESSAGES | {"prompt": [{"role": "user", "content": [{"type": "image"}]}]},
        "prompt content is not text",
        "a list",
    ),
    (
        "prompt-messages",
        MESSAGES | {"prompt": [*MESSAGES["prompt"], {"role": "assistant", "content": "a"}]},
        "the prompt ends with an assistant turn, which another would follow",
        "",
    ),
    (
        "prompt-messages",
        MESSAGES
        | {
            "prompt": [
                *MESSAGES["prompt"],
                {"role": "assistant", "content": "", "tool_calls": [{"name": "f"}]},
                {"role": "tool", "content": "1"},
            ]
        },
        "a message calls tools",
        "field 'prompt[1]'",
    ),
    ("normalised", MESSAGES | {"id": "x", "meta": "no object"}, "meta is not an object", ""),
]


def _first(loader: str) -> dict[str, Any]:
    return GOOD if loader == "prompt-text" else MESSAGES


@pytest.mark.parametrize(("loader", "row", "reason", "says"), BAD)
def test_bad_row_is_an_error_naming_file_row_and_reason(
    write_rows, loader: str, row: dict[str, Any], reason: str, says: str
):
    path = write_rows([_first(loader), row])
    with pytest.raises(DataError) as caught:
        load_preferences(str(path), loader=loader)
    error = caught.value
    assert (error.file, error.row) == (str(path), 2)
    assert error.reason.startswith(reason)
    message = str(error)
    assert message.startswith(f"{path}, row 2")
    assert says in message
    assert "\n" not in message
    assert error.exit_code == 3


@pytest.mark.parametrize(("loader", "row", "reason", "says"), BAD)
def test_bad_row_is_skipped_and_counted_on_request(
    write_rows, loader: str, row: dict[str, Any], reason: str, says: str
):
    path = write_rows([row, _first(loader)])
    found = load_preferences(str(path), loader=loader, bad_rows="skip")
    assert len(found) == 1
    assert found[0].id == "2"
    (skipped,) = found.skipped
    assert (skipped.file, skipped.row) == (str(path), 1)
    assert skipped.reason.startswith(reason)


def test_identical_answers_can_be_kept(write_rows):
    path = str(write_rows([GOOD | {"rejected": "c"}]))
    (example,) = load_preferences(path, identical="keep")
    assert example.responses == ("c", "c")
    assert example.preference == 1.0


def test_duplicate_id_names_the_first_row(write_rows):
    path = write_rows([GOOD | {"id": "a"}, GOOD | {"id": "b"}, GOOD | {"id": "a"}])
    with pytest.raises(DataError, match=r"row 3: duplicate id \('a' is that of row 1\)"):
        load_preferences(str(path))
    found = load_preferences(str(path), bad_rows="skip")
    assert [e.id for e in found] == ["a", "b"]
    assert found.skipped[0].reason == "duplicate id"


def test_duplicate_id_across_files_names_the_first_file(write_rows, tmp_path):
    first = write_rows([GOOD | {"id": "a"}], "set/1.jsonl")
    write_rows([GOOD | {"id": "a"}], "set/2.jsonl")
    with pytest.raises(DataError, match=r"2\.jsonl, row 1: duplicate id") as caught:
        load_preferences(str(tmp_path / "set"))
    assert f"row 1 of {first}" in str(caught.value)


def test_every_row_has_to_be_of_the_first_rows_format(write_rows):
    path = write_rows([GOOD, {"chosen": "a b", "rejected": "a c"}])
    with pytest.raises(DataError, match="row 2: missing column 'prompt'"):
        load_preferences(str(path))


def test_unknown_format_names_the_columns(write_rows):
    path = write_rows([{"question": "q", "answers": ["a"]}])
    with pytest.raises(
        DataError, match=r"row 1: the row is of no known format .*question, answers"
    ):
        load_preferences(str(path))
    path = write_rows([{"prompt": "q", "responses": ["a", "b"], "gold": [1, 0]}])
    with pytest.raises(DataError, match="worth numbers are of --suite graded"):
        load_preferences(str(path))


def test_format_is_taken_from_the_first_row_that_has_one_when_skipping(write_rows):
    found = load_preferences(str(write_rows([{"x": 1}, GOOD])), bad_rows="skip")
    assert found.layout == "prompt-text"
    assert [s.reason for s in found.skipped] == ["the row is of no known format"]


def test_nothing_usable_is_an_error_even_when_skipping(write_rows):
    path = write_rows([GOOD | {"chosen": ""}] * 3)
    with pytest.raises(DataError, match=r"none of its 3 rows can be used; the first: .*row 1"):
        load_preferences(str(path), bad_rows="skip")


def test_no_rows_at_all(write_rows):
    with pytest.raises(DataError, match="holds no rows"):
        load_preferences(str(write_rows([])))


def test_limit_counts_what_is_kept_and_reads_no_further(write_rows):
    rows = [GOOD | {"chosen": ""}, GOOD, GOOD, {"broken": True}]
    found = load_preferences(str(write_rows(rows)), bad_rows="skip", limit=2)
    assert [e.id for e in found] == ["2", "3"]
    assert len(found.skipped) == 1
    with pytest.raises(UsageError, match="limit is 0"):
        load_preferences(str(write_rows(rows)), limit=0)


def test_cluster_is_the_prompt_the_id_or_a_column(write_rows):
    rows = [GOOD | {"meta": {"rater": n % 2}} for n in range(3)] + [GOOD | {"prompt": "other"}]
    path = str(write_rows(rows))
    by_prompt = load_preferences(path)
    assert [e.group for e in by_prompt[:3]] == [prompt_group((Message("user", "p"),))] * 3
    assert by_prompt[3].group != by_prompt[0].group
    assert [e.group for e in load_preferences(path, cluster="id")] == ["1", "2", "3", "4"]
    by_rater = load_preferences(path, cluster="meta.rater", limit=3)
    assert [e.group for e in by_rater] == ["0", "1", "0"]
    with pytest.raises(DataError, match=r"row 4: missing column 'meta\.rater'"):
        load_preferences(path, cluster="meta.rater")


def test_group_of_a_prompt_is_stable():
    # sha256 of [["user","p"]], from hashlib
    assert prompt_group((Message("user", "p"),)) == "b0d378b51d70bc2b"
    assert prompt_group((Message("system", "p"),)) != prompt_group((Message("user", "p"),))


def test_unknown_loader_suggests_near_names(write_rows):
    with pytest.raises(UsageError, match="did you mean 'normalised'"):
        load_preferences(str(write_rows([GOOD])), loader="normalized")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            [GOOD, GOOD | {"chosen": ""}, GOOD | {"prompt": None}, GOOD | {"rejected": "c"}, {}]
        ),
        max_size=12,
    )
)
def test_used_and_skipped_rows_are_all_rows(write_rows, rows):
    rows = [GOOD, *rows]
    found = load_preferences(str(write_rows(rows)), bad_rows="skip")
    assert len(found) == sum(row == GOOD for row in rows)
    assert len(found) + len(found.skipped) == len(rows)
    taken = {int(e.id) for e in found} | {skipped.row for skipped in found.skipped}
    assert taken == set(range(1, len(rows) + 1))
