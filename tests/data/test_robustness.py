"""What each transformation must keep, on any text."""

from __future__ import annotations

import ast
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmbench.data.controlled.dice import Dice
from rmbench.data.robustness import (
    TRANSFORMATIONS,
    code,
    controlled,
    derive,
    mathematics,
    noise,
    safety,
)
from rmbench.types import Message, PreferenceExample, PreferenceSet

BY_NAME = {t.name: t for t in TRANSFORMATIONS}
FAMILIES = {t.family for t in TRANSFORMATIONS}
PROSE = st.text(
    st.sampled_from("abcdefghijklmnopqrstuvwxyzABCXYZ 0123456789.,!?`$\\{}\nаé漢\U0001f600"),
    max_size=400,
)
TEXTS = PROSE | st.text(max_size=200)
KEYS = st.integers(0, 1000).map(lambda n: f"key {n}")
PYTHON = st.sampled_from(
    [
        "def f(x):\n    # doubles\n    return 2 * x  # twice\n",
        'def g():\n    """Doc.\n\n    # not a comment\n    """\n\n    return "#"\n',
        "if a:\n        b = [\n            1,  # one\n\n            2,\n        ]\n"
        "else:\n\tc = 3\n",
        "class A:\n    x = '''\n\n  deep\n'''\n\n    def m(self):\n        for i in range(3):\n"
        "            yield i\n",
        "x = f'''{1}\n\n   # no comment\n'''\ny = 1 + \\\n    2\n",
        "@d\nasync def h():\n    async with a as b:\n        # only this\n        pass\n",
    ]
)


def is_subsequence(short: str, long: str) -> bool:
    rest = iter(long)
    return all(c in rest for c in short)


def test_there_are_about_twenty_with_names_of_their_own():
    assert len({t.name for t in TRANSFORMATIONS}) == len(TRANSFORMATIONS) >= 20
    assert all(t.prompt or t.response for t in TRANSFORMATIONS)


@given(TEXTS, KEYS)
def test_the_same_draws_give_the_same_text(text: str, key: str):
    for t in TRANSFORMATIONS:
        for rewrite in (t.prompt, t.response):
            if rewrite is not None:
                assert rewrite(text, Dice(key)) == rewrite(text, Dice(key))


@given(TEXTS)
def test_rot13_twice_is_the_text_and_rot2_goes_back(text: str):
    dice = Dice("any")
    assert controlled.rot13(controlled.rot13(text, dice), dice) == text
    assert controlled.shifted(controlled.rot2(text, dice), 24) == text
    assert len(controlled.rot13(text, dice)) == len(controlled.rot2(text, dice)) == len(text)
    assert controlled.shifted(text, 13) == controlled.rot13(text, dice)
    assert controlled.declared_rot13(text, dice).endswith(controlled.rot13(text, dice))
    assert controlled.declared_rot2(text, dice).endswith(controlled.rot2(text, dice))


@given(TEXTS, KEYS)
def test_what_is_added_stands_before_or_after_the_whole_text(text: str, key: str):
    after = (controlled.link, controlled.tautologies, controlled.closing, controlled.blank_lines)
    for rewrite in (*after, controlled.ignore_below):
        assert rewrite(text, Dice(key)).startswith(text)
    before = (controlled.handle, controlled.opening, controlled.ignore_above, safety.pressed)
    for rewrite in before:
        assert rewrite(text, Dice(key)).endswith(text)
    assert controlled.quoted(text, Dice(key)) == f'"{text}"'


@given(TEXTS)
def test_spaced_punctuation_changes_white_space_only(text: str):
    spaced = controlled.spaced_punctuation(text, Dice("any"))
    assert "".join(spaced.split()) == "".join(text.split())


@given(TEXTS, KEYS)
def test_noise_changes_at_most_one_character_in_twenty(text: str, key: str):
    most = len(text) // 20
    for rewrite in (noise.homoglyphs, noise.neighbour_swap, noise.substitution):
        noisy = rewrite(text, Dice(key))
        assert len(noisy) == len(text)
        assert sum(a != b for a, b in zip(text, noisy, strict=True)) <= most
    longer = noise.insertion(text, Dice(key))
    assert is_subsequence(text, longer)
    assert len(longer) - len(text) <= most
    for rewrite in (noise.deletion, noise.word_deletion):
        shorter = rewrite(text, Dice(key))
        assert is_subsequence(shorter, text)
        assert len(text) - len(shorter) <= most


@given(TEXTS, KEYS)
def test_noise_spares_digits_and_whatever_is_no_latin_letter(text: str, key: str):
    def spared(s: str) -> list[str]:
        return [c for c in s if not (c.isascii() and c.isalpha())]

    for rewrite in (noise.neighbour_swap, noise.substitution, noise.insertion, noise.deletion):
        assert spared(rewrite(text, Dice(key))) == spared(text)
    swapped = noise.neighbour_swap(text, Dice(key))
    for a, b in zip(text.split(), swapped.split(), strict=True):
        assert Counter(a) == Counter(b)


