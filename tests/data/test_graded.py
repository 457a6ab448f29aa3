from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rmbench.data import load_preferences
from rmbench.errors import DataError

ROW = {"id": "r", "prompt": "q", "responses": ["a", "b", "c", "d"], "gold": [1, 3.5, 3.5, -2]}


def load(tmp_path: Path, *rows: dict[str, Any]):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return load_preferences(str(file), loader="graded")


def test_the_highest_gold_is_chosen_and_every_response_keeps_its_own(tmp_path: Path):
    (example,) = load(tmp_path, ROW)
    assert (example.chosen, example.rejected) == (("b", "c"), ("a", "d"))
    assert example.gold == (3.5, 3.5, 1.0, -2.0)
    assert example.meta["response_positions"] == [2, 3, 1, 4]
    assert example.preference == 1.0
    turns = [{"role": "user", "content": "q"}]
    assert load(tmp_path, ROW | {"prompt": turns})[0].prompt == example.prompt


def test_responses_of_one_worth_are_a_tie(tmp_path: Path):
    (example,) = load(tmp_path, ROW | {"gold": [2, 2, 2, 2]})
    assert example.preference == 0.5
    assert example.gold == (2.0,) * 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gold": [1, None, 2, 3]}, r"row 1, field 'gold': .* \(entry 2 is None; leave out"),
        ({"gold": [1, True, 2, 3]}, "entry 2 is True"),
        ({"gold": [1, float("nan"), 2, 3]}, "entry 2 is nan"),
        ({"gold": ["1", 1, 2, 3]}, "entry 1 is '1'"),
        ({"gold": [1, 2]}, r"not one gold value a response \(2 of them\)"),
        ({"gold": 3}, "gold is not a list of numbers"),
        ({"responses": "abcd"}, "not one gold value a response"),
        ({"responses": ["a"], "gold": [1]}, "there is one response"),
        ({"responses": ["a", "", "c", "d"]}, "empty response"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, change: dict[str, Any], message: str):
    with pytest.raises(DataError, match=message):
        load(tmp_path, ROW | change)
