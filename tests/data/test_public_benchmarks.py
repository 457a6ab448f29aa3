"""RMB, PPE, TruthfulQA, GSM8K solutions, HHH and the sets of steps, as they are published."""

from __future__ import annotations

from typing import Any

import pytest
from publisher_rows import BENCHMARKS as ROWS
from publisher_rows import GSM8K, HHH, PPE, PPE_BOK, PRM, RIGHT, RMB, RMB_BON, TRUTHFUL

from rmbench.data import load_preferences
from rmbench.errors import DataError
from rmbench.types import Message


def _load(write_rows, row: dict[str, Any], loader: str):
    return load_preferences(str(write_rows([row])), loader=loader)[0]


@pytest.mark.parametrize("name", [name for name in ROWS if name != "ppe-conflicts"])
def test_the_layout_is_recognised(write_rows, name: str):
    path = str(write_rows([ROWS[name]]))
    found = load_preferences(path)
    assert found.layout == name
    assert found.fingerprint == load_preferences(path, loader=name).fingerprint


@pytest.mark.parametrize(
    ("name", "identifier", "subset", "chosen", "rejected"),
    [
        ("rmb", "15101", "Helpfulness/Open QA/Factual", ["Good."], ["Bad."]),
        ("rmb-bon", "1/2953", "Harmlessness/S8", ["Best."], ["Bad.", "Worse."]),
        ("ppe-preference", "q1", "English", ["Hi!"], ["No."]),
        ("truthfulqa", "1", "Misconceptions", TRUTHFUL["correct_answers"], None),
        ("gsm8k-solutions", "1", "all", ["It is 9.\nA: 9"], ["It is 1.\nA: 1", "It is 2.\nA: 2"]),
        ("hhh-alignment", "1", "all", ["Of course."], ["No."]),
        (
            "prmbench",
            "1/prm_test_p1_0",
            "confidence",
            ["One and one.\nThat is 2."],
            ["One and one.\nThat is 3."],
        ),
        ("processbench", "gsm8k-0", "all", ["1 + 1 = 2."], ["1 + 1 = 2.\n\n2 + 1 = 4."]),
    ],
)
def test_what_a_row_becomes(
    write_rows, name: str, identifier: str, subset: str, chosen: list[str], rejected: list[str]
):
    example = _load(write_rows, ROWS[name], name)
    assert (example.id, example.subset) == (identifier, subset)
    assert list(example.chosen) == chosen
    assert list(example.rejected) == (rejected or TRUTHFUL["incorrect_answers"])
    assert example.preference == 1.0


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("rmb", {"reject": "Bad."}, "an answer is not an object"),
        ("rmb", {"reject": {"llm_name": "m"}}, "answer is not text"),
        ("rmb", {"reject": {"answer": "Good."}}, "identical"),
        ("rmb-bon", {"loser_list": []}, "loser_list holds no answers"),
        ("rmb-bon", {"bon_best": None}, "an answer is not an object"),
        ("ppe-preference", {"winner": None}, "winner is not text"),
        ("ppe-preference", {"winner": "model_A"}, "winner is none of model_a, model_b and a tie"),
        ("ppe-preference", {"response_1": " "}, "empty response"),
        ("ppe-best-of-k", {"scores": [True] * 32}, "all right or all wrong"),
        ("ppe-best-of-k", {"scores": RIGHT[:31]}, "does not hold 32"),
        ("ppe-best-of-k", {"scores": [0.5] * 32}, "other than true and false"),
        ("ppe-conflicts", {"sampled_conflict_pairs": []}, "has no sampled_conflict_pairs"),
        ("ppe-conflicts", {"sampled_conflict_pairs": [[0, 32]]}, "is not two answers"),
        ("ppe-conflicts", {"sampled_conflict_pairs": [[0, 4]]}, "is no conflict"),
        ("truthfulqa", {"correct_answers": []}, "no answer"),
        ("gsm8k-solutions", {"6b_verification": GSM8K["6b_finetuning"]}, "all right or all wrong"),
        ("gsm8k-solutions", {"6b_verification": {"solution": "x"}}, "is_correct is not"),
        ("hhh-alignment", {"targets": {"choices": ["a", "b"], "labels": [1]}}, "one label for"),
        ("hhh-alignment", {"targets": {"choices": ["a", "b"], "labels": [1, 1]}}, "one label"),
        ("hhh-alignment", {"targets": {"choices": ["a", "b"], "labels": [1, 2]}}, "0 and 1"),
        ("prmbench", {"error_steps": []}, "no error step"),
        ("prmbench", {"error_steps": "2"}, "error_steps is not a list"),
        ("prmbench", {"modified_process": []}, "modified_process holds no steps"),
        ("processbench", {"label": -1}, "the solution has no error"),
        ("processbench", {"label": 0}, "no step is right"),
        ("processbench", {"label": 3}, "label is no step"),
    ],
)
def test_rows_that_cannot_be_used(write_rows, name: str, change: dict[str, Any], reason: str):
    with pytest.raises(DataError, match=reason):
        _load(write_rows, ROWS[name] | change, name)


