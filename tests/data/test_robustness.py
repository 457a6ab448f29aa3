"""What each transformation must keep, on any text."""

from __future__ import annotations

import ast
import gzip
import json
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example as tried
from hypothesis import given
from hypothesis import strategies as st

from rmbench.data.controlled.dice import Dice
from rmbench.data.robustness import (
    TRANSFORMATIONS,
    code,
    controlled,
    derive,
    fillers,
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
MARKED = st.lists(
    st.sampled_from(
        [
            "1. First",
            "Second, third.",
            "...",
            "```python\nx = [1, 2]\n```",
            "- item;",
            "e.g. this",
            "`a, b`",
            "(so it is).",
            "#### 42",
            "\n",
            " ",
            "why?!",
            "https://example.org/a, b",
        ]
    ),
    max_size=12,
).flatmap(lambda parts: st.sampled_from(["\n", " "]).map(lambda sep: sep.join(parts)))
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


ADVERSARIAL = [
    " ", ".", "a.", '"', "*", "`", "` ", "```py\n", "```\n", "~", "$", "$$ a ", "\\(", "\\[",
    "\\a{", "\\boxed{", "####\n", "# Answer\n", "x", "@", "<a", "1. ", "\n", "://",
    "in the ", "> ", "|",
]  # fmt: skip


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
    quoted = controlled.quoted(text, Dice(key))
    assert quoted[0] == quoted[-1] == '"'
    assert quoted[1:-1].strip() == text.strip()
    assert text in quoted


@given(TEXTS | MARKED)
@tried("1. First\n2. Second...\n\n\nThird , fourth.\n")
def test_spaced_punctuation_puts_single_spaces_before_marks_and_changes_nothing_else(text: str):
    spaced = controlled.spaced_punctuation(text, Dice("any"))
    at = 0
    for i, char in enumerate(spaced):
        if at < len(text) and char == text[at]:
            at += 1
            continue
        # What is not in the text is one space between a word and its mark.
        assert char == " "
        assert not text[at - 1].isspace()
        assert spaced[i + 1] == text[at] in ".,;:!?"
        assert i + 2 == len(spaced) or spaced[i + 2].isspace()
    assert at == len(text)


@pytest.mark.parametrize(
    "text",
    ["1. First\n2) Second\n", "a. One\nb. Two", "Wait ...", "Wait...", "So it is.. ", "In 1999.",
     "See `x = [1, 2]` and https://example.org/a, e.g. there", "$a, b$", "\\(a, b\\)",
     "```\nFirst, second.\n```", "x = call(a, b)  # one, two", "    if it: do, this"],
)  # fmt: skip
def test_spaced_punctuation_leaves_numbers_of_lists_ellipses_and_code_alone(text: str):
    assert controlled.spaced_punctuation(text, Dice("any")) == text


def test_spaced_punctuation_keeps_line_breaks():
    text = "First\n\n. Second,\n\n- third!\n"
    assert controlled.spaced_punctuation(text, Dice("any")) == "First\n\n. Second ,\n\n- third !\n"


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
    for rewrite in (noise.deletion, fillers.word_deletion):
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


WORDS = st.lists(
    st.sampled_from(
        "people answers (wonderful) believe, angels reversed uninformed without hundred never "
        "Austria McGregor well-meaning couldn't casual country throughout immortal thorough "
        'friend. "happiness" four three there then understand mathematics'.split()
    ),
    max_size=60,
).map(" ".join)
SLIPS = (noise.neighbour_swap, noise.substitution, noise.insertion, noise.deletion)


@given(WORDS, KEYS)
def test_a_slip_is_one_in_a_long_word_of_prose_that_stays_recognisable(text: str, key: str):
    for rewrite in SLIPS:
        slipped = 0
        for word, noisy in zip(text.split(), rewrite(text, Dice(key)).split(), strict=True):
            if word == noisy:
                continue
            slipped += 1
            plain = word.strip('(),."')
            assert plain.islower()
            assert plain.isalpha()
            assert len(plain) >= 6
            assert plain not in noise.lookalikes()
            assert plain not in {"without", "hundred"}
            before, after = word.partition(plain)[::2]
            assert noisy.startswith(before + plain[0])
            assert noisy.endswith(plain[-1] + after)
            assert distance_at_most_one(word, noisy)
        assert slipped <= len(text) // 20


def distance_at_most_one(a: str, b: str) -> bool:
    """Whether one letter left out, put in, replaced or swapped makes b of a."""
    if len(a) == len(b):
        differ = [i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
        swapped = len(differ) == 2 and [a[i] for i in differ] == [b[i] for i in reversed(differ)]
        return len(differ) == 1 or (swapped and differ[1] == differ[0] + 1)
    short, long = sorted((a, b), key=len)
    return any(long[:i] + long[i + 1 :] == short for i in range(len(long)))


@pytest.mark.parametrize(
    ("word", "other"),
    [("uninformed", "uniformed"), ("reversed", "reserved"), ("immortal", "immoral"),
     ("casual", "causal"), ("friend", "fiend"), ("country", "county"), ("though", "tough"),
     ("health", "heath"), ("processor", "professor"), ("angels", "angles")],
)  # fmt: skip
def test_no_slip_makes_another_word(word: str, other: str):
    text = f"{word} " * 40
    for rewrite in SLIPS:
        for key in range(50):
            assert other not in rewrite(text, Dice(f"{key}")).split()


def real_answers(*files: Path) -> list[str]:
    found: dict[str, None] = {}
    for file in files:
        with gzip.open(file, "rt", encoding="utf-8") as rows:
            for row in map(json.loads, rows):
                found |= dict.fromkeys((*row["chosen"], *row["rejected"]))
    return list(found)


def test_slips_in_real_answers_make_no_common_words(shared_data: Path):
    """Against the words that other public sets use often."""
    counts = Counter(
        word
        for name in ("webgpt/test", "hh_rlhf/heldout", "xstest/test", "truthfulqa/test")
        for answer in real_answers(shared_data / f"{name}.jsonl.gz")
        for word in re.findall(r"\b[a-z]+\b", answer)
    )
    common = {word for word, count in counts.items() if count >= 4}
    slips, made = 0, []
    for i, answer in enumerate(real_answers(shared_data / "llmbar" / "test.jsonl.gz")):
        for rewrite in SLIPS:
            noisy = rewrite(answer, Dice(f"{i}"))
            for a, b in zip(answer.split(), noisy.split(), strict=True):
                slips += a != b
                if a != b and b.strip('(),.!?"*') in common:
                    made.append((a, b))
    assert slips > 3000
    assert not made


MEANS = [
    ("torture is not just physical", "just"),
    ("it isn't really a problem for them", "really"),
    ("they have never quite understood it", "quite"),
    ("this is hardly a reason to go on", "a"),
    ("he is not the only person there", "the"),
    ("there is more than a chance of it", "a"),
    ("a few of them were there, and a few of us", "a"),
    ("we saw quite a few of them leave", "quite"),
    ("it took a couple of people to lift it", "a"),
    ("there are a number of reasons for it", "a"),
    ("it costs 5 dollars a piece, or 10 a head", "a"),
    ("take it twice a day with some water", "a"),
    ("they came as well as the others did", "well"),
    ("the well water is what they drink", "well"),
    ("they drink water from the well there", "the"),
    ("call him in the case of an error", "the"),
    ("wait for a while before you start", "a"),
    ("most of the people say that they saw it", "of"),
    ("the fact that it rains, so that it is wet", "that"),
    ("it rained, so they stayed at home", "so"),
    ("just people live by just laws", "just"),
    ("all of the dogs in town are dangerous", "the"),
    ("they spend money on the poor and sick", "the"),
    ("of all cities this one is the most visited", "the"),
    ("give them the two books on that table", "the"),
    ("it was known since then that it fails", "then"),
]


@pytest.mark.parametrize(("sentence", "word"), MEANS)
def test_a_filler_that_the_sense_hangs_on_stays(sentence: str, word: str):
    text = f"{'Nobody knows. ' * 20}{sentence}. {'Everybody knows. ' * 20}"
    for key in range(20):
        shorter = fillers.word_deletion(text, Dice(f"{key}"))
        assert Counter(shorter.split())[word] == Counter(text.split())[word]


@given(st.lists(st.sampled_from([sentence for sentence, _ in MEANS]), max_size=12), KEYS)
def test_only_articles_and_fillers_go_and_no_negation_or_count(sentences: list[str], key: str):
    text = ". ".join((*sentences, "they walked to the river and also saw a very old bridge."))
    left = iter(fillers.word_deletion(text, Dice(key)).split())
    now = next(left)
    for word in text.split():
        if word == now:
            now = next(left, "")
        else:
            assert word in {"the", "a", "an", "also", "very", "really", "quite"}
    assert now == ""


def test_fillers_go_where_nothing_hangs_on_them():
    text = "She opened the door. They can also see a wooden house, and it looks very dusty now."
    gone = Counter()
    for key in range(40):
        shorter = fillers.word_deletion(text, Dice(f"{key}"))
        gone += Counter(text.split()) - Counter(shorter.split())
    assert set(gone) == {"the", "a"}  # four characters of 83 are not enough for others
    longer = {
        word
        for key in range(40)
        for word in Counter((text * 3).split())
        - Counter(fillers.word_deletion(text * 3, Dice(f"{key}")).split())
    }
    assert longer == {"the", "a", "also", "very"}


PROSE_LINE = "The quick brown foxes jumped over the lazy sleeping dogs of the village yesterday. "


@pytest.mark.parametrize(
    "spared",
    ["```py\nvalue = function(argument)\n```", "`function(argument)`", "$alpha + gamma$",
     r"\(\operatorname{value}\)", "https://example.org/something/longer", "3.14159 and 2024",
     "\nvalue = argument + another\n", "\n    return something\n", "<section class='wide'>",
     "~~~\nvalue of the function\n~~~", "\nSELECT columns FROM the table\n", "os.path.dirname"],
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
    if not language:
        source = f"import this\n{source}"  # assignments alone could be anything
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
    "text",
    [
        "no code",
        "```\nls\n```\n",
        "```\nDDDDD\n```\n",
        "```\nx = 5\n```\n",
        "```js\nlet x = 1;\n```\n",
        "```\nx = (\n```\n",
        "```\n```\n",
    ],
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


CODED = st.lists(
    st.one_of(
        PYTHON.map(lambda source: f"```python\n{source}```"),
        st.sampled_from(["So it is, then.", "1. First, this:", "", "# Answer\n\n42", "#### 42"]),
    ),
    min_size=1,
    max_size=5,
).map("\n".join)
ADDED = [
    t.name
    for t in TRANSFORMATIONS
    if t.family == "controlled" and t.response and not t.name.startswith("rot")
]


@given(CODED, KEYS)
def test_controlled_rewritings_keep_code_and_marked_results(text: str, key: str):
    for name in ADDED:
        changed = BY_NAME[name].response(text, Dice(key))
        assert code.python_blocks(changed) == code.python_blocks(text)
        if (result := mathematics.answer_of(text)) is not None:
            assert mathematics.answer_of(changed) == result


@pytest.mark.parametrize("name", ADDED)
def test_controlled_rewritings_keep_the_code_of_real_answers(name: str, shared_data: Path):
    file = shared_data / "native" / "rm_bench" / "code_filtered.json"
    blocks = 0
    for i, row in enumerate(json.loads(file.read_text(encoding="utf-8"))):
        for answer in (*row["chosen"], *row["rejected"]):
            if "```" not in answer:
                continue
            before = [ast.dump(ast.parse(b)) for b in code.python_blocks(answer)]
            changed = BY_NAME[name].response(answer, Dice(f"{i}"))
            assert [ast.dump(ast.parse(b)) for b in code.python_blocks(changed)] == before
            blocks += len(before)
    assert blocks > 50


@given(CODED, KEYS)
def test_noise_keeps_code_to_the_letter(text: str, key: str):
    text = f"{PROSE_LINE * 2}\n{text}\n{PROSE_LINE}"
    for t in TRANSFORMATIONS:
        if t.family == "noise":
            changed = t.response(text, Dice(key))
            assert code.python_blocks(changed) == code.python_blocks(text)


@pytest.mark.slow
def test_work_grows_with_the_length_of_the_text():
    """Patterns that go back over the text would need some thousands of times as much."""
    program = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (240, 240))\n"
        "from rmbench.data.controlled.dice import Dice\n"
        "from rmbench.data.robustness import TRANSFORMATIONS\n"
        "for text in eval(sys.stdin.read()):\n"
        "    for t in TRANSFORMATIONS:\n"
        "        for rewrite in filter(None, (t.prompt, t.response)):\n"
        "            rewrite(text, Dice('any'))\n"
    )
    n = 200_000
    texts = [mark * (n // len(mark)) for mark in ADVERSARIAL]
    texts += [f"a{' ' * n}b", f"```{' ' * n}", f"#### a{' ' * n}b", "# Answer" + "\n" * n]
    done = subprocess.run(
        [sys.executable, "-c", program], input=repr(texts), text=True, check=False
    )
    assert done.returncode == 0, "more than 240 seconds of processor time"


@pytest.mark.parametrize("text", ["Yes", "x = 5", "42", "a, b", "'quoted'", "", "# Answer", "f(x)"])
def test_words_and_formulas_are_no_program(text: str):
    ast.parse(text)  # though they are Python
    for rewrite in (code.minified, code.praised, code.blamed, code.with_other_code):
        assert rewrite(text, Dice("any")) is None


ANSWERS = st.sampled_from(["42", "x + 1", r"\frac{1}{2}", r"\{1, 2\}", "a_{n}^{2}", "1,000"])


@pytest.mark.parametrize(
    "text",
    ["#### Step 1: add\nIt is 5.\n#### Step 2: that is it\nSo 5.", "#### {1", "#### 1}",
     "# Answer\n\n42\n\nAs I said."],
)  # fmt: skip
def test_a_heading_that_ends_in_no_result_does_not_fit(text: str):
    assert mathematics.heading_to_boxed(text, Dice("any")) is None


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
    for name, pinned in PINNED.items():
        assert BY_NAME[name].response(text, Dice("pin")) == pinned


PINNED = {
    "spaced_punctuation": (
        "The quick brown foxes jumped over the lazy sleeping dogs of the village yesterday . "
        "The quick brown foxes jumped over the lazy sleeping dogs of the village yesterday . "
    ),
    "neighbour_swap": (
        "The quick brown foxes jmuped over the lazy sleeping dogs of the vlilage yestedray. "
        "The quick brown foxes jumped over the lazy sleeping dogs of the village yseterday. "
    ),
    "substitution": (
        "The quick brown foxes jumoed over the lazy sleeping dogs of the vilkage yesterdzy. "
        "The quick brown foxes jjmped over the lazy sleeping dogs of the villafe yesrerday. "
    ),
    "insertion": (
        "The quick brown foxes jumpoed over the lazy sleeping dogs of the villkage yesterdazy. "
        "The quick brown foxes jujmped over the lazy sleeping dogs of the villagfe yestrerday. "
    ),
    "deletion": (
        "The quick brown foxes jumed over the lazy sleeping dogs of the villae ysterday. "
        "The quick brown foxes jumed over the lazy sleeping dogs of the vilage ysterday. "
    ),
    "word_deletion": (
        "The quick brown foxes jumped over lazy sleeping dogs of the village yesterday. "
        "The quick brown foxes jumped over lazy sleeping dogs of the village yesterday. "
    ),
}
