"""``rmbench compare``: exit codes, streams, files, and names that mean harm."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from stored_pairs import pair_scores, right_and_wrong, store

from rmbench.cli.main import invoke
from rmbench.result import ComparisonReport, Mistake, StoredRun, write_run

HOSTILE = "<script>alert(1)</script>|`x`\x1b[31m**bold**](http://e.vil)"


@pytest.fixture
def sides(tmp_path: Path) -> tuple[StoredRun, StoredRun]:
    baseline, candidate = right_and_wrong(500, 60, 120, 120)
    subset = np.resize(["a", "b"], len(baseline))
    a = store(tmp_path, "old", pair_scores(baseline, subset=subset))
    b = store(tmp_path, "new", pair_scores(candidate, subset=subset))
    return a, b


def run(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    code = invoke(["compare", *map(str, args)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_verdict_comes_first(
    sides: tuple[StoredRun, StoredRun], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, *(s.path for s in sides))
    assert (code, err) == (0, "")
    first = " ".join(out.split("\n\n")[0].split())
    assert first == (
        "new against old on made: accuracy .775 against .700, +7.5 points [+4.3, +10.8], "
        "p < .001: improved (detectable: 4.7 points)"
    )
    assert "800 items" in out
    assert "Right only for new: 120 items; only for old: 60." in out
    assert max(map(len, out.splitlines())) <= 80


def test_json_is_the_report(
    sides: tuple[StoredRun, StoredRun], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, *(s.path for s in sides), "--json")
    assert code == 0
    report = ComparisonReport.model_validate_json(out)
    estimate = report.comparisons[0].estimate("accuracy", "a")
    assert estimate is not None
    assert estimate.q is not None


def test_nothing_of_torch_is_imported(sides: tuple[StoredRun, StoredRun], tmp_path: Path) -> None:
    program = (
        "import sys; from rmbench.cli.main import invoke; code = invoke(sys.argv[1:]); "
        "print([m for m in ('torch', 'transformers', 'datasets') if m in sys.modules], code)"
    )
    out = [str(tmp_path / f"c{ending}") for ending in (".html", ".md", ".json")]
    args = ["compare", *(str(s.path) for s in sides), *(x for o in out for x in ("-o", o))]
    done = subprocess.run(
        [sys.executable, "-c", program, *args], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[] 0"


def test_exit_codes(
    sides: tuple[StoredRun, StoredRun], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = (str(s.path) for s in sides)
    short = str(store(tmp_path, "short", pair_scores(np.ones(600))).path)
    code, out, err = run(capsys, a, short)
    assert code == 2
    assert "not comparable" in out
    assert err.startswith("rmbench: error: made: ")
    assert len(err.splitlines()) == 1
    assert run(capsys, b, a, "--fail-if", "accuracy:1pp")[0] == 1
    assert run(capsys, a, b, "--fail-if", "accuracy:1pp", "--strict")[0] == 0
    assert run(capsys, a, b, "--fail-if", "no_such_metric:1pp")[0] == 2
    assert run(capsys, a, b, "--flips", "many")[0] == 2
    assert run(capsys, a, b, "--replicates")[0] == 2
    assert run(capsys, a, tmp_path / "missing")[0] == 3


def test_a_partial_comparison_fails_unless_its_coverage_is_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    a = store(tmp_path, "old", pair_scores(rng.normal(size=100))).path
    b = store(tmp_path, "new", pair_scores(rng.normal(size=95))).path
    code, out, err = run(capsys, a, b, "--allow-partial")
    assert (code, err) == (1, "")
    assert "coverage 95.0 %" in out
    assert (
        "FAIL          coverage<100%  new on made: 95 items are shared, 95.0 % of all; "
        "--min-coverage asks for 100 % gate did not pass: 1 failed"
    ) in out.replace("\n" + " " * 14, " ").replace("\n", " ")
    assert run(capsys, a, b, "--allow-partial", "--min-coverage", "0.95")[0] == 0


def test_no_file_says_pass_where_too_few_items_are_shared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    a = store(tmp_path, "old", pair_scores(np.ones(100))).path
    b = store(tmp_path, "new", pair_scores(np.ones(95))).path
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    junit = tmp_path / "c.junit.xml"
    args = (a, b, "--allow-partial", "--fail-if", "accuracy<0.5", "-o", junit)
    code, out, _ = run(capsys, *args)
    assert code == 1
    assert "FAIL          coverage<100%  new on made: 95 items are shared" in out
    assert 'failures="1"' in junit.read_text()
    assert (tmp_path / "outputs").read_text() == "verdict=fail\npassed=false\n"
    code, out, _ = run(capsys, *args, "--min-coverage", "0.9")
    assert code == 0
    assert 'failures="0"' in junit.read_text()


def test_an_unknown_ending_is_refused_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, tmp_path / "a", tmp_path / "b", "-o", "x.pdf")
    assert code == 2
    assert "x.pdf: a comparison's name ends in one of .html, .md, .json" in err
    code, _, err = run(capsys, tmp_path / "a", tmp_path / "b", "-o", "x.junit.xml")
    assert code == 2
    assert "--fail-if RULE" in err


def test_rules_stand_in_every_file(
    sides: tuple[StoredRun, StoredRun], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = [tmp_path / f"c{ending}" for ending in (".html", ".md", ".json", ".junit.xml")]
    args = [x for o in outputs for x in ("-o", o)]
    code, out, _ = run(capsys, *(s.path for s in sides), "--fail-if", "accuracy:1pp", *args)
    assert code == 0
    assert out.rstrip().endswith("gate passed: 1 passed")
    for output in outputs:
        text = output.read_text(encoding="utf-8").replace("<wbr>", "")
        assert "accuracy:1pp" in text, output
    body = json.loads(outputs[2].read_text(encoding="utf-8"))
    assert body["gate"]["passed"] is True


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)


def test_names_and_texts_that_mean_harm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baseline, candidate = right_and_wrong(3, 2, 1, 1)
    ids = [f"{HOSTILE}{k}" for k in range(len(baseline))]
    given = {"ids": ids, "subset": [HOSTILE] * len(ids)}
    a = store(tmp_path, HOSTILE, pair_scores(baseline, **given))
    b = store(tmp_path, f"{HOSTILE}2", pair_scores(candidate, **given))
    mistake = Mistake(
        example_id=ids[3], subset=HOSTILE, prompt=({"role": "user", "content": HOSTILE},),
        chosen=HOSTILE, rejected="\x00\u202e", reward_chosen=-1, reward_rejected=0, margin=-1,
    )  # fmt: skip
    write_run(tmp_path, b.result, b.scores(), [mistake])
    html, markdown = tmp_path / "c.html", tmp_path / "c.md"
    code, out, _ = run(capsys, a.path, b.path, "-o", html, "-o", markdown)
    assert code == 0
    assert "\x1b" not in out
    page = html.read_text(encoding="utf-8")
    parser = _Tags()
    parser.feed(page)
    assert parser.tags.count("script") == 1  # the page's own
    assert "<script>alert" not in page
    assert not {"\x00", "\x1b", "\u202e"} & set(page)
    assert "&lt;script&gt;alert(1)" in page
    written = markdown.read_text(encoding="utf-8")
    text = re.sub(r"(?ms)^(`{3,})text\n.*?^\1$", "", written)  # code is shown as it is
    assert text != written
    assert "<script" not in text
    assert not re.search(r"(?<!\\)\]\(", text)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    pipes = {line.replace("\\|", "").count("|") for line in rows}
    assert pipes <= {5, 7, 12}


def test_markdown_starts_at_the_third_level(
    sides: tuple[StoredRun, StoredRun], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "c.md"
    assert run(capsys, *(s.path for s in sides), "-o", out)[0] == 0
    text = out.read_text(encoding="utf-8")
    assert "\n### Comparison\n" in text
    assert not any(line.startswith(("# ", "## ")) for line in text.splitlines())
    assert text.count("<details>") == text.count("</details>") > 0


def test_the_page_needs_no_network(
    sides: tuple[StoredRun, StoredRun], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "c.html"
    assert run(capsys, *(s.path for s in sides), "-o", out)[0] == 0
    page = out.read_text(encoding="utf-8")
    assert "http://" not in page
    assert "https://" not in page
    assert "src=" not in page
    assert run(capsys, *(s.path for s in sides), "-o", tmp_path / "again.html")[0] == 0
    assert (tmp_path / "again.html").read_bytes() == out.read_bytes()


def test_a_file_that_cannot_be_written_is_named(
    sides: tuple[StoredRun, StoredRun], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if os.geteuid() == 0:
        target = tmp_path / "file" / "c.md"
        (tmp_path / "file").write_text("")
    else:
        target = Path("/proc/c.md")
    code, _, err = run(capsys, *(s.path for s in sides), "-o", target)
    assert code == 3
    assert str(target) in err