def test_rmb_conversations_have_turns(write_rows):
    assert [turn.role for turn in _load(write_rows, RMB, "rmb").prompt] == [
        "user",
        "assistant",
        "user",
    ]


def test_rmb_lists_may_share_their_uid(write_rows):
    found = load_preferences(str(write_rows([RMB_BON, RMB_BON])), loader="rmb-bon")
    assert [e.id for e in found] == ["1/2953", "2/2953"]


@pytest.mark.parametrize(
    ("winner", "chosen", "preference"),
    [("model_a", "No.", 1.0), ("tie", "No.", 0.5), ("tie (bothbad)", "No.", 0.5)],
)
def test_ppe_winner(write_rows, winner: str, chosen: str, preference: float):
    example = _load(write_rows, PPE | {"winner": winner}, "ppe-preference")
    assert (example.chosen, example.preference) == ((chosen,), preference)


@pytest.mark.parametrize(
    ("language", "subset"), [("Chinese", "Chinese"), ("German", "other"), ("unknown", "other")]
)
def test_ppe_languages(write_rows, language: str, subset: str):
    assert _load(write_rows, PPE | {"language": language}, "ppe-preference").subset == subset


def test_ppe_pairs_count_answers_from_0_and_columns_from_1(write_rows):
    """Oriented by the scores, whichever index comes first; a pair that is sampled twice stays."""
    found = load_preferences(str(write_rows([PPE_BOK])), loader="ppe-conflicts")
    assert [(e.chosen[0], e.rejected[0]) for e in found] == [
        ("answer 0", "answer 5"),
        ("answer 4", "answer 1"),
        ("answer 0", "answer 5"),
    ]
    assert len({e.group for e in found}) == 1
    assert [e.id for e in found] == [f"all/q7/gemma-2-9b-it:{i}" for i in range(3)]


def test_ppe_best_of_k_keeps_every_answer(write_rows):
    example = _load(write_rows, PPE_BOK, "ppe-best-of-k")
    assert example.chosen == tuple(f"answer {i}" for i in range(0, 32, 4))
    assert (len(example.rejected), example.id) == (24, "all/q7/gemma-2-9b-it")


def test_hhh_turns(write_rows):
    assert _load(write_rows, HHH, "hhh-alignment").prompt == (
        Message("user", "Can you help me?"),
        Message("assistant", "With what?"),
        Message("user", "My homework."),
    )
    marked = HHH | {"input": f"\n\nHuman: {HHH['input']}\n\nAssistant:"}
    example = _load(write_rows, marked, "hhh-alignment")
    assert example.prompt == _load(write_rows, HHH, "hhh-alignment").prompt


def test_prmbench_answers_the_question_as_it_was(write_rows):
    row = PRM | {"modified_question": "What is 1 + x?", "question": "What is 1 + x?"}
    assert _load(write_rows, row, "prmbench").prompt[0].content == "What is 1 + 1?"


@pytest.mark.parametrize(
    ("name", "change", "positions"),
    [
        ("ppe-preference", {}, [2, 1]),
        ("ppe-preference", {"winner": "model_a"}, [1, 2]),
        ("ppe-preference", {"winner": "tie"}, [1, 2]),
        ("ppe-conflicts", {"sampled_conflict_pairs": [[1, 4]]}, [5, 2]),
    ],
)
def test_ppe_says_which_column_an_answer_stood_in(
    write_rows, name: str, change: dict[str, Any], positions: list[int]
):
    row = ROWS[name] | change
    example = _load(write_rows, row, name)
    assert example.meta["response_positions"] == positions
    assert [row[f"response_{i}"] for i in positions] == list(example.responses)


def test_ppe_columns_of_all_answers(write_rows):
    example = _load(write_rows, PPE_BOK, "ppe-best-of-k")
    positions = example.meta["response_positions"]
    assert sorted(positions) == list(range(1, 33))
    assert [PPE_BOK[f"response_{i}"] for i in positions] == list(example.responses)
    assert example.meta["question_id"] == "q7/gemma-2-9b-it"
