import re
from collections.abc import Callable

import pytest

from rmbench.report import render_markdown, render_terminal
from rmbench.report.content import device_of
from rmbench.report.table import TERMINAL_WIDTH
from rmbench.report.tex import render_latex
from rmbench.result import Estimate, Result, StoredRun

Check = Callable[[str, str], None]
Build = Callable[..., Result]


def test_terminal_golden(runs: list[StoredRun], check_golden: Check) -> None:
    check_golden("tables.txt", render_terminal([r.result for r in runs]))


def test_markdown_golden(runs: list[StoredRun], check_golden: Check) -> None:
    check_golden("tables.md", render_markdown(runs, "A small report"))


def test_latex_golden(runs: list[StoredRun], check_golden: Check) -> None:
    check_golden("tables.tex", render_latex([r.result for r in runs], "A small report"))


def test_terminal_tables_stay_within_100_columns(pairs_result: Build) -> None:
    results = [pairs_result(f"organisation/a-rather-long-model-name-{i}") for i in range(7)]
    lines = render_terminal(results).splitlines()
    assert max(map(len, lines)) <= TERMINAL_WIDTH
    assert any("…" in line for line in lines)


def test_names_are_not_shortened_into_one(pairs_result: Build) -> None:
    names = [f"{'a' * 40}{middle}{'b' * 40}" for middle in "xy"]
    text = render_terminal([pairs_result(name) for name in names])
    assert all(name in text for name in names)


def test_every_number_appears_with_its_interval(pairs_result: Build) -> None:
    assert ".700 [.600, .800]" in render_terminal([pairs_result("a", accuracy=0.7)])


def test_undefined_numbers_are_dashes_and_the_reason_stands_once(runs: list[StoredRun]) -> None:
    text = render_terminal([r.result for r in runs])
    assert re.search(r"^length°.* –", text, re.MULTILINE)
    words = " ".join(text.split())
    assert words.count("temperature of length: the scorer's margins are not logits") == 1
    assert words.count("margins are not logits") == 1


def test_partial_results_are_marked_and_footnoted(runs: list[StoredRun]) -> None:
    text = render_terminal([r.result for r in runs])
    summary = text.split("\n\n")[0]
    row = next(line for line in summary.splitlines() if line.startswith("tiny-rm"))
    marks = re.findall(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]+", row)
    assert len(marks) == 3
    notes = ("in-distribution: ", "partial: ", "changed rules: ")
    for mark, note in zip(marks, notes, strict=True):
        assert f"\n{mark} {note}" in text


def test_a_score_that_only_repeats_the_accuracy_takes_no_column(pairs_result: Build) -> None:
    plain = pairs_result("a", accuracy=0.7)

    def with_score(value: float) -> Result:
        score = Estimate(metric="score", value=value, n=40, unit="fraction")
        return plain.model_copy(update={"estimates": (score, *plain.estimates)})

    def suite_table(result: Result) -> str:
        return render_terminal([result]).split("pairs\n=====\n")[1].split("\n\n")[0]

    assert "score" not in suite_table(with_score(0.7)).replace("scorer", "")
    assert "score" in suite_table(with_score(0.6)).replace("scorer", "")


def test_sizes_of_a_subset_are_a_range_where_they_differ(pairs_result: Build) -> None:
    def sized(name: str, n: int) -> Result:
        result = pairs_result(name)
        estimates = tuple(
            e.model_copy(update={"n": n}) if e.subset == "chat" else e for e in result.estimates
        )
        return result.model_copy(update={"estimates": estimates})

    assert re.search(r"^chat +9–100 ", render_terminal([sized("a", 100), sized("b", 9)]), re.M)


def test_no_results_give_no_tables() -> None:
    assert render_terminal([]).strip() == ""


@pytest.mark.parametrize("render", [render_terminal, render_latex])
def test_hostile_names_send_nothing_to_the_terminal(
    hostile_runs: list[StoredRun], render: Callable[[list[Result]], str]
) -> None:
    text = render([r.result for r in hostile_runs])
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


def test_hostile_names_in_markdown(hostile_runs: list[StoredRun]) -> None:
    text = render_markdown(hostile_runs)
    assert "<script" not in text
    assert "http://" not in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", text)
    # Each table keeps its columns: a bare pipe in a name would add one.
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1


def test_hostile_names_in_latex(hostile_runs: list[StoredRun]) -> None:
    text = render_latex([r.result for r in hostile_runs])
    bodies = re.findall(r"\\midrule\n(.*?)\\bottomrule", text, re.DOTALL)
    headers = re.findall(r"\\toprule\n(.*?)\\midrule", text, re.DOTALL)
    assert len(bodies) == len(headers) > 3
    for header, body in zip(headers, bodies, strict=True):
        n_columns = len(re.findall(r"(?<!\\)&", header))
        for row in body.splitlines():
            assert row.endswith(r" \\")
            assert len(re.findall(r"(?<!\\)&", row)) == n_columns
            assert not row.startswith(("[", "*"))
    assert not re.search(r"(?<!\\)[$#]", text.replace("$-$", ""))


def test_nan_appears_nowhere(runs: list[StoredRun], hostile_runs: list[StoredRun]) -> None:
    for stored in (runs, hostile_runs):
        results = [r.result for r in stored]
        for text in (render_terminal(results), render_markdown(stored), render_latex(results)):
            assert not re.search(r"\b(nan|inf|None)\b", text, re.IGNORECASE)


def test_one_thread_is_one_thread(runs: list[StoredRun]) -> None:
    timed = next(r.result for r in runs if r.result.suite.name == "throughput")
    environment = timed.provenance.environment.model_copy(update={"threads": 1})
    provenance = timed.provenance.model_copy(update={"environment": environment})
    assert device_of(timed) == "Some CPU, 2 threads"
    assert device_of(timed.model_copy(update={"provenance": provenance})) == "Some CPU, 1 thread"
