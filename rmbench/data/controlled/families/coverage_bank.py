"""What the family ``coverage`` is made of: situations, questions and their answers."""

from __future__ import annotations

from dataclasses import dataclass

from rmbench.data.controlled.mirrored import Split


@dataclass(frozen=True)
class Situation:
    """What somebody is about to do, and what they may ask: question to its answers."""

    introductions: tuple[str, ...]
    parts: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Bank:
    """``questions`` frame two parts that are asked in one prompt."""

    questions: tuple[str, ...]
    situations: tuple[Situation, ...]


TRAIN = Bank(
    questions=(
        "{intro} {first}? And {second}?",
        "{intro} I have two questions: {first}, and {second}?",
        "{intro} Tell me two things. {first}? {second}?",
        "{first}, and {second}? {intro}",
    ),
    situations=(
        Situation(
            ("I am going to {city} in {month}.", "{name} and I will visit {city}."),
            {
                "how do I get there": (
                    "Take the direct train or fly in the morning.",
                    "The bus is cheap, the train much faster.",
                ),
                "where can I eat": (
                    "The market hall has good soup and fresh fish.",
                    "Small restaurants by the river serve lunch menus.",
                ),
                "what should I pack": (
                    "Bring a raincoat and comfortable shoes.",
                    "A warm sweater and a light jacket are enough.",
                ),
                "where should I sleep": (
                    "A guest house near the centre is quiet.",
                    "Book a hotel close to the old square.",
                ),
                "what will it cost": (
                    "Expect to spend about eighty dollars a day.",
                    "The budget for a weekend is two hundred dollars.",
                ),
                "what is worth seeing": (
                    "See the cathedral and the art museum.",
                    "The castle and the view from the tower are famous.",
                ),
            },
        ),
        Situation(
            ("{name} and I want to get a dog.", "We may adopt a dog in {month}."),
            {
                "what does it eat": (
                    "Dry food twice a day and some cooked meat.",
                    "Give it kibble and now and then a carrot.",
                ),
                "how often must it go out": (
                    "It needs three walks a day.",
                    "Walk it in the morning, at noon and at night.",
                ),
                "where should it sleep": (
                    "Put its basket in a calm corner.",
                    "A soft bed beside the sofa is best.",
                ),
                "when does it need a vet": (
                    "Have it vaccinated every year.",
                    "See a vet if it limps or stops eating.",
                ),
                "how do I train it": (
                    "Practise sit and stay for five minutes daily.",
                    "Reward good behaviour at once with a treat.",
                ),
                "how do I keep it clean": (
                    "Brush the coat weekly and bathe it rarely.",
                    "Wipe its paws and comb out loose hair.",
                ),
            },
        ),
        Situation(
            ("I give a party for {name} on {day}.", "On {day} we celebrate with {name}."),
            {
                "what should we cook": (
                    "A big pot of chili feeds everyone.",
                    "Make pizza and a green salad.",
                ),
                "which music fits": (
                    "Play some jazz first and dance songs later.",
                    "A playlist of old hits always works.",
                ),
                "how do I decorate": (
                    "Hang paper lanterns and balloons.",
                    "Flowers and candles on the table look nice.",
                ),
                "whom should I invite": (
                    "Ask close friends and the people next door.",
                    "Invite the team and their families.",
                ),
                "which present is good": (
                    "Give a book or a voucher.",
                    "A framed picture makes a nice gift.",
                ),
                "when should it start": (
                    "Begin at seven, so people can eat first.",
                    "Let it start in the late afternoon.",
                ),
            },
        ),
        Situation(
            ("{name} begins a new job in {city}.", "I start a new job on {day}."),
            {
                "what should one wear": (
                    "A clean shirt and dark trousers are fine.",
                    "Dress a bit smarter than usual.",
                ),
                "what do I say to the boss": (
                    "Thank the manager and ask what comes first.",
                    "Tell your boss that you look forward to it.",
                ),
                "how early should one arrive": (
                    "Be there ten minutes before the hour.",
                    "Arrive a quarter of an hour early.",
                ),
                "where is lunch": (
                    "Most people eat in the canteen downstairs.",
                    "There is a sandwich bar across the road.",
                ),
                "what about holidays": (
                    "You have twenty-five days of leave.",
                    "Vacation must be requested a month before.",
                ),
                "how is the pay sent": (
                    "The salary comes by bank transfer each month.",
                    "Wages are paid on the last working day.",
                ),
            },
        ),
        Situation(
            ("I want to buy a used car from {name}.", "{name} in {city} sells me a used car."),
            {
                "what should I check": (
                    "Look for rust and listen to the engine.",
                    "Test the brakes and the tyres.",
                ),
                "how do I pay": (
                    "Pay by bank transfer when you get the keys.",
                    "Cash against a receipt is usual.",
                ),
                "which papers do I need": (
                    "Ask for the title and the service book.",
                    "You need a signed contract and the registration.",
                ),
                "what is a fair price": (
                    "Compare adverts; nine thousand is normal.",
                    "Offer ten percent below the list price.",
                ),
                "who can insure it": (
                    "Any insurer covers it from the first day.",
                    "Get a policy online before you drive off.",
                ),
                "where do I park it": (
                    "Rent a garage or use the street at night.",
                    "Residents get a parking permit from the town.",
                ),
            },
        ),
        Situation(
            ("I am moving house in {month}.", "{name} moves to {city} with me."),
            {
                "how do I pack the dishes": (
                    "Wrap plates in newspaper and stand them up.",
                    "Put cups into boxes with towels between.",
                ),
                "who carries the furniture": (
                    "Hire two movers with a van.",
                    "Ask strong friends and promise them dinner.",
                ),
                "what about the post": (
                    "Have your letters forwarded for a year.",
                    "Give the post office your new address.",
                ),
                "when do I cancel the power": (
                    "Tell the electricity company a month ahead.",
                    "End the power contract on the last day.",
                ),
                "how do I leave the old flat": (
                    "Paint the walls and fill the holes.",
                    "Clean it well and hand over all keys.",
                ),
                "how do I meet the neighbours": (
                    "Ring the bell next door and say hello.",
                    "Bake a cake and share it on your floor.",
                ),
            },
        ),
        Situation(
            ("{name} plans a garden for {month}.", "I lay out a garden near {city}."),
            {
                "which flowers are easy": (
                    "Sunflowers and marigolds grow in any soil.",
                    "Try daisies, they bloom without care.",
                ),
                "how do I keep slugs away": (
                    "Collect slugs at night or put up a copper fence.",
                    "Rough sand around the beds stops snails.",
                ),
                "where do I put a bench": (
                    "Place the seat in the shade of a tree.",
                    "A bench against the south wall is warm.",
                ),
                "how do I mow the lawn": (
                    "Cut the grass weekly, never too short.",
                    "Use a sharp mower on dry grass.",
                ),
                "what about a pond": (
                    "Dig a shallow pool and line it with foil.",
                    "Fish and lilies like deep water.",
                ),
            },
        ),
        Situation(
            ("{name} has a bad cold.", "I caught a cold on {day}."),
            {
                "what should one drink": (
                    "Hot tea with lemon is soothing.",
                    "Drink plenty of water and broth.",
                ),
                "how do I stop the cough": (
                    "Honey or a syrup calms a cough.",
                    "Suck a throat sweet and breathe steam.",
                ),
                "when can I go to work": (
                    "Return to the office once the fever is gone.",
                    "Stay off work for three days.",
                ),
                "how do I sleep with it": (
                    "Raise the pillow and air the bedroom.",
                    "A nose spray before bed lets you rest.",
                ),
                "who should keep away": (
                    "Old relatives and babies should not visit.",
                    "Keep your distance from pregnant friends.",
                ),
            },
        ),
        Situation(
            ("Our school trip to {city} is on {day}.", "{name} leads the school trip to {city}."),
            {
                "how many adults go along": (
                    "One teacher for ten pupils is the rule.",
                    "Two parents and a teacher come with us.",
                ),
                "what food do children need": (
                    "Give them sandwiches and an apple.",
                    "A packed lunch without nuts is best.",
                ),
                "what if a child gets lost": (
                    "Agree on a meeting point and a phone number.",
                    "Call the police if a pupil is missing.",
                ),
                "which games fit the bus": (
                    "Riddles and singing pass the ride.",
                    "Let them play bingo with road signs.",
                ),
                "how do we pay the entrance": (
                    "Groups get tickets at half price.",
                    "The museum sends the school a bill.",
                ),
            },
        ),
        Situation(
            ("{name} wants to learn English in {city}.", "I plan to learn English from {month}."),
            {
                "which book is good": (
                    "Buy a grammar with exercises and a key.",
                    "A reader with short stories is a fine book.",
                ),
                "how do I practise speaking": (
                    "Talk to a partner online each week.",
                    "Say aloud what you did that day.",
                ),
                "how do I remember words": (
                    "Write new words on cards and repeat them.",
                    "Learn ten words a day with pictures.",
                ),
                "how long does it take": (
                    "You need about a year to hold a conversation.",
                    "After six months most people manage well.",
                ),
                "what does a course cost": (
                    "Evening classes are ninety dollars a term.",
                    "A course is free at many libraries.",
                ),
                "how do I understand films": (
                    "Watch with subtitles, then without.",
                    "Begin with cartoons, where speech is slow.",
                ),
            },
        ),
    ),
)

