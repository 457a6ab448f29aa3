"""A run that ends before its time goes on where it stopped, and ends with the same model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from rmbench.errors import TrainingError, UsageError
from rmbench.train.config import TrainConfig, load_config
from rmbench.train.flow import StepClock
from rmbench.train.output import RunFolder
from rmbench.train.record import TrainReport
from rmbench.train.run import train

COLOURS = ("red", "blue", "green", "black", "white", "brown", "pink", "grey")
# Eight pairs, three to a step: the last step of each epoch has two.
SETTINGS: dict[str, Any] = {
    "device": "cpu",
    "bf16": False,
    "pairs_per_step": 3,
    "epochs": 3,
    "lr": 5e-3,
    "weight_decay": 0.1,
    "save_steps": 2,
    "logging_steps": 4,
    "seed": 5,
}


def write_pairs(path: Path, *, shift: int = 1, copies: int = 1) -> Path:
    rows = [
        {
            "prompt": f"name the colour {colour} for me please" + " please" * copy,
            "chosen": f"it is {colour}",
            "rejected": f"it is {COLOURS[i - shift]}",
        }
        for copy in range(copies)
        for i, colour in enumerate(COLOURS)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def start(base: Path, data: Path, out: Path, **changes: Any) -> TrainReport:
    values = SETTINGS | {"base": str(base), "data": str(data), "out": out} | changes
    return train(TrainConfig(**values), progress=False)


def resume(out: Path, **changes: Any) -> TrainReport:
    """As the command line does with ``--resume --out`` and nothing else."""
    return train(load_config(None, {"resume": True, "out": out} | changes), progress=False)


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = (load_file(folder / "model.safetensors") for folder in (one, other))
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=0, atol=1e-6, msg=name)


class Killed(BaseException):
    """Stands for the end of the process."""


@contextmanager
def killed_after(step: int) -> Iterator[None]:
    """The process ends, so to speak, after this step and before what would follow it."""

    def on_step_end(self: StepClock, args: Any, state: Any, *_: Any, **__: Any) -> None:
        if state.global_step == step:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StepClock, "on_step_end", on_step_end)
        # Who is killed tidies nothing up.
        patch.setattr(RunFolder, "abandon", lambda self: None)
        with pytest.raises(Killed):
            yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("resume-data") / "pairs.jsonl")


@pytest.fixture(scope="module")
def whole(tiny_bert: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainReport:
    """The run to which nothing happened."""
    return start(tiny_bert, data, tmp_path_factory.mktemp("resume-whole") / "whole")


@pytest.mark.parametrize(
    "step",
    [3, 6, 9, *(pytest.param(step, marks=pytest.mark.slow) for step in (4, 5, 7, 8))],
)
def test_it_may_be_killed_after_any_step(
    tiny_bert: Path, data: Path, tmp_path: Path, whole: TrainReport, step: int
) -> None:
    out = tmp_path / "out"
    with killed_after(step):
        start(tiny_bert, data, out)
    resumed = resume(out).record
    assert_same_weights(whole.out, out)
    assert resumed.train.resumed_at == (2 * ((step - 1) // 2),)
    assert resumed.train.steps == whole.record.train.steps == 9
    # The losses of steps before the checkpoint are part of the mean.
    assert resumed.train.mean_loss == pytest.approx(whole.record.train.mean_loss, abs=1e-6)
    assert resumed.train.loss == pytest.approx(whole.record.train.loss, abs=1e-6)
    assert {p.name for p in out.iterdir()} == {p.name for p in whole.out.iterdir()}


def test_it_may_be_killed_again_and_again(tiny_llama: Path, data: Path, tmp_path: Path) -> None:
    start(tiny_llama, data, tmp_path / "whole")
    out = tmp_path / "out"
    with killed_after(3):
        start(tiny_llama, data, out)
    for step in (4, 7, 8):
        with killed_after(step):
            resume(out)
    record = resume(out).record
    # What came to nothing left no trace.
    assert record.train.resumed_at == (2, 6)
    assert_same_weights(tmp_path / "whole", out)


def test_killed_between_the_last_checkpoint_and_the_model(
    tiny_bert: Path, data: Path, tmp_path: Path
) -> None:
    whole = start(tiny_bert, data, tmp_path / "whole", epochs=2)
    out = tmp_path / "out"

    def killed(self: RunFolder) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "model", killed)
        patch.setattr(RunFolder, "abandon", lambda self: None)
        with pytest.raises(Killed):
            start(tiny_bert, data, out, epochs=2)
    assert [p.name for p in RunFolder(out).checkpoints()][-1] == "checkpoint-6"
    resumed = resume(out)
    # No further step is taken.
    assert resumed.record.train.steps == whole.record.train.steps == 6
    assert_same_weights(whole.out, out)


@pytest.mark.parametrize("step", [3, pytest.param(6, marks=pytest.mark.slow), 9])
def test_selection_and_early_stopping_survive(tiny_bert: Path, tmp_path: Path, step: int) -> None:
    data = write_pairs(tmp_path / "pairs.jsonl", copies=2)
    settings = {
        # So high that the loss on the dev split rises again.
        "lr": 5e-2,
        "epochs": 6,
        "dev_fraction": 0.3,
        "eval_steps": 2,
        "save_steps": 3,
        "save_total_limit": 1,
        "keep_best": True,
        "early_stopping": 3,
    }
    whole = start(tiny_bert, data, tmp_path / "whole", **settings).record
    assert whole.train.stopped_early
    assert whole.final_step < whole.train.steps
    assert step < whole.train.steps
    with killed_after(step):
        start(tiny_bert, data, tmp_path / "out", **settings)
    resumed = resume(tmp_path / "out").record
    assert resumed.final_step == whole.final_step
    assert resumed.train.steps == whole.train.steps
    assert resumed.train.stopped_early
    assert resumed.dev == whole.dev
    assert_same_weights(tmp_path / "whole", tmp_path / "out")


def test_lora_goes_on_with_its_adapters(tiny_llama: Path, data: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    start(tiny_llama, data, tmp_path / "whole", lora_rank=2)
    with killed_after(5):
        start(tiny_llama, data, tmp_path / "out", lora_rank=2)
    resume(tmp_path / "out")
    assert_same_weights(tmp_path / "whole", tmp_path / "out")


@pytest.fixture
def unfinished(tiny_bert: Path, data: Path, tmp_path: Path) -> Path:
    """Folder of a run with one checkpoint, after step 2."""
    out = tmp_path / "unfinished"
    with killed_after(3):
        start(tiny_bert, data, out)
    return out


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"lr": 1e-3}, "learning_rate was 0.005 and is 0.001"),
        ({"seed": 6}, "seed was 5 and is 6"),
        ({"pairs_per_step": 4}, "pairs_per_step was 3 and is 4"),
        ({"max_steps": 5}, "max_steps was None and is 5"),
        ({"max_length": 12}, "max_length was 64 and is 12"),
        ({"label_smoothing": 0.1}, "label_smoothing was 0.0 and is 0.1"),
        ({"weight_decay": 0.0}, "weight_decay was 0.1 and is 0.0"),
        ({"bf16": True}, "bf16_autocast was False and is True"),
    ],
)
def test_another_configuration_is_refused_and_named(
    unfinished: Path, changes: dict[str, Any], difference: str
) -> None:
    before = sorted(unfinished.rglob("*"))
    with pytest.raises(UsageError, match="is of another run") as error:
        resume(unfinished, **changes)
    assert difference in str(error.value)
    assert sorted(unfinished.rglob("*")) == before


def test_other_data_are_refused_and_named(unfinished: Path, tmp_path: Path) -> None:
    other = write_pairs(tmp_path / "other.jsonl", shift=2)
    with pytest.raises(UsageError, match=r"other\.jsonl holds other examples than then"):
        resume(unfinished, data=str(other))
    with pytest.raises(UsageError, match="1 sources then, 2 now"):
        resume(unfinished, data=(str(other), str(other)))


def test_another_base_is_refused_even_under_the_same_name(
    tiny_bert: Path, data: Path, tmp_path: Path
) -> None:
    from shutil import copytree

    from safetensors.torch import save_file

    base = copytree(tiny_bert, tmp_path / "base")
    with killed_after(3):
        start(base, data, tmp_path / "out")
    values = load_file(base / "model.safetensors")
    values["embeddings.word_embeddings.weight"][0, 0] += 1
    save_file(values, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match="the base model has other weights"):
        resume(tmp_path / "out")


def test_another_tokenizer_is_refused(tiny_llama: Path, data: Path, tmp_path: Path) -> None:
    template = tmp_path / "template.jinja"
    template.write_text("{% for m in messages %}{{ m['content'] }} <eos> {% endfor %}")
    with killed_after(3):
        start(tiny_llama, data, tmp_path / "out", chat_template=template)
    template.write_text("{% for m in messages %}<user> {{ m['content'] }} <eos> {% endfor %}")
    with pytest.raises(UsageError, match="encode to other tokens"):
        resume(tmp_path / "out")


def test_what_does_not_touch_the_weights_may_change(
    unfinished: Path, whole: TrainReport, tmp_path: Path, data: Path
) -> None:
    moved = tmp_path / "moved.jsonl"
    moved.write_bytes(data.read_bytes())
    resume(unfinished, data=str(moved), save_steps=5, logging_steps=1)
    assert sorted(p.name for p in RunFolder(unfinished).checkpoints()) == [
        "checkpoint-2",
        "checkpoint-5",
        "checkpoint-9",
    ]
    assert_same_weights(whole.out, unfinished)


def test_a_run_without_checkpoints_or_at_its_end_is_not_resumed(
    whole: TrainReport, tmp_path: Path, tiny_bert: Path, data: Path
) -> None:
    with pytest.raises(UsageError, match="holds no checkpoint to resume from"):
        start(tiny_bert, data, tmp_path / "none", resume=True)
    assert not (tmp_path / "none").exists()
    with pytest.raises(UsageError, match="has ended and its model is there"):
        resume(whole.out)


def test_an_unfinished_run_is_not_started_over_by_accident(
    unfinished: Path, tiny_bert: Path, data: Path
) -> None:
    with pytest.raises(UsageError, match="unfinished run at step 2: pass --resume"):
        start(tiny_bert, data, unfinished)
    start(tiny_bert, data, unfinished, overwrite=True, save_steps=None)
    assert not RunFolder(unfinished).checkpoints()


def test_a_checkpoint_of_another_program_is_not_gone_on_from(
    tiny_bert: Path, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "out" / "checkpoint-7").mkdir(parents=True)
    with pytest.raises(TrainingError, match=r"has no rmbench_run\.json"):
        start(tiny_bert, data, tmp_path / "out", resume=True)


def command(base: Path, data: Path, out: Path, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "rmbench", "train", "--base", str(base), "--data", str(data),
        "--out", str(out), "--device", "cpu", "--no-bf16", "--pairs-per-step", "4", "--lr", "1e-3",
        "--max-steps", "150", *more,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("a checkpoint is there", marks=pytest.mark.slow),
        "a checkpoint is being written",
    ],
)
def test_a_killed_process_is_resumed(tiny_bert: Path, tmp_path: Path, moment: str) -> None:
    data = write_pairs(tmp_path / "pairs.jsonl", copies=3)
    out, environment = tmp_path / "out", {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command(tiny_bert, data, out, "--save-steps", "3"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    while process.poll() is None:
        if (out / "checkpoint-6").exists() and (
            moment == "a checkpoint is there" or (out / ".unfinished").exists()
        ):
            break
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (out / "config.json").exists()
    for checkpoint in RunFolder(out).checkpoints():
        load_file(checkpoint / "model.safetensors")
    line = [sys.executable, "-m", "rmbench", "train", "--resume", "--out", str(out), "--json"]
    done = subprocess.run(line, capture_output=True, env=environment, text=True, check=True)
    record = json.loads(done.stdout)
    assert record["train"]["steps"] == 150
    assert 6 <= record["train"]["resumed_at"][0] < 150

    whole = tmp_path / "whole"
    train(
        TrainConfig(
            base=str(tiny_bert), data=str(data), out=whole, device="cpu", bf16=False,
            pairs_per_step=4, lr=1e-3, max_steps=150,
        ),
        progress=False,
    )  # fmt: skip
    assert_same_weights(whole, out)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 3, marks=pytest.mark.slow)],
)
def test_an_interrupted_run_says_how_to_go_on(
    tiny_bert: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    data = write_pairs(tmp_path / "pairs.jsonl", copies=3)
    out = tmp_path / "out"
    process = subprocess.Popen(
        # No checkpoint was asked for: one is made on the way out.
        [*command(tiny_bert, data, out, "--logging-steps", "1"), "--max-steps", "100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stderr is not None
    seen = ""
    for line in process.stderr:
        seen += line
        if "step " in line:
            break
    process.send_signal(number)
    stdout, rest = process.communicate(timeout=120)
    assert process.returncode == code, seen + rest
    assert stdout == ""
    assert "Traceback" not in rest
    (checkpoint,) = RunFolder(out).checkpoints()
    assert f"{checkpoint} is whole" in rest
    assert f"rmbench train --resume --out {out}" in rest
    assert load_config(None, {"resume": True, "out": out}).max_steps == 100000
    assert (checkpoint / "rmbench_run.json").exists()
