"""Two responses and a label, in the layouts they are published in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from publisher_rows import HELPSTEER2, HELPSTEER3, PANDALM, SHP, SUMMARY, WEBGPT
from publisher_rows import LABELLED as ROWS

from rmbench.data import load_preferences
from rmbench.errors import DataError
from rmbench.types import Message


def _load(write_rows, row: dict[str, Any], loader: str):
    return load_preferences(str(write_rows([row])), loader=loader)[0]


@pytest.mark.parametrize("name", ROWS)
def test_the_layout_is_recognised(write_rows, name: str):
    path = str(write_rows([ROWS[name]]))
    found = load_preferences(path)
    assert found.layout == name
    assert found.fingerprint == load_preferences(path, loader=name).fingerprint


@pytest.mark.parametrize(
    ("name", "change", "chosen", "preference"),
    [
        ("pandalm", {}, "Ein Wort.", 2 / 3),
        ("pandalm", {"annotator1": 2}, "Two words.", 2 / 3),
        ("pandalm", {"annotator3": 1}, "Ein Wort.", 1.0),
        ("pandalm", {"annotator3": 0}, "Ein Wort.", 5 / 6),
        # most votes for a tie, and a vote for each
        ("pandalm", {"annotator2": 0, "annotator3": 0}, "Ein Wort.", 0.5),
        ("pandalm", {"annotator2": 0}, "Ein Wort.", 0.5),
        ("webgpt", {}, "It scatters [1].", 1.0),
        ("webgpt", {"score_0": -1.0, "score_1": 1.0}, "It reflects the sea.", 1.0),
        ("webgpt", {"score_0": 0.0, "score_1": 0.0}, "It scatters [1].", 0.5),
        ("summarize-from-feedback", {}, "Keys are lost.", 1.0),
        ("summarize-from-feedback", {"choice": 1}, "A post.", 1.0),
        ("shp", {}, "See a vet.", 1.0),
        ("shp", {"labels": 0}, "Cats do that.", 1.0),
        ("helpsteer2", {}, "Great to hear!", 1.0),
        ("helpsteer2", {"preference_strength": -1}, "Good.", 1.0),
        ("helpsteer2", {"preference_strength": 0}, "Good.", 0.5),
        ("helpsteer3", {}, "sorted(x)", 1.0),
        ("helpsteer3", {"overall_preference": 1}, "No.", 1.0),
        ("helpsteer3", {"overall_preference": 0}, "sorted(x)", 0.5),
    ],
)
def test_who_was_preferred(
    write_rows, name: str, change: dict[str, Any], chosen: str, preference: float
):
    before = _load(write_rows, ROWS[name], name)
    example = _load(write_rows, ROWS[name] | change, name)
    assert example.chosen == (chosen,)
    assert {*example.responses} == {*before.responses}
    assert example.preference == pytest.approx(preference)


@pytest.mark.parametrize(
    ("name", "subset", "identifier"),
    [
        ("pandalm", "Wikipedia", "7"),
        ("webgpt", "eli5", "1"),
        ("summarize-from-feedback", "tldr", "1"),
        ("shp", "askvet", "1"),
        ("helpsteer2", "all", "1"),
        ("helpsteer3", "code", "1"),
    ],
)
def test_subset_and_id(write_rows, name: str, subset: str, identifier: str):
    example = _load(write_rows, ROWS[name], name)
    assert (example.subset, example.id) == (subset, identifier)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("pandalm", {"annotator2": 3}, "unknown vote"),
        ("pandalm", {"annotator2": True}, "unknown vote"),
        ("pandalm", {"response2": None}, "response2 is not text"),
        ("webgpt", {"score_0": None}, "score_0 is not a finite number"),
        ("webgpt", {"answer_1": ""}, "empty response"),
        ("webgpt", {"question": {}}, "missing column 'question.full_text'"),
        ("summarize-from-feedback", {"choice": 2}, "unknown choice"),
        ("summarize-from-feedback", {"choice": False}, "unknown choice"),
        ("summarize-from-feedback", {"summaries": [{"text": "x"}]}, "does not hold 2"),
        ("shp", {"labels": 2}, "unknown label"),
        ("helpsteer2", {"preference_strength": -100}, "unknown preference"),
        ("helpsteer2", {"prompt": "a<extra_id_1>Robot\nb"}, "no known role"),
        ("helpsteer3", {"overall_preference": 1.5}, "unknown preference"),
        ("helpsteer3", {"context": []}, "empty prompt"),
    ],
)
def test_rows_that_cannot_be_used(write_rows, name: str, change: dict[str, Any], reason: str):
    with pytest.raises(DataError, match=reason):
        _load(write_rows, ROWS[name] | change, name)


def test_pandalm_input_may_be_nan(tmp_path: Path, write_rows):
    """The publisher's file is written with NaN where there is no input, or no response."""
    assert _load(write_rows, PANDALM, "pandalm").prompt == (
        Message("user", "Translate it.\n\nOne word."),
    )
    path = tmp_path / "testset-v1.json"
    rows = [PANDALM | {"input": float("nan")}, PANDALM | {"idx": 8, "response1": float("nan")}]
    path.write_text(json.dumps(rows, indent=4))
    assert "NaN" in path.read_text()
    found = load_preferences(str(path), loader="pandalm", bad_rows="skip")
    assert [e.prompt for e in found] == [(Message("user", "Translate it."),)]
    assert [s.reason for s in found.skipped] == ["response1 is not text"]


