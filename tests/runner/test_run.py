from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rmbench.errors import (
    DataError,
    RmbenchError,
    ScorerError,
    SpecError,
    UnknownNameError,
    UsageError,
)
from rmbench.result import find_runs
from rmbench.runner.run import RunRequest, run
from rmbench.scorers.spec import RunOptions, create_scorer, parse_scorer
from rmbench.types import Conversation

QUIET = RunOptions(device="cpu", progress=False)


def pairs_file(path: Path, n: int = 12) -> Path:
    rows = [
        {
            "id": f"p{i}",
            "prompt": f"question {i // 2}",
            "chosen": "yes " * (i % 5 + 1) + "now",
            "rejected": "no " * (5 - i % 5) + "way",
            "subset": "even" if i % 2 == 0 else "odd",
        }
        for i in range(n)
    ]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def request(
    tmp_path: Path, *scorers: str, suites: tuple[str, ...] = ("pairs",), **more: object
) -> RunRequest:
    if suites == ("pairs",) and "data_dirs" not in more:
        more["data_dirs"] = (str(pairs_file(tmp_path / "pairs.jsonl")),)
    return RunRequest(scorers=scorers, suites=suites, out=tmp_path / "out", options=QUIET, **more)


def test_a_pairs_file_is_measured_by_hand_worked_numbers(tmp_path: Path) -> None:
    (result,) = [r.result for r in run(request(tmp_path, "length:"))]
    rows = [json.loads(x) for x in (tmp_path / "pairs.jsonl").read_text().splitlines()]
    outcome = [np.sign(len(r["chosen"]) - len(r["rejected"])) / 2 + 0.5 for r in rows]
    accuracy = result.estimate("accuracy")
    assert accuracy is not None
    assert accuracy.value == pytest.approx(np.mean(outcome))
    assert accuracy.n == 12
    assert accuracy.ci_low < accuracy.value < accuracy.ci_high  # type: ignore[operator]
    even = result.estimate("accuracy", "even")
    assert even is not None
    assert even.value == pytest.approx(np.mean(outcome[::2]))
    assert result.counts.examples == 12
    assert result.counts.responses == 24
    assert not result.partial
    assert not result.modified
    assert result.estimate("score") is None  # the suite has no published headline
    nll = result.estimate("nll")
    assert nll is not None
    assert nll.value is None
    assert "not logits" in (nll.reason or "")


def test_a_model_and_baselines_run_on_every_suite_in_one_call(
    tmp_path: Path, bert_folder: Path
) -> None:
    runs = run(request(tmp_path, str(bert_folder), "length:", "random:"))
    assert [r.result.scorer.name for r in runs] == ["tiny-bert", "length", "random"]
    model = runs[0].result
    assert model.provenance.engine is not None
    assert model.provenance.engine.dtype == "float32"
    assert model.provenance.environment.device
    assert model.estimate("nll").value is not None
    assert runs[1].result.provenance.engine is None
    assert len(find_runs([tmp_path / "out"])) == 3


def test_the_same_run_twice_gives_the_same_numbers(tmp_path: Path, bert_folder: Path) -> None:
    first = run(request(tmp_path, str(bert_folder)))[0].result
    second = run(request(tmp_path, str(bert_folder)))[0].result
    assert first.estimates == second.estimates
    assert first.scores_sha256 == second.scores_sha256


def test_mistakes_are_the_most_negative_margins_with_their_texts(tmp_path: Path) -> None:
    (stored,) = run(request(tmp_path, "length:"))
    mistakes = stored.mistakes()
    margins = [m.margin for m in mistakes]
    assert margins == sorted(margins)
    assert all(m.margin == len(m.chosen) - len(m.rejected) < 0 for m in mistakes)
    assert mistakes[0].prompt[0]["content"].startswith("question")


def test_changed_rules_are_marked_and_have_no_headline(tmp_path: Path, shared_data: Path) -> None:
    native = str(shared_data / "native")
    plain = run(request(tmp_path, "length:", suites=("judgebench",), data_dirs=(native,)))[0].result
    assert plain.estimate("score") is not None
    assert plain.modified == ()
    limited = run(
        request(
            tmp_path, "length:", suites=("judgebench",), data_dirs=(native,), limit=20, ties="half"
        )
    )[0].result
    assert limited.modified == ("limit=20", "ties=half (the suite says wrong)")
    assert limited.estimate("score") is None
    assert limited.counts.examples == 20
    same = run(
        request(tmp_path, "length:", suites=("judgebench",), data_dirs=(native,), ties="wrong")
    )[0].result
    assert same.modified == ()


