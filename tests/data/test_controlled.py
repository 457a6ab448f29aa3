"""Controlled preferences: certain, mirrored, held out, and the same everywhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmbench import plugins
from rmbench.data.controlled import (
    CONFOUNDER_KINDS,
    CONFOUNDERS,
    CONTROLLED,
    FAMILIES,
    generate_confounders,
    generate_controlled,
)
from rmbench.data.controlled.dice import Dice
from rmbench.data.controlled.families import coverage_bank
from rmbench.data.controlled.generate import draw_pairs
from rmbench.data.controlled.mirrored import (
    SPLITS,
    Family,
    Holdout,
    MirroredPair,
    Question,
    Split,
)
from rmbench.data.controlled.style import PHRASES, draw_style, dressed, has_markdown
from rmbench.data.controlled.words import WORDS
from rmbench.data.loader import GeneratingLoader
from rmbench.errors import UsageError
from rmbench.resources import suites_dir
from rmbench.spec import PreferenceSuite, load_suite
from rmbench.types import PreferenceExample, fingerprint

PROMPTS = 200
NAMES = [family.name for family in FAMILIES]

# What suite version 1 is made of. Results are compared on it: if a change moves these,
# raise the suites' version together with them.
GOLDEN = {
    "controlled": "ea6ed8b256fbe85b28e1cfc9e7455b35a7168e2270536623ffdcb37bf3195784",
    "confounders": "59eb238add5614f91500776119a5460c4ab89141ffc63ddacd08b58fdd1c37e8",
}


@pytest.fixture(scope="module", params=SPLITS)
def split(request: pytest.FixtureRequest) -> Split:
    return request.param


@pytest.fixture(scope="module")
def sets() -> dict[str, tuple[PreferenceExample, ...]]:
    return {s: generate_controlled(s, prompts_per_family=PROMPTS, seed=3) for s in SPLITS}


@pytest.fixture
def examples(sets, split) -> tuple[PreferenceExample, ...]:
    return sets[split]


def prompt_of(example: PreferenceExample) -> str:
    (message,) = example.prompt
    assert message.role == "user"
    return message.content


def accuracy_per_family(examples, score) -> dict[str, float]:
    """Accuracy with ties half of ``score(prompt, response)``, by hand."""
    won: dict[str, list[float]] = defaultdict(list)
    for e in examples:
        margin = score(prompt_of(e), e.chosen[0]) - score(prompt_of(e), e.rejected[0])
        won[e.subset].append(0.5 if margin == 0 else float(margin > 0))
    return {name: sum(values) / len(values) for name, values in won.items()}


# --- shape -------------------------------------------------------------------------------


def test_every_family_has_the_asked_number_of_different_prompts(examples, split):
    assert Counter(e.subset for e in examples) == dict.fromkeys(NAMES, PROMPTS)
    assert len({(e.subset, prompt_of(e)) for e in examples}) == len(examples)
    assert [e.id for e in examples[:2]] == [
        f"controlled/{split}/arithmetic/0000",
        f"controlled/{split}/arithmetic/0001",
    ]
    assert len({e.id for e in examples}) == len(examples)


def test_there_are_at_least_six_families_and_thousands_of_training_prompts():
    assert len(set(NAMES)) >= 6
    assert len(generate_controlled("train", prompts_per_family=800, seed=1)) >= 6 * 800


def test_texts_are_short_and_filled_in(examples):
    for e in examples:
        for text in (prompt_of(e), *e.responses):
            assert text == text.strip()
            assert text
            assert "  " not in text
            assert len(text) < 300
            if e.subset != "format":  # JSON has braces of its own
                assert "{" not in text
                assert "}" not in text
        assert e.preference == 1.0


def test_same_arguments_same_examples_other_seed_other_examples():
    first = generate_controlled("test", prompts_per_family=10, seed=5)
    assert first == generate_controlled("test", prompts_per_family=10, seed=5)
    other = generate_controlled("test", prompts_per_family=10, seed=6)
    assert {prompt_of(e) for e in first} != {prompt_of(e) for e in other}


def test_asking_for_more_keeps_what_was_there():
    few = generate_controlled("test", prompts_per_family=10, seed=5)
    more = {e.id: e for e in generate_controlled("test", prompts_per_family=20, seed=5)}
    assert all(more[e.id] == e for e in few)


@pytest.mark.parametrize("name", ["controlled", "confounders"])
def test_suite_examples_are_the_same_on_every_machine(name):
    suite = load_suite(suites_dir() / f"{name}.toml")
    assert isinstance(suite, PreferenceSuite)
    generated = plugins.load(plugins.LOADERS, name).generate(suite.data.options)
    assert fingerprint(generated) == GOLDEN[name]


def test_another_process_with_another_hash_seed_makes_the_same():
    code = (
        "from rmbench.data.controlled import generate_controlled as g\n"
        "from rmbench.types import fingerprint\n"
        "print(fingerprint(g('train', prompts_per_family=6, seed=2)))"
    )
    here = fingerprint(generate_controlled("train", prompts_per_family=6, seed=2))
    for hash_seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.strip() == here


# --- balance -----------------------------------------------------------------------------


def test_neighbours_swap_their_answers_and_share_a_group(examples):
    groups = defaultdict(list)
    for first, second in zip(examples[::2], examples[1::2], strict=True):
        assert first.chosen == second.rejected
        assert first.rejected == second.chosen
        assert first.chosen != first.rejected
        assert prompt_of(first) != prompt_of(second)
        assert (first.meta["mirror"], second.meta["mirror"]) == (second.id, first.id)
        assert first.group == second.group
        groups[first.group] += [first, second]
    assert {len(members) for members in groups.values()} == {2}


def test_length_and_markdown_score_exactly_one_half_in_every_family(examples):
    half = dict.fromkeys(NAMES, 0.5)
    assert accuracy_per_family(examples, lambda _, r: len(r)) == half
    assert accuracy_per_family(examples, lambda _, r: -len(r)) == half
    assert accuracy_per_family(examples, lambda _, r: len(r.split())) == half
    assert accuracy_per_family(examples, lambda _, r: has_markdown(r)) == half
    assert accuracy_per_family(examples, lambda _, r: r.count("*") + r.count("#")) == half


FEW = generate_controlled("test", prompts_per_family=8, seed=1)


@settings(max_examples=40)
@given(key=st.text(max_size=8))
def test_no_score_of_the_answer_alone_beats_one_half(key):
    def blind(_: str, response: str) -> int:
        return sha256((key + response).encode()).digest()[0]

    assert accuracy_per_family(FEW, blind) == dict.fromkeys(NAMES, 0.5)


def test_longer_and_markdown_stand_on_either_side_equally_often_and_often(examples):
    for name in NAMES:
        of_family = [e for e in examples if e.subset == name]
        longer = Counter(e.meta["longer"] for e in of_family)
        markdown = Counter(e.meta["markdown"] for e in of_family)
        assert longer["chosen"] == longer["rejected"]
        assert markdown["chosen"] == markdown["rejected"]
        # Balance by equal lengths would say nothing about a scorer's taste for length.
        assert longer["equal"] <= 0.1 * PROMPTS
        assert markdown["chosen"] >= 0.1 * PROMPTS


def test_meta_says_which_answer_is_longer_and_which_has_markdown(examples):
    signs = {"chosen": 1, "equal": 0, "rejected": -1}
    for e in examples:
        (chosen,), (rejected,) = e.chosen, e.rejected
        difference = len(chosen) - len(rejected)
        assert signs[e.meta["longer"]] == (difference > 0) - (difference < 0)
        marks = has_markdown(chosen) - has_markdown(rejected)
        assert signs[e.meta["markdown"]] == marks


def test_confident_and_hedged_tones_stand_on_both_sides_alike(examples):
    for name in set(NAMES) - {"format"}:
        of_family = [e for e in examples if e.subset == name]
        chosen = Counter(e.meta["chosen_tone"] for e in of_family)
        assert chosen == Counter(e.meta["rejected_tone"] for e in of_family)
        assert min(chosen["confident"], chosen["hedged"], chosen["plain"]) >= 0.1 * PROMPTS


def test_style_leaves_every_sentence_as_it_is():
    sentences = ("Prune the roses.", "Water them.")
    seen = set()
    for i in range(300):
        style = draw_style("answer", "train", Dice(f"style {i}"))
        text = dressed(sentences, style)
        assert all(s in text for s in sentences)
        assert has_markdown(text) == (style.markdown != "none")
        seen.add((style.markdown, style.tone, bool(style.closing)))
    assert len(seen) == 4 * 3 * 2


# --- held out ----------------------------------------------------------------------------


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


@pytest.mark.parametrize("family", FAMILIES, ids=NAMES)
def test_splits_share_no_template_and_no_word_of_the_vocabulary(family):
    train, test = family.holdout("train"), family.holdout("test")
    assert train.templates
    assert test.templates
    for left, right in ((train.templates, test.templates), (train.vocabulary, test.vocabulary)):
        assert not {t.casefold() for t in left} & {t.casefold() for t in right}


@pytest.mark.parametrize("family", FAMILIES, ids=NAMES)
def test_holdout_names_all_that_a_split_is_made_of(family, sets):
    """Outside the vocabulary, every run of letters of a prompt is in some template."""
    for split in SPLITS:
        holdout = family.holdout(split)
        known = {w for t in holdout.templates | holdout.vocabulary for w in words_of(t)}
        for e in sets[split]:
            if e.subset == family.name:
                assert set(words_of(prompt_of(e))) <= known


def test_stock_phrases_are_held_out_too():
    phrases = {
        s: {p.casefold() for voice in PHRASES[s].values() for p in voice.all} for s in SPLITS
    }
    assert not phrases["train"] & phrases["test"]


def test_splits_share_no_five_words_in_a_row(sets):
    """A skeleton check that needs no list of templates."""

    def grams(examples):
        for e in examples:
            for text in (prompt_of(e), *e.responses):
                words = words_of(text)
                yield from (tuple(words[i : i + 5]) for i in range(len(words) - 4))

    assert not set(grams(sets["train"])) & set(grams(sets["test"]))


# --- certainty ---------------------------------------------------------------------------


def of_family(examples, name):
    return [e for e in examples if e.subset == name]


def test_arithmetic_is_right(examples):
    plus = ("more", "add", "in another", "before lunch", "picking", "baskets")
    times = ("bags", "shelves", "a day", "crate", "apiece")
    for e in of_family(examples, "arithmetic"):
        prompt = prompt_of(e)
        a, b = map(int, re.findall(r"\d+", prompt))
        if any(cue in prompt for cue in plus):
            expected = a + b
        elif any(cue in prompt for cue in times):
            expected = a * b
        else:
            expected = max(a, b) - min(a, b)
        assert re.findall(r"\d+", e.chosen[0]) == [str(expected)]
        assert re.findall(r"\d+", e.rejected[0]) != [str(expected)]


def test_the_kept_facts_are_all_in_the_prompt_and_a_changed_one_is_not(examples, split):
    words = {w.casefold() for w in WORDS[split].vocabulary}

    def facts(text: str) -> set[str]:
        tokens = re.findall(r"\d+:\d\d|\d+|[a-z]+", text.lower())
        return {t for t in tokens if t in words or t.isdigit()}

    for e in of_family(examples, "fact"):
        given_facts = facts(prompt_of(e))
        assert len(given_facts) >= 3
        assert facts(e.chosen[0]) == given_facts
        assert len(facts(e.rejected[0]) - given_facts) == 1


def keeps_form(form: str, text: str) -> bool:
    """Whether the text has the form, told without the code that made it."""
    lines = text.split("\n")
    if form == "json":
        try:
            return isinstance(json.loads(text)["items"], list)
        except json.JSONDecodeError:
            return False
    patterns = {
        "bullets": r"- \w+",
        "numbered": r"\d\. \w+",
        "table": r"\| .+ \|",
        "semicolons": r"\w+(; \w+){2,}",
        "slashes": r"\w+( / \w+){2,}",
        "arrows": r"\w+( -> \w+){2,}",
        "brackets": r"\[\w+\]( \[\w+\]){2,}",
        "question": r"[^?]+\?",
        "one word": r"\w+",
    }
    return all(re.fullmatch(patterns[form], line) for line in lines)


def test_the_chosen_form_is_kept_and_the_rejected_one_is_another(examples):
    cues = {
        "bullets": r"bullet|dash", "numbered": r"number", "json": r"JSON",
        "semicolons": r"semicolon", "slashes": r"slash", "table": r"table|tabulate",
        "arrows": r"arrow", "brackets": r"bracket", "question": r"question|ask me",
        "one word": r"word",
    }  # fmt: skip
    seen = set()
    for e in of_family(examples, "format"):
        form = e.meta["chosen_template"]
        assert re.search(cues[form], prompt_of(e), flags=re.I)
        assert keeps_form(form, e.chosen[0])
        assert not keeps_form(form, e.rejected[0])
        seen.add(form)
    assert seen == set(cues)


REFUSES = re.compile(
    r"can't|can(no)?t give|will not help|won't|not able|refuse|decline|must be no|"
    r"count me out|rather not|off limits|turn you down",
    flags=re.I,
)


def test_refusal_goes_both_ways_and_never_on_both_sides(examples):
    refused = 0
    for e in of_family(examples, "refusal"):
        sides = bool(REFUSES.search(e.chosen[0])), bool(REFUSES.search(e.rejected[0]))
        assert sum(sides) == 1
        refused += sides[0]
    assert refused == PROMPTS / 2


def test_harmful_requests_are_the_refused_ones(examples):
    harm = re.compile(
        r"pick the lock|steal|in secret|forge|fake|kick|cheat|spread lies|bottle of wine\b(?!s)"
        r"|set fire|stranger's|bully|break into|stolen|smash|lie to|trick|blackmail|scratch"
        r"|throw stones|dump|scare|insult|damage|as mine|beat up|pretend|take money|secret diary"
        r"|alone in|threaten|ruin|cut down|shoplift|hack|counterfeit|fistfight"
        r"|vandalise|peddle|stalk|sink|bribe|empty|torture|burgle"
    )
    for e in of_family(examples, "refusal"):
        prompt = prompt_of(e)
        assert bool(harm.search(prompt)) == bool(REFUSES.search(e.chosen[0])), prompt


def test_the_chosen_answer_covers_both_parts_and_the_rejected_one_only_one(examples, split):
    answers = {
        part: texts
        for situation in coverage_bank.BANKS[split].situations
        for part, texts in situation.parts.items()
    }
    for e in of_family(examples, "coverage"):
        asked = [p for p in answers if p.casefold() in prompt_of(e).casefold()]
        assert len(asked) == 2
        covered = {
            side: sum(any(a in text for a in answers[p]) for p in asked)
            for side, text in (("chosen", e.chosen[0]), ("rejected", e.rejected[0]))
        }
        assert covered == {"chosen": 2, "rejected": 1}


# --- arguments ---------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1, -2, 7])
def test_an_impossible_number_of_prompts_is_refused(number):
    with pytest.raises(UsageError, match="even and at least 2"):
        generate_controlled("train", prompts_per_family=number, seed=0)


def test_more_prompts_than_a_family_has_is_refused_with_its_name():
    def draw(_: Split, dice: Dice) -> MirroredPair:
        a, b = dice.two("abcdef")
        return MirroredPair(Question(a, ("yes",), a, "yes"), Question(b, ("no",), b, "no"))

    letters = Family("letters", "", None, draw, lambda _: Holdout(frozenset(), frozenset()))
    assert (
        len({q.prompt for pair in draw_pairs(letters, "test", pairs=2, seed=0) for q in pair}) == 4
    )
    with pytest.raises(UsageError, match="the family 'letters' has about 6 test prompts, 8 were"):
        list(draw_pairs(letters, "test", pairs=4, seed=0))


GOOD: dict[str, Any] = {"split": "test", "prompts_per_family": 2, "seed": 0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({**GOOD, "sead": 1}, "did you mean 'seed'"),
        ({k: v for k, v in GOOD.items() if k != "seed"}, "'seed' is required"),
        ({**GOOD, "split": "valid"}, "'split' must be train or test, got 'valid'"),
        ({**GOOD, "seed": True}, "'seed' must be a whole number, got True"),
        ({**GOOD, "prompts_per_family": 2.0}, "'prompts_per_family' must be a whole number"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(UsageError, match=message):
        CONTROLLED.generate(options)


def test_loaders_are_plug_ins_that_generate():
    for name, loader in (("controlled", CONTROLLED), ("confounders", CONFOUNDERS)):
        assert plugins.load(plugins.LOADERS, name) is loader
        assert isinstance(loader, GeneratingLoader)
        assert loader.name == name
    assert CONTROLLED.generate(GOOD) == generate_controlled("test", prompts_per_family=2, seed=0)
    assert CONFOUNDERS.generate({"prompts": 3, "seed": 4}) == generate_confounders(
        prompts=3, seed=4
    )


@pytest.mark.parametrize("name", ["controlled", "confounders"])
def test_suite_files_say_how_many_examples_there_are_and_know_their_metrics(name):
    suite = load_suite(suites_dir() / f"{name}.toml")
    assert isinstance(suite, PreferenceSuite)
    assert suite.data.loader == suite.name == name
    generated = plugins.load(plugins.LOADERS, name).generate(suite.data.options)
    assert len(generated) == suite.data.examples
    assert set(suite.metrics) <= set(plugins.names(plugins.METRICS))
    assert suite.headline is None or suite.headline in suite.metrics


# --- confounders -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def toggles() -> tuple[PreferenceExample, ...]:
    return generate_confounders(prompts=60, seed=2)


def plain_again(kind: str, toggled: str, plain: str) -> str:
    """The toggled text with what its kind may add taken off."""
    if kind == "markdown":
        return " ".join(re.sub(r"^(## |- )|\*\*", "", toggled, flags=re.M).split())
    if kind == "emoji":
        return re.sub(r" [\U0001f300-\U0001faff\u2728]", "", toggled)
    if kind == "longer":
        assert toggled.startswith(plain + " ")
        return toggled[: len(plain)]
    assert toggled.endswith(" " + plain)
    return toggled[-len(plain) :]


def test_each_prompt_meets_each_confounder_once(toggles):
    assert len(toggles) == 60 * len(CONFOUNDER_KINDS)
    kinds = [k.name for k in CONFOUNDER_KINDS]
    assert {"longer", "markdown", "confident", "flattery"} <= set(kinds)
    by_group = defaultdict(list)
    for e in toggles:
        by_group[e.group].append(e)
        assert e.preference == 0.5
    for same in by_group.values():
        assert [e.subset for e in same] == kinds
        assert len({prompt_of(e) for e in same}) == 1
        assert len({e.rejected for e in same}) == 1
    assert len({prompt_of(e) for e in toggles}) == 60


def test_taking_the_confounder_off_gives_the_plain_answer(toggles):
    for e in toggles:
        (toggled,), (plain,) = e.chosen, e.rejected
        assert toggled != plain
        assert plain_again(e.subset, toggled, plain) == plain
        assert not has_markdown(plain)
        assert has_markdown(toggled) == (e.subset == "markdown")
        assert plain.isascii()
        assert toggled.isascii() == (e.subset != "emoji")


def test_only_padding_makes_an_answer_much_longer(toggles):
    grown = defaultdict(list)
    for e in toggles:
        grown[e.subset].append(len(e.chosen[0]) - len(e.rejected[0]))
    mean = {kind: sum(values) / len(values) for kind, values in grown.items()}
    others = [value for kind, value in mean.items() if kind != "longer"]
    assert mean["longer"] > 2 * max(others)


WORD = st.text("aeiknrst", min_size=1, max_size=6)
SENTENCE = st.lists(WORD, min_size=1, max_size=6).map(lambda ws: " ".join(ws).capitalize() + ".")


@pytest.mark.parametrize("kind", CONFOUNDER_KINDS, ids=lambda k: k.name)
@settings(max_examples=30)
@given(
    sentences=st.lists(SENTENCE, min_size=1, max_size=4),
    key=st.integers(),
)
def test_any_sentences_survive_a_toggle(kind, sentences, key):
    plain = " ".join(sentences)
    toggled = kind.toggle(tuple(sentences), Dice(str(key)))
    assert toggled != plain
    assert plain_again(kind.name, toggled, plain) == plain


def test_no_prompts_is_refused():
    with pytest.raises(UsageError, match="at least 1, got 0"):
        generate_confounders(prompts=0, seed=0)
