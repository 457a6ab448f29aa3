"""Real models' scores, put back into the layouts their publishers left them in, and replayed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from rmbench.errors import DataError
from rmbench.result import Result
from rmbench.runner.run import RunRequest, run
from rmbench.scorers.spec import RunOptions


def rows_of(path: Path) -> list[dict[str, Any]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def replay(tmp_path: Path, file: Path, *suites: str, **more: Any) -> Result:
    options = RunOptions(device="cpu", progress=False)
    asked = RunRequest((f"replay:{file}",), suites, out=tmp_path / "out", options=options, **more)
    return run(asked)[0].result


def percent(result: Result, metric: str, subset: str | None = None) -> str:
    found = result.estimate(metric, subset)
    assert found is not None
    assert found.value is not None
    return f"{100 * found.value:.2f}"


def judgebench_output(row: dict[str, Any], a: float, b: float) -> dict[str, Any]:
    """As ``run_judge.py`` writes it: both orders, the second one swapped."""
    judgments = [
        {
            "judgment": {"judge_model": "m", "prompt": "p", "response": "", "scores": [x, y]},
            "decision": "A>B" if x > y else "B>A",
        }
        for x, y in ((a, b), (b, a))
    ]
    return {**row, "judge_name": "reward_model", "judgments": judgments}


@pytest.mark.parametrize("with_suite", [True, False])
@pytest.mark.parametrize(
    ("name", "groups", "micro", "macro"),
    [
        ("Ray2333_GRM-Gemma-2B-rewardmodel-ft", "62.99 53.06 64.29 54.76", "59.43", "58.77"),
        ("Skywork_Skywork-Reward-Llama-3.1-8B", "59.09 64.29 76.79 50.00", "62.29", "62.54"),
        ("internlm_internlm2-7b-reward", "56.49 61.22 71.43 50.00", "59.43", "59.79"),
    ],
)
def test_judgebench_outputs_of_real_reward_models(
    tmp_path: Path,
    shared_data: Path,
    name: str,
    groups: str,
    micro: str,
    macro: str,
    with_suite: bool,
) -> None:
    scores = {r["id"]: r for r in rows_of(shared_data / "scores/judgebench" / f"{name}.jsonl.gz")}
    rows = []
    # In the order of completion, which is not that of the data.
    for row in reversed(rows_of(shared_data / "native/judgebench/gpt.jsonl")):
        (chosen,), (rejected,) = (
            scores[row["pair_id"]][side] for side in ("scores_chosen", "scores_rejected")
        )
        a, b = (chosen, rejected) if row["label"] == "A>B" else (rejected, chosen)
        rows.append(judgebench_output(row, a, b))
    file = tmp_path / "outputs.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")

    def both(**more: Any) -> Result:
        if not with_suite:
            return replay(tmp_path, file, ties="wrong")
        return replay(tmp_path, file, "judgebench", data_dirs=(str(shared_data / "native"),))

    result = both()
    assert percent(result, "accuracy") == micro
    assert percent(result, "macro_accuracy") == macro
    names = ("knowledge", "reasoning", "math", "coding")
    assert " ".join(percent(result, "accuracy", g) for g in names) == groups
    assert result.scorer.margins_are_logits


def test_rmbs_result_file_of_a_real_reward_model(tmp_path: Path, shared_data: Path) -> None:
    rows = [
        {
            "pair_uid": r["id"],
            "category_path": r["subset"],
            "chosen_reward": r["scores_chosen"][0],
            "reject_reward": r["scores_rejected"][0],
            "is_correct": r["scores_chosen"][0] > r["scores_rejected"][0],
        }
        for r in rows_of(shared_data / "scores/rmb/ArmoRM.jsonl.gz")
    ]
    file = tmp_path / "ArmoRM_result.json"
    file.write_text(json.dumps(rows, indent=4), "utf-8")
    result = replay(tmp_path, file, ties="wrong")
    assert sum(r["is_correct"] for r in rows) == 675
    assert result.estimate("accuracy").value == 675 / 849
    assert result.counts.ties == 12


def test_rewardbench_2_as_its_program_writes_it(tmp_path: Path, shared_data: Path) -> None:
    """Means of a judge's samples as one number an answer, in parallel arrays, nested lists."""
    kept = rows_of(shared_data / "scores/rewardbench2_judge/base_full_k8_t0.0.full.jsonl.gz")

    def mean(samples: list[float | None]) -> float:
        there = [s for s in samples if s is not None]
        return sum(there) / len(there)

    body = {
        "chat_template": "tulu",
        "id": [r["id"] for r in kept],
        "model": "gpt",
        "num_correct": [len(r["scores_chosen"]) for r in kept],
        "results": [0.0] * len(kept),  # what it says of them is not read
        "scores": [[[mean(s)] for s in (*r["scores_chosen"], *r["scores_rejected"])] for r in kept],
        "subset": [r["subset"] for r in kept],
    }
    file = tmp_path / "gpt.json"
    file.write_text(json.dumps(body, indent=4, sort_keys=True), "utf-8")
    result = replay(tmp_path, file)
    assert percent(result, "best_of_n_accuracy") == "81.45"
    assert percent(result, "macro_best_of_n_accuracy") == "75.89"
    assert result.counts.examples == 1730


def test_a_reward_bench_file_of_other_texts_is_refused(tmp_path: Path, shared_data: Path) -> None:
    """LLMBar's real pairs as reward-bench writes them; one answer of another row slips in."""
    data = rows_of(shared_data / "llmbar/test.jsonl.gz")
    body: dict[str, Any] = {
        "id": [0] * len(data),
        "model": "length",
        "results": [1] * len(data),
        "scores_chosen": [float(len(r["chosen"][0])) for r in data],
        "scores_rejected": [[float(len(r["rejected"][0]))] for r in data],
        "subset": [r["subset"] for r in data],
        "text_chosen": [f"<|user|>\nq\n<|assistant|>\n{r['chosen'][0]}</s>" for r in data],
        "text_rejected": [f"<|user|>\nq\n<|assistant|>\n{r['rejected'][0]}</s>" for r in data],
    }
    file = tmp_path / "length.json"
    source = (str(shared_data / "llmbar/test.jsonl.gz"),)

    def measured() -> Result:
        file.write_text(json.dumps(body), "utf-8")
        return replay(tmp_path, file, "pairs", data_dirs=source)

    (direct,) = run(
        RunRequest(("length:",), ("pairs",), data_dirs=source, out=tmp_path / "out",
                   options=RunOptions(progress=False))
    )  # fmt: skip
    assert percent(measured(), "accuracy") == percent(direct.result, "accuracy")
    body["text_chosen"][7] = body["text_chosen"][8]
    with pytest.raises(DataError, match=r"row 8: 1 of 419 rows hold other answers than the suite"):
        measured()
