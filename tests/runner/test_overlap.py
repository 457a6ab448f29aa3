from __future__ import annotations

import json

from rmbench.runner.overlap import suite_overlap
from rmbench.runner.suites import find_suite


def test_a_suite_that_is_not_whole_is_looked_up_and_says_what_is_missing(tmp_path):
    """An earlier build refused, and named an option that the command does not have."""
    pair = {
        "id": "one",
        "prompt": [{"role": "user", "content": "Why?"}],
        "chosen": ["Because."],
        "rejected": ["No."],
    }
    (tmp_path / "llmbar").mkdir()
    (tmp_path / "llmbar" / "test.jsonl").write_text(json.dumps(pair) + "\n")
    train = tmp_path / "train.jsonl"
    train.write_text(json.dumps({"prompt": "WHY?"}) + "\n")
    found = suite_overlap(find_suite("llmbar"), str(train), [str(tmp_path)])
    assert (found.shared.prompt, found.shared.answer) == (("one",), ())
    assert "llmbar is not whole: looked up on 1 of 419 examples" in found.as_text()
