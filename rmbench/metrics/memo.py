"""Results that several metrics report on, computed once for each set of comparisons."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from rmbench.metrics.comparisons import Comparisons

T = TypeVar("T")


def once(compute: Callable[[Comparisons, Any], T]) -> Callable[[Comparisons, Hashable], T]:
    """Keep what a function of comparisons and one setting gave, for as long as they live."""
    known: WeakKeyDictionary[Comparisons, dict[Hashable, T]] = WeakKeyDictionary()

    @wraps(compute)
    def remembered(comparisons: Comparisons, setting: Hashable) -> T:
        found = known.setdefault(comparisons, {})
        if setting not in found:
            found[setting] = compute(comparisons, setting)
        return found[setting]

    return remembered
