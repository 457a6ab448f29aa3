"""RewardBench, its prior sets, RewardBench 2 and M-RewardBench in their publishers' layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rmbench.data import load_preferences
from rmbench.data.load import load_suite_data
from rmbench.errors import DataError, UsageError
from rmbench.resources import builtin_suites
from rmbench.spec import DataSpec, PreferenceSuite, load_suite

ROW = {
    "prompt": "How do I boil an egg?",
    "chosen": "Seven minutes in boiling water.",
    "chosen_model": "GPT4-Turbo",
    "rejected": "Eggs are oval.",
    "rejected_model": "bert_base",
    "subset": "alpacaeval-easy",
    "id": 0,
}
PRIOR = {
    "prompt": [
        {"content": "Tell me a joke.", "role": "user"},
        {"content": "Knock, knock.", "role": "user"},
        {"content": "Who is there?", "role": "assistant"},
    ],
    "chosen": "Lettuce.",
    "rejected": "Nobody.",
    "subset": "helpful-base",
    "id": 0,
}
BEST_OF_4 = {
    "id": "12",
    "prompt": "Name a prime above 90.",
    "chosen": ["97"],
    "rejected": ["91", "93", "99"],
    "num_correct": 1,
    "num_incorrect": 3,
    "total_completions": 4,
    "models": ["m0", "m1", "m2", "m3"],
    "subset": "Math",
    "additional_metadata": {"category": None, "correct": None, "index": 3.0, "valid": None},
}
TIED = {
    "id": "tied:7",
    "prompt": "Name a colour of the rainbow.",
    "chosen": ["red", "green", "blue"],
    "rejected": ["brown"],
    "num_correct": 3,
    "num_incorrect": 1,
    "total_completions": 4,
    "models": ["m"] * 4,
    "subset": "Ties",
    "additional_metadata": {"category": None, "correct": None, "index": None, "valid": None},
}
REF = TIED | {
    "id": "ref:7",
    "prompt": "What colour is an emerald?",
    "chosen": ["green"],
    "rejected": ["brown"],
    "num_correct": 1,
}
TRANSLATED = {
    "id": 5,
    "language": "de",
    "prompt": "Wie koche ich ein Ei?",
    "chosen": "Sieben Minuten.",
    "rejected": "Eier sind oval.",
    "chosen_model": "GPT4-Turbo",
    "rejected_model": "bert_base",
    "source": "mt-bench-med",
}


def suite(name: str) -> PreferenceSuite:
    found = load_suite(builtin_suites()[name])
    assert isinstance(found, PreferenceSuite)
    return found


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def test_reward_bench_rows_are_called_by_subset_and_number(write_rows):
    other = ROW | {"subset": "mt-bench-med", "prompt": "And a goose egg?"}
    found = load_preferences(str(write_rows([ROW, other, ROW])), loader="reward-bench")
    assert [e.id for e in found] == [
        "alpacaeval-easy/row-1",
        "mt-bench-med/row-2",
        "alpacaeval-easy/row-3",
    ]
    assert found[0].chosen == ("Seven minutes in boiling water.",)
    assert found[0].prompt[0].content == "How do I boil an egg?"
    assert found[0].group == found[2].group != found[1].group
    assert found[0].meta["chosen_model"] == "GPT4-Turbo"


def test_answers_are_scored_even_if_empty_or_equal(write_rows):
    rows = [ROW | {"rejected": ""}, ROW | {"rejected": ROW["chosen"]}]
    found = load_preferences(str(write_rows(rows)), loader="reward-bench", identical="keep")
    assert found[0].rejected == ("",)
    assert found[1].rejected == found[1].chosen
    assert all(
        suite(name).data.identical == "keep"
        for name in builtin_suites()
        if name.startswith(("reward-bench", "m-reward-bench"))
    )


def test_turns_of_a_prior_set_alternate_whatever_their_roles(write_rows):
    example = load_preferences(str(write_rows([PRIOR])), loader="reward-bench")[0]
    assert [m.role for m in example.prompt] == ["user", "assistant", "user"]
    assert example.prompt[1].content == "Knock, knock."
    assert example.chosen == ("Lettuce.",)


def test_reward_bench_needs_a_subset(write_rows):
    row = {key: value for key, value in ROW.items() if key != "subset"}
    with pytest.raises(DataError, match="missing column 'subset'"):
        load_preferences(str(write_rows([row])), loader="reward-bench")


def test_reward_bench_2_answers_in_order(write_rows):
    rows = [BEST_OF_4, BEST_OF_4 | {"prompt": "Another."}, REF, TIED]
    found = load_preferences(str(write_rows(rows)), loader="reward-bench-2")
    assert [e.id for e in found] == ["Math/row-1", "Math/row-2", "ref:7", "tied:7"]
    assert found[0].responses == ("97", "91", "93", "99")
    assert found[3].chosen == ("red", "green", "blue")
    assert [e.subset for e in found] == ["Math", "Math", "Ties", "Ties"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (BEST_OF_4 | {"num_correct": 2}, "chosen holds not as many answers as num_correct says"),
        (BEST_OF_4 | {"num_incorrect": 4}, "rejected holds not as many"),
        (BEST_OF_4 | {"rejected": []}, "rejected is not a list of answers"),
        (BEST_OF_4 | {"chosen": "97"}, "chosen is not a list of answers"),
        (BEST_OF_4 | {"chosen": [None]}, "is not text"),
        (TIED | {"id": "7"}, "says nothing of its pair"),
        (TIED | {"id": 7}, "says nothing of its pair"),
    ],
)
def test_reward_bench_2_rows_that_cannot_be_used(write_rows, row: dict[str, Any], reason: str):
    with pytest.raises(DataError, match=reason):
        load_preferences(str(write_rows([row])), loader="reward-bench-2")


def test_two_rows_of_ties_with_one_id_are_refused(write_rows):
    with pytest.raises(DataError, match="duplicate id"):
        load_preferences(str(write_rows([TIED, TIED])), loader="reward-bench-2")


def test_m_reward_bench_subsets_take_the_language(write_rows):
    rows = [TRANSLATED, TRANSLATED | {"source": "math-prm"}]
    found = load_preferences(str(write_rows(rows)), loader="m-reward-bench")
    assert [e.subset for e in found] == ["de/mt-bench-med", "de/math-prm"]
    assert found[1].id == "de/math-prm/row-2"


def test_translations_of_a_row_are_one_cluster(write_rows):
    rows = [TRANSLATED, TRANSLATED | {"language": "fr", "prompt": "Un oeuf ?"}]
    rows.append(rows[0] | {"id": 6})
    cluster = suite("m-reward-bench").data.cluster
    found = load_preferences(str(write_rows(rows)), loader="m-reward-bench", cluster=cluster)
    assert [e.group for e in found] == ["mt-bench-med/5", "mt-bench-med/5", "mt-bench-med/6"]


def test_m_reward_bench_takes_the_subset_of_either_column(write_rows):
    row = {key: value for key, value in TRANSLATED.items() if key != "source"}
    path = write_rows([row | {"subset": "hep-go"}])
    assert load_preferences(str(path), loader="m-reward-bench")[0].subset == "de/hep-go"
    with pytest.raises(DataError, match="missing column 'subset'"):
        load_preferences(str(write_rows([row], "none.jsonl")), loader="m-reward-bench")


def test_languages_are_those_of_the_folders(tmp_path: Path):
    for language in ("deu_Latn", "zho_Hant"):
        folder = tmp_path / "m_reward_bench" / language
        write_parquet(folder / "test-00000-of-00001.parquet", [TRANSLATED])
    found = load_suite_data(suite("m-reward-bench").data, "m", [tmp_path], allow_partial=True)
    assert [e.subset for e in found] == ["deu_Latn/mt-bench-med", "zho_Hant/mt-bench-med"]
    assert "arb_Arab/test-*.parquet" in found.missing
    assert "all but 2 of 65987 examples" in found.missing


def test_the_prior_sets_lie_beside_the_main_set(tmp_path: Path):
    folder = tmp_path / "reward_bench"
    write_parquet(folder / "data/filtered-00000-of-00001.parquet", [ROW])
    for name in ("anthropic_helpful", "anthropic_hhh", "shp", "summarize"):
        path = folder / f"preference-test-sets/data/{name}-00000-of-00001.parquet"
        write_parquet(path, [PRIOR, PRIOR])
    spec = suite("reward-bench-prior-sets").data
    found = load_suite_data(spec, "prior", [tmp_path], allow_partial=True)
    assert found.missing == ("all but 9 of 20139 examples",)
    assert [e.subset for e in found][:4] == [
        "alpacaeval-easy",
        "anthropic_helpful",
        "anthropic_helpful",
        "anthropic_hhh",
    ]
    assert len({e.id for e in found}) == 9


def test_files_are_found_under_other_names(tmp_path: Path, write_rows):
    spec = DataSpec.model_validate(suite("reward-bench").data.model_dump() | {"examples": 1})
    write_rows([ROW], "reward_bench/filtered.jsonl.gz")
    found = load_suite_data(spec, "rb", [tmp_path], allow_partial=False)
    assert found[0].id == "alpacaeval-easy/row-1"
    # The publisher's own name comes first.
    other = ROW | {"chosen": "Eight minutes."}
    write_parquet(tmp_path / "reward_bench/data/filtered-00000-of-00001.parquet", [other])
    found = load_suite_data(spec, "rb", [tmp_path], allow_partial=False)
    assert found[0].chosen == ("Eight minutes.",)


def test_a_set_with_too_few_rows_is_not_measured_unasked(tmp_path: Path, write_rows):
    write_rows([BEST_OF_4], "reward_bench_2/test.jsonl")
    with pytest.raises(UsageError, match="all but 1 of 1865 examples"):
        load_suite_data(suite("reward-bench-2").data, "rb2", [tmp_path], allow_partial=False)
