"""Real public preference sets; skipped where they are not at hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from rmbench.data import load_preferences, load_suite_data
from rmbench.errors import DataError, UsageError
from rmbench.resources import builtin_suites
from rmbench.spec import Columns, DataSpec, PreferenceSuite, load_suite

# rows, distinct prompts
NORMALISED = {
    "gsm8k_solutions/test": (731, 731),
    "hh_rlhf/heldout": (464, 464),
    "hh_rlhf/train": (3707, 3705),
    "hhh_alignment/test": (221, 102),
    "llmbar/test": (419, 418),
    "pandalm/test": (842, 153),
    "pandalm/test_ties": (103, 35),
    "prmbench/test": (2848, 539),
    "prmbench/train": (3197, 625),
    "rmb/bon_heldout": (396, 237),
    "rmb/heldout": (1528, 287),
    "rmb/train": (11528, 2097),
    "truthfulqa/test": (817, 817),
    "ukp_convarg1/test": (2404, 6),
    "ukp_convarg1/train": (8550, 24),
    "webgpt/test": (656, 656),
    "webgpt/test_ties": (245, 245),
    "xstest/test": (244, 244),
    "humour_pairs/all": (24692, 1),
    "humour_pairs/all_ties": (3426, 1),
}


def _suite(name: str) -> DataSpec:
    suite = load_suite(builtin_suites()[name])
    assert isinstance(suite, PreferenceSuite)
    return suite.data


@pytest.mark.parametrize("name", NORMALISED)
def test_normalised_files(shared_data: Path, name: str):
    found = load_preferences(str(shared_data / f"{name}.jsonl.gz"))
    rows, prompts = NORMALISED[name]
    assert len(found) == rows
    assert len({e.group for e in found}) == prompts
    assert found.layout == "normalised"
    assert not found.skipped
    assert {e.preference for e in found} == ({0.5} if name.endswith("_ties") else {1.0})


def test_every_normalised_file_is_listed_above(shared_data: Path):
    there = {
        str(path.relative_to(shared_data)).removesuffix(".jsonl.gz")
        for path in shared_data.glob("*/*.jsonl.gz")
    }
    assert there == set(NORMALISED)


def test_vote_shares_of_an_oriented_count(shared_data: Path):
    """The gold label weighs annotators, so in some rows the chosen side has fewer votes."""
    path = str(shared_data / "ukp_convarg1/test.jsonl.gz")
    found = load_preferences(path, columns=Columns(preference="meta.votes"))
    shares = Counter(e.preference for e in found)
    assert (shares[1.0], shares[0.5], shares[0.4], shares[0.2]) == (741, 68, 30, 1)
    assert sum(count for share, count in shares.items() if share < 0.5) == 31


@pytest.mark.parametrize("name", ["humour_pairs/all", "pandalm/test"])
def test_vote_shares_of_a_majority(shared_data: Path, name: str):
    path = str(shared_data / f"{name}.jsonl.gz")
    found = load_preferences(path, columns=Columns(preference="meta.votes"), limit=1000)
    assert all(0.5 < e.preference <= 1.0 for e in found)
    assert len({e.preference for e in found}) >= 3


def test_clusters_other_than_the_prompt(shared_data: Path):
    path = str(shared_data / "ukp_convarg1/test.jsonl.gz")
    assert len({e.group for e in load_preferences(path, cluster="meta.stance")}) == 6
    assert len({e.group for e in load_preferences(path, cluster="id", limit=50)}) == 50


def test_prompts_with_several_turns(shared_data: Path):
    found = load_preferences(str(shared_data / "hh_rlhf/heldout.jsonl.gz"))
    turns = Counter(turn.role for e in found for turn in e.prompt)
    assert turns == {"user": 1187, "assistant": 723}


def test_rm_bench_in_the_publishers_layout(shared_data: Path):
    native = shared_data / "native"
    with pytest.raises(UsageError, match=r"math_filtered\.json"):
        load_suite_data(_suite("rm-bench"), "rm-bench", [native], allow_partial=False)
    found = load_suite_data(_suite("rm-bench"), "rm-bench", [native], allow_partial=True)
    assert Counter(e.subset for e in found) == {
        "chat": 129,
        "code": 228,
        "safety-refuse": 284,
        "safety-response": 157,
    }
    assert found.missing == ("math_filtered.json", "all but 798 of 1327 examples")
    assert found.layout == "rm-bench"
    assert {(len(e.chosen), len(e.rejected)) for e in found} == {(3, 3)}
    assert found[0].id == "chat/8"
    # concise, detailed in plain text, detailed with markdown
    assert len(found[0].chosen[0]) < len(found[0].chosen[1])


def test_judgebench_in_the_publishers_layout(shared_data: Path):
    found = load_suite_data(
        _suite("judgebench"), "judgebench", [shared_data / "native"], allow_partial=False
    )
    assert len(found) == 350
    assert Counter(e.subset for e in found) == {
        "knowledge": 154,
        "reasoning": 98,
        "math": 56,
        "coding": 42,
    }
    assert Counter(e.meta["label"] for e in found) == {"A>B": 193, "B>A": 157}
    recognised = load_preferences(str(shared_data / "native/judgebench/gpt.jsonl"))
    assert recognised.fingerprint == found.fingerprint


def test_hh_transcripts_with_their_dirt(shared_data: Path):
    path = str(shared_data / "native/hh_rlhf/harmless-base_sample.jsonl.gz")
    with pytest.raises(DataError, match=r"row 107, field 'chosen': empty response"):
        load_preferences(path)
    found = load_preferences(path, bad_rows="skip")
    assert (found.layout, len(found)) == ("hh-transcript", 241)
    assert [(s.row, s.reason) for s in found.skipped] == [(107, "empty response")]


def test_hh_transcripts_agree_with_the_normalised_rows(shared_data: Path):
    """The same held-out pairs, once as transcripts and once as messages."""
    own = load_preferences(
        str(shared_data / "native/hh_rlhf/harmless-base_sample.jsonl.gz"), bad_rows="skip"
    )
    normalised = load_preferences(str(shared_data / "hh_rlhf/heldout.jsonl.gz"))

    def texts(examples):
        return {
            (
                tuple((turn.role, turn.content.strip()) for turn in e.prompt),
                tuple(text.strip() for text in e.responses),
            )
            for e in examples
        }

    assert texts(own) == texts(e for e in normalised if e.subset == "harmless-base")


def test_llmbar_is_whole_in_its_normalised_form(shared_data: Path):
    folders = [shared_data / "native", shared_data]
    found = load_suite_data(_suite("llmbar"), "llmbar", folders, allow_partial=False)
    assert (len(found), found.layout, found.missing) == (419, "normalised", ())
    declared = {file.subset for file in _suite("llmbar").files}
    assert {e.subset for e in found} == declared


def test_hh_rlhf_heldout_rows_are_part_of_the_suite(shared_data: Path):
    spec = _suite("hh-rlhf")
    with pytest.raises(UsageError, match="all but 464 of 8552 examples"):
        load_suite_data(spec, "hh-rlhf", [shared_data], allow_partial=False)
    found = load_suite_data(spec, "hh-rlhf", [shared_data], allow_partial=True, limit=10)
    assert (len(found), found.layout) == (10, "normalised")
    assert found.files == (str(shared_data / "hh_rlhf/heldout.jsonl.gz"),)
    assert {e.subset for e in found} <= {file.subset for file in spec.files}


def test_a_folder_and_a_file_as_ones_own_pairs(shared_data: Path):
    sources = [shared_data / "webgpt", shared_data / "native/judgebench/gpt.jsonl"]
    found = load_suite_data(_suite("pairs"), "pairs", sources, allow_partial=False)
    assert len(found) == 656 + 245 + 350
    assert found.layout == "normalised, judgebench"
