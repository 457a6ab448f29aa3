"""``rmbench score`` as it is typed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from rmbench.cli.main import invoke

RMBENCH = [sys.executable, "-m", "rmbench"]


def write(path: Path, n: int = 6) -> Path:
    rows = [{"prompt": f"what is {i}", "response": "yes " * (i % 7 + 1)} for i in range(n)]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "r.jsonl")


def score(data: Path, *more: str, scorer: str = "length:", name: str = "s.parquet") -> list[str]:
    return ["score", scorer, "--data", str(data), "--out", str(data.parent / name), *more]


def test_the_summary_stands_on_stdout(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert invoke(score(data)) == 0
    out, err = capfd.readouterr()
    said = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert said["rows"] == said["responses"] == "6"
    assert said["tokens"] == "0"
    assert said["out"] == str(data.parent / "s.parquet")
    assert said["failed"].startswith("0 ")
    assert "speed" not in said  # lengths are not tokens
    assert err == "length: loading\n"  # no bar, since this is no terminal


def test_json_alone_stands_on_stdout(
    data: Path, llama_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = ["--json", "--device", "cpu", "--dtype", "float32", "--batch-tokens", "256"]
    options += ["--max-length", "32", "--limit", "5", "--skip-bad-rows", "--chunk-responses", "2"]
    assert invoke(score(data, *options, scorer=str(llama_folder))) == 0
    body = json.loads(capfd.readouterr().out)
    rows = pq.read_table(data.parent / "s.parquet").to_pylist()
    assert (body["rows"], body["responses"], body["kind"]) == (5, 5, "responses")
    assert body["tokens"] == sum(r["n_tokens"] for r in rows) > 0
    assert body["tokens_per_s"] == pytest.approx(body["tokens"] / body["scoring_s"], rel=0.1)
    assert body["scorer"]["options"]["max_length"] == 32
    assert body["out"] == str(data.parent / "s.parquet")
    assert (body["skipped"], body["failed"], body["truncated"]) == (0, 0, 0)


def test_a_seed_is_that_of_random(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for seed in ("0", "1"):
        name = f"{seed}.parquet"
        assert invoke(score(data, "--seed", seed, scorer="random:", name=name)) == 0
    first, second = (pq.read_table(data.parent / f"{s}.parquet")["reward"] for s in "01")
    assert first != second
    assert "6" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["score", "length:"], 2, "Missing option '--data'"),
        (["score", "length:", "--data", "{data}", "--out", "{out}.csv"], 2, "end the name in"),
        (["score", "length:", "--data", "./none.jsonl", "--out", "{out}"], 3, "no such file"),
        (["score", "nope:", "--data", "{data}", "--out", "{out}"], 2, "unknown scorer 'nope'"),
        (["score", "./none", "--data", "{data}", "--out", "{out}"], 3, "no such folder"),
        (["score", "length:", "--data", "{broken}", "--out", "{out}"], 3, "line 2 is not JSON"),
        (["score", "length:", "--data", "{odd}", "--out", "{out}"], 3, "of no known format"),
        (["score", "length:", "--data", "{data}", "--out", "{out}", "--max-length", "9"], 2,
         "has no option 'max_length'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_line_and_the_right_code(
    data: Path, capfd: pytest.CaptureFixture[str], args: list[str], code: int, message: str
) -> None:
    folder = data.parent
    (folder / "broken.jsonl").write_text('{"prompt": "p", "response": "r"}\n{"prompt":\n')
    (folder / "odd.jsonl").write_text('{"text": "p"}\n')
    places = {
        "data": str(data),
        "out": str(folder / "s.parquet"),
        "broken": str(folder / "broken.jsonl"),
        "odd": str(folder / "odd.jsonl"),
    }
    before = sorted(folder.iterdir())
    assert invoke([a.format(**places) for a in args]) == code
    out, err = capfd.readouterr()
    assert message in err
    assert "Traceback" not in err
    assert out == ""
    assert sorted(folder.iterdir()) == before


def test_help_has_examples_and_no_torch_is_needed_without_a_model(data: Path) -> None:
    code = (
        "import sys\nfrom rmbench.cli.main import invoke\n"
        f"assert invoke(['score', '--help']) == 0\nassert invoke({score(data)!r}) == 0\n"
        "print('@@', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    text, modules = done.stdout.split("@@ ")
    assert "Examples:" in text
    assert "rmbench score" in text
    assert "--json" in text
    assert not {"torch", "transformers", "datasets", "accelerate"} & set(modules.split())


def test_a_hub_set_is_scored_at_the_commit_that_was_read(tmp_path: Path) -> None:
    # A cache laid out by hand, with the network switched off.
    folder, commit = tmp_path / "hub" / "datasets--org--one", "c" * 40
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit)
    (folder / "snapshots" / commit).mkdir(parents=True)
    write(folder / "snapshots" / commit / "train.jsonl", 9)
    places = {"HF_HOME": str(tmp_path), "HF_HUB_CACHE": str(tmp_path / "hub")}
    places |= {"HF_DATASETS_CACHE": str(tmp_path / "datasets"), "HF_HUB_OFFLINE": "1"}
    command = ["score", "length:", "--data", "org/one", "--out", "s.parquet", "--json"]
    done = subprocess.run(
        [*RMBENCH, *command], cwd=tmp_path, env=os.environ | places, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    body = json.loads(done.stdout)
    assert (body["rows"], body["source"]) == (9, "org/one:train")
    assert body["source_fingerprint"] == f"commit:{commit}"
    found = pq.read_table(tmp_path / "s.parquet")
    assert found["reward"].to_pylist() == [4.0 * (i % 7 + 1) for i in range(9)]


def started(args: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*RMBENCH, *args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def test_a_killed_command_given_again_ends_in_the_same_file(
    tmp_path: Path, llama_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = write(tmp_path / "r.jsonl", 160)
    command = score(
        data, "--chunk-responses", "8", "--device", "cpu", "--json", scorer=str(llama_folder)
    )
    process = started(command)
    parts = tmp_path / ".s.parquet.parts"
    deadline = time.monotonic() + 60
    while sum(1 for _ in parts.glob("*.parquet")) < 3 and time.monotonic() < deadline:
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "s.parquet").exists()
    assert invoke(command) == 0
    body = json.loads(capfd.readouterr().out)
    assert body["rows"] == 160
    assert 24 <= body["rows_kept"] < 160
    whole = [*command[:5], str(tmp_path / "whole.parquet"), *command[6:]]
    assert invoke(whole) == 0
    assert (tmp_path / "s.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz"])
def test_two_hundred_thousand_rows_need_little_memory(
    tmp_path: Path, llama_folder: Path, kind: str
) -> None:
    rows = 200_000
    data = write(tmp_path / "r.jsonl", rows)
    if kind == "jsonl.gz":
        subprocess.run(["gzip", str(data)], check=True)
        data = data.with_name("r.jsonl.gz")
    process = started(score(data, "--device", "cpu", "--json", scorer=str(llama_folder)))
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert json.loads(out)["rows"] == rows
    assert pq.read_metadata(tmp_path / "s.parquet").num_rows == rows
    # Linux counts in kibibytes, macOS in bytes.
    peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    assert peak_bytes < 1.5e9
