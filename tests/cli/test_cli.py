from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from rmbench.cli.main import invoke
from rmbench.spec.metric_groups import METRIC_GROUPS
from rmbench.spec.scorer import ScorerSpec

HEAVY = ("torch", "transformers", "datasets", "trl", "accelerate", "matplotlib", "sklearn")


def imported_by(code: str) -> set[str]:
    out = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('\\n@'.join(['', *sys.modules]))"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return {line[1:] for line in out.splitlines() if line.startswith("@")}


@pytest.mark.parametrize(
    "args",
    [
        "['--help']",
        "['run', '--help']",
        "['list', 'suites']",
        "['list', 'metrics']",
        "['list', 'scorers']",
        "['list', 'loaders']",
        "['show', 'rm-bench']",
    ],
)
def test_looking_around_imports_no_torch(args: str) -> None:
    modules = imported_by(f"from rmbench.cli.main import invoke; assert invoke({args}) == 0")
    assert not modules & set(HEAVY)


def test_importing_rmbench_imports_no_torch() -> None:
    assert not imported_by("import rmbench, rmbench.cli.main, rmbench.result") & set(HEAVY)


def test_reporting_imports_no_torch(tmp_path: Path) -> None:
    write_pairs(tmp_path / "p.jsonl")
    out = tmp_path / "out"
    data, page = str(tmp_path / "p.jsonl"), str(tmp_path / "r.html")
    code = f"""
from rmbench.cli.main import invoke
run = ['run', 'length:', '--suite', 'pairs', '--data', {data!r}, '--out', {str(out)!r}]
assert invoke(run) == 0
assert invoke(['report', {str(out)!r}, '-o', {page!r}]) == 0
"""
    assert not imported_by(code) & {"torch", "transformers", "datasets", "trl", "accelerate"}


