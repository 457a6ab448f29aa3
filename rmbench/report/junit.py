"""A gate's answer as JUnit XML, which CI servers show beside the tests.

One test case a rule, suite and candidate. A rule that fails is a ``failure``, one that could not
be judged an ``error``; an inconclusive one is a ``failure`` where it stops (``--strict``) and
``skipped`` where it does not, so that the file and the exit code never disagree.

Source of the format: https://github.com/testmoapp/junitxml
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as Xml

from rmbench.report.text import plain
from rmbench.result import GateOutcome, GateReport

# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBERS = (
    "value", "baseline_value", "difference", "ci_low", "ci_high", "limit", "bound", "alpha", "p",
    "p_holm", "detectable", "n",
)  # fmt: skip


def render_junit(report: GateReport, *, at: datetime | None = None) -> str:
    """The XML document.

    Args:
        report: What was judged.
        at: Time of the file; now where not given.
    """
    stamp = (at or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    by_suite: dict[str, list[GateOutcome]] = {}
    for outcome in report.outcomes:
        by_suite.setdefault(outcome.suite or "no suite", []).append(outcome)
    root = Xml.Element("testsuites", {"name": "rmbench gate", **_counts(report.outcomes, report)})
    root.set("timestamp", stamp)
    for suite, outcomes in by_suite.items():
        name = {"name": _text(f"rmbench.{suite}")}
        node = Xml.SubElement(root, "testsuite", name | _counts(outcomes, report))
        node.set("timestamp", stamp)
        for outcome in outcomes:
            _case(node, outcome, report)
    Xml.indent(root)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"
    )


def _case(suite: Xml.Element, o: GateOutcome, report: GateReport) -> None:
    case = Xml.SubElement(
        suite,
        "testcase",
        name=_text(f"{o.candidate}: {_claim(o)}"),
        classname=_text(f"rmbench.{(o.suite or 'no suite').replace('.', '_')}"),
        time="0",
    )
    properties = Xml.SubElement(case, "properties")
    facts = {"rule": o.rule, "candidate": o.candidate, "baseline": o.baseline, "test": o.test}
    facts |= {name: getattr(o, name) for name in _NUMBERS}
    for name, value in facts.items():
        if value is not None:
            Xml.SubElement(properties, "property", name=name, value=_text(str(value)))
    tag = _tag(o, report)
    if tag is not None:
        child = Xml.SubElement(case, tag, message=_text(o.message))
        if tag != "skipped":
            child.set("type", o.verdict or o.status)
            child.text = _text(f"{o.rule}: {o.message}")


def _tag(o: GateOutcome, report: GateReport) -> str | None:
    if o.status == "inconclusive":
        return "failure" if report.strict else "skipped"
    return {"pass": None, "fail": "failure", "error": "error"}[o.status]


def _claim(o: GateOutcome) -> str:
    """What is true where the rule does not fail."""
    target = o.metric if o.subset is None else f"{o.metric} of {o.subset}"
    if o.name is not None:
        return o.name
    if o.test in ("value", "bound"):
        return f"{target} passes {o.rule}"
    allowed = o.rule.rpartition(":")[2].strip()
    if o.test == "noninferiority":
        return f"{target} non-inferior to baseline (margin {allowed})"
    return f"{target} not worse than baseline by more than {allowed}"


def _counts(outcomes: Sequence[GateOutcome], report: GateReport) -> dict[str, str]:
    tags = [_tag(o, report) for o in outcomes]
    return {
        "tests": str(len(tags)),
        "failures": str(tags.count("failure")),
        "errors": str(tags.count("error")),
        "skipped": str(tags.count("skipped")),
        "time": "0",
    }


def _text(text: str) -> str:
    """One visible line that XML can hold."""
    return _FORBIDDEN.sub("\ufffd", plain(text))
