from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from rmbench.report import render_markdown, render_terminal
from rmbench.report.html import render_html
from rmbench.report.overview import arrange
from rmbench.report.training import training_runs
from rmbench.report.training_page import training_views
from rmbench.result import Checkpoint, Result, ScorerInfo, StoredRun, write_run
from rmbench.types import Scores

Build = Callable[..., Result]
ACCURACIES = {90: 0.55, 100: 0.7, 1000: 0.65}


def checkpoint(build: Build, step: int, run: str = "/runs/my-rm", **more: object) -> Result:
    accuracy = more.pop("accuracy", None) or ACCURACIES[step]
    options = more.pop("options", {})
    at = Checkpoint(run=run, step=step, epoch=step / 1000, **more)
    name = Path(run).name if at.final else f"{Path(run).name}/checkpoint-{step}"
    spec = run if at.final else f"{run}/checkpoint-{step}"
    info = ScorerInfo(
        spec=spec, kind="hf", name=name, margins_are_logits=True, checkpoint=at, options=options
    )
    return build(name, accuracy=accuracy, scorer=info)


@pytest.fixture
def results(pairs_result: Build) -> list[Result]:
    """By name, as they lie on the disk: 100 before 1000 before 90."""
    return [
        pairs_result("length", blind=True, accuracy=0.52),
        pairs_result("random", blind=True, accuracy=0.49),
        checkpoint(pairs_result, 1000, final=True),
        *(checkpoint(pairs_result, step) for step in (100, 1000, 90)),
    ]


def test_checkpoints_are_ordered_by_step(results: list[Result]) -> None:
    names = [s.name for s in arrange(results).scorers]
    assert names == [
        "my-rm/checkpoint-90", "my-rm/checkpoint-100", "my-rm/checkpoint-1000", "my-rm",
        "length", "random",
    ]  # fmt: skip


def test_a_run_stands_where_its_first_checkpoint_stood(pairs_result: Build) -> None:
    others = [checkpoint(pairs_result, step, "/other/z") for step in (1000, 90)]
    results = [
        pairs_result("a"),
        others[0],
        pairs_result("b"),
        checkpoint(pairs_result, 90),
        others[1],
    ]
    assert [s.name for s in arrange(results).scorers] == [
        "a", "z/checkpoint-90", "z/checkpoint-1000", "b", "my-rm/checkpoint-90",
    ]  # fmt: skip


def test_the_curve_is_the_headline_and_the_nll_by_step(results: list[Result]) -> None:
    (run,) = training_runs(arrange(results))
    assert run.name == "my-rm"
    assert [c.metric for c in run.curves] == ["accuracy", "nll"]
    points = [(p.key.step, p.key.final, p.estimate.value) for p in run.curves[0].points]
    assert points == [(90, False, 0.55), (100, False, 0.7), (1000, False, 0.65), (1000, True, 0.65)]
    baseline = run.curves[0].baseline
    assert baseline is not None
    assert (baseline[0], baseline[1].value) == ("length", 0.52)


def test_one_step_is_no_curve(pairs_result: Build) -> None:
    results = [checkpoint(pairs_result, 1000), checkpoint(pairs_result, 1000, final=True)]
    assert training_runs(arrange(results)) == ()
    assert "by training step" not in render_terminal(results)


def test_runs_of_one_name_are_told_apart(pairs_result: Build) -> None:
    results = [
        checkpoint(pairs_result, step, run) for run in ("/a/rm", "/b/rm") for step in (90, 100)
    ]
    assert [r.name for r in training_runs(arrange(results))] == ["/a/rm", "/b/rm"]


def test_one_run_measured_in_two_ways_gives_two_curves(pairs_result: Build) -> None:
    results = [
        checkpoint(pairs_result, step, options={"max_length": length, "head": "0"}, accuracy=value)
        for length, value in ((256, 0.6), (512, 0.7))
        for step in (90, 100)
    ]
    runs = training_runs(arrange(results))
    assert [r.name for r in runs] == ["my-rm (max_length 256)", "my-rm (max_length 512)"]
    assert [{p.estimate.value for p in r.curves[0].points} for r in runs] == [{0.6}, {0.7}]