def write_pairs(path: Path) -> Path:
    rows = [
        {"prompt": f"q{i}", "chosen": "a" * (i + 2), "rejected": "b" * (5 - i)} for i in range(4)
    ]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def test_json_alone_stands_on_stdout(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = write_pairs(tmp_path / "p.jsonl")
    args = [
        "run",
        "length:",
        "random:",
        "--suite",
        "pairs",
        "--data",
        str(data),
        "--out",
        str(tmp_path / "o"),
        "--json",
    ]
    assert invoke(args) == 0
    body = json.loads(capfd.readouterr().out)
    assert [r["scorer"]["kind"] for r in body["results"]] == ["length", "random"]
    expected = {
        "schema_version",
        "suite",
        "scorer",
        "counts",
        "estimates",
        "partial",
        "missing",
        "modified",
        "provenance",
        "scores_sha256",
    }
    assert set(body["results"][0]) == expected
    assert set(body["results"][0]["suite"]) >= {"name", "version", "digest"}
    assert set(body["results"][0]["counts"]) >= {
        "examples",
        "responses",
        "unique_responses",
        "ties",
        "truncated",
        "failed",
    }
    assert invoke(["report", str(tmp_path / "o"), "--json"]) == 0
    assert len(json.loads(capfd.readouterr().out)["results"]) == 2
    for what in ("suites", "scorers", "metrics", "loaders"):
        assert invoke(["list", what, "--json"]) == 0
        assert json.loads(capfd.readouterr().out)[what]
    assert invoke(["show", "judgebench", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["data"]["hub_id"] == "ScalerLab/JudgeBench"


def test_show_says_what_a_training_file_shares(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = write_pairs(tmp_path / "p.jsonl")
    train = tmp_path / "train.jsonl"
    rows = [
        {"prompt": "Q0 ", "chosen": "bbbbb", "rejected": "AA"},
        {"prompt": "q1", "chosen": "aaa", "rejected": "something else"},
        {"prompt": "q2", "chosen": "new", "rejected": "new"},
        {"prompt": "unseen", "chosen": "x", "rejected": "y"},
        {"prompt": "q3", "chosen": "x"},
    ]
    train.write_text("\n".join(json.dumps(r) for r in rows), encoding="utf-8")
    show = ["show", "pairs", "--overlap", str(train), "--data", str(data)]
    assert invoke([*show, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [len(found["shared"][k]) for k in ("prompt", "answer", "row")] == [3, 2, 1]
    assert (found["examples"], found["other_examples"], found["skipped"]) == (4, 4, 1)
    assert invoke(show) == 0
    out = capfd.readouterr().out
    assert "the prompt: 3 (75.0%)" in out
    assert "(1 rows could not be used)" in out
    assert invoke(["show", "pairs", "--data", str(data)]) == 2


def test_the_tables_stand_on_stdout(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = write_pairs(tmp_path / "p.jsonl")
    assert (
        invoke(
            [
                "run",
                "length:",
                "--suite",
                "pairs",
                "--data",
                str(data),
                "--out",
                str(tmp_path / "o"),
            ]
        )
        == 0
    )
    out, err = capfd.readouterr()
    assert "length" in out
    assert "accuracy" in out
    assert "rmbench report" in err


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["runn"], 2, "no verb 'runn'"),
        (["run"], 2, "Missing argument"),
        (["run", "length:"], 2, "name a --suite"),
        (["run", "length:", "--suite", "nope"], 2, "unknown suite 'nope'"),
        (["run", "length:", "--suite", "pairs", "--ties", "maybe"], 2, "maybe"),
        (["run", "length:", "--suite", "pairs", "--data", "./none.jsonl"], 3, "no such file"),
        (["run", "length:", "--all-checkpoints", "--suite", "pairs"], 2, "training run"),
        (["run", "{empty}", "--all-checkpoints", "--suite", "pairs"], 2, "no finished"),
        (["run", "replay:none.jsonl"], 2, "no such file"),
        (["run", "./none", "--suite", "pairs", "--data", "{pairs}"], 3, "no such folder"),
        (["run", "{empty}", "--suite", "pairs", "--data", "{pairs}"], 3, "holds no config.json"),
        (["run", "length:", "--suite", "pairs", "--data", "{broken}"], 3, "line 2 is not JSON"),
        (["run", "length:", "--suite", "rm-bench", "--data", "{empty}"], 2, "rm_bench"),
        (["report", "none"], 3, "no such file or folder"),
        (["report", "{empty}"], 3, "holds no result.json"),
        (["show", "nope"], 2, "unknown suite"),
        (["list", "things"], 2, "things"),
        (["train", "--base", "./none", "--data", "{pairs}", "--out", "{out}"], 3, "no such folder"),
        (["train", "--base", "./none", "--data", "./none.jsonl", "--out", "{out}"], 3, "none"),
    ],
)
def test_bad_input_is_one_clear_line_and_the_right_code(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    args: list[str], code: int, message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.jsonl").write_text(
        '{"prompt": "q", "chosen": "a", "rejected": "b"}\n{"prompt":\n'
    )
    places = {
        "pairs": str(write_pairs(tmp_path / "p.jsonl")),
        "empty": str(tmp_path / "empty"),
        "broken": str(tmp_path / "broken.jsonl"),
        "out": str(tmp_path / "out"),
    }
    assert invoke([a.format(**places) for a in args]) == code
    out, err = capfd.readouterr()
    assert "Traceback" not in err
    assert message in err
    assert out == ""
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "results").exists()


def test_a_bug_keeps_its_traceback(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: str) -> list[object]:
        raise ZeroDivisionError

    monkeypatch.setattr("rmbench.runner.catalogue.list_entries", broken)
    assert invoke(["list", "suites"]) == 3
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_an_interrupt_is_130(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: str) -> list[object]:
        raise KeyboardInterrupt

    monkeypatch.setattr("rmbench.runner.catalogue.list_entries", interrupted)
    assert invoke(["list", "suites"]) == 130
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("verb", ["demo", "train", "run", "report", "list", "show"])
def test_every_verb_has_help_with_examples(verb: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert invoke([verb, "--help"]) == 0
    out = capfd.readouterr().out
    assert "Example" in out
    assert f"rmbench {verb}" in out
    assert "--json" in out


def test_no_report_is_written_when_one_name_is_wrong(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = write_pairs(tmp_path / "p.jsonl")
    out = str(tmp_path / "o")
    assert invoke(["run", "length:", "--suite", "pairs", "--data", str(data), "--out", out]) == 0
    assert invoke(["report", out, "-o", str(tmp_path / "a.md"), "-o", str(tmp_path / "b.xyz")]) == 2
    assert not (tmp_path / "a.md").exists()


def test_lists_fit_the_terminal_and_metrics_name_their_groups(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for what in ("suites", "scorers", "metrics", "loaders"):
        for columns in (80, 120, 160):
            monkeypatch.setenv("COLUMNS", str(columns))
            assert invoke(["list", what]) == 0
            lines = capfd.readouterr().out.splitlines()
            assert max(map(len, lines)) <= columns, (what, columns)
            assert len(lines) > 8
    monkeypatch.setenv("COLUMNS", "140")
    assert invoke(["list", "metrics"]) == 0
    rows = capfd.readouterr().out.splitlines()
    assert rows[0].split() == ["name", "what", "unit", "better", "groups"]
    assert next(r for r in rows if r.startswith("length_effect ")).endswith(" @length @bias")
    assert next(r for r in rows if r.startswith("accuracy ")).endswith(" higher")
    monkeypatch.setenv("COLUMNS", "60")
    assert invoke(["list", "metrics"]) == 0
    stacked = capfd.readouterr().out
    assert "\nlength_effect\n    " in stacked
    assert "unit: log-odds per rms; better: –; groups: @length @bias\n" in stacked
    assert invoke(["list", "metrics", "--json"]) == 0
    groups = {m["name"]: m["groups"] for m in json.loads(capfd.readouterr().out)["metrics"]}
    assert groups["nll_floor"] == ["@votes"]
    assert groups["length_effect"] == ["@length", "@bias"]
    assert groups["accuracy"] == []
    for group, members in METRIC_GROUPS.items():
        assert [m for m, of in groups.items() if f"@{group}" in of] == sorted(members)


def test_the_help_of_run_names_all_that_only_a_scorers_file_sets(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert invoke(["run", "--help"]) == 0
    text = capfd.readouterr().out
    said = re.findall(r"^ +(\w+ = (?:\"[\w-]+\"|true)) ", text, re.MULTILINE)
    fields = tomllib.loads("\n".join(said))
    spec = ScorerSpec(kind="replay", target="scores.jsonl", **fields)
    assert spec.failed_scores == "lowest"
    # A revision stands behind the model's id, and a kind before a target.
    elsewhere = {"kind", "target", "revision"}
    options = {option.replace("-", "_") for option in re.findall(r"--([a-z-]+)", text)}
    assert set(fields) == set(ScorerSpec.model_fields) - elsewhere - options
