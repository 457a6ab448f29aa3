"""What the family ``intent`` is made of: opposite purposes, as asked for and as written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from rmbench.data.controlled.mirrored import Split


class Purpose(NamedTuple):
    """Ways to ask for a message and messages that do it."""

    requests: tuple[str, ...]
    messages: tuple[str, ...]


class Opposites(NamedTuple):
    """Two purposes that no message serves together."""

    first: Purpose
    second: Purpose


@dataclass(frozen=True)
class Bank:
    """Templates have the slots name, thing, day and month."""

    frames: tuple[str, ...]
    opposites: tuple[Opposites, ...]
    things: tuple[str, ...]


TRAIN = Bank(
    frames=(
        "Write a short message to {name}: {request}.",
        "Text {name} for me. The point: {request}.",
        "I need two lines for {name}. {request}.",
        "{request}. Put that in a note to {name}.",
    ),
    opposites=(
        Opposites(
            Purpose(
                (
                    "I accept the invitation to the {thing}",
                    "say yes to the {thing}",
                    "I will come to the {thing}",
                ),
                (
                    "Dear {name}, thank you, I will gladly come to the {thing}.",
                    "{name}, yes, I would love to be at the {thing}!",
                ),
            ),
            Purpose(
                (
                    "I decline the invitation to the {thing}",
                    "say no to the {thing}",
                    "I can't come to the {thing}",
                ),
                (
                    "Dear {name}, thank you, but I cannot come to the {thing}.",
                    "{name}, unfortunately I have to miss the {thing}.",
                ),
            ),
        ),
        Opposites(
            Purpose(
                (
                    "confirm the {thing} on {day}",
                    "the {thing} takes place on {day}",
                    "the {thing} is still on",
                ),
                (
                    "{name}, the {thing} goes ahead as planned.",
                    "I am happy to confirm the {thing}, {name}.",
                ),
            ),
            Purpose(
                (
                    "cancel the {thing} on {day}",
                    "there is no {thing} on {day}",
                    "the {thing} is called off",
                ),
                (
                    "{name}, I am afraid the {thing} will not happen.",
                    "We had to cancel the {thing}, {name}.",
                ),
            ),
        ),
        Opposites(
            Purpose(
                (
                    "praise the work on the {thing}",
                    "I loved the {thing}",
                    "the {thing} was wonderful",
                ),
                (
                    "{name}, the {thing} was excellent, well done!",
                    "What a lovely {thing}, {name}. I enjoyed every minute.",
                ),
            ),
            Purpose(
                (
                    "complain about the {thing}",
                    "I was unhappy with the {thing}",
                    "the {thing} was terrible",
                ),
                (
                    "{name}, the {thing} was a disappointment to me.",
                    "I must complain, {name}: the {thing} was badly run.",
                ),
            ),
        ),
        Opposites(
            Purpose(
                ("thank them for their help with the {thing}", "I am grateful for the {thing}"),
                (
                    "Many thanks for the {thing}, {name}, you helped me a lot.",
                    "{name}, I am very grateful for all you did at the {thing}.",
                ),
            ),
            Purpose(
                ("apologise for my mistake at the {thing}", "I am sorry about the {thing}"),
                (
                    "{name}, I am sorry for what I did at the {thing}.",
                    "Please forgive me for the {thing}, {name}, it was my fault.",
                ),
            ),
        ),
        Opposites(
            Purpose(
                ("offer to help with the {thing}", "I can help with the {thing}"),
                (
                    "{name}, shall I give you a hand with the {thing}?",
                    "If you need help with the {thing}, {name}, I am there.",
                ),
            ),
            Purpose(
                ("ask for help with the {thing}", "I need somebody's help with the {thing}"),
                (
                    "{name}, could you help me with the {thing}?",
                    "I can't do the {thing} alone, {name}. Would you assist me?",
                ),
            ),
        ),
        Opposites(
            Purpose(
                ("congratulate them on passing the test", "they passed the test"),
                (
                    "Congratulations, {name}, you passed!",
                    "Bravo, {name}! I knew that you would pass the test.",
                ),
            ),
            Purpose(
                ("comfort them after failing the test", "they failed the test"),
                (
                    "I am sorry that you failed, {name}. Next time will be better.",
                    "Don't be sad, {name}, you can take the test again.",
                ),
            ),
        ),
        Opposites(
            Purpose(
                ("the {thing} is moved to an earlier hour", "the {thing} starts sooner"),
                (
                    "{name}, please come earlier: we start the {thing} ahead of time.",
                    "The {thing} begins sooner than planned, {name}.",
                ),
            ),
            Purpose(
                ("the {thing} is delayed", "the {thing} starts later"),
                (
                    "{name}, the {thing} is delayed, so take your time.",
                    "We begin the {thing} later than planned, {name}.",
                ),
            ),
        ),
        Opposites(
            Purpose(
                ("lend them my car for the {thing}", "they may take my car"),
                (
                    "{name}, you can have my car, the keys are here.",
                    "Sure, {name}, take my car to the {thing}.",
                ),
            ),
            Purpose(
                ("I will not lend them my car for the {thing}", "they may not take my car"),
                (
                    "{name}, I can't give you my car.",
                    "Sorry, {name}, my car stays here, so find another way.",
                ),
            ),
        ),
        Opposites(
            Purpose(
                ("say that I won the prize at the {thing}", "I got the prize"),
                (
                    "{name}, I won! The prize is mine.",
                    "Great news, {name}: they gave me the first prize!",
                ),
            ),
            Purpose(
                ("say that I lost at the {thing}", "I did not get the prize"),
                (
                    "{name}, I lost, somebody else got the prize.",
                    "Bad luck, {name}: I came home without a prize.",
                ),
            ),
        ),
        Opposites(
            Purpose(
                ("they should hurry up", "tell them to be quick"),
                (
                    "{name}, hurry, we are running out of time!",
                    "Be quick, {name}, the {thing} starts any minute.",
                ),
            ),
            Purpose(
                ("they can take their time", "tell them there is no rush"),
                (
                    "{name}, no rush, we have plenty of time.",
                    "Take it slowly, {name}, the {thing} can wait.",
                ),
            ),
        ),
        Opposites(
            Purpose(
                ("I like the gift", "say how happy I am about the gift"),
                (
                    "{name}, your gift is beautiful, I am so happy with it.",
                    "I adore your gift, {name}, it is just right.",
                ),
            ),
            Purpose(
                ("I want to return the gift", "say that the gift does not suit me"),
                (
                    "{name}, may I give your gift back? It is not for me.",
                    "I can't use your gift, {name}. Could we exchange it?",
                ),
            ),
        ),
        Opposites(
            Purpose(
                ("I am ill and stay at home", "I feel sick"),
                (
                    "{name}, I have a fever and must stay in bed.",
                    "I am too sick for the {thing}, {name}.",
                ),
            ),
            Purpose(
                ("I am well again and will be back", "I feel healthy"),
                (
                    "{name}, I have recovered and feel fine.",
                    "I am healthy again, {name}, see you at the {thing}.",
                ),
            ),
        ),
        Opposites(
            Purpose(
                ("the room is too cold", "ask them to turn the heating up"),
                (
                    "{name}, it is freezing, please turn up the heating.",
                    "Could you warm up the room, {name}? We are cold.",
                ),
            ),
            Purpose(
                ("the room is too hot", "ask them to open a window"),
                (
                    "{name}, it is far too warm, please open a window.",
                    "Could you cool the room, {name}? We are sweating.",
                ),
            ),
        ),
        Opposites(
            Purpose(
                ("invite them to stay longer", "they may stay"),
                (
                    "{name}, please stay a few more days with us.",
                    "Don't go yet, {name}, you are welcome here.",
                ),
            ),
            Purpose(
                ("ask them to leave", "they must go"),
                (
                    "{name}, I have to ask you to go now.",
                    "Please pack your things and leave, {name}.",
                ),
            ),
        ),
        Opposites(
            Purpose(
                ("I trust them with the {thing}", "I believe in them"),
                (
                    "{name}, I have full confidence in you.",
                    "You will do the {thing} very well, {name}, I trust you.",
                ),
            ),
            Purpose(
                ("I don't trust them with the {thing}", "I have doubts about them"),
                (
                    "{name}, I doubt that you can do it.",
                    "I would rather give the {thing} to somebody else, {name}.",
                ),
            ),
        ),
        Opposites(
            Purpose(
                ("recommend the hotel", "the hotel was great"),
                (
                    "{name}, stay at that hotel, the rooms are lovely.",
                    "I recommend the hotel, {name}: clean, quiet, kind staff.",
                ),
            ),
            Purpose(
                ("warn them about the hotel", "the hotel was awful"),
                (
                    "{name}, don't book that hotel, the rooms are dirty.",
                    "Stay away from the hotel, {name}: noise all night.",
                ),
            ),
        ),
    ),
    things=(
        "dinner",
        "meeting",
        "concert",
        "wedding",
        "workshop",
        "party",
        "lesson",
        "game",
        "picnic",
        "show",
        "reading",
        "excursion",
    ),
)

TEST = Bank(
    frames=(
        "Compose something for {name}, meaning: {request}.",
        "{name} expects an answer. Make clear: {request}.",
        "Formulate this politely to reach {name}: {request}.",
    ),
    opposites=(
        Opposites(
            Purpose(
                ("we agree with the {thing} plan", "approve their {thing} proposal"),
                (
                    "Your {thing} idea convinces us, {name}; please proceed.",
                    "{name}, we fully support how you designed the {thing}.",
                ),
            ),
            Purpose(
                ("we oppose the {thing} plan", "reject their {thing} proposal"),
                (
                    "Your {thing} idea does not convince us, {name}; please stop.",
                    "{name}, we disagree with how you designed the {thing}.",
                ),
            ),
        ),
        Opposites(
            Purpose(
                ("hire this applicant after the {thing}", "offer employment"),
                (
                    "{name}, welcome aboard: the position belongs to you!",
                    "We are delighted to employ you, {name}.",
                ),
            ),
            Purpose(
                ("turn this applicant away after the {thing}", "deny employment"),
                (
                    "{name}, regrettably we chose another candidate.",
                    "Our vacancy went to someone else, {name}. Good luck elsewhere.",
                ),
            ),
        ),
        Opposites(
            Purpose(
                ("everyone is safe following the {thing}", "reassure them"),
                (
                    "No need to worry, {name}: nobody got hurt.",
                    "{name}, relax, all of us are fine following the {thing}.",
                ),
            ),
            Purpose(
                ("someone got injured during the {thing}", "alarm them"),
                (
                    "Come quickly, {name}: there are injuries.",
                    "{name}, this is an emergency, an ambulance is on its way.",
                ),
            ),
        ),
        Opposites(
            Purpose(
                ("greet a newcomer joining our {thing}", "bid them welcome"),
                (
                    "A warm welcome, {name}! We look forward to your first {thing}.",
                    "{name}, so glad you are joining our {thing} circle.",
                ),
            ),
            Purpose(
                ("say goodbye to a colleague leaving our {thing}", "bid them farewell"),
                (
                    "Farewell, {name}! We will miss you each {thing}.",
                    "{name}, a pity you are leaving our {thing} circle.",
                ),
            ),
        ),
        Opposites(
            Purpose(
                ("the {thing} made a profit", "report strong sales"),
                (
                    "Revenue soared, {name}: our {thing} earned plenty.",
                    "{name}, the {thing} figures look splendid, sales doubled.",
                ),
            ),
            Purpose(
                ("the {thing} made a loss", "report weak sales"),
                (
                    "Revenue collapsed, {name}: our {thing} burned cash.",
                    "{name}, the {thing} figures look dreadful, sales halved.",
                ),
            ),
        ),
        Opposites(
            Purpose(
                ("grant an extension for the {thing} paper", "extend their deadline"),
                (
                    "You get an extra week, {name}, so finish calmly.",
                    "{name}, granted: hand in your {thing} paper when ready.",
                ),
            ),
            Purpose(
                ("refuse an extension for the {thing} paper", "keep their deadline"),
                (
                    "No extra week is possible, {name}, so hurry.",
                    "{name}, denied: your {thing} paper remains due as agreed.",
                ),
            ),
        ),
    ),
    things=(
        "seminar",
        "auction",
        "festival",
        "regatta",
        "parade",
        "exhibition",
        "rehearsal",
        "tournament",
    ),
)

BANKS: dict[Split, Bank] = {"train": TRAIN, "test": TEST}
