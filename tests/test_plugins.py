"""Plug-ins as users write them: the package in ``plugin_package``, installed, and broken ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).parent / "plugin_package"
CONTRIBUTING = Path(__file__).parents[1] / "CONTRIBUTING.md"

QUIZ = [
    {
        "id": "capital",
        "topic": "cities",
        "question": "What is the capital of France?",
        "answer": "Paris is the capital of France.",
        "distractors": ["Rome.", "The capital is Rome."],
    },
    {
        "id": "river",
        "topic": "rivers",
        "question": "Which river runs through Paris?",
        "answer": "The Seine.",
        "distractors": ["The river Thames runs through London.", "The Rhine."],
    },
]
"""Words of the questions in the answers: 5 of 6, 0 and 3; then 0 of 5, 3 and 0."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages with the example in it, built as a user builds it."""
    site = tmp_path_factory.mktemp("site")
    command = "-m pip install -q --no-deps --no-build-isolation --no-index --target".split()
    subprocess.run(
        [sys.executable, *command, str(site), str(PACKAGE)], check=True, capture_output=True
    )
    return site


def run(*sites: Path, args: str | list[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sites)), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "rmbench", *(args.split() if isinstance(args, str) else args)],
        capture_output=True,
        text=True,
        env=environment,
    )


def listed(site: Path, what: str) -> dict[str, dict[str, Any]]:
    done = run(site, args=f"list {what} --json")
    assert done.returncode == 0, done.stderr
    return {row["name"]: row for row in json.loads(done.stdout)[what]}


def install(site: Path, name: str, entry_points: str, **modules: str) -> Path:
    info = site / f"{name}-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(entry_points)
    for module, body in modules.items():
        (site / f"{module}.py").write_text(body)
    return site


def pairs(folder: Path) -> Path:
    file = folder / "pairs.jsonl"
    file.write_text('{"prompt": "p", "chosen": "longer", "rejected": "short"}\n')
    return file


def only_line(done: subprocess.CompletedProcess[str], code: int = 2) -> str:
    """The one line of an error; what is told of progress does not count."""
    assert done.returncode == code, done.stderr
    lines = [x for x in done.stderr.splitlines() if not x.endswith(": loading")]
    assert len(lines) == 1, done.stderr
    return lines[0].removeprefix("rmbench: error: ")


# --- the example package