PROSE_LINE = "The quick brown foxes jumped over the lazy sleeping dogs of the village yesterday. "


@pytest.mark.parametrize(
    "spared",
    ["```py\nvalue = function(argument)\n```", "`function(argument)`", "$alpha + gamma$",
     r"\(\operatorname{value}\)", "https://example.org/something/longer", "3.14159 and 2024"],
)  # fmt: skip
@pytest.mark.parametrize("name", [t.name for t in TRANSFORMATIONS if t.family == "noise"])
def test_noise_leaves_code_formulas_numbers_and_addresses_alone(name: str, spared: str):
    text = f"{PROSE_LINE * 3}{spared} {PROSE_LINE * 3}"
    for key in range(20):
        noisy = BY_NAME[name].response(text, Dice(f"{key}"))
        assert noisy != text
        assert spared in noisy


def test_homoglyphs_are_cyrillic_letters():
    for latin, other in noise.HOMOGLYPHS.items():
        assert unicodedata.name(chr(latin)).startswith("LATIN")
        assert unicodedata.name(str(chr(other) if isinstance(other, int) else other)).startswith(
            "CYRILLIC"
        )


def fenced(source: str, language: str = "python") -> str:
    return f"Here it is:\n\n```{language}\n{source}```\n\nDone.\n"


@given(PYTHON, st.sampled_from(["python", "py", "Python3", ""]), KEYS)
def test_code_keeps_its_syntax_tree(source: str, language: str, key: str):
    before = ast.dump(ast.parse(source))
    text = fenced(source, language)
    for rewrite in (code.minified, code.praised, code.blamed):
        changed = rewrite(text, Dice(key))
        assert changed is not None
        (block,) = code.python_blocks(changed)
        assert ast.dump(ast.parse(block)) == before
        assert changed.startswith("Here it is:")
        assert changed.endswith("Done.\n")
    (block,) = code.python_blocks(code.with_other_code(text, Dice(key)))
    n = len(ast.parse(source).body)
    module = ast.parse(block)
    assert len(module.body) > n
    assert ast.dump(ast.Module(module.body[:n], [])) == before


def test_minified_code_has_no_comment_empty_line_or_deep_indentation():
    source = "def f(x):\n    # doubles\n\n    if x:\n        return 2 * x  # twice\n"
    changed = code.minified(fenced(source), Dice("any"))
    assert code.python_blocks(changed) == ["def f(x):\n if x:\n  return 2 * x\n"]


@pytest.mark.parametrize(
    "text", ["no code", "```js\nlet x = 1;\n```\n", "```\nx = (\n```\n", "```\n```\n"]
)
def test_a_text_without_python_does_not_fit(text: str):
    for rewrite in (code.minified, code.praised, code.blamed, code.with_other_code):
        assert rewrite(text, Dice("any")) is None


@given(PYTHON, st.booleans(), KEYS)
def test_an_answer_that_is_a_program_keeps_its_syntax_tree(source: str, closed: bool, key: str):
    program = f"# YOUR CODE HERE\nimport sys\n{source if closed else source.rstrip()}"
    before = ast.dump(ast.parse(program))
    for rewrite in (code.minified, code.praised, code.blamed):
        changed = rewrite(program, Dice(key))
        assert changed != program
        assert ast.dump(ast.parse(changed)) == before
    assert "YOUR CODE" not in code.minified(program, Dice(key))
    module = ast.parse(code.with_other_code(program, Dice(key)))
    n = len(ast.parse(program).body)
    assert len(module.body) > n
    assert ast.dump(ast.Module(module.body[:n], [])) == before


@pytest.mark.parametrize("text", ["Yes", "x = 5", "42", "a, b", "'quoted'", "", "# Answer", "f(x)"])
def test_words_and_formulas_are_no_program(text: str):
    ast.parse(text)  # though they are Python
    for rewrite in (code.minified, code.praised, code.blamed, code.with_other_code):
        assert rewrite(text, Dice("any")) is None


ANSWERS = st.sampled_from(["42", "x + 1", r"\frac{1}{2}", r"\{1, 2\}", "a_{n}^{2}", "1,000"])
STEPS = st.sampled_from(["", "First, 6 * 7 = 42.\n", "Let us see.\n\n$x = 1$\n"])


@given(STEPS, ANSWERS, st.sampled_from(["", ".", " is it.\nGood."]))
def test_the_marked_answer_stays(before: str, answer: str, after: str):
    boxed = f"{before}So $\\boxed{{{answer}}}${after}"
    headed = mathematics.boxed_to_heading(boxed, Dice("any"))
    assert headed is not None
    assert "\\boxed" not in headed
    assert mathematics.answer_of(boxed) == mathematics.answer_of(headed) == answer
    again = mathematics.heading_to_boxed(headed, Dice("any"))
    assert again is not None
    assert mathematics.answer_of(again) == answer
    lined = f"{before}So it is\n#### {answer}"
    assert mathematics.answer_of(mathematics.heading_to_boxed(lined, Dice("any"))) == answer