def test_pandalm_votes_are_those_that_the_normalised_reader_knows(write_rows):
    """Both layouts have to give the same share of votes."""
    example = _load(write_rows, PANDALM | {"annotator3": 0}, "pandalm")
    row = {
        "id": "n",
        "prompt": [{"role": "user", "content": "p"}],
        "chosen": ["c"],
        "rejected": ["r"],
        "preference": example.meta["votes"],
        "meta": {},
    }
    assert _load(write_rows, row, "normalised").preference == pytest.approx(example.preference)


def test_what_was_summarised(write_rows):
    tldr = _load(write_rows, SUMMARY, "summarize-from-feedback")
    said = "SUBREDDIT: r/advice\n\nTITLE: Keys\n\nPOST: I lost my keys.\n\nTL;DR:"
    assert tldr.prompt == (Message("user", said),)
    info = dict.fromkeys(SUMMARY["info"]) | {"id": "x", "article": "News."}
    news = _load(write_rows, SUMMARY | {"info": info}, "summarize-from-feedback")
    assert (news.prompt[0].content, news.subset) == ("Article: News.\n\nTL;DR:", "cnndm")
    with pytest.raises(DataError, match="post is not text"):
        _load(write_rows, SUMMARY | {"info": dict.fromkeys(info)}, "summarize-from-feedback")


def test_flattened_dialogues_become_messages(write_rows):
    example = _load(write_rows, HELPSTEER2, "helpsteer2")
    assert example.prompt == (
        Message("user", "Hi"),
        Message("assistant", "Hello.\nHow are you?"),
        Message("user", "Fine."),
    )
    open_end = HELPSTEER2 | {"prompt": HELPSTEER2["prompt"] + "\n<extra_id_1>Assistant\n"}
    assert _load(write_rows, open_end, "helpsteer2").prompt == example.prompt
    single = _load(write_rows, HELPSTEER2 | {"prompt": "Just this.\n"}, "helpsteer2")
    assert single.prompt == (Message("user", "Just this.\n"),)


def test_strength_and_margin_stay_with_the_row(write_rows):
    assert _load(write_rows, HELPSTEER2, "helpsteer2").meta["strength"] == 2
    assert _load(write_rows, HELPSTEER3, "helpsteer3").meta["strength"] == 3
    assert _load(write_rows, WEBGPT, "webgpt").meta["margin"] == 0.5
    assert _load(write_rows, SHP, "shp").meta["score_ratio"] == 3.0
    assert _load(write_rows, SUMMARY, "summarize-from-feedback").meta["confidence"] == 7
