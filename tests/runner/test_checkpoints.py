from __future__ import annotations

import gc
import json
import shutil
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import models
import pytest

from rmbench.errors import UsageError
from rmbench.result import StoredRun
from rmbench.runner import run as runner
from rmbench.runner.run import RunRequest
from rmbench.scorers.spec import RunOptions

STEPS = (9, 10, 100)


@pytest.fixture(scope="module")
def training_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder: three checkpoints of other weights each, and the last one's as final."""
    run = tmp_path_factory.mktemp("runs") / "my-rm"
    for step in STEPS:
        folder = models.tiny_bert(run / f"checkpoint-{step}", seed=step)
        state = {"global_step": step, "epoch": step / 100, "max_steps": 100}
        (folder / "trainer_state.json").write_text(json.dumps(state))
    for file in (run / "checkpoint-100").iterdir():
        if file.name != "trainer_state.json":
            shutil.copy(file, run)
    record = {"train": {"steps": 100, "epochs": 1.0}, "data": [{"source": "somewhere"}]}
    (run / "rmbench_training.json").write_text(json.dumps(record))
    return run


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    rows = [
        {"id": f"p{i}", "prompt": f"what {i}", "chosen": "yes " * (i % 5 + 1), "rejected": "no way"}
        for i in range(8)
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


Measure = Callable[..., list[StoredRun]]


@pytest.fixture
def measure(tmp_path: Path, pairs: Path) -> Measure:
    def run(*scorers: str, said: list[str] | None = None, **more: Any) -> list[StoredRun]:
        return runner.run(
            RunRequest(
                scorers=scorers,
                suites=("pairs",),
                data_dirs=(str(pairs),),
                out=tmp_path / "out",
                options=RunOptions(device="cpu", progress=False),
                report=(said if said is not None else []).append,
                **{"all_checkpoints": True, **more},
            )
        )

    return run


def test_every_checkpoint_is_measured_by_step_and_the_final_model_last(
    training_run: Path, measure: Measure
) -> None:
    runs = measure(str(training_run), "length:")
    assert [r.result.scorer.name for r in runs] == [
        "my-rm/checkpoint-9", "my-rm/checkpoint-10", "my-rm/checkpoint-100", "my-rm", "length",
    ]  # fmt: skip
    found = [r.result.scorer.checkpoint for r in runs[:-1]]
    assert [c and (c.run, c.step, c.final) for c in found] == [
        (str(training_run), step, final)
        for step, final in ((9, False), (10, False), (100, False), (100, True))
    ]
    assert runs[-1].result.scorer.checkpoint is None
    assert len({r.path for r in runs}) == len(runs)
    scores = [r.scores() for r in runs]
    assert all(s is not None for s in scores)
    rewards = [s.reward.tolist() for s in scores if s is not None]
    assert rewards[2] == rewards[3]
    assert rewards[0] != rewards[1]


def test_a_checkpoint_measured_alone_is_the_same_scorer(
    training_run: Path, measure: Measure
) -> None:
    together = measure(str(training_run))[1]
    alone = measure(str(training_run / "checkpoint-10"), all_checkpoints=False)[0]
    assert alone.path == together.path
    assert alone.result.scorer == together.result.scorer
    assert alone.result.provenance.training == together.result.provenance.training
    assert alone.result.provenance.training is not None


def test_a_checkpoint_that_was_not_saved_to_its_end_is_left_out_and_said(
    training_run: Path, measure: Measure, tmp_path: Path
) -> None:
    run = tmp_path / "cut"
    shutil.copytree(training_run, run)
    (run / "checkpoint-10/trainer_state.json").unlink()
    (run / "checkpoint-100/config.json").unlink()
    said: list[str] = []
    names = [r.result.scorer.name for r in measure(str(run), said=said)]
    assert names == ["cut/checkpoint-9", "cut"]
    left_out = [line for line in said if "left out" in line]
    assert len(left_out) == 2
    assert "checkpoint-10: left out, trainer_state.json is missing" in left_out[0]
    assert "checkpoint-100: left out, its model is missing" in left_out[1]


def test_a_run_without_a_final_model_or_a_step_for_it(
    training_run: Path, measure: Measure, tmp_path: Path
) -> None:
    run = tmp_path / "running"
    shutil.copytree(training_run, run)
    (run / "rmbench_training.json").unlink()
    said: list[str] = []
    assert measure(str(run), said=said)[-1].result.scorer.checkpoint is None
    assert any("does not say how many steps" in line for line in said)
    (run / "config.json").unlink()
    assert [r.result.scorer.name for r in measure(str(run))] == [
        f"running/checkpoint-{step}" for step in STEPS
    ]


def test_a_scorer_file_gives_its_options_to_all(
    training_run: Path, measure: Measure, tmp_path: Path
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'kind = "hf"\ntarget = "{training_run}"\nname = "mine"\nmax_length = 32\n')
    scorers = [r.result.scorer for r in measure(str(file))]
    assert [s.name for s in scorers] == [*(f"mine/checkpoint-{s}" for s in STEPS), "mine"]
    assert {s.options["max_length"] for s in scorers} == {32}


@pytest.mark.parametrize(
    ("scorer", "message"),
    [
        ("length:", "needs the folder of a training run"),
        ("org/model", "org/model: is no folder"),
    ],
)
def test_what_is_no_training_run_is_refused(measure: Measure, scorer: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        measure(scorer)


def test_a_model_without_checkpoints_is_refused(bert_folder: Path, measure: Measure) -> None:
    with pytest.raises(UsageError, match="no finished checkpoint-N; train with --save-steps"):
        measure(str(bert_folder))


def test_one_model_is_in_memory_at_a_time(
    training_run: Path, measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[weakref.ref[Any]] = []
    create = runner.create_scorer

    def watched(*arguments: Any) -> Any:
        assert all(model() is None for model in seen)
        scorer = create(*arguments)
        seen.append(weakref.ref(scorer.engine))
        return scorer

    monkeypatch.setattr(runner, "create_scorer", watched)
    gc.disable()  # nothing may wait for the collector
    try:
        measure(str(training_run))
    finally:
        gc.enable()
    assert len(seen) == len(STEPS) + 1
