from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rmbench.cli.main import invoke


def write_pairs(path: Path) -> Path:
    rows = [
        {"prompt": f"what is the time {i}", "chosen": "now", "rejected": "people say no"}
        for i in range(12)
    ]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


@pytest.fixture
def config(bert_folder: Path, tmp_path: Path) -> Path:
    """A file that says all that is needed, for a run of two steps."""
    write_pairs(tmp_path / "pairs.jsonl")
    path = tmp_path / "rm.toml"
    path.write_text(
        f"""
        base = {json.dumps(str(bert_folder))}
        data = "pairs.jsonl"
        device = "cpu"
        bf16 = false
        pairs_per_step = 4
        max_steps = 2
        dev_fraction = 0.25
        """
    )
    return path


def run(capfd: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = invoke(["train", *args])
    out, err = capfd.readouterr()
    assert "Traceback" not in err
    return code, out, err


def test_a_file_and_options_over_it_end_in_the_record(
    config: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(
        capfd, "--config", str(config), "--out", str(tmp_path / "rm"), "--lr", "1e-3",
        "--trainer-arg", "adam_beta2=0.95", "--json",
    )  # fmt: skip
    assert code == 0, err
    # Standard output holds the record and nothing else.
    record: dict[str, Any] = json.loads(out)
    assert record == json.loads((tmp_path / "rm" / "rmbench_training.json").read_text())
    arguments = record["arguments"]
    assert arguments["data"] == [str(tmp_path / "pairs.jsonl")]
    assert (arguments["max_steps"], arguments["lr"]) == (2, 1e-3)
    assert arguments["trainer_args"] == {"adam_beta2": 0.95}
    assert record["learning_rate"] == 1e-3
    assert record["dev_split"]["examples"] == 3
    assert record["dev"]["examples"] == 3
    assert "dev split: 3 examples" in err


def test_every_checkpoint_is_one_for_rmbench_run(
    config: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rm"
    code, shown, err = run(capfd, "--config", str(config), "--out", str(out), "--save-steps", "1")
    assert code == 0, err
    assert "dev split" in shown
    assert f"Next: rmbench run {out}" in err
    measured = invoke(
        [
            "run", str(out / "checkpoint-1"), str(out), "--suite", "pairs", "--data",
            str(tmp_path / "pairs.jsonl"), "--device", "cpu", "--out", str(tmp_path / "runs"),
            "--json",
        ]
    )  # fmt: skip
    assert measured == 0
    results = json.loads(capfd.readouterr().out)["results"]
    assert len(results) == 2


@pytest.mark.parametrize(
    ("text", "options", "code", "message"),
    [
        ("", ["--lr", "0"], 2, "--lr is 0.0: it must be above 0.0"),
        ("", ["--max-steps", "two"], 2, "'two' is not a valid integer"),
        ("", ["--trainer", "mine"], 2, "--trainer is 'mine': it must be 'packed' or 'trl'"),
        ("", ["--trainer-arg", "fsdp"], 2, "'fsdp' is not KEY=VALUE"),
        ("", ["--trainer-arg", "seed=1"], 2, "decided by the run: use --seed"),
        ("", ["--resume"], 2, "holds no checkpoint to resume from"),
        ("", ["--early-stopping", "2"], 2, "early_stopping chooses between evaluations"),
        ("", ["--dev-fraction", "0.001"], 2, "--dev-fraction 0.001 leaves nothing to select by"),
        ("", ["--max-length", "4000"], 2, "positions"),
        ("lora_targets = 'q'", [], 2, "need lora_rank"),
        ("warmup_ratio = 2", [], 2, "rm.toml: field 'warmup_ratio' is 2: it must be below 1.0"),
        ("colour = 'red'", [], 2, "rm.toml: field 'colour': unknown field"),
        ("seed = ", [], 2, "rm.toml: is not TOML"),
        ("data = 'none.jsonl'", [], 2, "rm.toml: is not TOML"),
        ("", ["--data", "none.jsonl"], 3, "none.jsonl"),
    ],
)
def test_bad_input_is_one_clear_line_and_the_right_code(
    config: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    text: str, options: list[str], code: int, message: str,
) -> None:  # fmt: skip
    with config.open("a") as file:
        file.write(f"\n{text}\n")
    out = tmp_path / "rm"
    found, shown, err = run(capfd, "--config", str(config), "--out", str(out), *options)
    assert found == code, err
    assert message in err
    assert shown == ""
    assert not out.exists()


def test_an_out_that_holds_something_is_left_alone(
    config: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rm"
    out.mkdir()
    (out / "thesis.tex").write_text("x")
    for more in ([], ["--overwrite"]):
        code, _, err = run(capfd, "--config", str(config), "--out", str(out), *more)
        assert code == 2
        assert "is not empty and holds no model; choose another --out" in err
    assert [p.name for p in out.iterdir()] == ["thesis.tex"]


def test_what_is_missing_is_named_before_torch_is_loaded(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom rmbench.cli.main import invoke\n"
        "assert invoke(['train', '--data', 'x', '--out', 'y']) == 2\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stderr.strip() == "rmbench: error: no --base is given"


def test_only_the_first_process_prints(
    config: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a launcher says it; with one process in all, the run itself stays by itself.
    monkeypatch.setenv("RANK", "1")
    code, out, _ = run(capfd, "--config", str(config), "--out", str(tmp_path / "rm"), "--json")
    assert (code, out) == (0, "")
