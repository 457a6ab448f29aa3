"""An answer on the topic asked about against one on another topic."""

from __future__ import annotations

from dataclasses import dataclass

from rmbench.data.controlled.dice import Dice
from rmbench.data.controlled.mirrored import Family, Holdout, MirroredPair, Question, Split
from rmbench.data.controlled.words import WORDS


@dataclass(frozen=True)
class _Bank:
    prompts: tuple[str, ...]
    tips: dict[str, tuple[str, ...]]


_TRAIN = _Bank(
    prompts=(
        "Give me a tip about {topic}.",
        "My friend {name} has just taken up {topic}. What should a beginner know?",
        "I want to get better at {topic}. Any advice?",
        "{name} from {city} asks what helps with {topic}.",
        "What is one thing people get wrong about {topic}?",
        "Tell {name} something useful about {topic}.",
        "I start with {topic} in {month}. What matters most?",
        "Explain to {name} how to improve at {topic}.",
        "We talk about {topic} on {day}. What could I say?",
        "What would an expert on {topic} tell me first?",
    ),
    tips={
        "growing tomatoes": (
            "Water the plants at the root and keep the leaves dry.",
            "Pinch out the side shoots so that the fruit ripens sooner.",
        ),
        "baking bread": (
            "Let the dough rise until it has doubled.",
            "A very hot oven gives the loaf a crisp crust.",
        ),
        "learning the guitar": (
            "Practise changing between two chords slowly.",
            "Trim your nails so that the strings ring clearly.",
        ),
        "long-distance running": (
            "Build up your weekly distance by little steps.",
            "Keep most runs slow enough to talk while you run.",
        ),
        "painting with watercolours": (
            "Start with the lightest wash and let it dry.",
            "Leave the paper white where the picture is brightest.",
        ),
        "keeping bees": (
            "Check the hive for a laying queen in spring.",
            "Leave the colony enough honey for the cold season.",
        ),
        "playing chess": (
            "Bring your knights and bishops out before you attack.",
            "Castle early to keep the king safe.",
        ),
        "saving for retirement": (
            "Pay into the pension plan as soon as you earn.",
            "Low fees on a fund matter more than last year's return.",
        ),
        "training a puppy": (
            "Reward the dog the moment it sits.",
            "Short lessons with treats work better than shouting.",
        ),
        "photographing birds": (
            "A fast shutter freezes the wings.",
            "Wait near the feeder and let the birds come to your lens.",
        ),
        "writing a novel": (
            "Finish the first draft before you edit a chapter.",
            "Give the main character something to want on every page.",
        ),
        "swimming": (
            "Breathe out under water and turn the head only to inhale.",
            "Keep your hips near the surface to glide further.",
        ),
        "brewing coffee": (
            "Grind the beans just before you pour the water.",
            "Water just off the boil keeps the cup from turning bitter.",
        ),
        "sewing clothes": (
            "Wash the fabric before you cut the pattern.",
            "Press every seam with the iron as you go.",
        ),
        "cycling to work": (
            "Pump up the tyres every week.",
            "Choose a quiet route and ride well away from parked cars.",
        ),
        "public speaking": (
            "Look at one listener per sentence.",
            "Rehearse the opening of your talk until it feels easy.",
        ),
        "sleeping well": (
            "Go to bed at the same hour every night.",
            "Keep the bedroom dark and leave the phone outside.",
        ),
        "fishing": (
            "Fish near the weeds at dawn, when trout feed.",
            "Match the bait to what swims in that river.",
        ),
        "learning Spanish": (
            "Speak aloud from the first lesson, mistakes included.",
            "Learn the most common verbs before rare nouns.",
        ),
        "car maintenance": (
            "Check the oil level when the engine is cold.",
            "Worn brake pads squeal, so listen to them.",
        ),
        "playing the piano": (
            "Practise each hand alone before joining them.",
            "Sit so that your elbows are level with the keys.",
        ),
        "making cheese": (
            "Heat the milk gently before adding the rennet.",
            "Salt the curds and let them drain overnight.",
        ),
        "home insulation": (
            "Seal the gaps around windows before winter.",
            "Most heat escapes through the roof, so begin in the loft.",
        ),
        "astronomy": (
            "Let your eyes adapt to the dark before using the telescope.",
            "Begin with the moon and the bright planets.",
        ),
        "pottery": (
            "Centre the clay on the wheel before you open it.",
            "Dry the pot slowly or it will crack in the kiln.",
        ),
        "job interviews": (
            "Prepare two stories that show what you did at work.",
            "Ask the employer a question about the team.",
        ),
        "recycling": (
            "Rinse jars and cans before they go in the bin.",
            "Greasy cardboard cannot be made into new paper.",
        ),
        "mountain hiking": (
            "Turn back early if clouds cover the summit.",
            "Break in your boots before the long trail.",
        ),
        "tennis": (
            "Bend your knees and hit the ball in front of you.",
            "Toss the ball a little higher for a better serve.",
        ),
        "raising chickens": (
            "Lock the hens in the coop before dusk.",
            "Crushed shells in the feed make stronger eggs.",
        ),
        "weather forecasts": (
            "Falling air pressure usually brings rain.",
            "Trust the forecast for the next days more than for the next week.",
        ),
        "first aid": (
            "Cool a burn under running water for a good while.",
            "Press firmly on a bleeding wound and raise the arm.",
        ),
        "gardening in pots": (
            "Choose containers with a hole so that water drains.",
            "Fresh compost feeds balcony flowers all season.",
        ),
        "making soup": (
            "Fry the onions first for a deeper taste.",
            "Simmer the stock slowly and skim the fat.",
        ),
        "riding horses": (
            "Sit up straight and hold the reins softly.",
            "Let the mare sniff your hand before you mount.",
        ),
        "skiing": (
            "Lean forward and let your skis point down the piste.",
            "Start on the nursery slope and learn to brake first.",
        ),
        "the stock market": (
            "Spread your money over many shares.",
            "Do not sell in a panic when prices drop.",
        ),
        "losing weight": (
            "Eat more vegetables and drink fewer sodas.",
            "A slow diet lasts longer than a strict one.",
        ),
        "growing potatoes": (
            "Heap earth around the stems as they grow.",
            "Harvest the tubers when the leaves turn yellow.",
        ),
        "public transport": (
            "A monthly pass is cheaper than single bus tickets.",
            "Avoid the rush hour on the underground.",
        ),
        "teaching maths": (
            "Let pupils explain how they got their result.",
            "Use blocks and drawings before formulas.",
        ),
        "singing": (
            "Warm up your voice with scales.",
            "Breathe from the belly to hold a long note.",
        ),
        "drawing faces": (
            "The eyes lie halfway down the head.",
            "Sketch the skull as an oval before the nose and mouth.",
        ),
        "building a shed": (
            "Level the ground and lay a firm base.",
            "Overlap the roof felt so that rain runs off the wood.",
        ),
        "heart health": (
            "Thirty minutes of brisk walking lowers blood pressure.",
            "Use less salt and stop smoking.",
        ),
        "ancient Egypt": (
            "The pharaohs built pyramids as tombs.",
            "Floods of the Nile made the fields fertile.",
        ),
        "volcanoes": (
            "Magma rises through cracks and becomes lava.",
            "Ash from an eruption can stop air traffic.",
        ),
        "the solar system": (
            "Eight planets go round our star.",
            "Jupiter is the largest planet and has many moons.",
        ),
        "dinosaurs": (
            "Fossil bones show how the giant reptiles lived.",
            "An asteroid probably ended their age.",
        ),
        "spreadsheets": (
            "Name your columns and sort the rows by date.",
            "A formula in the last cell can add up a column.",
        ),
        "mobile phones": (
            "Dim the screen to make the battery last.",
            "Delete unused apps to free memory.",
        ),
        "renting a flat": (
            "Read the lease before you sign it.",
            "Take photos of scratches so that you get the deposit back.",
        ),
        "camping": (
            "Pitch the tent on flat ground before dark.",
            "Hang food in a tree so that bears stay away.",
        ),
        "dental care": (
            "Brush your teeth for two minutes twice a day.",
            "Floss removes what the toothbrush misses.",
        ),
        "whisky": (
            "A drop of water opens up the aroma of a malt.",
            "Years in the oak cask give it colour.",
        ),
        "wedding planning": (
            "Book the venue and the band a year ahead.",
            "Seat the guests so that each table knows the couple.",
        ),
        "the French Revolution": (
            "Hunger and debt turned the people against the king.",
            "The storming of the Bastille started it in Paris.",
        ),
        "climate change": (
            "Burning coal and oil warms the atmosphere.",
            "Forests take carbon dioxide out of the air.",
        ),
        "pancakes": (
            "Whisk flour, eggs and milk into a thin batter.",
            "Flip them when bubbles show in the pan.",
        ),
        "learning to drive": (
            "Look into the mirrors before you change lanes.",
            "Let the clutch come up slowly to start without stalling.",
        ),
        "card tricks": (
            "Hide the chosen card while the audience looks elsewhere.",
            "Shuffle the deck smoothly to seem honest.",
        ),
        "babies": (
            "Burp the infant after each bottle.",
            "Lay a newborn on its back in the cot.",
        ),
    },
)

