"""Frozen value objects that travel between the layers.

They hold plain Python values and numpy arrays only, so every layer may use
them and none of them costs an import of torch or pandas.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from hashlib import sha256
from json import dumps
from math import isfinite, nan
from typing import Any, Literal, Protocol, overload

import numpy as np
from numpy.typing import NDArray

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")

TiePolicy = Literal["half", "wrong"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class PreferenceExample:
    """One prompt with the answers that were preferred and those that were not.

    Attributes:
        id: Unique within its set; results are joined on it.
        prompt: The conversation up to the answer, oldest turn first.
        chosen: The preferred answers, at least one.
        rejected: The others, at least one.
        subset: Part of the set it is reported under.
        group: Cluster for intervals: examples of one group are not independent.
        preference: Share of votes for ``chosen``, in [0, 1]; 0.5 is a tie.
        meta: Whatever else the row said; never used in a metric.
        gold: What each response is worth, in the order of ``responses``, where the set says so
            in numbers: a human's or a stronger model's grade. Finite.
    """

    id: str
    prompt: tuple[Message, ...]
    chosen: tuple[str, ...]
    rejected: tuple[str, ...]
    subset: str = "all"
    group: str = ""
    preference: float = 1.0
    meta: Mapping[str, Any] = field(default_factory=dict, compare=False)
    gold: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.chosen or not self.rejected:
            raise ValueError(f"example {self.id!r} needs at least one chosen and one rejected")
        if not 0.0 <= self.preference <= 1.0:
            raise ValueError(f"example {self.id!r}: preference {self.preference} not in [0, 1]")
        if self.gold is not None and not (
            len(self.gold) == len(self.responses) and all(map(isfinite, self.gold))
        ):
            raise ValueError(f"example {self.id!r}: gold is not one finite number a response")

    @property
    def responses(self) -> tuple[str, ...]:
        """All answers, chosen first: the order of ``response_index`` in scores."""
        return self.chosen + self.rejected


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row left out on request, with the reason it could not be used."""

    file: str
    row: int
    reason: str


@dataclass(frozen=True)
class PreferenceSet(Sequence[PreferenceExample]):
    """An immutable, ordered, fingerprinted sequence of examples.

    Attributes:
        name: How the set is called in reports.
        examples: The examples in source order; ids are unique.
        source: What was asked for (a path or a Hub id).
        revision: The Hub commit that was really read, or ``None`` for local files.
        files: The files that were read, as given or relative to their folder.
        skipped: Rows left out because the caller asked for that.
        missing: Names of parts that were expected and are not there.
        layout: Name of the loader or format the rows were read with.
    """

    name: str
    examples: tuple[PreferenceExample, ...]
    source: str = ""
    revision: str | None = None
    files: tuple[str, ...] = ()
    skipped: tuple[SkippedRow, ...] = ()
    missing: tuple[str, ...] = ()
    layout: str = ""

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over every example's id, texts, subset, group, preference and gold."""
        return fingerprint(self.examples)

    @overload
    def __getitem__(self, index: int) -> PreferenceExample: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[PreferenceExample, ...]: ...
    def __getitem__(self, index: int | slice) -> PreferenceExample | tuple[PreferenceExample, ...]:
        return self.examples[index]

    def __len__(self) -> int:
        return len(self.examples)

    def __iter__(self) -> Iterator[PreferenceExample]:
        return iter(self.examples)


def fingerprint(examples: Iterable[PreferenceExample]) -> str:
    """SHA-256 (hex) of the examples in order; ``meta`` does not enter."""
    digest = sha256()
    for e in examples:
        row: list[Any] = [
            e.id,
            [[m.role, m.content] for m in e.prompt],
            e.chosen,
            e.rejected,
            e.subset,
            e.group,
            e.preference,
        ]
        if e.gold is not None:
            row.append(e.gold)
        digest.update(dumps(row, ensure_ascii=True, separators=(",", ":")).encode())
        digest.update(b"\n")
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Conversation:
    """A prompt and one answer to it: what a scorer gives one reward to.

    ``example_id`` and ``response_index`` say where it came from, so that a scorer
    can truncate all answers to one prompt alike, or look a stored score up.
    """

    prompt: tuple[Message, ...]
    response: str
    example_id: str
    response_index: int


def conversations(examples: Iterable[PreferenceExample]) -> list[Conversation]:
    """Every answer of every example, in order, chosen before rejected."""
    return [
        Conversation(e.prompt, response, e.id, i)
        for e in examples
        for i, response in enumerate(e.responses)
    ]