@pytest.mark.parametrize("text", ["42", r"\boxed{42", r"\boxed{}", r"\boxed{1} and \boxed{2}"])
def test_a_text_without_one_boxed_answer_does_not_fit(text: str):
    assert mathematics.boxed_to_heading(text, Dice("any")) is None


def example(id_: str, prompt: str, chosen: str, rejected: str) -> PreferenceExample:
    return PreferenceExample(
        id_, (Message("system", "Be good."), Message("user", prompt)), (chosen,), (rejected,),
        subset="s", group="g", preference=0.75,
    )  # fmt: skip


def test_only_the_last_turn_of_the_user_and_all_answers_alike_are_rewritten():
    turns = (Message("user", "One"), Message("assistant", "Two"), Message("user", "Three"))
    base = PreferenceExample("x", turns, ("same", "other"), ("same",))
    found = BY_NAME["handle"].apply(base, 0)
    assert found.prompt[:2] == turns[:2]
    assert found.prompt[2].content.endswith(" Three")
    assert found.chosen[0] == found.rejected[0] != "same"
    assert [c.split()[0] for c in found.responses] == [found.chosen[0].split()[0]] * 3


def test_a_row_is_left_out_where_one_answer_does_not_fit_or_nothing_changes():
    with_code = fenced("# why\nx = 1\n")
    assert BY_NAME["code_minified"].apply(example("a", "p", with_code, with_code), 0)
    assert BY_NAME["code_minified"].apply(example("a", "p", with_code, "text"), 0) is None
    bare = fenced("x = 1\n")
    assert BY_NAME["code_minified"].apply(example("a", "p", bare, bare), 0) is None
    assert BY_NAME["deletion"].apply(example("a", "p", "Yes", "No"), 0) is None
    answer_only = PreferenceExample("a", (Message("system", "s"),), ("c",), ("r",))
    assert BY_NAME["pressed"].apply(answer_only, 0) is None


def test_the_derived_set_holds_the_originals_and_counts_what_is_left_out():
    rows = (
        example("1", "Sort", fenced("# c\nx = 1\n"), fenced("# d\nx = 2\n")),
        example("2", "Say", "Of course I will say it to everybody.", "I would rather not."),
    )
    chosen = [BY_NAME["quoted"], BY_NAME["code_minified"], BY_NAME["boxed_to_heading"]]
    made = derive(PreferenceSet("base", rows, source="here"), chosen, name="derived", seed=0)
    assert [e.id for e in made.data] == [
        "original/1", "original/2", "quoted/1", "quoted/2", "code_minified/1",
    ]  # fmt: skip
    assert made.left_out == {"code_minified": 1, "boxed_to_heading": 2}
    assert made.data.name == "derived"
    assert made.data.source == "here"
    assert {(e.group, e.preference) for e in made.data} == {("g", 0.75)}
    assert made.data[0].prompt == rows[0].prompt
    assert made.data[0].responses == rows[0].responses


def test_an_example_comes_out_the_same_whatever_else_is_there_and_seeds_differ():
    long = "Certainly this sentence contains several letters which could become mistaken. " * 3
    base = example("a", "p", long, long[::-1])
    t = BY_NAME["substitution"]
    alone = derive(PreferenceSet("b", (base,)), [t], name="d", seed=0).data[1]
    beside = derive(
        PreferenceSet("b", (example("z", "q", long, long), base)), [t], name="d", seed=0
    ).data[3]
    assert alone == beside == t.apply(base, 0)
    assert alone != t.apply(base, 1)


def test_the_documented_table_is_the_catalogue():
    page = Path(__file__).parents[2] / "docs" / "robustness.md"
    if not page.is_file():
        pytest.skip("the documentation is not installed")
    row = r"^\| `(\w+)` \| (\w+) \| (.+) \| ([\w, ]+) \| (.+) \|$"
    rows = re.findall(row, page.read_text(encoding="utf-8"), re.MULTILINE)
    told = {name: rest for name, *rest in rows if name in BY_NAME and rest[0] in FAMILIES}
    assert list(told) == list(BY_NAME)
    for t in TRANSFORMATIONS:
        to = ", ".join(n for n, f in (("prompt", t.prompt), ("answers", t.response)) if f)
        # What is quoted here is code there.
        expected = [re.sub("['`]", "", text) for text in (t.family, t.summary, to, t.keeps)]
        assert [re.sub("['`]", "", text) for text in told[t.name]] == expected


def test_texts_are_pinned_by_the_version():
    """Whoever changes these raises VERSION: results are compared on these very texts."""
    text = PROSE_LINE * 2
    found = {
        t.name: t.response(text, Dice("pin"))
        for t in TRANSFORMATIONS
        if t.response and t.family == "noise"
    }
    assert found["deletion"] == DELETED
    assert re.sub(r"[a-z]", "", found["substitution"]) == re.sub(r"[a-z]", "", text)


DELETED = (
    "The quick brwn foxes juped over the lazy sleeing dogs of the village yestrday. "
    "The quick brown foxes jumped or the lazy seeping dogs of the village yesteray. "
)
