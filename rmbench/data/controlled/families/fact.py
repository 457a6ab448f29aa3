"""Keeping the facts of the prompt: one name, place, date or number is right or changed."""

from __future__ import annotations

from dataclasses import dataclass

from rmbench.data.controlled.dice import Dice
from rmbench.data.controlled.mirrored import (
    Family,
    Holdout,
    MirroredPair,
    Question,
    Split,
    slots_of,
)
from rmbench.data.controlled.words import WORDS


@dataclass(frozen=True)
class _Scene:
    """Ways to give some facts and to restate them; all have the same slots."""

    prompts: tuple[str, ...]
    answers: tuple[str, ...]


_TRAIN = (
    _Scene(
        (
            "Remind me in one line: I meet {name} in {city} on {day} at {time}.",
            "I have a meeting with {name} in {city}, {day} at {time}. Put that in my notes.",
        ),
        (
            "You meet {name} on {day} at {time} in {city}.",
            "Meeting: {name}, {city}, {day}, {time}.",
        ),
    ),
    _Scene(
        (
            "Tell {name} that the train to {city} leaves at {time} from platform {count}.",
            "The {time} train to {city} goes from platform {count}. Write that to {name}.",
        ),
        (
            "Hi {name}, your train to {city} leaves at {time} from platform {count}.",
            "{name}, go to platform {count}: the train to {city} leaves at {time}.",
        ),
    ),
    _Scene(
        (
            "Write a label: {colour} paint for the {room}, {count} litres.",
            "I ordered {count} litres of {colour} paint for the {room}. Make a short label.",
        ),
        (
            "{count} litres of {colour} paint, {room}.",
            "For the {room}: {colour} paint, {count} litres.",
        ),
    ),
    _Scene(
        (
            "Sum this up: {name} moved to {city} in {month} and pays {price} dollars in rent.",
            "In {month}, {name} took a room in {city} for {price} dollars. Put it in one sentence.",
        ),
        (
            "{name} has lived in {city} since {month} and pays {price} dollars.",
            "Since {month}, {name} rents in {city} for {price} dollars.",
        ),
    ),
    _Scene(
        (
            "Invite {name} to my birthday on {day} at {time} in the {room}.",
            "My birthday is on {day} at {time} in the {room}. Ask {name} to come.",
        ),
        (
            "Dear {name}, please come to my birthday on {day} at {time}, in the {room}.",
            "{name}, I celebrate my birthday in the {room} on {day} at {time}.",
        ),
    ),
    _Scene(
        (
            "Confirm an order of {count} {colour} chairs for {name}, delivery in {month}.",
            "{name} ordered {count} {colour} chairs for {month}. Write the confirmation.",
        ),
        (
            "Dear {name}, we will deliver {count} {colour} chairs in {month}.",
            "Order confirmed: {count} {colour} chairs for {name}, delivered in {month}.",
        ),
    ),
    _Scene(
        (
            "The {room} is closed on {day} until {time}. Write a notice.",
            "Make a sign that says the {room} stays closed until {time} on {day}.",
        ),
        (
            "Please note: the {room} is closed until {time} on {day}.",
            "On {day} the {room} opens at {time}, not before.",
        ),
    ),
    _Scene(
        (
            "Tell the hotel in {city} that {count} guests of {name} arrive in {month}.",
            "{name} brings {count} guests to the hotel in {city} in {month}. Let the hotel know.",
        ),
        (
            "In {month}, {name} will come to your hotel in {city} with {count} guests.",
            "Please expect {count} guests with {name} at the {city} hotel in {month}.",
        ),
    ),
    _Scene(
        (
            "Note for the file: {name} paid {price} dollars on {day} for the {colour} bicycle.",
            "On {day}, {name} bought the {colour} bicycle for {price} dollars. Make a receipt.",
        ),
        (
            "Received from {name} on {day}: {price} dollars for the {colour} bicycle.",
            "{price} dollars paid by {name} for a {colour} bicycle, {day}.",
        ),
    ),
    _Scene(
        (
            "Ask {name} to bring the {colour} folder to {city} on {day}.",
            "On {day} I need the {colour} folder in {city}, and {name} has it. Write to {name}.",
        ),
        (
            "{name}, could you bring the {colour} folder to {city} on {day}?",
            "Please take the {colour} folder along to {city} on {day}, {name}.",
        ),
    ),
    _Scene(
        (
            "Our choir sings in {city} in {month}; a seat costs {price} dollars. Write an advert.",
            "Advertise our choir: {city}, {month}, {price} dollars a seat.",
        ),
        (
            "Hear our choir in {city} this {month} for {price} dollars a seat.",
            "The choir comes to {city} in {month}. Seats are {price} dollars.",
        ),
    ),
    _Scene(
        (
            "My flight to {city} is on {day} at {time}, seat {number}. Text that to {name}.",
            "Let {name} know: I fly to {city} on {day} at {time} and sit in {number}.",
        ),
        (
            "{name}, I fly to {city} on {day} at {time}, in seat {number}.",
            "My flight to {city}: {day}, {time}, seat {number}. See you soon, {name}.",
        ),
    ),
)

