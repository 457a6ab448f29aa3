"""From a source, or a suite's declaration of one, to a ``PreferenceSet``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rmbench import plugins
from rmbench.data.hub import HubSource
from rmbench.data.loader import (
    NO_COLUMNS,
    BadRowsPolicy,
    DetectingLoader,
    ExpandingLoader,
    GeneratingLoader,
    IdenticalPolicy,
    RowLoader,
)
from rmbench.data.local_suite import find_suite_files
from rmbench.data.reader import Reader, Rules
from rmbench.data.source import Opened, open_hub, open_source, open_sources
from rmbench.errors import MissingPartsError, UsageError, shorten
from rmbench.spec import Columns, DataSpec
from rmbench.types import PreferenceSet


def load_preferences(
    source: str,
    *,
    loader: str = "auto",
    columns: Columns = NO_COLUMNS,
    bad_rows: BadRowsPolicy = "error",
    identical: IdenticalPolicy = "error",
    cluster: str = "prompt",
    limit: int | None = None,
    name: str | None = None,
) -> PreferenceSet:
    """Read the preferences of one source.

    Args:
        source: A local file (json, jsonl, csv, parquet, each also .gz), a folder of such
            files, or a Hub data set ``[hf:]org/name[@REVISION][#CONFIG][:SPLIT]``.
        loader: Name of the row format; ``auto`` recognises it by the first row.
        columns: Columns that have another name than the format's own.
        bad_rows: Whether a row that cannot be used is an error or is skipped and counted.
            A file that is broken as a file is an error either way.
        identical: Whether a chosen answer equal to a rejected one makes a row unusable.
        cluster: What intervals cluster by: ``prompt`` (the first 16 hexadecimal digits of
            its SHA-256 become the group), ``id``, or a column whose value is the group.
        limit: Keep the first so many usable rows; what comes after is not read.
        name: Name of the set; by default that of the file, folder or Hub data set.

    Returns:
        The examples in source order, with the files and the Hub commit that were read.

    Raises:
        DataError: If the source is not there or broken, holds nothing usable, or a row
            cannot be used; it names file, row and reason.
        UsageError: If ``loader`` is unknown or takes no rows, or ``limit`` is below 1.
    """
    rules = Rules(columns, cluster, identical, bad_rows, _checked(limit))
    reader = Reader(_row_loader(loader), rules)
    opened = open_source(source)
    reader.read(opened.parts)
    return _as_set(reader, name or opened.name, source, [opened])


def load_suite_data(
    spec: DataSpec,
    suite_name: str,
    data_dirs: Sequence[Path | str],
    *,
    allow_partial: bool,
    skip_bad_rows: bool = False,
    limit: int | None = None,
) -> PreferenceSet:
    """Read the preferences that a suite measures on.

    A suite whose loader generates its rows reads nothing. Otherwise, with ``data_dirs``
    nothing is asked of the Hub, and in ``<dir>/<local name>/``, the folders searched in
    order, is looked for

    1. each of the publisher's own files, taken from the first folder that has it;
    2. if none of them is anywhere, the first file of normalised rows.

    So the publisher's files win over normalised rows wherever both are found, and the
    result's ``files`` and ``layout`` say what was read. A suite without files, local name
    and Hub id (``pairs``) takes each of ``data_dirs`` as a source of its own. Without
    ``data_dirs`` the suite's Hub data set is read at its revision. Columns that the suite
    renames are those of the publisher's rows; normalised ones are read with the suite's
    ``normalised_columns``, unless they are what the suite's own loader reads.

    Args:
        spec: The ``[data]`` table of the suite file.
        suite_name: Name of the suite, for messages and as the set's name.
        data_dirs: What was given with ``--data``.
        allow_partial: Take what there is where parts are missing, and list these in
            the set's ``missing``.
        skip_bad_rows: Skip unusable rows even if the suite does not say so.
        limit: Keep the first so many usable rows.

    Returns:
        The examples, named after the suite.

    Raises:
        UsageError: If there is nothing to read, or parts are missing and ``allow_partial``
            is false; it names what and where.
        DataError: If what there is cannot be used; see ``load_preferences``.
    """
    found = plugins.load(plugins.LOADERS, spec.loader)
    if isinstance(found, GeneratingLoader):
        return _generated(found, spec, suite_name, _checked(limit))
    bad_rows: BadRowsPolicy = "skip" if skip_bad_rows else spec.bad_rows
    rules = Rules(spec.columns, spec.cluster, spec.identical, bad_rows, _checked(limit), spec.where)
    material = _material(spec, suite_name, data_dirs)
    if material.normalised and spec.loader != "normalised":
        # `columns` and `where` speak of the publisher's rows.
        rules = replace(rules, columns=spec.normalised_columns, where={})
    if material.missing and not allow_partial:
        raise _incomplete(suite_name, material.missing)
    loader = "normalised" if material.normalised else spec.loader
    examples = spec.examples
    if material.normalised and spec.normalised_examples is not None:
        examples = spec.normalised_examples
    reader = Reader(_row_loader(loader), rules, count_all=examples is not None)
    for one in material.opened:
        reader.read(one.parts)
    missing = material.missing
    if examples is not None and reader.rows > examples:
        read = shorten([part.label for one in material.opened for part in one.parts], 3)
        raise UsageError(
            f"the suite {suite_name!r} has {examples} examples and {reader.rows} rows were "
            f"read: is {read} another set?"
        )
    if examples is not None and reader.rows < examples:
        missing = (*missing, f"all but {reader.rows} of {examples} examples")
        if not allow_partial:
            raise _incomplete(suite_name, missing)
    return _as_set(reader, suite_name, material.source, material.opened, missing)


@dataclass(frozen=True)
class _Material:
    """What a suite is read from."""

    opened: tuple[Opened, ...]
    source: str
    missing: tuple[str, ...] = ()
    normalised: bool = False


def _material(spec: DataSpec, suite_name: str, data_dirs: Sequence[Path | str]) -> _Material:
    joined = ", ".join(str(folder) for folder in data_dirs)
    if not data_dirs:
        if spec.hub_id is None:
            what = "DIR" if spec.local_name else "FILE"
            raise UsageError(f"the suite {suite_name!r} names no Hub data set: give --data {what}")
        return _of_hub(spec, spec.hub_id)
    if spec.local_name is None and spec.hub_id is None and not spec.files:
        return _Material(open_sources([str(source) for source in data_dirs]), joined)
    files = find_suite_files(spec, suite_name, [Path(folder) for folder in data_dirs])
    opened = Opened(suite_name, files.parts)
    return _Material((opened,), joined, files.missing, files.normalised)


def _of_hub(spec: DataSpec, hub_id: str) -> _Material:
    """The suite's Hub data set, or each of those that it is made up of."""
    if not spec.hub_parts:
        source = HubSource(hub_id, spec.revision, spec.config, spec.split)
        return _Material((open_hub(source),), str(source))
    opened, names = [], []
    for part in spec.hub_parts:
        # A revision belongs to its data set.
        revision = part.revision or (spec.revision if part.hub_id is None else None)
        source = HubSource(
            part.hub_id or hub_id, revision, part.config or spec.config, part.split or spec.split
        )
        one = open_hub(source)
        label = part.subset or part.config or part.split or one.name
        parts = tuple(
            replace(p, id_prefix=f"{label}/{p.id_prefix}", subset=part.subset) for p in one.parts
        )
        opened.append(replace(one, parts=parts))
        names.append(str(source))
    return _Material(tuple(opened), ", ".join(names))


def _generated(
    loader: GeneratingLoader, spec: DataSpec, suite_name: str, limit: int | None
) -> PreferenceSet:
    return PreferenceSet(
        name=suite_name,
        examples=loader.generate(spec.options)[:limit],
        source=f"generated by {loader.name}",
        layout=loader.name,
    )


def _as_set(
    reader: Reader,
    name: str,
    source: str,
    opened: Sequence[Opened],
    missing: tuple[str, ...] = (),
) -> PreferenceSet:
    return PreferenceSet(
        name=name,
        examples=tuple(reader.examples),
        source=source,
        revision=", ".join(dict.fromkeys(one.revision for one in opened if one.revision)) or None,
        files=tuple(part.label for one in opened for part in one.parts),
        skipped=tuple(reader.skipped),
        missing=missing,
        layout=", ".join(reader.layouts),
    )


def _row_loader(name: str) -> RowLoader | ExpandingLoader | DetectingLoader:
    loader: Any = plugins.load(plugins.LOADERS, name)
    if isinstance(loader, RowLoader | ExpandingLoader | DetectingLoader):
        return loader
    if isinstance(loader, GeneratingLoader):
        raise UsageError(f"the loader {name!r} makes its own rows and reads none: use its suite")
    raise UsageError(f"the loader {name!r} has none of convert, expand, detect, generate")


def _checked(limit: int | None) -> int | None:
    if limit is not None and limit < 1:
        raise UsageError(f"the limit is {limit}; give 1 or more")
    return limit


def _incomplete(suite_name: str, missing: Sequence[str]) -> MissingPartsError:
    return MissingPartsError(
        f"the suite {suite_name!r} is not complete; missing: {shorten(missing, 8)} "
        "(--allow-partial measures what there is)"
    )
