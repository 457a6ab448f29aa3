"""Names, places, dates and numbers of the two splits; nothing stands in both."""

from __future__ import annotations

from dataclasses import dataclass

from rmbench.data.controlled.dice import Dice
from rmbench.data.controlled.mirrored import Split


@dataclass(frozen=True)
class Words:
    """Fillers for slots that more than one family has.

    Attributes:
        names: First names.
        cities: Towns.
        days: Days of the week.
        months: Months.
        times: Times of day.
        colours: Colours.
        rooms: Places inside a building.
        residues: Remainders modulo 4 of the whole numbers this split may use.
    """

    names: tuple[str, ...]
    cities: tuple[str, ...]
    days: tuple[str, ...]
    months: tuple[str, ...]
    times: tuple[str, ...]
    colours: tuple[str, ...]
    rooms: tuple[str, ...]
    residues: tuple[int, ...]

    def numbers(self, low: int, high: int) -> tuple[int, ...]:
        """This split's whole numbers in [low, high]."""
        return tuple(n for n in range(low, high + 1) if n % 4 in self.residues)

    def slot(self, name: str) -> tuple[str, ...]:
        """What may fill the slot of that name.

        Raises:
            KeyError: If no list goes with the name.
        """
        number_ranges = {"number": (12, 99), "count": (12, 48), "price": (52, 399)}
        if name in number_ranges:
            return tuple(str(n) for n in self.numbers(*number_ranges[name]))
        return {
            "name": self.names,
            "city": self.cities,
            "day": self.days,
            "month": self.months,
            "time": self.times,
            "colour": self.colours,
            "room": self.rooms,
        }[name]

    def fill(self, slots: tuple[str, ...], dice: Dice) -> dict[str, str]:
        """A value for each slot; the same name twice gets one value."""
        return {name: dice.pick(self.slot(name)) for name in dict.fromkeys(slots)}

    @property
    def vocabulary(self) -> frozenset[str]:
        """Every word of the lists (numbers are kept apart by ``residues``)."""
        lists = (
            self.names,
            self.cities,
            self.days,
            self.months,
            self.times,
            self.colours,
            self.rooms,
        )
        return frozenset(word for words in lists for word in words)


WORDS: dict[Split, Words] = {
    "train": Words(
        names=(
            "Anna",
            "Ben",
            "Clara",
            "David",
            "Emma",
            "Felix",
            "Grace",
            "Henry",
            "Ida",
            "Jack",
            "Karen",
            "Leo",
            "Maria",
            "Nathan",
            "Olivia",
            "Paul",
            "Rachel",
            "Simon",
            "Tara",
            "Victor",
            "Wendy",
            "Adam",
            "Beth",
            "Carlos",
            "Diana",
            "Eric",
            "Fiona",
            "George",
            "Helen",
            "Ian",
            "Julia",
            "Kevin",
            "Laura",
            "Martin",
            "Nina",
            "Oscar",
            "Petra",
            "Robert",
            "Sarah",
            "Thomas",
        ),
        cities=(
            "London",
            "Paris",
            "Berlin",
            "Madrid",
            "Rome",
            "Vienna",
            "Dublin",
            "Oslo",
            "Chicago",
            "Boston",
            "Toronto",
            "Sydney",
            "Tokyo",
            "Cairo",
            "Delhi",
            "Lisbon",
            "Geneva",
            "Prague",
            "Warsaw",
            "Athens",
            "Denver",
            "Seattle",
            "Leeds",
            "Bristol",
            "Hamburg",
            "Milan",
            "Seville",
            "Lyon",
        ),
        days=("Monday", "Tuesday", "Thursday", "Saturday"),
        months=("January", "February", "April", "July", "August", "October", "December"),
        times=(
            "7:30",
            "8:00",
            "9:15",
            "10:00",
            "10:45",
            "11:30",
            "12:15",
            "1:00",
            "2:30",
            "3:15",
            "4:00",
            "5:45",
            "6:30",
        ),
        colours=("red", "blue", "green", "black", "white", "beige", "grey"),
        rooms=("kitchen", "library", "garden", "lobby", "workshop", "canteen", "attic"),
        residues=(0, 1, 2),
    ),
    "test": Words(
        names=(
            "Alice",
            "Bruno",
            "Celia",
            "Derek",
            "Edith",
            "Frank",
            "Gloria",
            "Hugo",
            "Irene",
            "Jonas",
            "Lucy",
            "Marcus",
            "Nora",
            "Owen",
            "Peter",
            "Rosa",
            "Stella",
            "Trevor",
            "Vera",
            "Walter",
        ),
        cities=(
            "Brussels",
            "Helsinki",
            "Zurich",
            "Naples",
            "Porto",
            "Montreal",
            "Dallas",
            "Phoenix",
            "Mumbai",
            "Glasgow",
            "Munich",
            "Krakow",
            "Nairobi",
            "Lima",
            "Kyoto",
            "Bordeaux",
        ),
        days=("Wednesday", "Friday", "Sunday"),
        months=("March", "June", "September", "November"),
        times=("8:20", "9:40", "11:10", "1:50", "2:10", "3:40", "5:20", "7:10"),
        colours=("yellow", "purple", "brown", "pink", "silver"),
        rooms=("balcony", "garage", "cellar", "hallway", "studio"),
        residues=(3,),
    ),
}