_TEST = (
    _Scene(
        (
            "Draft an email telling {name} the lecture moved to {day}, {time}, inside the {room}.",
            "Our lecture now starts {time} {day} inside the {room}; inform {name} by email.",
        ),
        (
            "Hello {name}, we shifted the lecture: {day}, {time}, inside the {room}.",
            "{name}, find the lecture inside the {room}, {time} {day}.",
        ),
    ),
    _Scene(
        (
            "Summarise: during {month} {name} sold {number} tents near {city}.",
            "{number} tents went to buyers near {city} during {month}, sold by {name}. Shorten it.",
        ),
        (
            "{name} managed to sell {number} tents near {city} during {month}.",
            "Near {city}, {number} tents found buyers through {name} during {month}.",
        ),
    ),
    _Scene(
        (
            "Compose a voicemail: the {colour} sofa arrives {day} around {time} for {name}.",
            "{name} gets a {colour} sofa delivered {day} around {time}. Prepare the voicemail.",
        ),
        (
            "Good news, {name}: expect your {colour} sofa {day} around {time}.",
            "Voicemail: {colour} sofa coming {day} around {time}, attention {name}.",
        ),
    ),
    _Scene(
        (
            "Record that {name} borrowed {count} maps of {city} until {month}.",
            "Maps of {city}, {count} copies, lent to {name} until {month}: turn this into prose.",
        ),
        (
            "{name} keeps {count} maps of {city} until {month}.",
            "Until {month}, {count} maps of {city} stay with {name}.",
        ),
    ),
    _Scene(
        (
            "Caption my photo: {name}, the {colour} kite, a beach outside {city}, last {month}.",
            "Last {month} {name} flew a {colour} kite outside {city}. Give me a caption.",
        ),
        (
            "{name} flying a {colour} kite outside {city}, {month}.",
            "A {colour} kite, {name}, and the sky outside {city} last {month}.",
        ),
    ),
    _Scene(
        (
            "Announce that {name} repairs the {room} heater {day} and charges {price} euros.",
            "Heater repair, {room}, {day}, {price} euros, done by {name}. Phrase it nicely.",
        ),
        (
            "{name} will fix the heater of the {room} {day}; it costs {price} euros.",
            "Expect {name} {day} to mend the {room} heater, charging {price} euros.",
        ),
    ),
)

BANKS: dict[Split, tuple[_Scene, ...]] = {"train": _TRAIN, "test": _TEST}


def draw(split: Split, dice: Dice) -> MirroredPair:
    """The same message asked for with one fact changed between the two prompts."""
    words = WORDS[split]
    scene = dice.pick(BANKS[split])
    prompt = dice.pick(scene.prompts)
    facts = words.fill(slots_of(prompt), dice)
    changed = dice.pick(sorted(facts))
    other = facts | {
        changed: dice.pick([v for v in words.slot(changed) if v not in facts.values()])
    }
    questions = []
    for values in (facts, other):
        answer = dice.pick(scene.answers)
        questions.append(
            Question(prompt.format(**values), (answer.format(**values),), prompt, answer)
        )
    return MirroredPair(*questions)


def holdout(split: Split) -> Holdout:
    """What a split's messages are made of."""
    words = WORDS[split]
    return Holdout(
        templates=frozenset(t for s in BANKS[split] for t in s.prompts + s.answers),
        vocabulary=words.vocabulary | frozenset(str(n) for n in words.numbers(12, 399)),
    )


FAMILY = Family("fact", "a fact of the prompt kept or changed", "message", draw, holdout)
