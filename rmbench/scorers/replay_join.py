"""Finding the stored rewards of each example, and saying what does not fit together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path

from rmbench.errors import DataError, UsageError, shorten
from rmbench.scorers.replay_rows import ReplayRow
from rmbench.types import PreferenceExample

NAMED = 3
"""How many of the ids at fault a message names."""

PARTIAL_HINT = "--allow-partial measures what fits"


def named(ids: Sequence[str]) -> str:
    """The first few ids, and how many more there are."""
    return shorten([repr(key) for key in ids], NAMED)


def with_unique_ids(rows: Sequence[ReplayRow], path: Path) -> list[ReplayRow]:
    """The rows under ids of which there are no two.

    Where ids recur between subsets and not within one, all become ``subset/id``.

    Raises:
        DataError: If they recur within a subset; it says how many and which.
    """
    if len({r.id for r in rows}) == len(rows):
        return list(rows)
    if len({(r.subset, r.id) for r in rows}) == len(rows):
        return [_renamed(r, f"{r.subset}/{r.id}") for r in rows]
    raise _stand_twice(rows, [(r.subset, r.id) for r in rows], path)


def _stand_twice(
    rows: Sequence[ReplayRow], keys: Sequence[tuple[str, str]], path: Path
) -> DataError:
    """What is wrong with rows of which some have the same key; of a key the last part is shown."""
    twice = [key for key, n in Counter(keys).items() if n > 1]
    first, again = [r for r, key in zip(rows, keys, strict=True) if key == twice[0]][:2]
    where = f"rows {first.number} and {again.number}"
    if first.file != again.file:
        where = f"{first.file}, row {first.number}, and {again.file}, row {again.number}"
    return DataError(
        f"{len(twice)} of its ids stand more than once ({named([key for _, key in twice])}); "
        f"the first in {where}",
        file=str(path),
        field="id",
    )


def with_all_answers(rows: Sequence[ReplayRow], path: Path) -> list[ReplayRow]:
    """One row for each id, of rows that hold one answer each; in the order of the first ones.

    Raises:
        DataError: If an id lacks an answer or has one twice; it says how many do and which.
    """
    answers: dict[str, list[ReplayRow]] = {}
    for row in rows:
        answers.setdefault(row.id, []).append(row)
    joined, wrong = [], []
    for key, found in answers.items():
        found.sort(key=lambda row: row.position)
        if [row.position for row in found] != list(range(len(found))):
            wrong.append(key)
        texts = [row.texts[0] for row in found if row.texts]
        joined.append(
            found[0]._replace(
                chosen=tuple(row.chosen[0] for row in found),
                texts=tuple(texts) if len(texts) == len(found) else None,
            )
        )
    if wrong:
        raise DataError(
            f"{len(wrong)} of its {len(answers)} prompts lack an answer or have one twice "
            f"({named(wrong)})",
            file=str(path),
            field="id",
        )
    return joined


def numbered(rows: Sequence[ReplayRow]) -> list[ReplayRow]:
    """The rows under their own ids where these are unique, otherwise under their numbers."""
    ids = {r.id for r in rows}
    if "" not in ids and len(ids) == len(rows):
        return list(rows)
    return [r._replace(id=str(i), own_id=r.id) for i, r in enumerate(rows, start=1)]


def with_ids_of(
    examples: Sequence[PreferenceExample], rows: Sequence[ReplayRow], path: Path
) -> list[ReplayRow] | None:
    """The rows under ids that are the examples', where most are; ``None`` where they are not.

    Ids of which most are known mean something, so those that are missing, unknown or there twice
    are worth an error. Otherwise, as where ids recur in the published data, they say nothing and
    the rows' order decides.

    Raises:
        DataError: If some of these ids stand more than once; it says how many and which.
    """
    known, least = {e.id for e in examples}, min(len(rows), len(examples)) / 2
    own = [r.own_id or r.id for r in rows]
    for ids in (own, [f"{r.subset}/{key}" for r, key in zip(rows, own, strict=True)]):
        if len(known.intersection(ids)) > least:
            if len(set(ids)) < len(ids):
                raise _stand_twice(rows, [("", key) for key in ids], path)
            return [_renamed(r, key) for r, key in zip(rows, ids, strict=True)]
    return None


def _renamed(row: ReplayRow, key: str) -> ReplayRow:
    return row._replace(id=key)


@dataclass(frozen=True)
class Joined:
    """Rewards by example, and what is worth a note.

    Attributes:
        rewards: Example id to its rewards, chosen first; examples without a row are left out.
        notes: One line each.
    """

    rewards: dict[str, tuple[float, ...]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Allowed:
    """What may be missing between a file and a suite.

    Attributes:
        missing: Examples without a row.
        unknown: Rows without an example.
        further: Whether the examples are the first ones of the suite, none left out, so that
            rows told by their order may go on after the last.
    """

    missing: bool = False
    unknown: bool = False
    further: bool = False


def join_by_id(
    rows: Sequence[ReplayRow],
    examples: Sequence[PreferenceExample],
    path: Path,
    id_field: str,
    allowed: Allowed,
) -> Joined:
    """Join on the example's id, or on what its ``meta`` holds under the file's own id field.

    Raises:
        DataError: If no row has an example, or examples have no row or rows no example and
            that is not allowed, or if answers are not as many, on either side, as there are scores.
    """
    by_id = {r.id: r for r in rows}
    # Where the suite says which columns are meant, one row may serve several examples.
    shared = any(r.by_position for r in rows)
    key_of = _key(examples, set(by_id), id_field, shared=shared)
    found = {e.id: by_id[key_of(e)] for e in examples if key_of(e) in by_id}
    if allowed.missing and not found:
        raise DataError(
            f"none of its {len(rows)} ids ({named([r.id for r in rows])}) is one of the suite's "
            f"{len(examples)} ({named([e.id for e in examples])})",
            file=str(path),
        )
    missing = [e.id for e in examples if e.id not in found]
    used = {r.id for r in found.values()}
    unknown = [r.id for r in rows if r.id not in used]
    problems = []
    if missing and not allowed.missing:
        problems.append(
            f"{len(missing)} of {len(examples)} examples have no row in it ({named(missing)})"
            f"{_subsets_without(examples, found)}"
        )
    if unknown and not allowed.unknown:
        problems.append(f"{len(unknown)} of its {len(rows)} ids are unknown ({named(unknown)})")
    if problems:
        raise DataError("; ".join(problems), file=str(path), hint=PARTIAL_HINT)
    notes: tuple[str, ...] = ()
    if unknown:
        notes = (
            f"{len(unknown)} of {len(rows)} ids of {path.name} are not in the suite and were not "
            f"used ({named(unknown)})",
        )
    pairs = [(e, found[e.id]) for e in examples if e.id in found]
    return Joined(_checked(pairs), notes)


def _subsets_without(examples: Sequence[PreferenceExample], found: Mapping[str, ReplayRow]) -> str:
    """The subsets of which the file holds nothing, in words; empty if there are none."""
    there = {e.subset for e in examples if e.id in found}
    lacking = [s for s in dict.fromkeys(e.subset for e in examples) if s not in there]
    if not there or not lacking:
        return ""
    return f", among them all of {'subset' if len(lacking) == 1 else 'subsets'} {named(lacking)}"


def _key(
    examples: Sequence[PreferenceExample], known: set[str], id_field: str, *, shared: bool
) -> Callable[[PreferenceExample], str]:
    """What an example is called in the file: its id, or a value of its meta where no id fits.

    That value must tell the examples apart, or, where they may share a row, the subsets; it may
    stand after the subset in the file.
    """

    def own(example: PreferenceExample) -> str:
        return example.id

    def meta(example: PreferenceExample) -> str:
        return str(example.meta.get(id_field, example.id))

    def in_subset(example: PreferenceExample) -> str:
        return f"{example.subset}/{meta(example)}"

    if any(e.id in known for e in examples):
        return own
    if shared:
        if any(in_subset(e) in known for e in examples):
            return in_subset
        n_values = len({meta(e) for e in examples})
        return meta if len({(meta(e), e.subset) for e in examples}) == n_values else own
    return meta if len({meta(e) for e in examples}) == len(examples) else own


def join_by_order(
    rows: Sequence[ReplayRow],
    examples: Sequence[PreferenceExample],
    path: Path,
    allowed: Allowed,
) -> Joined:
    """Join the first row to the first example, and so on.

    Args:
        rows: As the file has them.
        examples: As the suite has them.
        path: For messages.
        allowed: Whether rows may go on after the last example.

    Raises:
        DataError: If there are not as many rows as examples, or the rows' subsets or texts
            are not those of the examples.
    """
    if len(rows) != len(examples) and not (allowed.further and len(rows) > len(examples)):
        raise DataError(
            f"has {len(rows)} rows for {len(examples)} examples, and its rows can only be told "
            f"by their order{_other_sizes(rows, examples)}",
            file=str(path),
            hint="the suite must hold the rows that were scored, all of them",
        )
    pairs = list(zip(examples, rows, strict=False))
    subsets = {e.subset for e in examples} & {r.subset for r in rows}
    wrong = [(e, r) for e, r in pairs if subsets and e.subset != r.subset]
    if wrong:
        example, row = wrong[0]
        raise DataError(
            f"{len(wrong)} of {len(pairs)} rows are in another order than the suite; the first: "
            f"subset {row.subset!r} where example {example.id!r} is of {example.subset!r}",
            file=row.file,
            row=row.number,
        )
    note = f"rows of {path.name} were joined to the suite's examples by their order"
    return Joined(_checked(pairs), (note,))


def _other_sizes(rows: Sequence[ReplayRow], examples: Sequence[PreferenceExample]) -> str:
    """The subsets that have other numbers of rows, in words; empty where none has the same name."""
    has, wants = Counter(r.subset for r in rows), Counter(e.subset for e in examples)
    if not has.keys() & wants.keys():
        return ""
    other = [f"{s!r} {has[s]} for {wants[s]}" for s in {**wants, **has} if has[s] != wants[s]]
    return f"; by subset {shorten(other, NAMED)}"


def _checked(pairs: Sequence[tuple[PreferenceExample, ReplayRow]]) -> dict[str, tuple[float, ...]]:
    rewards = {e.id: _rewards(e, r) for e, r in pairs}
    other = [(e, r) for e, r in pairs if r.texts is not None and not _same_texts(e, r)]
    if other:
        example, row = other[0]
        raise DataError(
            f"{len(other)} of {len(pairs)} rows hold other answers than the suite; the first is "
            f"that of example {example.id!r}",
            file=row.file,
            row=row.number,
        )
    return rewards


def _rewards(example: PreferenceExample, row: ReplayRow) -> tuple[float, ...]:
    n_chosen, n_rejected = len(example.chosen), len(example.rejected)
    if row.by_position:
        return _by_position(example, row)
    if (len(row.chosen), len(row.rejected)) != (n_chosen, n_rejected):
        raise DataError(
            f"id {example.id!r} has {len(row.chosen)} chosen and {len(row.rejected)} rejected "
            f"scores; the suite has {n_chosen} and {n_rejected} answers",
            file=row.file,
            row=row.number,
        )
    return row.rewards


def _by_position(example: PreferenceExample, row: ReplayRow) -> tuple[float, ...]:
    positions = example.meta.get("response_positions")
    if not isinstance(positions, list | tuple) or len(positions) != len(example.responses):
        raise UsageError(
            f"{row.file}: its scores stand in the order of the publisher's columns, and the suite "
            "does not say which answer stood in which (meta.response_positions)"
        )
    if max(positions) > len(row.chosen):
        raise DataError(
            f"id {example.id!r} has {len(row.chosen)} scores; the suite's answers go up to "
            f"number {max(positions)}",
            file=row.file,
            row=row.number,
        )
    return tuple(row.chosen[p - 1] if p >= 1 else nan for p in positions)


def _same_texts(example: PreferenceExample, row: ReplayRow) -> bool:
    """Whether every answer stands in what the file says was scored, whitespace apart.

    Publishers keep the whole conversation as their template wrote it.
    """
    texts = row.texts or ()
    if row.by_position:
        texts = tuple(texts[p - 1] for p in example.meta["response_positions"])
    if len(texts) != len(example.responses):
        return False
    return all(
        _squeezed(response) in _squeezed(text)
        for response, text in zip(example.responses, texts, strict=True)
    )


def _squeezed(text: str) -> str:
    return "".join(text.split())