def test_a_metric_without_a_value_has_no_point(pairs_result: Build) -> None:
    plain = checkpoint(pairs_result, 90)
    undefined = tuple(
        e.model_copy(update={"value": None, "reason": "none"}) if e.metric == "nll" else e
        for e in plain.estimates
    )
    results = [plain.model_copy(update={"estimates": undefined}), checkpoint(pairs_result, 100)]
    (run,) = training_runs(arrange(results))
    assert [c.metric for c in run.curves] == ["accuracy"]


def test_the_terminal_table_is_in_step_order_with_intervals(results: list[Result]) -> None:
    text = render_terminal(results)
    table = text.split("my-rm by training step\n")[1].split("\n\n")[0]
    rows = [re.split(r"\s{2,}", line.strip()) for line in table.splitlines()[4:]]
    assert rows == [
        ["90", ".550 [.450, .650]", "0.610"],
        ["100", ".700 [.600, .800]", "0.610"],
        ["1,000", ".650 [.550, .750]", "0.610"],
        ["1,000 (final)", ".650 [.550, .750]", "0.610"],
    ]


def stored(tmp_path: Path, results: list[Result], scores: Scores) -> list[StoredRun]:
    return [write_run(tmp_path, result, scores) for result in results]


def test_the_page_draws_one_figure_a_metric(
    results: list[Result], tmp_path: Path, pair_scores: Callable[..., Scores]
) -> None:
    (view,) = training_views(arrange(results))
    accuracy, nll = view.figures
    assert accuracy.title == "Preference pairs: accuracy"
    assert nll.title == "Preference pairs: NLL"
    assert accuracy.caption == "Best at step 100: .700."
    assert dict(accuracy.legend)["baseline"] == "length (.520), best content-blind"
    assert accuracy.table.rows[0] == ("90", "0.090", ".550", "[.450, .650]", "40")
    assert accuracy.table.rows[3][0] == "1,000 (final)"
    html = render_html(stored(tmp_path, results, pair_scores()))
    assert html.count('id="training"') == 1
    assert html.count('href="#training"') == 1


def drawn_points(svg: str) -> list[tuple[float, float]]:
    """The vertices of the curve: the longest path that is drawn as a line."""
    paths = re.findall(r'<path d="(M [^"]*)"[^>]*stroke: var\(--accent\)', svg)
    longest = max(paths, key=len)
    return [(float(x), float(y)) for x, y in re.findall(r"[ML] ([\d.]+) ([\d.]+)", longest)]


def test_points_are_drawn_to_scale(results: list[Result]) -> None:
    (view,) = training_views(arrange(results))
    points = drawn_points(view.figures[0].svg)
    assert len(points) == 4
    x, y = zip(*points, strict=True)
    # SVG counts y downwards.
    assert (x[1] - x[0]) / (x[2] - x[0]) == pytest.approx(10 / 910, abs=0.001)
    assert (y[0] - y[1]) / (y[0] - y[2]) == pytest.approx(0.15 / 0.10, rel=0.01)


def test_reports_without_checkpoints_have_no_such_section(runs: list[StoredRun]) -> None:
    assert "by training step" not in render_terminal([r.result for r in runs])
    assert 'id="training"' not in render_html(runs)


def test_hostile_folders_stay_text(
    pairs_result: Build, hostile_text: str, tmp_path: Path, pair_scores: Callable[..., Scores]
) -> None:
    results = [checkpoint(pairs_result, step, f"/x/{hostile_text}") for step in (90, 100)]
    runs = stored(tmp_path, results, pair_scores())
    html = render_html(runs)
    assert "<script>alert" not in html
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", html)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", render_terminal(results))
    assert "<script" not in render_markdown(runs)
