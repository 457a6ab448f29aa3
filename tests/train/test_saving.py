"""When the disk does not take what is written: what was whole before stays, and it is said."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from safetensors import SafetensorError

from rmbench.errors import TrainingError
from rmbench.train.checkpointing import saving_errors
from rmbench.train.config import TrainConfig
from rmbench.train.output import RunFolder
from rmbench.train.run import train


def run(base: Path, data: Path, out: Path, **changes: Any) -> None:
    values: dict[str, Any] = {
        "base": str(base), "data": str(data), "out": out, "device": "cpu", "bf16": False,
        "pairs_per_step": 4, "max_steps": 6, "save_steps": 2,
    }  # fmt: skip
    train(TrainConfig(**values | changes), progress=False)


@pytest.mark.parametrize(
    "failure",
    [
        OSError(28, "No space left on device"),
        SafetensorError("Error while serializing: No space left on device (os error 28)"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"),
        RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"),
    ],
)
def test_ways_of_failing_to_write_are_one_error(failure: Exception) -> None:
    said = pytest.raises(TrainingError, match=r"^out/checkpoint-2: cannot be saved: ")
    with said, saving_errors("out/checkpoint-2"):
        raise failure


def test_other_errors_are_not_taken_for_a_full_disk() -> None:
    with pytest.raises(RuntimeError, match="a bug"), saving_errors("out"):
        raise RuntimeError("a bug")


@pytest.mark.parametrize("what", ["weights", "optimiser"])
def test_a_full_disk_leaves_the_checkpoint_before(
    tiny_bert: Path,
    pairs_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    out, written = tmp_path / "model", 0
    save, module, name = (
        (safetensors.torch.save_file, "transformers.modeling_utils", "safe_save_file")
        if what == "weights"
        else (torch.save, "torch", "save")
    )

    def full_the_second_time(obj: Any, f: Any, *args: Any, **kwargs: Any) -> None:
        nonlocal written
        if Path(f).name not in ("model.safetensors", "optimizer.pt"):
            return save(obj, f, *args, **kwargs)
        written += 1
        if written == 2:
            Path(f).write_bytes(b"half of it")
            raise OSError(28, "No space left on device")
        save(obj, f, *args, **kwargs)

    monkeypatch.setattr(f"{module}.{name}", full_the_second_time)
    with pytest.raises(TrainingError) as error:
        run(tiny_bert, pairs_file, out)
    message = str(error.value)
    assert message.startswith(f"{out / 'checkpoint-4'}: cannot be saved: No space left on device; ")
    assert f"{out / 'checkpoint-2'} is whole" in message
    assert message.endswith(f"rmbench train --resume --out {out}")
    assert [p.name for p in out.iterdir()] == ["checkpoint-2"]
    assert safetensors.torch.load_file(out / "checkpoint-2" / "model.safetensors")


def test_a_full_disk_at_the_end_leaves_the_checkpoints(
    tiny_bert: Path, pairs_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Any, folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rmbench.train.record.TrainingRecord.write", full)
    out = tmp_path / "model"
    with pytest.raises(TrainingError, match="cannot be saved: No space left on device"):
        run(tiny_bert, pairs_file, out)
    assert sorted(p.name for p in out.iterdir()) == ["checkpoint-2", "checkpoint-4", "checkpoint-6"]
    monkeypatch.undo()
    run(tiny_bert, pairs_file, out, resume=True)
    assert (out / "config.json").exists()


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of a running process: Linux")
def test_a_real_limit_on_what_may_be_written(tiny_bert: Path, tmp_path: Path) -> None:
    data = tmp_path / "pairs.jsonl"
    colours = "red blue green black white brown pink grey".split()
    data.write_text(
        "".join(
            json.dumps({"prompt": f"name {c} please", "chosen": f"it is {c}", "rejected": "no"})
            + "\n"
            for c in colours
        )
    )
    out = tmp_path / "model"
    process = subprocess.Popen(
        [
            sys.executable, "-m", "rmbench", "train", "--base", str(tiny_bert), "--data", str(data),
            "--out", str(out), "--device", "cpu", "--no-bf16", "--pairs-per-step", "2",
            "--max-steps", "100000", "--save-steps", "5", "--save-total-limit", "2",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    while not (out / "checkpoint-5").exists() and process.poll() is None:
        time.sleep(0.01)
    # From now on no file may grow beyond 4 kB; a checkpoint's weights are larger.
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, 4096))
    _, shown = process.communicate(timeout=120)
    assert process.returncode == 3, shown
    assert "Traceback" not in shown
    last = shown.strip().splitlines()[-1]
    assert "cannot be saved: " in last
    assert f"rmbench train --resume --out {out}" in last
    kept = RunFolder(out).checkpoints()
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in kept)
    for checkpoint in kept:
        assert safetensors.torch.load_file(checkpoint / "model.safetensors")
        assert (checkpoint / "rmbench_run.json").exists()


def test_a_checkpoint_is_a_plain_model_folder(
    tiny_llama: Path, pairs_file: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    out = tmp_path / "model"
    run(tiny_llama, pairs_file, out)
    checkpoint = out / "checkpoint-4"
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    assert model.config.pad_token_id == tokenizer.pad_token_id
    assert tokenizer.chat_template
    # Nothing that has to be unpickled beyond tensors.
    assert not (checkpoint / "training_args.bin").exists()
    for name in ("optimizer.pt", "scheduler.pt"):
        torch.load(checkpoint / name, weights_only=True)
    # Packed attention is a matter of training, not of the model.
    assert "rmbench" not in (checkpoint / "config.json").read_text()
    assert "rmbench" not in (out / "config.json").read_text()
