"""Synthetic scores of many pairs, and measuring them in a process of its own.

``python measuring.py PAIRS METRICS`` prints one JSON object: seconds and peak memory.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

from rmbench import plugins
from rmbench.metrics.base import MeasureContext, Metric
from rmbench.metrics.measure import measure
from rmbench.spec.metric_groups import expand
from rmbench.types import Scores

N_SUBSETS = 20
PAIRS_PER_PROMPT = 2

HEADLINE: tuple[str, ...] = (
    "accuracy", "macro_accuracy", "best_of_n_accuracy", "macro_best_of_n_accuracy",
    "worst_subset_accuracy", "worst_subset_accuracy_chance", "tie_rate", "nll", "brier",
    "brier_skill", "ece", "ece_null", "ece_p", "overconfidence", "temperature",
    "untruncated_accuracy", "length_balanced_accuracy", "chosen_longer_accuracy",
    "chosen_shorter_accuracy",
)  # fmt: skip
"""What a reader looks at first."""

DEPTH: tuple[str, ...] = expand((*HEADLINE, "@bias", "@calibration", "@scale"))
"""What the suites of pairs report: those, bias attribution, calibration in depth, the scale."""

SETS = {"headline": HEADLINE, "depth": DEPTH}


def synthetic(n_pairs: int, seed: int = 0) -> Scores:
    """Pairs of an over-confident scorer that likes length; two pairs share a prompt."""
    rng = np.random.default_rng(seed)
    prompt = np.arange(n_pairs) // PAIRS_PER_PROMPT
    shared = rng.normal(0, 1, prompt[-1] + 1)[prompt]
    chars = rng.integers(20, 2000, (n_pairs, 2))
    truth = 0.8 + shared + rng.normal(0, 1, n_pairs)
    margin = 2 * truth + 0.001 * (chars[:, 0] - chars[:, 1])
    level = rng.normal(0, 3, n_pairs)
    rewards = np.stack([level + margin, level], axis=1)
    names = np.char.add("pair-", np.arange(n_pairs).astype(np.str_))
    prompts = np.char.add("prompt-", prompt.astype(np.str_))
    subsets = np.char.add("subset-", (prompt % N_SUBSETS).astype(np.str_))
    n = 2 * n_pairs
    markdown = rng.poisson(2, (3, n)).astype(np.int64)
    return Scores(
        example_id=names.repeat(2),
        subset=subsets.repeat(2),
        group=prompts.repeat(2),
        preference=np.ones(n),
        response_index=np.tile(np.array([0, 1]), n_pairs),
        is_chosen=np.tile(np.array([True, False]), n_pairs),
        reward=rewards.ravel(),
        n_tokens=np.zeros(n, dtype=np.int64),
        n_chars=chars.ravel(),
        truncated=np.zeros(n, dtype=np.bool_),
        n_headers=markdown[0],
        n_list_items=markdown[1],
        n_bold=markdown[2],
    )


def metrics_named(names: tuple[str, ...]) -> list[Metric]:
    """The metrics of these entry points."""
    return [plugins.load(plugins.METRICS, name) for name in names]


def run_apart(n_pairs: int, which: str) -> dict[str, float]:
    """Measure in a fresh process, whose peak memory is that of nothing else."""
    command = [sys.executable, str(Path(__file__)), str(n_pairs), which]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Time the metrics of one set on synthetic pairs."""
    n_pairs, which = int(sys.argv[1]), sys.argv[2]
    scores, metrics = synthetic(n_pairs), metrics_named(SETS[which])
    start = perf_counter()
    found = measure(metrics, scores, MeasureContext())
    seconds = perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    undefined = sum(e.value is None for e in found)
    print(  # noqa: T201 - its output is its answer
        json.dumps(
            {
                "seconds": seconds,
                "peak_bytes": peak,
                "estimates": len(found),
                "undefined": undefined,
            }
        )
    )


if __name__ == "__main__":
    main()