TEST = Bank(
    questions=(
        "{intro} Please cover both: {first}; {second}?",
        "{intro} Wondering about this: {first}? Also, {second}?",
        "Two matters, {first} plus {second}. {intro}",
    ),
    situations=(
        Situation(
            ("{name} will run a marathon near {city}.", "Our marathon falls on a {day}."),
            {
                "which breakfast suits": (
                    "Oatmeal, toast or porridge digest easily.",
                    "Eat muffins plus yoghurt three hours beforehand.",
                ),
                "what footwear works": (
                    "Sneakers with cushioned soles prevent blisters.",
                    "Choose trainers already worn for weeks.",
                ),
                "how fast should kilometres go": (
                    "Hold back early and keep an even pace.",
                    "Six minutes per kilometre is a sensible speed.",
                ),
                "what if muscles cramp": (
                    "Stop, stretch the calf and massage it.",
                    "Slow down and loosen tight legs.",
                ),
                "who watches the kids": (
                    "A babysitter or grandpa can mind children.",
                    "Childcare is offered beside the finish.",
                ),
            },
        ),
        Situation(
            ("We plant an orchard during {month}.", "{name} inherits an orchard close to {city}."),
            {
                "how deep are holes dug": (
                    "Dig down two spades, twice as wide.",
                    "Half a metre of depth is plenty.",
                ),
                "which pests appear": (
                    "Aphids and caterpillars attack young leaves.",
                    "Deer chew bark, moths lay eggs.",
                ),
                "how much watering helps": (
                    "Soak roots weekly through dry summers.",
                    "A full can of water every other evening.",
                ),
                "when is harvest": (
                    "Picking begins once fruit twists off easily.",
                    "Ripe crops come in autumn, after four years.",
                ),
                "which fertiliser helps": (
                    "Spread compost or manure around trunks.",
                    "Nitrogen feed or ash enriches poor soil.",
                ),
            },
        ),
        Situation(
            ("{name} opens a bakery around {month}.", "My bakery in {city} opens soon."),
            {
                "which licence applies": (
                    "Request a food permit at city hall.",
                    "Hygiene certificates and trade registration are required.",
                ),
                "which oven is reliable": (
                    "A gas deck oven heats evenly.",
                    "Get a stone oven with steam.",
                ),
                "how many staff are enough": (
                    "Hire one apprentice and two sellers.",
                    "Three employees can handle such shifts.",
                ),
                "how to attract customers": (
                    "Hand out free samples and flyers.",
                    "Advertise on social media with discounts.",
                ),
                "where does flour come from": (
                    "Order sacks straight off a local mill.",
                    "Wholesalers deliver wheat and rye.",
                ),
            },
        ),
        Situation(
            ("{name} shoots a short movie this {month}.", "Filming starts {day} across {city}."),
            {
                "which camera would do": (
                    "Any mirrorless body with two lenses.",
                    "Rent a camcorder that records sharp video.",
                ),
                "how is sound recorded": (
                    "Clip microphones to collars, away from wind.",
                    "Use a boom mic and headphones.",
                ),
                "where are actors found": (
                    "Drama schools send eager performers.",
                    "Hold an open casting at theatres.",
                ),
                "which software edits it": (
                    "Free editing programs cut clips well.",
                    "Try an app with a simple timeline.",
                ),
                "what about lighting": (
                    "Two lamps and a white reflector soften shadows.",
                    "Shoot at windows for gentle daylight.",
                ),
            },
        ),
    ),
)

BANKS: dict[Split, Bank] = {"train": TRAIN, "test": TEST}
