"""What the family ``constraint`` is made of: wishes, conditions and what keeps to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from rmbench.data.controlled.mirrored import Split


class Condition(NamedTuple):
    """Ways to state a condition (as "I ..."), and what keeps to it."""

    statements: tuple[str, ...]
    options: tuple[str, ...]


class Choice(NamedTuple):
    """What is asked for, and two conditions none of whose options keeps to the other."""

    wish: str
    first: Condition
    second: Condition


@dataclass(frozen=True)
class Bank:
    """Templates: ``prompts`` with a wish and a condition, ``answers`` with an option."""

    prompts: tuple[str, ...]
    answers: tuple[str, ...]
    choices: tuple[Choice, ...]


TRAIN = Bank(
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
        Choice(
            "a dinner",
            Condition(
                ("am a vegetarian", "do not eat any animals", "avoid meat and fish"),
                (
                    "a vegetable curry",
                    "pasta with tomato sauce",
                    "a spinach omelette",
                    "lentil soup with bread",
                    "a mushroom risotto",
                ),
            ),
            Condition(
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
        Choice(
            "something to do",
            Condition(
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
            Condition(
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
        Choice(
            "a drink",
            Condition(
                ("can't have caffeine", "want to sleep soon", "need something calming"),
                (
                    "a cup of camomile tea",
                    "warm milk with honey",
                    "a glass of water",
                    "a mug of peppermint tea",
                ),
            ),
            Condition(
                ("need caffeine", "must stay awake tonight", "want a real kick"),
                (
                    "a double espresso",
                    "a large black coffee",
                    "a can of energy drink",
                    "a pot of strong black tea",
                ),
            ),
        ),
        Choice(
            "a holiday",
            Condition(
                ("can hardly spend any money", "have a tiny budget", "must save money"),
                (
                    "a tent at the public campsite",
                    "a bed in a youth hostel",
                    "a week with friends on their sofa",
                    "free day trips from home",
                ),
            ),
            Condition(
                ("want pure luxury", "do not care about money", "want to spend a fortune"),
                (
                    "a suite in a five-star hotel",
                    "a private yacht with a crew",
                    "first class to a palace by the sea",
                    "a villa with a butler",
                ),
            ),
        ),
        Choice(
            "a present",
            Condition(
                ("am buying for a baby", "need it for a one-year-old", "give it to a tiny child"),
                (
                    "a soft teddy bear",
                    "a rattle made of wood",
                    "a picture book of cloth",
                    "a music box for the cradle",
                ),
            ),
            Condition(
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
        Choice(
            "a film",
            Condition(
                ("want to laugh", "need cheering up", "like comedies"),
                (
                    "a silly comedy about two cousins",
                    "a funny cartoon",
                    "a light comedy full of jokes",
                    "a cheerful musical",
                ),
            ),
            Condition(
                ("want to be scared", "like horror", "enjoy fear and screams"),
                (
                    "a horror story in a haunted house",
                    "a dark tale of vampires",
                    "a terrifying ghost film",
                    "a bloody zombie thriller",
                ),
            ),
        ),
        Choice(
            "a snack",
            Condition(
                ("crave something sweet", "have a sweet tooth", "want sugar"),
                (
                    "a bar of chocolate",
                    "a slice of apple cake",
                    "a scoop of ice cream",
                    "a jam doughnut",
                ),
            ),
            Condition(
                ("crave something salty", "can't stand sweet things", "want no sugar"),
                (
                    "a bag of salted crisps",
                    "a bowl of olives",
                    "some cheese crackers",
                    "roasted peanuts with salt",
                ),
            ),
        ),
        Choice(
            "some exercise",
            Condition(
                ("have a bad knee", "must not strain myself", "want it very gentle"),
                (
                    "slow stretching on a mat",
                    "an easy stroll around the block",
                    "light yoga for seniors",
                    "floating in a warm pool",
                ),
            ),
            Condition(
                ("want to be exhausted", "like it hard", "want to sweat a lot"),
                (
                    "sprints up a steep hill",
                    "a boxing class at full power",
                    "heavy squats with a barbell",
                    "a fast race of ten miles",
                ),
            ),
        ),
        Choice(
            "a pet",
            Condition(
                ("live in a tiny flat", "have no space at all", "am rarely at home"),
                (
                    "a goldfish in a bowl",
                    "a hamster",
                    "a pair of guppies",
                    "a small snail in a glass",
                ),
            ),
            Condition(
                ("live on a big farm", "have plenty of land", "want something large"),
                ("a pony", "a herd of goats", "a big sheepdog", "two donkeys"),
            ),
        ),
        Choice(
            "a trip",
            Condition(
                ("am afraid of flying", "never board a plane", "will not fly"),
                (
                    "a night train to the coast",
                    "a long drive through the hills",
                    "a coach tour",
                    "a cruise down the river",
                ),
            ),
            Condition(
                ("have to fly", "love planes", "want to travel by air"),
                (
                    "a direct flight to an island",
                    "a plane to the capital",
                    "a charter flight to the desert",
                    "a short hop by air",
                ),
            ),
        ),
        Choice(
            "a hobby",
            Condition(
                ("like being alone", "prefer silence", "want no company"),
                (
                    "reading long novels",
                    "solving crosswords",
                    "keeping a diary",
                    "doing jigsaw puzzles",
                ),
            ),
            Condition(
                ("want to meet people", "hate being alone", "love a crowd"),
                (
                    "singing in a choir",
                    "joining a football team",
                    "a dance club",
                    "acting in a theatre group",
                ),
            ),
        ),
        Choice(
            "a dish",
            Condition(
                ("am freezing", "want something hot", "need to warm up"),
                (
                    "a steaming bowl of broth",
                    "hot chili from the pot",
                    "a baked potato from the oven",
                    "a hot stew",
                ),
            ),
            Condition(
                ("am far too hot", "want something cold", "need to cool down"),
                (
                    "a chilled cucumber soup",
                    "an iced fruit salad",
                    "a cold melon",
                    "a frozen yoghurt",
                ),
            ),
        ),
        Choice(
            "a bag",
            Condition(
                ("carry a lot of books", "need room for many things", "pack for a month"),
                ("a huge rucksack", "a suitcase with two big compartments", "a large trunk"),
            ),
            Condition(
                ("only carry a key and a phone", "like it tiny", "want it to fit in one hand"),
                ("a small purse", "a slim pouch", "a tiny clutch"),
            ),
        ),
        Choice(
            "a place to live",
            Condition(
                ("love peace and nature", "can't bear noise", "long for the countryside"),
                (
                    "a cottage in a quiet village",
                    "a farmhouse among fields",
                    "a hut by a lonely lake",
                ),
            ),
            Condition(
                ("love nightlife", "want shops and bars around me", "am a city person"),
                (
                    "a loft in the busy centre",
                    "a flat above a nightclub",
                    "a room on the main avenue",
                ),
            ),
        ),
        Choice(
            "a school subject",
            Condition(
                ("like numbers", "enjoy equations", "am good at counting"),
                ("algebra", "geometry", "statistics", "mathematics"),
            ),
            Condition(
                ("like the past", "enjoy stories of kings", "am keen on old times"),
                ("medieval history", "the history of Rome", "archaeology", "the history of wars"),
            ),
        ),
        Choice(
            "clothes",
            Condition(
                ("go where it is freezing", "expect snow", "feel cold easily"),
                ("a thick woollen coat", "a padded parka with gloves", "a fur hat and a scarf"),
            ),
            Condition(
                ("go where it is boiling hot", "expect a heatwave", "spend the week on a beach"),
                ("shorts and a thin top", "a swimsuit and a sun hat", "a light cotton dress"),
            ),
        ),
        Choice(
            "a book",
            Condition(
                ("want it for a small child", "read to my toddler at bedtime"),
                ("a picture book about a bear", "a fairy tale with pop-up pages", "nursery rhymes"),
            ),
            Condition(
                ("want to solve a murder", "love detectives", "like a good crime"),
                (
                    "a murder mystery on a train",
                    "a detective novel",
                    "a crime story with an inspector",
                ),
            ),
        ),
        Choice(
            "a sport",
            Condition(
                ("love water", "want to be in the sea"),
                ("surfing", "diving with a snorkel", "water polo", "kayaking"),
            ),
            Condition(
                ("am afraid of water", "want to stay on dry land"),
                ("badminton", "table tennis", "gymnastics", "golf"),
            ),
        ),
        Choice(
            "a way to relax",
            Condition(
                ("have only five minutes", "am in a hurry", "need it to be quick"),
                ("three deep breaths", "a short stretch at the desk", "one song with closed eyes"),
            ),
            Condition(
                ("have a whole week", "have endless time", "am in no hurry at all"),
                ("a week at a spa", "a long retreat in a monastery", "ten days at sea"),
            ),
        ),
        Choice(
            "a job for my free time",
            Condition(
                ("love children", "want to be around kids"),
                (
                    "coaching a school team",
                    "babysitting for families",
                    "helping at a nursery",
                    "reading to pupils",
                ),
            ),
            Condition(
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

TEST = Bank(
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
        Choice(
            "footwear",
            Condition(
                ("trek across snowy peaks", "face ice and mud"),
                ("insulated winter boots", "waterproof climbing boots", "fur-lined snow shoes"),
            ),
            Condition(
                ("lounge on tropical sand", "attend beach volleyball"),
                ("airy flip-flops", "open summer sandals", "thin espadrilles"),
            ),
        ),
        Choice(
            "an evening outfit",
            Condition(
                ("attend a formal gala", "dine with an ambassador"),
                ("a black tuxedo", "an elegant silk gown", "a tailored evening suit"),
            ),
            Condition(
                ("paint walls all evening", "repair engines tonight"),
                ("stained overalls", "torn jeans plus a rag shirt", "a mechanic's boiler suit"),
            ),
        ),
        Choice(
            "breakfast",
            Condition(
                ("am allergic to eggs and dairy", "follow a vegan diet"),
                (
                    "oatmeal topped by almonds",
                    "a banana and peanut butter wrap",
                    "tofu scramble on rye",
                ),
            ),
            Condition(
                ("adore eggs and butter", "crave a dairy-rich plate"),
                (
                    "scrambled eggs topped by butter",
                    "brie on buttered bagels",
                    "a four-egg cheddar frittata",
                ),
            ),
        ),
        Choice(
            "literature",
            Condition(
                ("study physics", "prefer scientific subjects"),
                (
                    "an introduction to quantum mechanics",
                    "a history of atoms",
                    "a primer on black holes",
                ),
            ),
            Condition(
                ("adore romance", "prefer love stories"),
                ("a tender wedding ballad", "passionate poems", "a Regency courtship"),
            ),
        ),
        Choice(
            "background audio",
            Condition(
                ("must concentrate quietly", "soothe an infant"),
                ("soft lullabies", "gentle harp melodies", "recorded ocean waves"),
            ),
            Condition(
                ("host a wild rave", "fire up a stadium"),
                ("thundering techno", "roaring heavy metal", "booming drum and bass"),
            ),
        ),
        Choice(
            "a vehicle to rent",
            Condition(
                ("haul a grand piano", "shift bulky wardrobes"),
                ("a roomy cargo lorry", "a removal truck with ramp", "a freight trailer"),
            ),
            Condition(
                ("zip through narrow alleys alone", "squeeze between traffic jams"),
                ("a nimble scooter", "a city microcar", "a slim moped"),
            ),
        ),
        Choice(
            "houseplants",
            Condition(
                ("forget watering for weeks", "own a parched sunny windowsill"),
                ("a hardy cactus", "spiky succulents", "an aloe"),
            ),
            Condition(
                ("run a humid, steamy bathroom", "mist leaves hourly"),
                ("a rainforest fern", "moisture-loving orchids", "a mossy terrarium"),
            ),
        ),
        Choice(
            "a weekend course",
            Condition(
                ("enjoy computers", "dream of building apps"),
                ("Python programming", "web development", "database design"),
            ),
            Condition(
                ("enjoy cookery", "dream of becoming a chef"),
                ("knife skills and sauces", "French pastry", "Thai cuisine"),
            ),
        ),
    ),
)

BANKS: dict[Split, Bank] = {"train": TRAIN, "test": TEST}
