"""Several processes, one run: the first writes and speaks, and an error in one ends them all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from rmbench.errors import UsageError
from rmbench.train.config import TrainConfig
from rmbench.train.processes import Processes, is_main_process
from rmbench.train.run import train

SETTINGS: dict[str, Any] = {
    "device": "cpu",
    "bf16": False,
    "pairs_per_step": 4,
    "epochs": 3,
    "lr": 5e-3,
    "dev_fraction": 0.25,
    "eval_steps": 2,
    "logging_steps": 1,
}

# Ends the run as a crash would, in both processes, when the second checkpoint is to be made.
CRASH = """
import os, sys
from rmbench.train.output import RunFolder
checkpoint = RunFolder.checkpoint
def crash(self, step):
    if step == 4:
        os._exit(9)
    return checkpoint(self, step)
RunFolder.checkpoint = crash
from rmbench.cli.main import main
main(sys.argv[1:])
"""
# The second process alone meets an error while the first saves.
FAILURE = """
import os, sys
from rmbench.train.checkpointing import Checkpointing
save = Checkpointing.save_model
def fail(self, *args, **kwargs):
    if os.environ["RANK"] == "1":
        raise OSError(28, "No space left on device")
    return save(self, *args, **kwargs)
Checkpointing.save_model = fail
from rmbench.cli.main import main
main(sys.argv[1:])
"""


def launch(script: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    script.write_text(code, encoding="utf-8")
    return subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2",
            "--master-port", "0", "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0",
            str(script), "train", *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def options(base: Path, data: Path, out: Path, **more: Any) -> list[str]:
    values = SETTINGS | {"base": base, "data": data, "out": out, "save_steps": 2} | more
    del values["bf16"]
    line = ["--no-bf16"]
    for name, value in values.items():
        line += [f"--{name.replace('_', '-')}", str(value)]
    return line


@pytest.mark.slow
def test_two_processes_train_the_model_that_one_does(
    tiny_llama: Path, pairs_file: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    config = TrainConfig(base=str(tiny_llama), data=str(pairs_file), out=one, **SETTINGS)
    whole = train(config, progress=False).record
    crashed = launch(tmp_path / "crash.py", CRASH, *options(tiny_llama, pairs_file, two))
    assert crashed.returncode != 0
    assert (two / "checkpoint-2" / "rng_state_1.pth").exists(), crashed.stderr
    assert [p.name for p in two.iterdir()] == ["checkpoint-2"]

    code = CRASH.replace("step == 4", "False")
    done = launch(tmp_path / "go_on.py", code, "--resume", "--out", str(two), "--json")
    assert done.returncode == 0, done.stderr
    # One process speaks.
    record = json.loads(done.stdout)
    assert done.stderr.count("going on from") == 1
    assert record["processes"] == 2
    assert record["train"]["resumed_at"] == [2]
    assert record["train"]["steps"] == whole.train.steps == 6
    assert record["train"]["mean_loss"] == pytest.approx(whole.train.mean_loss, abs=1e-6)
    assert whole.dev is not None
    assert record["dev"]["loss"] == pytest.approx(whole.dev.loss, abs=1e-5)
    first, second = (load_file(folder / "model.safetensors") for folder in (one, two))
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.slow
def test_an_error_in_one_process_ends_all_of_them(
    tiny_llama: Path, pairs_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = launch(
        tmp_path / "fail.py", FAILURE, *options(tiny_llama, pairs_file, out, save_steps=2)
    )
    assert done.returncode != 0
    assert "another process: " in done.stderr
    assert "No space left on device" in done.stderr
    assert not out.exists()


def test_a_step_has_to_be_shared_evenly(
    tiny_llama: Path, pairs_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Processes, "join", classmethod(lambda cls, cpu: cls(size=3)))
    monkeypatch.setattr(Processes, "of_main", lambda self, value: value)
    monkeypatch.setattr(Processes, "_all_errors", lambda self, own: [own])
    config = TrainConfig(
        base=str(tiny_llama), data=str(pairs_file), out=tmp_path / "out", **SETTINGS
    )
    with pytest.raises(UsageError, match="4 pairs per step cannot be shared evenly by 3 process"):
        train(config, progress=False)


def test_who_speaks_is_known_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert is_main_process()
    monkeypatch.setenv("RANK", "1")
    assert not is_main_process()
