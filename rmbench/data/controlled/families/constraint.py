"""Keeping to a stated condition against breaking it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

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


class _Condition(NamedTuple):
    """Ways to state a condition (as "I ..."), and what keeps to it."""

    statements: tuple[str, ...]
    options: tuple[str, ...]


class _Choice(NamedTuple):
    """What is asked for, and two conditions none of whose options keeps to the other."""

    wish: str
    first: _Condition
    second: _Condition


@dataclass(frozen=True)
class _Bank:
    prompts: tuple[str, ...]
    answers: tuple[str, ...]
    choices: tuple[_Choice, ...]


_TRAIN = _Bank(
    prompts=(
        "I {condition}. Can you suggest {wish}?",
        "Please recommend {wish} for {day}. I {condition}.",
        "What would be {wish} for me? Note that I {condition}.",
        "I'm with {name} in {city} and need {wish}. I {condition}.",
        "Suggest {wish}; I {condition}.",
        "{name} asked me for {wish}, but I {condition}. What do you propose?",
    ),
    answers=(
        "How about {option}?",
        "You could try {option}.",
        "I would go for {option}.",
        "I suggest {option}.",
        "Maybe {option} would be right.",
        "Think about {option}.",
        "{Option} is a good choice.",
    ),
    choices=(
        _Choice(
            "a dinner",
            _Condition(
                ("am a vegetarian", "do not eat any animals", "avoid meat and fish"),
                (
                    "a vegetable curry",
                    "pasta with tomato sauce",
                    "a spinach omelette",
                    "lentil soup with bread",
                    "a mushroom risotto",
                ),
            ),
            _Condition(
                ("must have meat tonight", "feel like eating meat", "want beef or pork"),
                (
                    "a beef steak with chips",
                    "roast pork with potatoes",
                    "a lamb stew",
                    "spaghetti with bacon",
                    "grilled sausages",
                ),
            ),
        ),
        _Choice(
            "something to do",
            _Condition(
                (
                    "have to stay indoors",
                    "don't want to get wet in the rain",
                    "need a roof over my head",
                ),
                (
                    "a visit to the art museum",
                    "a board game in the living room",
                    "a film at the cinema",
                    "an hour in the bookshop",
                    "bowling at the mall",
                ),
            ),
            _Condition(
                ("want to be out in the sun", "long for fresh air", "refuse to sit inside"),
                (
                    "a picnic in the park",
                    "a bike ride along the river",
                    "a walk in the forest",
                    "a swim in the lake",
                    "a hike up the hill",
                ),
            ),
        ),
        _Choice(
            "a drink",
            _Condition(
                ("can't have caffeine", "want to sleep soon", "need something calming"),
                (
                    "a cup of camomile tea",
                    "warm milk with honey",
                    "a glass of water",
                    "a mug of peppermint tea",
                ),
            ),
            _Condition(
                ("need caffeine", "must stay awake tonight", "want a real kick"),
                (
                    "a double espresso",
                    "a large black coffee",
                    "a can of energy drink",
                    "a pot of strong black tea",
                ),
            ),
        ),
        _Choice(
            "a holiday",
            _Condition(
                ("can hardly spend any money", "have a tiny budget", "must save money"),
                (
                    "a tent at the public campsite",
                    "a bed in a youth hostel",
                    "a week with friends on their sofa",
                    "free day trips from home",
                ),
            ),
            _Condition(
                ("want pure luxury", "do not care about money", "want to spend a fortune"),
                (
                    "a suite in a five-star hotel",
                    "a private yacht with a crew",
                    "first class to a palace by the sea",
                    "a villa with a butler",
                ),
            ),
        ),
        _Choice(
            "a present",
            _Condition(
                ("am buying for a baby", "need it for a one-year-old", "give it to a tiny child"),
                (
                    "a soft teddy bear",
                    "a rattle made of wood",
                    "a picture book of cloth",
                    "a music box for the cradle",
                ),
            ),
            _Condition(
                (
                    "am buying for a grown man",
                    "need it for my old boss",
                    "give it to a retired teacher",
                ),
                (
                    "a bottle of good whisky",
                    "a leather wallet",
                    "a fountain pen",
                    "a biography of a statesman",
                ),
            ),
        ),
        _Choice(
            "a film",
            _Condition(
                ("want to laugh", "need cheering up", "like comedies"),
                (
                    "a silly comedy about two cousins",
                    "a funny cartoon",
                    "a light comedy full of jokes",
                    "a cheerful musical",
                ),
            ),
            _Condition(
                ("want to be scared", "like horror", "enjoy fear and screams"),
                (
                    "a horror story in a haunted house",
                    "a dark tale of vampires",
                    "a terrifying ghost film",
                    "a bloody zombie thriller",
                ),
            ),
        ),
        _Choice(
            "a snack",
            _Condition(
                ("crave something sweet", "have a sweet tooth", "want sugar"),
                (
                    "a bar of chocolate",
                    "a slice of apple cake",
                    "a scoop of ice cream",
                    "a jam doughnut",
                ),
            ),
            _Condition(
                ("crave something salty", "can't stand sweet things", "want no sugar"),
                (
                    "a bag of salted crisps",
                    "a bowl of olives",
                    "some cheese crackers",
                    "roasted peanuts with salt",
                ),
            ),
        ),
        _Choice(
            "some exercise",
            _Condition(
                ("have a bad knee", "must not strain myself", "want it very gentle"),
                (
                    "slow stretching on a mat",
                    "an easy stroll around the block",
                    "light yoga for seniors",
                    "floating in a warm pool",
                ),
            ),
            _Condition(
                ("want to be exhausted", "like it hard", "want to sweat a lot"),
                (
                    "sprints up a steep hill",
                    "a boxing class at full power",
                    "heavy squats with a barbell",
                    "a fast race of ten miles",
                ),
            ),
        ),
        _Choice(
            "a pet",
            _Condition(
                ("live in a tiny flat", "have no space at all", "am rarely at home"),
                (
                    "a goldfish in a bowl",
                    "a hamster",
                    "a pair of guppies",
                    "a small snail in a glass",
                ),
            ),
            _Condition(
                ("live on a big farm", "have plenty of land", "want something large"),
                ("a pony", "a herd of goats", "a big sheepdog", "two donkeys"),
            ),
        ),
        _Choice(
            "a trip",
            _Condition(
                ("am afraid of flying", "never board a plane", "will not fly"),
                (
                    "a night train to the coast",
                    "a long drive through the hills",
                    "a coach tour",
                    "a cruise down the river",
                ),
            ),
            _Condition(
                ("have to fly", "love planes", "want to travel by air"),
                (
                    "a direct flight to an island",
                    "a plane to the capital",
                    "a charter flight to the desert",
                    "a short hop by air",
                ),
            ),
        ),
        _Choice(
            "a hobby",
            _Condition(
                ("like being alone", "prefer silence", "want no company"),
                (
                    "reading long novels",
                    "solving crosswords",
                    "keeping a diary",
                    "doing jigsaw puzzles",
                ),
            ),
            _Condition(
                ("want to meet people", "hate being alone", "love a crowd"),
                (
                    "singing in a choir",
                    "joining a football team",
                    "a dance club",
                    "acting in a theatre group",
                ),
            ),
        ),
        _Choice(
            "a dish",
            _Condition(
                ("am freezing", "want something hot", "need to warm up"),
                (
                    "a steaming bowl of broth",
                    "hot chili from the pot",
                    "a baked potato from the oven",
                    "a hot stew",
                ),
            ),
            _Condition(
                ("am far too hot", "want something cold", "need to cool down"),
                (
                    "a chilled cucumber soup",
                    "an iced fruit salad",
                    "a cold melon",
                    "a frozen yoghurt",
                ),
            ),
        ),
        _Choice(
            "a job for my free time",
            _Condition(
                ("love children", "want to be around kids"),
                (
                    "coaching a school team",
                    "babysitting for families",
                    "helping at a nursery",
                    "reading to pupils",
                ),
            ),
            _Condition(
                ("love plants", "want to dig in the soil"),
                (
                    "weeding a public garden",
                    "working in a greenhouse",
                    "cutting hedges",
                    "planting trees",
                ),
            ),
        ),
    ),
)

_TEST = _Bank(
    prompts=(
        "{name} here: propose {wish}, given that I {condition}.",
        "Which option for {wish} suits me, considering I {condition}?",
        "Since I {condition}, name {wish} before {day}.",
        "Looking around {city} to find {wish}, knowing I {condition}.",
    ),
    answers=(
        "My pick: {option}.",
        "{Option} should suit you.",
        "Consider {option}, really.",
        "Nothing beats {option}.",
    ),
    choices=(
        _Choice(
            "footwear",
            _Condition(
                ("trek across snowy peaks", "face ice and mud"),
                ("insulated winter boots", "waterproof climbing boots", "fur-lined snow shoes"),
            ),
            _Condition(
                ("lounge on tropical sand", "attend beach volleyball"),
                ("airy flip-flops", "open summer sandals", "thin espadrilles"),
            ),
        ),
        _Choice(
            "an evening outfit",
            _Condition(
                ("attend a formal gala", "dine with an ambassador"),
                ("a black tuxedo", "an elegant silk gown", "a tailored evening suit"),
            ),
            _Condition(
                ("paint walls all evening", "repair engines tonight"),
                ("stained overalls", "torn jeans plus a rag shirt", "a mechanic's boiler suit"),
            ),
        ),
        _Choice(
            "breakfast",
            _Condition(
                ("am allergic to eggs and dairy", "follow a vegan diet"),
                (
                    "oatmeal cooked with almond milk",
                    "a banana and peanut butter wrap",
                    "tofu scramble on rye",
                ),
            ),
            _Condition(
                ("adore eggs and cream", "crave a dairy-rich plate"),
                (
                    "scrambled eggs topped by butter",
                    "cream cheese bagels",
                    "a four-egg cheddar frittata",
                ),
            ),
        ),
        _Choice(
            "reading material",
            _Condition(
                ("study physics", "prefer scientific subjects"),
                (
                    "an introduction to quantum mechanics",
                    "a history of atoms",
                    "a primer on black holes",
                ),
            ),
            _Condition(
                ("adore romance", "prefer love stories"),
                ("a tender wedding saga", "passionate poems", "a Regency courtship tale"),
            ),
        ),
        _Choice(
            "background audio",
            _Condition(
                ("must concentrate quietly", "soothe an infant"),
                ("soft lullabies", "gentle harp melodies", "recorded ocean waves"),
            ),
            _Condition(
                ("host a wild rave", "fire up a stadium"),
                ("thundering techno", "roaring heavy metal", "booming drum and bass"),
            ),
        ),
        _Choice(
            "a vehicle to rent",
            _Condition(
                ("haul a grand piano", "shift bulky wardrobes"),
                ("a roomy cargo lorry", "a removal truck with ramp", "a freight trailer"),
            ),
            _Condition(
                ("zip through narrow alleys alone", "squeeze between traffic jams"),
                ("a nimble scooter", "a folding e-bike", "a slim moped"),
            ),
        ),
        _Choice(
            "houseplants",
            _Condition(
                ("forget watering for weeks", "own a parched sunny windowsill"),
                ("a hardy cactus", "desert succulents", "an aloe"),
            ),
            _Condition(
                ("run a humid, steamy bathroom", "mist leaves hourly"),
                ("a rainforest fern", "moisture-loving orchids", "a mossy terrarium"),
            ),
        ),
        _Choice(
            "a weekend course",
            _Condition(
                ("enjoy computers", "dream of building apps"),
                ("Python programming", "web development", "database design"),
            ),
            _Condition(
                ("enjoy cookery", "dream of becoming a chef"),
                ("knife skills and sauces", "French pastry", "Thai cuisine"),
            ),
        ),
    ),
)

BANKS: dict[Split, _Bank] = {"train": _TRAIN, "test": _TEST}


def draw(split: Split, dice: Dice) -> MirroredPair:
    """The same wish under two conditions; each answer keeps to one and breaks the other."""
    bank, words = BANKS[split], WORDS[split]
    choice = dice.pick(bank.choices)
    prompt_template = dice.pick(bank.prompts)
    values = {
        "name": dice.pick(words.names),
        "city": dice.pick(words.cities),
        "day": dice.pick(words.days),
    }
    questions = []
    for condition in (choice.first, choice.second):
        answer_template = dice.pick(bank.answers)
        option = dice.pick(condition.options)
        prompt = prompt_template.format(
            wish=choice.wish, condition=dice.pick(condition.statements), **values
        )
        answer = answer_template.format(option=option, Option=capitalised(option))
        questions.append(Question(prompt, (answer,), prompt_template, answer_template))
    return MirroredPair(*questions)


def holdout(split: Split) -> Holdout:
    """What a split's wishes and options are made of."""
    bank, words = BANKS[split], WORDS[split]
    conditions = [c for choice in bank.choices for c in (choice.first, choice.second)]
    return Holdout(
        templates=frozenset(bank.prompts + bank.answers),
        vocabulary=frozenset(choice.wish for choice in bank.choices)
        | frozenset(text for c in conditions for text in c.statements + c.options)
        | frozenset(words.names)
        | frozenset(words.cities)
        | frozenset(words.days),
    )


FAMILY = Family("constraint", "a stated condition kept or broken", "answer", draw, holdout)