def test_rm_bench_without_its_math_file(tmp_path: Path, shared_data: Path) -> None:
    native = str(shared_data / "native")
    with pytest.raises(UsageError, match=r"math_filtered.json.*--allow-partial"):
        run(request(tmp_path, "length:", suites=("rm-bench",), data_dirs=(native,)))
    result = run(
        request(tmp_path, "length:", suites=("rm-bench",), data_dirs=(native,), allow_partial=True)
    )[0].result
    assert result.partial
    assert any("math_filtered.json" in m for m in result.missing)
    assert result.estimate("score") is None
    assert result.counts.examples == 798


@pytest.mark.parametrize(
    ("name", "accuracy"),
    [
        ("Ray2333_GRM-Gemma-2B-rewardmodel-ft", 208 / 350),
        ("Skywork_Skywork-Reward-Llama-3.1-8B", 218 / 350),
        ("internlm_internlm2-7b-reward", 208 / 350),
    ],
)
def test_replaying_judgebench_gives_the_published_accuracy(
    tmp_path: Path, shared_data: Path, name: str, accuracy: float
) -> None:
    file = shared_data / "scores" / "judgebench" / f"{name}.jsonl.gz"
    data = (str(shared_data / "native"),)
    result = run(request(tmp_path, f"replay:{file}", suites=("judgebench",), data_dirs=data))[
        0
    ].result
    assert result.estimate("score").value == pytest.approx(accuracy)


JUDGEBENCH_GROUPS = ("knowledge", "reasoning", "math", "coding")


@pytest.mark.parametrize(
    ("name", "groups", "micro", "macro"),
    [
        ("Ray2333_GRM-Gemma-2B-rewardmodel-ft", (62.99, 53.06, 64.29, 54.76), 59.43, 58.77),
        ("Skywork_Skywork-Reward-Llama-3.1-8B", (59.09, 64.29, 76.79, 50.00), 62.29, 62.54),
        ("internlm_internlm2-7b-reward", (56.49, 61.22, 71.43, 50.00), 59.43, 59.79),
    ],
)
def test_replayed_judgebench_groups_are_the_published_ones(
    tmp_path: Path,
    shared_data: Path,
    name: str,
    groups: tuple[float, ...],
    micro: float,
    macro: float,
) -> None:
    file = shared_data / "scores" / "judgebench" / f"{name}.jsonl.gz"
    data = (str(shared_data / "native"),)
    (stored,) = run(request(tmp_path, f"replay:{file}", suites=("judgebench",), data_dirs=data))

    def percent(metric: str, subset: str | None = None) -> str:
        return f"{100 * stored.result.estimate(metric, subset).value:.2f}"

    assert percent("score") == percent("accuracy") == f"{micro:.2f}"
    assert percent("macro_accuracy") == f"{macro:.2f}"
    assert [percent("accuracy", g) for g in JUDGEBENCH_GROUPS] == [f"{g:.2f}" for g in groups]


@pytest.mark.parametrize(
    ("name", "rows", "subsets", "mean", "pooled"),
    [
        ("base_full_k8_t0.0.full", 1730, "0.8741 0.8140 0.7368 0.4502 0.9196", "0.7589", "0.8145"),
        ("criteria_both_k8.mini", 1742, "0.8614 0.8360 0.7395 0.4521 0.9534", "0.7685", "0.8264"),
    ],
)
def test_judges_that_sampled_eight_times_replay_to_the_digit(
    tmp_path: Path, shared_data: Path, name: str, rows: int, subsets: str, mean: str, pooled: str
) -> None:
    file = shared_data / "scores" / "rewardbench2_judge" / f"{name}.jsonl.gz"
    result = run(request(tmp_path, f"replay:{file}", suites=()))[0].result

    def fraction(metric: str, subset: str | None = None) -> str:
        return f"{result.estimate(metric, subset).value:.4f}"

    names = ("Factuality", "Focus", "Math", "Precise IF", "Safety")
    assert " ".join(fraction("best_of_n_accuracy", s) for s in names) == subsets
    assert fraction("macro_best_of_n_accuracy") == mean
    assert fraction("best_of_n_accuracy") == pooled
    assert (result.counts.examples, result.counts.failed) == (rows, 0)
    # Grades of 1 to 10 are no logits, and what became of ids and samples is on the record.
    assert not result.scorer.margins_are_logits
    assert any("means of up to 8 samples" in note for note in result.provenance.notes)
    assert any("recur between its subsets" in note for note in result.provenance.notes)


