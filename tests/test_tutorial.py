"""docs/tutorial.md: its cells run and print what it shows, and its table of names is true."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers
import trl
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments
from trl import GRPOConfig, GRPOTrainer, RewardConfig, RewardTrainer, RLOOConfig, RLOOTrainer
from trl.trainer.reward_trainer import DataCollatorForPreference
from tutorial_cells import Cell, Outcome, difference, read_cells

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tutorial.md"


def run(cells: list[Cell], page: Path, folder: Path) -> list[Outcome]:
    """Run a page in a process and a folder of its own, offline."""
    results = folder / "results.json"
    (folder / "cells").mkdir()
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "RMBENCH_CACHE": str(folder / "cache"),
    }
    runner = Path(__file__).with_name("tutorial_cells.py")
    done = subprocess.run(
        [sys.executable, str(runner), str(page), str(results)],
        cwd=folder / "cells", env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    outcomes = [Outcome(**body) for body in json.loads(results.read_text())]
    assert [o.line for o in outcomes] == [c.line for c in cells][: len(outcomes)]
    for outcome in outcomes:
        assert not outcome.error, f"the cell of line {outcome.line}:\n{outcome.error}"
    return outcomes


def test_every_cell_runs_and_prints_what_the_page_shows(tmp_path: Path) -> None:
    cells = read_cells(PAGE.read_text(encoding="utf-8"))
    outcomes = run(cells, PAGE, tmp_path)
    assert len(outcomes) == len(cells)
    wrong = [
        f"line {cell.line}: {found}"
        for cell, outcome in zip(cells, outcomes, strict=True)
        if (found := difference(cell, outcome.printed)) is not None
    ]
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.slow
def test_the_page_works_with_a_model_of_ones_own(smollm2_folder: Path, tmp_path: Path) -> None:
    """The changes that its first table asks for, and less of everything."""
    text = PAGE.read_text(encoding="utf-8")
    base = str(tmp_path / "own-model")
    # With the head of a language model again, which is tied to its embeddings.
    AutoModelForCausalLM.from_pretrained(smollm2_folder).save_pretrained(base)
    AutoTokenizer.from_pretrained(smollm2_folder).save_pretrained(base)
    changes = {
        r"^```python\nimport torch\nfrom tokenizers .*?^```$": f'```python\nBASE = "{base}"\n```',
        r"--base base\b": f"--base {base}",
        r"learning_rate=1e-3|--lr 1e-3": lambda m: m[0].replace("1e-3", "1e-5"),
        r'"learning_rate": \de-3': '"learning_rate": 1e-6',
        # Less of everything.
        r"(Random\(11\)\.shuffle\(train\))": r"\1\ntrain, heldout = train[:16], heldout[:8]",
        r"num_train_epochs=2, \*\*": "num_train_epochs=2, logging_steps=2, **",
        r"\blogging_steps=10\b": "logging_steps=2",
        r'("per_device_train_batch_size"): 32': r"\1: 8",
        r"max_steps=\d+": "max_steps=1",
        r"\b64\b": "8",
        r"\b140\b": "5",
        r"(--suite controlled)": r"\1 --limit 8",
        # What is claimed of the page's own model.
        r"^<!-- check\n.*?^-->$": "",
    }
    for old, new in changes.items():
        text, n = re.subn(old, new, text, flags=re.MULTILINE | re.DOTALL)
        assert n, f"nothing on the page is like {old}"
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    cells = read_cells(text)
    outcomes = run(cells, page, tmp_path)
    assert len(outcomes) == len(cells)
    (losses,) = (o.printed for o in outcomes if "packed\n" in o.printed)
    assert re.search(r"^   4 (\d\.\d{3})\d+ \1\d+ \1\d+$", losses, re.MULTILINE)
    assert outcomes[-1].printed == "8 rewards of rm, equal: True\n"


def test_the_page_has_cells_of_every_kind_and_every_output_is_compared_but_samples() -> None:
    text = PAGE.read_text(encoding="utf-8")
    cells = read_cells(text)
    assert text.count("```") % 2 == 0
    by_kind = {kind: [c for c in cells if c.language == kind] for kind in ("python", "console")}
    assert len(by_kind["python"]) >= 15
    assert len(by_kind["console"]) >= 4
    # What the policies say hangs on the last bit of every logit.
    varying = [c for c in cells if c.how == "varies"]
    assert len(varying) == 3
    assert all("show(" in c.code for c in varying)
    assert not [c for c in by_kind["python"] if "print(" in c.code and c.shown is None]


# ---- the table of names ----


def absent(module: str, name: str) -> None:
    try:
        found = hasattr(importlib.import_module(module), name)
    except ModuleNotFoundError:
        return
    assert not found, f"{module}.{name} is there"


def parameters(of: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(of).parameters)


OLD_COLUMNS = (
    "input_ids_chosen", "attention_mask_chosen", "input_ids_rejected", "attention_mask_rejected",
)  # fmt: skip


def reward_trainer(folder: Path, rows: list[dict[str, Any]], out: Path, **changes: Any) -> Any:
    settings = {"use_cpu": True, "bf16": False, "report_to": "none"} | changes
    return RewardTrainer(
        model=str(folder),
        args=RewardConfig(str(out), **settings),
        train_dataset=Dataset.from_list(rows),
    )


ROWS = [
    {
        "prompt": [{"role": "user", "content": "who are you"}],
        "chosen": [{"role": "assistant", "content": "no one"}],
        "rejected": [{"role": "assistant", "content": "who " * 20}],
    }
] * 2


def old_collator(folder: Path, out: Path) -> None:
    absent("trl.trainer.utils", "RewardDataCollatorWithPadding")
    absent("trl", "RewardDataCollatorWithPadding")
    joined = DataCollatorForPreference(0)([{"chosen_ids": [1, 2], "rejected_ids": [3]}])
    assert joined["input_ids"].tolist() == [[1, 2], [3, 0]]


def old_columns(folder: Path, out: Path) -> None:
    with pytest.raises(KeyError, match="chosen"):
        reward_trainer(folder, [{key: [1, 2] for key in OLD_COLUMNS}] * 2, out)
    encoded = {"chosen_ids": [5, 6], "rejected_ids": [7]}
    assert reward_trainer(folder, [encoded] * 2, out).train_dataset[0] == encoded


def no_preprocessing(folder: Path, out: Path) -> None:
    assert {"chosen_ids", "rejected_ids"} <= reward_trainer(folder, ROWS, out).train_dataset[
        0
    ].keys()


def one_forward(folder: Path, out: Path) -> None:
    trainer = reward_trainer(folder, ROWS, out)
    rows: list[int] = []
    trainer.model.register_forward_pre_hook(
        lambda _, args, given: rows.append(len(given["input_ids"])), with_kwargs=True
    )
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(2)])
    trainer.compute_loss(trainer.model, batch)
    assert rows == [4]


def processing_class(folder: Path, out: Path) -> None:
    assert "tokenizer" not in parameters(RewardTrainer.__init__)
    assert "processing_class" in parameters(RewardTrainer.__init__)


def longer_pairs_are_left_out(folder: Path, out: Path) -> None:
    assert "max_length" not in parameters(RewardTrainer.__init__)
    with pytest.raises(ValueError, match=r"num_samples|empty|at least one"):
        # Nothing is left.
        reward_trainer(folder, ROWS, out, max_length=8).get_train_dataloader()
    assert len(reward_trainer(folder, ROWS, out, max_length=64).train_dataset) == 2


def accuracy_is_logged(folder: Path, out: Path) -> None:
    absent("trl.trainer.utils", "compute_accuracy")
    trainer = reward_trainer(folder, ROWS, out)
    assert "eval_accuracy" in trainer.evaluate(Dataset.from_list(ROWS))


def columns_are_kept(folder: Path, out: Path) -> None:
    trainer = reward_trainer(folder, ROWS, out)
    assert trainer.args.remove_unused_columns
    assert next(iter(trainer.get_train_dataloader()))["input_ids"].shape[0] == 4


def one_more_argument(folder: Path, out: Path) -> None:
    argument = inspect.signature(Trainer.compute_loss).parameters["num_items_in_batch"]
    assert argument.default is None


def renamed(old: str, new: str) -> Callable[[Path, Path], None]:
    def check(folder: Path, out: Path) -> None:
        assert old not in parameters(TrainingArguments.__init__)
        assert new in parameters(TrainingArguments.__init__)

    return check


def warmup(folder: Path, out: Path) -> None:
    renamed("warmup_ratio", "warmup_steps")(folder, out)
    assert TrainingArguments(str(out), warmup_steps=0.1, use_cpu=True).get_warmup_steps(50) == 5


def by_length(folder: Path, out: Path) -> None:
    renamed("group_by_length", "train_sampling_strategy")(folder, out)
    given = TrainingArguments(str(out), train_sampling_strategy="group_by_length", use_cpu=True)
    assert given.train_sampling_strategy == "group_by_length"


def no_ppo(folder: Path, out: Path) -> None:
    for name in ("PPOTrainer", "PPOConfig", "PPOv2Trainer"):
        absent("trl", name)
    absent("trl.experimental.ppo", "PPOTrainer")
    experimental = Path(trl.__file__).parent / "experimental"
    assert not list(experimental.rglob("*ppo*"))
    assert issubclass(GRPOTrainer, Trainer)
    assert issubclass(RLOOTrainer, Trainer)


def no_value_head(folder: Path, out: Path) -> None:
    absent("trl", "AutoModelForCausalLMWithValueHead")
    absent("trl.models", "AutoModelForCausalLMWithValueHead")


def no_length_sampler(folder: Path, out: Path) -> None:
    absent("trl.core", "LengthSampler")
    for config in (GRPOConfig, RLOOConfig):
        assert "max_completion_length" in parameters(config)


def no_loop_of_ones_own(folder: Path, out: Path) -> None:
    for trainer in (GRPOTrainer, RLOOTrainer):
        assert not hasattr(trainer, "generate")
        assert not hasattr(trainer, "step")


def rloo_arguments(folder: Path, out: Path) -> None:
    names = parameters(RLOOTrainer.__init__)
    assert {"model", "reward_funcs"} <= names
    assert not {"policy", "ref_policy", "reward_model"} & names


def generations(folder: Path, out: Path) -> None:
    assert "rloo_k" not in parameters(RLOOConfig)
    assert "num_generations" in parameters(RLOOConfig)


CHECKS: dict[str, Callable[[Path, Path], None]] = {
    "`RewardDataCollatorWithPadding`": old_collator,
    "columns " + ", ".join(f"`{name}`" for name in OLD_COLUMNS): old_columns,
    "a `preprocess_function` that fills them": no_preprocessing,
    "two forward passes, chosen and rejected": one_forward,
    "`RewardTrainer(tokenizer=...)`": processing_class,
    "truncation by your own tokenizer call": longer_pairs_are_left_out,
    "`compute_accuracy`": accuracy_is_logged,
    "`remove_unused_columns=False` for `RewardTrainer`": columns_are_kept,
    "`compute_loss(self, model, inputs, return_outputs=False)`": one_more_argument,
    "`evaluation_strategy`": renamed("evaluation_strategy", "eval_strategy"),
    "`warmup_ratio`": warmup,
    "`no_cuda=True`": renamed("no_cuda", "use_cpu"),
    "`group_by_length=True`": by_length,
    "`PPOTrainer`, `PPOConfig`": no_ppo,
    "`AutoModelForCausalLMWithValueHead`": no_value_head,
    "`trl.core.LengthSampler`": no_length_sampler,
    "`ppo_trainer.generate(...)`, `ppo_trainer.step(...)`": no_loop_of_ones_own,
    "`RLOOTrainer(policy=..., ref_policy=..., reward_model=...)`": rloo_arguments,
    "`rloo_k`": generations,
}


def migration_table() -> dict[str, str]:
    table = PAGE.read_text(encoding="utf-8").partition("| then | now |")[2]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", table, re.MULTILINE)
    return dict(rows)


def test_every_row_of_the_table_is_checked() -> None:
    assert list(migration_table()) == list(CHECKS)
    text = PAGE.read_text(encoding="utf-8")
    # The versions that the page speaks of are the ones these checks ran against.
    assert f"TRL {'.'.join(trl.__version__.split('.')[:2])} " in text
    assert f"transformers {'.'.join(transformers.__version__.split('.')[:2])}:" in text


@pytest.mark.parametrize("then", CHECKS)
def test_a_row_of_the_table_is_true(then: str, llama_folder: Path, tmp_path: Path) -> None:
    CHECKS[then](llama_folder, tmp_path)


# ---- how outputs are compared ----


@pytest.mark.parametrize(
    ("shown", "how", "printed", "same"),
    [
        ("a 1\n", "exact", "a  1\n", True),
        ("a 1\n", "exact", "a 2\n", False),
        ("a 1\n", "exact", "a 1\nmore\n", False),
        ("a 0.50\n", "about", "a 0.58\n", True),
        ("a 0.50\n", "about", "a 0.62\n", False),
        ("a 0.50\n", "about", "b 0.50\n", False),
        ("1,200 [−.10, +.20]\n", "about", "1,250 [−.05, +.15]\n", True),
        ("1,200 rows\n", "about", "1,400 rows\n", False),
        ("...\nb\n", "exact", "a\na\nb\n", True),
        ("...\nb\n", "exact", "b\n", True),
        ("a\n...\n", "exact", "b\na\n", False),
        ("a ... c\n", "exact", "a b c\n", True),
        ("---------\n", "exact", "-----\n", True),
        ("a\n", "varies", "b\n", True),
    ],
)
def test_output_is_compared_as_the_page_says(
    shown: str, how: str, printed: str, same: bool
) -> None:
    assert (difference(Cell(1, "python", "", shown, how), printed) is None) == same


def test_cells_are_read_in_order() -> None:
    page = (
        "# Title\n\n```python\nprint(1)\n```\n\n```text about\n1\n```\n"
        "<!-- check\nassert True\n-->\n"
        "```console\n$ rmbench list \\\n    suites\npairs\n$ rmbench --version\n```\n"
    )
    assert read_cells(page) == [
        Cell(3, "python", "print(1)\n", "1\n", "about"),
        Cell(10, "check", "assert True\n"),
        Cell(13, "console", "rmbench list     suites", "pairs\n"),
        Cell(13, "console", "rmbench --version"),
    ]
    with pytest.raises(ValueError, match="line 1: a block of 'bash'"):
        read_cells("```bash\nls\n```\n")


def test_a_cell_that_fails_ends_the_run(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\n```\n```python\ny = x / 0\n```\n```python\nx\n```\n")
    with pytest.raises(AssertionError, match=r"line 4:[\s\S]*ZeroDivisionError"):
        run(read_cells(page.read_text()), page, tmp_path)
