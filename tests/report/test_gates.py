"""A gate's answer in every format: what it says, and that no name breaks out of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from gate_examples import binary, comparison, continuous, estimate, result, scorer
from hypothesis import given
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped

from rmbench.errors import ResultError, UsageError
from rmbench.gate import judge, judge_absolute, read_rules
from rmbench.report.gate_write import gate_renderer, write_gate
from rmbench.report.gates import (
    gate_html,
    gate_markdown,
    render_gate,
    summary_line,
    verdict_of,
)
from rmbench.report.github_actions import (
    SUMMARY_LIMIT,
    annotation_lines,
    harmless,
    write_job,
)
from rmbench.report.junit import render_junit
from rmbench.result import GateOutcome, GateReport

RULES = ["accuracy:1pp", "accuracy:2pp", "accuracy<0.9", "nll:0.01", "pairs/brier:0.1"]


def report(*, strict: bool = False) -> GateReport:
    """A rule of each status: inconclusive, pass, fail, fail, error."""
    c = comparison(binary(20, 25), continuous(0.03, 0.005))
    return judge(read_rules(RULES, None), [c], strict=strict)


def hostile(text: str) -> GateReport:
    """Every name and message is the given text."""
    r = result(
        estimate("accuracy", 0.4, subset=text),
        estimate("nll", None, subset=text, reason=text, unit=text),
        suite=text, scorer=scorer(text),
    )  # fmt: skip
    rules = read_rules([f"accuracy@{text}<0.5", f"nll@{text}>0.5"], None)
    return judge_absolute(rules, [r], strict=True)


# ---- terminal ----


def test_a_rule_starts_a_line_with_its_verdict_and_goes_on_indented() -> None:
    text = render_gate(report())
    assert max(map(len, text.splitlines())) <= 80
    lines = text.replace("\n" + " " * 14, " ").splitlines()
    assert [line.split()[0] for line in lines[:-1]] == [
        "inconclusive", "pass", "FAIL", "FAIL", "ERROR",
    ]  # fmt: skip
    assert lines[0].startswith("inconclusive  accuracy:1pp  new on pairs: 62.50 % → 62.00 %")
    assert lines[-1] == (
        "gate did not pass: 2 failed, 1 could not be judged, 1 inconclusive, 1 passed"
    )
    assert "\x1b" not in render_gate(report())
    assert "\x1b[1;31mFAIL        \x1b[0m" in render_gate(report(), colour=True)


def test_a_gate_that_passes_with_open_rules_says_what_would_stop_it() -> None:
    passed = judge(read_rules(RULES[:2], None), [comparison(binary(20, 25))], strict=False)
    assert summary_line(passed) == (
        "gate passed: 1 inconclusive, 1 passed (inconclusive rules stop only with --strict)"
    )
    assert verdict_of(passed) == "inconclusive"
    assert verdict_of(report()) == "fail"


def test_a_rules_own_name_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "gates.toml"
    path.write_text("[[rule]]\nname = 'the easy part'\nfail_if = 'accuracy<0.1'\n")
    named = judge_absolute(read_rules([], path), [result(estimate("accuracy", 0.4))], strict=True)
    assert "the easy part (accuracy<0.1)" in render_gate(named)
    assert "the easy part" in render_junit(named)


# ---- JUnit ----


@pytest.mark.parametrize("strict", [False, True])
def test_junit_says_what_the_exit_code_says(strict: bool) -> None:
    found = report(strict=strict)
    parsed = JUnitXml.fromstring(render_junit(found).encode())
    (suite,) = list(parsed)
    assert (parsed.tests, parsed.failures, parsed.errors, parsed.skipped) == (
        (5, 3, 1, 0) if strict else (5, 2, 1, 1)
    )
    assert suite.name == "rmbench.pairs"
    cases = list(suite)
    kinds = [type(case.result[0]) if case.result else None for case in cases]
    assert kinds == [Failure if strict else Skipped, None, Failure, Failure, Error]
    assert [case.classname for case in cases] == ["rmbench.pairs"] * 5
    assert cases[0].name == "new: accuracy non-inferior to baseline (margin 1pp)"
    assert cases[2].name == "new: accuracy passes accuracy<0.9"
    assert cases[3].result[0].type == "regression"
    assert cases[3].result[0].message == found.outcomes[3].message
    properties = {p.get("name"): p.get("value") for p in cases[0]._elem.iter("property")}
    assert properties["rule"] == "accuracy:1pp"
    assert float(properties["detectable"]) == found.outcomes[0].detectable
    assert float(properties["difference"]) == -0.005


def test_junit_has_a_suite_for_each_suite_and_one_for_none() -> None:
    over = [comparison(binary(9, 9), suite=s) for s in ("a", "b")]
    found = judge(read_rules(["accuracy:9pp", "nll:1"], None), over, strict=True)
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    parsed = JUnitXml.fromstring(render_junit(found, at=at).encode())
    assert [(s.name, s.tests, s.errors) for s in parsed] == [
        ("rmbench.a", 1, 0), ("rmbench.b", 1, 0), ("rmbench.no suite", 1, 1),
    ]  # fmt: skip
    assert parsed._elem.get("timestamp") == "2026-01-02T03:04:05"


def _outcome(status: str, suite: str | None, text: str) -> GateOutcome:
    return GateOutcome(
        rule=text, suite=suite, metric="m", candidate=text, status=status, message=text
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["pass", "fail", "inconclusive", "error"]),
            st.sampled_from([None, "a", "b"]),
            st.text(max_size=20),
        ),
        max_size=12,
    ),
    st.booleans(),
)
def test_junit_counts_add_up_whatever_the_names(found: list[Any], strict: bool) -> None:
    outcomes = tuple(_outcome(*x) for x in found)
    stop = {"fail", "error"} | ({"inconclusive"} if strict else set())
    passed = all(o.status not in stop for o in outcomes)
    document = render_junit(GateReport(outcomes=outcomes, strict=strict, passed=passed))
    parsed = JUnitXml.fromstring(document.encode())
    cases = [case for suite in parsed for case in suite]
    assert len(cases) == parsed.tests == len(outcomes)
    kinds = [type(x) for case in cases for x in case.result]
    assert kinds.count(Failure) == parsed.failures
    assert kinds.count(Error) == parsed.errors
    assert kinds.count(Skipped) == parsed.skipped
    assert passed == (parsed.failures + parsed.errors == 0)


# ---- hostile names ----

EVIL = (
    "<script>alert(1)</script>]]><!--|`x`|\x1b[31m\x00\x0b\ufffe\ud800\u202e ::error::x "
    "##[group]y %0A::set-output name=a::b </details>"
)


def test_xml_holds_no_name_as_markup_or_control_character() -> None:
    document = render_junit(hostile(EVIL))
    assert not re.search(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", document)
    assert "<script" not in document
    assert "<!--" not in document
    parsed = JUnitXml.fromstring(document.encode())
    assert next(case.result[0].message for s in parsed for case in s).startswith("is 40.00 %")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)


def test_html_holds_no_name_as_markup() -> None:
    def tags(html: str) -> list[str]:
        parser = _Tags()
        parser.feed(html)
        return [t for t in parser.tags if t != "wbr"]

    evil, plain = (gate_html(hostile(name)) for name in (EVIL, "x"))
    assert tags(evil) == tags(plain)
    assert "script" not in tags(evil)
    assert "\x1b" not in evil
    assert "\x00" not in evil


def test_markdown_holds_no_name_as_markup() -> None:
    evil = gate_markdown(hostile(EVIL))
    assert (
        evil.count("<details>")
        == evil.count("</details>")
        == gate_markdown(hostile("x")).count("<details>")
    )
    assert "<script" not in evil
    assert "<!--" not in evil
    rows = [line for line in evil.splitlines() if line.startswith("| ")]
    # Every row has the cells of its header.
    unescaped = {len(re.findall(r"(?<!\\)\|", row)) for row in rows[:3]}
    assert unescaped == {6}


def test_a_terminal_gets_no_command_and_one_verdict_a_rule() -> None:
    evil = render_gate(hostile(EVIL + "\nnext\r"))
    starts = [line for line in evil.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in starts] == ["ERROR", "ERROR", "gate"]
    assert "\x1b" not in evil
    assert "\u202e" not in evil


# ---- files ----


def test_the_ending_decides_the_format(tmp_path: Path) -> None:
    found = report()
    for name in ("g.junit.xml", "g.json", "sub/g.md", "g.html"):
        write_gate(found, tmp_path / name)
    assert GateReport.model_validate_json((tmp_path / "g.json").read_text()) == found
    assert (tmp_path / "sub/g.md").read_text().startswith("<!-- rmbench:gate -->\n### rmbench gate")
    assert (tmp_path / "g.html").read_text().startswith("<!doctype html>")
    assert "<h2>Gate</h2>" in (tmp_path / "g.html").read_text()
    JUnitXml.fromfile(str(tmp_path / "g.junit.xml"))
    assert {p.name for p in tmp_path.iterdir()} == {"g.junit.xml", "g.json", "sub", "g.html"}


def test_hostile_names_reach_every_file(tmp_path: Path) -> None:
    for name in ("g.junit.xml", "g.json", "g.md", "g.html"):
        write_gate(hostile(EVIL.replace("\ud800", "")), tmp_path / name)
        (tmp_path / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["g.xml", "g.txt", "g"])
def test_another_ending_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"ends in one of \.junit\.xml, \.json, \.md, \.html"):
        gate_renderer(Path(name))


# ---- GitHub Actions ----


def job(tmp_path: Path) -> dict[str, str]:
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
    }


def test_a_job_gets_summary_outputs_and_annotations(tmp_path: Path) -> None:
    (tmp_path / "summary").write_text("before\n")
    lines = write_job(report(), "### body\n", "compare", job(tmp_path))
    assert (tmp_path / "summary").read_text() == "before\n<!-- rmbench:compare -->\n### body\n"
    assert (tmp_path / "output").read_text() == "verdict=fail\npassed=false\n"
    assert [line.split(" ")[0] for line in lines] == ["::warning", "::error", "::error", "::error"]
    assert lines[1] == (
        "::error title=rmbench%3A accuracy<0.9::FAIL: new on pairs: is 62.00 %25, below 90.00 %25"
    )


def test_under_strict_an_open_rule_is_an_error(tmp_path: Path) -> None:
    lines = write_job(report(strict=True), "", "gate", job(tmp_path))
    assert {line.split(" ")[0] for line in lines} == {"::error"}


def test_elsewhere_nothing_is_written(tmp_path: Path) -> None:
    environment = job(tmp_path) | {"GITHUB_ACTIONS": "false"}
    assert write_job(report(), "body", "gate", environment) == []
    assert list(tmp_path.iterdir()) == []


def test_names_cannot_end_an_annotation_or_start_another() -> None:
    for line in annotation_lines(hostile(EVIL + "\n::error::second")):
        title, message = re.fullmatch(r"::error title=([^:,]*)::(.*)", line).groups()  # type: ignore[union-attr] # asserted by use
        assert "%0A" not in re.sub("%250A", "", title + message)
        assert "\n" not in line


def test_a_summary_is_cut_at_a_line_before_githubs_limit(tmp_path: Path) -> None:
    body = "| é row |\n" * 200_000
    (tmp_path / "summary").write_bytes(b"x" * 1000)
    write_job(report(), body, "gate", job(tmp_path))
    written = (tmp_path / "summary").read_bytes()
    assert SUMMARY_LIMIT - 100 < len(written) <= SUMMARY_LIMIT
    text = written.decode()
    assert text.endswith("| é row |\n\n(The summary ends here, at GitHub's limit of 1 MiB.)\n")


def test_a_full_summary_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "summary").write_bytes(b"x" * SUMMARY_LIMIT)
    write_job(report(), "body\n", "gate", job(tmp_path))
    assert (tmp_path / "summary").stat().st_size == SUMMARY_LIMIT


def test_a_summary_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    environment = job(tmp_path) | {"GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "folder")}
    with pytest.raises(ResultError, match="cannot be written"):
        write_job(report(), "body", "gate", environment)


def test_output_is_no_command_to_the_runner() -> None:
    text = harmless(render_gate(hostile(EVIL)) + "\n::stop-commands::x\n  ::error::y\n##[error]z")
    assert not re.search(r"^\s*::", text, flags=re.MULTILINE)
    assert "##[" not in text
