"""Rules: how they are read, and which are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmbench.errors import SpecError, UnknownNameError, UsageError
from rmbench.gate import read_rules
from rmbench.resources import schema_dir
from rmbench.spec.gate import gates_schema, parse_rule


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy<0.80", (None, "accuracy", None, "<", 0.8, None, "value")),
        ("accuracy<=80%", (None, "accuracy", None, "<=", 0.8, None, "value")),
        ("ece_p<0.01", (None, "ece_p", None, "<", 0.01, None, "value")),
        ("nll>0.6", (None, "nll", None, ">", 0.6, None, "value")),
        ("brier_skill<-.1", (None, "brier_skill", None, "<", -0.1, None, "value")),
        ("a/hard_accuracy<60%", ("a", "hard_accuracy", None, "<", 0.6, None, "value")),
        ("accuracy:1pp", (None, "accuracy", None, ":", 0.01, None, "noninferiority")),
        ("accuracy:0pp", (None, "accuracy", None, ":", 0.0, None, "noninferiority")),
        ("accuracy : 2 %", (None, "accuracy", None, ":", None, 0.02, "noninferiority")),
        ("nll:1e-2", (None, "nll", None, ":", 0.01, None, "noninferiority")),
        ("a/accuracy@math:1pp", ("a", "accuracy", "math", ":", 0.01, None, "noninferiority")),
        ("nll@a b/c:d<e@f:1", (None, "nll", "a b/c:d<e@f", ":", 1.0, None, "noninferiority")),
        ("tokens_per_s:5%", (None, "tokens_per_s", None, ":", None, 0.05, "speed")),
        ("latency_p95_s>0.2", (None, "latency_p95_s", None, ">", 0.2, None, "value")),
        ("score:1pp", (None, "score", None, ":", 0.01, None, "noninferiority")),
        ("temperature>3", (None, "temperature", None, ">", 3.0, None, "value")),
    ],
)  # fmt: skip
def test_a_rule_is_read(text: str, expected: tuple[Any, ...]) -> None:
    (rule,) = read_rules([text], None)
    found = (rule.suite, rule.metric, rule.subset, rule.op, rule.limit, rule.share, rule.test)
    assert found == expected
    assert rule.text == text
    assert rule.alpha == 0.05


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("accuracy", "is not of the form"),
        ("accuracy:", "is not of the form"),
        ("accuracy==0.8", "is not of the form"),
        ("accuracy<nan", "is not of the form"),
        ("accuracy<1e999", "not a number"),
        ("accuracy:-1pp", r"without a sign: accuracy:1pp"),
        ("accuracy<80pp", r"accuracy<80%"),
        ("accuracy>0.8", r"fail the better models.*higher accuracy is better.*accuracy<0\.8"),
        ("nll<0.6", r"fail the better models.*lower nll is better.*nll>0\.6"),
        ("tokens_per_s>9", "fail the better models"),
        ("latency_p95_s<1", "fail the better models"),
        ("temperature:5%", "neither direction of temperature is a loss.*temperature<LOW"),
        ("matmul_flops_per_s:5%", "neither direction"),
        ("nll:1pp", r"no fraction.*'nat'.*:1%"),
        ("nll>60%", "no fraction"),
        ("accuracy<80", r"lies in \[0, 1\]; 80 % is 80%"),
        ("accuracy<-0.1", r"lies in \[0, 1\]"),
        ("accuracy:1", "could never fail.*accuracy:1pp"),
        ("accuracy:100%", "could never fail"),
        ("tokens_per_s:100%", "could never fail"),
    ],
)  # fmt: skip
def test_a_rule_that_means_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        read_rules([text], None)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "near"), [("acuracy", "accuracy"), ("token_per_s", "tokens_per_s")]
)
def test_an_unknown_metric_is_an_error_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean '{near}'") as error:
        read_rules([f"{name}<0.5"], None)
    assert str(error.value).endswith("? see `rmbench list metrics`")
    assert len(str(error.value)) < 140


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (["temperature<1.2", "temperature>0.8"], "contradict one another"),
        (["temperature<=1", "temperature>=1"], "contradict one another"),
        (["pairs/ece_p<0.5", "ece_p>0.4"], "contradict one another"),
        (["accuracy:1pp", "accuracy:1pp"], "given twice"),
        (["accuracy:1pp", "accuracy:0.01"], "'accuracy:1pp' is given twice, also as 'accuracy:0"),
        (["accuracy:7pp", "accuracy:.07"], "given twice"),
        (["nll:5%", "nll : 5.0 %"], "given twice"),
        (["a/accuracy@b<80%", "a/accuracy@b<0.8"], "given twice"),
    ],
)
def test_rules_that_cannot_both_be_meant_are_refused(rules: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_rules(rules, None)


@pytest.mark.parametrize(
    "rules",
    [
        ["temperature<0.8", "temperature>1.2"],
        ["temperature<1", "temperature>1"],
        ["a/ece_p<0.5", "b/ece_p>0.4"],
        ["accuracy:1pp", "accuracy<0.8"],
        ["accuracy:1pp", "rm-bench/accuracy:2pp"],
        ["accuracy:1pp", "accuracy:1%"],
        ["accuracy<0.8", "accuracy<=0.8"],
        ["a/accuracy:1pp", "b/accuracy:0.01"],
    ],
)
def test_rules_that_can_be_kept_together_are_taken(rules: list[str]) -> None:
    assert [r.text for r in read_rules(rules, None)] == rules


def test_one_loss_can_be_tested_both_ways(tmp_path: Path) -> None:
    path = tmp_path / "gates.toml"
    rule = "[[rule]]\nfail_if = 'accuracy:1pp'\n"
    path.write_text(f"{rule}test = 'superiority'\n{rule}")
    assert [r.test for r in read_rules([], path)] == ["superiority", "noninferiority"]
    path.write_text(rule + rule + "alpha = 0.01\n")
    with pytest.raises(UsageError, match="given twice"):
        read_rules([], path)


FILE = """
alpha = 0.02
fail_if = ["accuracy<0.8", "nll:0.01"]

