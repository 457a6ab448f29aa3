"""Suite files: what they must and may not say."""

from __future__ import annotations

from typing import Any

from rmbench.runner.catalogue import describe_suite
from rmbench.spec import DataSpec, PreferenceSuite
from rmbench.spec.suite import UNVERIFIED_LAYOUT


def _suite(**changes: Any) -> PreferenceSuite:
    fields: dict[str, Any] = {
        "name": "mine",
        "version": "1",
        "title": "Mine",
        "description": "A suite for tests.",
        "ties": "half",
        "metrics": ("accuracy",),
        "notes": ("One note.",),
        "data": {"loader": "auto"},
    }
    return PreferenceSuite.model_validate(fields | changes)


def test_a_layout_that_nobody_checked_is_said_with_every_result():
    checked = _suite()
    unchecked = _suite(data=DataSpec(loader="auto", layout="unverified"))
    assert checked.caveats == ("One note.",)
    assert unchecked.caveats == ("One note.", UNVERIFIED_LAYOUT)
    shown = " ".join(describe_suite(unchecked).split())
    assert UNVERIFIED_LAYOUT in shown
    assert UNVERIFIED_LAYOUT not in " ".join(describe_suite(checked).split())


def test_checking_a_layout_moves_no_number():
    unchecked = _suite(data=DataSpec(loader="auto", layout="unverified"))
    assert unchecked.digest == _suite().digest
    assert _suite(data=DataSpec(loader="auto", split="x")).digest != _suite().digest
