"""Scores files against suites: what fits, and what is said where it does not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rmbench.errors import DataError, UsageError
from rmbench.scorers.replay import ReplayScorer, read_replay, scores_of
from rmbench.scorers.replay_join import Allowed
from rmbench.spec import ScorerSpec
from rmbench.types import Message, PreferenceExample, conversations

NOTHING = Allowed()


def example(key: str, subset: str = "all", n: int = 1, **meta: object) -> PreferenceExample:
    rejected = tuple(f"bad {key} {i}" for i in range(n))
    return PreferenceExample(
        key, (Message("user", "q"),), (f"good  {key}",), rejected, subset, meta=meta
    )


def scorer(tmp_path: Path, body: object, name: str = "s.json") -> ReplayScorer:
    (tmp_path / name).write_text(json.dumps(body))
    return ReplayScorer(tmp_path / name, ScorerSpec(kind="replay", target=name))


def own(*keys: str) -> list[dict[str, object]]:
    return [
        {"id": k, "scores_chosen": [float(i)], "scores_rejected": [i + 0.5]}
        for i, k in enumerate(keys)
    ]


def rewards(s: ReplayScorer, examples: list[PreferenceExample]) -> list[float]:
    return s.score(conversations(examples)).reward.tolist()


def test_missing_and_unknown_ids_are_counted_and_named(tmp_path: Path) -> None:
    s = scorer(tmp_path, own("a", "x1", "x2", "x3", "x4"))
    with pytest.raises(
        DataError,
        match=r"2 of 3 examples have no row in it \('b', 'c'\); 4 of its 5 ids are unknown "
        r"\('x1', 'x2', 'x3' and 1 more\) \(--allow-partial measures what fits\)",
    ):
        s.join([example("a"), example("b"), example("c")], NOTHING)


def test_a_file_of_another_suite_is_refused_whatever_is_allowed(tmp_path: Path) -> None:
    """An earlier build counted every example as one whose reward is missing."""
    s = scorer(tmp_path, own("x", "y"))
    with pytest.raises(
        DataError, match=r"none of its 2 ids \('x', 'y'\) is one of the suite's 1 \('a'\)"
    ):
        s.join([example("a")], Allowed(missing=True, unknown=True))


def test_a_table_is_no_file_of_scores(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("id,score\n1,2\n")
    with pytest.raises(DataError, match=r"s\.csv: scores are read from \.json, "):
        ReplayScorer(tmp_path / "s.csv", ScorerSpec(kind="replay", target="s.csv"))


def test_what_is_allowed_to_be_missing_is_noted_or_nan(tmp_path: Path) -> None:
    s = scorer(tmp_path, own("a", "x"))
    examples = [example("b"), example("a")]
    s.join(examples, Allowed(missing=True, unknown=True))
    found = rewards(s, examples)
    assert np.isnan(found[:2]).all()
    assert found[2:] == [0.0, 0.5]
    assert s.notes() == ("1 of 2 ids of s.json are not in the suite and were not used ('x')",)
    with pytest.raises(DataError, match=r"1 of its 2 ids are unknown \('x'\)"):
        s.join([example("a")], Allowed(missing=True))
    with pytest.raises(DataError, match="1 of 2 examples have no row"):
        s.join(examples, Allowed(unknown=True))


def test_duplicate_ids_are_counted_and_named(tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"2 of its ids stand more than once \('a', 'b'\); the first in rows 1 and 3",
    ):
        scorer(tmp_path, own("a", "b", "a", "b", "b"))


def test_ids_that_recur_between_subsets_are_told_apart(tmp_path: Path) -> None:
    rows = [r | {"subset": s} for r, s in zip(own("1", "1", "2"), "xyy", strict=True)]
    s = scorer(tmp_path, rows)
    assert [r.id for r in s.file.rows] == ["x/1", "y/1", "y/2"]
    assert s.notes() == ("ids of s.json recur between its subsets and are read as subset/id",)
    assert scores_of(s.file).example_id.tolist() == ["x/1", "x/1", "y/1", "y/1", "y/2", "y/2"]


def test_other_sides_are_refused(tmp_path: Path) -> None:
    s = scorer(tmp_path, own("a"))
    with pytest.raises(DataError, match="1 chosen and 1 rejected scores; the suite has 1 and 2"):
        s.join([example("a", n=2)], NOTHING)


def test_the_publishers_own_id_is_found_in_meta(tmp_path: Path) -> None:
    rows = [
        {"pair_uid": k, "category_path": "c", "chosen_reward": r, "reject_reward": 0.0}
        for k, r in (("7", 1.0), ("8", 2.0))
    ]
    s = scorer(tmp_path, rows)
    examples = [example("rmb-8", pair_uid="8"), example("rmb-7", pair_uid=7)]
    s.join(examples, NOTHING)
    assert rewards(s, examples) == [2.0, 0.0, 1.0, 0.0]


# --- by order

ALL = [{"chosen": 1.0, "rejected": 0.0}, {"chosen": 2.0, "rejected": 0.5}]


def test_rows_without_ids_are_joined_by_their_order(tmp_path: Path) -> None:
    s = scorer(tmp_path, ALL)
    examples = [example("a"), example("b")]
    with pytest.raises(UsageError, match="can only be told by their order in a suite"):
        s.score(conversations(examples))
    s.join(examples, NOTHING)
    assert rewards(s, examples) == [1.0, 0.0, 2.0, 0.5]
    assert s.notes() == ("rows of s.json were joined to the suite's examples by their order",)


@pytest.mark.parametrize("allowed", [NOTHING, Allowed(missing=True, unknown=True)])
def test_other_counts_are_refused_whatever_is_allowed(tmp_path: Path, allowed: Allowed) -> None:
    s = scorer(tmp_path, ALL)
    for n in (1, 3):
        with pytest.raises(DataError, match=rf"has 2 rows for {n} examples"):
            s.join([example(str(i)) for i in range(n)], allowed)


def test_the_first_examples_take_the_first_rows(tmp_path: Path) -> None:
    s = scorer(tmp_path, ALL)
    s.join([example("a")], Allowed(unknown=True, further=True))
    assert rewards(s, [example("a")]) == [1.0, 0.0]
    with pytest.raises(DataError, match="has 2 rows for 3 examples"):
        s.join([example(k) for k in "abc"], Allowed(unknown=True, further=True))


def columns(**given: list[object]) -> dict[str, object]:
    body = {"scores_chosen": [1.0, 2.0], "scores_rejected": [0.0, 0.5], "subset": ["x", "y"],
            "id": [0, 0], "model": "m"}  # fmt: skip
    return body | given


def test_ids_that_are_the_suites_decide_over_the_order(tmp_path: Path) -> None:
    s = scorer(tmp_path, columns(id=["b", "a"]))
    examples = [example("a", "y"), example("b", "x")]
    s.join(examples, NOTHING)
    assert rewards(s, examples) == [2.0, 0.5, 1.0, 0.0]
    assert s.notes() == ()


def fours(*ids: str, subset: str = "xxyy") -> dict[str, object]:
    n = len(ids)
    return columns(scores_chosen=[float(i) for i in range(n)], scores_rejected=[0.5] * n,
                   subset=list(subset[:n]), id=list(ids))  # fmt: skip


FOUR = [example("a", "x"), example("b", "x"), example("c", "y"), example("d", "y")]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ("adb", r"1 of 4 examples have no row in it \('c'\) \("),
        ("abcz", r"1 of 4 examples have no row in it \('d'\); 1 of its 4 ids are unknown \('z'\)"),
        (
            "abcb",
            r"field 'id': 1 of its ids stand more than once \('b'\); the first in rows 2 and 4",
        ),
        ("dcbaz", r"1 of its 5 ids are unknown \('z'\)"),
    ],
)
def test_ids_of_which_most_are_the_suites_are_held_to_it(
    tmp_path: Path, ids: str, message: str
) -> None:
    s = scorer(tmp_path, fours(*ids, subset="xxyyy"))
    with pytest.raises(DataError, match=message):
        s.join(FOUR, NOTHING)


def test_ids_below_their_subset_are_the_suites_too(tmp_path: Path) -> None:
    s = scorer(tmp_path, fours("1", "2", "1", "2"))
    examples = [example(f"{k}/{i}", k) for k in "yx" for i in (2, 1)]
    s.join(examples, NOTHING)
    assert rewards(s, examples)[::2] == [3.0, 2.0, 1.0, 0.0]
    with pytest.raises(DataError, match=r"1 of 4 examples have no row in it \('x/3'\)"):
        s.join([*examples[:3], example("x/3", "x")], Allowed(unknown=True))


def test_subsets_say_where_rows_are_lacking_that_only_their_order_tells(tmp_path: Path) -> None:
    s = scorer(tmp_path, fours("0", "1", "0"))
    with pytest.raises(
        DataError, match=r"has 3 rows for 4 examples, .* by their order; by subset 'y' 1 for 2 \("
    ):
        s.join(FOUR, NOTHING)


def test_ids_that_recur_leave_the_order_which_subsets_must_confirm(tmp_path: Path) -> None:
    s = scorer(tmp_path, columns())
    s.join([example("a", "x"), example("b", "y")], NOTHING)
    with pytest.raises(
        DataError,
        match=r"row 1: 2 of 2 rows are in another order than the suite; the first: subset 'x' "
        "where example 'b' is of 'y'",
    ):
        s.join([example("b", "y"), example("a", "x")], NOTHING)
    # Names of which none is the suite's say nothing.
    s.join([example("a", "one"), example("b", "two")], NOTHING)


def test_texts_that_are_there_must_be_the_suites(tmp_path: Path) -> None:
    def texts(side: str, *keys: str) -> list[object]:
        return [f"<user>q<assistant>{side} {k}{' 0' * (side == 'bad')}</s>" for k in keys]

    def with_texts(*keys: str) -> dict[str, object]:
        return columns(text_chosen=texts("good", *keys), text_rejected=texts("bad", *keys))

    examples = [example("a", "x"), example("b", "y")]
    s = scorer(tmp_path, with_texts("a", "b"))
    s.join(examples, NOTHING)  # though one space more stands in the suite's answers
    assert rewards(s, examples) == [1.0, 0.0, 2.0, 0.5]
    with pytest.raises(
        DataError, match=r"row 2: 1 of 2 rows hold other answers than the suite; .* example 'b'"
    ):
        scorer(tmp_path, with_texts("a", "c")).join(examples, NOTHING)


def test_answers_by_position_take_the_suites_word_for_which_is_which(tmp_path: Path) -> None:
    s = scorer(tmp_path, [{"question_id": "q", "score_1": 0.25, "score_2": 0.75}])
    known = [example("q", response_positions=(2, 1))]
    s.join(known, NOTHING)
    assert rewards(s, known) == [0.75, 0.25]
    with pytest.raises(UsageError, match="does not say which answer stood in which"):
        s.join([example("q")], NOTHING)
    with pytest.raises(DataError, match="has 2 scores; the suite's answers go up to number 3"):
        s.join([example("q", response_positions=(3, 1))], NOTHING)


def test_pairs_of_one_prompt_share_its_row_unless_two_subsets_claim_it(tmp_path: Path) -> None:
    row = {"question_id": "q", "model_name": "m", "score_1": 0.1, "score_2": 0.2, "score_3": 0.3}
    s = scorer(tmp_path, [row])

    def pair(i: int, positions: tuple[int, int], subset: str) -> PreferenceExample:
        return example(f"set/q/m:{i}", subset, question_id="q/m", response_positions=positions)

    pairs = [pair(0, (1, 3), "set"), pair(1, (2, 1), "set")]
    s.join(pairs, NOTHING)
    assert rewards(s, pairs) == [0.1, 0.3, 0.2, 0.1]
    with pytest.raises(DataError, match="2 of 2 examples have no row"):
        s.join([pair(0, (1, 3), "set"), pair(1, (2, 1), "other")], NOTHING)


def test_reading_again_gives_the_same(tmp_path: Path) -> None:
    s = scorer(tmp_path, own("a"))
    assert read_replay(tmp_path / "s.json").rows == s.file.rows


# --- several files


def test_a_folder_is_all_of_its_files(tmp_path: Path) -> None:
    row = {"score_chosen": [3.0, 2.0, 1.0], "score_rejected": [0.0, 0.0, 0.0]}
    folder = tmp_path / "my-rm"
    folder.mkdir()
    for domain in ("chat", "code"):
        rows = [{"id": i, **row} for i in range(2)]
        (folder / f"{domain}_filtered_my-rm_REWORD_MODEL_1.json").write_text(json.dumps(rows))
    (folder / "log.txt").write_text("not scores")
    s = ReplayScorer(folder, ScorerSpec(kind="replay", target=str(folder)))
    assert [r.id for r in s.file.rows] == ["chat/0", "chat/1", "code/0", "code/1"]
    assert s.info.name == "my-rm"
    before = s.info.options["sha256"]
    more = folder / "math_filtered_my-rm.json"
    more.write_text(json.dumps([{"id": 0, **row}]))
    assert ReplayScorer(folder, ScorerSpec(kind="replay")).info.options["sha256"] != before
    more.write_text(json.dumps([{"id": "chat/1", **row}]))
    with pytest.raises(
        DataError,
        match=r"1 of its ids stand more than once \('chat/1'\); the first in .*chat_filtered.*, "
        r"row 2, and .*math_filtered.*, row 1",
    ):
        read_replay(folder)


def test_folders_that_hold_no_one_set_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no file of scores"):
        read_replay(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps(own("a")))
    (tmp_path / "b.json").write_text(json.dumps(ALL))
    with pytest.raises(
        DataError, match=r"two layouts: a.json is rmbench, b.json is reward-bench all"
    ):
        read_replay(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps(ALL))
    with pytest.raises(DataError, match="told by their order, which 2 files do not have"):
        read_replay(tmp_path)


def test_a_subset_without_any_row_is_named(tmp_path: Path) -> None:
    s = scorer(tmp_path, [{"id": "a", "scores_chosen": 1, "scores_rejected": 0}])
    examples = [example("a", "easy"), example("b", "easy"), example("c", "hard")]
    with pytest.raises(DataError) as raised:
        s.join(examples, NOTHING)
    assert "2 of 3 examples have no row in it ('b', 'c'), among them all of subset 'hard'" in str(
        raised.value
    )