@pytest.mark.parametrize(("ties", "right"), [("wrong", 675), ("half", 681), (None, 681)])
def test_a_replayed_file_is_measured_by_itself(
    tmp_path: Path, shared_data: Path, ties: str | None, right: int
) -> None:
    file = shared_data / "scores" / "rmb" / "ArmoRM.jsonl.gz"
    result = run(request(tmp_path, f"replay:{file}", suites=(), ties=ties))[0].result
    assert result.estimate("accuracy").value == pytest.approx(right / 849)
    assert result.counts.ties == 12
    assert result.suite.name == "replay"


def scores_file(tmp_path: Path, rows: list[object]) -> str:
    file = tmp_path / "scores.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return f"replay:{file}"


def test_missing_rewards_stop_the_run_unless_partial_is_allowed(tmp_path: Path) -> None:
    rows = [{"id": f"p{i}", "scores_chosen": [i], "scores_rejected": [5]} for i in range(11)]
    rows[3]["scores_chosen"] = [None]  # type: ignore[list-item]
    replay = scores_file(tmp_path, list(rows))
    with pytest.raises(DataError, match=r"1 of 12 examples have no row in it \('p11'\)"):
        run(request(tmp_path, replay))
    whole = [*rows, {"id": "p11", "scores_chosen": [9], "scores_rejected": [float("inf")]}]
    with pytest.raises(
        ScorerError,
        match=r"scores: no finite reward for 2 of 12 examples \('p3', 'p11'\); of 24 rewards "
        "1 NaN or missing and 1 infinite: pass --allow-partial",
    ):
        run(request(tmp_path, scores_file(tmp_path, list(whole))))
    replay = scores_file(tmp_path, list(rows))
    assert not (tmp_path / "out").exists()
    result = run(request(tmp_path, replay, allow_partial=True))[0].result
    assert result.counts.failed == 2
    assert result.counts.examples == 10
    assert result.missing == ("example p3", "example p11")
    assert result.estimate("accuracy").n == 10


def test_ids_that_the_suite_does_not_know_are_told_when_allowed(tmp_path: Path) -> None:
    rows = [{"id": f"p{i}", "scores_chosen": [i], "scores_rejected": [5]} for i in range(14)]
    said: list[str] = []
    replay = scores_file(tmp_path, list(rows))
    run(request(tmp_path, replay, allow_partial=True, report=said.append))
    unknown = "2 of 14 ids of scores.jsonl are not in the suite and were not used ('p12', 'p13')"
    assert f"scores: {unknown}" in said


def test_nothing_left_to_measure_is_an_error(tmp_path: Path) -> None:
    replay = scores_file(tmp_path, [{"id": "else", "scores_chosen": [1], "scores_rejected": [0]}])
    with pytest.raises(DataError, match="none of its 1 ids"):
        run(request(tmp_path, replay, allow_partial=True))
    replay = scores_file(tmp_path, [{"id": "p0", "scores_chosen": [None], "scores_rejected": [0]}])
    with pytest.raises(ScorerError, match="nothing is left to measure"):
        run(request(tmp_path, replay, allow_partial=True))


def test_bad_rows_are_skipped_counted_and_shown_only_on_request(tmp_path: Path) -> None:
    file = pairs_file(tmp_path / "dirty.jsonl")
    with file.open("a") as f:
        f.write(json.dumps({"id": "x", "prompt": "q", "chosen": "a", "rejected": ""}) + "\n")
    with pytest.raises(DataError, match=r"dirty.jsonl, row 13"):
        run(request(tmp_path, "length:", data_dirs=(str(file),)))
    result = run(request(tmp_path, "length:", data_dirs=(str(file),), skip_bad_rows=True))[0].result
    assert result.counts.skipped == 1
    assert result.provenance.data is not None
    assert result.provenance.data.skipped[0].rows == 1
    assert "row 13" in result.provenance.data.skipped[0].first
    assert result.modified == ("skip_bad_rows (1 rows)",)


