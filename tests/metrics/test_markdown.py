from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmbench.metrics.markdown import MarkdownCounts, markdown_counts, with_markdown
from rmbench.types import Message, PreferenceExample


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, 0, 0)),
        ("# One\n###### Six\n####### Seven\n#tag\n   ## Indented", (3, 0, 0)),
        ("- a\n* b\n+ c\n• d\n\t- e\n-f\n- ", (0, 5, 0)),
        ("1. a\n23) b\n2024. c\n1.5 d", (0, 2, 0)),
        ("**a** and **b c**, ** d **, 2**3**4", (0, 0, 3)),
        ("__a__ but snake__case__name", (0, 0, 1)),
        ("**over\nlines**", (0, 0, 0)),
        ("```python\n# comment\n- x\n```\n# Title", (1, 0, 0)),
        ("~~~\n# comment\n~~~\n- item", (0, 1, 0)),
        ("text\n```\n# never closed\n- x", (0, 0, 0)),
        ("- **bold** item", (0, 1, 1)),
    ],
)
def test_known_texts(text: str, expected: tuple[int, int, int]) -> None:
    assert markdown_counts(text) == MarkdownCounts(*expected)


@given(st.text(alphabet="#*-_ `~1.)a\n", max_size=80), st.integers(0, 5))
def test_lines_after_closed_text_add_what_they_hold(text: str, n: int) -> None:
    if "```" in text or "~~~" in text:
        return
    more = markdown_counts(text + "\n" + "# h\n- i\n" * n)
    before = markdown_counts(text)
    assert (more.headers, more.list_items) == (before.headers + n, before.list_items + n)


def test_hostile_texts_take_no_time() -> None:
    for text in ("```\n" * 20_000, "**" * 50_000, "**a" * 50_000, "__ " * 50_000, " " * 200_000):
        markdown_counts(text)


def test_counts_stand_beside_the_rewards_of_their_responses(build):
    examples = [
        PreferenceExample("a", (Message("user", "?"),), ("# A\n- x\n- y",), ("plain", "**b**")),
        PreferenceExample("b", (Message("user", "?"),), ("1. z",), ("## B",)),
    ]
    scores = build([((1.0,), (0.0, 0.0)), ((1.0,), (0.0,))])
    found = with_markdown(scores, examples)
    assert found.n_headers.tolist() == [1, 0, 0, 0, 1]
    assert found.n_list_items.tolist() == [2, 0, 0, 1, 0]
    assert found.n_bold.tolist() == [0, 0, 1, 0, 0]
    assert found.reward.tolist() == scores.reward.tolist()
    with pytest.raises(ValueError, match="expected 5 responses, got 2"):
        with_markdown(scores, examples[1:])
