"""Examples written out in each format and read back are the same examples."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rmbench.data import load_preferences, normalised_row
from rmbench.data.loader import prompt_group
from rmbench.types import Message, PreferenceExample

# No surrogates: they are not text. Everything else is, line separators and NUL included.
_CHARACTERS = st.characters(exclude_categories=["Cs"])
_TEXT = st.text(_CHARACTERS, min_size=1, max_size=20).filter(lambda text: text.strip() != "")
_LABEL = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=5)
_SHARE = st.floats(0, 1)

_CONTEXT = st.lists(
    st.builds(Message, st.sampled_from(["system", "user", "assistant", "tool"]), _TEXT), max_size=3
)
_PROMPT = st.builds(
    lambda context, last: (*context, last),
    _CONTEXT,
    st.builds(Message, st.sampled_from(["user", "tool"]), _TEXT),
)


def _distinct(sides: tuple[list[str], list[str]]) -> bool:
    return set(sides[0]).isdisjoint(sides[1])


@st.composite
def example_lists(draw: st.DrawFn, *, plain: bool = False) -> list[PreferenceExample]:
    """Examples with distinct ids; ``plain`` ones have one user turn and one answer a side."""
    most = 1 if plain else 3
    answers = st.lists(_TEXT, min_size=1, max_size=most)
    ids = draw(st.lists(_LABEL, min_size=1, max_size=4, unique=True))
    made = []
    for identifier in ids:
        chosen, rejected = draw(st.tuples(answers, answers).filter(_distinct))
        prompt = (Message("user", draw(_TEXT)),) if plain else draw(_PROMPT)
        made.append(
            PreferenceExample(
                id=identifier,
                prompt=prompt,
                chosen=tuple(chosen),
                rejected=tuple(rejected),
                subset=draw(_LABEL),
                group=prompt_group(prompt),
                preference=draw(_SHARE),
                meta={"n": 1},
            )
        )
    return made


def _write(path: Path, rows: list[dict]) -> None:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    if path.name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.name.endswith(".json"):
        path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    elif path.name.endswith(".csv"):
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_bytes(gzip.compress(lines) if path.name.endswith(".gz") else lines)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.jsonl.gz", "a.parquet"])
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(examples=example_lists())
def test_normalised_rows(tmp_path: Path, name: str, examples: list[PreferenceExample]):
    path = tmp_path / name
    _write(path, [normalised_row(example) for example in examples])
    found = load_preferences(str(path))
    assert found.layout == "normalised"
    assert list(found) == examples
    assert [example.meta for example in found] == [example.meta for example in examples]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(examples=example_lists(plain=True))
def test_csv_rows(tmp_path: Path, examples: list[PreferenceExample]):
    path = tmp_path / "a.csv"
    rows = [
        {
            "id": example.id,
            "subset": example.subset,
            "prompt": example.prompt[0].content,
            "chosen": example.chosen[0],
            "rejected": example.rejected[0],
            "preference": example.preference,
        }
        for example in examples
    ]
    _write(path, rows)
    assert list(load_preferences(str(path))) == examples


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(examples=example_lists(plain=True))
def test_implicit_messages(tmp_path: Path, examples: list[PreferenceExample]):
    path = tmp_path / "a.jsonl"
    rows = [
        {
            "id": example.id,
            "subset": example.subset,
            "preference": example.preference,
            **{
                side: [
                    {"role": "user", "content": example.prompt[0].content},
                    {"role": "assistant", "content": text},
                ]
                for side, text in (
                    ("chosen", example.chosen[0]),
                    ("rejected", example.rejected[0]),
                )
            },
        }
        for example in examples
    ]
    _write(path, rows)
    found = load_preferences(str(path))
    assert found.layout == "implicit-messages"
    assert list(found) == examples


_WORDS = st.text("abc .:\n", min_size=1, max_size=15).filter(
    lambda text: text.strip() != "" and "\n\n" not in text and not text.endswith("\n")
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    turns=st.lists(_WORDS, min_size=1, max_size=5).filter(lambda turns: len(turns) % 2 == 1),
    answers=st.lists(_WORDS, min_size=2, max_size=2, unique=True),
)
def test_hh_transcripts(tmp_path: Path, turns: list[str], answers: list[str]):
    names = ("Human", "Assistant")
    start = "".join(f"\n\n{names[i % 2]}: {text}" for i, text in enumerate(turns))
    row = {
        side: f"{start}\n\nAssistant: {text}"
        for side, text in zip(("chosen", "rejected"), answers, strict=True)
    }
    path = tmp_path / "a.jsonl"
    _write(path, [row])
    (example,) = load_preferences(str(path), loader="hh-transcript")
    assert [turn.content for turn in example.prompt] == turns
    assert [turn.role for turn in example.prompt] == [
        ("user", "assistant")[i % 2] for i in range(len(turns))
    ]
    assert list(example.responses) == answers