def test_truncation_is_counted_and_accuracy_given_on_the_rest(
    tmp_path: Path, bert_folder: Path
) -> None:
    file = tmp_path / "long.jsonl"
    rows = [
        {
            "id": str(i),
            "prompt": "hi " * (62 if i % 3 == 0 else 2),
            "chosen": f"yes {'now ' * i}",
            "rejected": f"no {'day ' * i}",
        }
        for i in range(9)
    ]
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    result = run(request(tmp_path, str(bert_folder), data_dirs=(str(file),)))[0].result
    assert result.counts.truncated == 3
    assert result.estimate("untruncated_accuracy").n == 6


def test_throughput_of_a_model(tmp_path: Path, bert_folder: Path) -> None:
    suite = tmp_path / "quick.toml"
    suite.write_text(
        'kind = "throughput"\nname = "quick"\nversion = "1"\ntitle = "t"\ndescription = "d"\n'
        "prompts = 6\nprompt_words = [2, 8]\nresponse_words = [2, 8]\nwarmup_passes = 1\n"
        "passes = 3\n"
    )
    (stored,) = run(request(tmp_path, str(bert_folder), "length:", suites=(str(suite),)))
    result = stored.result
    value = {e.metric: e.value for e in result.estimates}
    facts = result.provenance.facts
    assert result.counts.examples == 6
    assert stored.scores() is None
    median = float(np.median(facts["pass_s"]))
    assert value["pairs_per_s"] == pytest.approx(6 / median)
    assert value["tokens_per_s"] == pytest.approx(facts["useful_tokens_per_pass"] / median)
    assert value["executed_tokens_per_s"] == pytest.approx(
        facts["executed_tokens_per_pass"] / median
    )
    assert 0 <= value["padding_fraction"] < 1  # type: ignore[operator]
    assert 0 < value["latency_p50_s"] <= value["latency_p95_s"] <= value["latency_p99_s"]  # type: ignore[operator]
    assert value["peak_memory_bytes"] > 1e7  # type: ignore[operator]
    assert value["mfu"] is None
    assert 0 < value["matmul_fraction"] < 1  # type: ignore[operator]
    assert result.provenance.engine is not None
    assert result.provenance.environment.threads >= 1


@pytest.mark.parametrize("decoder", [False, True])
def test_throughput_with_arms(
    decoder: bool, tmp_path: Path, bert_folder: Path, llama_folder: Path
) -> None:
    folder = llama_folder if decoder else bert_folder
    suite = tmp_path / "arms.toml"
    suite.write_text(
        'kind = "throughput"\nname = "arms"\nversion = "1"\ntitle = "t"\ndescription = "d"\n'
        "prompts = 5\nprompt_words = [2, 8]\nresponse_words = [2, 8]\nwarmup_passes = 1\n"
        'passes = 2\narms = ["unsorted padded", "packed", "packed + shared"]\n'
    )
    (stored,) = run(request(tmp_path, str(folder), suites=(str(suite),)))
    (result,) = [r.result for r in find_runs([stored.path])]
    own = "packed + shared" if decoder else "packed"
    assert result.provenance.facts["own_arm"] == own
    engine = result.provenance.engine
    assert engine is not None
    assert engine.path == ("shared" if decoder else "packed")
    for arm in ("unsorted padded", "packed", own):
        difference = result.estimate("score_difference_sd", arm)
        assert difference is not None
        assert difference.value is not None
        assert difference.value < 1e-4
        time = result.estimate("relative_time", arm)
        assert time is not None
        assert (time.value == 1.0) == (arm == own)
        assert time.n == 2
    closed = result.estimate("relative_time", "packed + shared")
    assert closed is not None
    assert (closed.reason is None) == decoder


def test_throughput_without_a_model_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none of the scorers runs one"):
        run(request(tmp_path, "length:", suites=("throughput",)))


