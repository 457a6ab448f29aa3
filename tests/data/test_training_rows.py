from __future__ import annotations

import json

import pytest

from rmbench.data.training_rows import load_training_rows
from rmbench.errors import DataError
from rmbench.types import Message

USER = Message("user", "Why?")


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


SAID = {"role": "user", "content": "Why?"}
REPLY = {"role": "assistant", "content": "Because."}


@pytest.mark.parametrize(
    ("row", "responses"),
    [
        ({"prompt": "Why?"}, ()),
        ({"prompt": [SAID]}, ()),
        ({"prompt": "Why?", "completion": "Because."}, ("Because.",)),
        ({"prompt": [SAID], "completion": [REPLY]}, ("Because.",)),
        ({"prompt": "Why?", "responses": ["Because.", "No."], "gold": [1, 0]}, ("Because.", "No.")),
        ({"messages": [SAID, REPLY]}, ("Because.",)),
        ({"messages": [SAID]}, ()),
        ({"prompt": None, "messages": [SAID, REPLY]}, ("Because.",)),
        ({"prompt": "Why?", "chosen": "Because.", "rejected": "No."}, ("Because.", "No.")),
        ({"prompt": "Why?", "chosen": "Because.", "rejected": "Because."}, ("Because.",) * 2),
    ],
)
def test_rows_of_many_kinds(tmp_path, row, responses):
    found = load_training_rows(write(tmp_path / "t.jsonl", row))
    assert [(r.prompt, r.responses) for r in found.rows] == [((USER,), responses)]
    assert found.skipped == ()


def test_rows_that_cannot_be_used_are_counted(tmp_path):
    file = write(tmp_path / "t.jsonl", {"prompt": "Why?"}, {"prompt": " "}, {"text": "Why?"})
    found = load_training_rows(file)
    assert len(found.rows) == 1
    assert [(s.row, s.reason) for s in found.skipped] == [
        (2, "empty prompt"),
        (3, "messages is not a list of messages"),
    ]


def test_rows_without_a_prompt_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"row 1: the row is of no known format.*prompt or messag"):
        load_training_rows(write(tmp_path / "t.jsonl", {"text": "Why?"}))
    with pytest.raises(DataError, match="none of its rows can be used: empty prompt"):
        load_training_rows(write(tmp_path / "u.jsonl", {"prompt": ""}))
    with pytest.raises(DataError, match="no such file"):
        load_training_rows(str(tmp_path / "nothing.jsonl"))
