"""Following the form that was asked for: the same words in the right or in another form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from json import dumps

from rmbench.data.controlled.dice import Dice
from rmbench.data.controlled.mirrored import (
    Family,
    Holdout,
    MirroredPair,
    Question,
    Split,
    capitalised,
)
from rmbench.data.controlled.words import WORDS


def _bullets(items: tuple[str, ...]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _numbered(items: tuple[str, ...]) -> str:
    return "\n".join(f"{i}. {item}" for i, item in enumerate(items, start=1))


def _json(items: tuple[str, ...]) -> str:
    return dumps({"items": list(items)})


def _semicolons(items: tuple[str, ...]) -> str:
    return "; ".join(items)


def _slashes(items: tuple[str, ...]) -> str:
    return " / ".join(items)


def _table(items: tuple[str, ...]) -> str:
    return "\n".join(["| item |", "| --- |", *(f"| {item} |" for item in items)])


def _arrows(items: tuple[str, ...]) -> str:
    return " -> ".join(items)


def _brackets(items: tuple[str, ...]) -> str:
    return " ".join(f"[{item}]" for item in items)


def _question(items: tuple[str, ...]) -> str:
    return f"What about {', '.join(items[:-1])} and {items[-1]}?"


def _one_word(items: tuple[str, ...]) -> str:
    return capitalised(items[0])


RENDER: dict[str, Callable[[tuple[str, ...]], str]] = {
    "bullets": _bullets,
    "numbered": _numbered,
    "json": _json,
    "semicolons": _semicolons,
    "slashes": _slashes,
    "table": _table,
    "arrows": _arrows,
    "brackets": _brackets,
    "question": _question,
    "one word": _one_word,
}
"""Form to the text of an answer in it; no two forms give the same text."""


@dataclass(frozen=True)
class _Bank:
    """``requests`` go round ``forms``; one form may be asked for in several ways."""

    requests: tuple[str, ...]
    forms: dict[str, tuple[str, ...]]
    things: dict[str, tuple[str, ...]]


_TRAIN = _Bank(
    requests=(
        "Name some {thing} for {name}. {form}",
        "{form} I need examples of {thing}.",
        "Which {thing} do you know? {form}",
        "Please list {thing} for a quiz on {day}. {form}",
        "{form} The subject is {thing}, and {name} will read it.",
    ),
    forms={
        "bullets": (
            "Use a bulleted list.",
            "Put a dash before each one, one per line.",
            "Answer as bullet points.",
            "Give me bullets.",
        ),
        "numbered": (
            "Use a numbered list.",
            "Number them 1, 2, 3, one per line.",
            "Answer as numbered steps.",
            "Put a number before each one.",
        ),
        "json": (
            "Answer in JSON.",
            "Return a JSON object with the key items.",
            "Output JSON only.",
            "I need valid JSON, with braces and quotes.",
        ),
        "semicolons": (
            "Separate them with semicolons.",
            "Put a semicolon between them.",
            "Use one line with semicolons.",
        ),
        "slashes": (
            "Separate them with slashes.",
            "Put a slash between them.",
            "Use one line with slashes.",
        ),
        "table": (
            "Make a table.",
            "Use a table with one column.",
            "Answer as a table with vertical bars.",
        ),
        "arrows": (
            "Join them with arrows.",
            "Put an arrow between them.",
            "Use one line with arrows.",
        ),
        "brackets": (
            "Put each one in square brackets.",
            "Use square brackets around each.",
            "Wrap them in brackets.",
        ),
        "question": (
            "Answer with a question.",
            "Phrase it as a question.",
            "End with a question mark.",
        ),
        "one word": (
            "Answer with one word.",
            "Give me a single word only.",
            "Just one of them, one word.",
        ),
    },
    things={
        "fruits": ("apple", "banana", "cherry", "lemon", "grape"),
        "farm animals": ("cow", "sheep", "goat", "horse", "duck"),
        "tools": ("hammer", "saw", "wrench", "drill", "file"),
        "sports": ("football", "rugby", "hockey", "boxing", "rowing"),
        "metals": ("iron", "copper", "zinc", "nickel", "tin"),
        "trees": ("oak", "birch", "pine", "maple", "willow"),
        "drinks": ("tea", "milk", "juice", "cocoa", "cider"),
        "furniture": ("table", "bench", "desk", "shelf", "bed"),
        "clothes": ("shirt", "jacket", "scarf", "glove", "hat"),
        "planets": ("Mars", "Venus", "Saturn", "Jupiter", "Neptune"),
        "jobs": ("nurse", "baker", "pilot", "farmer", "judge"),
        "herbs": ("basil", "thyme", "mint", "sage", "dill"),
        "vehicles": ("bus", "tram", "truck", "ferry", "van"),
        "shapes": ("circle", "square", "triangle", "cube", "cone"),
    },
)

_TEST = _Bank(
    requests=(
        "{name} wants to hear several {thing}. {form}",
        "Collect a few {thing}, would you? {form}",
        "{form} My theme this {day}: {thing}.",
        "Suggest {thing} that {name} may like. {form}",
    ),
    forms={
        "bullets": ("Bullet format would be best.", "Every entry gets its own bullet."),
        "numbered": ("A list with numbers would be best.", "Give every entry its number."),
        "json": ("The reply must be parseable as JSON.", "My script expects JSON data."),
        "semicolons": ("Semicolons should divide entries.", "Delimit by semicolon."),
        "slashes": ("Slashes should divide entries.", "Delimit by slash."),
        "table": ("Present a small table.", "Tabulate your reply."),
        "arrows": ("Arrows should connect entries.", "Chain entries using an arrow."),
        "brackets": ("Square brackets should enclose every entry.", "Bracket every entry."),
        "question": ("Your reply ought to be a question.", "Ask me something instead of telling."),
        "one word": ("Only a single-word reply counts.", "Limit yourself to one word."),
    },
    things={
        "vegetables": ("carrot", "onion", "spinach", "pepper", "celery"),
        "instruments": ("flute", "cello", "trumpet", "harp", "drum"),
        "insects": ("ant", "beetle", "wasp", "moth", "cricket"),
        "fabrics": ("cotton", "linen", "silk", "velvet", "denim"),
        "dances": ("tango", "waltz", "salsa", "polka", "samba"),
        "spices": ("cumin", "nutmeg", "saffron", "ginger", "clove"),
        "gemstones": ("ruby", "emerald", "opal", "topaz", "garnet"),
        "rivers": ("Nile", "Danube", "Amazon", "Rhine", "Volga"),
    },
)

BANKS: dict[Split, _Bank] = {"train": _TRAIN, "test": _TEST}
_ANSWER_LENGTHS = (3, 4)


def draw(split: Split, dice: Dice) -> MirroredPair:
    """The same request in two forms; both answers hold the same items."""
    bank, words = BANKS[split], WORDS[split]
    request = dice.pick(bank.requests)
    values = {"name": dice.pick(words.names), "day": dice.pick(words.days)}
    thing = dice.pick(list(bank.things))
    items = dice.sample(bank.things[thing], dice.pick(_ANSWER_LENGTHS))
    questions = []
    for form in dice.two(list(bank.forms)):
        wording = dice.pick(bank.forms[form])
        prompt = request.format(form=wording, thing=thing, **values)
        template = request.replace("{form}", wording)
        questions.append(Question(prompt, (RENDER[form](items),), template, form))
    return MirroredPair(*questions)


def holdout(split: Split) -> Holdout:
    """What a split's requests are made of; the forms themselves are the task and are shared."""
    bank, words = BANKS[split], WORDS[split]
    return Holdout(
        templates=frozenset([*bank.requests, *(f for ways in bank.forms.values() for f in ways)]),
        vocabulary=frozenset(bank.things)
        | frozenset(item for items in bank.things.values() for item in items)
        | frozenset(words.names)
        | frozenset(words.days),
    )


FAMILY = Family("format", "in the asked form against in another form", None, draw, holdout)
