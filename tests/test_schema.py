"""The committed schemas are those of the code, and old files stay readable."""

from __future__ import annotations

import json

from rmbench.resources import schema_dir
from rmbench.result import comparison_schema, result_schema


def test_the_committed_schema_is_the_codes() -> None:
    committed = json.loads((schema_dir() / "result.schema.json").read_text(encoding="utf-8"))
    assert committed == result_schema(), "run `make schema` and commit the change"


def test_the_committed_schema_of_comparisons_is_the_codes() -> None:
    path = schema_dir() / "comparison.schema.json"
    committed = json.loads(path.read_text(encoding="utf-8"))
    assert committed == comparison_schema(), "run `make schema` and commit the change"
