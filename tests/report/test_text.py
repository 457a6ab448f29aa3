import csv
import io
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmbench.report.text import Safe, csv_text, join, latex, markdown, plain, visible

ANY_TEXT = st.text(max_size=60)


@given(ANY_TEXT)
def test_plain_is_one_line_without_hidden_characters(text: str) -> None:
    line = plain(text)
    hidden = {c for c in line if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    assert hidden <= {"\u200c", "\u200d"}
    assert len(line.splitlines()) <= 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[1;31mbold red\x1b[0m", "bold red"),
        ("\x1b]0;new title\x07name", "name"),
        ("\x1b]8;;http://e.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("\x1bcname", "name"),
        ("a\rb\nc\td", "a b c d"),
        ("\u202eevil", "\ufffdevil"),
        ("bell\x07", "bell\ufffd"),
        ("ordinary-name_1.5", "ordinary-name_1.5"),
        ("日本語 👩\u200d🔬", "日本語 👩\u200d🔬"),
    ],
)
def test_plain_on_known_attacks(text: str, expected: str) -> None:
    assert plain(text) == expected


@given(ANY_TEXT)
def test_visible_keeps_every_line_and_hides_nothing(text: str) -> None:
    shown = visible(text)
    assert shown.count("\n") == text.replace("\r\n", "\n").count("\n")
    for c in shown:
        assert c in "\n\t\u200c\u200d" or unicodedata.category(c) not in {"Cc", "Cf", "Cs"}


def test_visible_leaves_ordinary_text_alone() -> None:
    text = "Zeile 1\n\tZeile 2: ∑ x² → «ok» nbsp\u00a0end"
    assert visible(text) == text


@given(ANY_TEXT)
def test_markdown_has_no_live_markup(text: str) -> None:
    escaped = markdown(text)
    assert "\n" not in escaped
    assert "<" not in escaped
    assert ">" not in escaped
    # Whatever is left after the escapes are taken out must not be special.
    assert not set(re.sub(r"\\.", "", escaped)) & set("`*[]|~$")


def test_markdown_keeps_names_readable() -> None:
    assert markdown("org/my_model-7b.v2") == "org/my_model-7b.v2"
    assert markdown("_emphasis_") == r"\_emphasis\_"
    assert "http://" not in markdown("http://e.example and www.e.example")


def test_markdown_tells_nobody_who_is_named() -> None:
    assert markdown("@org/team, accuracy@hard") == "@&#8203;org/team, accuracy@hard"


@given(ANY_TEXT)
def test_latex_has_no_live_command(text: str) -> None:
    escaped = latex(text)
    known = r"\\text[a-z]+\{\}|\\[{}$&#%_]|\{[\[\]*]\}|-\{\}"
    assert not set(re.sub(known, "", escaped)) & set("\\{}$&#%_^~")
    assert "--" not in escaped


@given(ANY_TEXT)
def test_csv_cells_are_no_formulas(text: str) -> None:
    cell = csv_text(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    out = io.StringIO()
    csv.writer(out).writerow([cell])
    assert next(csv.reader(io.StringIO(out.getvalue()))) == [cell]


def test_csv_text_keeps_the_formula_readable() -> None:
    assert csv_text('=HYPERLINK("x")') == '\'=HYPERLINK("x")'
    assert csv_text("  @sum") == "'@sum"
    assert csv_text("plain") == "plain"


def test_join_escapes_all_but_safe_pieces() -> None:
    assert join((Safe("<b>"), "<i>"), markdown) == "<b>&lt;i&gt;"
    assert join("<i>", markdown) == "&lt;i&gt;"
    assert join(Safe("<i>"), markdown) == "<i>"
