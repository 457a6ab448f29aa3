"""Rules of a gate: what a rule says in one line, and the TOML file that holds several.

A rule states the failure::

    accuracy<0.80                 the value itself, against a threshold; no baseline
    rm-bench/hard_accuracy<60%    on one suite
    rm-bench/accuracy@math:1pp    on one subset; loses 1 percentage point on the baseline
    nll:0.01                      loses 0.01, in the metric's own unit
    tokens_per_s:5%               loses 5 % of the baseline's value
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from rmbench.errors import SpecError, UsageError
from rmbench.spec.base import Spec, in_one_line, read_toml

Operator = Literal["<", "<=", ">", ">=", ":"]
"""``:`` stands before an allowed loss, the others before a threshold."""

RuleUnit = Literal["", "%", "pp"]

ALPHA = 0.05
"""Chance of a false answer that a rule allows where nothing else is said."""

_RULE = re.compile(
    r"(?:(?P<suite>[^/@<>:\s]+)/)?(?P<metric>[^/@<>:=\s]+)(?:@(?P<subset>.+))?"
    r"\s*(?P<op><=|>=|<|>|:)\s*(?P<value>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>%|pp)?",
    re.DOTALL,  # subsets are called whatever their data call them
)
_FORMS = "[SUITE/]METRIC[@SUBSET] then <VALUE, >VALUE, or :LOSS (accuracy<0.80, accuracy:1pp)"


@dataclass(frozen=True)
class Condition:
    """What one rule says, before anything is known of its metric.

    Attributes:
        text: As it was written.
        suite: ``None``: every suite that has the metric.
        metric: Name of the metric.
        subset: ``None``: the whole suite.
        op: How the value is held against ``amount``.
        amount: The number as written: 1 of ``1pp``.
        unit: What was written after it.
    """

    text: str
    suite: str | None
    metric: str
    subset: str | None
    op: Operator
    amount: float
    unit: RuleUnit

    @property
    def is_relative(self) -> bool:
        """Whether it needs a baseline."""
        return self.op == ":"


def parse_rule(text: str) -> Condition:
    """Read one rule.

    Raises:
        UsageError: If it is not one; the message shows the form.

    >>> rule = parse_rule("rm-bench/accuracy@math:1pp")
    >>> rule.suite, rule.metric, rule.subset, rule.op, rule.amount, rule.unit
    ('rm-bench', 'accuracy', 'math', ':', 1.0, 'pp')
    """
    found = _RULE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"rule {text!r} is not of the form {_FORMS}")
    op: Any = found["op"]
    unit: Any = found["unit"] or ""
    amount = float(found["value"])
    if not abs(amount) < 1e300:
        raise UsageError(f"rule {text!r}: {found['value']} is not a number to compare with")
    if op == ":" and amount < 0:
        raise UsageError(
            f"rule {text!r}: a loss is written without a sign: "
            f"{found['metric']}:{found['value'].removeprefix('-')}{unit}"
        )
    if op != ":" and unit == "pp":
        raise UsageError(
            f"rule {text!r}: pp measures a loss; a threshold is a fraction or a share "
            f"({found['metric']}{op}{found['value']}%)"
        )
    subset = found["subset"]
    return Condition(
        text=text.strip(),
        suite=found["suite"],
        metric=found["metric"],
        subset=subset.strip() if subset is not None else None,
        op=op,
        amount=amount,
        unit=unit,
    )


def _checked(text: Any) -> Any:
    if isinstance(text, str):
        try:
            parse_rule(text)
        except UsageError as error:
            raise ValueError(str(error)) from None
    return text


RuleText = Annotated[str, BeforeValidator(_checked)]
"""A rule in one line."""


class GateRule(Spec):
    """One rule of a file, with what the command line has no place for."""

    fail_if: RuleText = Field(description="the rule, as after --fail-if")
    name: str | None = Field(default=None, min_length=1, description="what outputs call it")
    alpha: float | None = Field(
        default=None, gt=0, lt=0.5, description="in place of the file's; rules on losses only"
    )
    test: Literal["noninferiority", "superiority"] | None = Field(
        default=None,
        description="noninferiority (default): a pass needs proof that the loss is allowed; "
        "superiority: a failure needs proof of a loss, and a loss above the limit",
    )
    on: Literal["value", "bound"] | None = Field(
        default=None,
        description="what a threshold is held against: the value (default), or the end of its "
        "95 % interval that is nearer to failure",
    )
    on_missing: Literal["error", "fail"] = Field(
        default="error", description="what a metric, suite or baseline that is not there is"
    )


class GateFile(Spec):
    """A file of rules; in ``pyproject.toml`` the table ``tool.rmbench.gates``."""

    alpha: float = Field(
        default=ALPHA, gt=0, lt=0.5, description="one-sided size of the tests of allowed losses"
    )
    fail_if: tuple[RuleText, ...] = Field(default=(), description="rules in one line each")
    rule: tuple[GateRule, ...] = Field(default=(), description="rules with options of their own")

    def rules(self) -> tuple[GateRule, ...]:
        """All of them, each with its alpha."""
        short = tuple(GateRule(fail_if=text) for text in self.fail_if)
        return tuple(
            r if r.alpha is not None else r.model_copy(update={"alpha": self.alpha})
            for r in (*short, *self.rule)
        )


def load_gates(path: Path) -> GateFile:
    """Read a file of rules.

    Raises:
        SpecError: If it cannot be read, has an unknown or impossible field, or no rule.
    """
    body: Any = read_toml(path)
    where = str(path)
    if path.name == "pyproject.toml":
        where = f"{path}: [tool.rmbench.gates]"
        for key in ("tool", "rmbench", "gates"):
            body = body.get(key, {}) if isinstance(body, dict) else {}
    try:
        gates = GateFile.model_validate(body)
    except ValidationError as error:
        raise SpecError(f"{where}: {in_one_line(error)}") from None
    if not (gates.fail_if or gates.rule):
        raise SpecError(f'{where}: holds no rule: fail_if = ["accuracy:1pp"], or a [[rule]]')
    return gates


def gates_schema() -> dict[str, Any]:
    """JSON Schema of a file of rules."""
    return GateFile.model_json_schema()
