"""Every layout that scores are published in, on synthetic rows written as its program does."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from rmbench.data import benchmarks
from rmbench.errors import DataError, UsageError
from rmbench.scorers.replay import read_replay, scores_of
from rmbench.scorers.replay_formats import JUDGEBENCH_GROUPS, RM_BENCH_DOMAINS


def write_json(path: Path, body: object, **how: object) -> Path:
    path.write_text(json.dumps(body, **how), "utf-8")
    return path


def write_lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    return path


# As run_rm.py leaves it in eval-set-scores/: sorted keys, indent 4, ids that recur.
REWARD_BENCH = {
    "chat_template": "tulu",
    "id": [30, 31, 31],
    "model": "org/rm",
    "model_type": "Seq. Classifier",
    "results": [1, 0, 1],
    "scores_chosen": [2.5, [-1.0], 0.25],
    "scores_rejected": [1.5, [3.0], 0.0],
    "subset": ["alpacaeval-easy", "alpacaeval-easy", "hep-rust"],
    "text_chosen": ["<|user|>\nq\n<|assistant|>\na", "b", "c"],
    "text_rejected": ["<|user|>\nq\n<|assistant|>\nx", "y", "z"],
}


def test_reward_bench_parallel_arrays(tmp_path: Path) -> None:
    file = read_replay(write_json(tmp_path / "rm.json", REWARD_BENCH, indent=4, sort_keys=True))
    assert file.layout.name == "reward-bench scores"
    assert [(r.chosen, r.rejected) for r in file.rows] == [
        ((2.5,), (1.5,)), ((-1.0,), (3.0,)), ((0.25,), (0.0,)),
    ]  # fmt: skip
    # Ids that recur are of no use; rows are numbered then.
    assert [r.id for r in file.rows] == ["1", "2", "3"]
    assert [r.subset for r in file.rows] == ["alpacaeval-easy", "alpacaeval-easy", "hep-rust"]
    assert file.rows[0].texts == ("<|user|>\nq\n<|assistant|>\na", "<|user|>\nq\n<|assistant|>\nx")
    assert file.are_rewards


def test_reward_bench_parallel_arrays_in_one_line_without_texts(tmp_path: Path) -> None:
    body = {k: v for k, v in REWARD_BENCH.items() if not k.startswith("text")}
    file = read_replay(write_json(tmp_path / "rm.json", body | {"id": [3, 1, 2]}))
    assert [r.id for r in file.rows] == ["3", "1", "2"]
    assert file.rows[0].texts is None


def test_arrays_of_different_lengths_are_refused(tmp_path: Path) -> None:
    body = REWARD_BENCH | {"scores_rejected": [1.0]}
    with pytest.raises(DataError, match=r"different lengths: .*scores_chosen 3, scores_rejected 1"):
        read_replay(write_json(tmp_path / "rm.json", body))


def test_reward_bench_save_all(tmp_path: Path) -> None:
    file = read_replay(
        write_lines(tmp_path / "rm_all.jsonl", [{"chosen": [1.0], "rejected": [0.5]},
                                                {"chosen": -2.0, "rejected": 3.5}])
    )  # fmt: skip
    assert (file.layout.name, file.layout.join) == ("reward-bench all", "order")
    assert [(r.id, r.rewards) for r in file.rows] == [("1", (1.0, 0.5)), ("2", (-2.0, 3.5))]


def best_of_n_rows(n_prompts: int = 2, n: int = 3) -> list[dict[str, object]]:
    return [
        {"dataset_details": "helpful_base", "id": [10 + p, i], "model": "allenai/tulu-2-dpo-13b",
         "prompt": f"<|user|>\nq{p}\n", "scores": [p + i / 4],
         "text": f"<|user|>\nq{p}\n<|assistant|>\nanswer {p}.{i}</s>"}
        for p in range(n_prompts) for i in range(n)
    ]  # fmt: skip


def test_reward_bench_best_of_n_is_objects_one_after_the_other(tmp_path: Path) -> None:
    """Neither JSON nor JSON Lines, as its program leaves it; a row for each answer."""
    rows = best_of_n_rows()
    path = tmp_path / "rm.json"
    for between in ("", "\n"):
        texts = [json.dumps(r, indent=4, sort_keys=True) for r in reversed(rows)]
        path.write_text(between.join(texts) + between)
        file = read_replay(path)
        assert file.layout.name == "reward-bench best of n"
        assert [(r.id, r.chosen) for r in file.rows] == [
            ("11", (1.0, 1.25, 1.5)), ("10", (0.0, 0.25, 0.5)),
        ]  # fmt: skip
        assert file.rows[1].texts[2].endswith("answer 0.2</s>")
        assert file.are_rewards
    with pytest.raises(UsageError, match="does not say which answers are right: name the --suite"):
        scores_of(file)
    path.write_text("".join(json.dumps(r, indent=4) for r in rows)[:-30])
    with pytest.raises(DataError, match="is not JSON: Unterminated string"):
        read_replay(path)


def test_an_answer_that_best_of_n_rows_lack_or_repeat_is_named(tmp_path: Path) -> None:
    rows = best_of_n_rows(4)
    with pytest.raises(DataError, match=r"2 of its 4 prompts lack an answer or .* \('10', '12'\)"):
        read_replay(write_json(tmp_path / "rm.json", [*rows[1:], rows[7]]))
    with pytest.raises(DataError, match=r"row 1, field 'id': expected \[prompt, answer\], got 10"):
        read_replay(write_json(tmp_path / "rm.json", [rows[0] | {"id": 10}]))


def test_preferences_instead_of_scores_are_recognised(tmp_path: Path) -> None:
    rows = [{"prompt": "q", "chosen": "yes", "rejected": "no"}]
    with pytest.raises(DataError, match=r"row 1, field 'chosen': expected a number, got 'yes'"):
        read_replay(write_lines(tmp_path / "pairs.jsonl", rows))


def test_reward_bench_outputs(tmp_path: Path) -> None:
    rows = [
        {"prompt": "<user>q", "results": 1, "scores_chosen": 2.0, "scores_rejected": 1.0,
         "text_chosen": "<user>q<assistant>a", "text_rejected": "<user>q<assistant>b",
         "subset": "refusals-dangerous"},
    ]  # fmt: skip
    file = read_replay(write_lines(tmp_path / "rm_outputs.jsonl", rows))
    assert file.layout.name == "reward-bench outputs"
    (row,) = file.rows
    assert (row.id, row.subset, row.rewards) == ("1", "refusals-dangerous", (2.0, 1.0))
    assert row.texts == ("<user>q<assistant>a", "<user>q<assistant>b")


REWARD_BENCH_2 = {
    "chat_template": "tulu",
    "id": ["30", "31", "ref:7", "tied:7"],
    "model": "org/rm",
    "model_type": "Seq. Classifier",
    "num_correct": [1, 1, 1, 2],
    "results": [1.0, 0.0, 1.0, 1.0],
    "scores": [[[3.0], [1.0], [2.0], [0.5]], [1, 1, 5, 0], [[[2.0], [1.0]]], [4.0, 3.0, 1.0]],
    "subset": ["Factuality", "Focus", "Ties", "Ties"],
    "text": [["a", "b", "c", "d"], ["a", "b", "c", "d"], ["1", "2"], ["1", "2", "3"]],
}


def test_reward_bench_2_parallel_arrays(tmp_path: Path) -> None:
    file = read_replay(write_json(tmp_path / "rm.json", REWARD_BENCH_2, indent=4))
    assert file.layout.name == "reward-bench 2 scores"
    assert [(r.chosen, r.rejected) for r in file.rows] == [
        ((3.0,), (1.0, 2.0, 0.5)),
        ((1.0,), (1.0, 5.0, 0.0)),
        ((2.0,), (1.0,)),  # nested one deeper
        ((4.0, 3.0), (1.0,)),
    ]
    assert file.rows[3].texts == ("1", "2", "3")
    assert file.are_rewards


@pytest.mark.parametrize("wrong", [0, 4, None, True])
def test_reward_bench_2_needs_to_know_which_are_right(tmp_path: Path, wrong: object) -> None:
    body = REWARD_BENCH_2 | {"num_correct": [1, wrong, 1, 2]}
    with pytest.raises(DataError, match=r"row 2, field 'num_correct': .* of 4 answers cannot be"):
        read_replay(write_json(tmp_path / "rm.json", body))


RM_BENCH_ROW = {
    "id": 0,
    "prompt": "q",
    "subset": "alpacaeval",
    "chosen": ["a", "b", "c"],
    "rejected": ["x", "y", "z"],
    "score_chosen": [[1.0], [2.0], [3.0]],
    "score_rejected": [0.5, 0.25, 0.125],
}


@pytest.mark.parametrize(
    ("name", "row", "expected", "domain"),
    [
        ("chat_filtered_org_rm_REWORD_MODEL_20250101.json", {}, "chat/0", "chat"),
        ("safety-refuse_filtered_rm_REWORD_MODEL_1.json", {}, "safety-refuse/0", "safety-refuse"),
        ("total_dataset_rm.json", {"id": "code/17"}, "code/17", "code"),
        ("x.json", {"domain": "math"}, "math/0", "math"),
    ],
)
def test_rm_bench_results(
    tmp_path: Path, name: str, row: dict[str, object], expected: str, domain: str
) -> None:
    file = read_replay(write_json(tmp_path / name, [RM_BENCH_ROW | row]))
    (read,) = file.rows
    assert (file.layout.name, read.id, read.subset) == ("rm-bench", expected, domain)
    assert (read.chosen, read.rejected) == ((1.0, 2.0, 3.0), (0.5, 0.25, 0.125))
    assert read.texts == ("a", "b", "c", "x", "y", "z")


def test_rm_bench_results_of_no_domain_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"field 'domain': neither the row nor the file's name"):
        read_replay(write_json(tmp_path / "chatty.json", [RM_BENCH_ROW]))


def judgebench_row(key: str, label: str, *judgments: object) -> dict[str, object]:
    return {
        "pair_id": key, "original_id": None, "source": "mmlu-pro-law", "question": "q",
        "response_model": "gpt-4o-2024-05-13", "response_A": "a", "response_B": "b",
        "label": label, "judge_name": "reward_model", "judgments": list(judgments),
    }  # fmt: skip


def by_model(first: float, second: float) -> dict[str, object]:
    said = {"judge_model": "m", "prompt": "p", "response": "", "scores": [first, second]}
    return {"judgment": said, "decision": "A>B" if first > second else "B>A"}


def by_judge(decision: str | None) -> dict[str, object]:
    return {
        "judgment": {"judge_model": "m", "prompt": "p", "response": "r"},
        "decision": decision,
    }


def test_judgebench_outputs_of_a_reward_model(tmp_path: Path) -> None:
    rows = [
        # The second order is swapped: its scores stand the other way round.
        judgebench_row("p1", "A>B", by_model(2.5, 1.5), by_model(1.5, 2.5)),
        judgebench_row("p2", "B>A", by_model(2.5, 1.5), by_model(1.5, 2.5)),
        judgebench_row("p3", "B>A", by_model(0.5, 3.0)),
        judgebench_row("p4", "A>B", None),
    ]
    file = read_replay(write_lines(tmp_path / "x.jsonl", rows))
    assert file.layout.name == "judgebench"
    assert file.are_rewards
    assert [r.rewards for r in file.rows[:3]] == [(2.5, 1.5), (1.5, 2.5), (3.0, 0.5)]
    assert all(math.isnan(x) for x in file.rows[3].rewards)
    assert file.rows[1].texts == ("b", "a")
    assert file.rows[0].subset == "knowledge"


@pytest.mark.parametrize(
    ("decisions", "right"),
    [
        # +1 if it is the label, -1 if the opposite, 0 otherwise; right iff the sum is above 0.
        (("A>B", "B>A"), True), (("A>B", "A=B"), True), (("A>B", None), True),
        (("A>B", "A>B"), False), (("A=B", "A=B"), False), (("B>A", "A>B"), False),
        (("B>A", "A=B"), False), (("A>B",), True), (("A=B",), False),
    ],
)  # fmt: skip
def test_judgebench_outputs_of_a_judge_count_as_published(
    tmp_path: Path, decisions: tuple[str | None, ...], right: bool
) -> None:
    rows = [judgebench_row("p", "A>B", *map(by_judge, decisions))]
    file = read_replay(write_lines(tmp_path / "x.jsonl", rows))
    (row,) = file.rows
    assert (row.chosen[0] > row.rejected[0]) == right
    assert not file.are_rewards  # votes are no logits


def test_an_unknown_label_or_no_judgment_is_named(tmp_path: Path) -> None:
    for row, message in (
        (judgebench_row("p", "A=B", by_judge("A>B")), r"row 1, field 'label': unknown label 'A=B'"),
        (judgebench_row("p", "A>B"), r"field 'judgments': expected one or two"),
        (judgebench_row("p", "A>B", {"judgment": {"scores": [1]}}), r"expected two scores"),
        (judgebench_row("p", "A>B", "A>B"), r"a judgment is no object"),
    ):
        with pytest.raises(DataError, match=message):
            read_replay(write_lines(tmp_path / "x.jsonl", [row]))


def test_rmb_results(tmp_path: Path) -> None:
    rows = [
        {"pair_uid": 9218, "category_path": "Pairwise_set/Helpfulness/Chat/x",
         "chosen_reward": [0.5], "reject_reward": 0.25, "is_correct": True},
    ]  # fmt: skip
    file = read_replay(write_json(tmp_path / "rm_result.json", rows, indent=4))
    (row,) = file.rows
    assert (row.id, row.subset) == ("9218", "Pairwise_set/Helpfulness/Chat/x")
    assert row.rewards == (0.5, 0.25)
    assert file.layout.id_field == "pair_uid"


def test_ppe_results_stand_by_position_and_failures_are_missing(tmp_path: Path) -> None:
    row = {"question_id": "q1", "model_name": "gpt-4o-mini"} | {
        f"score_{i}": float(i) for i in range(1, 33)
    }
    file = read_replay(write_json(tmp_path / "rm.json", [row | {"score_2": "$ERROR$",
                                                                "score_3": [7.5]}]))  # fmt: skip
    (read,) = file.rows
    assert (read.id, read.by_position, len(read.chosen)) == ("q1/gpt-4o-mini", True, 32)
    assert math.isnan(read.chosen[1])
    assert read.chosen[2] == 7.5
    with pytest.raises(UsageError, match="does not say which answers are right: name the --suite"):
        scores_of(file)


def test_an_unknown_layout_says_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no scores in a layout that is known; its fields: a, b"):
        read_replay(write_lines(tmp_path / "x.jsonl", [{"a": 1, "b": 2}]))


def test_names_are_those_of_the_loaders() -> None:
    # The two layers may not import each other, so each has its own list.
    assert RM_BENCH_DOMAINS == benchmarks.RM_BENCH_DOMAINS
    assert JUDGEBENCH_GROUPS == benchmarks._JUDGEBENCH_GROUPS


def test_samples_are_averaged_and_missing_ones_left_out(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "scores_chosen": [[6, 7, None]], "scores_rejected": [[1, 2, 3], [None, None]]},
        {"id": "b", "scores_chosen": [[4]], "scores_rejected": [[None, 2, 3], [1, 1, 1]]},
    ]
    file = read_replay(write_lines(tmp_path / "judge.jsonl", rows))
    assert file.rows[0].chosen == (6.5,)
    assert file.rows[0].rejected[0] == 2.0
    assert math.isnan(file.rows[0].rejected[1])  # an answer without any sample
    assert file.rows[1].rewards == (4.0, 2.5, 1.0)
    assert not file.are_rewards
    assert file.notes == (
        "5 rewards of judge.jsonl are means of up to 3 samples an answer; "
        "4 of 14 samples are missing and left out",
    )


def test_a_mean_does_not_depend_on_the_order_of_its_samples(tmp_path: Path) -> None:
    rows = [{"id": "a", "scores_chosen": [[0.1, 0.2, 0.3]], "scores_rejected": [[0.3, 0.2, 0.1]]}]
    assert len(set(read_replay(write_lines(tmp_path / "j.jsonl", rows)).rows[0].rewards)) == 1


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_sample_that_is_not_finite_is_not_averaged_away(tmp_path: Path, bad: float) -> None:
    rows = [{"id": "a", "scores_chosen": [[1.0, bad]], "scores_rejected": [[math.inf, -math.inf]]}]
    file = read_replay(write_lines(tmp_path / "j.jsonl", rows))
    assert not any(map(math.isfinite, file.rows[0].rewards))
