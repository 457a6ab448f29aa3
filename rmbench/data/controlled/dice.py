"""Draws that come out the same on every machine and Python version.

``random.Random`` promises a stable ``random()`` only, not stable ``choice`` or
``sample``; a preference set that results are compared on must never change, so
every draw here is a SHA-256 of the key and of how many draws came before.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A stream of draws named by a key.

    >>> dice = Dice("example")
    >>> [dice.below(6) for _ in range(8)] == [Dice("example").below(6)] * 8
    False
    >>> Dice("example").pick("abc") == Dice("example").pick("abc")
    True
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._drawn = 0

    def below(self, n: int) -> int:
        """An integer in [0, n), uniform to within n / 2**64.

        Raises:
            ValueError: If ``n`` is not positive.
        """
        if n < 1:
            raise ValueError(f"cannot draw below {n}")
        digest = sha256(f"{self._key}#{self._drawn}".encode()).digest()
        self._drawn += 1
        return int.from_bytes(digest[:8], "big") % n

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, each as likely."""
        return options[self.below(len(options))]

    def sample(self, options: Sequence[T], k: int) -> tuple[T, ...]:
        """``k`` options at different positions, in drawn order.

        Raises:
            ValueError: If there are fewer than ``k`` options.
        """
        if k > len(options):
            raise ValueError(f"cannot draw {k} of {len(options)} options")
        left = list(options)
        return tuple(left.pop(self.below(len(left))) for _ in range(k))

    def two(self, options: Sequence[T]) -> tuple[T, T]:
        """Two options at different positions."""
        first, second = self.sample(options, 2)
        return first, second

    def chance(self, percent: int) -> bool:
        """True in ``percent`` of 100 draws."""
        return self.below(100) < percent
