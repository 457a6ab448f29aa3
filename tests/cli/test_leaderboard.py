"""``rmbench leaderboard`` from the outside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rmbench.cli.main import invoke

HEAVY = ("torch", "transformers", "datasets", "trl", "accelerate")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli-board")
    rows = [
        {"prompt": f"q{i}", "chosen": "a" * (i + 2), "rejected": "b" * (9 - i)} for i in range(8)
    ]
    data = folder / "p.jsonl"
    data.write_text("".join(json.dumps(r) + "\n" for r in rows))
    out = folder / "out"
    run = ["run", "length:", "random:", "--suite", "pairs", "--data", str(data), "--out", str(out)]
    assert invoke(run) == 0
    return out


def test_every_format_is_written(
    results: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    args = ["leaderboard", str(results), "--json", "--title", "Mine"]
    files = [tmp_path / f"b.{suffix}" for suffix in ("html", "md", "csv", "tex", "json")]
    for file in files:
        args += ["-o", str(file)]
    capfd.readouterr()
    assert invoke(args) == 0
    out, err = capfd.readouterr()
    body = json.loads(out)
    assert body["schema_version"] == 1
    assert [m["content_blind"] for m in body["models"]] == [True, True]
    assert body["suites"][0]["reason"] == "only content-blind baselines were measured"
    assert err.count("wrote ") == 5
    assert json.loads(files[4].read_text(encoding="utf-8")) == body
    assert files[1].read_text(encoding="utf-8").startswith("# Mine\n")


def test_the_terminal_shows_the_tables(results: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    assert invoke(["leaderboard", str(results)]) == 0
    out = capfd.readouterr().out
    assert "2 content-blind baselines on 1 suite" in out
    assert "length°" in out


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["-o", "b.pdf"], 2, "ends in one of .html, .md"),
        ([], 3, "holds no result.json"),
        (["-o", "b.md", "--data", "."], 2, "--data and --suite are for a page's mistakes"),
        (["--data", "."], 2, "give -o FILE.html"),
        (["-o", "b.html", "--suite", "llmbar"], 2, "give --data DIR"),
    ],
)
def test_what_cannot_be_done_is_said(
    args: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    capfd.readouterr()
    assert invoke(["leaderboard", str(tmp_path), *args]) == code
    out, err = capfd.readouterr()
    assert message in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_no_torch_is_imported(results: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from rmbench.cli.main import invoke\n"
        "assert invoke(['leaderboard', sys.argv[1], '-o', sys.argv[2]]) == 0\n"
        f"heavy = set({HEAVY!r} + ('matplotlib',)) & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    command = [sys.executable, "-c", code, str(results), str(tmp_path / "b.html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
