from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest

from rmbench.errors import DataError, UsageError
from rmbench.scorers.replay import read_replay, scores_of
from rmbench.scorers.spec import RunOptions, create_scorer, parse_scorer
from rmbench.types import Conversation, Message


def write(path: Path, rows: list[object]) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


ROW = {"id": "a", "scores_chosen": [1.0, 2.0], "scores_rejected": [0.5]}


def test_rewards_are_looked_up_by_id_in_any_order(tmp_path: Path) -> None:
    file = write(
        tmp_path / "s.jsonl", [ROW, {"id": "b", "scores_chosen": 3, "scores_rejected": [-1]}]
    )
    scorer = create_scorer(parse_scorer(f"replay:{file}"), RunOptions())
    q = (Message("user", "q"),)
    batch = scorer.score(
        [
            Conversation(q, "x", "b", 0),
            Conversation(q, "y", "b", 1),
            Conversation(q, "x", "a", 0),
            Conversation(q, "y", "a", 1),
            Conversation(q, "z", "a", 2),
        ]
    )
    assert batch.reward.tolist() == [3.0, -1.0, 1.0, 2.0, 0.5]


def test_an_id_the_file_lacks_is_nan(tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", [ROW])
    scorer = create_scorer(parse_scorer(f"replay:{file}"), RunOptions())
    batch = scorer.score([Conversation((Message("user", "q"),), "x", "other", 0)])
    assert np.isnan(batch.reward).all()


def test_another_number_of_answers_is_an_error(tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", [ROW])
    scorer = create_scorer(parse_scorer(f"replay:{file}"), RunOptions())
    with pytest.raises(DataError, match=r"id 'a' has 3 scores for 1 answers"):
        scorer.score([Conversation((Message("user", "q"),), "x", "a", 0)])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"scores_chosen": [1], "scores_rejected": [0]}, r"row 2, field 'id': has no id"),
        (
            {"id": "", "scores_chosen": [1], "scores_rejected": [0]},
            r"row 2, field 'id': has no id",
        ),
        (
            {"id": None, "scores_chosen": [1], "scores_rejected": [0]},
            r"row 2, field 'id': has no id",
        ),
        ({"id": "b", "scores_rejected": [0]}, r"row 2, field 'scores_chosen': is missing"),
        ({"id": "b", "scores_chosen": [], "scores_rejected": [0]}, r"holds no score"),
        (
            {"id": "b", "scores_chosen": ["x"], "scores_rejected": [0]},
            r"expected a number, got 'x'",
        ),
        ({"id": "b", "scores_chosen": [True], "scores_rejected": [0]}, r"expected a number"),
        (
            {"id": "a", "scores_chosen": [1], "scores_rejected": [0]},
            r"1 of its ids stand more than once \('a'\); the first in rows 1 and 2",
        ),
        ([1, 2], r"row 2: expected an object"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_replay(write(tmp_path / "s.jsonl", [ROW, row]))


def test_json_lists_gzip_and_null_are_read(tmp_path: Path) -> None:
    rows = [ROW, {"id": "b", "subset": "s", "scores_chosen": [None], "scores_rejected": [1]}]
    listed = tmp_path / "s.json"
    listed.write_text("  " + json.dumps(rows))
    zipped = tmp_path / "s.jsonl.gz"
    zipped.write_bytes(gzip.compress("".join(json.dumps(r) + "\n" for r in rows).encode()))
    one, other = (
        [(r.id, r.subset, str(r.rewards), r.number) for r in read_replay(f).rows]
        for f in (listed, zipped)
    )
    assert one == other
    assert np.isnan(read_replay(listed).rows[1].chosen[0])
    scores = scores_of(read_replay(listed))
    assert scores.example_id.tolist() == ["a", "a", "a", "b", "b"]
    assert scores.is_chosen.tolist() == [True, True, False, True, False]
    assert scores.subset.tolist() == ["all"] * 3 + ["s"] * 2


def test_damaged_and_missing_files_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b'{"id": 1}')[:-6])
    (tmp_path / "text.jsonl").write_text("hello\n")
    (tmp_path / "empty.jsonl").write_text("")
    for name, message in (
        ("cut.jsonl.gz", "cannot be read"),
        ("text.jsonl", "row 1: is not JSON"),
        ("empty.jsonl", "holds no rows"),
    ):
        with pytest.raises(DataError, match=message) as caught:
            read_replay(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="no such file"):
        create_scorer(parse_scorer(f"replay:{tmp_path}/none.jsonl"), RunOptions())
    with pytest.raises(UsageError, match="needs a file"):
        create_scorer(parse_scorer("replay:"), RunOptions())


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("Ray2333_GRM-Gemma-2B-rewardmodel-ft", 208),
        ("Skywork_Skywork-Reward-Llama-3.1-8B", 218),
        ("internlm_internlm2-7b-reward", 208),
    ],
)
def test_real_models_judgebench_scores(shared_data: Path, name: str, right: int) -> None:
    rows = read_replay(shared_data / "scores" / "judgebench" / f"{name}.jsonl.gz").rows
    assert len(rows) == 350
    assert sum(r.chosen[0] > r.rejected[0] for r in rows) == right


def test_line_separators_inside_a_text_do_not_end_a_row(tmp_path: Path) -> None:
    file = tmp_path / "s.jsonl"
    file.write_text(json.dumps(ROW | {"subset": "a\u2028b"}, ensure_ascii=False) + "\n")
    assert read_replay(file).rows[0].subset == "a\u2028b"


@pytest.mark.parametrize("body", ["[" * 100_000, '{"id": 1, "scores_chosen": ' + "9" * 5000 + "}"])
def test_json_that_python_refuses_is_one_line(tmp_path: Path, body: str) -> None:
    (tmp_path / "s.jsonl").write_text(body + "\n")
    with pytest.raises(DataError, match="is not JSON"):
        read_replay(tmp_path / "s.jsonl")


def test_a_number_too_large_for_a_float_is_named(tmp_path: Path) -> None:
    row = {"id": "b", "scores_chosen": [10**400], "scores_rejected": [0]}
    with pytest.raises(DataError, match=r"field 'scores_chosen': holds a number too large"):
        read_replay(write(tmp_path / "s.jsonl", [row]))


def test_a_parquet_file_of_scores_is_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {"id": "a", "subset": "s", "scores_chosen": [1.0], "scores_rejected": [0.5, None]},
        {"id": "b", "subset": "s", "scores_chosen": [2.0], "scores_rejected": [3.0]},
    ]
    file = tmp_path / "rewards.parquet"
    pq.write_table(pa.Table.from_pylist(rows), file, row_group_size=1)
    first, second = read_replay(file).rows
    assert (first.id, first.chosen, first.rejected[0]) == ("a", (1.0,), 0.5)
    assert math.isnan(first.rejected[1])
    assert second.rejected == (3.0,)
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(file.read_bytes()[:60])
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_replay(broken)


def test_a_file_that_was_cut_off_is_told(tmp_path: Path) -> None:
    row = '{"id": "a", "scores_chosen": 1, "scores_rejected": 0}'
    file = tmp_path / "s.jsonl"
    file.write_text(f'{row}\n{{"id": "b", "scores_cho')
    with pytest.raises(
        DataError, match=r"row 2: is not JSON: Unterminated string .* at column 13 \(a file that"
    ):
        read_replay(file)
    file.write_text(f"{{{row}\n{row}\n")
    with pytest.raises(
        DataError, match=r"row 1: is not JSON: Expecting property name .* column 2$"
    ):
        read_replay(file)
