"""Bulk runs that were cut off: what is kept, what is taken over, what is refused."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rmbench.errors import DataError, ResultError, UsageError
from rmbench.runner.bulk import BulkRequest, BulkSummary, score_in_bulk
from rmbench.runner.bulk.parts import PartsFolder
from rmbench.scorers.spec import RunOptions

KILLED = """
import os, signal, sys
from pathlib import Path

step, when, seen = int(sys.argv[1]), sys.argv[2], 0

def deadly(own):
    def rename(self, target):
        global seen
        seen += 1
        if (seen, when) == (step, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        own(self, target)
        if (seen, when) == (step, "after"):
            os.kill(os.getpid(), signal.SIGKILL)
    return rename

Path.replace, Path.rename = deadly(Path.replace), deadly(Path.rename)
from rmbench.cli.main import invoke
sys.exit(invoke(sys.argv[3:]))
"""


def write(path: Path, lengths: list[int]) -> Path:
    rows = [{"prompt": f"p{i}", "response": "x" * n} for i, n in enumerate(lengths)]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "r.jsonl", list(range(1, 31)))


def request(data: Path, scorer: str = "length:", **more: Any) -> BulkRequest:
    more = {"chunk_responses": 12, "options": RunOptions(device="cpu", progress=False)} | more
    return BulkRequest(scorer, str(data), **{"out": data.parent / "s.parquet"} | more)


def unbroken(asked: BulkRequest, where: Path) -> bytes:
    where.mkdir()
    out = where / "s.parquet"
    score_in_bulk(BulkRequest(**vars(asked) | {"out": out, "restart": False, "report": print}))
    return out.read_bytes()


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[[BulkRequest, int], None]:
    """Run a request until so many chunks are kept, as if Ctrl-C came then."""

    def run(asked: BulkRequest, chunks: int) -> None:
        own = PartsFolder.write

        def write_some(parts: PartsFolder, index: int, table: Any) -> None:
            if index == chunks:
                raise KeyboardInterrupt
            own(parts, index, table)

        with monkeypatch.context() as patch:
            patch.setattr(PartsFolder, "write", write_some)
            with pytest.raises(KeyboardInterrupt):
                score_in_bulk(asked)

    return run


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.glob(".*")]


# A run of three chunks renames six times: its manifest, three chunks, the file, the folder.
@pytest.mark.parametrize("step", range(1, 8))
def test_a_run_killed_at_any_step_ends_in_the_same_file(
    tmp_path: Path, data: Path, step: int
) -> None:
    asked = request(data)
    moment = [str(step), "before"] if step < 7 else ["6", "after"]
    command = ["score", "length:", "--data", str(data), "--out", str(asked.out)]
    command += ["--chunk-responses", "12", "--device", "cpu"]
    done = subprocess.run([sys.executable, "-c", KILLED, *moment, *command], check=False)
    assert done.returncode == -signal.SIGKILL
    assert hidden(tmp_path)
    if step == 7:
        # All was done: the same command finds its file, and clears up.
        with pytest.raises(UsageError, match="exists already"):
            score_in_bulk(asked)
    else:
        assert score_in_bulk(asked).rows_kept == [0, 0, 12, 24, 30, 30][step - 1]
    assert asked.out.read_bytes() == unbroken(asked, tmp_path / "whole")
    assert not hidden(tmp_path)


def test_an_interrupted_run_says_what_is_kept_and_goes_on(
    tmp_path: Path, data: Path, interrupt: Callable[[BulkRequest, int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    said: list[str] = []
    asked = request(data, report=said.append)
    interrupt(asked, 2)
    assert said[-1].startswith(f"2 finished chunks are kept in {tmp_path}/.s.parquet.parts")
    assert not asked.out.exists()
    written: list[int] = []
    own = PartsFolder.write
    monkeypatch.setattr(
        PartsFolder, "write", lambda parts, i, table: (written.append(i), own(parts, i, table))
    )
    summary = score_in_bulk(asked)
    assert written == [2]
    assert "going on after 2 chunks" in said[-1]
    assert (summary.rows, summary.rows_kept, summary.responses) == (30, 24, 30)
    assert [r["reward"] for r in pq.read_table(asked.out).to_pylist()] == list(range(1, 31))
    assert asked.out.read_bytes() == unbroken(asked, tmp_path / "whole")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scorer": "shorter:"}, 'scorer.spec was "length:", is "shorter:"'),
        ({"chunk_responses": 13}, "chunk_responses was 12, is 13"),
        ({"limit": 29}, "limit was null, is 29"),
    ],
)
def test_parts_of_another_request_are_refused(
    data: Path, interrupt: Callable[[BulkRequest, int], None], change: dict[str, Any], message: str
) -> None:
    asked = request(data)
    interrupt(asked, 1)
    before = sorted(p.name for p in (data.parent / ".s.parquet.parts").iterdir())
    with pytest.raises(UsageError, match="pass --restart to discard them") as caught:
        score_in_bulk(BulkRequest(**vars(asked) | change))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(p.name for p in (data.parent / ".s.parquet.parts").iterdir()) == before
    again = BulkRequest(**vars(asked) | change | {"restart": True})
    assert score_in_bulk(again).rows_kept == 0
    assert again.out.read_bytes() == unbroken(again, data.parent / "whole")
    assert not hidden(data.parent)


def test_parts_of_other_data_or_another_version_are_refused(
    data: Path, interrupt: Callable[[BulkRequest, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(data)
    interrupt(asked, 1)
    with monkeypatch.context() as patch:
        patch.setattr("rmbench.runner.bulk.manifest.__version__", "99.0")
        with pytest.raises(UsageError, match=r'rmbench_version was "0\.1\.0", is "99\.0"'):
            score_in_bulk(asked)
    write(data, list(range(2, 32)))
    with pytest.raises(UsageError, match="source_fingerprint was"):
        score_in_bulk(asked)
    other = write(data.with_name("other.jsonl"), list(range(1, 31)))
    with pytest.raises(UsageError, match=r"source was .*/r\.jsonl.*, is .*/other\.jsonl"):
        score_in_bulk(BulkRequest(**vars(asked) | {"source": str(other)}))


def test_parts_of_another_model_are_refused(
    data: Path, interrupt: Callable[[BulkRequest, int], None], llama_folder: Path
) -> None:
    model = data.parent / "model"
    shutil.copytree(llama_folder, model)
    asked = request(data, str(model))
    interrupt(asked, 1)
    for change, message in (
        ({"overrides": {"max_length": 32}}, "scorer.options.max_length was 64, is 32"),
        (
            {"options": RunOptions(device="cpu", dtype="bfloat16", progress=False)},
            'engine.dtype was "float32", is "bfloat16"',
        ),
    ):
        with pytest.raises(UsageError) as caught:
            score_in_bulk(BulkRequest(**vars(asked) | change))
        assert message in str(caught.value)
    faster = BulkRequest(
        **vars(asked) | {"options": RunOptions("cpu", batch_tokens=512, progress=False)}
    )
    interrupt(faster, 2)  # the size of a batch is no part of what a reward is
    (model / "model.safetensors").touch()
    with pytest.raises(UsageError, match="model_files was"):
        score_in_bulk(asked)


def test_bad_rows_can_be_skipped_after_they_ended_a_run(tmp_path: Path, data: Path) -> None:
    write(data, [1] * 20 + [0] + [2] * 9)
    asked = request(data)
    with pytest.raises(DataError, match="row 21, field 'response': empty response"):
        score_in_bulk(asked)
    skipping = BulkRequest(**vars(asked) | {"skip_bad_rows": True})
    summary = score_in_bulk(skipping)
    assert (summary.rows, summary.rows_kept, summary.skipped) == (29, 12, 1)
    assert asked.out.read_bytes() == unbroken(skipping, tmp_path / "whole")


def test_an_old_file_stays_until_the_new_one_is_complete(
    tmp_path: Path, data: Path, interrupt: Callable[[BulkRequest, int], None]
) -> None:
    asked = request(data, force=True)
    asked.out.write_text("old")
    interrupt(asked, 1)
    assert asked.out.read_text() == "old"
    with pytest.raises(UsageError, match="exists already"):
        score_in_bulk(BulkRequest(**vars(asked) | {"force": False}))
    assert score_in_bulk(asked).rows_kept == 12
    assert asked.out.read_bytes() == unbroken(asked, tmp_path / "whole")


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("00000.parquet", lambda p: p.write_bytes(b"PAR1"), "00000.parquet: cannot be read"),
        (
            "00000.parquet",
            lambda p: shutil.copy(p.with_name("00001.parquet"), p),
            "hold other rows than the source",
        ),
        ("manifest.json", lambda p: p.write_text("{"), "manifest.json: cannot be read"),
        ("manifest.json", lambda p: p.unlink(), "no manifest.json that says what they are"),
    ],
)
def test_damaged_parts_are_named_and_never_used(
    data: Path,
    interrupt: Callable[[BulkRequest, int], None],
    name: str,
    damage: Callable[[Path], object],
    message: str,
) -> None:
    asked = request(data)
    interrupt(asked, 2)
    damage(data.parent / ".s.parquet.parts" / name)
    with pytest.raises((ResultError, UsageError), match=message) as caught:
        score_in_bulk(asked)
    assert "\n" not in str(caught.value)
    assert not asked.out.exists()
    assert score_in_bulk(BulkRequest(**vars(asked) | {"restart": True})).rows == 30


def test_a_run_interrupted_before_its_first_chunk_leaves_nothing(
    tmp_path: Path, data: Path, interrupt: Callable[[BulkRequest, int], None]
) -> None:
    interrupt(request(data), 0)
    assert [p.name for p in tmp_path.iterdir()] == ["r.jsonl"]


@pytest.mark.parametrize(
    ("name", "limit", "total"),
    [("r.jsonl", None, 30), ("r.jsonl", 20, 20), ("r.csv", None, None), ("r.csv", 20, None)],
)
def test_the_bar_knows_how_much_is_to_come(
    data: Path, monkeypatch: pytest.MonkeyPatch, name: str, limit: int | None, total: int | None
) -> None:
    from tqdm import tqdm

    bars: list[Any] = []

    class Seen(tqdm):  # type: ignore[type-arg]  # generic in the stubs only
        def close(self) -> None:
            bars.append((self.total, self.n))
            super().close()

    rows = "".join(f"p{i},x\n" for i in range(30))
    (data.parent / "r.csv").write_text(f"prompt,response\n{rows}")
    monkeypatch.setattr("rmbench.runner.bulk.job.tqdm", Seen)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    asked = request(data.parent / name, limit=limit, options=RunOptions(device="cpu"))
    summary: BulkSummary = score_in_bulk(asked)
    assert bars[-1] == (total, limit or 30)
    assert summary.rows == (limit or 30)