def test_its_scorer_loader_metric_and_suite_work_together(site: Path, tmp_path: Path) -> None:
    (tmp_path / "quiz").mkdir()
    (tmp_path / "quiz/quiz.jsonl").write_text("".join(json.dumps(r) + "\n" for r in QUIZ))
    given = ["--suite", "quiz", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--json"]
    done = run(site, args=["run", "prompt-overlap:", "prompt-overlap:5", *given])
    assert done.returncode == 0, done.stderr
    every, long = json.loads(done.stdout)["results"]
    value = {(e["metric"], e["subset"]): e["value"] for e in every["estimates"]}
    # In the first question the answer is at the top. In the second one distractor is above it
    # and one beside it, so it stands at 1 + 1 + 1/2.
    assert value["score", None] == value["reciprocal_rank", None] == (1 + 1 / 2.5) / 2
    assert value["reciprocal_rank", "cities"] == 1.0
    assert value["reciprocal_rank", "rivers"] == 0.4
    assert value["accuracy", None] == (1 + 0.25) / 2
    assert every["scorer"]["spec"] == "prompt-overlap:1"
    assert every["provenance"]["data"]["layout"] == "quiz"
    # Of five letters or more: capital, France; then which, river, through, Paris.
    assert long["scorer"]["spec"] == "prompt-overlap:5"
    assert {(e["metric"], e["subset"]): e["value"] for e in long["estimates"]}["score", None] == 0.7
    folders = {p.name for p in (tmp_path / "out").iterdir()}
    assert len(folders) == 2
    checked = run(site, args=["check-suite", "quiz", "--data", str(tmp_path)])
    assert checked.returncode == 0, checked.stdout
    report = run(site, args=["report", str(tmp_path / "out"), "-o", str(tmp_path / "r.html")])
    assert report.returncode == 0, report.stderr
    assert "reciprocal rank" in (tmp_path / "r.html").read_text()


def test_its_scorer_labels_a_file_by_itself(site: Path, tmp_path: Path) -> None:
    done = run(
        site,
        args=["score", "prompt-overlap:", "--data", str(pairs(tmp_path)),
              "--out", str(tmp_path / "scores.parquet")],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "scores.parquet").exists()


def test_lists_have_what_it_offers(site: Path) -> None:
    assert listed(site, "scorers")["prompt-overlap:"]["what"] == "of the package rmbench-example"
    assert listed(site, "suites")["quiz"]["what"] == "Quiz"
    assert "distractors" in listed(site, "loaders")["quiz"]["what"]
    assert listed(site, "metrics")["reciprocal_rank"]["better"] == "higher"
    shown = run(site, args="show quiz")
    assert "quiz/quiz.jsonl" in shown.stdout
    assert "reciprocal_rank" in shown.stdout


def test_an_option_that_its_scorer_cannot_take_is_one_line(site: Path, tmp_path: Path) -> None:
    done = run(
        site,
        args=["run", "prompt-overlap:many", "--suite", "pairs", "--data", str(pairs(tmp_path))],
    )
    assert only_line(done) == "'prompt-overlap:' takes a number of letters, got 'many'"


# --- names that two packages offer


@pytest.mark.parametrize(
    ("group", "name", "what", "ours"),
    [
        ("scorers", "length", "list scorers", "rmbench (rmbench.scorers.heuristic:create_length)"),
        ("metrics", "accuracy", "show pairs", "rmbench (rmbench.metrics.catalogue:ACCURACY)"),
        ("loaders", "auto", "list loaders", "rmbench (rmbench.data.formats:AUTO)"),
        ("suites", "rm-bench", "show rm-bench", "rmbench"),
        ("suites", "rm-bench", "list suites", "rmbench"),
    ],
)
def test_a_built_in_name_is_an_error_that_names_both_packages(
    tmp_path: Path, group: str, name: str, what: str, ours: str
) -> None:
    install(tmp_path, "impostor", f"[rmbench.{group}]\n{name} = impostor_module:IT\n")
    assert only_line(run(tmp_path, args=what)) == (
        f"two packages offer the {group[:-1]} {name!r}: impostor (impostor_module:IT) and {ours}; "
        "uninstall one"
    )


def test_so_is_a_name_of_another_plug_in(site: Path, tmp_path: Path) -> None:
    install(tmp_path, "impostor", "[rmbench.suites]\nquiz = impostor_module:IT\n")
    assert only_line(run(site, tmp_path, args="list suites")) == (
        "two packages offer the suite 'quiz': impostor (impostor_module:IT) and rmbench-example "
        "(rmbench_example.suite:QUIZ); uninstall one"
    )


# --- broken ones


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    groups = ("scorers", "metrics", "loaders", "suites")
    points = "".join(f"[rmbench.{group}]\nbroken = broken_plugin:IT\n" for group in groups)
    return install(
        tmp_path_factory.mktemp("broken"),
        "broken",
        points,
        broken_plugin="import no_such_module\n",
    )


CANNOT = (
    "of the package broken (broken_plugin:IT) cannot be imported: "
    "ModuleNotFoundError: No module named 'no_such_module'"
)


def test_one_that_cannot_be_imported_is_one_line_with_its_package(
    broken: Path, tmp_path: Path
) -> None:
    given = ["--suite", "pairs", "--data", str(pairs(tmp_path)), "--out", str(tmp_path / "out")]
    assert (
        only_line(run(broken, args=["run", "broken:", *given])) == f"the scorer 'broken' {CANNOT}"
    )
    assert only_line(run(broken, args="show broken")) == f"the suite 'broken' {CANNOT}"
    for field, kind in (("loader = 'broken'", "loader"), ("loader = 'auto'", "metric")):
        metric = "broken" if kind == "metric" else "accuracy"
        (tmp_path / "own.toml").write_text(
            "name = 'own'\nversion = '1'\ntitle = 'Own'\ndescription = 'd'\nties = 'half'\n"
            f"metrics = ['{metric}']\n[data]\n{field}\n"
        )
        given[1] = str(tmp_path / "own.toml")
        done = run(broken, args=["run", "length:", *given])
        assert only_line(done) == f"the {kind} 'broken' {CANNOT}"


def test_it_is_in_nobodys_way(broken: Path, tmp_path: Path) -> None:
    given = ["--suite", "pairs", "--data", str(pairs(tmp_path)), "--out", str(tmp_path / "out")]
    done = run(broken, args=["run", "length:", *given, "--json"])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"][0]["counts"]["examples"] == 1
    for what, kind in (("metrics", "metric"), ("loaders", "loader"), ("suites", "suite")):
        rows = listed(broken, what)
        assert rows.pop("broken")["what"] == f"cannot be used: the {kind} 'broken' {CANNOT}"
        assert not [row for row in rows.values() if "cannot" in row["what"]]
    assert listed(broken, "scorers")["broken:"]["what"] == "of the package broken"


WRONG = """
from pathlib import Path
from rmbench.metrics.catalogue import ACCURACY

class Metric:
    name = "wrong"

def suite():
    return {}["quiz"]

def pairs():
    from rmbench.resources import builtin_suites
    return builtin_suites()["pairs"]

class Scorer:
    from rmbench.result import ScorerInfo
    info = ScorerInfo(spec="short:", kind="short", name="short", margins_are_logits=False)

    def score(self, conversations):
        from numpy import zeros
        from rmbench.types import ScoredBatch
        n = len(conversations) - 1
        return ScoredBatch(zeros(n), zeros(n, int), zeros(n, bool)) if n else [0.0, 1.0]

def create(spec, options):
    return Scorer()
"""


@pytest.mark.parametrize(
    ("points", "command", "message"),
    [
        ("[rmbench.metrics]\nwrong = wrong:Metric\n", "list metrics",
         "the metric 'wrong' of the package wrong (wrong:Metric) is a class: let its entry point "
         "name an object of it"),
        ("[rmbench.metrics]\nprecision = wrong:ACCURACY\n", "list metrics",
         "the metric 'precision' of the package wrong (wrong:ACCURACY) calls itself 'accuracy': "
         "its entry point must have its name"),
        ("[rmbench.scorers]\nwrong = wrong:WRONG\n", "run wrong: --suite pairs --data PAIRS",
         "the scorer 'wrong' of the package wrong (wrong:WRONG) cannot be imported: "
         "AttributeError: module 'wrong' has no attribute 'WRONG'"),
        ("[rmbench.suites]\nwrong = wrong:suite\n", "show wrong",
         "the suite 'wrong' of the package wrong (wrong:suite) gives no path of a TOML file: "
         "KeyError: 'quiz'"),
        ("[rmbench.suites]\nours = wrong:pairs\n", "show ours",
         "pairs.toml: field 'name': 'pairs', but the package wrong (wrong:pairs) offers it as "
         "'ours'"),
        ("[rmbench.scorers]\nshort = wrong:create\n", "run short: --suite pairs --data PAIRS",
         "short: gave 1 rewards for 2 responses"),
    ],
)  # fmt: skip
def test_one_that_is_wrong_is_told_how(
    tmp_path: Path, points: str, command: str, message: str
) -> None:
    install(tmp_path, "wrong", points, wrong=WRONG)
    if command.startswith("list"):
        (row,) = (r for r in listed(tmp_path, "metrics").values() if "cannot" in r["what"])
        assert row["what"] == f"cannot be used: {message}"
        return
    done = run(tmp_path, args=command.replace("PAIRS", str(pairs(tmp_path))))
    assert only_line(done, 3 if "short" in command else 2).endswith(message)


# --- what CONTRIBUTING.md tells to do


def recipe(section: str, language: str) -> str:
    body = CONTRIBUTING.read_text(encoding="utf-8").split(f"## {section}\n", 1)[1].split("\n## ")[0]
    blocks = dict(re.findall(r"^```(\w*)\n(.*?)^```$", body, re.MULTILINE | re.DOTALL))
    return blocks[language]


def shell(script: str, folder: Path, *sites: Path) -> str:
    """The lines of a recipe, of which `pip install` is done already, run in a folder."""
    lines = [
        f"{sys.executable} -m {x}" if x.startswith("rmbench ") else x for x in script.split("\n")
    ]
    lines = [x for x in lines if not x.startswith("pip install ")]
    done = subprocess.run(
        ["bash", "-euc", "\n".join(lines)],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sites))},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not CONTRIBUTING.exists(), reason="CONTRIBUTING.md is not beside the tests")
def test_the_recipes_do_what_they_say(site: Path, tmp_path: Path) -> None:
    (tmp_path / "capitals.toml").write_text(recipe("Add a suite", "toml"))
    said = shell(recipe("Add a suite", ""), tmp_path)
    assert "0 errors" in said or "no problems found" in said
    # Of Paris and Lyon, Rome and Milan, one right answer is the longer one.
    assert ".500" in said
    assert (tmp_path / "results/runs").exists()
    declared = recipe("Write a plug-in package", "toml")
    for line in declared.splitlines():
        assert line.split("#")[0].strip() in (PACKAGE / "pyproject.toml").read_text()
    said = shell(recipe("Write a plug-in package", ""), tmp_path, site)
    assert "prompt-overlap" in said
