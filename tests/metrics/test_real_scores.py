"""Numbers that were published or counted independently, from scores real models gave."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binomtest

from rmbench.metrics import catalogue
from rmbench.metrics import catalogue_calibration as depth
from rmbench.metrics.base import MeasureContext
from rmbench.metrics.measure import measure

HALF, WRONG = MeasureContext(ties="half"), MeasureContext(ties="wrong")


def test_armorm_on_rmb_pairs(shared_data, read_scores):
    scores = read_scores(shared_data / "scores" / "rmb" / "ArmoRM.jsonl.gz")
    wrong, half = catalogue.ACCURACY(scores, WRONG), catalogue.ACCURACY(scores, HALF)
    assert (wrong.value, half.value) == (675 / 849, 681 / 849)
    assert wrong.value == pytest.approx(0.7950530, abs=5e-8)
    assert catalogue.TIE_RATE(scores, HALF).value == 12 / 849
    assert (wrong.ci_method, half.ci_method) == ("wilson", "clustered wilson")
    assert (wrong.ci_low, wrong.ci_high) == pytest.approx(
        tuple(binomtest(675, 849).proportion_ci(method="wilson"))
    )
    macro = catalogue.MACRO_ACCURACY(scores, HALF)
    assert macro.value == pytest.approx(half.value)  # one subset


GROUPS = {"mmlu": "know", "livebench-reasoning": "reason", "livebench-math": "math"}


@pytest.mark.parametrize(
    ("model", "micro", "macro", "groups"),
    [
        ("Ray2333_GRM-Gemma-2B-rewardmodel-ft", 59.43, 58.77, (62.99, 53.06, 64.29, 54.76)),
        ("Skywork_Skywork-Reward-Llama-3.1-8B", 62.29, 62.54, (59.09, 64.29, 76.79, 50.00)),
        ("internlm_internlm2-7b-reward", 59.43, 59.79, (56.49, 61.22, 71.43, 50.00)),
    ],
)
def test_reward_models_on_judgebench(shared_data, read_scores, model, micro, macro, groups):
    lines = (shared_data / "native" / "judgebench" / "gpt.jsonl").read_text("utf-8").splitlines()
    source = {r["pair_id"]: r["source"] for r in map(json.loads, lines)}

    def group(row: dict[str, str]) -> str:
        name = source[row["id"]]
        return "know" if name.startswith("mmlu") else GROUPS.get(name, "code")

    scores = read_scores(shared_data / "scores" / "judgebench" / f"{model}.jsonl.gz", group)
    metrics = [catalogue.ACCURACY, catalogue.MACRO_ACCURACY, catalogue.WORST_SUBSET_ACCURACY,
               depth.NLL, depth.OVERCONFIDENCE, depth.TEMPERATURE,
               depth.ECE, depth.ECE_NULL, depth.ECE_P]  # fmt: skip
    found = {(e.metric, e.subset): e for e in measure(metrics, scores, WRONG)}
    assert 100 * found["accuracy", None].value == pytest.approx(micro, abs=0.005)
    assert 100 * found["macro_accuracy", None].value == pytest.approx(macro, abs=0.005)
    for name, percent in zip(("know", "reason", "math", "code"), groups, strict=True):
        assert 100 * found["accuracy", name].value == pytest.approx(percent, abs=0.005)
    assert 100 * found["worst_subset_accuracy", None].value == pytest.approx(min(groups), abs=0.005)
    # On questions this hard all three are far too sure of themselves.
    assert found["overconfidence", None].ci_low > 0
    assert found["temperature", None].ci_low > 1
    assert found["ece", None].value > found["ece_null", None].ci_high
    assert found["ece_p", None].value < 0.01


@pytest.mark.parametrize(
    ("run", "n", "subsets", "mean", "pooled"),
    [
        ("base_full_k8_t0.0.full", 1730, (0.8741, 0.8140, 0.7368, 0.4502, 0.9196), 0.7589, 0.8145),
        ("criteria_both_k8.mini", 1742, (0.8614, 0.8360, 0.7395, 0.4521, 0.9534), 0.7685, 0.8264),
    ],
)
def test_judges_on_rewardbench_2(shared_data, read_scores, run, n, subsets, mean, pooled):
    scores = read_scores(shared_data / "scores" / "rewardbench2_judge" / f"{run}.jsonl.gz")
    metrics = [catalogue.BEST_OF_N_ACCURACY, catalogue.MACRO_BEST_OF_N_ACCURACY]
    *by_subset, macro = measure(metrics, scores, HALF)
    found = {e.subset: e for e in by_subset}
    names = ("Factuality", "Focus", "Math", "Precise IF", "Safety")
    assert [found[s].value for s in names] == pytest.approx(subsets, abs=5e-5)
    assert macro.value == pytest.approx(np.mean([found[s].value for s in names]))
    assert macro.value == pytest.approx(mean, abs=5e-5)
    assert found[None].value == pytest.approx(pooled, abs=5e-5)
    assert found[None].n == n
