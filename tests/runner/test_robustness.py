"""``robustness:SUITE``, from the command line to the numbers."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmbench.cli.main import invoke
from rmbench.data.robustness import TRANSFORMATIONS
from rmbench.errors import DataError, UnknownNameError, UsageError
from rmbench.result import Result, find_runs
from rmbench.runner.robustness import facts
from rmbench.runner.run import RunRequest, run
from rmbench.runner.suites import find_suite, load_data, suite_path
from rmbench.scorers.spec import RunOptions

QUIET = RunOptions(device="cpu", progress=False)
CODE = "Here you are:\n\n```python\n{}\n```\n"
PROSE = "The quick brown foxes jumped over the lazy sleeping dogs, and that was all of it. "
CHANGES_LENGTH = {
    "spaced_punctuation", "insertion", "deletion", "word_deletion", "code_minified",
    "code_praised", "code_blamed", "code_with_other", "boxed_to_heading", "heading_to_boxed",
}  # fmt: skip


def pairs_file(folder: Path) -> Path:
    """Twelve pairs of prose that share six prompts, one of code, one of two short answers."""
    rows: list[dict[str, Any]] = [
        {
            "id": f"p{i}",
            "prompt": f"Tell me a story, number {i // 2}, please.",
            "chosen": PROSE * (i % 4 + 2),
            "rejected": PROSE * (5 - i % 3) + "Well, well.",
        }
        for i in range(12)
    ]
    rows.append(
        {
            "id": "code",
            "prompt": "Code it.",
            "chosen": CODE.format("# doubles\nx = 2 * y"),
            "rejected": CODE.format("# trebles it\nx = 3 * y"),
        }
    )
    rows.append({"id": "short", "prompt": "Yes or no?", "chosen": "Yes", "rejected": "No"})
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def measured(tmp_path: Path, *scorers: str, **more: Any) -> list[Result]:
    more = {"data_dirs": (str(pairs_file(tmp_path)),), "suites": ("robustness:pairs",)} | more
    stored = run(RunRequest(scorers=scorers, out=tmp_path / "out", options=QUIET, **more))
    return [r.result for r in stored]


def values(result: Result, metric: str) -> dict[str, float | None]:
    return {
        e.subset: e.value for e in result.estimates if e.metric == metric and e.subset is not None
    }


def test_a_ruler_keeps_its_choice_wherever_lengths_stay(tmp_path: Path) -> None:
    (result,) = measured(tmp_path, "length:")
    flips, drops = values(result, "flip_rate"), values(result, "accuracy_drop")
    kept = {t.name for t in TRANSFORMATIONS} - CHANGES_LENGTH
    assert kept <= flips.keys()
    assert {flips[name] for name in kept} == {0.0}
    assert {drops[name] for name in kept} == {0.0}
    assert {values(result, "accuracy_drop_p")[name] for name in kept} == {1.0}
    assert {values(result, "margin_shift")[name] for name in kept} == {0.0}
    # 'It' grows by the same number of characters on both sides; the comments do not shrink so.
    assert flips["code_praised"] == 0
    assert values(result, "margin_shift")["code_minified"] != 0
    assert result.estimate("score") is None
    assert result.suite.name == "robustness-pairs"


def test_ids_subsets_and_what_is_left_out(tmp_path: Path) -> None:
    measured(tmp_path, "length:")
    (stored,) = find_runs([tmp_path / "out"])
    assert stored.path.name == "robustness-pairs"
    scores = stored.scores()
    assert scores is not None
    ids = list(dict.fromkeys(scores.example_id.tolist()))
    assert ids[:2] == ["original/p0", "original/p1"]
    assert "quoted/p0" in ids
    assert "code_minified/code" in ids
    assert "code_minified/p0" not in ids
    assert "deletion/short" not in ids
    assert all(
        i.split("/", 1)[0] == s for i, s in zip(scores.example_id, scores.subset, strict=True)
    )
    told = stored.result.provenance.facts
    assert told["base"]["suite"] == "pairs"
    assert told["examples"] == 14
    of = told["transformations"]
    assert (of["quoted"]["examples"], of["quoted"]["left_out"]) == (14, 0)
    assert (of["code_minified"]["examples"], of["code_minified"]["left_out"]) == (1, 13)
    assert (of["boxed_to_heading"]["examples"], of["boxed_to_heading"]["left_out"]) == (0, 14)
    assert of["quoted"]["keeps"] == "the text, between the marks"
    assert list(of) == [t.name for t in TRANSFORMATIONS]
    n = sum(t["examples"] for t in of.values())
    assert stored.result.counts.examples == 14 + n
    flip = stored.result.estimate("flip_rate")
    assert flip is not None
    assert flip.n == n


def test_drops_of_a_run_are_those_of_its_scores(tmp_path: Path, bert_folder: Path) -> None:
    """Joined by hand from scores.parquet, with clusters of two pairs a prompt."""
    measured(tmp_path, str(bert_folder))
    (stored,) = find_runs([tmp_path / "out"])
    scores = stored.scores()
    assert scores is not None
    margin = {
        i: scores.reward[(scores.example_id == i) & scores.is_chosen].item()
        - scores.reward[(scores.example_id == i) & ~scores.is_chosen].item()
        for i in dict.fromkeys(scores.example_id.tolist())
    }
    for name in ("rot13", "substitution", "ignore_above"):
        ids = [i.split("/", 1)[1] for i in margin if i.startswith(f"{name}/")]
        before = np.array([margin[f"original/{i}"] for i in ids])
        after = np.array([margin[f"{name}/{i}"] for i in ids])
        drop = stored.result.estimate("accuracy_drop", name)
        flip = stored.result.estimate("flip_rate", name)
        assert drop is not None
        assert flip is not None
        assert drop.n == flip.n == len(ids)
        # Ties count one half here, on both sides.
        turned = (np.sign(before) - np.sign(after)) / 2
        assert drop.value == pytest.approx(turned.mean())
        assert flip.value == pytest.approx(np.abs(turned).mean())


def test_random_rewards_flip_a_coin(tmp_path: Path) -> None:
    (result,) = measured(tmp_path, "random:")
    flip = result.estimate("flip_rate")
    assert flip is not None
    assert flip.value is not None
    # Every rewritten text is another one, so each outcome is drawn anew.
    assert abs(flip.value - 0.5) < 4 * math.sqrt(0.25 / flip.n)
    drop = result.estimate("accuracy_drop")
    assert drop is not None
    assert drop.ci_low is not None
    assert drop.ci_low <= 0 <= drop.ci_high  # type: ignore[operator]


def test_real_rows_have_the_known_answer(tmp_path: Path, shared_data: Path) -> None:
    """LLMBar: a ruler flips nothing where lengths stay, and few where they hardly move."""
    (result,) = measured(
        tmp_path, "length:", suites=("robustness:llmbar",), data_dirs=(str(shared_data),)
    )
    flips = values(result, "flip_rate")
    kept = flips.keys() - CHANGES_LENGTH
    assert len(kept) == 15
    assert {flips[name] for name in kept} == {0.0}
    assert 0 < max(flips.values()) < 0.1  # type: ignore[type-var]
    with gzip.open(shared_data / "llmbar" / "test.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    right = np.mean([len(r["chosen"][0]) > len(r["rejected"][0]) for r in rows])
    before = result.estimate("accuracy_before", "quoted")
    assert before is not None
    assert before.value == pytest.approx(right)
    assert before.n == 419


def test_limit_takes_the_first_examples_of_the_base_suite(tmp_path: Path) -> None:
    (result,) = measured(tmp_path, "length:", limit=3)
    assert result.provenance.facts["examples"] == 3
    assert result.modified == ("limit=3",)
    quoted = result.estimate("flip_rate", "quoted")
    assert quoted is not None
    assert quoted.n == 3


def test_an_example_comes_out_the_same_in_every_run(tmp_path: Path) -> None:
    suite = find_suite("robustness:pairs")
    folder = (str(pairs_file(tmp_path)),)
    whole, some = load_data(suite, folder), load_data(suite, folder, limit=2)
    by_id = {e.id: e for e in whole}
    assert all(by_id[e.id] == e for e in some)
    assert whole.fingerprint == load_data(suite, folder).fingerprint


def test_replayed_rewards_are_joined_to_original_and_rewritten_ids(tmp_path: Path) -> None:
    """A scorer whose preference turns with every rewriting."""
    folder = (str(pairs_file(tmp_path)),)
    data = load_data(find_suite("robustness:pairs"), folder)
    rows = [
        {
            "id": e.id,
            "scores_chosen": [1.0 if e.subset == "original" else -1.0],
            "scores_rejected": [0.0],
        }
        for e in data
    ]
    file = tmp_path / "scores.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    (result,) = measured(tmp_path, f"replay:{file}")
    assert set(values(result, "flip_rate").values()) == {1.0}
    assert set(values(result, "accuracy_drop").values()) == {1.0}
    q = values(result, "accuracy_drop_q")
    assert q["quoted"] is not None
    assert q["quoted"] < 0.05
    assert q["code_minified"] == 1.0  # one example proves nothing
    file.write_text("".join(json.dumps(r) + "\n" for r in rows[1:]))
    with pytest.raises(DataError, match="original/p0"):
        measured(tmp_path, f"replay:{file}")


def test_an_example_without_its_original_is_left_out_and_the_result_partial(tmp_path: Path) -> None:
    folder = (str(pairs_file(tmp_path)),)
    data = load_data(find_suite("robustness:pairs"), folder)
    rows = [
        {"id": e.id, "scores_chosen": [1.0], "scores_rejected": [0.0]}
        for e in data
        if e.id != "original/p0"
    ]
    file = tmp_path / "scores.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    (result,) = measured(tmp_path, f"replay:{file}", allow_partial=True)
    assert result.partial
    quoted = result.estimate("flip_rate", "quoted")
    assert quoted is not None
    assert (quoted.value, quoted.n) == (0.0, 13)


def test_what_cannot_be_rewritten_is_refused() -> None:
    for look_up in (find_suite, suite_path):
        with pytest.raises(UsageError, match="robustness: names no suite: put one behind"):
            look_up("robustness:")
    with pytest.raises(UsageError, match="rewritten once: name robustness:llmbar"):
        find_suite("robustness:robustness:llmbar")
    with pytest.raises(UsageError, match="throughput measures speed"):
        find_suite("robustness:throughput")
    with pytest.raises(UnknownNameError, match="did you mean 'llmbar'"):
        find_suite("robustness:llmba")
    with pytest.raises(UnknownNameError, match="asked for as 'robustness:llmbar'"):
        find_suite("robustness-llmbar")


def test_a_suite_file_of_ones_own_can_be_rewritten(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text(
        'name = "mine"\nversion = "1"\ntitle = "Mine"\ndescription = "Mine."\nties = "half"\n'
        'metrics = ["accuracy"]\n[data]\nloader = "auto"\n'
    )
    (result,) = measured(tmp_path, "length:", suites=(f"robustness:{own}",))
    assert result.suite.name == "robustness-mine"
    assert result.provenance.policy["ties"] == "half"


def test_show_says_what_is_done_and_to_how_many(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["show", "robustness:pairs"]) == 0
    text = capsys.readouterr().out
    assert "made from" in text
    assert all(t.name in text for t in TRANSFORMATIONS)
    assert "With --data DIR" in text
    assert all(len(line) <= 110 for line in text.splitlines())
    folder = str(pairs_file(tmp_path))
    assert invoke(["show", "robustness:pairs", "--data", folder]) == 0
    lines = capsys.readouterr().out.splitlines()
    (row,) = [line for line in lines if line.startswith("code_minified")]
    assert row.split()[-1] == "1"
    assert lines[-1].startswith("14 examples as they are, ")
    assert invoke(["show", "robustness:pairs", "--data", folder, "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["base"]["name"] == "pairs"
    suite = find_suite("robustness:pairs")
    assert body["facts"] == facts(suite, load_data(suite, (folder,)))
    assert invoke(["show", "pairs", "--data", folder]) == 2
    assert "--data is for --overlap and for robustness: suites" in capsys.readouterr().err


def test_list_says_that_suites_can_be_rewritten(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["list", "suites"]) == 0
    assert "robustness:SUITE" in capsys.readouterr().out
    assert invoke(["list", "suites", "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert [p["name"] for p in body["prefixes"]] == ["robustness:SUITE"]
    assert "llmbar" in {s["name"] for s in body["suites"]}
    assert invoke(["list", "loaders", "--json"]) == 0
    assert json.loads(capsys.readouterr().out).keys() == {"loaders"}


def test_overlap_is_with_the_texts_before_rewriting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(pairs_file(tmp_path))
    for suite in ("pairs", "robustness:pairs"):
        assert invoke(["show", suite, "--overlap", folder, "--data", folder]) == 0
    text = capsys.readouterr().out
    first, second = text[: len(text) // 2], text[len(text) // 2 :]
    assert first == second
    assert "14 (100.0%)" in first


def test_check_suite_names_the_suite_that_has_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["check-suite", "robustness:llmbar"]) == 2
    error = capsys.readouterr().err
    assert "made from llmbar and has no file of its own: name llmbar" in error
    assert len(error.splitlines()) == 1


def test_mistakes_are_what_was_right_and_is_now_wrong_once_an_example(
    tmp_path: Path, bert_folder: Path
) -> None:
    measured(tmp_path, str(bert_folder))
    (stored,) = find_runs([tmp_path / "out"])
    scores, mistakes = stored.scores(), stored.mistakes()
    assert scores is not None
    margin = {
        i: scores.reward[(scores.example_id == i) & scores.is_chosen].item()
        - scores.reward[(scores.example_id == i) & ~scores.is_chosen].item()
        for i in dict.fromkeys(scores.example_id.tolist())
    }
    lowest: dict[str, float] = {}
    for i, m in margin.items():
        name, base = i.split("/", 1)
        if name != "original" and margin[f"original/{base}"] > 0 > m:
            lowest[base] = min(m, lowest.get(base, m))
    assert lowest
    shown = {m.example_id.split("/", 1)[1]: m.margin for m in mistakes}
    assert len(shown) == len(mistakes)
    assert shown == pytest.approx(lowest)


def test_a_scorer_that_never_turns_has_no_mistakes_to_show(tmp_path: Path) -> None:
    measured(tmp_path, "length:")
    (stored,) = find_runs([tmp_path / "out"])
    assert [m.subset for m in stored.mistakes() if m.subset not in CHANGES_LENGTH] == []
