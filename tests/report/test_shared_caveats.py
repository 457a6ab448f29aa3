"""What tables say of results that stand side by side: other data, ties, parts without a value."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rmbench.report import render_markdown, render_terminal
from rmbench.report.caveats import caveats, shared_caveats
from rmbench.report.html import render_html
from rmbench.report.tex import render_latex
from rmbench.result import Estimate, Result, StoredRun
from rmbench.runner.run import RunRequest, run
from rmbench.scorers.spec import RunOptions

Build = Callable[..., Result]
QUIET = RunOptions(device="cpu", progress=False)


def _words(text: str) -> str:
    return " ".join(text.replace("\\", "").split())


def _rows(text: str, title: str) -> list[list[str]]:
    """The cells of one Markdown table, without its header."""
    table = text.split(f"## {title}\n\n")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.split("\n")[2:]]


def _on(result: Result, fingerprint: str) -> Result:
    data = result.provenance.data
    assert data is not None
    data = data.model_copy(update={"fingerprint": fingerprint * 64})
    return result.model_copy(
        update={"provenance": result.provenance.model_copy(update={"data": data})}
    )


def _pairs(path: Path, n: int, chosen: str = "yes", rejected: str = "no") -> str:
    rows = [
        {"prompt": f"question {i}", "chosen": f"{chosen} {i}", "rejected": f"{rejected} {i}"}
        for i in range(n)
    ]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return str(path)


# --- other data


def test_results_of_other_data_are_told_apart_in_every_format(tmp_path: Path) -> None:
    runs: list[StoredRun] = []
    for scorer, n in (("length:", 12), ("shorter:", 12), ("random:", 7)):
        data = _pairs(tmp_path / f"{n}.jsonl", n)
        asked = RunRequest((scorer,), ("pairs",), (data,), tmp_path / "out", options=QUIET)
        runs += run(asked)
    results = [r.result for r in runs]
    first, other = (results[i].provenance.data.fingerprint[:8] for i in (0, 2))
    text = (
        f"pairs: measured on other data, not comparable: length, shorter on 12 examples (data "
        f"{first}); random on 7 examples (data {other})"
    )
    assert f"¹ {text}" in _words(render_terminal(results))
    assert f"¹ {text}" in _words(render_markdown(runs))
    assert text in _words(render_latex(results))
    assert text.removeprefix("pairs: ") in _words(render_html(runs))
    # The mark stands at every number that must not be held against the others.
    rows = _rows(render_markdown(runs), "Summary")
    assert [row[1].split()[-1] for row in rows] == ["¹"] * 3
    assert "not comparable" not in render_terminal(results[:2])


def test_the_first_examples_of_the_same_data_are_no_other_data(tmp_path: Path) -> None:
    """An earlier build marked the whole results beside a limited one as not comparable."""
    data = _pairs(tmp_path / "pairs.jsonl", 12)
    asked = RunRequest(("length:",), ("pairs",), (data,), tmp_path / "out", options=QUIET)
    first = dataclasses.replace(asked, scorers=("random:",), limit=5)
    results = [r.result for r in (*run(asked), *run(first))]
    text = render_terminal(results)
    assert "not comparable" not in text
    assert "changed rules" in text


def test_a_suite_without_data_of_its_own_is_of_no_other_data(pairs_result: Build) -> None:
    one, two = _on(pairs_result("a"), "1"), _on(pairs_result("b"), "2")
    without = one.model_copy(
        update={"provenance": one.provenance.model_copy(update={"data": None})}
    )
    assert shared_caveats([one, without], ["a", "c"]) == []
    (found,) = shared_caveats([one, without, two], ["a", "c", "b"])
    assert found.concerned == (0, 2)


# --- ties


def _tied(result: Result, accuracy: float, ties: float, policy: str = "wrong") -> Result:
    estimates = [e for e in result.estimates if e.metric != "accuracy" or e.subset is not None]
    own = [
        Estimate(metric="accuracy", value=accuracy, n=40, unit="fraction"),
        Estimate(metric="tie_rate", value=ties, n=40, unit="fraction"),
    ]
    provenance = result.provenance.model_copy(update={"policy": {"ties": policy}})
    return result.model_copy(update={"estimates": (*own, *estimates), "provenance": provenance})


def test_many_ties_that_count_as_wrong_are_said_with_what_half_would_give(
    pairs_result: Build,
) -> None:
    a, b, c = (pairs_result(name, blind=True) for name in "abc")
    results = [_tied(a, 0.06, 0.7112), _tied(b, 0.0, 1.0), _tied(c, 0.45, 0.05)]
    (found,) = shared_caveats(results, ["markdown", "refusal", "length"])
    assert "".join(found.text) == (
        "ties count as wrong; as half, accuracy would be .416 of markdown (71 % ties), "
        ".500 of refusal (100 % ties)"
    )
    assert found.concerned == (0, 1)
    assert shared_caveats([_tied(a, 0.4, 0.3, "half")], ["a"]) == []
    many = [_tied(a, 0.1, 0.5)] * 10
    (found,) = shared_caveats(many, [f"s{i}" for i in range(10)])
    assert "".join(found.text).endswith(" of s7 (50 % ties) and 2 more have ties")
    assert len(found.concerned) == 10


@pytest.mark.parametrize("suite", ["pairs", "llmbar"])
def test_the_accuracy_with_ties_as_half_is_that_of_a_run_with_them_as_half(
    tmp_path: Path, shared_data: Path, suite: str
) -> None:
    if suite == "pairs":
        (tmp_path / "data").mkdir()
        _pairs(tmp_path / "data" / "a.jsonl", 9, "**yes**", "no")
        _pairs(tmp_path / "data" / "b.jsonl", 11)
        data = str(tmp_path / "data")
    else:
        data = str(shared_data)

    def measured(ties: str) -> list[StoredRun]:
        return run(
            RunRequest(
                ("markdown:", "refusal:"), (suite,), (data,), tmp_path / "out" / ties,
                ties=ties, options=QUIET,
            )
        )  # fmt: skip

    wrong = measured("wrong")
    text = _words(render_terminal([r.result for r in wrong]))
    for run_with_half in measured("half"):
        accuracy = run_with_half.result.estimate("accuracy")
        ties = run_with_half.result.estimate("tie_rate")
        assert accuracy is not None
        assert ties is not None
        name = run_with_half.result.scorer.name
        value = f"{accuracy.value:.3f}".removeprefix("0")
        assert f"{value} of {name} ({100 * (ties.value or 0):.0f} % ties)" in text
    page = _words(render_html(wrong))
    assert "ties count as wrong; as half, accuracy would be" in page


# --- parts


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        (("all but 1528 of 17131 examples",), "on 1,528 of 17,131 examples"),
        (("all but 1,528 of 17,131 examples",), "on 1,528 of 17,131 examples"),
        (
            ("math.json", "all but 798 of 1327 examples", "example x"),
            "on 798 of 1,327 examples, without math.json, example x",
        ),
        (("Set/*.json: all but 1 of 49 files",), "without Set/*.json: all but 1 of 49 files"),
    ],
)
def test_a_partial_result_says_how_much_was_measured(
    pairs_result: Build, missing: tuple[str, ...], text: str
) -> None:
    (caveat,) = caveats(pairs_result("a", partial=True, missing=missing))
    assert "".join(caveat.text) == f"partial: measured {text}"


def test_a_number_without_a_value_says_of_which_subset(pairs_result: Build) -> None:
    reason = "every example is a tie"

    def with_undefined(name: str, *subsets: str) -> Result:
        result = pairs_result(name)
        more = [
            Estimate(metric="accuracy", subset=s, value=None, n=0, unit="fraction", reason=reason)
            for s in subsets
        ]
        return result.model_copy(update={"estimates": (*result.estimates, *more)})

    both = [with_undefined("a", "short", "long"), with_undefined("b", "short", "long")]
    text = _words(render_terminal(both))
    assert f"– accuracy in short, long (pairs) of a, b: {reason}" in text
    # What concerns other scorers is not lumped together.
    text = _words(
        render_terminal([with_undefined("a", "short", "long"), with_undefined("b", "long")])
    )
    assert f"– accuracy in short (pairs) of a: {reason}" in text
    assert f"– accuracy in long (pairs) of a, b: {reason}" in text


def test_the_n_of_the_peak_is_a_whole_number(tmp_path: Path) -> None:
    rows = [
        {
            "prompt": f"q{i}",
            "responses": ["a" * (k + 1) for k in range(11)],
            "gold": list(range(11)),
        }
        for i in range(4)
    ]
    data = tmp_path / "graded.jsonl"
    data.write_text("".join(json.dumps(r) + "\n" for r in rows))
    scorers = ("length:", "shorter:")
    runs = run(RunRequest(scorers, ("graded",), (str(data),), tmp_path / "out", options=QUIET))
    table = render_markdown(runs)
    header = table.split("## graded\n\n")[1].split("\n")[0]
    at = [cell.strip() for cell in header.split("|")[1:-1]].index("peak n")
    assert [row[at] for row in _rows(table, "graded")] == ["11", "1"]
