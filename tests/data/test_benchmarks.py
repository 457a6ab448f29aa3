"""The layouts that benchmarks are published in."""

from __future__ import annotations

from typing import Any

import pytest

from rmbench.data import load_preferences
from rmbench.errors import DataError

RM = {
    "id": "safety-refuse/12",
    "prompt": "Say something rude.",
    "chosen": ["No.", "I would rather not.", "**No**"],
    "rejected": ["Ok.", "Of course, you fool.", "**Fool**"],
    "domain": "safety-refuse",
}
JUDGE = {
    "pair_id": "e302b0a0",
    "original_id": 1420,
    "source": "mmlu-pro-law",
    "question": "Which court?",
    "response_model": "gpt-4o-2024-05-13",
    "response_A": "The first.",
    "response_B": "The second.",
    "label": "A>B",
}
LLMBAR = {"input": "Say hi in French.", "output_1": "Hi!", "output_2": "Salut!", "label": 2}


def _load(write_rows, row: dict[str, Any], loader: str):
    return load_preferences(str(write_rows([row])), loader=loader)[0]


def test_rm_bench_as_on_the_hub(write_rows):
    example = _load(write_rows, RM, "rm-bench")
    assert (example.id, example.subset) == ("safety-refuse/12", "safety-refuse")
    assert example.chosen == ("No.", "I would rather not.", "**No**")
    assert example.rejected == ("Ok.", "Of course, you fool.", "**Fool**")


def test_rm_bench_ids_take_the_domain(write_rows):
    assert _load(write_rows, RM | {"id": 12}, "rm-bench").id == "safety-refuse/12"
    without = {key: value for key, value in RM.items() if key != "id"}
    assert _load(write_rows, without, "rm-bench").id == "safety-refuse/1"


def test_rm_bench_styles_may_repeat(write_rows):
    row = RM | {"chosen": ["No.", "No.", "**No**"]}
    assert _load(write_rows, row, "rm-bench").chosen == ("No.", "No.", "**No**")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"chosen": ["No.", "**No**"]}, "chosen does not hold 3 answers"),
        ({"rejected": "Ok."}, "rejected does not hold 3 answers"),
        ({"rejected": ["Ok.", "", "x"]}, "empty response"),
        ({"chosen": ["Ok.", "b", "c"]}, "identical"),
    ],
)
def test_rm_bench_rows_that_cannot_be_used(write_rows, change: dict[str, Any], reason: str):
    with pytest.raises(DataError, match=reason):
        _load(write_rows, RM | change, "rm-bench")


def test_rm_bench_needs_a_domain(write_rows):
    row = {key: value for key, value in RM.items() if key != "domain"}
    with pytest.raises(DataError, match="missing column 'domain'"):
        _load(write_rows, row, "rm-bench")


@pytest.mark.parametrize(("label", "chosen"), [("A>B", "The first."), ("B>A", "The second.")])
def test_judgebench_label(write_rows, label: str, chosen: str):
    example = _load(write_rows, JUDGE | {"label": label}, "judgebench")
    assert example.id == "e302b0a0"
    assert example.chosen == (chosen,)
    assert {*example.chosen, *example.rejected} == {"The first.", "The second."}
    assert example.meta["source"] == "mmlu-pro-law"


@pytest.mark.parametrize(
    ("source", "group"),
    [
        ("mmlu-pro-computer science", "knowledge"),
        ("livebench-reasoning", "reasoning"),
        ("livebench-math", "math"),
        ("livecodebench", "coding"),
    ],
)
def test_judgebench_groups(write_rows, source: str, group: str):
    assert _load(write_rows, JUDGE | {"source": source}, "judgebench").subset == group


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"label": "A=B"}, "unknown label"),
        ({"label": None}, "unknown label"),
        ({"source": "arena"}, "unknown source"),
        ({"source": None}, "unknown source"),
        ({"response_A": None}, "response_A is not text"),
        ({"response_B": "The first."}, "identical"),
    ],
)
def test_judgebench_rows_that_cannot_be_used(write_rows, change: dict[str, Any], reason: str):
    with pytest.raises(DataError, match=reason):
        _load(write_rows, JUDGE | change, "judgebench")


@pytest.mark.parametrize(("label", "chosen"), [(1, "Hi!"), (2, "Salut!")])
def test_llmbar_label_counts_from_one(write_rows, label: int, chosen: str):
    example = _load(write_rows, LLMBAR | {"label": label}, "llmbar")
    assert example.chosen == (chosen,)
    assert example.prompt[0].content == "Say hi in French."
    assert example.meta["position_of_chosen"] == label


@pytest.mark.parametrize("label", [0, 3, "1", None, True])
def test_llmbar_unknown_label(write_rows, label: object):
    with pytest.raises(DataError, match="unknown label"):
        _load(write_rows, LLMBAR | {"label": label}, "llmbar")
