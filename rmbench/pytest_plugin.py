"""A pytest plug-in: a team's own tests assert on a checkpoint.

``pytest --rmbench-baseline=runs/production`` and a test such as::

    def test_checkpoint(rmbench_gate):
        rmbench_gate("runs/candidate", fail_if=["accuracy:1pp", "rm-bench/accuracy<0.8"])

pytest imports this module wherever rmbench is installed, so it imports nothing but pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rmbench.result import GateReport

_OPTION = "--rmbench-baseline"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the baseline."""
    group = parser.getgroup("rmbench", "reward models")
    group.addoption(
        _OPTION,
        metavar="DIR",
        help="results of the baseline that rmbench_gate compares with (of rmbench run); written "
        "with =, for pytest takes a folder by itself for one of tests",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a baseline that is not there before any test runs.

    Raises:
        UsageError: If the option names no folder.
    """
    given = config.getoption(_OPTION)
    if given is not None and not Path(given).is_dir():
        raise pytest.UsageError(f"{_OPTION} {given}: no such folder")


@pytest.fixture
def rmbench_gate(request: pytest.FixtureRequest) -> Callable[..., GateReport]:
    """A function that fails the test unless a checkpoint passes its rules.

    ``rmbench_gate(candidate, fail_if=(), *, gates=None, baseline=None, strict=True)``:
    ``candidate`` is a folder of results (of ``rmbench run``), ``fail_if`` holds rules as after
    ``--fail-if``, ``gates`` is a TOML file of rules, ``baseline`` takes the place of
    ``--rmbench-baseline``. It returns the ``GateReport`` of a gate that passed.

    Rules about a loss without a baseline, and no rule at all, are usage errors: the test fails.
    """
    option: str | None = request.config.getoption(_OPTION)

    def gate(
        candidate: str | Path,
        fail_if: Sequence[str] = (),
        *,
        gates: str | Path | None = None,
        baseline: str | Path | None = None,
        strict: bool = True,
    ) -> GateReport:
        __tracebackhide__ = True
        from rmbench.errors import RmbenchError

        against = baseline if baseline is not None else option
        try:
            report = _judge(Path(candidate), fail_if, gates, against, strict=strict)
        except RmbenchError as error:
            message = f"rmbench: {error}"
        else:
            message = ""
        # Failed outside of the handler: pytest would show the error's traceback as well.
        if message:
            pytest.fail(message, pytrace=False)
        if not report.passed:
            from rmbench.report.gates import render_gate
            from rmbench.report.github_actions import harmless

            pytest.fail(harmless(render_gate(report)), pytrace=False)
        return report

    return gate


def _judge(
    candidate: Path,
    fail_if: Sequence[str],
    gates: str | Path | None,
    baseline: str | Path | None,
    *,
    strict: bool,
) -> GateReport:
    from rmbench.compare import CompareRequest, compare
    from rmbench.errors import UsageError
    from rmbench.gate import judge, judge_absolute, read_rules
    from rmbench.result import find_runs

    if isinstance(fail_if, str):
        fail_if = [fail_if]
    rules = read_rules(fail_if, Path(gates) if gates is not None else None)
    if not rules:
        raise UsageError("rmbench_gate was given no rule: fail_if=['accuracy:1pp'] or gates=FILE")
    if baseline is None:
        relative = next((rule.text for rule in rules if rule.is_relative), None)
        if relative is not None:
            raise UsageError(f"rule {relative!r} needs a baseline: pytest {_OPTION}=DIR")
        return judge_absolute(rules, find_runs([candidate]), strict=strict)
    found = compare(CompareRequest(baseline=Path(baseline), candidates=(candidate,)))
    return judge(rules, found.comparisons, strict=strict, unmatched=found.unmatched)
