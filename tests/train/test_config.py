from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmbench.errors import SpecError, UsageError
from rmbench.train.config import PRESETS, TrainConfig, load_config, micro_batch_pairs, preset_for


def config(**changes: Any) -> TrainConfig:
    return TrainConfig(**{"base": "m", "data": ("d",), "out": Path("o")} | changes)


def test_importing_it_loads_no_torch() -> None:
    code = "import sys, rmbench.train.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": ()}, "no training data"),
        ({"max_steps": 0}, "max_steps is 0: it must be at least 1"),
        ({"pairs_per_step": 0}, "pairs_per_step is 0"),
        ({"epochs": 0.0}, "epochs is 0.0: it must be above 0"),
        ({"lr": float("nan")}, "lr is nan: it must be a finite number"),
        ({"center_coefficient": -1.0}, "center_coefficient is -1.0"),
        ({"seed": -1}, "seed is -1"),
        ({"warmup_ratio": 1.0}, "warmup_ratio is 1.0: it must be below 1"),
        ({"max_length": 4}, "max_length is 4"),
        ({"device": "tpu"}, "device is 'tpu': it must be 'auto', 'cpu'"),
        ({"trainer": "mine"}, "trainer is 'mine': it must be 'packed' or 'trl'"),
        ({"scheduler": "cosin"}, "scheduler is 'cosin'"),
        ({"dev_fraction": 1.0}, "dev_fraction is 1.0: it must be below 1"),
        ({"label_smoothing": 0.5}, "label_smoothing is 0.5: it must be below 0.5"),
        ({"eval_steps": 5}, "nothing to evaluate on"),
        ({"keep_best": True, "eval_data": "d"}, "keep_best chooses between evaluations"),
        ({"early_stopping": 2, "dev_fraction": 0.1}, "early_stopping chooses between evaluations"),
        ({"lora_alpha": 16}, "need lora_rank"),
        ({"resume": True, "overwrite": True}, "exclude each other"),
        ({"colour": "red"}, "colour: unknown field"),
    ],
)
def test_impossible_values_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        config(**changes)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def write(folder: Path, text: str) -> Path:
    path = folder / "rm.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_holds_fields_and_the_command_line_decides_over_it(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").touch()
    file = write(
        tmp_path,
        """
        base = "org/encoder"
        data = ["train.jsonl", "org/prefs:train"]
        eval_data = "held.jsonl"
        out = "runs/rm"
        pairs_per_step = 16
        lr = 3e-5
        keep_best = true
        eval_steps = 50

        [trainer_args]
        fsdp = "full_shard"
        """,
    )
    read = load_config(file, {"lr": 1e-5, "seed": 3})
    assert read.base == "org/encoder"
    # What lies beside the file is meant there, what does not is left as it is.
    assert read.data == (str(tmp_path / "train.jsonl"), "org/prefs:train")
    assert read.eval_data == ("held.jsonl",)
    assert read.out == Path("runs/rm")
    assert (read.pairs_per_step, read.lr, read.seed) == (16, 1e-5, 3)
    assert read.trainer_args == {"fsdp": "full_shard"}
    assert read.early_stopping is None
    # Given is what file or command line say, and nothing else.
    assert "early_stopping" not in read.model_fields_set


@pytest.mark.parametrize(
    ("text", "options", "error", "message"),
    [
        ("lr = 0", {}, SpecError, "{file}: field 'lr' is 0: it must be above 0.0"),
        ("pairs = 3", {}, SpecError, "{file}: field 'pairs': unknown field"),
        ("seed = 'x'", {}, SpecError, "{file}: field 'seed' is 'x': input should be a valid int"),
        ("lr = [", {}, SpecError, "{file}: is not TOML"),
        ("lr = 1e-5", {"lr": -1.0}, UsageError, "--lr is -1.0: it must be above 0.0"),
        ("lr = 1e-5", {"out": None}, UsageError, "--out is None"),
        ("", {"max_grad_norm": -1}, UsageError, "--max-grad-norm is -1: it must be at least 0"),
    ],
)
def test_who_said_what_is_wrong(
    tmp_path: Path, text: str, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    file = write(tmp_path, text)
    required = {"base": "m", "data": ("d",), "out": "o"}
    with pytest.raises(error) as raised:
        load_config(file, required | options)
    assert str(raised.value).startswith(message.format(file=file))


def test_what_is_missing_is_named_with_the_file_it_may_stand_in(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no --base is given$"):
        load_config(None, {"data": ("d",), "out": "o"})
    file = write(tmp_path, 'data = "d"')
    with pytest.raises(UsageError, match=r"no --base is given, nor 'base' in .*rm\.toml"):
        load_config(file, {"out": "o"})
    with pytest.raises(SpecError, match=r"none\.toml: cannot be read"):
        load_config(tmp_path / "none.toml", {})


def test_resuming_takes_up_what_the_run_was_started_with(tmp_path: Path) -> None:
    # Nothing is there to be taken up, so that everything is still to be given.
    with pytest.raises(UsageError, match="no --base is given"):
        load_config(None, {"resume": True, "out": tmp_path / "none"})


@given(st.integers(1, 200), st.integers(1, 300))
def test_micro_batches_divide_the_step_and_fit(step: int, most: int) -> None:
    size = micro_batch_pairs(step, max_pairs=most)
    assert step % size == 0
    assert size <= most
    assert not any(step % d == 0 for d in range(size + 1, min(step, most) + 1))


def test_larger_models_take_smaller_steps() -> None:
    sizes = [10**7, 10**8, 10**9, 10**10, 10**11]
    rates = [preset_for(n).lr for n in sizes]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > rates[-1] > 0
    for n in sizes:
        full, adapters = preset_for(n), preset_for(n, lora=True)
        assert adapters.lr == pytest.approx(10 * full.lr)
        assert adapters.pairs_per_step == full.pairs_per_step


def test_every_preset_says_where_it_comes_from() -> None:
    assert [p.below_parameters for p in PRESETS] == sorted(p.below_parameters for p in PRESETS)
    assert PRESETS[-1].below_parameters == float("inf")
    assert all("et al." in p.why for p in PRESETS)


def test_the_page_names_every_preset() -> None:
    page = Path(__file__).parents[2] / "docs/training.md"
    rows = re.findall(r"^\| (?:below|larger).*$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == len(PRESETS)
    for row, preset in zip(rows, PRESETS, strict=True):
        size, lr, pairs, length, epochs = (cell.strip() for cell in row.split("|")[1:6])
        units = {"below 100 M": 100e6, "below 1.5 B": 1.5e9, "below 30 B": 30e9}
        assert units.get(size, float("inf")) == preset.below_parameters
        assert float(lr) == preset.lr
        assert int(pairs) == preset.pairs_per_step
        assert int(length.replace(",", "")) == preset.max_length
        assert float(epochs) == preset.epochs