@dataclass(frozen=True)
class ScoredBatch:
    """What a scorer returns: one entry per conversation, in input order.

    Attributes:
        reward: float64, shape (n,); a reward that could not be computed is NaN.
        n_tokens: int64, shape (n,); 0 where the scorer does not tokenise.
        truncated: bool, shape (n,); whether any text was cut off to fit.
    """

    reward: NDArray[np.float64]
    n_tokens: NDArray[np.int64]
    truncated: NDArray[np.bool_]

    def __post_init__(self) -> None:
        n = len(self.reward)
        if self.n_tokens.shape != (n,) or self.truncated.shape != (n,):
            raise ValueError(
                f"expected three arrays of shape ({n},), got {self.reward.shape}, "
                f"{self.n_tokens.shape}, {self.truncated.shape}"
            )


class Scorer(Protocol):
    """Assigns one reward to each conversation.

    ``info`` describes the scorer for the record (a ``rmbench.result.ScorerInfo``);
    ``score`` returns arrays of shape (n,) in input order.
    """

    @property
    def info(self) -> Any:
        """What the scorer is, for the record."""
        ...

    def score(self, conversations: Sequence[Conversation]) -> ScoredBatch:
        """One reward per conversation, in input order."""
        ...


@dataclass(frozen=True)
class Scores:
    """Rewards of a preference set, one row per response.

    The rows of one example are contiguous, its chosen responses first; every
    array has shape (n_responses,).

    Attributes:
        example_id: str; which example the response belongs to.
        subset: str; the example's subset.
        group: str; the example's cluster for intervals.
        preference: float64; share of votes for the example's chosen side.
        response_index: int64; position within the example, from 0.
        is_chosen: bool; whether the response is on the chosen side.
        reward: float64; what the scorer gave.
        n_tokens: int64; tokens the scorer read, 0 where it does not tokenise.
        n_chars: int64; characters (code points) of the response.
        truncated: bool; whether text was cut off before scoring.
        n_headers: int64; markdown headers of the response. ``None``, as the next two,
            where the texts were not at hand or an older rmbench wrote the scores.
        n_list_items: int64; markdown list items.
        n_bold: int64; markdown bold spans.
        gold: float64; what the response is worth, NaN where its example does not say. ``None``
            where no example does.
    """

    example_id: NDArray[np.str_]
    subset: NDArray[np.str_]
    group: NDArray[np.str_]
    preference: NDArray[np.float64]
    response_index: NDArray[np.int64]
    is_chosen: NDArray[np.bool_]
    reward: NDArray[np.float64]
    n_tokens: NDArray[np.int64]
    n_chars: NDArray[np.int64]
    truncated: NDArray[np.bool_]
    n_headers: NDArray[np.int64] | None = None
    n_list_items: NDArray[np.int64] | None = None
    n_bold: NDArray[np.int64] | None = None
    gold: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        shapes = {name: column.shape for name, column in self.columns().items()}
        if len(set(shapes.values())) != 1 or len(next(iter(shapes.values()))) != 1:
            raise ValueError(f"expected arrays of one shape (n,), got {shapes}")

    def __len__(self) -> int:
        return len(self.reward)

    def where(self, mask: NDArray[np.bool_]) -> Scores:
        """The rows where ``mask`` (bool, shape (n,)) is true, in order."""
        return Scores(**{name: column[mask] for name, column in self.columns().items()})

    def columns(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, without those that are not known."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: column for name, column in found.items() if column is not None}

    @classmethod
    def from_batch(cls, examples: Iterable[PreferenceExample], batch: ScoredBatch) -> Scores:
        """Join a scorer's answer to the examples it was asked about.

        Raises:
            ValueError: If the batch does not hold one reward per response.
        """
        items = list(examples)
        sizes = np.array([len(e.responses) for e in items], dtype=np.int64)
        total = int(sizes.sum())
        if len(batch.reward) != total:
            raise ValueError(f"expected {total} rewards, got {len(batch.reward)}")
        return cls(
            example_id=np.repeat(np.array([e.id for e in items], dtype=np.str_), sizes),
            subset=np.repeat(np.array([e.subset for e in items], dtype=np.str_), sizes),
            group=np.repeat(np.array([e.group for e in items], dtype=np.str_), sizes),
            preference=np.repeat(np.array([e.preference for e in items], np.float64), sizes),
            response_index=np.array([i for e in items for i in range(len(e.responses))], np.int64),
            is_chosen=np.array(
                [i < len(e.chosen) for e in items for i in range(len(e.responses))], np.bool_
            ),
            reward=np.asarray(batch.reward, np.float64),
            n_tokens=np.asarray(batch.n_tokens, np.int64),
            n_chars=np.array([len(r) for e in items for r in e.responses], np.int64),
            truncated=np.asarray(batch.truncated, np.bool_),
            gold=_gold(items),
        )


def _gold(examples: Sequence[PreferenceExample]) -> NDArray[np.float64] | None:
    if all(e.gold is None for e in examples):
        return None
    return np.array([g for e in examples for g in e.gold or (nan,) * len(e.responses)], np.float64)
