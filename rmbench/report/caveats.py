"""What a reader must know before trusting a number.

Parts left out, rules changed, training data too close to the test data; results side by side
that were not computed alike or not on the same data, or that many ties count against.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from rmbench.errors import shorten
from rmbench.report.numbers import fraction, size_range
from rmbench.report.text import Safe
from rmbench.result import DataProvenance, EngineProvenance, Result
from rmbench.result.extent import measured_extent

MANY_TIES = 0.05
"""From more ties than this share of comparisons on, what they count is said."""

_SCORERS_NAMED = 8

# Folders that say nothing about where data come from.
_GENERIC_FOLDERS = frozenset({"", ".", "..", "data", "datasets", "native", "tmp"})


@dataclass(frozen=True)
class Caveat:
    """One reason to read a result with care.

    Attributes:
        flag: A word or two, to stand wherever its numbers are shown.
        text: The whole reason, as pieces of text.
    """

    flag: str
    text: tuple[str, ...]


@dataclass(frozen=True)
class SharedCaveat:
    """One reason to read some of a suite's results with care.

    Attributes:
        text: The whole reason, as pieces of text; it names the scorers where they matter.
        concerned: Which of the results, by their place among them.
    """

    text: tuple[str, ...]
    concerned: tuple[int, ...]


def caveats(result: Result) -> list[Caveat]:
    """Why a result is less than the suite's own number; usually empty."""
    found: list[Caveat] = []
    if result.partial:
        text = (Safe("partial: measured "), measured_extent(result.missing))
        found.append(Caveat("partial", text))
    if result.modified:
        modified = shorten(result.modified, 8)
        found.append(Caveat("changed rules", (Safe("changed rules: "), modified)))
    data = result.provenance.data
    if data is None:
        return found
    for source, fingerprint in _training_sources(result):
        if fingerprint and fingerprint == data.fingerprint:
            text = (Safe("trained on these very examples: "), source)
            found.append(Caveat("trained on", text))
        elif _same_origin(source, data):
            what = Safe("in-distribution: trained on other rows from the same place, ")
            found.append(Caveat("in-distribution", (what, source)))
    return found


def flags(result: Result) -> tuple[str, ...]:
    """The flags of a result's caveats, each once."""
    return tuple(dict.fromkeys(caveat.flag for caveat in caveats(result)))


def shared_caveats(results: Sequence[Result], names: Sequence[str]) -> list[SharedCaveat]:
    """What is to be said of results of one suite that stand side by side; usually empty.

    Args:
        results: Of one suite.
        names: What their scorers are called, in their order.
    """
    found = (_other_data(results, names), _ties_as_wrong(results, names))
    return [caveat for caveat in found if caveat is not None]


def _other_data(results: Sequence[Result], names: Sequence[str]) -> SharedCaveat | None:
    """Which results are of the same data, where not all are.

    Parts of the suite's data are others by their nature, and have a caveat of their own.
    """
    members: dict[str, list[int]] = {}
    for i, result in enumerate(results):
        data = result.provenance.data
        is_part = result.partial or any(m.startswith("limit") for m in result.modified)
        if data is not None and not is_part:
            members.setdefault(data.fingerprint, []).append(i)
    if len(members) < 2:
        return None
    text: list[str] = [Safe("measured on other data, not comparable: ")]
    for i, (fingerprint, of) in enumerate(members.items()):
        n = size_range({results[at].counts.examples for at in of})
        text += [
            Safe("; " if i else ""),
            shorten([names[at] for at in of]),
            Safe(f" on {n} examples (data "),
            fingerprint[:8],
            Safe(")"),
        ]
    return SharedCaveat(tuple(text), tuple(at for of in members.values() for at in of))


