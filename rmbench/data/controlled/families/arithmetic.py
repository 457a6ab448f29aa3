"""Right against wrong results of one-step sums in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rmbench.data.controlled.dice import Dice
from rmbench.data.controlled.mirrored import Family, Holdout, MirroredPair, Question, Split
from rmbench.data.controlled.words import WORDS

Operation = Literal["add", "subtract", "multiply"]


@dataclass(frozen=True)
class _Bank:
    problems: tuple[tuple[Operation, str], ...]
    answers: tuple[str, ...]
    things: tuple[str, ...]


_TRAIN = _Bank(
    problems=(
        ("add", "{name} has {a} {thing} and buys {b} more. How many {thing} are there in the end?"),
        ("add", "What do you get when you add {a} {thing} to {b} {thing}?"),
        ("add", "There are {a} {thing} in one box and {b} in another. How many is that in total?"),
        ("add", "{name} counted {a} {thing} before lunch and {b} after it. What is the sum?"),
        ("subtract", "{name} had {a} {thing} and gave {b} of them away. How many are left?"),
        ("subtract", "Out of {a} {thing}, {b} were broken. How many were not?"),
        ("subtract", "A shop had {a} {thing} and sold {b}. How many {thing} remain?"),
        ("multiply", "{name} fills {b} bags with {a} {thing} each. How many {thing} is that?"),
        ("multiply", "Each of {b} shelves holds {a} {thing}. How many {thing} are on them?"),
        ("multiply", "{name} needs {a} {thing} a day for {b} days. How many {thing} is that?"),
    ),
    answers=(
        "The answer is {r}.",
        "That makes {r} {thing}.",
        "It comes to {r}.",
        "In total you get {r} {thing}.",
        "The result is {r} {thing}.",
    ),
    things=(
        "apples",
        "stamps",
        "marbles",
        "pencils",
        "coins",
        "tickets",
        "bricks",
        "cards",
        "eggs",
        "candles",
        "chairs",
        "photos",
    ),
)

_TEST = _Bank(
    problems=(
        ("add", "After picking {a} {thing}, {name} found another {b}. What is the new number?"),
        ("add", "Two baskets contain {a} and {b} {thing}. Put together, what do they contain?"),
        ("subtract", "{name} owned {a} {thing} but lost {b}. What number still exists?"),
        ("subtract", "Take {b} {thing} off a pile of {a}. What does the pile count then?"),
        ("multiply", "If one crate carries {a} {thing}, what do {b} such crates carry for {name}?"),
        (
            "multiply",
            "{b} friends of {name} bring {a} {thing} apiece. Work out how much they bring.",
        ),
    ),
    answers=(
        "You end up with {r} {thing}.",
        "I count {r} altogether.",
        "The number of {thing} must be {r}.",
        "{r} is correct.",
    ),
    things=("shells", "buttons", "pears", "spoons", "pebbles", "ribbons", "bottles", "lamps"),
)

BANKS: dict[Split, _Bank] = {"train": _TRAIN, "test": _TEST}


def _operands(operation: Operation, split: Split, dice: Dice) -> tuple[int, int, int]:
    """The first operand and two values of the second, near each other."""
    words = WORDS[split]
    if operation == "multiply":
        seconds = words.numbers(3, 20)
        first = dice.pick(words.numbers(3, 30))
    else:
        seconds = words.numbers(11, 48)
        first = dice.pick(words.numbers(52, 95))
    i = dice.below(len(seconds) - 3)
    return first, seconds[i], seconds[i + 1 + dice.below(3)]


def _result(operation: Operation, a: int, b: int) -> int:
    return {"add": a + b, "subtract": a - b, "multiply": a * b}[operation]


def draw(split: Split, dice: Dice) -> MirroredPair:
    """The same problem with two values of one number, so that the results are near.

    Answers name the result and no operand: copying from the prompt is of no use.
    """
    bank = BANKS[split]
    operation, problem = dice.pick(bank.problems)
    a, *values = _operands(operation, split, dice)
    if dice.chance(50):
        values.reverse()
    name, thing = dice.pick(WORDS[split].names), dice.pick(bank.things)
    questions = []
    for b in values:
        template = dice.pick(bank.answers)
        answer = template.format(r=_result(operation, a, b), thing=thing)
        questions.append(
            Question(problem.format(name=name, thing=thing, a=a, b=b), (answer,), problem, template)
        )
    return MirroredPair(*questions)


def holdout(split: Split) -> Holdout:
    """What a split's problems are made of; operands are kept apart by their remainder."""
    bank = BANKS[split]
    return Holdout(
        templates=frozenset([text for _, text in bank.problems] + list(bank.answers)),
        vocabulary=frozenset(bank.things)
        | frozenset(WORDS[split].names)
        | frozenset(str(n) for n in WORDS[split].numbers(3, 95)),
    )


FAMILY = Family("arithmetic", "right against wrong result of a sum", "answer", draw, holdout)