@pytest.mark.parametrize(
    ("scorers", "suites", "error", "message"),
    [
        (("length:",), (), UsageError, "name a --suite"),
        (("length:",), ("rm-bnch",), UnknownNameError, "did you mean 'rm-bench'"),
        (("lenth:",), ("pairs",), UnknownNameError, "did you mean 'length'"),
        (("length:",), ("no/such.toml",), SpecError, "cannot be read"),
    ],
)
def test_wrong_names_end_before_anything_is_written(
    tmp_path: Path,
    scorers: tuple[str, ...],
    suites: tuple[str, ...],
    error: type[RmbenchError],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        run(request(tmp_path, *scorers, suites=suites))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('revision = "main"', r"field 'data.revision': 'main' is not a commit"),
        ('colour = "red"', r"field 'data.colour': unknown field"),
        ('bad_rows = "maybe"', r"field 'data.bad_rows'"),
        ('loader = "normalized"', r"field 'data.loader'.*did you mean 'normalised'"),
    ],
)
def test_a_wrong_suite_file_names_the_field(tmp_path: Path, line: str, message: str) -> None:
    loader = "" if line.startswith("loader") else 'loader = "auto"\n'
    suite = tmp_path / "mine.toml"
    suite.write_text(
        'name = "mine"\nversion = "1"\ntitle = "t"\ndescription = "d"\nties = "half"\n'
        f'metrics = ["accuracy"]\n[data]\n{loader}{line}\n'
    )
    with pytest.raises(SpecError, match=message):
        run(request(tmp_path, "length:", suites=(str(suite),)))


def test_an_unknown_metric_in_a_suite_file_is_named(tmp_path: Path) -> None:
    suite = tmp_path / "mine.toml"
    suite.write_text(
        'name = "mine"\nversion = "1"\ntitle = "t"\ndescription = "d"\nties = "half"\n'
        'metrics = ["acuracy"]\n[data]\nloader = "auto"\n'
    )
    with pytest.raises(SpecError, match=r"field 'metrics'.*did you mean 'accuracy'"):
        run(request(tmp_path, "length:", suites=(str(suite),)))


def test_a_section_called_like_another_subset_is_refused_before_scoring(tmp_path: Path) -> None:
    suite = tmp_path / "mine.toml"
    suite.write_text(
        'name = "mine"\nversion = "1"\ntitle = "t"\ndescription = "d"\nties = "half"\n'
        'metrics = ["accuracy"]\n[data]\nloader = "auto"\n[sections]\neven = ["odd"]\n'
    )
    data = (str(pairs_file(tmp_path / "p.jsonl")),)
    with pytest.raises(SpecError, match=r"field 'sections.even': the data have a subset"):
        run(request(tmp_path, "length:", suites=(str(suite),), data_dirs=data))


def test_a_suite_or_scorer_named_twice_is_refused(tmp_path: Path) -> None:
    data = (str(pairs_file(tmp_path / "p.jsonl")),)
    with pytest.raises(UsageError, match="suite 'pairs' is named twice"):
        run(request(tmp_path, "length:", suites=("pairs", "pairs"), data_dirs=data))
    with pytest.raises(UsageError, match="scorer 'length:' is named twice"):
        run(request(tmp_path, "length:", "length:", data_dirs=data))


def test_a_given_max_length_that_cuts_marks_the_result(tmp_path: Path, bert_folder: Path) -> None:
    whole = run(request(tmp_path, str(bert_folder), overrides={"max_length": 60}))[0].result
    assert whole.counts.truncated == 0
    assert whole.modified == ()
    cut, blind = run(request(tmp_path, str(bert_folder), "length:", overrides={"max_length": 8}))
    assert cut.result.counts.truncated > 0
    assert cut.result.modified == (
        "max_length=8 (the suite takes what the model's positions allow)",
    )
    assert blind.result.modified == ()


def test_the_limit_holds_for_a_replayed_file_and_is_said(tmp_path: Path) -> None:
    rows = [{"id": f"p{i}", "scores_chosen": [1], "scores_rejected": [0]} for i in range(9)]
    result = run(request(tmp_path, scores_file(tmp_path, list(rows)), suites=(), limit=4))[0].result
    assert result.counts.examples == 4
    assert result.modified == ("limit=4",)