[[rule]]
name = "the hard part"
fail_if = "rm-bench/hard_accuracy:2pp"
alpha = 0.1
test = "superiority"
on_missing = "fail"

[[rule]]
fail_if = "brier>0.2"
on = "bound"
"""


def test_a_file_holds_the_same_and_options_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "gates.toml"
    path.write_text(FILE)
    rules = read_rules(["accuracy:1pp"], path)
    assert [r.text for r in rules] == [
        "accuracy:1pp", "accuracy<0.8", "nll:0.01", "rm-bench/hard_accuracy:2pp", "brier>0.2",
    ]  # fmt: skip
    assert [r.alpha for r in rules] == [0.05, 0.02, 0.02, 0.1, 0.02]
    assert [r.test for r in rules] == [
        "noninferiority", "value", "noninferiority", "superiority", "bound",
    ]  # fmt: skip
    assert [r.name for r in rules][3:] == ["the hard part", "brier>0.2"]
    assert [r.fail_missing for r in rules] == [False, False, False, True, False]


def test_pyproject_holds_them_in_its_own_table(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\nname = "x"\n[tool.rmbench.gates]\nfail_if = ["accuracy:1pp"]\n')
    assert [r.text for r in read_rules([], path)] == ["accuracy:1pp"]
    path.write_text('[project]\nname = "x"\n')
    with pytest.raises(
        SpecError, match=r"pyproject\.toml: \[tool\.rmbench\.gates\]: holds no rule"
    ):
        read_rules([], path)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "holds no rule"),
        ("fail_if = 'accuracy:1pp'", "field 'fail_if'"),
        ("fail_if = ['accuracy']", r"field 'fail_if\.0': rule 'accuracy' is not of the form"),
        ("[[rule]]\nfail_if = 'nll:1'\nlimit = 2", r"field 'rule\.0\.limit': unknown field"),
        ("[[rule]]\nname = 'x'", r"field 'rule\.0\.fail_if': is required"),
        ("alpha = 0.5\nfail_if = ['nll:1']", "field 'alpha'"),
        ("[[rule]]\nfail_if = 'nll:1'\nalpha = 0", r"field 'rule\.0\.alpha'"),
        ("[[rule]]\nfail_if = 'nll:1'\ntest = 'guess'", r"field 'rule\.0\.test'"),
        ("[[rule]]\nfail_if = 'nll:1'\non = 'bound'", "`on` is for thresholds"),
        ("[[rule]]\nfail_if = 'nll>1'\ntest = 'superiority'", "`test` is for losses"),
        ("[[rule]]\nfail_if = 'tokens_per_s:5%'\ntest = 'superiority'", "test of its own"),
        ("[rule]\nfail_if = 'nll:1'", "field 'rule'"),
        ("not toml", "is not TOML"),
        ("fail_if = ['acuracy<0.8']", "unknown metric 'acuracy'"),
        ("fail_if = ['nll:1', 'nll : 1.0']", "given twice"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(body: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "gates.toml"
    path.write_text(body)
    with pytest.raises(SpecError, match=message) as error:
        read_rules([], path)
    assert str(error.value).startswith(f"{path}: ")


def test_a_file_is_named_where_it_repeats_a_rule_of_the_call(tmp_path: Path) -> None:
    path = tmp_path / "gates.toml"
    path.write_text("fail_if = ['accuracy:0.01']")
    with pytest.raises(SpecError, match=f"^{path}: rule 'accuracy:1pp' is given twice"):
        read_rules(["accuracy:1pp"], path)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"nowhere\.toml: cannot be read"):
        read_rules([], tmp_path / "nowhere.toml")


def test_the_committed_schema_is_the_codes() -> None:
    committed = json.loads((schema_dir() / "gates.schema.json").read_text(encoding="utf-8"))
    assert committed == gates_schema(), "run `make schema` and commit the change"


_subsets = st.text(min_size=1, max_size=12).filter(lambda s: s.strip() == s)
_names = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)


@given(
    suite=st.none() | _names,
    metric=_names,
    subset=st.none() | _subsets,
    op=st.sampled_from(["<", "<=", ">", ">=", ":"]),
    value=st.floats(0, 1e6),
    unit=st.sampled_from(["", "%"]),
)  # fmt: skip
def test_what_is_written_is_read_back(
    suite: str | None, metric: str, subset: str | None, op: str, value: float, unit: str
) -> None:
    text = f"{suite}/" * (suite is not None) + metric + f"@{subset}" * (subset is not None)
    if subset is not None and subset[-1] in "<>":
        op = "<"  # `x<` then `=` would be one operator to any reader
    rule = parse_rule(f"{text}{op}{value!r}{unit}")
    assert (rule.suite, rule.metric, rule.subset) == (suite, metric, subset)
    assert (rule.op, rule.amount, rule.unit) == (op, value, unit)


@given(st.text(max_size=40))
def test_any_text_is_a_rule_or_a_usage_error(text: str) -> None:
    try:
        rule = parse_rule(text)
    except UsageError:
        return
    assert rule.metric in text
