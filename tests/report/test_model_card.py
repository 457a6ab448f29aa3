"""Model cards: what huggingface_hub reads back is what the results say."""

from __future__ import annotations

import pytest
from huggingface_hub import ModelCard

from rmbench.cli.main import invoke
from rmbench.errors import UsageError
from rmbench.report.model_card import eval_results, write_model_card


@pytest.fixture
def one_model(runs):
    name = next(r.result.scorer.name for r in runs if not r.result.scorer.content_blind)
    return [r for r in runs if r.result.scorer.name == name]


def _read(path):
    return ModelCard.load(path).data.eval_results


def test_a_card_reads_back_as_it_was_written(one_model, tmp_path):
    card = tmp_path / "README.md"
    write_model_card(one_model, card)
    written = eval_results(one_model)
    key = lambda r: repr((r.unique_identifier, r.metric_type))  # noqa: E731 - a sort key
    assert sorted(_read(card), key=key) == sorted(written, key=key)
    accuracy = next(r for r in written if r.metric_type == "accuracy")
    result = next(
        r.result for r in one_model if r.result.suite.name == accuracy.dataset_args["suite"]
    )
    own = result.estimate("accuracy", accuracy.dataset_args.get("subset"))
    assert isinstance(accuracy.metric_value, float)
    assert accuracy.metric_value == own.value
    assert accuracy.metric_args["ci_low"] == own.ci_low
    assert accuracy.metric_args["n"] == own.n


def test_an_update_keeps_text_other_keys_and_other_entries(one_model, tmp_path):
    card = tmp_path / "README.md"
    card.write_text(
        "---\nlicense: mit # ours\nmodel-index:\n- name: mine\n  results:\n  - task:\n"
        "      type: text-generation\n    dataset:\n      type: other/set\n      name: Other\n"
        "    metrics:\n    - type: exact_match\n      value: 0.5\ntags:\n- reward-model\n---\n\n"
        "# My model\n\nwords\n"
    )
    write_model_card(one_model, card)
    once = card.read_text()
    assert "license: mit # ours\n" in once
    assert once.endswith("\n# My model\n\nwords\n")
    found = _read(card)
    assert [r.metric_value for r in found if r.metric_type == "exact_match"] == [0.5]
    assert len(found) == len(eval_results(one_model)) + 1
    write_model_card(one_model, card)
    assert card.read_text() == once


def test_hostile_names_stay_names(hostile_runs, tmp_path):
    models = [r for r in hostile_runs if not r.result.scorer.content_blind]
    name = models[0].result.scorer.name
    mine = [r for r in models if r.result.scorer == models[0].result.scorer]
    card = tmp_path / "card.md"
    write_model_card(mine[:1], card)
    found = _read(card)
    assert len(found) == len(eval_results(mine[:1]))
    assert "\x1b" not in card.read_text()
    assert "<script>" not in card.read_text().split("---\n", 2)[2]
    assert name


def test_a_card_is_of_one_model_that_reads_answers(runs, one_model, tmp_path):
    with pytest.raises(UsageError, match="one model"):
        write_model_card(runs, tmp_path / "README.md")
    blind = [r for r in runs if r.result.scorer.content_blind][:1]
    with pytest.raises(UsageError, match="baseline"):
        write_model_card(blind, tmp_path / "README.md")
    with pytest.raises(UsageError, match=r"\.md"):
        write_model_card(one_model, tmp_path / "card.txt")
    assert not list(tmp_path.iterdir())


def test_a_card_that_cannot_be_read_is_left_alone(one_model, tmp_path):
    card = tmp_path / "README.md"
    card.write_text("---\na: [1\n---\ntext\n")
    with pytest.raises(UsageError, match="front matter cannot be read"):
        write_model_card(one_model, card)
    assert card.read_text() == "---\na: [1\n---\ntext\n"


def test_the_command_line_writes_it(one_model, tmp_path, capsys):
    card = tmp_path / "README.md"
    assert invoke(["report", str(one_model[0].path), "--model-card", str(card)]) == 0
    assert _read(card)
    assert f"wrote {card}" in capsys.readouterr().err
