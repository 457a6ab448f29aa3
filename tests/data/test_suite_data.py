"""Which files a suite is read from, and what is said when they are not all there."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rmbench import plugins
from rmbench.data import load_suite_data
from rmbench.errors import DataError, UsageError
from rmbench.spec import Columns, DataFile, DataSpec
from rmbench.types import Message, PreferenceExample

OWN = {"input": "q", "output_1": "own good", "output_2": "own bad", "label": 1}
NORMAL = {
    "id": "n1",
    "subset": "easy",
    "prompt": [{"role": "user", "content": "q"}],
    "chosen": ["normal good"],
    "rejected": ["normal bad"],
    "meta": {},
}
SPEC = DataSpec(
    loader="llmbar",
    local_name="bench",
    files=(
        DataFile(path="Easy/set.json", subset="easy"),
        DataFile(path="Hard/set.json", subset="hard"),
        DataFile(path="extra.json", required=False),
    ),
    normalised=("test", "heldout"),
)


def _put(path: Path, *rows: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _load(spec: DataSpec, *folders: Path, allow_partial: bool = False, **more: Any):
    return load_suite_data(spec, "bench-suite", folders, allow_partial=allow_partial, **more)


def test_publishers_files_win_over_normalised_rows(tmp_path: Path):
    first = _put(tmp_path / "bench/Easy/set.json", OWN)
    second = _put(tmp_path / "bench/Hard/set.json", OWN, OWN)
    _put(tmp_path / "bench/test.jsonl", NORMAL)
    found = _load(SPEC, tmp_path)
    assert found.files == (str(first), str(second))
    assert found.layout == "llmbar"
    assert [e.subset for e in found] == ["easy", "hard", "hard"]
    assert [e.id for e in found] == ["easy/1", "hard/1", "hard/2"]
    assert (found.name, found.revision, found.missing) == ("bench-suite", None, ())


def test_each_file_comes_from_the_first_folder_that_has_it(tmp_path: Path):
    one, two = tmp_path / "one", tmp_path / "two"
    _put(one / "bench/Hard/set.json", OWN | {"output_1": "first folder"})
    _put(two / "bench/Hard/set.json", OWN | {"output_1": "second folder"})
    _put(two / "bench/Easy/set.json", OWN)
    _put(one / "bench/test.jsonl", NORMAL)
    found = _load(SPEC, one, two)
    assert found.files == (str(two / "bench/Easy/set.json"), str(one / "bench/Hard/set.json"))
    assert [e.chosen[0] for e in found] == ["own good", "first folder"]


def test_publishers_files_may_be_gzipped(tmp_path: Path, write_rows):
    write_rows([OWN], "bench/Easy/set.json.gz")
    write_rows([OWN], "bench/Hard/set.json")
    assert [Path(name).name for name in _load(SPEC, tmp_path).files] == ["set.json.gz", "set.json"]


def test_normalised_rows_stand_in_where_no_publishers_file_is(tmp_path: Path):
    one, two = tmp_path / "one", tmp_path / "two"
    (one / "bench").mkdir(parents=True)
    _put(two / "bench/heldout.jsonl", NORMAL | {"id": "held out"})
    path = _put(two / "bench/test.json", NORMAL)
    found = _load(SPEC, one, two)
    assert found.files == (str(path),)
    assert found.layout == "normalised"
    assert found[0].id == "n1"


def test_columns_of_the_publisher_are_not_sought_in_normalised_rows(tmp_path: Path):
    spec = SPEC.model_copy(update={"columns": Columns(prompt="instruction")})
    _put(tmp_path / "bench/test.jsonl", NORMAL)
    assert _load(spec, tmp_path)[0].prompt == (Message("user", "q"),)


def test_columns_are_used_where_normalised_rows_are_the_suites_own(tmp_path: Path):
    spec = DataSpec(
        loader="normalised",
        local_name="bench",
        normalised=("test",),
        columns=Columns(preference="meta.votes"),
    )
    _put(tmp_path / "bench/test.jsonl", NORMAL | {"meta": {"votes": {"chosen": 1, "rejected": 3}}})
    assert _load(spec, tmp_path)[0].preference == 0.25


def test_missing_file_is_an_error_that_names_it_and_the_flag(tmp_path: Path):
    _put(tmp_path / "bench/Easy/set.json", OWN)
    with pytest.raises(UsageError, match=r"'bench-suite'.*Hard/set.json .*--allow-partial") as e:
        _load(SPEC, tmp_path)
    assert "extra.json" not in str(e.value)
    assert e.value.exit_code == 2
    found = _load(SPEC, tmp_path, allow_partial=True)
    assert found.missing == ("Hard/set.json",)
    assert len(found) == 1


def test_missing_rows_are_missing_parts(tmp_path: Path):
    spec = SPEC.model_copy(update={"examples": 3})
    _put(tmp_path / "bench/Easy/set.json", OWN)
    _put(tmp_path / "bench/Hard/set.json", OWN)
    with pytest.raises(UsageError, match="all but 2 of 3 examples"):
        _load(spec, tmp_path)
    assert _load(spec, tmp_path, allow_partial=True).missing == ("all but 2 of 3 examples",)


def test_skipped_rows_and_rows_beyond_the_limit_are_not_missing(tmp_path: Path):
    spec = SPEC.model_copy(update={"examples": 4, "bad_rows": "skip"})
    _put(tmp_path / "bench/Easy/set.json", OWN | {"output_1": ""}, OWN)
    _put(tmp_path / "bench/Hard/set.json", OWN, OWN)
    assert _load(spec, tmp_path).missing == ()
    limited = _load(spec, tmp_path, limit=1)
    assert ([e.id for e in limited], limited.missing) == (["easy/2"], ())
    assert [s.reason for s in limited.skipped] == ["empty response"]


def test_bad_rows_are_skipped_for_one_run_on_request(tmp_path: Path):
    _put(tmp_path / "bench/Easy/set.json", OWN | {"output_1": ""}, OWN)
    _put(tmp_path / "bench/Hard/set.json", OWN)
    with pytest.raises(DataError, match=r"Easy/set.json, row 1, field 'output_1': empty response"):
        _load(SPEC, tmp_path)
    found = _load(SPEC, tmp_path, skip_bad_rows=True)
    assert (len(found), len(found.skipped)) == (2, 1)


def test_nothing_found_names_every_place(tmp_path: Path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    with pytest.raises(UsageError) as caught:
        _load(SPEC, one, two, allow_partial=True)
    for place in (one / "bench", two / "bench", "Easy/set.json", "test.jsonl", "heldout.jsonl"):
        assert str(place) in str(caught.value)


def test_a_data_folder_that_is_not_there(tmp_path: Path):
    with pytest.raises(UsageError, match="nowhere: no such file or folder"):
        _load(SPEC, tmp_path, tmp_path / "nowhere")


def test_local_folder_is_named_like_the_suite_by_default(tmp_path: Path):
    spec = DataSpec(loader="llmbar", hub_id="org/name", files=(DataFile(path="set.json"),))
    _put(tmp_path / "bench-suite/set.json", OWN)
    assert len(_load(spec, tmp_path)) == 1


def test_data_of_ones_own(tmp_path: Path):
    spec = DataSpec(loader="auto")
    one = _put(tmp_path / "one.jsonl", {"prompt": "p", "chosen": "c", "rejected": "r"})
    two = _put(tmp_path / "two.jsonl", OWN)
    single = _load(spec, one)
    assert ([e.id for e in single], single.layout) == (["1"], "prompt-text")
    both = _load(spec, one, two)
    assert [e.id for e in both] == ["one/1", "two/1"]
    assert both.files == (str(one), str(two))
    assert both.layout == "prompt-text, llmbar"
    again = _load(spec, one, one)
    assert [e.id for e in again] == ["one.1/1", "one.2/1"]


def test_the_same_ids_twice_say_that_the_file_is_read_twice(tmp_path: Path):
    path = _put(tmp_path / "one.jsonl", NORMAL)
    with pytest.raises(DataError, match=r"duplicate id .*; the file is read twice"):
        _load(DataSpec(loader="auto"), path, path)


def test_every_source_has_to_hold_something(tmp_path: Path):
    one = _put(tmp_path / "one.jsonl", NORMAL)
    two = _put(tmp_path / "two.jsonl")
    with pytest.raises(DataError, match=r"two.jsonl: holds no rows"):
        _load(DataSpec(loader="auto"), one, two)


@pytest.mark.parametrize(
    ("spec", "needed"),
    [(DataSpec(loader="auto"), "--data FILE"), (SPEC, "--data DIR")],
)
def test_a_suite_without_hub_id_asks_for_data(spec: DataSpec, needed: str):
    with pytest.raises(UsageError, match=needed):
        _load(spec)


@dataclass(frozen=True)
class _Counter:
    name: str = "counter"
    summary: str = "for these tests"

    def generate(self, options):
        return tuple(
            PreferenceExample(str(i), (Message("user", "p"),), ("c",), ("r",))
            for i in range(options["n"])
        )


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("rmbench_test_loader")
    module.COUNTER = _Counter()
    monkeypatch.setitem(sys.modules, "rmbench_test_loader", module)
    real = plugins.load
    monkeypatch.setattr(
        plugins,
        "load",
        lambda group, name: module.COUNTER if name == "counter" else real(group, name),
    )


@pytest.mark.usefixtures("counter")
def test_generated_suites_read_nothing(tmp_path: Path):
    spec = DataSpec(loader="counter", options={"n": 3})
    for folders in ((), (tmp_path,)):
        found = _load(spec, *folders)
        assert [e.id for e in found] == ["0", "1", "2"]
        assert (found.layout, found.files) == ("counter", ())
        assert len(_load(spec, *folders, limit=2)) == 2


@pytest.mark.usefixtures("counter")
def test_a_generating_loader_cannot_read_rows(write_rows):
    from rmbench.data import load_preferences

    with pytest.raises(UsageError, match="makes its own rows"):
        load_preferences(str(write_rows([NORMAL])), loader="counter")


PATTERN = DataSpec(
    loader="llmbar",
    local_name="bench",
    files=(DataFile(path="Set/**/*.json", subset="*", count=3),),
)


def test_a_pattern_reads_its_files_by_path_and_names_their_subsets(tmp_path: Path, write_rows):
    _put(tmp_path / "bench/Set/B/one two.json", OWN)
    _put(tmp_path / "bench/Set/A/z.json", OWN, OWN)
    _put(tmp_path / "bench/Set/top.json", OWN)
    _put(tmp_path / "bench/Other/no.json", OWN)
    write_rows([OWN | {"output_1": "the gzipped copy"}], "bench/Set/top.json.gz")
    found = _load(PATTERN, tmp_path)
    assert [e.id for e in found] == ["A/z/1", "A/z/2", "B/one two/1", "top/1"]
    assert [e.subset for e in found] == ["A/z", "A/z", "B/one two", "top"]
    assert {e.chosen for e in found} == {("own good",)}


def test_files_that_a_pattern_should_find_are_counted(tmp_path: Path, write_rows):
    write_rows([OWN], "bench/Set/a.json.gz")
    with pytest.raises(UsageError, match=r"Set/\*\*/\*\.json: all but 1 of 3 files"):
        _load(PATTERN, tmp_path)
    found = _load(PATTERN, tmp_path, allow_partial=True)
    assert ([e.subset for e in found], len(found.missing)) == (["a"], 1)
    with pytest.raises(UsageError, match=rf"no data of the suite.*folder above, --data {tmp_path}"):
        _load(PATTERN, tmp_path / "bench", allow_partial=True)


@pytest.mark.parametrize(("subset", "expected"), [(None, "all"), ("mine", "mine")])
def test_a_pattern_whose_files_are_no_subsets(tmp_path: Path, subset: str | None, expected: str):
    spec = PATTERN.model_copy(update={"files": (DataFile(path="Set/*.json", subset=subset),)})
    _put(tmp_path / "bench/Set/a.json", OWN)
    _put(tmp_path / "bench/Set/b.json", OWN)
    found = _load(spec, tmp_path)
    assert {e.subset for e in found} == {expected}
    assert [e.id.removeprefix("mine/") for e in found] == ["a/1", "b/1"]


TOGETHER = DataSpec(
    loader="llmbar",
    local_name="bench",
    files=(DataFile(path="set.json"),),
    normalised=(("test", "ties"), "heldout"),
    examples=5,
    normalised_examples=2,
    normalised_columns=Columns(preference="meta.votes"),
)
VOTED = NORMAL | {"meta": {"votes": {"a": 3, "b": 1}}}
TIE = NORMAL | {"id": "t", "chosen": ["x", "y"], "rejected": [], "meta": {"tie": True}}


def test_normalised_files_that_belong_together(tmp_path: Path):
    _put(tmp_path / "bench/ties.jsonl", TIE | {"meta": {"tie": True, "votes": {"a": 1, "b": 1}}})
    _put(tmp_path / "bench/test.jsonl", VOTED)
    _put(tmp_path / "bench/heldout.jsonl", NORMAL)
    found = _load(TOGETHER, tmp_path)
    assert [(e.id, e.preference) for e in found] == [("n1", 0.75), ("t", 0.5)]
    assert found.missing == ()


def test_half_of_what_belongs_together_is_not_the_suite(tmp_path: Path):
    _put(tmp_path / "bench/test.jsonl", VOTED)
    with pytest.raises(UsageError, match=r"missing: ties\.jsonl\[\.gz\] "):
        _load(TOGETHER, tmp_path)
    missing = _load(TOGETHER, tmp_path, allow_partial=True).missing
    assert missing == ("ties.jsonl[.gz]", "all but 1 of 2 examples")


def test_publishers_rows_are_counted_and_read_by_their_own_rules(tmp_path: Path):
    _put(tmp_path / "bench/set.json", OWN, OWN, OWN)
    with pytest.raises(UsageError, match="all but 3 of 5 examples"):
        _load(TOGETHER, tmp_path)
    assert {e.preference for e in _load(TOGETHER, tmp_path, allow_partial=True)} == {1.0}


def test_normalised_rows_of_another_set_are_too_many(tmp_path: Path):
    _put(tmp_path / "bench/heldout.jsonl", *(VOTED | {"id": str(i)} for i in range(3)))
    with pytest.raises(UsageError, match="has 2 examples and 3 rows were read"):
        _load(TOGETHER, tmp_path, allow_partial=True)


@dataclass(frozen=True)
class _Pairs:
    """Every row is as many pairs as it says."""

    name: str = "pairs-of-a-row"
    summary: str = "for these tests"

    def expand(self, row, at):
        if not row["n"]:
            raise at.fail("no pairs")
        return tuple(
            PreferenceExample(f"{at.default_id}-{i}", (Message("user", "p"),), ("c",), ("r",))
            for i in range(row["n"])
        )


@pytest.fixture
def pairs(monkeypatch: pytest.MonkeyPatch) -> DataSpec:
    real = plugins.load
    monkeypatch.setattr(
        plugins,
        "load",
        lambda group, name: _Pairs() if name == "pairs-of-a-row" else real(group, name),
    )
    return DataSpec(
        loader="pairs-of-a-row", local_name="bench", files=(DataFile(path="set.json"),), examples=3
    )


def test_a_row_may_be_several_examples(tmp_path: Path, pairs: DataSpec):
    _put(tmp_path / "bench/set.json", {"n": 2}, {"n": 0}, {"n": 3})
    with pytest.raises(DataError, match="row 2: no pairs"):
        _load(pairs, tmp_path)
    found = _load(pairs, tmp_path, skip_bad_rows=True)
    ids = ["set/1-0", "set/1-1", "set/3-0", "set/3-1", "set/3-2"]
    assert [e.id for e in found] == ids
    assert (len(found.skipped), found.missing, found.layout) == (1, (), "pairs-of-a-row")
    assert [e.id for e in _load(pairs, tmp_path, skip_bad_rows=True, limit=4)] == ids[:4]


def test_rows_of_another_split_are_not_part_of_the_suite(tmp_path: Path):
    spec = DataSpec(
        loader="llmbar",
        local_name="bench",
        files=(DataFile(path="set.json"),),
        normalised=("test",),
        where={"split": "val"},
        examples=2,
    )
    train = {"split": "train", "input": "not even a row"}
    val = OWN | {"split": "val"}
    _put(tmp_path / "bench/set.json", train, val, train, val, train)
    found = _load(spec, tmp_path)
    assert ([e.id for e in found], found.missing) == (["set/2", "set/4"], ())
    _put(tmp_path / "bench/set.json", val, OWN)
    with pytest.raises(DataError, match=r"set.json, row 2: missing column 'split'"):
        _load(spec, tmp_path, skip_bad_rows=True)
    _put(tmp_path / "bench/set.json", train)
    with pytest.raises(DataError, match="holds no rows"):
        _load(spec, tmp_path)
    (tmp_path / "bench/set.json").unlink()
    _put(tmp_path / "bench/test.jsonl", NORMAL, NORMAL | {"id": "n2"})
    assert len(_load(spec, tmp_path)) == 2