def _ties_as_wrong(results: Sequence[Result], names: Sequence[str]) -> SharedCaveat | None:
    """What ties cost where they are many and count as wrong.

    An example's accuracy then lacks its ties whole, and counted as half half of them: the
    accuracy would be higher by half the tie rate, if both are of the same examples.
    """
    text: list[str] = []
    concerned = []
    for i, result in enumerate(results):
        rate, accuracy = result.estimate("tie_rate"), result.estimate("accuracy")
        if result.provenance.policy.get("ties") != "wrong" or rate is None or accuracy is None:
            continue
        if rate.value is None or rate.value <= MANY_TIES or accuracy.value is None:
            continue
        concerned.append(i)
        if rate.n == accuracy.n and len(concerned) <= _SCORERS_NAMED:
            half = fraction(accuracy.value + rate.value / 2)
            share = f"{100 * rate.value:.0f} % ties"
            text += [Safe(f"{', ' if text else ''}{half} of "), names[i], Safe(f" ({share})")]
    if not concerned:
        return None
    more = len(concerned) - len(text) // 3
    words: list[str] = [Safe("ties count as wrong")]
    if text:
        words += [Safe("; as half, accuracy would be "), *text]
        words += [Safe(f" and {more} more have ties")] if more else []
    return SharedCaveat(tuple(words), tuple(concerned))


def computed_unalike(
    results: Sequence[Result], names: Sequence[str] | None = None
) -> Caveat | None:
    """What differs in how results that stand side by side were computed; ``None``: nothing.

    Dtype, kind of device and kernels decide about the last digits of a score. In float32 the
    paths through the engine agree to rounding; beside half precision they are named too.
    Results of scorers that run no model have nothing to compare.

    Args:
        results: Of one suite.
        names: What their scorers are called, in their order; by default their own names.
    """
    engines = [
        (name, r.provenance.engine)
        for name, r in zip(names or [r.scorer.name for r in results], results, strict=True)
        if r.provenance.engine is not None
    ]
    aspects: list[tuple[str, Callable[[EngineProvenance], str]]] = [
        ("dtype", lambda engine: engine.dtype),
        ("device", lambda engine: engine.device.partition(":")[0]),
        ("kernels", lambda engine: engine.kernels),
    ]
    if any(engine.dtype != "float32" for _, engine in engines):
        aspects.append(("path", lambda engine: engine.path))
    text: list[str] = []
    for aspect, read in aspects:
        found: dict[str, list[str]] = {}
        for name, engine in engines:
            found.setdefault(read(engine), []).append(name)
        if len(found) < 2:
            continue
        text.append(Safe(f"{', ' if not text else '; '}{aspect} ".removeprefix(", ")))
        for i, (value, of) in enumerate(found.items()):
            text += [Safe(" and " if i else ""), value, Safe(" ("), shorten(of), Safe(")")]
    if not text:
        return None
    return Caveat("computed unalike", (Safe("not computed alike: "), *text))


def _training_sources(result: Result) -> Iterator[tuple[str, str]]:
    """Source and fingerprint of each set a checkpoint or a bag of words was trained on.

    The record may come from another version of rmbench, so nothing is taken for granted.
    """
    training: dict[str, Any] = result.provenance.training or {}
    sources = [training.get("data"), result.scorer.options.get("trained_on")]
    for body in (b for found in sources if isinstance(found, list | tuple) for b in found):
        if isinstance(body, dict) and isinstance(body.get("source"), str):
            yield body["source"], str(body.get("fingerprint", ""))


def _same_origin(source: str, data: DataProvenance) -> bool:
    measured = {_origin(place) for place in (data.source, *data.files)} - _GENERIC_FOLDERS
    return _origin(source) in measured


def _origin(place: str) -> str:
    """The folder that holds a file, or a Hub id without revision, config and split."""
    path = re.split(r"[:@]", place, maxsplit=1)[0] or place
    if PurePath(path).suffix in {".json", ".jsonl", ".csv", ".parquet", ".gz"}:
        return PurePath(path).parent.name
    return path