_TEST = _Bank(
    prompts=(
        "{name} is curious about {topic}; share a hint.",
        "Which lesson about {topic} took you longest to learn?",
        "Could you teach {name} a little {topic} before {month}?",
        "A reader in {city} struggles with {topic}. Your recommendation, please.",
        "Let us discuss {topic}: where would {name} begin?",
        "Suppose {day} were my first try at {topic}. Offer guidance.",
    ),
    tips={
        "knitting": (
            "Cast on loosely, or the first row of wool will pull tight.",
            "Count stitches after each row to catch a dropped one.",
        ),
        "rock climbing": (
            "Push with the legs and save your fingers for small holds.",
            "Have a partner inspect your harness and rope knot.",
        ),
        "growing roses": (
            "Prune above an outward bud once frost is over.",
            "Mulch keeps rose beds moist and free of black spot.",
        ),
        "the violin": (
            "Rosin the bow lightly and draw it straight over the string.",
            "Tune against a steady A and correct your finger placement.",
        ),
        "tax returns": (
            "Collect receipts all year instead of hunting deductions late.",
            "File ahead of the deadline so that any refund arrives sooner.",
        ),
        "sushi": (
            "Season warm rice with vinegar, then fan it cool.",
            "Slice raw tuna across the grain using one long stroke.",
        ),
        "snowboarding": (
            "Shift weight onto the front foot to start a turn on snow.",
            "Wear wrist guards while learning to stop on the slope.",
        ),
        "caring for cats": (
            "Scoop the litter box daily, because kittens are picky.",
            "A scratching post spares the sofa from claws.",
        ),
        "computer passwords": (
            "Use a different login secret per website, kept by a manager.",
            "Turn on two-factor codes for email accounts.",
        ),
        "woodcarving": (
            "Cut along the grain, away from your thumb, with sharp chisels.",
            "Basswood is soft enough for a novice's blade.",
        ),
        "meditation": (
            "Notice each breath and gently return whenever thoughts wander.",
            "Ten calm minutes daily beat an hour once weekly.",
        ),
        "sailing": (
            "Ease the mainsheet whenever the boat heels too far.",
            "Watch ripples to see a gust of wind approaching your sail.",
        ),
        "origami": (
            "Crease every fold sharply using a fingernail.",
            "Thin square sheets make a neater crane.",
        ),
        "aquariums": (
            "Cycle the tank for some weeks ahead of adding goldfish.",
            "Swap a quarter of the aquarium's contents, not all at once.",
        ),
        "basketball": (
            "Keep your elbow under the shot and follow through at the hoop.",
            "Dribble with fingertips, eyes up, using either hand.",
        ),
        "jewellery making": (
            "Solder silver rings with a small flame on clean metal.",
            "Polish gemstones last, after filing the clasp.",
        ),
    },
)

BANKS: dict[Split, _Bank] = {"train": _TRAIN, "test": _TEST}


def draw(split: Split, dice: Dice) -> MirroredPair:
    """One template asked about two topics."""
    bank, words = BANKS[split], WORDS[split]
    template = dice.pick(bank.prompts)
    values = {
        "name": dice.pick(words.names),
        "city": dice.pick(words.cities),
        "month": dice.pick(words.months),
        "day": dice.pick(words.days),
    }
    questions = []
    for topic in dice.two(list(bank.tips)):
        tips = dice.sample(bank.tips[topic], 1 + dice.below(2))
        prompt = template.format(topic=topic, **values)
        questions.append(Question(prompt, tips, template, " ".join(tips)))
    return MirroredPair(*questions)


def holdout(split: Split) -> Holdout:
    """What a split's questions and tips are made of; every tip is a template of its own."""
    bank = BANKS[split]
    tips = [tip for both in bank.tips.values() for tip in both]
    return Holdout(
        templates=frozenset([*bank.prompts, *tips]),
        vocabulary=frozenset(bank.tips) | WORDS[split].vocabulary,
    )


FAMILY = Family("topic", "on the asked topic against on another one", "answer", draw, holdout)