def test_replayed_sides_must_be_those_of_the_suite(tmp_path: Path) -> None:
    data = tmp_path / "d.jsonl"
    data.write_text('{"id": "a", "prompt": "q", "chosen": ["x", "y"], "rejected": ["z", "w"]}\n')
    replay = scores_file(
        tmp_path, [{"id": "a", "scores_chosen": [1], "scores_rejected": [0, 0, 0]}]
    )
    with pytest.raises(DataError, match="1 chosen and 3 rejected scores; the suite has 2 and 2"):
        run(request(tmp_path, replay, data_dirs=(str(data),)))


def test_scores_without_ids_are_measured_in_the_suites_order(tmp_path: Path) -> None:
    examples = 12
    rows: list[object] = [{"chosen": [float(i)], "rejected": 5.0} for i in range(examples)]
    replay = scores_file(tmp_path, rows)
    (stored,) = run(request(tmp_path, replay))
    # 6 to 11 of 0 to 11 are above 5, and 5 ties with it.
    assert stored.result.estimate("accuracy").value == pytest.approx(6.5 / 12)
    assert stored.result.provenance.notes == (
        "rows of scores.jsonl were joined to the suite's examples by their order",
    )
    (first,) = run(request(tmp_path, replay, limit=3))
    assert first.result.counts.examples == 3
    assert first.result.estimate("accuracy").value == 0.0
    short = scores_file(tmp_path, rows[:-1])
    with pytest.raises(DataError, match="has 11 rows for 12 examples"):
        run(request(tmp_path, short, allow_partial=True))


@pytest.mark.parametrize("scorer", ["length:", "markdown:"])
def test_rm_benchs_own_files_measure_as_the_scorer_that_made_them(
    tmp_path: Path, shared_data: Path, scorer: str
) -> None:
    """Real prompts and styles: one result file a domain, as its publisher's run leaves them."""
    native = shared_data / "native" / "rm_bench"
    score = create_scorer(parse_scorer(scorer), RunOptions()).score
    folder = tmp_path / "rm"
    folder.mkdir()
    for file in sorted(native.glob("*_filtered.json")):
        rows = json.loads(file.read_text("utf-8"))
        for row in rows:
            for side in ("chosen", "rejected"):
                asked = [Conversation((), text, "", i) for i, text in enumerate(row[side])]
                row[f"score_{side}"] = [[x] for x in score(asked).reward.tolist()]
        name = f"{file.stem}_org_rm_REWORD_MODEL_20250101.json"
        (folder / name).write_text(json.dumps(rows), "utf-8")
    how = {"suites": ("rm-bench",), "data_dirs": (str(native.parent),), "allow_partial": True}
    direct, replayed = (
        run(request(tmp_path, spec, **how))[0].result for spec in (scorer, f"replay:{folder}")
    )
    assert direct.counts.examples == replayed.counts.examples == 798
    found = {
        (e.metric, e.subset): (e.value, e.ci_low)
        for e in direct.estimates
        if e.metric.endswith("accuracy")
    }
    assert len(found) > 20
    for (metric, subset), expected in found.items():
        again = replayed.estimate(metric, subset)
        assert again is not None
        assert (again.value, again.ci_low) == expected, (metric, subset)


def test_a_reward_too_large_to_measure_counts_as_missing(tmp_path: Path) -> None:
    rows = [{"id": f"p{i}", "scores_chosen": [1], "scores_rejected": [0]} for i in range(3)]
    rows[1]["scores_chosen"] = [1e200]  # type: ignore[list-item]
    with pytest.raises(ScorerError, match=r"no finite reward for 1 of 3 examples \('p1'\)"):
        run(request(tmp_path, scores_file(tmp_path, list(rows)), suites=()))


def test_more_rows_than_the_suite_has_are_another_set(tmp_path: Path) -> None:
    suite = tmp_path / "mine.toml"
    suite.write_text(
        'name = "mine"\nversion = "1"\ntitle = "t"\ndescription = "d"\nties = "half"\n'
        'metrics = ["accuracy"]\n[data]\nloader = "auto"\nexamples = 5\n'
    )
    data = (str(pairs_file(tmp_path / "p.jsonl")),)
    with pytest.raises(UsageError, match="has 5 examples and 12 rows were read"):
        run(request(tmp_path, "length:", suites=(str(suite),), data_dirs=data))
