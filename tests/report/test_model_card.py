"""Model cards: what huggingface_hub reads back is what the results say."""

from __future__ import annotations

import pytest
import yaml
from huggingface_hub import ModelCard

from rmbench.cli.main import invoke
from rmbench.errors import UsageError
from rmbench.report.model_card import eval_results, write_model_card
from rmbench.report.text import plain
from rmbench.resources import builtin_suites
from rmbench.result import StoredRun
from rmbench.spec import PreferenceSuite, load_suite


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


OTHERS = (
    "---\nlicense: mit # ours\nmodel-index:\n- name: mine\n  results:\n  - task:\n"
    "      type: text-generation\n    dataset:\n      type: other/set\n      name: Other\n"
    "    metrics:\n    - type: exact_match\n      value: 0.5\n      verified: true\n"
    "    source:\n      name: somebody\n      url: https://example.org\n"
    "tags:\n- reward-model\n---\n\n# My model\n\nwörds\n"
)


def test_a_card_with_crlf_keeps_it_on_every_line(one_model, tmp_path):
    card = tmp_path / "README.md"
    card.write_bytes(OTHERS.replace("\n", "\r\n").encode())
    write_model_card(one_model, card)
    body = card.read_bytes()
    assert body.count(b"\n") == body.count(b"\r\n") > 30
    assert body.endswith("\r\n# My model\r\n\r\nwörds\r\n".encode())
    assert len(_read(card)) == len(eval_results(one_model)) + 1
    write_model_card(one_model, card)
    assert card.read_bytes() == body


def test_others_entries_are_kept_to_the_value(one_model, tmp_path):
    card = tmp_path / "README.md"
    card.write_text(OTHERS)
    before = ModelCard.load(card).data.eval_results
    write_model_card(one_model, card)
    found = yaml.safe_load(card.read_text().split("---\n")[1])
    theirs = yaml.safe_load(OTHERS.split("---\n")[1])
    [entry] = found["model-index"]
    assert entry["name"] == "mine"
    assert entry["results"][0] == theirs["model-index"][0]["results"][0]
    assert before[0] in _read(card)
    assert {k: v for k, v in found.items() if k != "model-index"} == {
        k: v for k, v in theirs.items() if k != "model-index"
    }
    # Fewer results the next time: what rmbench wrote before goes, what others wrote stays.
    write_model_card(one_model[:1], card)
    assert len(_read(card)) == len(eval_results(one_model[:1])) + 1


def test_a_card_of_several_models_is_left_alone(one_model, tmp_path):
    card = tmp_path / "README.md"
    index = "model-index:\n- name: a\n  results: []\n- name: b\n  results: []\n"
    card.write_text(f"---\n{index}---\ntext\n")
    with pytest.raises(UsageError, match="2 models"):
        write_model_card(one_model, card)
    assert card.read_text() == f"---\n{index}---\ntext\n"


def _on_builtin(run, name):
    """The same numbers as if they were of a built-in suite."""
    spec = load_suite(builtin_suites()[name])
    suite = run.result.suite.model_copy(
        update={"name": name, "digest": spec.digest, "title": spec.title}
    )
    return StoredRun(run.path.parent / name, run.result.model_copy(update={"suite": suite}))


def test_two_suites_on_one_hub_data_set_stay_two(one_model, tmp_path):
    specs = {name: load_suite(path) for name, path in builtin_suites().items()}
    by_data = {}
    for name, spec in specs.items():
        if isinstance(spec, PreferenceSuite) and spec.data.hub_id and not spec.data.hub_parts:
            data = (spec.data.hub_id, spec.data.config, spec.data.split)
            by_data.setdefault(data, []).append(name)
    pairs = [names for names in by_data.values() if len(names) > 1]
    base = next(r for r in one_model if r.result.suite.kind == "preference")
    names = pairs[0][:2] if pairs else None
    assert names, "no two built-in suites are read from one data set any more"
    runs = [_on_builtin(base, name) for name in names]
    card = tmp_path / "README.md"
    write_model_card(runs, card)
    found = _read(card)
    assert len(found) == len(eval_results(runs)) == 2 * len(eval_results(runs[:1]))
    hub_id = specs[names[0]].data.hub_id
    assert {r.dataset_type for r in found} == {hub_id}
    whole = [r for r in found if r.metric_type == "accuracy" and "subset" not in r.dataset_args]
    assert sorted(r.dataset_args["suite"] for r in whole) == sorted(names)
    assert len({r.dataset_config for r in whole}) == 2


def test_intervals_stand_in_metric_args(one_model):
    with_interval = 0
    for entry in eval_results(one_model):
        args = entry.metric_args
        if "ci_low" not in args:
            assert not {"ci_high", "confidence", "ci_method"} & set(args)
            continue
        with_interval += 1
        assert args["ci_low"] <= entry.metric_value <= args["ci_high"]
        assert args["confidence"] == 0.95
        assert args["ci_method"]
    assert with_interval > 3


HOSTILE = (
    "a: b # c\n---\n\"'{[&*!|>%@`",
    "---",
    "null",
    "1e3",
    "- x",
    "💥\u2028\u0085\ufeff",
    "\x00\x1b[31m",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_reads_back_as_one_line_of_text(name, one_model, tmp_path):
    run = next(r for r in one_model if r.result.suite.kind == "preference")
    scorer = run.result.scorer.model_copy(update={"name": name})
    suite = run.result.suite.model_copy(update={"name": name, "title": name})
    changed = [
        StoredRun(run.path, run.result.model_copy(update={"scorer": scorer, "suite": suite}))
    ]
    card = tmp_path / "README.md"
    write_model_card(changed, card)
    data = ModelCard.load(card).data
    assert data.model_name == plain(name)
    assert isinstance(data.model_name, str)
    assert {r.dataset_type for r in data.eval_results} == {plain(name)}
    assert len(data.eval_results) == len(eval_results(changed))
    once = card.read_bytes()
    write_model_card(changed, card)
    assert card.read_bytes() == once
